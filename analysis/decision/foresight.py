"""What the planned looks will be able to see: known from the baseline alone, before the deploy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

from analysis.config.settings import Claim
from analysis.counting.arm import Arm
from analysis.counting.scope import Cycle
from analysis.counts import EventCounts, HourlyBins, HourlyCounts, LatencyCounts
from analysis.decision.claims import Arms, evaluate_claim
from analysis.statistics.comparison import compare
from analysis.statistics.detectable_effect import (
    calls_needed,
    detectable_difference,
    hours_needed,
)
from analysis.statistics.placebo_deploys import placebo_deploys
from analysis.statistics.sequential import bounds


@dataclass(frozen=True)
class Seen:
    """What one look would see: None where it is not known.

    Attributes
    ----------
    value : of the metric in the baseline.
    visible : the smallest change that the look would see with 80 % power.
    needed : the metric's n (calls, for most) after the deploy that would show a change of the size that the claim is about.
    """

    value: float | None = None
    visible: float | None = None
    needed: int | None = None


def forecast_looks(
    claims: Sequence[Claim],
    baseline: Arm,
    *,
    looks: Sequence[tuple[str, int]],
    alpha: float,
    smallest_useful: float = 0.1,
    user_classes: tuple[str, ...] = (),
) -> list[dict[str, Any]]:
    """Per claim and planned look (label, hours): the baseline's value, the smallest change that look would see, the calls needed.

    Needed for a change of the size that the claim is about: `by`, the margin, the distance to the limit, all of it where it shall stay
    at zero; `smallest_useful` where the claim names no size. Both with 80 % power. The spread is that of a pretended deploy in the last
    hours of the baseline; None where the baseline is too short to pretend one.
    """
    times = tuple(hours / looks[-1][1] for _, hours in looks)
    alone = Arms(baseline, _nothing(baseline), Cycle.of(*baseline.hours), user_classes)
    rows = []
    for claim in claims:
        for part in claim.any_of or (claim,):
            for (label, hours), bound in zip(looks, bounds(times, alpha), strict=True):
                seen = _foresee(part, alone, hours, bound, smallest_useful)
                rows.append(
                    {
                        "name": claim.name,
                        "feature": part.feature,
                        "source": part.source,
                        "metric": part.metric,
                        "claim": part.claim,
                        "by": part.by,
                        "window": label,
                        "baseline": seen.value,
                        "smallest_visible_change": seen.visible,
                        "calls_needed": seen.needed,
                    }
                )
    return rows


def _foresee(claim: Claim, arms: Arms, hours: int, bound: float, smallest_useful: float) -> Seen:
    evaluation = evaluate_claim(claim, arms, (0, hours))
    totals = arms.totals(evaluation.scope, evaluation.metric, (0, hours))[0]
    deploys = list(placebo_deploys(totals, hours=min(hours, arms.cycle.hours)))
    n = float((totals.n * totals.usable).sum())
    value = float((totals.y * totals.usable).sum()) / n if n else None
    if not deploys:
        return Seen(value)
    last = deploys[-1]
    found = compare(
        last.baseline, last.post, indicator=evaluation.metric.indicator, first_hour=last.first_hour
    )
    visible = detectable_difference(found.variance, found.df, bound=bound)
    size = _size_of(claim, value or 0.0, smallest_useful)
    enough = hours_needed(
        found.variance_parts(),
        found.df,
        bound=bound,
        effect=size,
        hours=hours,
        cycle=arms.cycle.hours,
    )
    needed = calls_needed(enough, post_n=found.post_n, post_hours=hours)
    return Seen(value, visible if isfinite(visible) else None, needed)


def _size_of(claim: Claim, value: float, smallest_useful: float) -> float:
    """The change that a claim is about, in the metric's unit."""
    if claim.claim == "below" and claim.limit is not None:
        return abs(claim.limit - value)
    if claim.claim == "stays_zero":
        return value
    return (claim.by or claim.margin or claim.smallest_useful or smallest_useful) * value


def _nothing(baseline: Arm) -> Arm:
    empty = (LatencyCounts.empty(), HourlyCounts.empty(), HourlyBins.empty(), EventCounts.empty())
    return Arm(baseline.window, (0, 0), *empty, limits=baseline.limits, quality=baseline.quality)
