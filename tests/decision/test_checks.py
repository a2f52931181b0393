"""Each check of the data, on data that has the fault and on data that has not."""

from __future__ import annotations

import tomllib
from datetime import timedelta

import numpy as np
import pytest

from analysis.config.settings import Baseline, Exclusion
from analysis.decision.checks import check_data
from analysis.window import HOUR
from tests.fixtures.comparators import DEPLOYED_AT, arm, calls, comparator, spoken

WEEK = Baseline(days=7)
NAMES = [
    "baseline has calls",
    "post window has calls",
    "ids are unique",
    "latencies are valid",
    "statuses are known",
    "every hour has calls",
    "the clock did not jump",
    "calls in flight are told apart",
    "rows reach the end of the window",
    "no feature fell silent",
    "the mix of calls is the same",
    "the baseline is free of incidents",
    "the baseline is as long as asked",
]


def check(name, both, *, hours=24, asked=WEEK):
    found = {check.name: check for check in check_data(both, hours=(0, hours), asked=asked)}
    assert list(found) == NAMES
    return found[name].state, spoken(found[name].detail)


def sound(hours=24, *, days=7, before=(), after=(), per_hour=20, **post):
    return comparator(
        arm(-24 * days, 0, calls(-24 * days, 0, per_hour=per_hour), *before),
        arm(0, hours, calls(0, hours, per_hour=per_hour), *after, **post),
    )


def hourly(per_hour, *, hours=24, days=7, **keys):
    """A steady baseline, and post hours with the given numbers of calls."""
    return comparator(
        arm(-24 * days, 0, calls(-24 * days, 0, per_hour=20)),
        arm(0, hours, calls(0, hours, per_hour=per_hour), **keys),
    )


def test_sound_data_are_sound():
    states = {check.name: check.state for check in check_data(sound(), hours=(0, 24), asked=WEEK)}
    assert states == dict.fromkeys(NAMES, "ok")


# ---- what makes a verdict untrusted ----------------------------------------------------------------------------------
def test_an_arm_without_rows():
    empty, full = arm(-168, 0), arm(-168, 0, calls(-168, 0, per_hour=20))
    assert check(
        "baseline has calls", comparator(empty, arm(0, 24, calls(0, 24, per_hour=20)))
    ) == (
        "error",
        "no call started in 2026-01-26T23:10:16Z to 2026-02-02T23:10:16Z; check the table, the time zone and the deploy's time",
    )
    assert check("post window has calls", comparator(full, arm(0, 24)))[0] == "error"
    for both in (
        comparator(empty, arm(0, 24)),
        comparator(empty, arm(0, 24, calls(0, 24, per_hour=20))),
        comparator(full, arm(0, 24)),
    ):
        states = {check.name: check.state for check in check_data(both, hours=(0, 24), asked=WEEK)}
        assert (
            states["the mix of calls is the same"]
            == states["rows reach the end of the window"]
            == "no_opinion"
        )


def test_duplicate_ids():
    assert check("ids are unique", sound(written_rows=480, distinct_ids=468)) == (
        "error",
        "12 rows repeat the id of another row; remove the copies",
    )


@pytest.mark.parametrize(
    ("missing", "negative", "state", "detail"),
    [
        (0, 0, "ok", "every call has a latency of 0 ms or more"),
        (
            3,
            1,
            "warning",
            "3 null and 1 negative latencies in 480 post rows (0.83 %); they count in rates and are left out of latencies",
        ),
        (
            0,
            5,
            "error",
            "0 null and 5 negative latencies in 480 post rows (1.0 %), more than 1 %; mend what writes them",
        ),
        (
            5,
            0,
            "error",
            "5 null and 0 negative latencies in 480 post rows (1.0 %), more than 1 %; mend what writes them",
        ),
    ],
)
def test_bad_latencies(missing, negative, state, detail):
    assert check(
        "latencies are valid", sound(null_latencies=missing, negative_latencies=negative)
    ) == (state, detail)


def test_unknown_statuses():
    assert check("statuses are known", sound(unknown_statuses=3)) == (
        "error",
        "3 rows have a status that is neither success nor error; write a mapping",
    )


