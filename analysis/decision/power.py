"""How much could have been seen, and how long until a claim is decided, at today's traffic."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from analysis.decision.claims import FEWEST_EVENTS, FEWEST_N, ClaimEvaluation, Plan
from analysis.statistics.detectable_effect import detectable_difference, hours_needed
from analysis.statistics.sequential import bounds, z_value

ONE_SIDED = 0.05
ONE_SIDED_BOUND = z_value(2 * ONE_SIDED)
ONE_SIDED_LEVEL = 1 - 2 * ONE_SIDED


def minimum_detectable_effect(evaluation: ClaimEvaluation, *, bound: float) -> float | None:
    """Change of the metric (its unit) that this look would have seen with 80 % power; None when unknown.

    `bound` is what the claim had to cross. Of a margin or limit it is the distance from it, and the one-sided claims ask for less.
    """
    is_change = evaluation.claim.claim in (None, "falls", "rises")
    post, baseline = _variance_parts(evaluation, scale=1.0 if is_change else evaluation.scale)
    change = detectable_difference(
        post + baseline, evaluation.decisive.df, bound=bound if is_change else ONE_SIDED_BOUND
    )
    return change if math.isfinite(change) else None


@dataclass(frozen=True)
class TimeToDecision:
    """How long until a claim is decided at today's traffic.

    Attributes
    ----------
    hours : from the deploy; None when it is not open, or when no number of hours within a year would decide it.
    longer_baseline : the baseline is too short for so small a change, and would have to be as long as those hours.
    """

    hours: float | None = None
    longer_baseline: bool = False


NOT_OPEN = TimeToDecision()


def estimate_time_to_decision(
    evaluation: ClaimEvaluation, plan: Plan, *, useful: float, n_open: int
) -> TimeToDecision:
    """Hours from the deploy until the claim is decided.

    The change is taken to be the smallest useful one, or the observed one when that is larger or when a useful one would have been
    seen already; `n_open` claims of the family are still to be shown, so each must cross a bound of alpha / n_open.
    """
    passed = plan.hours[1] - plan.hours[0]
    enough = _data_hours(evaluation, passed)
    if evaluation.claim.claim == "stays_zero":
        decided = TimeToDecision(_zero_hours(evaluation, passed))
    else:
        decided = _change_hours(evaluation, plan, passed=passed, useful=useful, n_open=n_open)
    if enough is None or (decided.hours is None and evaluation.has_data):
        return TimeToDecision()
    return replace(decided, hours=plan.hours[0] + max(enough, decided.hours or 0.0, passed + 1.0))


def _data_hours(evaluation: ClaimEvaluation, passed: int) -> float | None:
    """Hours until there are 30 calls on each side and 5 events on one; None when they do not come with time."""
    (before, after), hours = (
        (evaluation.decisive.common_baseline, evaluation.decisive.common_post),
        0.0,
    )
    if evaluation.decisive.difference is None and evaluation.enough_calls:
        return None
    if not evaluation.enough_calls:
        if after.n <= 0 or before.n <= 0:
            return None
        hours = FEWEST_N / min(after.n, before.n) * passed
    if not evaluation.enough_events:
        events = max(after.y, before.y)
        if events <= 0:
            return None
        hours = max(hours, FEWEST_EVENTS / events * passed)
    return hours


def _zero_hours(evaluation: ClaimEvaluation, passed: int) -> float | None:
    """Hours until as many calls without an event bring the upper bound below the limit: n = phi ln(.05) / ln(1 - limit)."""
    found, limit = evaluation.decisive, evaluation.limit
    if not limit or found.difference is None or found.post_n <= 0 or limit >= 1:
        return None
    calls = found.overdispersion * math.log(ONE_SIDED) / math.log1p(-limit)
    return calls / found.post_n * passed


def _change_hours(
    evaluation: ClaimEvaluation, plan: Plan, *, passed: int, useful: float, n_open: int
) -> TimeToDecision:
    """Hours until the change would be seen with 80 % power: at a planned look if one is enough, else after the last."""
    found = evaluation.decisive
    is_change = evaluation.claim.claim in ("falls", "rises")
    asked = (
        bounds(plan.times, plan.alpha / max(n_open, 1))
        if is_change
        else (ONE_SIDED_BOUND,) * len(plan.times)
    )
    usual = _usual_rates(evaluation)
    before, distance = (
        (usual.before, usual.after - evaluation.scale * usual.before)
        if usual
        else (found.baseline_value, evaluation.distance)
    )
    observed, smallest = abs(distance), useful * abs(before or 0.0)
    effect, decided = (
        max(observed, smallest),
        _hours_at(evaluation, passed, usual, bound=asked[-1], effect=max(observed, smallest)),
    )
    is_late = plan.is_last or not plan.is_planned or not is_change
    if decided.hours is not None and decided.hours <= passed and is_late:
        effect, decided = (
            observed,
            _hours_at(evaluation, passed, usual, bound=asked[-1], effect=observed),
        )
    for look, hours in plan.later_looks if is_change else ():
        at_look = _hours_at(evaluation, passed, usual, bound=asked[look], effect=effect)
        if at_look.hours is not None and at_look.hours <= hours and not at_look.longer_baseline:
            return TimeToDecision(float(hours))
    return decided


def _hours_at(
    evaluation: ClaimEvaluation,
    passed: int,
    usual: UsualRates | None,
    *,
    bound: float,
    effect: float,
) -> TimeToDecision:
    """Hours until an effect crosses a bound; where the baseline stands in the way, the hours that both arms would need."""
    (post, baseline), df = (
        _variance_parts(evaluation, scale=evaluation.scale, usual=usual),
        evaluation.decisive.df,
    )
    cycle = evaluation.arms.cycle
    hours = hours_needed(
        (post, baseline), df, bound=bound, effect=effect, hours=passed, cycle=cycle.hours
    )
    if hours is not None:
        return TimeToDecision(hours)
    matched = (
        min(passed, cycle.hours) * cycle.repeats
    )  # V(h) = (v_post L + v_base L D) / h when both arms have h hours
    both = hours_needed(
        (post + baseline * matched / passed, 0.0), df, bound=bound, effect=effect, hours=passed
    )
    return TimeToDecision(both, longer_baseline=True)


def _variance_parts(
    evaluation: ClaimEvaluation, *, scale: float, usual: UsualRates | None = None
) -> tuple[float, float]:
    """Variance of the post value and of what it is held against; of few events at a rate that knows one event of the baseline more.

    None of 30 calls does not make a rate of 1 in 32 where 1 in 100 is usual: hours are reckoned ahead from it.
    """
    found = evaluation.decisive
    post, baseline = found.variance_parts()
    counts = found.counts
    before = (
        usual.before if usual else counts.baseline_events / counts.baseline_n if counts else 0.0
    )
    if counts and before > 0:
        rate = min(0.5, (counts.post_events + 1) / (counts.post_n + 1 / before))
        post = counts.phi * rate * (1 - rate) / counts.post_n
    if usual:
        baseline = counts.phi * before * (1 - before) / counts.baseline_n
    return (post, 0.0) if evaluation.limit is not None else (post, baseline * scale**2)


@dataclass(frozen=True)
class UsualRates:
    """A rate over the whole baseline and after the deploy, both at the mix of calls after the deploy."""

    before: float
    after: float


def _usual_rates(evaluation: ClaimEvaluation) -> UsualRates | None:
    """For a claim of a change whose compared hours hold fewer than 5 events of the baseline; None for others, and where no hour has one.

    2 events in those hours say little of what 80 in the other ones say. A rate that has its own hours of the day is reckoned from roughly.
    """
    found = evaluation.decisive
    if (
        found.counts is None
        or evaluation.limit is not None
        or found.common_baseline.y >= FEWEST_EVENTS
    ):
        return None
    baseline, post = evaluation.arms.totals(evaluation.scope, evaluation.metric, evaluation.hours)
    events, calls = (
        np.einsum("srh,rh->s", values, baseline.usable) for values in (baseline.y, baseline.n)
    )
    events_after, calls_after = (
        np.einsum("srh,rh->s", values, post.usable) for values in (post.y, post.n)
    )
    known = (calls > 0) & (calls_after > 0)
    mix = calls_after[known] / calls_after[known].sum()
    before = float(mix @ (events[known] / calls[known]))
    return (
        UsualRates(before, float(mix @ (events_after[known] / calls_after[known])))
        if before > 0
        else None
    )
