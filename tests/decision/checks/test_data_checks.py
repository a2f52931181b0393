"""Each check of the data, on data that have the fault and on data that have not."""

from __future__ import annotations

import tomllib
from datetime import timedelta
from typing import TypeVar

import numpy as np
import pytest

from analysis.config.settings import Baseline, Exclusion
from analysis.decision.checks import check_records as checks
from analysis.decision.checks.check_records import Check
from analysis.decision.checks.data_checks import check_data
from analysis.text.checks import check_detail
from analysis.window import HOUR
from tests.fixtures.comparators import DEPLOYED_AT, arm, calls, comparator

WEEK = Baseline(days=7)
WHOLE_DAY = (0, 24)
Kind = TypeVar("Kind", bound=Check)


def check(kind: type[Kind], both, *, arm_name="", hours=24, asked=WEEK) -> Kind:
    """The only check of that kind, or the one of an arm."""
    found = [one for one in check_data(both, hours=(0, hours), asked=asked) if type(one) is kind]
    if arm_name:
        found = [one for one in found if one.arm == arm_name]
    (only,) = found
    return only


def sound(hours=24, *, days=7, before=(), after=(), per_hour=20, **post):
    """A steady baseline, and a window as steady."""
    return comparator(
        arm(-24 * days, 0, calls(-24 * days, 0, per_hour=per_hour), *before),
        arm(0, hours, calls(0, hours, per_hour=per_hour), *after, **post),
    )


def hourly(per_hour):
    """A steady baseline, and post hours with the given numbers of calls."""
    return comparator(
        arm(-168, 0, calls(-168, 0, per_hour=20)), arm(0, 24, calls(0, 24, per_hour=per_hour))
    )


def test_sound_data_pass_every_check():
    found = check_data(sound(), hours=WHOLE_DAY, asked=WEEK)
    assert {one.state for one in found} == {"ok"}
    assert {type(one) for one in found} == set(Check.__subclasses__()) - {checks.UnknownErrorsCheck}


# ---- what makes a verdict untrusted ----
EMPTY, FULL = arm(-168, 0), arm(-168, 0, calls(-168, 0, per_hour=20))
EMPTY_DAY, FULL_DAY = arm(0, 24), arm(0, 24, calls(0, 24, per_hour=20))


@pytest.mark.parametrize("arms", [(EMPTY, FULL_DAY), (FULL, EMPTY_DAY), (EMPTY, EMPTY_DAY)])
def test_an_arm_without_rows(arms):
    both = comparator(*arms)
    for name, one in zip(("baseline", "post"), arms, strict=True):
        state = "ok" if one.calls else "error"
        assert check(checks.RowsCheck, both, arm_name=name).state == state
    for kind in (checks.MixCheck, checks.RightEdgeCheck):
        assert check(kind, both).state == "no_opinion"


def test_duplicate_ids():
    found = check(checks.IdCheck, sound(written_rows=480, distinct_ids=468))
    assert (found.state, found.copies) == ("error", 12)


@pytest.mark.parametrize(
    ("missing", "negative", "state"),
    [(0, 0, "ok"), (3, 1, "warning"), (0, 5, "error"), (5, 0, "error")],
)
def test_bad_latencies_are_an_error_above_1_percent(missing, negative, state):
    both = sound(null_latencies=missing, negative_latencies=negative)
    found = check(checks.LatencyCheck, both)
    assert (found.state, found.missing, found.negative) == (state, missing, negative)
    assert (found.arm, found.rows) == ((None, 0) if state == "ok" else ("post", 480))


def test_unknown_statuses():
    found = check(checks.StatusCheck, sound(unknown_statuses=3))
    assert (found.state, found.unknown) == ("error", 3)


