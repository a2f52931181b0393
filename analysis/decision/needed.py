"""How much could have been seen, and how long until a claim is decided, at today's traffic."""

from __future__ import annotations

import math

from analysis.decision.claims import FEWEST_EVENTS, FEWEST_N, Measured, Plan
from analysis.statistics.power import hours_needed, smallest_visible_change
from analysis.statistics.sequential import bounds, z_value

ONE_SIDED = 0.05
ONE_SIDED_BOUND = z_value(2 * ONE_SIDED)
ONE_SIDED_LEVEL = 1 - 2 * ONE_SIDED


def smallest_visible(measured: Measured, *, bound: float) -> float | None:
    """Change of the metric (its unit) that this look would have seen with 80 % power; None when unknown.

    `bound` is what the claim had to cross. Of a margin or limit it is the distance from it, and the one-sided claims ask for less.
    """
    is_change = measured.claim.claim in (None, "falls", "rises")
    post, baseline = _variance_parts(measured, scale=1.0 if is_change else measured.scale)
    change = smallest_visible_change(post + baseline, measured.decisive.df, bound=bound if is_change else ONE_SIDED_BOUND)
    return change if math.isfinite(change) else None


def hours_until_decided(measured: Measured, plan: Plan, *, useful: float, n_open: int) -> float | None:
    """Hours from the deploy until the claim is decided; None when no number of hours is in sight.

    The change is taken to be the smallest useful one, or the observed one when that is larger or when a useful one would have been
    seen already; `n_open` claims of the family are still to be shown, so each must cross a bound of alpha / n_open.
    """
    passed = plan.hours[1] - plan.hours[0]
    if measured.claim.claim == "stays_zero":
        decided = _zero_hours(measured, passed)
    else:
        decided = _change_hours(measured, plan, passed=passed, useful=useful, n_open=n_open)
    enough = _data_hours(measured, passed)
    if enough is None or (decided is None and measured.has_data):
        return None
    return max(enough, decided or 0.0, passed + 1.0)


def _data_hours(measured: Measured, passed: int) -> float | None:
    """Hours until there are 30 calls on each side and 5 events on one; None when they do not come with time."""
    comparison, hours = measured.comparison, 0.0
    if measured.decisive.difference is None and measured.enough_calls:
        return None
    if not measured.enough_calls:
        if comparison.post_n <= 0 or comparison.baseline_n <= 0:
            return None
        hours = FEWEST_N / min(comparison.post_n, comparison.baseline_n) * passed
    if not measured.enough_events:
        events = max(comparison.post_y, comparison.baseline_y)
        if events <= 0:
            return None
        hours = max(hours, FEWEST_EVENTS / events * passed)
    return hours


def _zero_hours(measured: Measured, passed: int) -> float | None:
    """Hours until as many calls without an event bring the upper bound below the limit: n = phi ln(.05) / ln(1 - limit)."""
    found, limit = measured.decisive, measured.limit
    if not limit or found.difference is None or found.post_n <= 0 or limit >= 1:
        return None
    calls = found.inflation * math.log(ONE_SIDED) / math.log1p(-limit)
    return calls / found.post_n * passed


def _change_hours(measured: Measured, plan: Plan, *, passed: int, useful: float, n_open: int) -> float | None:
    """Hours until the change would be seen with 80 % power: at a planned look if one is enough, else after the last."""
    found, cycle = measured.decisive, measured.arms.cycle.hours
    is_change = measured.claim.claim in ("falls", "rises")
    asked = bounds(plan.times, plan.alpha / max(n_open, 1)) if is_change else (ONE_SIDED_BOUND,) * len(plan.times)
    observed, smallest = abs(measured.distance), useful * abs(found.baseline_value or 0.0)

    def needed(bound: float, effect: float) -> int | None:
        parts = _variance_parts(measured, scale=measured.scale)
        return hours_needed(parts, found.df, bound=bound, effect=effect, hours=passed, cycle=cycle)

    effect, at_last_bound = max(observed, smallest), needed(asked[-1], max(observed, smallest))
    if at_last_bound is not None and at_last_bound <= passed and (plan.is_last or not plan.is_planned or not is_change):
        effect, at_last_bound = observed, needed(asked[-1], observed)
    for look, hours in plan.later_looks if is_change else ():
        hours_at_bound = needed(asked[look], effect)
        if hours_at_bound is not None and hours_at_bound <= hours:
            return float(hours)
    return at_last_bound


def _variance_parts(measured: Measured, *, scale: float) -> tuple[float, float]:
    """Variance of the post value and of what it is held against; of rare events at the rate of both arms together."""
    found = measured.decisive
    post, baseline = found.variance_parts()
    if found.counts is not None:
        counts = found.counts
        rate = (counts.baseline_events + counts.post_events + 1) / (counts.baseline_n + counts.post_n + 2)
        post, baseline = (counts.phi * rate * (1 - rate) / n for n in (counts.post_n, counts.baseline_n))
    return (post, 0.0) if measured.limit is not None else (post, baseline * scale**2)
