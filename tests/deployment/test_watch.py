"""Watching: what ends it, what is tried again, and that SIGKILL at any instant changes nothing."""

import itertools
import json
import multiprocessing
import signal
import threading
import time
from datetime import timedelta

import pytest

from analysis.deployment import watch as watch_module
from analysis.deployment.looks import find_standing
from analysis.deployment.watch import watch
from analysis.errors import RolloutError, WrongUse
from analysis.history.knobs import set_knob
from analysis.history.ledger import open_ledger
from analysis.history.timeline import read_timeline
from tests.fixtures.clock_file import DEPLOYED_AT, HOUR
from tests.fixtures.quick_looks import (
    DEPLOYED,
    GOOD_VERDICTS,
    looks_with,
    recorded_looks,
    result_of,
    watch_in_a_process,
    whole_looks,
)

KNOB = '[[knob]]\nwhen = "timeouts drop"\nenv = "CAP_MS"\nfrom = 45000\nto = 30000'


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


# ---- watching --------------------------------------------------------------------------------
def test_it_waits_for_each_look_and_ends_with_the_last_verdict(settings, running_clock):
    said = []
    running_clock.start()
    last = watch(
        settings, looks_with(settings, GOOD_VERDICTS | {"24h": "not_fixed"}), say=said.append
    )
    assert (last.window, last.verdict, last.exit_code) == ("24h", "not_fixed", 4)
    assert whole_looks(settings) == ["1 1h", "1 4h", "1 24h"]
    assert said[0] == "window 1h: 2026-02-02T23:10:16Z to 2026-02-03T00:10:16Z"
    assert said[-1] == "not_fixed: 24h says not_fixed"
    assert watch(settings, looks_with(settings, GOOD_VERDICTS)).exit_code == 4
    assert len(whole_looks(settings)) == 3


def test_it_stops_at_a_roll_back_and_goes_on_after_a_knob(make_settings, clock_file, running_clock):
    settings = make_settings(KNOB, deployed_at=DEPLOYED)
    story = {"1h": "keep_watching", "4h": "roll_back", "24h": "sustained"}
    clock_file.advance(5 * HOUR)
    assert watch(settings, looks_with(settings, story)).exit_code == 1
    turned = set_knob(settings, "CAP_MS", "30000")
    assert turned.stage.start == DEPLOYED_AT + 5 * HOUR
    assert not find_standing(read_timeline(settings)).is_over
    running_clock.start()
    last = watch(settings, looks_with(settings, story | {"4h": "improved"}))
    assert (last.verdict, last.stage, last.start) == ("sustained", 2, DEPLOYED_AT + 5 * HOUR)
    assert whole_looks(settings) == ["1 1h", "1 4h", "2 1h", "2 4h", "2 24h"]
    assert (settings.outputs / "stage-2" / "windows" / "24h" / "result.json").exists()


def test_a_knob_turned_while_it_waits_begins_a_new_stage(
    make_settings, clock_file, running_clock, monkeypatch
):
    monkeypatch.setattr(watch_module, "LONGEST_NAP", timedelta(seconds=0.05))
    settings = make_settings(KNOB, deployed_at=DEPLOYED)
    run = looks_with(settings, GOOD_VERDICTS)

    def run_look(look):
        if (look.stage, look.label) == (1, "4h"):
            set_knob(settings, "CAP_MS", "30000")
        return run(look)

    running_clock.start()
    last = watch(settings, run_look)
    assert (last.stage, last.window) == (2, "24h")
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
    thread = threading.Thread(
        target=lambda: [
            clock_file.advance(timedelta(seconds=2)) for _ in iter(lambda: stop.wait(0.005), True)
        ]
    )
    thread.start()
    try:
        assert watch(settings, run_look).verdict == "sustained"
    finally:
        stop.set()
        thread.join()
    pauses = [
        (later - earlier).total_seconds() for (_, earlier), (_, later) in itertools.pairwise(tried)
    ]
    assert [label for label, _ in tried] == ["1h"] * 4
    assert [round(pause / 30) for pause in pauses] == [1, 2, 4]
    assert [look.event_name for look in recorded_looks(settings)] == ["look_failed"] * 3 + ["look"]


def test_a_failure_of_hours_ends_the_watch_with_its_error(settings, running_clock, clock_file):
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
    assert len(recorded_looks(settings)) == 1


# ---- killed ----------------------------------------------------------------------------------
def start_watch(settings, clock_file, takes_s: float = 0.03) -> multiprocessing.Process:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["analysis.deployment.watch", "tests.fixtures.quick_looks"])
    process = context.Process(
        target=watch_in_a_process, args=(settings.path, clock_file.path, takes_s)
    )
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


def test_killed_at_fifty_instants_it_ends_as_if_undisturbed(
    make_settings, clock_file, running_clock
):
    running_clock.start()
    finish(start_watch(fresh(make_settings, clock_file), clock_file))  # starts the fork server
    lasts_s = 60.0
    for _ in range(3):
        settings = fresh(make_settings, clock_file)
        began = time.monotonic()
        assert finish(start_watch(settings, clock_file)) == 0
        lasts_s = min(lasts_s, time.monotonic() - began)
    undisturbed = recorded_looks(settings)
    assert [look.window for look in undisturbed] == ["1h", "4h", "24h"]
    was_killed = 0
    for number in range(50):
        settings = fresh(make_settings, clock_file)
        process = start_watch(settings, clock_file)
        time.sleep(lasts_s * number / 50)
        process.kill()
        was_killed += finish(process) == -signal.SIGKILL
        assert finish(start_watch(settings, clock_file)) == 0
        history = open_ledger(settings).read()
        assert recorded_looks(settings) == undisturbed, f"killed at instant {number}"
        assert history.unreadable_lines == ()
        for label, verdict in GOOD_VERDICTS.items():
            folder = settings.outputs / "windows" / label
            assert json.loads((folder / "result.json").read_text())["verdict"] == verdict
            assert (folder / "report.html").exists()
        assert sorted(whole_looks(settings)) == sorted(set(whole_looks(settings))), (
            f"a whole look was made again, instant {number}"
        )
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
    assert [look.window for look in recorded_looks(settings)] == ["1h", "4h", "24h"]
