"""Claims about speed: typical latency, days that already moved, and too few days."""

from dataclasses import replace

import numpy as np
import pytest

from analysis.counting.scope import Scope
from analysis.decision.claims.evaluation import evaluate_claim
from analysis.decision.placebo import replay_placebo_deploys
from analysis.metrics import metric_named
from tests.fixtures.comparators import (
    ONLY,
    arm,
    calls,
    claim,
    comparator,
    expectation,
    guardrail,
    plan,
)

SINGLE = plan(**ONLY)
FASTER = claim("falls", "typical_latency")


def arms(after_ms, *, days=7, daily=None, seed=0):
    """Latencies of whole hours that wobble by 3 %; `daily` are factors of the days before."""
    rng = np.random.default_rng(seed)
    factors = np.repeat(np.ones(days) if daily is None else np.asarray(daily), 24)
    before = np.round(2000 * factors * np.exp(0.03 * rng.standard_normal(24 * days)))
    after = np.round(after_ms * np.exp(0.03 * rng.standard_normal(24)))
    return comparator(
        arm(-24 * days, 0, calls(-24 * days, 0, per_hour=40, latency_ms=before)),
        arm(0, 24, calls(0, 24, per_hour=40, latency_ms=after)),
    )


def test_a_fall_of_typical_latency_is_met_and_is_in_milliseconds():
    found = expectation(arms(1600), FASTER, at=SINGLE)
    compared = found.evaluation.comparison
    assert found.state == "met"
    assert compared.baseline_value == pytest.approx(2000, rel=0.02)
    assert compared.ratio == pytest.approx(0.8, rel=0.02)
    assert found.interval[0] < compared.difference < found.interval[1] < 0
    assert 0 < found.minimum_detectable_effect < 200


@pytest.mark.parametrize(
    ("said", "after_ms", "state"),
    [
        (claim("falls", "typical_latency", by=0.3), 1600, "not_met"),
        (claim("no_worse", "typical_latency", margin=0.1), 2010, "met"),
        (claim("no_worse", "typical_latency", margin=0.1), 2600, "not_met"),
        (claim("below", "typical_latency", limit=2200), 2000, "met"),
        (claim("below", "typical_latency", limit=1800), 2000, "not_met"),
    ],
)
def test_sizes_margins_and_limits_of_typical_latency(said, after_ms, state):
    judge = expectation if said.kind.rule == "look_bound" else guardrail
    found = judge(arms(after_ms), said, at=SINGLE)
    assert found.state == state or (state == "not_met" and found.state == "worse")


def test_days_that_already_fell_make_no_fix():
    """5 % a day: the next day is what the line gives, so the deploy did nothing."""
    daily = 0.95 ** np.arange(7)
    both = arms(2000 * 0.95**7, daily=daily)
    found = evaluate_claim(FASTER, both, (0, 24))
    assert found.trend.share == pytest.approx(-0.05, abs=0.005)
    assert found.p_met > 0.2
    assert expectation(both, FASTER, at=SINGLE).state != "met"
    # far below the line it is the deploy's
    assert expectation(arms(900, daily=daily), FASTER, at=SINGLE).state == "met"
    assert evaluate_claim(claim("rises", "typical_latency"), both, (0, 24)).trend is None


def test_with_one_day_a_fifth_faster_is_open_unless_days_are_declared_alike():
    both = arms(1600, days=1)
    assert expectation(both, FASTER, at=SINGLE).state == "undecided"
    alike = replace(both, day_to_day=0.01)
    assert expectation(alike, FASTER, at=SINGLE).state == "met"
    time = expectation(both, FASTER, at=SINGLE).time_to_decision
    assert time.longer_baseline


def test_typical_latency_is_replayed_like_any_other_metric():
    found = replay_placebo_deploys([FASTER], arms(2000), SINGLE)
    assert (found.placebo_deploys, found.apart.windows) == (22, 4)
    assert found.false_alarms <= 4


def test_typical_latency_is_explored():
    found = arms(1600).compare(Scope("f"), metric_named("typical_latency"), (0, 24))
    assert found.decided_by == "plain"
    assert found.crude_post_value == pytest.approx(1600, rel=0.02)