@pytest.mark.parametrize(
    ("empty", "state"), [(0, "ok"), (1, "warning"), (4, "warning"), (5, "error")]
)
def test_empty_hours_above_a_fifth(empty, state):
    per_hour = np.full(24, 20)
    per_hour[6 : 6 + empty] = 0
    found, detail = check("every hour has calls", hourly(per_hour))
    assert found == state
    if empty == 5:
        assert detail == (
            "5 of 24 post hours have no call although their baseline hours do, the first is hour 6 after the deploy; that is more than 20 %, "
            "find out whether calls or their rows are missing"
        )


def test_hours_that_are_empty_before_too_are_no_fault():
    night = np.tile(np.repeat([20, 0], 12), 7)
    both = comparator(
        arm(-168, 0, calls(-168, 0, per_hour=night)), arm(0, 24, calls(0, 24, per_hour=night[:24]))
    )
    assert check("every hour has calls", both)[0] == "ok"


def test_an_excluded_hour_is_not_an_empty_one():
    excluded = [-24 * day - 20 for day in range(1, 7)]  # hour 4 of six of the seven days
    first = arm(-168, 0, calls(-168, 0, per_hour=20), excluded=excluded)
    gap = np.full(24, 20)
    gap[4] = 0
    assert (
        check("every hour has calls", comparator(first, arm(0, 24, calls(0, 24, per_hour=gap))))[0]
        == "warning"
    )


def test_sparse_traffic_is_not_called_empty():
    """One call an hour on a single day: a third of the hours after the deploy are empty by chance."""
    rng = np.random.default_rng(3)
    drawn = rng.poisson(1.0, 48)
    both = comparator(
        arm(-24, 0, calls(-24, 0, per_hour=drawn[:24])),
        arm(0, 24, calls(0, 24, per_hour=drawn[24:])),
    )
    assert (drawn[24:] == 0).sum() >= 5
    assert check("every hour has calls", both)[0] != "error"


# ---- what only warns -------------------------------------------------------------------------------------------------
def test_a_clock_that_jumped():
    jumped = np.full(24, 20)
    jumped[[9, 10]] = [0, 40]
    assert check("the clock did not jump", hourly(jumped)) == (
        "warning",
        "hour 9 after the deploy is empty and hour 10 has 40 calls instead of 20; check the clock of what writes the rows",
    )
    jumped[[9, 10]] = [40, 0]
    assert check("the clock did not jump", hourly(jumped))[0] == "warning"
    jumped[[9, 10]] = [0, 25]
    assert check("the clock did not jump", hourly(jumped))[0] == "ok"


def test_calls_in_flight_are_counted():
    assert check("calls in flight are told apart", sound(started_before=11)) == (
        "ok",
        "11 calls written in the post window started before it and belong to the old code",
    )


@pytest.mark.parametrize(
    ("minutes", "per_hour", "state"),
    [(10, 20, "ok"), (14, 200, "ok"), (40, 20, "warning"), (60, 6, "ok"), (120, 6, "warning")],
)
def test_rows_that_are_still_on_their_way(minutes, per_hour, state):
    newest = DEPLOYED_AT + 24 * HOUR - timedelta(minutes=minutes)
    found, detail = check(
        "rows reach the end of the window", sound(per_hour=per_hour, last_written_at=newest)
    )
    assert found == state
    if minutes == 40:
        assert detail == (
            "the newest row is of 2026-02-03T22:30:16Z, 40 min before the window's end, where about 13 calls are usual; "
            "rows may still be on their way"
        )


def test_a_feature_that_fell_silent_is_a_finding():
    before = [calls(-168, 0, per_hour=10, feature=name) for name in ("quiet", "gone")]
    both = sound(before=before, after=[calls(0, 24, per_hour=1, feature="quiet")])
    assert check("no feature fell silent", both) == (
        "warning",
        "gone fell from 240 expected calls to 0; quiet fell from 240 expected calls to 24; is it still in use? That is no improvement",
    )
    busier = sound(
        before=before, after=[calls(0, 24, per_hour=2, feature=name) for name in ("quiet", "gone")]
    )
    assert check("no feature fell silent", busier)[0] == "ok"


def test_a_feature_of_the_day_is_not_missed_at_night():
    """The first hour after the deploy is compared with the same hour of the days before, not with the mean of a day."""
    daily = calls(-168, 0, per_hour=np.tile(np.repeat([0, 100], 12), 7), feature="by day")
    assert check("no feature fell silent", sound(1, before=[daily]), hours=1)[0] == "ok"


