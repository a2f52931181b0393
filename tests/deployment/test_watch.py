"""Watching: which looks are due, what stops it, what is tried again, and that SIGKILL at any instant changes nothing."""

import itertools
import json
import multiprocessing
import signal
import threading
import time
from datetime import timedelta

import pytest

from analysis.clock import parse_instant
from analysis.deployment import watch as watching
from analysis.deployment.deployment import record_deploy
from analysis.deployment.watch import find_standing, look_folder, run_due, watch
from analysis.errors import NotYetDue, RolloutError, WrongUse
from analysis.history.knobs import set_knob
from analysis.history.ledger import open_ledger
from tests.deployment.watched import GOOD_STORY, result_of, watch_in_a_process, writing_looks

DEPLOY = parse_instant("2026-02-02T23:10:16Z")
HOUR = timedelta(hours=1)
DEPLOYED = "2026-02-02T23:10:16Z"
KNOB = '[[knob]]\nwhen = "timeouts drop"\nenv = "CAP_MS"\nfrom = 45000\nto = 30000'


def looks_in(settings) -> list[tuple]:
    """The look events without the moment they were written."""
    events = open_ledger(settings).read().of("look", "look_failed")
    return [
        (event.event, *(event.facts.get(key) for key in ("stage", "window", "start", "end", "verdict", "exit_code", "reason")))
        for event in events
    ]


def whole_looks(settings) -> list[str]:
    path = settings.folder / "whole.txt"
    return path.read_text().split("\n")[:-1] if path.exists() else []


@pytest.fixture
def settings(make_settings, clock_file):
    return make_settings(deployed_at=DEPLOYED)


@pytest.fixture
def running_clock(clock_file):
    """A clock that runs: half an hour every 10 ms, from when it is started."""
    stop = threading.Event()

    def run(step: timedelta = timedelta(minutes=30)) -> None:
        while not stop.wait(0.01):
            clock_file.advance(step)

    thread = threading.Thread(target=run, daemon=True)
    yield thread
    stop.set()
    if thread.is_alive():
        thread.join()


# ---- which are due ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("after", "due", "coming"),
    [
        (timedelta(0), [], "1h"),
        (HOUR + timedelta(seconds=89), [], "1h"),
        (HOUR + timedelta(seconds=90), ["1h"], "4h"),
        (10 * HOUR, ["1h", "4h"], "24h"),
        (30 * HOUR, ["1h", "4h", "24h"], None),
    ],
)
def test_a_look_is_due_at_its_end_and_settle(settings, clock_file, after, due, coming):
    clock_file.set(DEPLOY + after)
    standing = find_standing(settings)
    assert [look.label for look in standing.due] == due
    assert (standing.coming and standing.coming.label) == coming
    assert standing.last is None
    assert not standing.is_over


def test_before_a_deploy_nothing_is_watched(make_settings, clock_file):
    with pytest.raises(WrongUse, match=r"no deploy is known; set \[rollout\].deployed_at or run 'rollout deploy --at TIME'"):
        watch(make_settings(), lambda look: {})


def test_a_recorded_deploy_is_enough(make_settings, clock_file):
    settings = make_settings()
    record_deploy(settings, at=DEPLOY)
    clock_file.advance(2 * HOUR)
    assert [look.label for look in find_standing(settings).due] == ["1h"]


