"""Placebo deploys inside the baseline are judged by the same code as real ones."""

from __future__ import annotations

import numpy as np

from analysis.counting.scope import Scope
from analysis.decision.claims.evaluation import evaluate_claim
from analysis.decision.placebo import replay_placebo_deploys
from analysis.metrics import metric_named
from analysis.statistics.comparison import compare
from analysis.statistics.placebo_deploys import placebo_deploys
from tests.fixtures.comparators import (
    ONLY,
    any_of,
    arm,
    calls,
    claim,
    comparator,
    plan,
    week,
)

FOUR = plan(0, windows=(4,))
FALLS = claim("falls")


def test_a_steady_week_has_27_placebo_deploys_of_four_hours_and_few_alarms():
    """Each has three days before it."""
    found = replay_placebo_deploys([FALLS], week(before={"timeout": 20}, after={}, hours=4), FOUR)
    assert found.placebo_deploys == 27
    assert found.false_alarms <= 4


def test_a_day_has_none():
    assert (
        replay_placebo_deploys(
            [FALLS], week(before={"timeout": 20}, after={}, hours=4, days=1), FOUR
        ).placebo_deploys
        == 0
    )
    assert (
        replay_placebo_deploys(
            [], week(before={"timeout": 20}, after={}), plan(**ONLY)
        ).placebo_deploys
        == 0
    )


def stepping(days=7):
    """A baseline that itself has a step: ten timeouts an hour, and none on the last day."""
    drawn = np.random.default_rng(0).poisson(10, 24 * days)
    drawn[-24:] = 0
    return comparator(
        arm(-24 * days, 0, calls(-24 * days, 0, per_hour=50, timeout=drawn)),
        arm(0, 24, calls(0, 24, per_hour=50, timeout=10)),
    )


def test_a_step_in_the_baseline_is_counted_as_a_false_alarm():
    at = plan(**ONLY)
    falls = replay_placebo_deploys([FALLS], stepping(), at)
    assert 0 < falls.false_alarms < falls.placebo_deploys
    assert (
        replay_placebo_deploys([claim("falls", feature="nobody")], stepping(), at).false_alarms == 0
    )


def test_a_placebo_deploy_needs_enough_calls_and_a_claim_of_change():
    """A fall on the last day is no alarm without a claim of a fall, or with few calls."""
    at = plan(**ONLY)
    harmless = [claim("below", limit=0.9), claim("stays_zero", "connection_rate", limit=0.5)]
    assert replay_placebo_deploys(harmless, stepping(), at).false_alarms == 0
    few = comparator(
        arm(-168, 0, calls(-168, 0, per_hour=1, timeout=np.arange(168) < 144)),
        arm(0, 24, calls(0, 24, per_hour=1)),
    )
    assert replay_placebo_deploys([FALLS], few, at).false_alarms == 0


def test_a_critical_guardrail_that_is_not_met_is_an_alarm_too():
    """A critical guardrail rolls back at one-sided 5 %, `worse` needs 2.5 %."""
    at, both = plan(**ONLY), week(before={"timeout": 20}, after={"timeout": 20}, seed=3)
    margin = {"margin": 0.02}
    plainly = replay_placebo_deploys([], both, at, guardrails=[claim("no_worse", **margin)])
    critical = replay_placebo_deploys(
        [], both, at, guardrails=[claim("no_worse", critical=True, **margin)]
    )
    assert critical.false_alarms >= plainly.false_alarms


def test_guardrails_and_alternatives_are_replayed():
    at, both = plan(**ONLY), stepping()
    rises = replay_placebo_deploys([], both, at, guardrails=[claim("no_worse", margin=0.01)])
    assert rises.placebo_deploys > 0
    either = any_of(FALLS, claim("falls", "connection_rate"))
    assert (
        replay_placebo_deploys([either], both, at).false_alarms
        <= replay_placebo_deploys([FALLS], both, at).false_alarms
    )


def test_a_placebo_deploy_is_evaluated_like_a_real_one():
    both = stepping()
    baseline = both.arms.totals(Scope("f"), metric_named("timeout_rate"), (0, 24))[0]
    deploy = next(placebo_deploys(baseline, hours=24))
    evaluation = evaluate_claim(FALLS, both, (0, 24), placebo=deploy)
    plain = compare(deploy.baseline, deploy.post, indicator=True, first_hour=deploy.first_hour)
    assert evaluation.comparison.p_value() == plain.p_value()
    assert evaluation.comparison.interval() == plain.interval()
    assert evaluation.decisive is evaluation.comparison