def test_a_mix_that_shifted():
    before, after = (
        [calls(start, end, per_hour=n, source=source) for source, n in shares]
        for start, end, shares in (
            (-168, 0, (("a", 80), ("b", 20))),
            (0, 24, (("a", 30), ("b", 70))),
        )
    )
    assert check(
        "the mix of calls is the same", comparator(arm(-168, 0, *before), arm(0, 24, *after))
    ) == (
        "warning",
        "50.0 % of the calls moved between features, sources and tenants; differences are standardised over sources and large tenants, "
        "the crude ones stand beside",
    )
    assert (
        check("the mix of calls is the same", sound())[1]
        == "0.0 % of the calls moved between features, sources and tenants"
    )


def test_the_mix_of_an_hour_is_compared_with_that_of_the_same_hours():
    nights = np.tile(np.repeat([10, 0], 12), 7)
    before = [
        calls(-168, 0, per_hour=nights, source="night"),
        calls(-168, 0, per_hour=100 - nights, source="day"),
    ]
    after = [calls(0, 1, per_hour=10, source="night"), calls(0, 1, per_hour=90, source="day")]
    assert (
        check(
            "the mix of calls is the same",
            comparator(arm(-168, 0, *before), arm(0, 1, *after)),
            hours=1,
        )[0]
        == "ok"
    )


@pytest.mark.parametrize(
    ("days", "asked", "state", "detail"),
    [
        (
            7,
            Baseline(days=7),
            "ok",
            "7 days, matched by hour of the day; weekdays are mixed (14 days or more match the hour of the week)",
        ),
        (
            3,
            Baseline(days=7),
            "warning",
            "3 of 7 days are there; weekdays are mixed (14 days or more match the hour of the week)",
        ),
        (14, Baseline(days=14), "ok", "14 days, matched by hour of the week"),
        (
            3,
            Baseline(start=DEPLOYED_AT - 72 * HOUR, end=DEPLOYED_AT),
            "ok",
            "3 days, matched by hour of the day; weekdays are mixed (14 days or more match the hour of the week)",
        ),
    ],
)
def test_the_length_of_the_baseline(days, asked, state, detail):
    assert check("the baseline is as long as asked", sound(days=days), asked=asked) == (
        state,
        detail,
    )


# ---- incidents -------------------------------------------------------------------------------------------------------
def outage(hours, *, feature="f", per_hour=20, failed=15, usual=0.5, days=7):
    """Failures of a feature: a few everywhere, many in the given hours from the deploy."""
    drawn = np.random.default_rng(1).poisson(usual, 24 * days)
    drawn[[hour + 24 * days for hour in hours]] = failed
    return calls(
        -24 * days, 0, per_hour=per_hour, feature=feature, http_5xx=np.minimum(drawn, per_hour)
    )


def test_an_outage_is_proposed_with_a_line_that_loads():
    declared = Exclusion(
        **{"from": DEPLOYED_AT - 100 * HOUR, "to": DEPLOYED_AT - 99 * HOUR, "why": 'a "known" one'}
    )
    both = comparator(arm(-168, 0, outage([-40, -39, -12])), arm(0, 24, calls(0, 24, per_hour=20)))
    asked = Baseline(days=7, exclude=(declared,))
    state, detail = check("the baseline is free of incidents", both, asked=asked)
    assert state == "warning"
    assert detail.startswith(
        "3 baseline hours have error rates far above the usual; if you know of an incident then, write under [baseline]: exclude = ["
    )
    line = detail.split("[baseline]: ")[1]
    loaded = [Exclusion(**entry) for entry in tomllib.loads(line)["exclude"]]
    assert [
        ((item.start - DEPLOYED_AT) / HOUR, (item.end - DEPLOYED_AT) / HOUR, item.why)
        for item in loaded
    ] == [
        (-100.0, -99.0, 'a "known" one'),
        (-40.0, -38.0, "incident"),
        (-12.0, -11.0, "incident"),
    ]


def test_hours_of_the_window_that_have_no_like_are_told():
    both = comparator(
        arm(-12, 0, calls(-12, 0, per_hour=50)), arm(0, 24, calls(0, 24, per_hour=50))
    )
    found = check("the baseline is as long as asked", both)
    assert found == (
        "warning",
        "12 hours of the window have no like in the baseline and are compared with nothing; take whole days",
    )
