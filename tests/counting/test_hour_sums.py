"""Hour sums of a scope: its strata, and the hours that are matched."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.counting.scope import Cycle, Scope
from analysis.decision.claims.evaluation import count_calls, evaluate_claim
from analysis.metrics import metric_named
from tests.fixtures.comparators import arm, calls, claim, comparator

RATE, MEAN = metric_named("timeout_rate"), metric_named("latency_mean")


def strata(before, after, scope, metric=RATE, hours=24):
    baseline, post = comparator(arm(-168, 0, *before), arm(0, hours, *after)).arms.totals(
        scope, metric, (0, hours)
    )
    return sorted(zip(baseline.n.sum(axis=(1, 2)), post.n.sum(axis=(1, 2)), strict=True))


def test_strata_are_sources_and_tenants_with_a_tenth_of_the_calls_in_either_arm():
    before = [
        calls(-168, 0, per_hour=n, tenant=tenant)
        for n, tenant in ((80, "big"), (10, "once"), (6, "small"), (4, "burst"))
    ]
    after = [
        calls(0, 24, per_hour=n, tenant=tenant)
        for n, tenant in ((80, "big"), (5, "once"), (5, "small"), (60, "burst"))
    ]
    assert strata(before, after, Scope("f")) == [
        (168 * 4, 24 * 60),
        (168 * 6, 24 * 5),
        (168 * 10, 24 * 5),
        (168 * 80, 24 * 80),
    ]
    few = [
        calls(0, 24, per_hour=n, tenant=tenant)
        for n, tenant in ((80, "big"), (5, "once"), (5, "small"))
    ]
    assert strata(before, few, Scope("f")) == [
        (168 * 10, 24 * 5),
        (168 * 10, 24 * 5),
        (168 * 80, 24 * 80),
    ]  # burst and small together


def test_a_tenant_is_large_by_the_hours_that_are_compared():
    """A slow tenant calls in four hours of the day: a third of the calls then, few overall."""
    clock = np.arange(-168, 0) % 24
    slow = np.where(clock < 4, 50, 0)
    before = [
        calls(-168, 0, per_hour=100, tenant="quick"),
        calls(-168, 0, per_hour=slow, tenant="slow", latency_ms=5000),
    ]
    after = [
        calls(0, 4, per_hour=100, tenant="quick"),
        calls(0, 4, per_hour=5, tenant="slow", latency_ms=5000),
    ]
    found = evaluate_claim(
        claim("falls", "latency_mean"), comparator(arm(-168, 0, *before), arm(0, 4, *after)), (0, 4)
    ).comparison
    assert found.crude_difference < -1000
    assert found.difference == 0


def test_a_missing_source_is_a_stratum_of_its_own():
    before, after = (
        [calls(first, last, per_hour=10, source=source) for source in ("s", None)]
        for first, last in ((-168, 0), (0, 24))
    )
    assert strata(before, after, Scope("f")) == [(1680, 240), (1680, 240)]
    assert strata(before, after, Scope("f", "s")) == [(1680, 240)]


def test_a_pattern_is_one_total_with_the_feature_among_its_strata():
    before, after = (
        [calls(first, last, per_hour=10, feature=name) for name in ("a.x", "a.y", "b")]
        for first, last in ((-168, 0), (0, 24))
    )
    assert strata(before, after, Scope("a.*")) == [(1680, 240), (1680, 240)]
    assert strata(before, after, Scope("*")) == [(1680, 240)] * 3
    assert strata(before, after, Scope("a.x")) == [(1680, 240)]


def test_calls_an_hour_are_compared_as_they_come():
    before, after = (
        [calls(first, last, per_hour=10, source=source) for source in ("s", None)]
        for first, last in ((-168, 0), (0, 24))
    )
    both = comparator(arm(-168, 0, *before), arm(0, 24, *after))
    found = evaluate_claim(claim("falls", "calls_per_hour"), both, (0, 24))
    assert found.comparison.crude_post_value == 20
    assert found.comparison.post_n == 24
    assert count_calls(found, both.arms) == (3360, 480)


def test_a_look_is_compared_with_the_same_hours_of_every_day():
    clock = np.arange(-168, 0) % 24
    both = comparator(
        arm(-168, 0, calls(-168, 0, per_hour=10 + clock)), arm(0, 4, calls(0, 4, per_hour=10))
    )
    found = evaluate_claim(claim("falls"), both, (0, 4)).comparison
    assert found.baseline_n == 7 * (10 + 11 + 12 + 13)
    late = comparator(
        arm(-168, 0, calls(-168, 0, per_hour=10 + clock)), arm(0, 24, calls(0, 24, per_hour=10))
    )
    assert evaluate_claim(claim("falls"), late, (20, 24)).comparison.baseline_n == 7 * (
        30 + 31 + 32 + 33
    )


def test_a_window_of_two_days_meets_every_clock_hour_twice():
    both = comparator(
        arm(-168, 0, calls(-168, 0, per_hour=10, timeout=2)),
        arm(0, 48, calls(0, 48, per_hour=10, timeout=2)),
    )
    found = evaluate_claim(claim("falls"), both, (0, 48)).comparison
    assert (found.baseline_n, found.post_n, found.difference) == (1680, 480, pytest.approx(0.0))


def test_calls_written_too_late_for_the_look_are_left_out_of_both_arms():
    late = [
        calls(hour, hour + 1, per_hour=5, lag_hours=1, timeout=5)
        for hour in (-24, -21, -12, 0, 3, 12)
    ]
    before = [calls(-24, 0, per_hour=10), *late[:3]]
    four = comparator(arm(-24, 0, *before), arm(0, 4, calls(0, 4, per_hour=10), *late[3:5]))
    found = evaluate_claim(claim("falls"), four, (0, 4)).comparison
    assert (found.baseline_n, found.baseline_y) == (
        45,
        5,
    )  # that of hour 3 is written in hour 4, after the window
    assert (found.post_n, found.post_y) == (45, 5)
    day = comparator(arm(-24, 0, *before), arm(0, 24, calls(0, 24, per_hour=10), *late[3:]))
    found = evaluate_claim(claim("falls"), day, (0, 24)).comparison
    assert (found.baseline_n, found.post_n) == (255, 255)


def test_excluded_hours_are_in_no_sum_of_the_baseline():
    first = arm(
        -168,
        0,
        calls(-168, 0, per_hour=10, timeout=np.where(np.arange(-168, 0) == -24, 10, 1)),
        excluded=[-24, -23],
    )
    found = evaluate_claim(
        claim("falls"), comparator(first, arm(0, 4, calls(0, 4, per_hour=10, timeout=1))), (0, 4)
    ).comparison
    assert (found.baseline_n, found.baseline_y) == (260, 26)


def test_a_baseline_that_ends_before_the_deploy_is_matched_by_clock_hours():
    both = comparator(
        arm(-96, -48, calls(-96, -48, per_hour=10 + np.arange(-96, -48) % 24)),
        arm(0, 4, calls(0, 4, per_hour=10)),
    )
    assert both.arms.cycle == Cycle(24, 4)
    found = evaluate_claim(claim("falls"), both, (0, 4)).comparison
    assert found.baseline_n == 2 * (10 + 11 + 12 + 13)


def test_an_earlier_look_is_what_was_seen_then():
    growing = calls(0, 24, per_hour=10, timeout=np.arange(24) >= 4)
    both = comparator(arm(-168, 0, calls(-168, 0, per_hour=10)), arm(0, 24, growing))
    events = [
        evaluate_claim(claim("falls"), both, hours).comparison.post_y for hours in ((0, 24), (0, 4))
    ]
    assert events == [20, 0]
