"""What controls do to comparisons, findings and verdicts, and to the replay."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from analysis.counting.scope import Scope
from analysis.decision.claims.evaluation import evaluate_claim
from analysis.decision.claims.sustained import SustainedDecision, decide_sustained
from analysis.decision.comparison import Comparator
from analysis.decision.controls.selection import ControlCandidates
from analysis.decision.controls.slowness_series import slowness_series
from analysis.decision.placebo import replay_control_groups, replay_placebo_deploys
from analysis.decision.verdict import decide_verdict
from analysis.metrics import metric_named
from analysis.results.build_finding import build_finding
from analysis.statistics.comparison import compare
from analysis.statistics.controls.comparison import (
    ProportionalComparison,
    combine_comparisons,
)
from analysis.text import RESULT_WORDS
from analysis.text.verdict import verdict_reason
from benchmarks.controls_parts.rollouts import SCENARIOS, judge_rollout
from tests.fixtures import comparators
from tests.fixtures.comparators import ONLY, arm, calls, claim, expectation, guardrail, plan, spoken
from tests.fixtures.provider_days import (
    DAYS,
    HOURS,
    MEAN,
    P95,
    SHARED,
    TIMEOUTS,
    shared_day,
    two_arms,
    wave,
    with_errors,
)


# ---- comparisons ----
def test_a_quiet_day_is_decided_by_the_adjusted_comparison():
    both = shared_day(effect=1.05, strength=0.15)
    found = both.compare(Scope("f"), MEAN, (0, HOURS))
    assert found.decided_by == "adjusted"
    assert found.adjusted.slope.value == pytest.approx(1.0, abs=0.1)
    assert found.p_value() < found.plain.p_value() / 10
    assert found.variance < found.plain.variance / 4
    assert found.ratio == pytest.approx(1.05, abs=0.01)
    assert found.crude_baseline_value == found.plain.crude_baseline_value


def test_a_slow_provider_asks_all_three_and_nothing_is_shown():
    both = shared_day(provider=1.4, own=0.05)
    found = both.compare(Scope("f"), MEAN, (0, HOURS))
    assert found.decided_by == "plain, adjusted and proportional"
    assert found.plain.p_value() < 0.001
    assert found.p_value() > 0.05
    assert found.proportional.factor == pytest.approx(1.4, abs=0.1)


def test_without_controls_and_for_metrics_of_other_things_the_plain_comparison_stands():
    both = shared_day(provider=1.4)
    off = both.with_controls(use=())
    for metric in (MEAN, P95, TIMEOUTS):
        found = off.compare(Scope("f"), metric, (0, HOURS))
        plain = compare(
            *both.arms.totals(Scope("f"), metric, (0, HOURS)), indicator=metric.indicator
        )
        assert (found.decided_by, found.p_value(), found.interval()) == (
            "plain",
            plain.p_value(),
            plain.interval(),
        )
    assert both.compare(Scope("f"), metric_named("total_tokens_mean"), (0, HOURS)).controls is None


def test_a_control_that_is_looked_at_is_not_its_own_control():
    found = shared_day().compare(Scope("a"), MEAN, (0, HOURS))
    assert found.controls.index.names == ("b", "c")


def test_a_pattern_may_hold_its_own_controls():
    assert shared_day().compare(Scope("*"), MEAN, (0, HOURS)).controls.index.names == (
        "a",
        "b",
        "c",
    )


def test_a_touched_control_is_named_and_left_out():
    both = shared_day(own=0.01)
    rows = both.arms.post.hourly.rows
    is_b = rows["feature"] == "b"
    slower = rows.assign(
        latency_ms=rows["latency_ms"].where(~is_b, rows["latency_ms"] * 3),
        capped_ms=rows["capped_ms"].where(~is_b, rows["capped_ms"] * 3),
    )
    post = replace(both.arms.post, hourly=type(both.arms.post.hourly).of(slower))
    touched = replace(both, arms=replace(both.arms, post=post))
    found = touched.compare(Scope("f"), MEAN, (0, HOURS))
    assert found.controls.dropped == ("b",)
    assert found.controls.index.names == ("a", "c")


def test_errors_that_rise_everywhere_are_vetoed_and_errors_of_one_feature_are_not():
    rate = metric_named("http_5xx_rate")
    everywhere = with_errors((1, 3), (1, 3)).compare(Scope("f"), rate, (0, HOURS))
    assert everywhere.decided_by == "plain and proportional"
    assert everywhere.plain.p_value() < 0.01
    assert everywhere.p_value() > 0.05
    assert everywhere.controls.class_movement == pytest.approx(2.0, abs=0.4)
    alone = with_errors((1, 3), (1, 1)).compare(Scope("f"), rate, (0, HOURS))
    assert alone.p_value() == alone.plain.p_value() < 0.01
    more = with_errors((1, 9), (1, 3)).compare(Scope("f"), rate, (0, HOURS))
    assert more.plain.p_value() < more.p_value() < 0.01


@pytest.mark.parametrize(
    "said",
    [
        claim("falls", "rate_limit_rate"),
        claim("no_worse", "rate_limit_rate", margin=0.1),
        claim("below", "rate_limit_rate", limit=0.05),
    ],
)
def test_errors_that_the_others_never_had_count_half_an_event_before(said):
    """The ratio of the class in the controls stays finite."""
    rng = np.random.default_rng(3)
    before = [calls(-168, 0, per_hour=60, rate_limit=rng.poisson(2, 168))]
    after = [calls(0, 24, per_hour=60, rate_limit=rng.poisson(8, 24))]
    for name in ("a", "b"):
        before.append(calls(-168, 0, per_hour=40, feature=name))
        after.append(calls(0, 24, per_hour=40, feature=name, rate_limit=1))
    both = comparators.comparator(arm(-168, 0, *before), arm(0, 24, *after))
    candidates = ControlCandidates(("a", "b"), dict.fromkeys(("a", "b", "f"), "m"))
    found = expectation(replace(both, candidates=candidates), said, at=plan(**ONLY))
    assert 1 < found.evaluation.decisive.proportional.factor < np.inf
    assert build_finding(found, RESULT_WORDS).as_json()["controls"]["class_movement"] > 0


def test_many_errors_of_one_control_are_no_movement_of_the_provider():
    """The sum of three controls rises; two of them did not."""
    before = [calls(-168, 0, per_hour=60, rate_limit=2)]
    after = [calls(0, 24, per_hour=60, rate_limit=8)]
    for name, errors in (("a", 30), ("b", 1), ("c", 1)):
        before.append(calls(-168, 0, per_hour=40, feature=name, rate_limit=1))
        after.append(calls(0, 24, per_hour=40, feature=name, rate_limit=errors))
    both = comparators.comparator(arm(-168, 0, *before), arm(0, 24, *after))
    names = ("a", "b", "c")
    candidates = ControlCandidates(names, dict.fromkeys((*names, "f"), "m"))
    rate = metric_named("rate_limit_rate")
    found = replace(both, candidates=candidates).compare(Scope("f"), rate, (0, HOURS))
    assert found.decided_by == "plain"
    assert found.controls.class_movement is None


def test_a_claim_must_hold_under_every_correction_not_only_the_strongest():
    plain = (
        with_errors((4, 6), (1, 1))
        .compare(Scope("f"), metric_named("http_5xx_rate"), (0, HOURS))
        .plain
    )
    weaker, strongest = ProportionalComparison(plain, 1.5), ProportionalComparison(plain, 0.4)
    alone = combine_comparisons(plain, corrections=(strongest,), moved=True)
    both = combine_comparisons(plain, corrections=(strongest, weaker), moved=True)
    assert alone.p_value() < 0.05 < both.p_value()
    assert both.decided_by == "plain and proportional"


def test_a_limit_needs_the_plain_comparison_too():
    """The controls stood still, so the adjusted comparison decides, with the plain one."""
    still = next(
        both
        for both in (shared_day(own=0.01 * number) for number in range(1, 9))
        if not both.compare(Scope("f"), MEAN, (0, HOURS)).moved
    )
    found = still.compare(Scope("f"), MEAN, (0, HOURS), post_alone=True)
    for limit in (1900.0, 2000.0, 2100.0):
        asked = (
            found.plain.p_value_against(limit, alternative="less"),
            found.adjusted.comparison.p_value_against(limit, alternative="less"),
        )
        assert found.p_value_against(limit, alternative="less") == max(asked)


def test_the_trailing_hours_are_adjusted_for_the_controls_too():
    """Better for 18 hours, then faster only because the provider is: it does not last."""
    hours = np.arange(DAYS * 24 + HOURS)
    fast = np.where(hours >= DAYS * 24, 0.65, 1.0)
    own = np.where((hours >= DAYS * 24) & (hours < DAYS * 24 + 18), 0.5, 1.0)
    features = {
        name: {"ms": 1000 * (2 + n) * fast * wave(10 + n, 0.02)} for n, name in enumerate(SHARED)
    }
    both = two_arms(features | {"f": {"ms": 2000 * fast * own * wave(20, 0.02)}})
    at = plan(**ONLY)
    found = expectation(both, claim("falls", "latency_mean"), at=at)
    sustained = decide_sustained([found], [], both, at, sustained_for=timedelta(hours=6))
    assert (found.state, sustained.holds) == ("met", False)


def test_timeouts_are_compared_with_those_that_the_new_pace_alone_causes():
    """Half of the hours are within 25 % of the cap: a provider 40 % slower cuts them off."""
    common, post = wave(1, 0.1), np.arange(DAYS * 24 + HOURS) >= DAYS * 24
    features = {
        name: {"ms": 3000 * common * np.where(post, 1.4, 1.0) * wave(10 + number, 0.02)}
        for number, name in enumerate(SHARED)
    }
    near = np.tile([16_000, 8_000], (DAYS * 24 + HOURS) // 2)
    cut = np.where(post & (near > 14_000), 38, np.random.default_rng(3).poisson(1.0, post.size))
    features["f"] = {"ms": near, "failed": {"timeout": (cut[: DAYS * 24], cut[DAYS * 24 :])}}
    both = two_arms(features)
    found = both.compare(Scope("f"), TIMEOUTS, (0, HOURS))
    assert found.plain.p_value() < 1e-6
    assert found.decided_by == "plain and proportional"
    assert found.proportional.factor > 5


# ---- findings and verdict ----
def judged(both: Comparator, expected, limited) -> tuple[str, str]:
    at = plan(**ONLY)
    expectations, guardrails = (
        (expectation(both, expected, at=at),),
        (guardrail(both, limited, at=at),),
    )
    shared = {
        "checks": (),
        "moved_cliffs": (),
        "sustained": SustainedDecision("exploratory"),
        "is_last": True,
    }
    verdict = decide_verdict(expectations=expectations, guardrails=guardrails, **shared)
    return verdict.name, spoken(verdict_reason(verdict))


def test_a_slow_provider_is_no_roll_back_and_the_reason_says_why():
    claims = claim("falls", "latency_mean"), claim("no_worse", "rmst", margin=0.1, critical=True)
    both = shared_day(provider=1.4, own=0.05)
    plain = both.with_controls(use=())
    assert judged(plain, *claims)[0] == "roll_back"
    name, reason = judged(both, *claims)
    assert name == "keep_watching"
    assert (
        "stays undecided: the 3 control features were 40.7 % slower too, so the provider, or a"
        in reason
    )


def test_absolute_limits_are_compared_with_controls_too():
    both = shared_day(provider=1.4, own=0.05)
    limit = guardrail(
        both, claim("below", "latency_mean", limit=2400, critical=True), at=plan(**ONLY)
    )
    assert limit.state == "undecided"
    assert guardrail(both.with_controls(use=()), limit.claim, at=plan(**ONLY)).state in (
        "worse",
        "not_met",
    )


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_rollouts_from_rows(seed):
    """A bounded part of benchmarks/controls.py, which judges 50 of each."""
    slow, alone, _ = (
        judge_rollout(seed, target=target, others=others) for target, others in SCENARIOS.values()
    )
    assert slow["auto"][0] != "roll_back"
    assert alone["auto"][0] == "roll_back" or alone["off"][0] != "roll_back"


# ---- series, health, other controls ----
def test_slowness_around_the_deploy():
    both = shared_day(provider=1.4)
    evaluation = evaluate_claim(claim("falls", "latency_mean"), both, (0, HOURS))
    around = slowness_series(evaluation, both.arms)
    assert (around.hours[0], around.hours[-1], around.names) == (-DAYS * 24, HOURS - 1, SHARED)
    assert np.nanmean(around.controls[around.hours >= 0]) == pytest.approx(0.4, abs=0.1)
    assert abs(np.nanmean(around.controls[around.hours < 0])) < 0.01
    assert (
        np.nanstd(around.adjusted[around.hours < 0])
        < np.nanstd(around.target[around.hours < 0]) / 2
    )
    off = evaluate_claim(claim("falls", "latency_mean"), both.with_controls(use=()), (0, HOURS))
    assert slowness_series(off, both.arms) is None


def test_control_groups_are_judged_at_placebo_deploys():
    both, at = shared_day(provider=1.4), plan(0, windows=(4,))
    of_f = [claim("falls", "latency_mean"), claim("falls", "rmst", source="s")]
    of_a = claim("falls", "latency_mean", feature="a")
    found = replay_control_groups([*of_f, of_a], both, at)
    assert found.placebo_deploys == 2 * 27  # f has one control group, a another one
    assert found.false_alarms <= 8
    assert replay_control_groups(of_f, both.with_controls(use=()), at).placebo_deploys == 0


def test_the_replay_also_judges_with_controls():
    """Hours in which every feature was slow raise alarms without controls, not with them."""
    slow, hours = (
        1 + 0.8 * (np.arange(DAYS * 24 + HOURS) % 29 < 4),
        plan(**{"windows": (4,), "look": 0}),
    )
    both = two_arms(
        {
            name: {"ms": 2000 * slow * wave(30 + number, 0.01)}
            for number, name in enumerate((*SHARED, "f"))
        }
    )
    with_controls = replay_placebo_deploys([claim("rises", "latency_mean")], both, hours)
    plain = replay_placebo_deploys(
        [claim("rises", "latency_mean")],
        both.with_controls(use=()),
        hours,
    )
    assert with_controls.placebo_deploys == plain.placebo_deploys == 27
    assert with_controls.false_alarms < plain.false_alarms


def test_other_controls_can_be_tried():
    both = shared_day()
    asked = (Scope("f"), MEAN, (0, HOURS))
    assert both.with_controls(use=()).compare(*asked).decided_by == "plain"
    for others, names in (
        (both.with_controls(leave_out=("b",)), ("a", "c")),
        (both.with_controls(use=("b", "c")), ("b", "c")),
        (both.with_controls(), SHARED),
        (both, SHARED),
    ):
        assert others.compare(*asked).controls.index.names == names
