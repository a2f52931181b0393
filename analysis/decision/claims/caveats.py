"""Why a change may not count: errors changed class, traffic stopped, control features moved."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from analysis.decision.claims.evaluation import FEWEST_N, ClaimEvaluation
from analysis.decision.comparison import Comparator
from analysis.decision.plan import Plan
from analysis.metric_kinds import TRAFFIC
from analysis.metrics import Metric, class_rates, metric_named
from analysis.statistics.comparison import Comparison
from analysis.statistics.sequential import z_value

if TYPE_CHECKING:
    from analysis.decision.controls.summary import ControlSummary

STOPPED_SHARE = 0.1
"""A feature with at most this share of its expected calls has stopped; the rest may differ."""


@dataclass(frozen=True)
class Caveat:
    """A remark on a claim.

    Attributes
    ----------
    forbids : the claim cannot be met while it holds.
    refutes : it even shows that the claim is not met.
    """

    forbids: bool = False
    refutes: bool = False


@dataclass(frozen=True, kw_only=True)
class StoppedTraffic(Caveat):
    """Most calls stopped coming: that fixes nothing for those that still come.

    Attributes
    ----------
    baseline, post : calls per hour.
    """

    forbids: bool = True
    baseline: float
    post: float


@dataclass(frozen=True)
class RateChange:
    """The crude rate of an error class in both arms."""

    metric: Metric
    baseline: float
    post: float


@dataclass(frozen=True, kw_only=True)
class ErrorClassShift(Caveat):
    """One error class fell while others, or all errors together, rose.

    Attributes
    ----------
    grown : the classes that rose.
    all_errors : of all failed calls together.
    """

    grown: tuple[RateChange, ...]
    all_errors: RateChange


@dataclass(frozen=True, kw_only=True)
class SharedMovement(Caveat):
    """The control features moved too, and the change does not exceed theirs."""

    controls: ControlSummary


def find_caveat(
    evaluation: ClaimEvaluation, comparator: Comparator, plan: Plan, controls: ControlSummary | None
) -> Caveat | None:
    """The remark that belongs to a claim; None when there is none."""
    return (
        _stopped_traffic(evaluation, comparator)
        or _error_class_shift(evaluation, comparator, plan)
        or find_shared_movement(controls)
    )


def find_shared_movement(controls: ControlSummary | None) -> SharedMovement | None:
    """Whether a change is one that the control features share."""
    if controls is None or not controls.is_shared_movement:
        return None
    return SharedMovement(controls=controls)


def expected_calls(hours: tuple[int, int], traffic: Comparison) -> tuple[float, float]:
    """Calls that the baseline's traffic would bring in these hours, and those that came."""
    return (traffic.crude_baseline_value or 0.0) * (hours[1] - hours[0]), traffic.post_y


def has_stopped(expected: float, came: float) -> bool:
    """Whether most calls stopped coming."""
    return expected >= FEWEST_N and came <= STOPPED_SHARE * expected


def _stopped_traffic(evaluation: ClaimEvaluation, comparator: Comparator) -> StoppedTraffic | None:
    if evaluation.kind.rule == "one_sided" or evaluation.metric.kind is TRAFFIC:
        return None
    traffic = _compare(evaluation, comparator, metric_named("calls_per_hour"))
    if not has_stopped(*expected_calls(evaluation.hours, traffic)):
        return None
    return StoppedTraffic(
        baseline=traffic.crude_baseline_value or 0.0, post=traffic.crude_post_value or 0.0
    )


def _error_class_shift(
    evaluation: ClaimEvaluation, comparator: Comparator, plan: Plan
) -> ErrorClassShift | None:
    """A class falls and another rises, or all errors together do; the latter refutes the claim."""
    rates = class_rates(comparator.arms.user_classes).values()
    fell = (evaluation.comparison.difference or 0.0) < 0
    claims_fall = evaluation.kind.rule == "look_bound" and evaluation.good_side == "less"
    if not claims_fall or evaluation.metric not in rates or not fell:
        return None
    error_rate = metric_named("error_rate")
    every = _compare(evaluation, comparator, error_rate)
    compared = ((metric, _compare(evaluation, comparator, metric)) for metric in rates)
    grown = tuple(_change(metric, found) for metric, found in compared if _rose(found, plan))
    is_worse = _rose(every, plan)
    if not grown and not is_worse:
        return None
    return ErrorClassShift(
        forbids=is_worse, refutes=is_worse, grown=grown, all_errors=_change(error_rate, every)
    )


def _compare(evaluation: ClaimEvaluation, comparator: Comparator, metric: Metric) -> Comparison:
    scope = replace(evaluation.scope, kind=None)
    return comparator.compare(scope, metric, evaluation.hours)


def _rose(found: Comparison, plan: Plan) -> bool:
    """Worse, past this look's two-sided bound."""
    return (
        found.difference is not None
        and found.difference > 0
        and z_value(found.p_value()) >= plan.bound
    )


def _change(metric: Metric, found: Comparison) -> RateChange:
    return RateChange(metric, found.crude_baseline_value or 0.0, found.crude_post_value or 0.0)
