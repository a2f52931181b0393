"""Findings of the expectations at one look: Holm over the family, for gain and for harm."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from analysis.claim_kinds import ANY_OF
from analysis.config import Claim
from analysis.counting.scope import Hours
from analysis.decision.claims.caveats import find_caveat
from analysis.decision.claims.evaluation import (
    ClaimEvaluation,
    count_calls,
    evaluate_claim,
    find_first_event_hour,
)
from analysis.decision.claims.findings import Finding, State
from analysis.decision.claims.power import (
    NOT_OPEN,
    ONE_SIDED,
    TimeToDecision,
    estimate_time_to_decision,
    minimum_detectable_effect,
)
from analysis.decision.claims.rules import Ruling, decide_state
from analysis.decision.comparison import Comparator
from analysis.decision.controls.summary import summarise_controls
from analysis.decision.plan import Plan
from analysis.statistics.multiplicity import HolmResult, holm
from analysis.statistics.sequential import bounds, level_of, z_value

Member = tuple[ClaimEvaluation, ...]
"""A declared claim: the evaluations of its parts."""


def find_expectations(
    claims: Sequence[Claim], comparator: Comparator, plan: Plan, *, smallest_useful: float
) -> tuple[Finding, ...]:
    """Findings of the declared expectations: one family for gain, and one for harm."""
    members = evaluate_members(claims, comparator, plan.hours)
    harms = _holm(map(harm_p, members), plan)
    return find_family(members, claims, comparator, plan, harms, smallest_useful=smallest_useful)


def evaluate_members(claims: Iterable[Claim], comparator: Comparator, hours: Hours) -> list[Member]:
    """The evaluations of each claim over these hours."""
    return [
        tuple(evaluate_claim(part, comparator, hours) for part in claim.parts) for claim in claims
    ]


def gain_p(member: Member) -> list[float]:
    """p of each part times their number; the smallest is that of the member. 1 without data."""
    return [min(1.0, part.p_met * len(member)) if part.has_data else 1.0 for part in member]


def harm_p(member: Member) -> float:
    """`any_of` is worse only if every part is, so its p is the largest."""
    return max(part.p_harm if part.has_data else 1.0 for part in member)


def find_family(
    members: Sequence[Member],
    claims: Sequence[Claim],
    comparator: Comparator,
    plan: Plan,
    harms: Sequence[HolmResult],
    *,
    smallest_useful: float,
    is_refuted: bool | None = None,
) -> tuple[Finding, ...]:
    """Findings of a family, whose harm is decided already; `is_refuted` as in `Ruling`."""
    p_values = [min(gain_p(member)) for member in members]
    gains = _holm(p_values, plan)
    n_open = max(1, sum(not gain.crossed for gain in gains))
    found = []
    for place, (claim, member) in enumerate(zip(claims, members, strict=True)):
        ruling = Ruling(
            gains[place], harms[place], ONE_SIDED / len(member), n_open, is_refuted=is_refuted
        )
        rulings = _part_rulings(member, ruling, plan, p_values, place)
        parts = tuple(
            _make_finding(evaluation, comparator, plan, ruling, smallest_useful)
            for evaluation, ruling in zip(member, rulings, strict=True)
        )
        if claim.kind is ANY_OF:
            found.append(_combine(claim, parts, plan, ruling, p_value=p_values[place]))
        else:
            found.extend(parts)
    return tuple(found)


def _holm(p_values: Iterable[float], plan: Plan) -> list[HolmResult]:
    return holm(list(p_values), times=plan.times, look=plan.look, alpha=plan.alpha)


def _part_rulings(
    member: Member, ruling: Ruling, plan: Plan, p_values: Sequence[float], place: int
) -> list[Ruling]:
    """The ruling of each part: its own p in the family's place of the whole claim.

    Harm of one part is shown when the whole is worse, or when it alone crosses the strictest bound.
    """
    if len(member) == 1:
        return [ruling]
    rulings, strictest = [], bounds(plan.times, plan.alpha / len(p_values))[plan.look]
    for part, p in zip(member, gain_p(member), strict=True):
        gain = _holm([*p_values[:place], p, *p_values[place + 1 :]], plan)[place]
        is_harmed = part.has_data and z_value(part.p_harm) >= strictest
        harm = replace(ruling.harm, crossed=ruling.harm.crossed or is_harmed)
        rulings.append(replace(ruling, gain=gain, harm=harm))
    return rulings


def _make_finding(
    evaluation: ClaimEvaluation,
    comparator: Comparator,
    plan: Plan,
    ruling: Ruling,
    smallest_useful: float,
) -> Finding:
    claim, arms, level = evaluation.claim, comparator.arms, level_of(plan.bound)
    useful = smallest_useful if claim.smallest_useful is None else claim.smallest_useful
    selection = comparator.controls.groups.selection_of(evaluation.scope)
    controls = summarise_controls(evaluation, selection, level)
    caveat = find_caveat(evaluation, comparator, plan, controls)
    state = decide_state(evaluation, comparator, plan, ruling, smallest_useful=useful)
    if caveat and caveat.forbids and state in ("met", "undecided"):
        state = "not_met" if caveat.refutes else "undecided"
    time = NOT_OPEN
    if state in ("undecided", "no_data") and not (caveat and caveat.forbids):
        time = estimate_time_to_decision(
            evaluation, arms, plan, smallest_useful=useful, n_open=ruling.n_open
        )
    return Finding(
        claim=claim,
        state=state,
        evaluation=evaluation,
        calls=count_calls(evaluation, arms),
        level=level,
        interval=evaluation.finite_interval(level),
        p_value=evaluation.p_value() if evaluation.has_null else None,
        p_adjusted=ruling.gain.p_adjusted,
        minimum_detectable_effect=minimum_detectable_effect(evaluation, bound=ruling.gain.bound),
        smallest_useful=useful,
        time_to_decision=time,
        event_hour=find_first_event_hour(evaluation, arms) if evaluation.has_event else None,
        caveat=caveat,
        controls=controls,
        one_sided=ruling.one_sided,
    )


def _combine(
    claim: Claim, parts: tuple[Finding, ...], plan: Plan, ruling: Ruling, *, p_value: float
) -> Finding:
    """The finding of `any_of`: the soonest part decides how long it takes."""
    state = _combine_states({part.state for part in parts}, is_worse=ruling.harm.crossed)
    times = [part.time_to_decision for part in parts if part.time_to_decision.hours is not None]
    soonest = min(times, key=_hours, default=NOT_OPEN)
    return Finding(
        claim=claim,
        state=state,
        evaluation=None,
        calls=parts[0].calls,
        level=level_of(plan.bound),
        p_value=p_value,
        p_adjusted=ruling.gain.p_adjusted,
        time_to_decision=soonest if state in ("undecided", "no_data") else NOT_OPEN,
        parts=parts,
    )


def _combine_states(states: set[State], *, is_worse: bool) -> State:
    """Met when one part is; worse, not met and no data only when every part is."""
    if "met" in states:
        return "met"
    if is_worse:
        return "worse"
    if states <= {"not_met", "worse"}:
        return "not_met"
    return "no_data" if states == {"no_data"} else "undecided"


def _hours(time: TimeToDecision) -> float:
    return time.hours or 0.0
