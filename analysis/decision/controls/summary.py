"""What the control features say about one claim: each comparison by itself, and what decides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from analysis.metric_kinds import CLASS_RATE
from analysis.statistics.comparison import Comparison
from analysis.statistics.controls.comparison import ControlComparison, ProportionalComparison

if TYPE_CHECKING:
    from analysis.decision.claims.evaluation import ClaimEvaluation
    from analysis.decision.controls.selection import ControlSelection, Lack, Shared

ONE_SIDED_LEVEL = 0.9
Reading = Literal["for", "against", "not_shown"]


@dataclass(frozen=True)
class ControlEstimate:
    """A change by one comparison alone.

    Attributes
    ----------
    name : plain, adjusted or proportional.
    difference : post - baseline, in the metric's unit; None when nothing can be compared.
    interval : of the difference, at this look's level.
    p_value : two-sided, of the claim's own null.
    reading : what it shows of the claim.
    """

    name: str
    difference: float | None
    interval: tuple[float, float] | None
    p_value: float | None
    reading: Reading


@dataclass(frozen=True)
class ControlSummary:
    """A claim's change plain, adjusted and in full proportion to the provider's slowdown.

    Attributes
    ----------
    matters : whether the provider's pace can change the metric at all.
    slope, slope_se : of the metric on the control index; None where nothing was adjusted.
    factor : what the provider's whole slowdown multiplies the baseline by.
    features, dropped : the control features, and those that move unlike the others.
    moved : whether they moved themselves, so that every comparison must agree.
    movement, class_movement : of their pace, and of the same error class in them, as shares.
    shared : what they share with the claim's features.
    lack : why there are none.
    reading : what all comparisons that are asked show together.
    """

    matters: bool
    plain: ControlEstimate
    adjusted: ControlEstimate | None
    slope: float | None
    slope_se: float | None
    proportional: ControlEstimate | None
    factor: float | None
    features: tuple[str, ...]
    dropped: tuple[str, ...]
    moved: bool
    movement: float | None
    class_movement: float | None
    shared: Shared | None
    lack: Lack | None
    decided_by: str
    reading: Reading
    is_class_rate: bool

    @property
    def estimates(self) -> tuple[ControlEstimate, ...]:
        """Those that there are."""
        every = (self.plain, self.adjusted, self.proportional)
        return tuple(estimate for estimate in every if estimate)

    @property
    def is_shared_movement(self) -> bool:
        """Whether only the plain comparison shows a change, because the control features moved."""
        return self.moved and self.plain.reading != "not_shown" and self.reading == "not_shown"


def summarise_controls(
    evaluation: ClaimEvaluation, selection: ControlSelection, level: float
) -> ControlSummary | None:
    """The comparisons behind a claim; `level` is that of this look's intervals.

    None for a comparison without controls, such as that of a placebo deploy.
    """
    found = evaluation.decisive
    if not isinstance(found, ControlComparison):
        return None
    group = found.controls
    adjusted, proportional = found.adjusted, found.proportional
    matters = evaluation.metric.depends_on_provider
    return ControlSummary(
        matters=matters,
        plain=_estimate("plain", found.plain, evaluation, level),
        adjusted=_estimate("adjusted", adjusted.comparison, evaluation, level)
        if adjusted
        else None,
        slope=adjusted.slope.value if adjusted else None,
        slope_se=adjusted.slope.se if adjusted else None,
        proportional=_estimate("proportional", proportional, evaluation, level)
        if proportional
        else None,
        factor=proportional.factor if proportional else None,
        features=group.index.names if group else (),
        dropped=group.dropped if group else (),
        moved=found.moved,
        movement=group.index.movement if group else None,
        class_movement=group.class_movement if group else None,
        shared=selection.shared,
        lack=(selection.lack or "unlike_each_other") if matters and not group else None,
        decided_by=found.decided_by,
        reading=_reading(found, evaluation, level),
        is_class_rate=evaluation.metric.kind is CLASS_RATE,
    )


def _estimate(
    name: str,
    comparison: Comparison | ProportionalComparison,
    evaluation: ClaimEvaluation,
    level: float,
) -> ControlEstimate:
    if comparison.difference is None:
        return ControlEstimate(name, None, None, None, "not_shown")
    return ControlEstimate(
        name,
        comparison.difference,
        comparison.interval(level),
        _p_value(comparison, evaluation.scale, evaluation.limit),
        _reading(comparison, evaluation, level),
    )


def _reading(
    comparison: Comparison | ProportionalComparison, evaluation: ClaimEvaluation, level: float
) -> Reading:
    """What a comparison alone would say of the claim at this look."""
    if comparison.difference is None:
        return "not_shown"
    null, limit = evaluation.kind.null, evaluation.limit
    scale = evaluation.scale if null == "margin" else 1.0
    asked_level = level if null == "change" else ONE_SIDED_LEVEL
    distance = comparison.distance(scale=scale, limit=limit)
    if _p_value(comparison, scale, limit) >= 1.0 - asked_level or distance == 0:
        return "not_shown"
    return "for" if (distance < 0) == (evaluation.good_side == "less") else "against"


def _p_value(
    comparison: Comparison | ProportionalComparison, scale: float, limit: float | None
) -> float:
    if limit is None:
        return comparison.p_value(scale=scale)
    return comparison.p_value_against(limit)
