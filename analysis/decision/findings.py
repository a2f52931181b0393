"""What was found of each claim: met, not met, worse, undecided or no data, by the rules of one family at one look."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from analysis.counting.arms import Arms
from analysis.counting.scope import Scope
from analysis.decision.caveats import Caveat, find_caveat
from analysis.decision.claims import ClaimEvaluation, evaluate_claim
from analysis.decision.comparison import Comparator
from analysis.decision.controls.summary import ControlSummary, summarise_controls
from analysis.decision.plan import Plan
from analysis.decision.power import (
    NOT_OPEN,
    ONE_SIDED,
    TimeToDecision,
    estimate_time_to_decision,
    minimum_detectable_effect,
)
from analysis.metric_kinds import CLASS_RATE
from analysis.metrics import metric_named
from analysis.statistics.comparison import Comparison
from analysis.statistics.multiplicity import HolmResult, holm
from analysis.statistics.rates.exact import rate_bounds
from analysis.statistics.sequential import bounds, level_of, z_value
from analysis.statistics.standardisation import standardise

if TYPE_CHECKING:
    from analysis.config import Claim

State = Literal["met", "not_met", "worse", "undecided", "no_data"]


@dataclass(frozen=True, eq=False)
class Finding:
    """A claim and what was found of it.

    Attributes
    ----------
    claim : as declared.
    state : met, not_met, worse, undecided or no_data.
    evaluation : the comparison behind it; None for `any_of`, whose `parts` have one each.
    calls : calls that started in the scope, baseline (matched hours) and post; of `any_of` those of its first part.
    interval : of post - baseline, at `level`; None when nothing can be compared.
    p_value : two-sided, unadjusted, of the claim's own null; of `any_of` the smallest that counts for it times its parts. None when
        nothing can be compared.
    p_adjusted : smallest alpha at which it would be met at this look, Holm over the family; None for guardrails.
    smallest_visible : change of the metric (its unit) that this look would have seen with 80 % power; None when unknown.
    useful : the smallest change that would be useful, a share of the baseline: without `by`, that is what is ruled out.
    time_to_decision : how long until it is decided at today's traffic, while it is open.
    event_hour : hour from the deploy of the first event, where none was allowed or none had been seen.
    began_hour : hour from the deploy at which a change that nobody asked for began.
    looks_share_alpha : the level is visibly above 1 - alpha, because several looks share the error.
    caveat : a remark that belongs to the sentence, such as errors that only changed their class.
    controls : what the control features say of it, or why there are none; None for `any_of`.
    one_sided : error of a one-sided bound, shared among the parts of `any_of`.
    """

    claim: Claim
    state: State
    evaluation: ClaimEvaluation | None
    calls: tuple[int, int]
    interval: tuple[float, float] | None
    level: float
    p_value: float | None
    p_adjusted: float | None
    minimum_detectable_effect: float | None = None
    useful: float | None = None
    time_to_decision: TimeToDecision = NOT_OPEN
    event_hour: int | None = None
    began_hour: int | None = None
    looks_share_alpha: bool = False
    caveat: Caveat | None = None
    controls: ControlSummary | None = None
    parts: tuple[Finding, ...] = ()
    one_sided: float = ONE_SIDED


@dataclass(frozen=True)
class Ruling:
    """What the family says of one claim or part.

    Attributes
    ----------
    gain, harm : whether what is claimed, and its opposite, cross their bounds.
    one_sided : error of a one-sided claim, shared among the parts of `any_of`.
    n_open : claims of the family that are not shown yet, at least 1.
    """

    gain: HolmResult
    harm: HolmResult
    one_sided: float = ONE_SIDED
    n_open: int = 1


def find_expectations(
    claims: Sequence[Claim], comparator: Comparator, plan: Plan, *, smallest_useful: float
) -> tuple[Finding, ...]:
    """Findings of the declared expectations: one family for Holm, and one of its own for harm."""
    return _find_family(claims, comparator, plan, smallest_useful=smallest_useful)


def find_guardrails(
    claims: Sequence[Claim], comparator: Comparator, plan: Plan, *, smallest_useful: float
) -> tuple[Finding, ...]:
    """Findings of the guardrails: all must hold, so each is judged alone at this look's bound."""
    alone = [
        _find_family([claim], comparator, plan, smallest_useful=smallest_useful)[0]
        for claim in claims
    ]
    return tuple(_uncorrected(finding) for finding in alone)


def find_first_event_hour(evaluation: ClaimEvaluation, arms: Arms) -> int | None:
    """Hour from the deploy of the first event, None when there is none."""
    post = arms.totals(evaluation.scope, evaluation.metric, evaluation.hours)[1]
    hours = np.flatnonzero(post.y.sum(axis=(0, 1)) > 0)
    return int(hours[0]) + evaluation.hours[0] if hours.size else None


