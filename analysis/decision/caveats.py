"""Why a change that is shown may not count: errors that only changed their class, calls that stopped coming, untouched features too."""

from __future__ import annotations

from dataclasses import dataclass

from analysis.counting.scope import Scope
from analysis.decision.claims import FEWEST_N, ClaimEvaluation
from analysis.decision.comparison import Comparator
from analysis.decision.plan import Plan
from analysis.formatting import share, value_of
from analysis.metrics import TRAFFIC, Metric, class_rates, metric_named
from analysis.statistics.comparison import Comparison
from analysis.statistics.sequential import level_of, z_value
from analysis.text.controls import shared_words

TENTH = 0.1
"""A feature that fell to this share of its calls is a finding of its own; those that are left may be others than before."""


@dataclass(frozen=True)
class Caveat:
    """A remark on a claim.

    Attributes
    ----------
    words : what was seen, as the end of a sentence.
    forbids : the claim cannot be met while it holds.
    refutes : it even shows that the claim is not met.
    is_shared : features that the deploy did not touch moved too.
    """

    words: str
    forbids: bool = False
    refutes: bool = False
    is_shared: bool = False


def find_caveat(evaluation: ClaimEvaluation, comparator: Comparator, plan: Plan) -> Caveat | None:
    """The remark that belongs to a claim of improvement, None when there is none."""
    return (
        _fell_silent(evaluation, comparator)
        or _changed_class(evaluation, comparator, plan)
        or shared_with_controls(evaluation, plan)
    )


def expected_calls(measured_hours: tuple[int, int], traffic: Comparison) -> tuple[float, float]:
    """Calls that the baseline's traffic would have brought over the post hours, and those that came."""
    hours = measured_hours[1] - measured_hours[0]
    return (traffic.crude_baseline_value or 0.0) * hours, traffic.post_y


def _fell_silent(evaluation: ClaimEvaluation, comparator: Comparator) -> Caveat | None:
    """Most calls stopped coming: that is no improvement of those that still do."""
    if evaluation.kind.rule == "one_sided" or evaluation.metric.kind is TRAFFIC:
        return None
    scope = Scope(evaluation.claim.feature, evaluation.claim.source)
    traffic = comparator.compare(scope, metric_named("calls_per_hour"), evaluation.hours)
    expected, came = expected_calls(evaluation.hours, traffic)
    if expected < FEWEST_N or came > TENTH * expected:
        return None
    before, after = (
        value_of(metric_named("calls_per_hour"), value)
        for value in (traffic.crude_baseline_value, traffic.crude_post_value)
    )
    return Caveat(
        f"its traffic fell from {before} to {after}, and the calls that are left may not be like those before",
        forbids=True,
    )


def _changed_class(
    evaluation: ClaimEvaluation, comparator: Comparator, plan: Plan
) -> Caveat | None:
    """A class falls and another rises, or all errors together do: the error rate is shown, and refutes the claim when it is worse."""
    rates = class_rates(comparator.arms.user_classes).values()
    fell = (evaluation.comparison.difference or 0.0) < 0
    claims_fall = evaluation.kind.rule == "look_bound" and evaluation.good_side == "less"
    if not claims_fall or evaluation.metric not in rates or not fell:
        return None
    every = _compared(evaluation, comparator, metric_named("error_rate"))
    grown = [
        (metric, found)
        for metric in rates
        if _rose(found := _compared(evaluation, comparator, metric), plan)
    ]
    is_worse = _rose(every, plan)
    if not grown and not is_worse:
        return None
    risen = [f"{metric.words} rose from {_values(found)}" for metric, found in grown]
    verb = "rose" if every.crude_post_value > every.crude_baseline_value else "fell"
    together = f"all failed calls together {verb} from {_values(every)} of the calls"
    return Caveat(" and ".join([*risen, together]), forbids=is_worse, refutes=is_worse)


def shared_with_controls(evaluation: ClaimEvaluation, plan: Plan) -> Caveat | None:
    """Features that the deploy did not touch moved too, and the change does not survive the comparison with them."""
    words = shared_words(evaluation, level_of(plan.bound))
    return Caveat(words, is_shared=True) if words else None


def _compared(evaluation: ClaimEvaluation, comparator: Comparator, metric: Metric) -> Comparison:
    return comparator.compare(
        Scope(evaluation.claim.feature, evaluation.claim.source), metric, evaluation.hours
    )


def _rose(found: Comparison, plan: Plan) -> bool:
    """Worse, past this look's two-sided bound."""
    return (
        found.difference is not None
        and found.difference > 0
        and z_value(found.p_value()) >= plan.bound
    )


def _values(found: Comparison) -> str:
    return f"{share(found.crude_baseline_value)} to {share(found.crude_post_value)}"
