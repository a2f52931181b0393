"""Do not blame the deploy for the provider's day: three comparisons of one metric, and the one rule that settles them.

Read `settle` first. `combine_comparisons` puts the three together, `screen` throws out controls that do not move with the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np

from analysis.statistics.comparison import Comparison
from analysis.statistics.controls.adjustment import AdjustedComparison, compare_adjusted
from analysis.statistics.controls.index import (
    ControlFeature,
    SlownessIndex,
    pace_of,
    slowness_index,
)
from analysis.statistics.exact import Alternative

ODD_P = 0.01
MOST_DROPPED = 2
FEWEST_CONTROLS = 2


@dataclass(frozen=True, eq=False)
class ProportionalComparison:
    """The plain comparison with a baseline that had the provider's new pace in full (slope 1).

    Attributes
    ----------
    plain : Comparison
    factor : what the metric of the baseline is multiplied by when its times are multiplied by the controls' movement.
    from_zero : what it becomes where it was 0, in the metric's unit.
    """

    plain: Comparison
    factor: float
    from_zero: float = 0.0

    @property
    def difference(self) -> float | None:
        """Post minus the corrected baseline."""
        return None if self.plain.difference is None else self.distance(scale=1.0)

    def p_value(self, *, scale: float = 1.0, alternative: Alternative = "two-sided") -> float:
        """p of "post equals scale * the corrected baseline"."""
        if self.plain.baseline_value == 0 and self.from_zero > 0:
            return self.plain.p_value_against(scale * self.from_zero, alternative=alternative)
        return self.plain.p_value(scale=scale * self.factor, alternative=alternative)

    def p_value_against(self, limit: float, *, alternative: Alternative = "two-sided") -> float:
        """p of "post at the provider's old pace equals limit"."""
        return self.plain.p_value_against(limit * self.factor, alternative=alternative)

    def interval(self, level: float = 0.95, *, scale: float = 1.0) -> tuple[float, float]:
        """Interval of post - scale * the corrected baseline."""
        low, high = self.plain.interval(level, scale=scale * self.factor)
        shift = scale * self.from_zero if self.plain.baseline_value == 0 else 0.0
        return low - shift, high - shift

    def post_interval(self, level: float = 0.95) -> tuple[float, float]:
        """Interval of the post value at the provider's old pace."""
        low, high = self.plain.post_interval(level)
        return low / self.factor, high / self.factor

    def distance(self, *, scale: float, limit: float | None = None) -> float:
        """Post value minus what it is held against."""
        if limit is not None:
            return self.plain.post_value - limit * self.factor
        return self.plain.post_value - scale * (
            self.plain.baseline_value * self.factor or self.from_zero
        )


@dataclass(frozen=True, eq=False)
class ControlGroup:
    """The untouched features behind the guard.

    Attributes
    ----------
    index : SlownessIndex; who they are and how their pace moved.
    dropped : those that `screen` threw out.
    class_movement : of an error class, by how much the same class moved in them, as a share; None where it did not.
    """

    index: SlownessIndex
    dropped: tuple[str, ...] = ()
    class_movement: float | None = None


@dataclass(frozen=True, eq=False)
class ControlComparison(Comparison):
    """Three comparisons of one metric that answer as one. The inherited fields are those of the leading comparison.

    Attributes
    ----------
    plain : Comparison; post against baseline, whatever the provider did.
    adjusted : AdjustedComparison or None; what goes with the untouched features taken out. None without controls, for exact counts, for error
        classes.
    proportional : ProportionalComparison or None; the whole movement of the untouched features taken out. Not needed where they did not move.
    others : weaker corrections that a claim must hold beside too: an error class where both the pace and the class itself moved.
    moved : whether the untouched features moved themselves, so that all of them are asked.
    untouched : ControlGroup or None, where there are no controls.
    """

    plain: Comparison
    adjusted: AdjustedComparison | None
    proportional: ProportionalComparison | None
    moved: bool
    untouched: ControlGroup | None
    others: tuple[ProportionalComparison, ...] = ()

    def p_value(self, *, scale: float = 1.0, alternative: Alternative = "two-sided") -> float:
        """p of "post equals scale * baseline", settled."""
        return settle(self, scale=scale, alternative=alternative).p_value

    def p_value_against(self, limit: float, *, alternative: Alternative = "two-sided") -> float:
        """p of "post equals limit", settled."""
        return settle(self, limit=limit, alternative=alternative).p_value

    def interval(self, level: float = 0.95, *, scale: float = 1.0) -> tuple[float, float]:
        """Interval of post - scale * baseline: all that one of the comparisons asked does not exclude."""
        return settle(self, scale=scale).interval(level)

    def post_interval(self, level: float = 0.95) -> tuple[float, float]:
        """Interval of the post value, settled."""
        return settle(self).post_interval(level)

    @property
    def decided_by(self) -> str:
        """Which comparisons are asked: "plain", "adjusted", "plain, adjusted and proportional" or "plain and proportional"."""
        return settle(self).decided_by

    @cached_property
    def signs_differ(self) -> bool:
        """Whether the comparisons asked point to different sides."""
        return settle(self).signs_differ


