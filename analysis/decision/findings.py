"""What was found of each claim: met, not met, worse, undecided or no data, by the rules of one family at one look."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from analysis.decision.claims import FEWEST_N, Arms, Measured, Plan, measure
from analysis.decision.scope import Scope
from analysis.metrics import OUTCOME_CODES, SUCCESS, metric_named
from analysis.statistics.exact import rate_bounds
from analysis.statistics.multiplicity import HolmResult, holm
from analysis.statistics.power import hours_needed, smallest_visible_change
from analysis.statistics.sequential import bounds, level_of, z_value

if TYPE_CHECKING:
    from analysis.config import Claim

State = Literal["met", "not_met", "worse", "undecided", "no_data"]
ONE_SIDED = 0.05


@dataclass(frozen=True, eq=False)
class Finding:
    """A claim and what was found of it.

    Attributes
    ----------
    claim : as declared.
    state : met, not_met, worse, undecided or no_data.
    measured : the comparison behind it; None for `any_of`, whose `parts` have one each.
    interval : of post - baseline, at `level`; None when nothing can be compared.
    p_value : two-sided, unadjusted, of the claim's own null.
    p_adjusted : smallest alpha at which it would be met at this look, Holm over the family.
    smallest_visible : change of the metric (its unit) that this look would have seen with 80 % power; None when unknown.
    hours_needed : hours from the deploy until the observed change would be decided at today's traffic; None when unknown.
    event_hour : hour from the deploy of the first event of a `stays_zero` claim.
    note : a remark that belongs to the sentence, such as errors that only changed their class.
    """

    claim: Claim
    state: State
    measured: Measured | None
    interval: tuple[float, float] | None
    level: float
    p_value: float | None
    p_adjusted: float | None
    smallest_visible: float | None = None
    hours_needed: float | None = None
    event_hour: int | None = None
    note: str | None = None
    parts: tuple[Finding, ...] = ()


def find_expectations(claims: Sequence[Claim], arms: Arms, plan: Plan, *, smallest_useful: float) -> tuple[Finding, ...]:
    """Findings of the declared expectations: one family for Holm, and one of its own for harm."""
    members = [_members(claim, arms, plan.hours) for claim in claims]
    gains = holm([_member_p(member, "p_met") for member in members], times=plan.times, look=plan.look, alpha=plan.alpha)
    harms = holm([_harm_p(member) for member in members], times=plan.times, look=plan.look, alpha=plan.alpha)
    return tuple(
        _expectation(claim, member, plan, gain=gain, harm=harm, smallest_useful=smallest_useful)
        for claim, member, gain, harm in zip(claims, members, gains, harms, strict=True)
    )


def find_guardrails(claims: Sequence[Claim], arms: Arms, plan: Plan, *, smallest_useful: float) -> tuple[Finding, ...]:
    """Findings of the guardrails: all must hold, so each is judged alone at this look's bound."""
    found = []
    for claim in claims:
        member = _members(claim, arms, plan.hours)
        gain, harm = (HolmResult(z_value(p) >= plan.bound, plan.bound, p) for p in (_member_p(member, "p_met"), _harm_p(member)))
        finding = _expectation(claim, member, plan, gain=gain, harm=harm, smallest_useful=smallest_useful)
        found.append(replace(finding, p_adjusted=None))
    return tuple(found)


def _members(claim: Claim, arms: Arms, hours: tuple[int, int]) -> tuple[Measured, ...]:
    """One measured claim, or one for each part of `any_of`."""
    return tuple(measure(part, arms, hours) for part in (claim.any_of or (claim,)))


def _member_p(member: tuple[Measured, ...], name: str) -> float:
    """p of a member of the family: of `any_of` the smallest times the number of parts; without data 1."""
    smallest = min(getattr(part, name) if part.has_data else 1.0 for part in member)
    return min(1.0, smallest * len(member))


def _harm_p(member: tuple[Measured, ...]) -> float:
    """`any_of` is worse only if every part is, so its p is the largest."""
    return max(part.p_harm if part.has_data else 1.0 for part in member)


def _expectation(
    claim: Claim, member: tuple[Measured, ...], plan: Plan, *, gain: HolmResult, harm: HolmResult, smallest_useful: float
) -> Finding:
    if not claim.any_of:
        return _finding(claim, member[0], plan, gain=gain, harm=harm, smallest_useful=smallest_useful)
    best = min(range(len(member)), key=lambda index: (not member[index].has_data, member[index].p_met))
    none = HolmResult(crossed=False, bound=gain.bound, p_adjusted=1.0)
    parts = tuple(
        _finding(part, measured, plan, gain=gain if index == best else none, harm=harm, smallest_useful=smallest_useful)
        for index, (part, measured) in enumerate(zip(claim.any_of, member, strict=True))
    )
    states = {part.state for part in parts}
    state = next((name for name in ("met", "worse", "not_met", "no_data") if name == "met" and name in states or states == {name}), "undecided")
    needed = [part.hours_needed for part in parts if part.hours_needed is not None]
    return Finding(
        claim, state, None, None, level_of(plan.bound), min(part.p_value for part in parts), gain.p_adjusted,
        hours_needed=min(needed, default=None), parts=parts,
    )  # fmt: skip


