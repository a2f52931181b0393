"""The adjusted comparison: what the target shares with the slowness index is taken out."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from analysis.statistics.baseline.independent_calls import IndependentVariances
from analysis.statistics.baseline.placebo_variance import DayValues, matched_days
from analysis.statistics.comparison import Comparison
from analysis.statistics.controls.index import SlownessIndex
from analysis.statistics.latency.typical import one_call_an_hour
from analysis.statistics.standardisation import StandardisedArms
from analysis.statistics.totals import Bools, CallSums, Floats
from analysis.statistics.variance import model_variance

BLOCKS = 6
STEEPEST = 3.0
UNKNOWN_SHARE = 0.25
HOURS_PER_COSINE = 6


@dataclass(frozen=True)
class Slope:
    """How strongly the target follows the index; 1: it slows down as much as the controls do.

    Attributes
    ----------
    value : float
        Shrunk, between 0 and 3; 0 when the baseline shows no shared noise: nothing is adjusted.
    se : float
        Standard error of `raw`, by the jackknife.
    raw : float
        Before it was shrunk.
    """

    value: float
    se: float
    raw: float


NO_SLOPE = Slope(0.0, 0.0, 0.0)


@dataclass(frozen=True, eq=False)
class AdjustedComparison:
    """The comparison after adjustment, and the slope behind it.

    Attributes
    ----------
    comparison : Comparison
        The baseline value is the plain one; the post value is what it would have been at the
        provider's usual pace.
    slope : Slope
    expected : float
        Share by which the index moved as the target's calls met it, post - baseline.
    """

    comparison: Comparison
    slope: Slope
    expected: float


def compare_adjusted(
    plain: Comparison, target: StandardisedArms, index: SlownessIndex
) -> AdjustedComparison | None:
    """The plain comparison on y - b r n (x - x0) in both arms.

    r is the target's baseline ratio, b its slope on the index x, x0 the mean of x over the matched
    hours, so that the baseline value stays. Same windows and degrees of freedom as the plain
    comparison; where the variance is measured inside the window (cosines), fewer of them, since
    what is left after adjustment is smoother. b is an estimate, and may be another one after the
    deploy: V += (se^2 + .25^2 b^2) (r dx)^2.

    Parameters
    ----------
    plain : Comparison
        Of the same arms.
    target : StandardisedArms
        Both arms of the target, of single calls.
    index : SlownessIndex
        Of the control features, over the same hours.

    Returns
    -------
    AdjustedComparison or None
        None when nothing is compared, and for rates with few events, which exact tests decide.
    """
    if plain.difference is None or plain.counts:
        return None
    independent = None
    if plain.log_scale:
        target, independent = one_call_an_hour(target)
    slope = slope_on_index(target, index, relative=plain.log_scale)
    before, after = index.matched(target)
    if slope.value == 0:
        return AdjustedComparison(plain, slope, after - before)
    # a share of the time: on the log scale a difference
    ratio = 1.0 if plain.log_scale else _baseline_ratio(target)
    arms = replace(
        target,
        baseline=_shifted(target.baseline, slope.value * ratio * (index.baseline - before)),
        post=_shifted(target.post, slope.value * ratio * (index.post - before)),
        crude_post=plain.arms.crude_post,
        common_post=plain.arms.common_post,
    )
    model = model_variance(
        arms,
        indicator=plain.indicator,
        independent=independent and replace(independent, days=_shifted_days(independent, arms)),
        relative=plain.log_scale,
        day_to_day=plain.day_to_day,
        hours_per_cosine=HOURS_PER_COSINE,
    )
    unknown = slope.se**2 + (UNKNOWN_SHARE * slope.value) ** 2
    model = replace(model, added=unknown * (ratio * (after - before)) ** 2)
    return AdjustedComparison(replace(plain, arms=arms, model=model), slope, after - before)


def slope_on_index(
    target: StandardisedArms, index: SlownessIndex, *, relative: bool = False
) -> Slope:
    """Slope of the target's hourly relative residual y / n / r - 1 on the index, in the baseline.

    `relative`: y / n are logarithms already, so that the residual is y / n - r.

    Weighted by n. Means of each clock hour are taken out where the baseline has two repeats or
    more, else the overall mean: what both do at the same time of day is no shared noise. se by a
    jackknife over 6 blocks of consecutive hours (Quenouille 1956, Biometrika 43, 353-360). Shrunk:
    b <- max(0, b) * max(0, 1 - se^2 / b^2) (James & Stein 1961, the positive part), at most 3. No
    slope with fewer than 12 hours.
    """
    n, usable = target.baseline.n, target.baseline_usable & (target.baseline.n > 0)
    r = _baseline_ratio(target)
    if usable.sum() < 2 * BLOCKS or r <= 0:
        return NO_SLOPE
    unit = 1.0 if relative else r
    residual = np.where(usable, (target.baseline.y / np.where(usable, n, 1.0) - r) / unit, 0.0)
    weights, by_hour = np.where(usable, n, 0.0), target.n_repeats >= 2
    raw = _weighted_slope(index.baseline, residual, weights, by_hour=by_hour)
    left_out = np.array(
        [
            _weighted_slope(index.baseline, residual, weights * ~block, by_hour=by_hour)
            for block in _blocks(usable)
        ]
    )
    # jackknife: var = (B - 1) / B * sum (b_-j - mean)^2
    variance = (BLOCKS - 1) / BLOCKS * float(np.sum((left_out - left_out.mean()) ** 2))
    shrunk = raw * max(0.0, 1.0 - variance / raw**2) if raw > 0 else 0.0
    return Slope(min(STEEPEST, shrunk), float(np.sqrt(variance)), raw)


def _shifted_days(independent: IndependentVariances, arms: StandardisedArms) -> DayValues:
    """The days after adjustment, whose single calls vary as before."""
    return replace(independent.days, value=matched_days(arms).value)


def _shifted(sums: CallSums, shift: Floats) -> CallSums:
    """Every call's y lowered by shift times its n."""
    y, n, yy, yn, nn = sums.stacked
    return CallSums(
        np.stack([y - shift * n, n, yy - 2 * shift * yn + shift * shift * nn, yn - shift * nn, nn])
    )


def _baseline_ratio(target: StandardisedArms) -> float:
    """The target's ratio over the whole baseline, not only its matched hours."""
    n = float(target.baseline.n.sum())
    return float(target.baseline.y.sum()) / n if n > 0 else 0.0


def _weighted_slope(x: Floats, y: Floats, weights: Floats, *, by_hour: bool) -> float:
    """Weighted least squares inside each clock hour (or overall); 0 where x is constant."""
    axis = 0 if by_hour else None
    total = weights.sum(axis=axis, keepdims=True)
    safe = np.where(total > 0, total, 1.0)
    x = x - (weights * x).sum(axis=axis, keepdims=True) / safe
    y = y - (weights * y).sum(axis=axis, keepdims=True) / safe
    spread = float((weights * x * x).sum())
    return float((weights * x * y).sum()) / spread if spread > 0 else 0.0


def _blocks(usable: Bools) -> list[Bools]:
    """6 blocks of consecutive usable hours, as masks."""
    masks = []
    for part in np.array_split(np.flatnonzero(usable.ravel()), BLOCKS):
        mask = np.zeros(usable.size, dtype=np.bool_)
        mask[part] = True
        masks.append(mask.reshape(usable.shape))
    return masks
