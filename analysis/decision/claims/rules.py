"""When a claim is met, and when it is refuted: the decision rules of claim_kinds.py."""

from __future__ import annotations

from dataclasses import dataclass

from analysis.decision.claims.evaluation import ClaimEvaluation, evaluate_claim
from analysis.decision.claims.findings import State
from analysis.decision.claims.power import ONE_SIDED
from analysis.decision.comparison import Comparator
from analysis.decision.plan import Plan
from analysis.statistics.multiplicity import HolmResult
from analysis.statistics.rates.exact import rate_bounds
from analysis.statistics.sequential import level_of


@dataclass(frozen=True)
class Ruling:
    """What the family says of one of its claims.

    Attributes
    ----------
    gain, harm : whether what is claimed, and its opposite, cross their bounds.
    one_sided : error of a one-sided claim, shared among the parts of `any_of`.
    n_open : claims of the family that are not shown yet, at least 1.
    is_refuted : of a guardrail, whether harm is shown at two looks running; None for expectations.
    """

    gain: HolmResult
    harm: HolmResult
    one_sided: float
    n_open: int
    is_refuted: bool | None = None


def decide_state(
    evaluation: ClaimEvaluation,
    comparator: Comparator,
    plan: Plan,
    ruling: Ruling,
    *,
    smallest_useful: float,
) -> State:
    """The state of one claim at this look; harm comes before everything but missing data."""
    if not evaluation.has_data:
        return "not_met" if evaluation.has_event else "no_data"
    if ruling.harm.crossed:
        return "worse"
    if evaluation.has_event:
        return "not_met"
    if _is_met(evaluation, ruling):
        return "met"
    if evaluation.kind.rule == "look_bound":
        is_refuted = plan.is_last and _excludes_required(evaluation, plan, smallest_useful)
    else:
        is_refuted = _is_refuted_one_sided(evaluation, comparator, plan, ruling)
    return "not_met" if is_refuted else "undecided"


def highest_rate(evaluation: ClaimEvaluation, *, error: float = ONE_SIDED) -> float:
    """One-sided upper bound of the post rate, counts divided by their overdispersion."""
    found = evaluation.decisive
    return rate_bounds(found.post_y, found.post_n, phi=found.overdispersion, level=1 - 2 * error)[1]


def _is_met(evaluation: ClaimEvaluation, ruling: Ruling) -> bool:
    if evaluation.kind.rule == "look_bound":
        return ruling.gain.crossed
    if evaluation.kind.rule == "one_sided":
        return evaluation.p_value(evaluation.good_side) < ruling.one_sided
    limit = evaluation.limit
    return limit is not None and highest_rate(evaluation, error=ruling.one_sided) < limit


def _excludes_required(evaluation: ClaimEvaluation, plan: Plan, smallest_useful: float) -> bool:
    """The interval of post - required lies wholly on the wrong side."""
    size = evaluation.claim.by or smallest_useful
    required = 1.0 + evaluation.kind.null_change(size, evaluation.metric.worse)
    low, high = evaluation.comparison.interval(level_of(plan.bound), scale=required)
    return low > 0 if evaluation.good_side == "less" else high < 0


def _is_refuted_one_sided(
    evaluation: ClaimEvaluation, comparator: Comparator, plan: Plan, ruling: Ruling
) -> bool:
    """The opposite is shown one-sided: at the last look, or at two looks running."""
    if evaluation.kind.rule == "no_event":  # refuted by an event only
        return False
    if ruling.is_refuted is not None:
        return ruling.is_refuted
    if evaluation.p_value(evaluation.harm_side) >= ruling.one_sided:
        return False
    if plan.is_last or plan.previous_last is None:
        return plan.is_last
    hours = (plan.hours[0], plan.previous_last)
    previous = evaluate_claim(evaluation.claim, comparator, hours)
    return previous.has_data and previous.p_value(previous.harm_side) < ruling.one_sided