@dataclass(frozen=True)
class Settled:
    """The answer to one question (scale or limit, alternative): every comparison that was asked must hold.

    Attributes
    ----------
    asked : the comparisons, by name.
    scale, limit, alternative : the question.
    """

    asked: tuple[tuple[str, Comparison | ProportionalComparison], ...]
    scale: float
    limit: float | None
    alternative: Alternative

    @property
    def decided_by(self) -> str:
        """The names of those asked, in words."""
        *first, last = dict.fromkeys(name for name, _ in self.asked)
        return f"{', '.join(first)} and {last}" if first else last

    @property
    def signs_differ(self) -> bool:
        """Whether they lie on different sides of what they are held against."""
        signs = {
            np.sign(self._distance(comparison))
            for _, comparison in self.asked
            if comparison.difference is not None
        }
        return {-1.0, 1.0} <= signs

    @property
    def p_value(self) -> float:
        """The largest of them; two-sided 1 when their signs differ."""
        if self.alternative == "two-sided" and self.signs_differ:
            return 1.0
        if self.limit is None:
            return max(
                comparison.p_value(scale=self.scale, alternative=self.alternative)
                for _, comparison in self.asked
            )
        return max(
            comparison.p_value_against(self.limit, alternative=self.alternative)
            for _, comparison in self.asked
        )

    def interval(self, level: float) -> tuple[float, float]:
        """From the lowest to the highest end of theirs: it excludes what all of them exclude on the same side."""
        lows, highs = zip(
            *(comparison.interval(level, scale=self.scale) for _, comparison in self.asked),
            strict=True,
        )
        return min(lows), max(highs)

    def post_interval(self, level: float) -> tuple[float, float]:
        """The same for the post value alone."""
        lows, highs = zip(
            *(comparison.post_interval(level) for _, comparison in self.asked), strict=True
        )
        return min(lows), max(highs)

    def _distance(self, comparison: Comparison | ProportionalComparison) -> float:
        if isinstance(comparison, ProportionalComparison):
            return comparison.distance(scale=self.scale, limit=self.limit)
        return comparison.post_value - (
            self.scale * comparison.baseline_value if self.limit is None else self.limit
        )


def settle(
    three: ControlComparison,
    *,
    scale: float = 1.0,
    limit: float | None = None,
    alternative: Alternative = "two-sided",
) -> Settled:
    """Which comparisons a claim must hold in.

    The untouched features did not move: the adjusted one decides, and the plain one where nothing was adjusted. They moved:
    every one that there is, at the same level. A fixed limit is held against the calls as they came, so there the plain
    one is always asked.

    Parameters
    ----------
    three : what `combine_comparisons` put together
    scale : of the baseline in the claim's null; not used with `limit`
    limit : fixed number of the claim's null, in the metric's unit
    alternative : "less": post is lower
    """
    adjusted = three.adjusted.comparison if three.adjusted else None
    there = [("plain", three.plain), ("adjusted", adjusted), ("proportional", three.proportional)]
    there = [(name, comparison) for name, comparison in there if comparison is not None]
    there += [("proportional", other) for other in three.others]
    still = {"adjusted" if adjusted else "plain", *(("plain",) if limit is not None else ())}
    asked = there if three.moved else [pair for pair in there if pair[0] in still]
    return Settled(tuple(asked), scale, limit, alternative)


def combine_comparisons(
    plain: Comparison,
    *,
    adjusted: AdjustedComparison | None = None,
    proportional: ProportionalComparison | None = None,
    moved: bool = False,
    untouched: ControlGroup | None = None,
    others: tuple[ProportionalComparison, ...] = (),
) -> ControlComparison:
    """The three comparisons as one value. With only `plain` it answers as `plain` does: there are no controls."""
    leading = adjusted.comparison if adjusted else plain
    shown = {field.name: getattr(leading, field.name) for field in fields(Comparison)}
    return ControlComparison(
        **shown,
        plain=plain,
        adjusted=adjusted,
        proportional=proportional,
        moved=moved,
        untouched=untouched,
        others=others,
    )


def screen(
    controls: Sequence[ControlFeature],
) -> tuple[tuple[ControlFeature, ...], tuple[str, ...]]:
    """Controls that move with the others, and the names of those thrown out: the deploy, or something else, touched them.

    Each is judged against the others as a target is. The smallest p below .01 goes, then the rest is judged again; at most two go,
    and at least two stay.
    """
    kept, dropped = list(controls), []
    while len(kept) > FEWEST_CONTROLS and len(dropped) < MOST_DROPPED:
        moved = slowness_index(kept).moved
        p_values = [
            _oddness(control, [other for other in kept if other is not control], moved=moved)
            for control in kept
        ]
        oddest = int(np.argmin(p_values))
        if p_values[oddest] >= ODD_P:
            break
        dropped.append(kept.pop(oddest).name)
    return tuple(kept), tuple(dropped)


def _oddness(control: ControlFeature, others: Sequence[ControlFeature], *, moved: bool) -> float:
    """p of "this control did what the others did"."""
    index = slowness_index(others)
    adjusted = compare_adjusted(control.plain, control.arms, index)
    proportional = (
        ProportionalComparison(control.plain, 1.0 + pace_of(index, control.arms)) if moved else None
    )
    return combine_comparisons(
        control.plain, adjusted=adjusted, proportional=proportional, moved=moved
    ).p_value()
