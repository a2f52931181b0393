"""The search for harm that no rule covers: every feature by itself, in one family."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.config import Claim
from analysis.config.settings import Accepted, RegressionSearch
from analysis.counting.arms import Arms
from analysis.counting.scope import exactly, fits_any
from analysis.decision.claims.accepted_changes import (
    expected_features,
    find_accepted,
    known_features,
)
from analysis.decision.claims.bursts import find_burst
from analysis.decision.claims.caveats import find_shared_movement
from analysis.decision.claims.evaluation import (
    ClaimEvaluation,
    count_calls,
    evaluate_claim,
    find_first_event_hour,
    metric_of,
)
from analysis.decision.claims.findings import Finding
from analysis.decision.comparison import Comparator
from analysis.decision.controls.summary import summarise_controls
from analysis.decision.plan import Plan
from analysis.leaks import display_name
from analysis.metrics import class_rates
from analysis.statistics.harm.families import HarmResult, find_harm
from analysis.statistics.sequential import level_of

FEWEST_BAD_EVENTS = 10
NEW_FEATURE_LIMIT = 0.05
"""Failures of a feature that is new since the deploy: this, or the rollout's own median."""
PRICES = ("latency_mean", "total_tokens_mean")
"""Shown as the price of a fix, with the metrics of the search and of the guardrails."""
MOST_MOVED = 0.5
"""Where more of the features than this moved, it is the provider, not each of them."""


@dataclass(frozen=True)
class HarmSearch:
    """What the search found.

    Attributes
    ----------
    regressions : features that were harmed, the most certain first; a burst is undecided.
    price_of_fix : what rose in features that an expectation names, where the team chose it.
    """

    regressions: tuple[Finding, ...] = ()
    price_of_fix: tuple[Finding, ...] = ()


def search_harm(
    comparator: Comparator,
    plan: Plan,
    search: RegressionSearch,
    *,
    expectations: Sequence[Claim] = (),
    guardrails: Sequence[Claim] = (),
    accepted: Sequence[Accepted] = (),
) -> HarmSearch:
    """Every feature x metric on the side of harm: Holm with spending over all of them.

    A rate counts with growth of at least `min_ratio` and 10 bad events, a time with `min_slowdown`.
    What only one burst shows is undecided. An error class or a feature that is new since the deploy
    belongs to it. A pair that a guardrail names has a margin of its own and is left out.
    """
    expected = expected_features(expectations, comparator.arms)
    claims = _searched_claims(comparator.arms, search, guardrails)
    searched = [
        found
        for found in (evaluate_claim(claim, comparator, plan.hours) for claim in claims)
        if not (found.claim.feature in expected and found.metric.kind.is_price)
    ]
    metrics = [*search.metrics, *PRICES]
    metrics += [claim.metric for claim in guardrails if claim.metric]
    prices = [
        evaluate_claim(claim, comparator, plan.hours)
        for claim in _claims_of(sorted(expected), list(dict.fromkeys(metrics)))
        if metric_of(claim, comparator.arms).kind.is_price
    ]
    results = _find_harm(searched, accepted, plan)
    regressions = [
        _make_finding(found, comparator, plan, harm, find_burst(found, comparator))
        for found, harm in zip(searched, results, strict=True)
        if harm.at_bound and _is_large(found, search)
    ]
    shown = [
        _make_finding(found, comparator, plan, harm, (), is_harm=False)
        for found, harm in zip(prices, _find_harm(prices, (), plan), strict=True)
        if harm.at_bound
    ]
    return HarmSearch(tuple(sorted(regressions, key=_rank)), tuple(sorted(shown, key=_rank)))


def find_moved_features(
    comparator: Comparator, plan: Plan, search: RegressionSearch
) -> frozenset[str]:
    """Features that changed by themselves, in either direction, by plain comparisons.

    They are no controls. None where most features moved: that is the provider.
    """
    plain = comparator.with_controls(use=())
    names = known_features(comparator.arms)
    found = [
        evaluate_claim(claim, plain, plan.hours) for claim in _claims_of(names, search.metrics)
    ]
    one_sided = [one.comparison.p_value() / 2 if one.has_data else 1.0 for one in found]
    results = find_harm(one_sided, times=plan.times, look=plan.look, alpha=plan.alpha)
    moved = {
        str(one.claim.feature)
        for one, result in zip(found, results, strict=True)
        if result.at_bound and _has_ratio(one, search)
    }
    return frozenset(moved) if len(moved) <= MOST_MOVED * len(names) else frozenset()