@pytest.mark.parametrize(("timeouts", "warns"), [(19, False), (18, True)])
def test_errors_of_no_known_class_warn_above_5_percent(timeouts, warns):
    """One error an hour has no class before the deploy: 1 in 20, or 1 in 19."""
    hours = (-24, 0)
    both = comparator(
        arm(*hours, calls(*hours, per_hour=40, timeout=timeouts, other=1)),
        arm(0, 24, calls(0, 24, per_hour=40, timeout=timeouts)),
    )
    found = [
        one
        for one in check_data(both, hours=WHOLE_DAY, asked=Baseline(days=1))
        if isinstance(one, checks.UnknownErrorsCheck)
    ]
    assert [(one.arm, one.state) for one in found] == [("baseline", "warning")] * warns


@pytest.mark.parametrize(
    ("n_empty", "state"), [(0, "ok"), (1, "warning"), (4, "warning"), (5, "error")]
)
def test_empty_hours_are_an_error_above_20_percent(n_empty, state):
    per_hour = np.full(24, 20)
    per_hour[6 : 6 + n_empty] = 0
    found = check(checks.EmptyHoursCheck, hourly(per_hour))
    assert (found.state, found.empty) == (state, tuple(range(6, 6 + n_empty)))


def test_hours_that_are_empty_before_too_are_no_fault():
    night = np.tile(np.repeat([20, 0], 12), 7)
    both = comparator(
        arm(-168, 0, calls(-168, 0, per_hour=night)), arm(0, 24, calls(0, 24, per_hour=night[:24]))
    )
    assert check(checks.EmptyHoursCheck, both).state == "ok"


def test_an_excluded_hour_is_not_an_empty_one():
    excluded = [-24 * day - 20 for day in range(1, 7)]  # hour 4 of six of the seven days
    first = arm(-168, 0, calls(-168, 0, per_hour=20), excluded=excluded)
    gap = np.full(24, 20)
    gap[4] = 0
    both = comparator(first, arm(0, 24, calls(0, 24, per_hour=gap)))
    assert check(checks.EmptyHoursCheck, both).empty == (4,)


def test_sparse_traffic_is_not_called_empty():
    """One call an hour on a single day: a third of the hours after the deploy are empty."""
    drawn = np.random.default_rng(3).poisson(1.0, 48)
    both = comparator(
        arm(-24, 0, calls(-24, 0, per_hour=drawn[:24])),
        arm(0, 24, calls(0, 24, per_hour=drawn[24:])),
    )
    assert (drawn[24:] == 0).sum() >= 5
    assert check(checks.EmptyHoursCheck, both).state != "error"


# ---- what only warns ----
@pytest.mark.parametrize(
    ("hours_9_and_10", "expected"),
    [((0, 40), ("warning", 9, 10)), ((40, 0), ("warning", 10, 9)), ((0, 25), ("ok", None, None))],
)
def test_a_clock_that_jumped(hours_9_and_10, expected):
    jumped = np.full(24, 20)
    jumped[[9, 10]] = hours_9_and_10
    found = check(checks.ClockCheck, hourly(jumped))
    assert (found.state, found.empty_hour, found.busy_hour) == expected
    if found.state == "warning":
        assert (found.calls, found.usual) == (40, 20.0)


def test_calls_in_flight_are_counted():
    found = check(checks.InFlightCheck, sound(started_before=11))
    assert (found.state, found.calls) == ("ok", 11)


@pytest.mark.parametrize(
    ("minutes", "per_hour", "state"),
    [(10, 20, "ok"), (14, 200, "ok"), (40, 20, "warning"), (60, 6, "ok"), (120, 6, "warning")],
)
def test_rows_that_are_not_written_yet(minutes, per_hour, state):
    newest = DEPLOYED_AT + 24 * HOUR - timedelta(minutes=minutes)
    found = check(checks.RightEdgeCheck, sound(per_hour=per_hour, last_written_at=newest))
    assert (found.state, found.newest) == (state, newest)
    assert found.silence == timedelta(minutes=minutes)
    assert found.usual == pytest.approx(per_hour * minutes / 60)


def test_features_that_lost_their_calls():
    names = ("quiet", "gone")
    before = [calls(-168, 0, per_hour=10, feature=name) for name in names]
    both = sound(before=before, after=[calls(0, 24, per_hour=1, feature="quiet")])
    found = check(checks.VolumeCheck, both)
    assert (found.state, found.stopped) == ("warning", (("gone", 240, 0), ("quiet", 240, 24)))
    busier = sound(before=before, after=[calls(0, 24, per_hour=2, feature=name) for name in names])
    assert check(checks.VolumeCheck, busier).state == "ok"