def count_calls(evaluation: ClaimEvaluation, arms: Arms) -> tuple[int, int]:
    """Calls that started in a claim's scope, in the matched baseline hours and after the deploy."""
    if evaluation.metric.kind is CLASS_RATE:
        return round(evaluation.decisive.baseline_n), round(evaluation.decisive.post_n)
    scope = Scope(evaluation.claim.feature, evaluation.claim.source)
    totals = arms.totals(scope, metric_named("error_rate"), evaluation.hours)
    both = standardise(*totals, first_hour=arms.hour_of_cycle(evaluation.hours[0]))
    return round(both.crude_baseline.n), round(both.crude_post.n)


def _find_family(
    claims: Sequence[Claim], comparator: Comparator, plan: Plan, *, smallest_useful: float
) -> tuple[Finding, ...]:
    members = [
        tuple(evaluate_claim(part, comparator, plan.hours) for part in claim.parts)
        for claim in claims
    ]
    gain_p = [min(_shared_p(member)) for member in members]
    gains, harms = _holm(gain_p, plan), _holm([_harm_p(member) for member in members], plan)
    n_open = max(1, sum(not gain.crossed for gain in gains))
    found = []
    for place, (claim, member) in enumerate(zip(claims, members, strict=True)):
        useful = claim.smallest_useful if claim.smallest_useful is not None else smallest_useful
        ruling = Ruling(gains[place], harms[place], ONE_SIDED / len(member), n_open)
        if not claim.any_of:
            found.append(_finding(claim, member[0], comparator, plan, ruling, useful=useful))
            continue
        parts = []
        for part, evaluation, p in zip(claim.any_of, member, _shared_p(member), strict=True):
            in_its_place = [*gain_p[:place], p, *gain_p[place + 1 :]]
            part_ruling = replace(
                ruling,
                gain=_holm(in_its_place, plan)[place],
                harm=_part_harm(evaluation, ruling, plan, len(claims)),
            )
            useful = part.smallest_useful if part.smallest_useful is not None else smallest_useful
            parts.append(_finding(part, evaluation, comparator, plan, part_ruling, useful=useful))
        found.append(_any_of(claim, tuple(parts), plan, ruling, p_value=gain_p[place]))
    return tuple(found)


def _holm(p_values: Sequence[float], plan: Plan) -> list[HolmResult]:
    return holm(p_values, times=plan.times, look=plan.look, alpha=plan.alpha)


def _shared_p(member: Sequence[ClaimEvaluation]) -> list[float]:
    """p of each part times their number: the smallest is that of the member of the family. Without data 1."""
    return [min(1.0, part.p_met * len(member)) if part.has_data else 1.0 for part in member]


def _harm_p(member: Sequence[ClaimEvaluation]) -> float:
    """`any_of` is worse only if every part is, so its p is the largest."""
    return max(part.p_harm if part.has_data else 1.0 for part in member)


def _part_harm(part: ClaimEvaluation, ruling: Ruling, plan: Plan, n_members: int) -> HolmResult:
    """Harm of one part is shown when the whole is worse, or when it alone crosses the strictest bound of the family."""
    strictest = bounds(plan.times, plan.alpha / n_members)[plan.look]
    crossed = ruling.harm.crossed or (part.has_data and z_value(part.p_harm) >= strictest)
    return replace(ruling.harm, crossed=crossed)


def _uncorrected(finding: Finding) -> Finding:
    return replace(
        finding, p_adjusted=None, parts=tuple(_uncorrected(part) for part in finding.parts)
    )


def _any_of(
    claim: Claim, parts: tuple[Finding, ...], plan: Plan, ruling: Ruling, *, p_value: float
) -> Finding:
    """Met when one part is, worse only when every part is, not met when every part is not."""
    states = {part.state for part in parts}
    if "met" in states:
        state: State = "met"
    elif ruling.harm.crossed:
        state = "worse"
    elif states <= {"not_met", "worse"}:
        state = "not_met"
    else:
        state = "no_data" if states == {"no_data"} else "undecided"
    is_open = state in ("undecided", "no_data")
    soonest = min(
        (part.time_to_decision for part in parts if part.time_to_decision.hours is not None),
        key=lambda time: time.hours,
        default=NOT_OPEN,
    )
    return Finding(
        claim,
        state,
        None,
        parts[0].calls,
        None,
        level_of(plan.bound),
        p_value,
        ruling.gain.p_adjusted,
        time_to_decision=soonest if is_open else NOT_OPEN,
        parts=parts,
    )


