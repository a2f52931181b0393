"""The adjusted comparison: the part of the target's slowness that goes with the slowness index is taken out of both arms."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np

from analysis.statistics.comparison import Comparison
from analysis.statistics.controls.index import SlownessIndex, matched_slowness
from analysis.statistics.ratio import Spread, count_repeats, measure_spread, ratio_of
from analysis.statistics.totals import Bools, Floats, HourSums, Standardised

BLOCKS = 6
STEEPEST = 3.0
UNKNOWN_SHARE = 0.25
HOURS_PER_COSINE = 6


@dataclass(frozen=True)
class Slope:
    """How strongly the target follows the index: 1 says that it slows down as much as the untouched features do.

    Attributes
    ----------
    value : shrunk, between 0 and 3; 0 when the baseline shows no shared noise, and then nothing is adjusted.
    se : standard error of `raw`, by the jackknife.
    raw : before it was shrunk.
    """

    value: float
    se: float
    raw: float


@dataclass(frozen=True)
class AdjustedSpread(Spread):
    """A spread with what the slope's own uncertainty adds: (se^2 + .25^2 b^2) (r dx)^2."""

    of_slope: float = 0.0

    def variance(self, scale: float = 1.0, *, rise: float = 1.0, at: float | None = None) -> float:
        """Variance of post - scale * baseline, slope included."""
        return super().variance(scale, rise=rise, at=at) + self.of_slope


@dataclass(frozen=True, eq=False)
class AdjustedComparison:
    """The comparison after adjustment, and the slope behind it.

    Attributes
    ----------
    comparison : Comparison; the baseline's value is the plain one, the post value is what it would have been at the provider's usual pace.
    slope : Slope
    expected : share by which the index moved as the target's calls met it, post - baseline; 0 to 1 and beyond.
    """

    comparison: Comparison
    slope: Slope
    expected: float


def compare_adjusted(
    plain: Comparison, target: Standardised, index: SlownessIndex
) -> AdjustedComparison | None:
    """The plain comparison on y - b r n x in both arms; None where that cannot be asked.

    r is the target's baseline ratio, b its slope on the index x, which counts from its mean over the matched hours, so that the
    baseline's value stays. Same windows and degrees of freedom as the plain comparison; where the variance is measured
    inside the window (cosines), fewer of them, since what is left after adjustment is smoother.

    Parameters
    ----------
    plain : the comparison of the same arms
    target : Standardised, both arms of the target
    index : of the untouched features, over the same hours

    Notes
    -----
    Not for rates with few events, which are compared by exact counts: None.
    """
    if plain.difference is None or plain.counts is not None:
        return None
    slope = slope_on_index(target, index)
    before, after = matched_slowness(index, target)
    if slope.value == 0:
        return AdjustedComparison(plain, slope, after - before)
    arms = _without_slowness(target, index, slope=slope.value, centre=before)
    spread = measure_spread(arms, indicator=plain.indicator, hours_per_cosine=HOURS_PER_COSINE)
    # V += (se^2 + .25^2 b^2) (r dx)^2: b is estimated, and after the deploy it may be another one
    of_slope = (slope.se**2 + (UNKNOWN_SHARE * slope.value) ** 2) * (
        _baseline_ratio(target) * (after - before)
    ) ** 2
    parts = {field.name: getattr(spread, field.name) for field in fields(Spread)}
    adjusted = AdjustedSpread(**parts, of_slope=of_slope)
    baseline_value, post_value = ratio_of(arms.baseline_total), ratio_of(arms.post_total)
    comparison = replace(
        plain,
        baseline_value=baseline_value,
        post_value=post_value,
        difference=post_value - baseline_value,
        ratio=post_value / baseline_value if baseline_value else None,
        method=spread.method,
        variance=adjusted.variance(),
        df=adjusted.df(),
        spread=adjusted,
    )
    return AdjustedComparison(comparison, slope, after - before)


def slope_on_index(target: Standardised, index: SlownessIndex) -> Slope:
    """Slope of the target's hourly relative residual (y / n / r - 1) on the index over the baseline, weighted by n.

    Means of each clock hour are taken out where the baseline has two repeats or more, else the overall mean: what both do at
    the same time of day is no shared noise. se by a jackknife over 6 blocks of consecutive hours (Quenouille 1956, Biometrika
    43, 353-360). Shrunk: b <- max(0, b) * max(0, 1 - se^2 / b^2) (James & Stein 1961, the positive part), at most 3.
    """
    n, usable = target.baseline.n, target.baseline_usable & (target.baseline.n > 0)
    r = _baseline_ratio(target)
    if usable.sum() < 2 * BLOCKS or r <= 0:
        return Slope(0.0, 0.0, 0.0)
    residual = np.where(usable, target.baseline.y / np.where(usable, n, 1.0) / r - 1.0, 0.0)
    weights, by_hour = np.where(usable, n, 0.0), count_repeats(target.baseline_usable) >= 2
    raw = _weighted_slope(index.baseline, residual, weights, by_hour=by_hour)
    left_out = [
        _weighted_slope(index.baseline, residual, weights * ~block, by_hour=by_hour)
        for block in _blocks(usable)
    ]
    # jackknife: var = (B - 1) / B * sum (b_-j - mean)^2
    se = float(
        np.sqrt((BLOCKS - 1) / BLOCKS * np.sum((np.array(left_out) - np.mean(left_out)) ** 2))
    )
    return Slope(min(STEEPEST, raw * max(0.0, 1.0 - se**2 / raw**2)) if raw > 0 else 0.0, se, raw)


def _without_slowness(
    target: Standardised, index: SlownessIndex, *, slope: float, centre: float
) -> Standardised:
    """Both arms with y - b r n (x - centre); sums over single calls follow, each call shifted by its hour's amount."""
    r = _baseline_ratio(target)
    return replace(
        target,
        baseline=_shifted(target.baseline, slope * r * (index.baseline - centre)),
        post=_shifted(target.post, slope * r * (index.post - centre)),
    )


def _shifted(sums: HourSums, shift: Floats) -> HourSums:
    """Every call's y lowered by shift times its n."""
    return HourSums(
        y=sums.y - shift * sums.n,
        n=sums.n,
        yy=sums.yy - 2 * shift * sums.yn + shift * shift * sums.nn,
        yn=sums.yn - shift * sums.nn,
        nn=sums.nn,
    )


def _baseline_ratio(target: Standardised) -> float:
    """The target's ratio over the whole baseline, not only its matched hours."""
    n = float(target.baseline.n.sum())
    return float(target.baseline.y.sum()) / n if n > 0 else 0.0


def _weighted_slope(x: Floats, y: Floats, weights: Floats, *, by_hour: bool) -> float:
    """Weighted least squares of y on x inside each clock hour (or overall); 0 where x does not vary."""
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
        mask = np.zeros(usable.size, dtype=bool)
        mask[part] = True
        masks.append(mask.reshape(usable.shape))
    return masks
