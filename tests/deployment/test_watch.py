"""Watching, one round at a time: which looks are due, what is recorded, and what is made again."""

import threading
from datetime import timedelta

import pytest

from analysis.deployment.deployment import record_deploy
from analysis.deployment.watch import find_standing, run_due, watch
from analysis.errors import NotYetDue, RolloutError, WrongUse
from analysis.history.ledger import open_ledger
from tests.deployment.watched import (
    DEPLOY,
    DEPLOYED,
    GOOD_STORY,
    looks_in,
    result_of,
    whole_looks,
    writing_looks,
)

HOUR = timedelta(hours=1)


@pytest.fixture
def settings(make_settings, clock_file):
    return make_settings(deployed_at=DEPLOYED)


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
    with pytest.raises(
        WrongUse,
        match=r"no deploy is known; set \[rollout\].deployed_at or run 'rollout deploy --at TIME'",
    ):
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
    assert [(look.label, look.verdict, look.exit_code) for look in report.made] == [
        ("1h", "keep_watching", 3),
        ("4h", "improved", 0),
    ]
    assert (report.exit_code, report.standing.coming.label) == (0, "24h")
    again = run_due(settings, run_look)
    assert (again.made, again.exit_code) == ((), 0)
    clock_file.advance(30 * HOUR)
    assert run_due(settings, run_look).standing.is_over
    assert looks_in(settings) == [
        (
            "look",
            1,
            "1h",
            DEPLOYED,
            "2026-02-03T00:10:16Z",
            "keep_watching",
            3,
            "1h says keep_watching",
        ),
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
    assert looks_in(settings)[0] == (
        "look_failed",
        1,
        "1h",
        None,
        None,
        None,
        70,
        "the database did not answer",
    )
    broken.clear()
    assert [look.label for look in run_due(settings, run_look).made] == ["1h"]
    assert run_due(settings, run_look).exit_code == 0, (
        "the newest verdict is the 4 h one, whichever was made last"
    )


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
    result = settings.paths.window(look.label, stage=look.stage).result
    if spoil == "no page":
        (settings.paths.window(look.label, stage=look.stage).page).unlink()
    else:
        text = result.read_text()
        result.write_text(
            text[:50]
            if spoil == "half"
            else text.replace("2026-02-02T23:10:16Z", "2026-02-02T22:10:16Z")
        )
    assert (
        run_due(settings, lambda look: result_of(look, "roll_back")).made[0].verdict == "roll_back"
    )


def test_a_corrected_deploy_is_looked_at_anew(make_settings, clock_file):
    settings = make_settings()
    record_deploy(settings, at=DEPLOY)
    clock_file.advance(3 * HOUR)
    run_due(settings, writing_looks(settings, GOOD_STORY))
    record_deploy(settings, at=DEPLOY + timedelta(minutes=10), correct=True)
    assert [look.label for look in run_due(settings, writing_looks(settings, GOOD_STORY)).made] == [
        "1h"
    ]
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
