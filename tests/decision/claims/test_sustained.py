"""Sustained: the trailing hours alone must show it. Relapses, rare events, limits."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from analysis.decision.claims.guardrails import find_guardrails
from analysis.decision.claims.sustained import decide_sustained
from analysis.decision.plan import Plan
from analysis.statistics.sequential import bounds
from analysis.text.findings.sustained import sustained_clause
from tests.fixtures.comparators import (
    ONLY,
    any_of,
    arm,
    calls,
    claim,
    comparator,
    events,
    expectations,
    plan,
    spoken,
)

SINGLE = plan(**ONLY)
FALLS = claim("falls", name="timeouts")


def series(after, *, before=20, per_hour=50, hours=24, rare=False):
    """Timeouts an hour: about `before` in the baseline, the given ones after the deploy."""
    drawn = np.random.default_rng(5).poisson(before, 168)
    first = calls(-168, 0, per_hour=per_hour, timeout=drawn)
    return comparator(
        arm(-168, 0, first),
        arm(0, hours, calls(0, hours, per_hour=per_hour, timeout=np.asarray(after))),
    )


def sustained(both, *said, at=SINGLE, guardrails=(), hours=6):
    found = expectations(both, *said, at=at)
    guards = find_guardrails(guardrails, both, at, smallest_useful=0.1)
    decided = decide_sustained(found, guards, both, at, sustained_for=timedelta(hours=hours))
    return decided.holds, spoken(sustained_clause(decided)), [item.state for item in found]


def test_a_fall_that_stays_lasts():
    assert sustained(series([4] * 24), FALLS) == (True, "the last 6 h alone confirm it", ["met"])


@pytest.mark.parametrize("relapse", [6, 12, 18])
def test_a_relapse_is_not_sustained_although_the_whole_window_is_better(relapse):
    holds, remark, states = sustained(series([1] * relapse + [20] * (24 - relapse)), FALLS)
    assert (holds, states) == (False, ["met"])
    assert remark.startswith("not sustained: 'timeouts' ")


def test_hours_that_are_not_better_are_counted():
    """Better on the whole, but in two of the last six hours not."""
    holds, remark, _ = sustained(series([2] * 18 + [2, 30, 2, 2, 30, 2]), FALLS)
    assert not holds
    assert (
        remark
        == "not sustained: 'timeouts' holds in only 66.7 % of the last 6 h; 80 % are required"
    )
    assert sustained(series([2] * 18 + [2, 2, 2, 2, 30, 2]), FALLS)[0]  # five of six


def test_it_is_asked_once_the_hours_have_passed():
    early = Plan((4 / 24, 1.0), 0, (0, 4), None, 0.05, bounds((4 / 24, 1.0), 0.05)[0])
    assert sustained(series([1] * 4, hours=4), FALLS, at=early)[:2] == (
        False,
        "whether the effect lasts is decided after 6 h, 4 h have passed",
    )
    assert sustained(series([1] * 4, hours=4), FALLS, at=early, hours=4)[0]


def test_an_exploratory_look_does_not_decide_it():
    free = Plan((1.0,), 0, (0, 24), None, 0.05, 1.96, is_planned=False)
    assert sustained(series([4] * 24), FALLS, at=free)[:2] == (
        False,
        "an exploratory look does not decide whether the effect lasts",
    )


@pytest.mark.parametrize(("limit", "holds"), [(0.9, True), (0.05, False)])
def test_every_critical_guardrail_must_be_met(limit, holds):
    guard = claim("below", limit=limit, critical=True)
    decided, remark, _ = sustained(series([4] * 24), FALLS, guardrails=[guard])
    assert decided is holds
    assert holds or remark == "not sustained while a critical guardrail is not met"
    assert sustained(series([4] * 24), FALLS, guardrails=[claim("below", limit=0.05)])[
        0
    ]  # one that is not critical does not count


def test_an_expectation_that_is_not_met_cannot_last():
    assert sustained(series([20] * 24), FALLS)[:2] == (
        False,
        "not sustained: 'timeouts' is not met",
    )


# ---- rare events ----
def test_rare_events_need_no_new_evidence():
    """In six hours fewer than five events are expected, so they can show nothing."""
    both = series([0] * 24, before=0.6)
    assert sustained(both, FALLS) == (True, "the last 6 h alone confirm it", ["met"])


def test_rare_events_that_come_back_are_evidence_against():
    back = [0] * 18 + [0, 2, 3, 2, 3, 3]
    holds, remark, states = sustained(
        series([0] * 120 + back, before=0.6, hours=144), FALLS, at=plan(0, windows=(144,))
    )
    assert (holds, states) == (False, ["met"])
    assert remark.startswith(
        "not sustained: 'timeouts' is not shown in the last 6 h alone (one-sided p "
    )


def test_zero_stays_zero():
    zero = claim("stays_zero", "connection_rate", limit=0.05)
    assert sustained(series([4] * 24), zero)[0]


# ---- limits and margins ----
def slow_end(late_ms):
    rng = np.random.default_rng(2)
    first = calls(-168, 0, per_hour=50, latency_ms=rng.normal(2000, 100, 168))
    then = calls(
        0,
        24,
        per_hour=50,
        latency_ms=np.concatenate([rng.normal(2000, 100, 18), rng.normal(late_ms, 100, 6)]),
    )
    return comparator(arm(-168, 0, first), arm(0, 24, then))


@pytest.mark.parametrize(
    "said",
    [
        claim("below", "latency_mean", limit=3000, name="limit"),
        claim("no_worse", "latency_mean", margin=0.5, name="limit"),
    ],
)
def test_a_limit_must_hold_in_the_last_hours_too(said):
    assert sustained(slow_end(2100), said)[0]
    holds, remark, states = sustained(slow_end(3200), said)
    assert (holds, states) == (False, ["met"])
    assert remark.startswith(
        "not sustained: 'limit' does not hold in the last 6 h alone (one-sided p "
    )


def test_a_limit_on_rare_minutes_needs_no_new_evidence():
    over = [
        events(start, end, kind="cron_over:240000:*:f", y=0, n=60)
        for start, end in ((-168, 0), (0, 24))
    ]
    both = comparator(
        arm(-168, 0, calls(-168, 0, per_hour=50), events=over[:1]),
        arm(0, 24, calls(0, 24, per_hour=50), events=over[1:]),
    )
    assert sustained(both, claim("below", "cron_over_budget_rate", limit=0.01, budget_ms=240_000))[
        0
    ]


@pytest.mark.parametrize(
    "said",
    [
        claim("stays_zero", "connection_rate", limit=0.5, name="it"),
        claim("no_worse", margin=0.2, name="it"),
        FALLS,
    ],
    ids=str,
)
def test_silence_is_no_evidence_that_it_lasts(said):
    """Nobody called in the last six hours, in which hundreds of calls are usual."""
    drawn = np.random.default_rng(5).poisson(10, 168)
    quiet = calls(0, 18, per_hour=50, timeout=[1] * 18)
    both = comparator(arm(-168, 0, calls(-168, 0, per_hour=50, timeout=drawn)), arm(0, 24, quiet))
    holds, remark, states = sustained(both, said)
    assert (holds, states) == (False, ["met"])
    assert remark == f"not sustained: {said.name!r} has no calls in the last 6 h"


# ---- alternatives ----
def test_of_alternatives_one_that_is_met_must_last():
    rng = np.random.default_rng(3)
    first = calls(
        -168, 0, per_hour=100, http_5xx=rng.poisson(10, 168), rate_limit=rng.poisson(10, 168)
    )
    relapsed = [0] * 16 + [10] * 8
    either = any_of(claim("falls", "http_5xx_rate"), claim("falls", "rate_limit_rate"))
    for after, holds in (
        ({"http_5xx": relapsed, "rate_limit": 1}, True),
        ({"http_5xx": relapsed, "rate_limit": 10}, False),
    ):
        both = comparator(arm(-168, 0, first), arm(0, 24, calls(0, 24, per_hour=100, **after)))
        found, _, states = sustained(both, either)
        assert (found, states) == (holds, ["met"])
