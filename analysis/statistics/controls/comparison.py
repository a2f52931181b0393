"""Three comparisons of one metric, so that the deploy is not blamed for the provider's day."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from analysis.statistics.comparison import Comparison
from analysis.statistics.controls.adjustment import AdjustedComparison
from analysis.statistics.controls.index import SlownessIndex
from analysis.statistics.rates.exact import Alternative


@dataclass(frozen=True, eq=False)
class ProportionalComparison:
    """The plain comparison with a baseline at the provider's new pace (slope 1).

    The controls' movement is an estimate: V += (scale r)^2 Var(dx), df by Satterthwaite. Exact
    counts stay as they are.

    Attributes
    ----------
    plain : Comparison
    factor : float
        What the baseline's metric is multiplied by when its times are multiplied by the controls'
        movement. See `proportional.proportional_factor`.
    from_zero : float
        What the metric becomes where it was 0, in its unit.
    movement_variance, movement_df : float
        Of the controls' movement dx, a share; 0 takes it as known.
    """

    plain: Comparison
    factor: float
    from_zero: float = 0.0
    movement_variance: float = 0.0
    movement_df: float = np.inf

    @property
    def difference(self) -> float | None:
        """Post value minus the corrected reference."""
        return None if self.plain.difference is None else self.distance()

    def distance(self, *, scale: float = 1.0, limit: float | None = None) -> float:
        """Post value minus scale * the corrected reference, or minus the corrected limit."""
        if limit is not None:
            return self.plain.distance(limit=limit * self.factor)
        corrected = (self.plain.reference_value or 0.0) * self.factor or self.from_zero
        return self.plain.distance(limit=scale * corrected)

    def p_value(self, *, scale: float = 1.0, alternative: Alternative = "two-sided") -> float:
        """p of "post equals scale * the corrected reference"."""
        if self.plain.reference_value == 0 and self.from_zero > 0:
            return self.plain.p_value_against(scale * self.from_zero, alternative=alternative)
        return self._uncertain.p_value(scale=scale * self.factor, alternative=alternative)

    def p_value_on_logs(self, *, scale: float = 1.0, alternative: Alternative) -> float:
        """The same of the ratio instead of the difference, for times."""
        return self._uncertain.p_value_on_logs(scale=scale * self.factor, alternative=alternative)

    def p_value_against(self, limit: float, *, alternative: Alternative = "two-sided") -> float:
        """p of "post at the provider's old pace equals limit"."""
        return self.plain.p_value_against(limit * self.factor, alternative=alternative)

    def interval(self, level: float = 0.95, *, scale: float = 1.0) -> tuple[float, float]:
        """Interval of post - scale * the corrected reference."""
        low, high = self._uncertain.interval(level, scale=scale * self.factor)
        shift = scale * self.from_zero if self.plain.reference_value == 0 else 0.0
        return low - shift, high - shift

    def post_interval(self, level: float = 0.95) -> tuple[float, float]:
        """Interval of the post value at the provider's old pace."""
        low, high = self.plain.post_interval(level)
        return low / self.factor, high / self.factor

    @cached_property
    def _uncertain(self) -> Comparison:
        """The plain comparison with the variance of the controls' movement."""
        model = self.plain.model
        if model is None or not self.movement_variance:
            return self.plain
        # per step of the scale that it is asked with, which holds the factor
        r = (1.0 if self.plain.log_scale else model.reference) / self.factor
        moved = replace(model, movement=r**2 * self.movement_variance, movement_df=self.movement_df)
        return replace(self.plain, model=moved)


