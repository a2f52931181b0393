"""Due looks, one round at a time: which are due, what is recorded, what is made again."""

import threading
from datetime import timedelta

import pytest

from analysis.deployment.deploy import record_deploy
from analysis.deployment.looks import find_standing, run_due
from analysis.deployment.watch import watch
from analysis.errors import NotYetDue, RolloutError, WrongUse
from analysis.history.ledger import open_ledger
from analysis.history.timeline import read_timeline
from tests.fixtures.clock_file import DEPLOYED_AT, HOUR
from tests.fixtures.quick_looks import (
    DEPLOYED,
    GOOD_VERDICTS,
    looks_with,
    recorded_looks,
    result_of,
    whole_looks,
)


@pytest.fixture
def settings(make_settings, clock_file):
    return make_settings(deployed_at=DEPLOYED)


def standing_of(settings):
    return find_standing(read_timeline(settings))


# ---- which are due ---------------------------------------------------------------------------
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
def test_a_look_is_due_at_its_end_and_ingestion_delay(settings, clock_file, after, due, coming):
    clock_file.set(DEPLOYED_AT + after)
    standing = standing_of(settings)
    assert [look.label for look in standing.due] == due
    assert (standing.coming and standing.coming.label) == coming
    assert (standing.last, standing.is_over) == (None, False)


def test_before_a_deploy_nothing_is_watched(make_settings, clock_file):
    sentence = r"no deploy is known; set \[rollout\].deployed_at or run 'rollout deploy --at TIME'"
    with pytest.raises(WrongUse, match=sentence):
        watch(make_settings(), lambda look: result_of(look, "improved"))


def test_a_recorded_deploy_is_enough(make_settings, clock_file):
    settings = make_settings()
    record_deploy(settings, at=DEPLOYED_AT)
    clock_file.advance(2 * HOUR)
    assert [look.label for look in standing_of(settings).due] == ["1h"]


# ---- one round -------------------------------------------------------------------------------
def test_a_round_makes_what_is_due_and_records_it_once(settings, clock_file):
    run_look = looks_with(settings, GOOD_VERDICTS)
    assert run_due(settings, run_look).made == ()
    clock_file.advance(5 * HOUR)
    report = run_due(settings, run_look)
    assert [(look.window, look.verdict) for look in report.made] == [
        ("1h", "keep_watching"),
        ("4h", "improved"),
    ]
    assert (report.standing.last.exit_code, report.standing.coming.label) == (0, "24h")
    assert run_due(settings, run_look).made == ()
    clock_file.advance(30 * HOUR)
    assert run_due(settings, run_look).standing.is_over
    looks = recorded_looks(settings)
    assert [(look.window, look.verdict, look.exit_code, look.stage) for look in looks] == [
        ("1h", "keep_watching", 3, 1),
        ("4h", "improved", 0, 1),
        ("24h", "sustained", 0, 1),
    ]
    assert [look.end - look.start for look in looks] == [HOUR, 4 * HOUR, 24 * HOUR]
    assert {look.start for look in looks} == {DEPLOYED_AT}
    assert looks[0].reason == "1h says keep_watching"
    assert whole_looks(settings) == ["1 1h", "1 4h", "1 24h"]


@pytest.mark.parametrize("final", ["sustained", "roll_back"])
def test_after_the_final_verdict_no_look_is_made(settings, clock_file, final):
    clock_file.advance(30 * HOUR)
    report = run_due(settings, looks_with(settings, GOOD_VERDICTS | {"4h": final}))
    assert [look.window for look in report.made] == ["1h", "4h"]
    assert report.standing.is_over
    assert report.standing.last.verdict == final


def test_a_look_that_fails_is_recorded_and_tried_at_the_next_round(settings, clock_file):
    clock_file.advance(5 * HOUR)
    good, broken = looks_with(settings, GOOD_VERDICTS), {"1h"}

    def run_look(look):
        if look.label in broken:
            raise RolloutError("the database did not answer")
        return good(look)

    report = run_due(settings, run_look)
    assert [look.window for look in report.made] == ["4h"]
    assert [look.label for look, _ in report.failed] == ["1h"]
    failed = recorded_looks(settings)[0]
    assert (failed.event_name, failed.window, failed.exit_code) == ("look_failed", "1h", 70)
    assert failed.reason == "the database did not answer"
    broken.clear()
    report = run_due(settings, run_look)
    assert [look.window for look in report.made] == ["1h"]
    assert report.standing.last.window == "4h", "the newest look, whichever was made last"


def test_an_unexpected_error_is_named_by_its_kind_alone(settings, clock_file):
    clock_file.advance(2 * HOUR)

    def run_look(look):
        raise KeyError("planted-7Kq")

    error = run_due(settings, run_look).failed[0][1]
    assert error.exit_code == 70
    assert "planted" not in str(error) + open_ledger(settings).path.read_text()
    assert recorded_looks(settings)[0].reason == "internal error (KeyError)"


def test_a_whole_result_is_recorded_and_not_made_again(settings, clock_file):
    clock_file.advance(2 * HOUR)
    looks_with(settings, {"1h": "improved"})(standing_of(settings).due[0])

    def run_look(look):
        raise AssertionError("made again")

    assert run_due(settings, run_look).made[0].verdict == "improved"


@pytest.mark.parametrize("fault", ["other window", "no page", "half"])
def test_a_result_that_is_not_whole_is_made_again(settings, clock_file, fault):
    clock_file.advance(2 * HOUR)
    look = standing_of(settings).due[0]
    looks_with(settings, {"1h": "improved"})(look)
    folder = settings.paths.window(look.label, stage=look.stage)
    text = folder.result.read_text()
    if fault == "no page":
        folder.page.unlink()
    elif fault == "half":
        folder.result.write_text(text[:50])
    else:
        folder.result.write_text(text.replace(DEPLOYED, "2026-02-02T22:10:16Z"))
    made = run_due(settings, lambda look: result_of(look, "roll_back")).made
    assert made[0].verdict == "roll_back"


def test_after_a_corrected_deploy_looks_are_made_again(make_settings, clock_file):
    settings = make_settings()
    record_deploy(settings, at=DEPLOYED_AT)
    clock_file.advance(3 * HOUR)
    run_due(settings, looks_with(settings, GOOD_VERDICTS))
    corrected = DEPLOYED_AT + timedelta(minutes=10)
    record_deploy(settings, at=corrected, correct=True)
    made = run_due(settings, looks_with(settings, GOOD_VERDICTS)).made
    assert [(look.window, look.start) for look in made] == [("1h", corrected)]


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
