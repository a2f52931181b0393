"""The slowness index: how much slower than at baseline the control features are, hour by hour.

A deploy touches a few features; the others call the same models and share the provider's slowdowns.
They are the control group of a difference in differences (Card & Krueger 1994, AER 84, 772-793;
Abadie 2021, JEL 59, 391-425).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from analysis.statistics.comparison import Comparison, compare
from analysis.statistics.standardisation import StandardisedArms, standardise
from analysis.statistics.totals import ArmTotals, Floats

BUSY_CALLS_PER_HOUR = 50.0
MOVED_P = 0.2
MOVED_BY = 0.1


@dataclass(frozen=True, eq=False)
class ControlFeature:
    """One control feature, or several added up, in units that can be added.

    Attributes
    ----------
    name : str
    baseline : ArmTotals (1, repeats, cycle)
        y: capped times over the feature's baseline mean, times its weight; n: its calls times its
        weight. So y / n is 1 over the whole baseline.
    post : ArmTotals (1, 1, hours)
    first_hour : int
        Hour of the cycle at which post hour 0 lies.
    """

    name: str
    baseline: ArmTotals
    post: ArmTotals
    first_hour: int = 0

    @cached_property
    def plain(self) -> Comparison:
        """Its own post against its own baseline."""
        return compare(self.baseline, self.post, indicator=False, first_hour=self.first_hour)


@dataclass(frozen=True, eq=False)
class SlownessIndex:
    """Slowness of the control features together. See `slowness_index`.

    Attributes
    ----------
    names : tuple of str
    baseline : float64 (repeats, cycle)
        0.25: they took 25 % more time than over the whole baseline. 0 in hours without their calls.
    post : float64 (hours,)
        The same after the deploy; the window's own mean in hours without their calls.
    together : ControlFeature
        Their sums added up.
    """

    names: tuple[str, ...]
    baseline: Floats
    post: Floats
    together: ControlFeature

    @property
    def comparison(self) -> Comparison:
        """Their own post against their matched baseline hours."""
        return self.together.plain

    @property
    def movement(self) -> float:
        """How much slower they were after the deploy, as a share; 0 when it is not known."""
        return self.comparison.ratio - 1.0 if self.comparison.ratio is not None else 0.0

    @property
    def movement_variance(self) -> tuple[float, float]:
        """Variance of the movement, and its degrees of freedom; 0 when it is not known."""
        reference = self.comparison.reference_value
        if not reference or not np.isfinite(self.comparison.variance):
            return 0.0, np.inf
        return self.comparison.variance / reference**2, self.comparison.df

    @cached_property
    def p_value(self) -> float:
        """Two-sided p of "they did not move"."""
        return self.comparison.p_value()

    @property
    def moved(self) -> bool:
        """Whether they moved, on little evidence: p below .2, or by more than a tenth."""
        return self.p_value < MOVED_P or abs(self.movement) > MOVED_BY

    def matched(self, target: StandardisedArms) -> tuple[float, float]:
        """Mean of the index as the target's calls met it, over its matched hours and after."""
        before = target.baseline.n * target.matches * target.baseline_usable
        after = target.post.n * target.post_usable
        return (
            float(np.sum(before * self.baseline) / np.sum(before)),
            float(np.sum(after * self.post) / np.sum(after)),
        )

    def pace_change(self, target: StandardisedArms) -> float:
        """How much the provider slowed down as the target's calls met it: factor on times - 1."""
        before, after = self.matched(target)
        return (1.0 + after) / (1.0 + before) - 1.0


def weight_control(
    name: str, baseline: ArmTotals, post: ArmTotals, *, first_hour: int = 0
) -> ControlFeature | None:
    """Sums of one control feature over its own baseline mean, strata combined and weighted.

    w = 1 / (1 + calls per hour / 50): a busy feature counts more than a quiet one, but does not
    outvote all others. None without calls in either arm.

    Parameters
    ----------
    name : str
    baseline, post : ArmTotals
        y: sums of min(latency, cap) over successes and timeouts, ms; n: their number.
    first_hour : int
        Hour of the cycle at which post hour 0 lies.
    """
    arms = standardise(baseline, post, first_hour=first_hour)
    n = float(arms.baseline.n.sum())
    mean = float(arms.baseline.y.sum()) / n if n > 0 else 0.0
    if mean <= 0 or arms.post_total.n <= 0:
        return None
    weight = 1.0 / (1.0 + n / max(1, arms.baseline_usable.sum()) / BUSY_CALLS_PER_HOUR)
    in_y, in_n = weight / mean, weight
    units = np.array([in_y, in_n, in_y * in_y, in_y * in_n, in_n * in_n])[:, None, None, None]
    return ControlFeature(
        name,
        ArmTotals(arms.baseline.stacked[:, None] * units, arms.baseline_usable),
        ArmTotals(arms.post.stacked[:, None, None] * units, arms.post_usable[None]),
        first_hour,
    )


def slowness_index(controls: Sequence[ControlFeature]) -> SlownessIndex:
    """One index for all latency metrics: x_t = sum_c w_c y_ct / r_c / sum_c w_c n_ct - 1.

    r_c is the baseline mean of control c.

    Parameters
    ----------
    controls : sequence of ControlFeature
        At least one, with the same shapes and the same usable hours.

    Examples
    --------
    Two features of different speed, both a quarter slower after the deploy.

    >>> def arm(shape, ms):
    ...     n = np.full((1, *shape), 20.0)
    ...     return ArmTotals.of_sums(y=n * ms, n=n, yy=n * ms * ms, yn=n * ms, nn=n)
    >>> fast = weight_control("fast", arm((7, 24), 500.0), arm((1, 4), 625.0))
    >>> slow = weight_control("slow", arm((7, 24), 8000.0), arm((1, 4), 10000.0))
    >>> slowness_index([fast, slow]).post.tolist()
    [0.25, 0.25, 0.25, 0.25]
    """
    baseline, post = controls[0].baseline, controls[0].post
    for control in controls[1:]:
        baseline, post = baseline + control.baseline, post + control.post
    n = float((post.n * post.usable).sum())
    post_mean = float((post.y * post.usable).sum()) / n - 1.0 if n > 0 else 0.0
    return SlownessIndex(
        names=tuple(control.name for control in controls),
        baseline=_slowness(baseline, where_missing=0.0),
        post=_slowness(post, where_missing=post_mean)[0],
        together=ControlFeature("together", baseline, post, controls[0].first_hour),
    )


def _slowness(arm: ArmTotals, *, where_missing: float) -> Floats:
    """y / n - 1 per hour."""
    y, n = arm.y[0], arm.n[0]
    known = arm.usable & (n > 0)
    return np.where(known, y / np.where(known, n, 1.0) - 1.0, where_missing)