# ---- one round: report --due -----------------------------------------------------------------------------------------
def test_a_round_makes_what_is_due_and_records_it_once(settings, clock_file):
    run_look = writing_looks(settings, GOOD_STORY)
    early = run_due(settings, run_look)
    assert (early.made, early.exit_code) == ((), 3)
    clock_file.advance(5 * HOUR)
    report = run_due(settings, run_look)
    assert [(look.label, look.verdict, look.exit_code) for look in report.made] == [("1h", "keep_watching", 3), ("4h", "improved", 0)]
    assert (report.exit_code, report.standing.coming.label) == (0, "24h")
    again = run_due(settings, run_look)
    assert (again.made, again.exit_code) == ((), 0)
    clock_file.advance(30 * HOUR)
    assert run_due(settings, run_look).standing.is_over
    assert looks_in(settings) == [
        ("look", 1, "1h", DEPLOYED, "2026-02-03T00:10:16Z", "keep_watching", 3, "1h says keep_watching"),
        ("look", 1, "4h", DEPLOYED, "2026-02-03T03:10:16Z", "improved", 0, "4h says improved"),
        ("look", 1, "24h", DEPLOYED, "2026-02-03T23:10:16Z", "sustained", 0, "24h says sustained"),
    ]
    assert whole_looks(settings) == ["1 1h", "1 4h", "1 24h"]


@pytest.mark.parametrize("final", ["sustained", "roll_back"])
def test_nothing_is_looked_at_after_the_final_verdict(settings, clock_file, final):
    clock_file.advance(30 * HOUR)
    report = run_due(settings, writing_looks(settings, GOOD_STORY | {"4h": final}))
    assert [look.label for look in report.made] == ["1h", "4h"]
    assert report.standing.is_over
    assert report.exit_code == {"sustained": 0, "roll_back": 1}[final]


def test_a_look_that_fails_is_recorded_and_tried_at_the_next_round(settings, clock_file):
    clock_file.advance(5 * HOUR)
    good, broken = writing_looks(settings, GOOD_STORY), {"1h"}

    def run_look(look):
        if look.label in broken:
            raise RolloutError("the database did not answer")
        return good(look)

    report = run_due(settings, run_look)
    assert ([look.label for look in report.made], report.exit_code) == (["4h"], 70)
    assert looks_in(settings)[0] == ("look_failed", 1, "1h", None, None, None, 70, "the database did not answer")
    broken.clear()
    assert [look.label for look in run_due(settings, run_look).made] == ["1h"]
    assert run_due(settings, run_look).exit_code == 0, "the newest verdict is the 4 h one, whichever was made last"


def test_an_unexpected_error_is_told_by_its_kind_alone(settings, clock_file):
    clock_file.advance(2 * HOUR)

    def run_look(look):
        raise KeyError("planted-7Kq")

    report = run_due(settings, run_look)
    assert report.exit_code == 70
    assert "planted" not in str(report.failed[0][1]) + open_ledger(settings).path.read_text()
    assert looks_in(settings)[0][-1] == "internal error (KeyError)"


def test_a_result_that_was_left_whole_is_recorded_and_not_made_again(settings, clock_file):
    clock_file.advance(2 * HOUR)
    look = find_standing(settings).due[0]
    writing_looks(settings, {"1h": "improved"})(look)

    def run_look(look):
        raise AssertionError("made again")

    assert run_due(settings, run_look).made[0].verdict == "improved"


@pytest.mark.parametrize("spoil", ["other window", "no page", "half"])
def test_a_result_that_is_not_whole_is_made_again(settings, clock_file, spoil):
    clock_file.advance(2 * HOUR)
    look = find_standing(settings).due[0]
    writing_looks(settings, {"1h": "improved"})(look)
    result = look_folder(settings, look) / "result.json"
    if spoil == "no page":
        (look_folder(settings, look) / "report.html").unlink()
    else:
        text = result.read_text()
        result.write_text(text[:50] if spoil == "half" else text.replace("2026-02-02T23:10:16Z", "2026-02-02T22:10:16Z"))
    assert run_due(settings, lambda look: result_of(look, "roll_back")).made[0].verdict == "roll_back"


def test_a_corrected_deploy_is_looked_at_anew(make_settings, clock_file):
    settings = make_settings()
    record_deploy(settings, at=DEPLOY)
    clock_file.advance(3 * HOUR)
    run_due(settings, writing_looks(settings, GOOD_STORY))
    record_deploy(settings, at=DEPLOY + timedelta(minutes=10), correct=True)
    assert [look.label for look in run_due(settings, writing_looks(settings, GOOD_STORY)).made] == ["1h"]
    assert looks_in(settings)[-1][3] == "2026-02-02T23:20:16Z"