def _finding(
    claim: Claim,
    evaluation: ClaimEvaluation,
    comparator: Comparator,
    plan: Plan,
    ruling: Ruling,
    *,
    useful: float,
) -> Finding:
    level = level_of(plan.bound)
    selection = comparator.controls.groups.selection_of(evaluation.scope)
    controls = summarise_controls(evaluation, selection, level)
    caveat = find_caveat(evaluation, comparator, plan, controls)
    state = _state(evaluation, comparator, plan, ruling, useful=useful)
    if caveat and caveat.forbids and state in ("met", "undecided"):
        state = "not_met" if caveat.refutes else "undecided"
    is_open = state in ("undecided", "no_data") and not (caveat and caveat.forbids)
    return Finding(
        claim,
        state,
        evaluation,
        count_calls(evaluation, comparator.arms),
        finite_interval(evaluation.comparison, level),
        level,
        _p_value(evaluation),
        ruling.gain.p_adjusted,
        minimum_detectable_effect=minimum_detectable_effect(evaluation, bound=ruling.gain.bound),
        useful=useful,
        time_to_decision=estimate_time_to_decision(
            evaluation, comparator.arms, plan, smallest_useful=useful, n_open=ruling.n_open
        )
        if is_open
        else NOT_OPEN,
        event_hour=find_first_event_hour(evaluation, comparator.arms)
        if evaluation.has_event
        else None,
        looks_share_alpha=plan.looks_share_alpha,
        caveat=caveat,
        controls=controls,
        one_sided=ruling.one_sided,
    )


def _state(
    evaluation: ClaimEvaluation,
    comparator: Comparator,
    plan: Plan,
    ruling: Ruling,
    *,
    useful: float,
) -> State:
    if not evaluation.has_data:
        return "not_met" if evaluation.has_event else "no_data"
    if ruling.harm.crossed:
        return "worse"
    if evaluation.has_event:
        return "not_met"
    if _is_met(evaluation, ruling):
        return "met"
    return (
        "not_met"
        if _is_refuted(evaluation, comparator, plan, ruling, useful=useful)
        else "undecided"
    )


def _is_met(evaluation: ClaimEvaluation, ruling: Ruling) -> bool:
    rule = evaluation.kind.rule
    if rule == "look_bound":
        return ruling.gain.crossed
    if rule == "no_event":
        return (
            evaluation.limit is not None
            and highest_rate(evaluation, error=ruling.one_sided) < evaluation.limit
        )
    return evaluation.p_value(evaluation.good_side) < ruling.one_sided


def highest_rate(evaluation: ClaimEvaluation, *, error: float = ONE_SIDED) -> float:
    """One-sided upper bound of the post rate, counts divided by the baseline's overdispersion."""
    found = evaluation.decisive
    return rate_bounds(found.post_y, found.post_n, phi=found.overdispersion, level=1 - 2 * error)[1]


def _is_refuted(
    evaluation: ClaimEvaluation,
    comparator: Comparator,
    plan: Plan,
    ruling: Ruling,
    *,
    useful: float,
) -> bool:
    rule = evaluation.kind.rule
    if rule == "look_bound":
        return plan.is_last and _excludes_required(
            evaluation, level=level_of(plan.bound), useful=useful
        )
    if rule == "no_event" or evaluation.p_value(evaluation.harm_side) >= ruling.one_sided:
        return False
    if plan.is_last or plan.previous_last is None:
        return plan.is_last
    before = evaluate_claim(evaluation.claim, comparator, (plan.hours[0], plan.previous_last))
    return before.has_data and before.p_value(before.harm_side) < ruling.one_sided


def _excludes_required(evaluation: ClaimEvaluation, *, level: float, useful: float) -> bool:
    """The interval of post - required lies wholly on the wrong side."""
    change = evaluation.claim.by or useful
    required = evaluation.kind.null_change(change, evaluation.metric.worse)
    low, high = evaluation.comparison.interval(level, scale=1.0 + required)
    return low > 0 if evaluation.good_side == "less" else high < 0


def finite_interval(comparison: Comparison, level: float) -> tuple[float, float] | None:
    """Interval of post - baseline; None when nothing is known of an end of it."""
    if comparison.difference is None:
        return None
    low, high = comparison.interval(level)
    return (low, high) if math.isfinite(low) and math.isfinite(high) else None


def _p_value(evaluation: ClaimEvaluation) -> float | None:
    nothing = evaluation.decisive.difference is None or (
        evaluation.kind.null == "limit" and evaluation.limit is None
    )
    return None if nothing else evaluation.p_value()
