"""The slowness index: how much slower than at baseline the features are that the deploy did not touch, hour by hour.

A deploy touches a few features; the others call the same models and share the provider's slowdowns. They are the control
group of a difference in differences (Card & Krueger 1994, AER 84, 772-793; Abadie 2021, JEL 59, 391-425).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from analysis.statistics.comparison import Comparison, compare
from analysis.statistics.totals import ArmTotals, Floats, HourSums, Standardised, standardise

BUSY_CALLS_PER_HOUR = 50.0
MOVED_P = 0.2
MOVED_BY = 0.1


@dataclass(frozen=True, eq=False)
class ControlFeature:
    """One untouched feature, weighed so that several can be added up.

    Attributes
    ----------
    name : str
    baseline : ArmTotals (1, repeats, cycle)
        y: capped times over the feature's baseline mean, times its weight; n: its calls times its weight. So y / n is 1 over the
        whole baseline.
    post : ArmTotals (1, 1, hours)
    first_hour : hour of the cycle at which post hour 0 lies
    """

    name: str
    baseline: ArmTotals
    post: ArmTotals
    first_hour: int = 0

    @cached_property
    def arms(self) -> Standardised:
        """Both arms as a target's are."""
        return standardise(self.baseline, self.post, first_hour=self.first_hour)

    @cached_property
    def plain(self) -> Comparison:
        """Its own post against its own baseline."""
        return compare(self.baseline, self.post, indicator=False, first_hour=self.first_hour)


@dataclass(frozen=True, eq=False)
class SlownessIndex:
    """Slowness of the untouched features together. See `slowness_index`.

    Attributes
    ----------
    names : tuple of str
    baseline : float64 (repeats, cycle)
        x: 0.25 says that they took 25 % more time than over the whole baseline. 0 in hours without their calls.
    post : float64 (hours,)
        The same after the deploy. The window's own mean in hours without their calls.
    together : ControlFeature
        Their sums added up.
    """

    names: tuple[str, ...]
    baseline: Floats
    post: Floats
    together: ControlFeature

    @property
    def comparison(self) -> Comparison:
        """Their own comparison of post with the matched baseline hours: observed against expected slowness."""
        return self.together.plain

    @property
    def movement(self) -> float:
        """How much slower they were after the deploy than in the matched hours before, as a share; 0 when nothing can be said."""
        return self.comparison.ratio - 1.0 if self.comparison.ratio is not None else 0.0

    @cached_property
    def p_value(self) -> float:
        """Two-sided p of "they did not move"."""
        return self.comparison.p_value()

    @property
    def moved(self) -> bool:
        """Whether they moved, on little evidence: p below .2, or by more than a tenth."""
        return self.p_value < MOVED_P or abs(self.movement) > MOVED_BY


def weigh_control(
    name: str, baseline: ArmTotals, post: ArmTotals, *, first_hour: int = 0
) -> ControlFeature | None:
    """The sums of one untouched feature, strata combined, over its own baseline mean, weighed; None without calls in either arm.

    w = 1 / (1 + calls per hour / 50): a busy feature counts more than a quiet one, but does not outvote all others.

    Parameters
    ----------
    name : the feature
    baseline, post : ArmTotals; y: sums of min(latency, cap) over successes and timeouts, n: their number
    first_hour : hour of the cycle at which post hour 0 lies
    """
    arms = standardise(baseline, post, first_hour=first_hour)
    n = float(arms.baseline.n.sum())
    mean = float(arms.baseline.y.sum()) / n if n > 0 else 0.0
    if mean <= 0 or arms.post_total.n <= 0:
        return None
    weight = 1.0 / (1.0 + n / max(1, arms.baseline_usable.sum()) / BUSY_CALLS_PER_HOUR)
    return ControlFeature(
        name,
        _weighed(arms.baseline, weight, mean, usable=arms.baseline_usable),
        _weighed(arms.post, weight, mean, usable=arms.post_usable[None, :]),
        first_hour,
    )


def slowness_index(controls: Sequence[ControlFeature]) -> SlownessIndex:
    """x_t = sum_c w_c y_ct / r_c / sum_c w_c n_ct - 1, r_c the baseline mean of control c; one index for all latency metrics.

    Parameters
    ----------
    controls : at least one, with the same shapes and the same usable hours

    Examples
    --------
    Two features of different speed, both a quarter slower after the deploy.

    >>> one = lambda shape: np.ones(shape, dtype=bool)
    >>> def arm(shape, ms):
    ...     n = np.full((1, *shape), 20.0)
    ...     return ArmTotals(y=n * ms, n=n, yy=n * ms * ms, yn=n * ms, nn=n, usable=one(shape))
    >>> fast = weigh_control("fast", arm((7, 24), 500.0), arm((1, 4), 625.0))
    >>> slow = weigh_control("slow", arm((7, 24), 8000.0), arm((1, 4), 10000.0))
    >>> slowness_index([fast, slow]).post.tolist()
    [0.25, 0.25, 0.25, 0.25]
    """
    baseline, post = controls[0].baseline, controls[0].post
    for control in controls[1:]:
        baseline, post = baseline + control.baseline, post + control.post
    after = _slowness(post, where_missing=_mean_slowness(post))
    return SlownessIndex(
        names=tuple(control.name for control in controls),
        baseline=_slowness(baseline, where_missing=0.0),
        post=after[0],
        together=ControlFeature("together", baseline, post, controls[0].first_hour),
    )


def pace_of(index: SlownessIndex, target: Standardised) -> float:
    """By how much the provider slowed down as the target's calls met it: the factor on its times, minus 1."""
    before, after = matched_slowness(index, target)
    return (1.0 + after) / (1.0 + before) - 1.0


def matched_slowness(index: SlownessIndex, target: Standardised) -> tuple[float, float]:
    """Mean of the index as the target's calls met it: over its matched baseline hours, and after the deploy."""
    weights = target.baseline.n * target.matches * target.baseline_usable
    before = float(np.sum(weights * index.baseline) / np.sum(weights))
    after_weights = target.post.n * target.post_usable
    return before, float(np.sum(after_weights * index.post) / np.sum(after_weights))


def _weighed(sums: HourSums, weight: float, mean: float, *, usable: np.ndarray) -> ArmTotals:
    """y in units of the feature's baseline mean; second moments by the squares of the factors."""

    def shaped(values: Floats, factor: float) -> Floats:
        return factor * values.reshape(1, *usable.shape)

    in_y, in_n = weight / mean, weight
    return ArmTotals(
        y=shaped(sums.y, in_y),
        n=shaped(sums.n, in_n),
        yy=shaped(sums.yy, in_y * in_y),
        yn=shaped(sums.yn, in_y * in_n),
        nn=shaped(sums.nn, in_n * in_n),
        usable=usable,
    )


def _slowness(arm: ArmTotals, *, where_missing: float) -> Floats:
    """y / n - 1 per hour."""
    y, n = arm.y[0], arm.n[0]
    known = arm.usable & (n > 0)
    return np.where(known, y / np.where(known, n, 1.0) - 1.0, where_missing)


def _mean_slowness(arm: ArmTotals) -> float:
    n = float((arm.n[0] * arm.usable).sum())
    return float((arm.y[0] * arm.usable).sum()) / n - 1.0 if n > 0 else 0.0