def test_two_rounds_at_a_time_are_one(settings, clock_file):
    clock_file.advance(2 * HOUR)

    def run_look(look):
        with pytest.raises(NotYetDue, match="another 'rollout watch' of phase is running"):
            in_another_thread(lambda: run_due(settings, run_look))
        with pytest.raises(WrongUse, match="another 'rollout watch' of phase is running"):
            in_another_thread(lambda: watch(settings, run_look))
        return result_of(look, "improved")

    assert len(run_due(settings, run_look).made) == 1


def in_another_thread(call) -> None:
    caught: list[BaseException] = []

    def run() -> None:
        try:
            call()
        except BaseException as error:
            caught.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if caught:
        raise caught[0]


# ---- watching --------------------------------------------------------------------------------------------------------
def test_it_waits_for_each_look_and_ends_with_the_last_verdict(settings, running_clock):
    said = []
    running_clock.start()
    last = watch(settings, writing_looks(settings, GOOD_STORY | {"24h": "not_fixed"}), say=said.append)
    assert (last.label, last.verdict, last.exit_code) == ("24h", "not_fixed", 4)
    assert whole_looks(settings) == ["1 1h", "1 4h", "1 24h"]
    assert said[0] == "window 1h: 2026-02-02T23:10:16Z to 2026-02-03T00:10:16Z"
    assert said[-1] == "not_fixed: 24h says not_fixed"
    assert watch(settings, writing_looks(settings, GOOD_STORY)).exit_code == 4
    assert len(whole_looks(settings)) == 3


def test_it_stops_at_a_roll_back_and_goes_on_after_a_knob(make_settings, clock_file, running_clock):
    settings = make_settings(KNOB, deployed_at=DEPLOYED)
    story = {"1h": "keep_watching", "4h": "roll_back", "24h": "sustained"}
    clock_file.advance(5 * HOUR)
    assert watch(settings, writing_looks(settings, story)).exit_code == 1
    turned = set_knob(settings, "CAP_MS", "30000")
    assert turned.stage.start == DEPLOY + 5 * HOUR
    assert not find_standing(settings).is_over
    running_clock.start()
    last = watch(settings, writing_looks(settings, story | {"4h": "improved"}))
    assert (last.verdict, last.stage, last.start) == ("sustained", 2, DEPLOY + 5 * HOUR)
    assert whole_looks(settings) == ["1 1h", "1 4h", "2 1h", "2 4h", "2 24h"]
    assert (settings.outputs / "stage-2" / "windows" / "24h" / "result.json").exists()


def test_a_knob_turned_while_it_waits_begins_a_new_stage(make_settings, clock_file, running_clock, monkeypatch):
    monkeypatch.setattr(watching, "NAP", timedelta(seconds=0.05))
    settings = make_settings(KNOB, deployed_at=DEPLOYED)
    run = writing_looks(settings, GOOD_STORY)

    def run_look(look):
        if (look.stage, look.label) == (1, "4h"):
            set_knob(settings, "CAP_MS", "30000")
        return run(look)

    running_clock.start()
    last = watch(settings, run_look)
    assert (last.stage, last.label) == (2, "24h")
    assert whole_looks(settings) == ["1 1h", "1 4h", "2 1h", "2 4h", "2 24h"]


def test_a_look_that_fails_is_tried_again_later_each_time(settings, clock_file, running_clock):
    tried = []

    def run_look(look):
        tried.append((look.label, clock_file.now()))
        if len(tried) < 4:
            raise RolloutError("the database did not answer")
        return result_of(look, "sustained")

    clock_file.advance(2 * HOUR)
    stop = threading.Event()
    thread = threading.Thread(target=lambda: [clock_file.advance(timedelta(seconds=2)) for _ in iter(lambda: stop.wait(0.005), True)])
    thread.start()
    try:
        assert watch(settings, run_look).verdict == "sustained"
    finally:
        stop.set()
        thread.join()
    pauses = [(later - earlier).total_seconds() for (_, earlier), (_, later) in itertools.pairwise(tried)]
    assert [label for label, _ in tried] == ["1h"] * 4
    assert [round(pause / 30) for pause in pauses] == [1, 2, 4]
    assert [entry[0] for entry in looks_in(settings)] == ["look_failed"] * 3 + ["look"]