def _finding(
    claim: Claim, measured: Measured, plan: Plan, *, gain: HolmResult, harm: HolmResult, smallest_useful: float
) -> Finding:
    level = level_of(plan.bound)
    comparison = measured.comparison
    interval = None if comparison.difference is None else comparison.interval(level)
    hour = first_event_hour(measured) if claim.claim == "stays_zero" and comparison.post_y > 0 else None
    renamed = _renamed_class(measured, plan)
    useful = claim.smallest_useful if claim.smallest_useful is not None else smallest_useful
    state = _state(measured, plan, gain=gain, harm=harm, smallest_useful=useful)
    if renamed and state == "met":
        state = "not_met" if plan.is_last else "undecided"
    return Finding(
        claim, state, measured, interval, level, measured.p_value(), gain.p_adjusted,
        smallest_visible=_visible(measured, plan), hours_needed=_needed(measured, plan, state=state, useful=useful),
        event_hour=hour, note=renamed,
    )  # fmt: skip


def _state(measured: Measured, plan: Plan, *, gain: HolmResult, harm: HolmResult, smallest_useful: float) -> State:
    kind = measured.claim.claim
    if kind == "stays_zero" and measured.comparison.post_y > 0:
        return "worse" if measured.has_data and harm.crossed else "not_met"
    if not measured.has_data:
        return "no_data"
    if harm.crossed:
        return "worse"
    if _is_met(measured, gain=gain):
        return "met"
    return "not_met" if _is_refuted(measured, plan, kind=kind, smallest_useful=smallest_useful) else "undecided"


def _is_met(measured: Measured, *, gain: HolmResult) -> bool:
    kind = measured.claim.claim
    if kind in ("falls", "rises"):
        return gain.crossed
    if kind == "stays_zero":
        comparison = measured.comparison
        highest = rate_bounds(comparison.post_y, comparison.post_n, phi=comparison.phi or 1.0, level=1 - 2 * ONE_SIDED)[1]
        return measured.limit is not None and highest < measured.limit
    return measured.p_value(measured.good_side) < ONE_SIDED


def _is_refuted(measured: Measured, plan: Plan, *, kind: str, smallest_useful: float) -> bool:
    if kind in ("falls", "rises"):
        return plan.is_last and _excludes_required(measured, level=level_of(plan.bound), smallest_useful=smallest_useful)
    if kind == "stays_zero" or measured.p_value(measured.harm_side) >= ONE_SIDED:
        return False
    if plan.is_last or plan.previous_last is None:
        return plan.is_last
    before = measured.at(plan.previous_last)
    return before.has_data and before.p_value(before.harm_side) < ONE_SIDED


def _excludes_required(measured: Measured, *, level: float, smallest_useful: float) -> bool:
    """The interval of post - required lies wholly on the wrong side."""
    change = measured.claim.by or smallest_useful
    scale = 1.0 - change if measured.claim.claim == "falls" else 1.0 + change
    low, high = measured.comparison.interval(level, scale=scale)
    return low > 0 if measured.claim.claim == "falls" else high < 0


def first_event_hour(measured: Measured) -> int | None:
    """Hour from the deploy of the first event, None when there is none."""
    post = measured.arms.totals(measured.scope, measured.metric, measured.hours)[1]
    hours = np.flatnonzero(post.y.sum(axis=(0, 1)) > 0)
    return int(hours[0]) + measured.hours[0] if hours.size else None


def _renamed_class(measured: Measured, plan: Plan) -> str | None:
    """Why a class that fell is no fix: the feature's errors as a whole grew. None when that is not so."""
    classes = [*OUTCOME_CODES, *measured.arms.user_classes]
    of_class = [name for name in classes if name != SUCCESS and measured.metric.name == f"{name}_rate"]
    if not of_class or measured.claim.claim != "falls" or not measured.claim.feature:
        return None
    every = measured.arms.compare(Scope(measured.claim.feature, measured.claim.source), metric_named("error_rate"), plan.hours)
    if every.difference is None or every.difference <= 0 or z_value(every.p_value()) < plan.bound:
        return None
    return f"all errors of the feature together rose from {every.crude_baseline_value:.1%} to {every.crude_post_value:.1%} of its calls"


def _visible(measured: Measured, plan: Plan) -> float | None:
    comparison = measured.comparison
    change = smallest_visible_change(comparison.variance, comparison.df, bound=plan.bound)
    return change if math.isfinite(change) else None


def _needed(measured: Measured, plan: Plan, *, state: State, useful: float) -> float | None:
    """Hours from the deploy until the observed change, or at least the smallest useful one, would be decided at today's traffic."""
    comparison, hours = measured.comparison, plan.hours[1] - plan.hours[0]
    if state == "no_data":
        return FEWEST_N / comparison.post_n * hours if 0 < comparison.post_n < FEWEST_N else None
    if state != "undecided":
        return None
    effect = max(abs(measured.distance), useful * abs(comparison.baseline_value or 0.0))
    last_bound = bounds(plan.times, plan.alpha)[-1]
    return hours_needed(comparison.variance_parts(), comparison.df, bound=last_bound, effect=effect, hours=hours, cycle=measured.arms.cycle.hours)
