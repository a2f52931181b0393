"""What a look could have detected, and how long until a claim is decided at today's traffic."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from analysis.counting.arms import Arms
from analysis.counting.scope import Cycle
from analysis.decision.claims.evaluation import FEWEST_EVENTS, FEWEST_N, ClaimEvaluation
from analysis.decision.plan import Plan
from analysis.statistics.detectable_effect import detectable_difference, hours_needed
from analysis.statistics.sequential import bounds, z_value

ONE_SIDED = 0.05
ONE_SIDED_BOUND = z_value(2 * ONE_SIDED)
ONE_SIDED_LEVEL = 1 - 2 * ONE_SIDED


@dataclass(frozen=True)
class TimeToDecision:
    """How long until a claim is decided at today's traffic.

    Attributes
    ----------
    hours : from the deploy; None when the claim is decided, or when even a year is not enough.
    longer_baseline : the baseline is too short for so small a change; it would have to be as long
        as `hours`.
    """

    hours: float | None = None
    longer_baseline: bool = False


NOT_OPEN = TimeToDecision()


@dataclass(frozen=True)
class Projection:
    """What this look says of later ones: its variances, and how many hours they come from.

    Attributes
    ----------
    post, baseline : variance of the post value, and of what it is compared with.
    df : degrees of freedom at this look.
    passed : post hours of this look.
    cycle : how its baseline hours were matched.
    between_days : declared variance between days, which only a longer baseline removes.
    """

    post: float
    baseline: float
    df: float
    passed: int
    cycle: Cycle
    between_days: float = 0.0

    def time_to_cross(self, bound: float, effect: float) -> TimeToDecision:
        """Hours until an effect crosses a bound with 80 % power.

        Where the baseline is too short for it, the hours that both arms would need.
        """
        hours = hours_needed(
            (self.post, self.baseline),
            self.df,
            bound=bound,
            effect=effect,
            hours=self.passed,
            cycle=self.cycle.hours,
            fixed=self.between_days,
        )
        if hours is not None:
            return TimeToDecision(hours)
        # V(h) = (v_post L + v_base L D) / h when both arms have h hours
        matched = min(self.passed, self.cycle.hours) * self.cycle.repeats
        variance = self.post + self.baseline * matched / self.passed
        both = hours_needed((variance, 0.0), self.df, bound=bound, effect=effect, hours=self.passed)
        return TimeToDecision(both, longer_baseline=True)


def minimum_detectable_effect(evaluation: ClaimEvaluation, *, bound: float) -> float | None:
    """Change of the metric, in its unit, that this look would have detected with 80 % power.

    None when nothing is known of the variance. `bound` is what the claim had to cross. For a margin
    or a limit it is the distance from it, at the one-sided bound.
    """
    is_change = evaluation.kind.null == "change"
    post, baseline = _variance_parts(evaluation, scale=1.0 if is_change else evaluation.scale)
    found = evaluation.decisive
    change = detectable_difference(
        post + baseline + found.between_days,
        found.df,
        bound=bound if is_change else ONE_SIDED_BOUND,
    )
    return change if math.isfinite(change) else None


def estimate_time_to_decision(
    evaluation: ClaimEvaluation, arms: Arms, plan: Plan, *, smallest_useful: float, n_open: int
) -> TimeToDecision:
    """Hours from the deploy until the claim is decided.

    The true change is taken to be the smallest useful one, or the observed one when that is larger
    or when a useful one would have been detected already. `n_open` claims of the family are still
    open, so each must cross a bound of alpha / n_open.
    """
    passed = plan.n_hours
    enough = _hours_to_enough_data(evaluation, passed)
    if evaluation.kind.rule == "no_event":
        decided = TimeToDecision(_hours_without_event(evaluation, passed))
    else:
        decided = _time_to_change(
            evaluation, arms, plan, smallest_useful=smallest_useful, n_open=n_open
        )
    if enough is None or (decided.hours is None and evaluation.has_data):
        return NOT_OPEN
    until = plan.hours[0] + max(enough, decided.hours or 0.0, passed + 1.0)
    return replace(decided, hours=until) if math.isfinite(until) else NOT_OPEN


def _hours_to_enough_data(evaluation: ClaimEvaluation, passed: int) -> float | None:
    """Hours until each arm has 30 calls and one has 5 events; None when time does not help."""
    baseline, post = evaluation.decisive.common_baseline, evaluation.decisive.common_post
    if evaluation.decisive.difference is None and evaluation.enough_calls:
        return None
    too_few = []
    if not evaluation.enough_calls:
        too_few.append((FEWEST_N, min(baseline.n, post.n)))
    if not evaluation.enough_events:
        too_few.append((FEWEST_EVENTS, max(baseline.y, post.y)))
    if any(seen <= 0 for _, seen in too_few):
        return None
    return max((needed / seen * passed for needed, seen in too_few), default=0.0)


def _hours_without_event(evaluation: ClaimEvaluation, passed: int) -> float | None:
    """Hours until calls without an event bring the upper bound below the limit.

    n = phi ln(.05) / ln(1 - limit).
    """
    found, limit = evaluation.decisive, evaluation.limit
    if not limit or found.difference is None or found.post_n <= 0 or limit >= 1:
        return None
    calls = found.overdispersion * math.log(ONE_SIDED) / math.log1p(-limit)
    return calls / found.post_n * passed


def _time_to_change(
    evaluation: ClaimEvaluation, arms: Arms, plan: Plan, *, smallest_useful: float, n_open: int
) -> TimeToDecision:
    """Time until the change is detected with 80 % power, at a planned look where one is enough."""
    is_change = evaluation.kind.null == "change"
    look_bounds = bounds(plan.times, plan.alpha / max(n_open, 1))
    last_bound = look_bounds[-1] if is_change else ONE_SIDED_BOUND
    baseline, distance = evaluation.decisive.baseline_value, evaluation.distance
    usual = _usual_rates(evaluation, arms)
    if usual:
        baseline, distance = usual[0], usual[1] - evaluation.scale * usual[0]
    parts = _variance_parts(evaluation, scale=evaluation.scale, usual=usual)
    found = evaluation.decisive
    projection = Projection(*parts, found.df, plan.n_hours, arms.cycle, found.between_days)
    observed, effect = abs(distance), max(abs(distance), smallest_useful * abs(baseline or 0.0))
    decided = projection.time_to_cross(last_bound, effect)
    is_overdue = decided.hours is not None and decided.hours <= plan.n_hours
    if is_overdue and (plan.is_last or not plan.is_planned or not is_change):
        effect, decided = observed, projection.time_to_cross(last_bound, observed)
    for look, hours in plan.later_looks if is_change else ():
        at_look = projection.time_to_cross(look_bounds[look], effect)
        if at_look.hours is not None and at_look.hours <= hours and not at_look.longer_baseline:
            return TimeToDecision(float(hours))
    return decided


def _variance_parts(
    evaluation: ClaimEvaluation, *, scale: float, usual: tuple[float, float] | None = None
) -> tuple[float, float]:
    """Variance of the post value and of what it is compared with.

    For few events, at a rate with one event of the baseline more: none in 30 calls does not make
    a rate of 1 in 32 where 1 in 100 is usual.
    """
    found = evaluation.decisive
    post, baseline = found.variance_parts()
    counts = found.counts
    if counts:
        rate = usual[0] if usual else counts.baseline_events / counts.baseline_n
        if rate > 0:
            expected = min(0.5, (counts.post_events + 1) / (counts.post_n + 1 / rate))
            post = counts.phi * expected * (1 - expected) / counts.post_n
        if usual:
            baseline = counts.phi * rate * (1 - rate) / counts.baseline_n
    return (post, 0.0) if evaluation.limit is not None else (post, baseline * scale**2)


def _usual_rates(evaluation: ClaimEvaluation, arms: Arms) -> tuple[float, float] | None:
    """A rate over the whole baseline and after the deploy, both at the mix of post calls.

    For a claim whose compared baseline hours hold fewer than 5 events: 2 events there say little
    where 80 in the other hours say a lot. A rate with a daily cycle is estimated roughly.
    """
    found = evaluation.decisive
    few = found.counts is not None and found.common_baseline.y < FEWEST_EVENTS
    if not few or evaluation.limit is not None:
        return None
    baseline, post = (
        np.array([np.einsum("srh,rh->s", sums, arm.usable) for sums in (arm.y, arm.n)])
        for arm in arms.totals(evaluation.scope, evaluation.metric, evaluation.hours)
    )
    known = (baseline[1] > 0) & (post[1] > 0)
    mix = post[1][known] / post[1][known].sum()
    before, after = (float(mix @ (y[known] / n[known])) for y, n in (baseline, post))
    return (before, after) if before > 0 else None