def test_a_trouble_that_lasts_ends_the_watch_with_its_error(settings, running_clock, clock_file):
    def run_look(look):
        raise RolloutError("the database did not answer")

    running_clock.start()
    with pytest.raises(RolloutError, match="the database did not answer"):
        watch(settings, run_look)


def test_a_mistake_in_the_file_ends_the_watch_at_once(settings, clock_file):
    clock_file.advance(2 * HOUR)

    def run_look(look):
        raise WrongUse("the table has no column latencyMs")

    with pytest.raises(WrongUse, match="no column latencyMs"):
        watch(settings, run_look)
    assert len(looks_in(settings)) == 1


# ---- killed ----------------------------------------------------------------------------------------------------------
def start_watch(settings, clock_file, takes_s: float = 0.03) -> multiprocessing.Process:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["analysis.deployment.watch", "tests.deployment.watched"])
    process = context.Process(target=watch_in_a_process, args=(settings.path, clock_file.path, takes_s))
    process.start()
    return process


def finish(process: multiprocessing.Process) -> int | None:
    process.join(timeout=60)
    assert process.exitcode is not None
    return process.exitcode


def fresh(make_settings, clock_file):
    settings = make_settings(deployed_at=DEPLOYED)
    clock_file.set(DEPLOYED)
    for path in sorted(settings.outputs.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    (settings.folder / "whole.txt").unlink(missing_ok=True)
    return settings


def test_killed_at_fifty_instants_it_ends_as_if_undisturbed(make_settings, clock_file, running_clock):
    running_clock.start()
    finish(start_watch(fresh(make_settings, clock_file), clock_file))  # starts the server that forks the others
    lasts_s = 60.0
    for _ in range(3):
        settings = fresh(make_settings, clock_file)
        began = time.monotonic()
        assert finish(start_watch(settings, clock_file)) == 0
        lasts_s = min(lasts_s, time.monotonic() - began)
    undisturbed = looks_in(settings)
    assert [entry[2] for entry in undisturbed] == ["1h", "4h", "24h"]
    was_killed = 0
    for number in range(50):
        settings = fresh(make_settings, clock_file)
        process = start_watch(settings, clock_file)
        time.sleep(lasts_s * number / 50)
        process.kill()
        was_killed += finish(process) == -signal.SIGKILL
        assert finish(start_watch(settings, clock_file)) == 0
        history = open_ledger(settings).read()
        assert looks_in(settings) == undisturbed, f"killed at instant {number}"
        assert history.torn_lines == ()
        for label, verdict in GOOD_STORY.items():
            folder = settings.outputs / "windows" / label
            assert json.loads((folder / "result.json").read_text())["verdict"] == verdict
            assert (folder / "report.html").exists()
        assert sorted(whole_looks(settings)) == sorted(set(whole_looks(settings))), f"a whole look was made again, instant {number}"
    assert was_killed >= 30, f"a run took {lasts_s:.2f} s, and many ended before they were killed"


def test_killed_again_and_again_it_still_ends(make_settings, clock_file, running_clock):
    settings = fresh(make_settings, clock_file)
    running_clock.start()
    for _ in range(60):
        process = start_watch(settings, clock_file, takes_s=0.1)
        process.join(timeout=0.15)
        if process.exitcode is not None:
            break
        process.kill()
        process.join()
    assert finish(start_watch(settings, clock_file)) == 0
    assert [entry[2] for entry in looks_in(settings)] == ["1h", "4h", "24h"]