@dataclass(frozen=True, eq=False)
class ControlMovement:
    """What the control features did during a comparison.

    Attributes
    ----------
    index : SlownessIndex
        Who they are and how their pace moved.
    dropped : tuple of str
        Those that `screening.screen` threw out.
    class_movement : float or None
        Of an error class: by how much the same class moved in them, as a share; None where it did
        not.
    """

    index: SlownessIndex
    dropped: tuple[str, ...] = ()
    class_movement: float | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class ControlComparison(Comparison):
    """Three comparisons of one metric that answer as one. Made by `combine_comparisons`.

    The controls did not move: the adjusted comparison decides, or the plain one where nothing was
    adjusted. They moved: a claim must hold in every comparison there is, at the same level, so p is
    the largest and the interval goes from the lowest to the highest end. A fixed limit applies to
    the calls as they came, so there the plain comparison is always asked. Values are those of the
    adjusted comparison where there is one, else of the plain one.

    Attributes
    ----------
    plain : Comparison
        Post against baseline, whatever the provider did.
    adjusted : AdjustedComparison or None
        What goes with the control features taken out. None without controls, for exact counts and
        for error classes.
    corrections : tuple of ProportionalComparison
        The whole movement of the control features taken out, the strongest first; two where both
        the pace and the same error class moved. Not needed where they did not move.
    moved : bool
        Whether the control features moved themselves.
    controls : ControlMovement or None
        None where there are no controls.
    """

    plain: Comparison
    adjusted: AdjustedComparison | None
    corrections: tuple[ProportionalComparison, ...]
    moved: bool
    controls: ControlMovement | None

    @property
    def proportional(self) -> ProportionalComparison | None:
        """The strongest correction, if there is one."""
        return self.corrections[0] if self.corrections else None

    @property
    def decided_by(self) -> str:
        """The comparisons that are asked, e.g. "adjusted" or "plain, adjusted and proportional"."""
        names = ["plain"] if self.moved or not self.adjusted else []
        names += ["adjusted"] if self.adjusted else []
        names += ["proportional"] if self.moved and self.corrections else []
        *first, last = names
        return f"{', '.join(first)} and {last}" if first else last

    def p_value(self, *, scale: float = 1.0, alternative: Alternative = "two-sided") -> float:
        """p of "post equals scale * reference": the largest; two-sided 1 if signs differ."""
        asked = self._asked()
        distances = [one.distance(scale=scale) for one in asked]
        if alternative == "two-sided" and min(distances) < 0 < max(distances):
            return 1.0
        return max(one.p_value(scale=scale, alternative=alternative) for one in asked)

    def p_value_on_logs(self, *, scale: float = 1.0, alternative: Alternative) -> float:
        """One-sided p of the ratio instead of the difference, for times: the largest."""
        return max(
            one.p_value_on_logs(scale=scale, alternative=alternative) for one in self._asked()
        )

    def p_value_against(self, limit: float, *, alternative: Alternative = "two-sided") -> float:
        """p of "post equals limit": the largest; two-sided 1 if signs differ."""
        asked = self._asked(against_limit=True)
        distances = [one.distance(limit=limit) for one in asked]
        if alternative == "two-sided" and min(distances) < 0 < max(distances):
            return 1.0
        return max(one.p_value_against(limit, alternative=alternative) for one in asked)

    def interval(self, level: float = 0.95, *, scale: float = 1.0) -> tuple[float, float]:
        """Interval of post - scale * baseline: all that one of those asked does not exclude."""
        return _union(one.interval(level, scale=scale) for one in self._asked())

    def post_interval(self, level: float = 0.95) -> tuple[float, float]:
        """Interval of the post value: all that one of those asked does not exclude."""
        return _union(one.post_interval(level) for one in self._asked())

    def _asked(self, *, against_limit: bool = False) -> list[Comparison | ProportionalComparison]:
        adjusted = [self.adjusted.comparison] if self.adjusted else []
        plain = [self.plain] if self.moved or against_limit or not adjusted else []
        return [*plain, *adjusted, *(self.corrections if self.moved else ())]


def combine_comparisons(
    plain: Comparison,
    *,
    adjusted: AdjustedComparison | None = None,
    corrections: tuple[ProportionalComparison, ...] = (),
    moved: bool = False,
    controls: ControlMovement | None = None,
) -> ControlComparison:
    """The comparisons as one; without controls it answers as `plain` does."""
    leading = adjusted.comparison if adjusted else plain
    return ControlComparison(
        arms=leading.arms,
        log_scale=leading.log_scale,
        indicator=leading.indicator,
        model=leading.model,
        counts=leading.counts,
        event_overdispersion=leading.event_overdispersion,
        common_hours=leading.common_hours,
        totals=leading.totals,
        day_to_day=leading.day_to_day,
        plain=plain,
        adjusted=adjusted,
        corrections=corrections,
        moved=moved,
        controls=controls,
    )


def _union(intervals: Iterable[tuple[float, float]]) -> tuple[float, float]:
    lows, highs = zip(*intervals, strict=True)
    return min(lows), max(highs)
