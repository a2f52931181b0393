"""The search over all features for changes that no claim covers. It decides nothing."""

from __future__ import annotations

import numpy as np

from analysis.config import Claim
from analysis.counting.arms import Arms
from analysis.counting.scope import exactly
from analysis.decision.claims.caveats import find_shared_movement
from analysis.decision.claims.evaluation import (
    ClaimEvaluation,
    count_calls,
    evaluate_claim,
    find_first_event_hour,
)
from analysis.decision.claims.findings import Finding, State
from analysis.decision.claims.power import minimum_detectable_effect
from analysis.decision.comparison import Comparator
from analysis.decision.controls.summary import summarise_controls
from analysis.decision.plan import Plan
from analysis.leaks import display_name
from analysis.metrics import class_rates
from analysis.statistics.multiplicity import benjamini_hochberg
from analysis.statistics.sequential import level_of, z_value

SCANNED = (
    "error_rate",
    "slower_than_p95",
    "typical_latency",
    "latency_mean",
    "total_tokens_mean",
    "calls_per_hour",
)


def scan_features(comparator: Comparator, plan: Plan) -> tuple[Finding, ...]:
    """What moved in any feature, smallest p first.

    `worse` where a metric moved the wrong way beyond chance, by Benjamini-Hochberg over all numbers
    scanned; else `undecided` or `no_data`. Besides SCANNED the rate of each error class that a
    feature has in either arm, so that a new class is found with the hour it began.
    """
    evaluations = [
        evaluate_claim(claim, comparator, plan.hours) for claim in _scanned_claims(comparator.arms)
    ]
    p_values = [found.comparison.p_value() if found.has_data else 1.0 for found in evaluations]
    q_values = benjamini_hochberg(p_values)
    discoveries = sum(q <= plan.alpha for q in q_values)
    # what one discovery more would have had to cross
    bound = z_value(plan.alpha * (discoveries + 1) / max(len(evaluations), 1))
    findings = [
        _make_finding(evaluation, comparator, plan, p_value=p, q_value=q, bound=bound)
        for evaluation, p, q in zip(evaluations, p_values, q_values, strict=True)
    ]
    return tuple(
        sorted(findings, key=lambda found: (found.p_value, found.claim.feature, found.claim.metric))
    )


def _scanned_claims(arms: Arms) -> list[Claim]:
    rates = class_rates(arms.user_classes)
    outcomes: dict[str, set[int]] = {}
    for arm in (arms.baseline, arms.post):
        by_feature = arm.hourly.rows.groupby("feature", observed=True)["outcome"].unique()
        for feature, codes in by_feature.items():
            outcomes.setdefault(str(feature), set()).update(codes)
    return [
        _scanned_claim(feature, metric)
        for feature, codes in sorted(outcomes.items())
        for metric in (*SCANNED, *(rates[code].name for code in sorted(codes) if code in rates))
    ]


def _scanned_claim(feature: str, metric: str) -> Claim:
    """A claim about a name of the data, without the rules for what a person types."""
    name = f"{metric} of {display_name(feature)}"
    return Claim.model_construct(name=name, feature=exactly(feature), metric=metric)


def _make_finding(
    evaluation: ClaimEvaluation,
    comparator: Comparator,
    plan: Plan,
    *,
    p_value: float,
    q_value: float,
    bound: float,
) -> Finding:
    arms, level = comparator.arms, level_of(plan.bound)
    selection = comparator.controls.groups.selection_of(evaluation.scope)
    controls = summarise_controls(evaluation, selection, level)
    is_worse = q_value <= plan.alpha and _moved_wrong_way(evaluation)
    state: State = "worse" if is_worse else "undecided"
    first_hour = find_first_event_hour(evaluation, arms) if _is_new(evaluation, arms) else None
    effect = minimum_detectable_effect(evaluation, bound=bound)
    began_hour = _find_start(evaluation, arms) if first_hour is None else first_hour
    return Finding(
        claim=evaluation.claim,
        state=state if evaluation.has_data else "no_data",
        evaluation=evaluation,
        calls=count_calls(evaluation, arms),
        level=level,
        interval=evaluation.finite_interval(level),
        p_value=p_value,
        p_adjusted=q_value,
        minimum_detectable_effect=effect if evaluation.has_data else None,
        event_hour=first_hour,
        began_hour=began_hour if is_worse and evaluation.has_data else None,
        caveat=find_shared_movement(controls),
        controls=controls,
    )


def _moved_wrong_way(evaluation: ClaimEvaluation) -> bool:
    moved = evaluation.comparison.difference or 0.0
    return moved > 0 if evaluation.metric.worse == "up" else moved < 0


def _is_new(evaluation: ClaimEvaluation, arms: Arms) -> bool:
    """Events after the deploy and none in the whole baseline."""
    if not evaluation.metric.indicator or evaluation.comparison.post_y <= 0:
        return False
    baseline = arms.totals(evaluation.scope, evaluation.metric, evaluation.hours)[0]
    return not (baseline.y * baseline.usable).any()


def _find_start(evaluation: ClaimEvaluation, arms: Arms) -> int:
    """Hour from the deploy at which a change began.

    After the lowest point of the summed excess over half the change.
    """
    comparison = evaluation.comparison
    before = comparison.baseline_y / max(comparison.baseline_n, 1.0)
    after = comparison.post_y / max(comparison.post_n, 1.0)
    post = arms.totals(evaluation.scope, evaluation.metric, evaluation.hours)[1]
    y, n = post.y.sum(axis=(0, 1)), post.n.sum(axis=(0, 1))
    excess = np.cumsum(y - (before + after) / 2 * n) * (1.0 if after >= before else -1.0)
    return int(np.argmin(np.concatenate(([0.0], excess[:-1])))) + evaluation.hours[0]