def test_a_feature_of_the_day_is_not_missed_at_night():
    """The first hour after the deploy is compared with that hour of the days before."""
    daily = calls(-168, 0, per_hour=np.tile(np.repeat([0, 100], 12), 7), feature="by day")
    assert check(checks.VolumeCheck, sound(1, before=[daily]), hours=1).state == "ok"


def test_a_mix_that_shifted():
    before, after = (
        [calls(*hours, per_hour=n, source=source) for source, n in shares.items()]
        for hours, shares in (((-168, 0), {"a": 80, "b": 20}), ((0, 24), {"a": 30, "b": 70}))
    )
    found = check(checks.MixCheck, comparator(arm(-168, 0, *before), arm(0, 24, *after)))
    assert (found.state, found.moved) == ("warning", pytest.approx(0.5))
    assert check(checks.MixCheck, sound()).moved == 0


def test_the_mix_of_an_hour_is_compared_with_that_of_the_same_hours():
    nights = np.tile(np.repeat([10, 0], 12), 7)
    before = [
        calls(-168, 0, per_hour=nights, source="night"),
        calls(-168, 0, per_hour=100 - nights, source="day"),
    ]
    after = [calls(0, 1, per_hour=10, source="night"), calls(0, 1, per_hour=90, source="day")]
    both = comparator(arm(-168, 0, *before), arm(0, 1, *after))
    assert check(checks.MixCheck, both, hours=1).state == "ok"


# ---- the baseline ----
@pytest.mark.parametrize(
    ("days", "asked", "state", "cycle"),
    [
        (7, Baseline(days=7), "ok", "hour of the day"),
        (3, Baseline(days=7), "warning", "hour of the day"),
        (14, Baseline(days=14), "ok", "hour of the week"),
        (3, Baseline(start=DEPLOYED_AT - 72 * HOUR, end=DEPLOYED_AT), "ok", "hour of the day"),
    ],
)
def test_the_length_of_the_baseline(days, asked, state, cycle):
    found = check(checks.LengthCheck, sound(days=days), asked=asked)
    assert (found.state, found.days, found.cycle) == (state, days, cycle)
    assert found.mixes_weekdays == (cycle == "hour of the day")


def test_hours_of_the_window_without_a_matching_baseline_hour():
    both = comparator(
        arm(-12, 0, calls(-12, 0, per_hour=50)), arm(0, 24, calls(0, 24, per_hour=50))
    )
    found = check(checks.LengthCheck, both)
    assert (found.state, found.unmatched_hours) == ("warning", 12)


def test_an_outage_is_proposed_with_a_line_that_loads():
    failed = np.random.default_rng(1).poisson(0.5, 168)
    failed[[168 - 40, 168 - 39, 168 - 12]] = 15
    outage = calls(-168, 0, per_hour=20, http_5xx=np.minimum(failed, 20))
    start, end = DEPLOYED_AT - 100 * HOUR, DEPLOYED_AT - 99 * HOUR
    declared = Exclusion(**{"from": start, "to": end, "why": 'a "known" one'})
    found = check(
        checks.IncidentCheck,
        comparator(arm(-168, 0, outage), FULL_DAY),
        asked=Baseline(days=7, exclude=(declared,)),
    )
    assert (found.state, found.hours) == ("warning", 3)
    line = check_detail(found).split("[baseline]: ")[1]
    loaded = [Exclusion(**entry) for entry in tomllib.loads(line)["exclude"]]
    spans = [
        ((item.start - DEPLOYED_AT) / HOUR, (item.end - DEPLOYED_AT) / HOUR, item.why)
        for item in loaded
    ]
    assert spans == [
        (-100.0, -99.0, 'a "known" one'),
        (-40.0, -38.0, "incident"),
        (-12.0, -11.0, "incident"),
    ]
