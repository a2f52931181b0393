"""What the planned looks will detect, known from the baseline alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp, isfinite

from analysis.config import Claim
from analysis.counting.arm import Arm
from analysis.counting.arms import Arms
from analysis.counting.scope import scope_of
from analysis.decision.claims.evaluation import metric_of
from analysis.decision.plan import Plan
from analysis.statistics.baseline.between_days import DAY_TO_DAY
from analysis.statistics.comparison import compare
from analysis.statistics.detectable_effect import (
    calls_needed,
    detectable_difference,
    hours_needed,
)
from analysis.statistics.placebo_deploys import placebo_deploys


@dataclass(frozen=True)
class PowerForecast:
    """What one planned look will detect of one claim, with 80 % power. None where it is not known.

    Attributes
    ----------
    claim : a single claim.
    window : the look's name.
    baseline_value : of the metric, over the whole baseline.
    minimum_detectable_effect : the smallest change that the look detects, in the metric's unit.
    calls_needed : the metric's n (calls, for most) after the deploy that detect a change of the
        claim's size.
    """

    claim: Claim
    window: str
    baseline_value: float | None = None
    minimum_detectable_effect: float | None = None
    calls_needed: int | None = None


def forecast_looks(
    claims: Sequence[Claim],
    baseline: Arm,
    plans: Mapping[str, Plan],
    *,
    smallest_useful: float,
    day_to_day: float = DAY_TO_DAY,
    user_classes: tuple[str, ...] = (),
) -> list[PowerForecast]:
    """What each planned look, by its name, will detect of each single claim.

    The claim's size is `by`, the margin, the distance to the limit, the whole rate where it should
    stay zero, else `smallest_useful`. The variance is that of a placebo deploy in the last hours of
    the baseline; a baseline too short for one leaves the forecast open.
    """
    nothing = Arm.empty(baseline.window, (0, 0), limits=baseline.limits)
    arms = Arms(baseline, nothing, user_classes)
    return [
        _forecast(part, arms, window, plan, smallest_useful=smallest_useful, day_to_day=day_to_day)
        for claim in claims
        for part in claim.parts
        for window, plan in plans.items()
    ]


def _forecast(
    claim: Claim,
    arms: Arms,
    window: str,
    plan: Plan,
    *,
    smallest_useful: float,
    day_to_day: float,
) -> PowerForecast:
    metric, hours, cycle = metric_of(claim, arms), plan.n_hours, arms.cycle.hours
    totals = arms.totals(scope_of(claim), metric, plan.hours)[0]
    y, n = (float((sums * totals.usable).sum()) for sums in (totals.y, totals.n))
    value = (exp(y / n) if metric.log_scale else y / n) if n else None
    deploys = list(placebo_deploys(totals, hours=min(hours, cycle)))
    if not deploys:
        return PowerForecast(claim, window, value)
    last, bound = deploys[-1], plan.bound
    found = compare(
        last.baseline,
        last.post,
        indicator=metric.indicator,
        log_scale=metric.log_scale,
        first_hour=last.first_hour,
        day_to_day=day_to_day,
    )
    effect = detectable_difference(found.variance, found.df, bound=bound)
    enough = hours_needed(
        found.variance_parts(),
        found.df,
        bound=bound,
        effect=_size_of(claim, value or 0.0, smallest_useful),
        hours=hours,
        cycle=cycle,
        fixed=found.between_days,
    )
    needed = calls_needed(enough, post_n=found.post_n, post_hours=hours)
    return PowerForecast(claim, window, value, effect if isfinite(effect) else None, needed)


def _size_of(claim: Claim, value: float, smallest_useful: float) -> float:
    """The change that a claim is about, in the metric's unit."""
    if claim.kind.rule == "no_event":
        return value
    if claim.limit is not None:
        return abs(claim.limit - value)
    return (claim.size or claim.smallest_useful or smallest_useful) * value