def _searched_claims(
    arms: Arms, search: RegressionSearch, guardrails: Sequence[Claim]
) -> Iterator[Claim]:
    named = {
        (part.feature, part.metric) for claim in guardrails for part in claim.parts if part.feature
    }
    before, after = (_outcomes(arm.hourly.rows) for arm in (arms.baseline, arms.post))
    names = [name for name in known_features(arms) if not fits_any(search.exceptions, name)]
    old = [name for name in names if name in before]
    rates = class_rates(arms.user_classes)
    new_classes = [
        (name, rates[code].name)
        for name in old
        for code in sorted(after.get(name, set()) - before[name])
        if code in rates
    ]
    pairs = [(name, metric) for name in old for metric in search.metrics]
    for feature, metric in dict.fromkeys((*pairs, *new_classes)):
        if (feature, metric) not in named:
            yield _claim(feature, metric, is_critical=search.critical)
    limit = max(NEW_FEATURE_LIMIT, _median_error_rate(arms))
    for feature in names:
        if feature not in before and search.metrics:
            yield Claim.model_construct(
                name=f"failures of the new feature {display_name(feature)}",
                feature=exactly(feature),
                metric="error_rate",
                claim="below",
                limit=limit,
                critical=search.critical,
            )


def _claims_of(features: Sequence[str], metrics: Sequence[str]) -> list[Claim]:
    return [
        _claim(feature, metric, is_critical=False) for feature in features for metric in metrics
    ]


def _claim(feature: str, metric: str, *, is_critical: bool) -> Claim:
    """A claim about a name of the data, without the rules for what a person types."""
    return Claim.model_construct(
        name=f"{metric} of {display_name(feature)}",
        feature=exactly(feature),
        metric=metric,
        critical=is_critical,
    )


def _outcomes(rows: pd.DataFrame) -> dict[str, set[int]]:
    by_feature = rows.groupby("feature", observed=True)["outcome"].unique()
    return {str(feature): {int(code) for code in codes} for feature, codes in by_feature.items()}


def _median_error_rate(arms: Arms) -> float:
    rows = arms.baseline.hourly.rows
    if rows.empty:
        return 0.0
    calls = rows.groupby("feature", observed=True)["calls"].sum()
    failed = rows[rows["outcome"] > 0].groupby("feature", observed=True)["calls"].sum()
    return float(np.median((failed.reindex(calls.index).fillna(0) / calls).to_numpy(dtype=float)))


def _find_harm(
    evaluations: Sequence[ClaimEvaluation], accepted: Collection[Accepted], plan: Plan
) -> list[HarmResult]:
    p_values = [
        1.0 if find_accepted(one, accepted) is not None else one.p_harm_one_sided
        for one in evaluations
    ]
    return find_harm(p_values, times=plan.times, look=plan.look, alpha=plan.alpha)


def _is_large(evaluation: ClaimEvaluation, search: RegressionSearch) -> bool:
    """Growth that is acted on: of at least the declared ratio, and of rates 10 bad events."""
    is_rare = evaluation.metric.indicator and evaluation.decisive.post_y < FEWEST_BAD_EVENTS
    return not is_rare and _has_ratio(evaluation, search)


def _has_ratio(evaluation: ClaimEvaluation, search: RegressionSearch) -> bool:
    if evaluation.kind.null == "limit":
        return True
    ratio = evaluation.comparison.ratio
    ratio = math.inf if ratio is None else ratio
    growth = max(ratio, 1.0 / ratio if ratio else math.inf)
    smallest = search.min_slowdown if evaluation.metric.unit == "ms" else search.min_ratio
    return growth >= smallest


def _make_finding(
    evaluation: ClaimEvaluation,
    comparator: Comparator,
    plan: Plan,
    harm: HarmResult,
    burst: tuple[int, ...],
    *,
    is_harm: bool = True,
) -> Finding:
    arms, level = comparator.arms, level_of(plan.bound)
    selection = comparator.controls.groups.selection_of(evaluation.scope)
    controls = summarise_controls(evaluation, selection, level)
    baseline = arms.totals(evaluation.scope, evaluation.metric, evaluation.hours)[0]
    is_new = evaluation.metric.indicator and not (baseline.y * baseline.usable).any()
    return Finding(
        claim=evaluation.claim,
        state="worse" if is_harm and not burst else "undecided",
        evaluation=evaluation,
        calls=count_calls(evaluation, arms),
        level=level,
        interval=evaluation.finite_interval(level),
        p_value=evaluation.p_value() if evaluation.has_null else None,
        p_adjusted=harm.p_adjusted,
        event_hour=find_first_event_hour(evaluation, arms) if is_new else None,
        caveat=find_shared_movement(controls),
        controls=controls,
        burst_hours=burst,
    )


def _rank(finding: Finding) -> tuple[bool, float]:
    return finding.state != "worse", 1.0 if finding.p_adjusted is None else finding.p_adjusted
