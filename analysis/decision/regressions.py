"""The scan nobody asked for: every feature, the metrics that matter anywhere, corrected by Benjamini-Hochberg. It decides nothing."""

from __future__ import annotations

import numpy as np

from analysis.config.settings import Claim
from analysis.decision.caveats import shared_with_controls
from analysis.decision.claims import Arms, ClaimEvaluation, Plan, evaluate_claim
from analysis.decision.findings import Finding, first_event_hour, known_interval
from analysis.decision.power import minimum_detectable_effect
from analysis.metrics import class_rates
from analysis.statistics.multiplicity import benjamini_hochberg
from analysis.statistics.sequential import level_of, z_value

SCANNED = ("error_rate", "slower_than_p95", "latency_mean", "total_tokens_mean", "calls_per_hour")


def scan_features(arms: Arms, plan: Plan) -> tuple[Finding, ...]:
    """What moved in any feature: `worse` where it moved the wrong way beyond chance, else `undecided` or `no_data`; smallest p first.

    Besides SCANNED, the rate of each error class that a feature has in either arm: a class that appears only after the deploy is
    found with the hour it began, and so is every growth.
    """
    evaluation = [evaluate_claim(claim, arms, plan.hours) for claim in _scanned_claims(arms)]
    p_values = [found.comparison.p_value() if found.has_data else 1.0 for found in evaluation]
    adjusted = benjamini_hochberg(p_values)
    found_so_far = sum(q <= plan.alpha for q in adjusted)
    bound = z_value(
        plan.alpha * (found_so_far + 1) / max(len(evaluation), 1)
    )  # what one discovery more would have had to cross
    findings = [
        _finding(found, p, q, plan, bound=bound)
        for found, p, q in zip(evaluation, p_values, adjusted, strict=True)
    ]
    return tuple(
        sorted(findings, key=lambda found: (found.p_value, found.claim.feature, found.claim.metric))
    )


def _scanned_claims(arms: Arms) -> list[Claim]:
    features = sorted(
        {
            *arms.baseline.hourly.rows["feature"].dropna().unique(),
            *arms.post.hourly.rows["feature"].dropna().unique(),
        }
    )
    return [
        Claim(name=f"{metric} of {feature}", feature=feature, metric=metric)
        for feature in features
        for metric in (*SCANNED, *_class_rates(arms, feature))
    ]


def _class_rates(arms: Arms, feature: str) -> list[str]:
    rates = class_rates(arms.user_classes)
    seen: set[int] = set()
    for arm in (arms.baseline, arms.post):
        seen |= set(arm.hourly.rows.loc[arm.hourly.rows["feature"] == feature, "outcome"].unique())
    return [rates[code].name for code in sorted(seen) if code in rates]


def _finding(
    evaluation: ClaimEvaluation, p: float, adjusted: float, plan: Plan, *, bound: float
) -> Finding:
    comparison, level = evaluation.comparison, level_of(plan.bound)
    moved = comparison.difference or 0.0
    wrong_way = moved > 0 if evaluation.metric.worse == "up" else moved < 0
    state = (
        "no_data"
        if not evaluation.has_data
        else "worse"
        if wrong_way and adjusted <= plan.alpha
        else "undecided"
    )
    return Finding(
        claim=evaluation.claim,
        state=state,
        evaluation=evaluation,
        interval=known_interval(comparison, level),
        level=level,
        p_value=p,
        p_adjusted=adjusted,
        minimum_detectable_effect=minimum_detectable_effect(evaluation, bound=bound)
        if evaluation.has_data
        else None,
        looks_share_alpha=plan.looks_share_alpha,
        event_hour=first_event_hour(evaluation) if _is_new(evaluation) else None,
        began_hour=_began_hour(evaluation) if state == "worse" else None,
        caveat=shared_with_controls(evaluation, plan),
    )


def _is_new(evaluation: ClaimEvaluation) -> bool:
    """Events after the deploy and none in the whole baseline."""
    if not evaluation.metric.indicator or evaluation.comparison.post_y <= 0:
        return False
    baseline = evaluation.arms.totals(evaluation.scope, evaluation.metric, evaluation.hours)[0]
    return not (baseline.y * baseline.usable).any()


def _began_hour(evaluation: ClaimEvaluation) -> int:
    """Hour from the deploy at which the change began: after the lowest point of the summed excess over half the change."""
    if _is_new(evaluation):
        return first_event_hour(evaluation)
    comparison = evaluation.comparison
    post = evaluation.arms.totals(evaluation.scope, evaluation.metric, evaluation.hours)[1]
    between = (comparison.crude_baseline_value + comparison.crude_post_value) / 2
    excess = np.cumsum(post.y.sum(axis=(0, 1)) - between * post.n.sum(axis=(0, 1)))
    sign = 1.0 if comparison.crude_post_value >= comparison.crude_baseline_value else -1.0
    return int(np.argmin(np.concatenate(([0.0], sign * excess[:-1])))) + evaluation.hours[0]
