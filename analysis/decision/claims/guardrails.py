"""Findings of the guardrails: two families for harm, and each feature of a pattern by itself."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from analysis.config import Claim
from analysis.config.settings import Accepted
from analysis.counting.scope import scope_of
from analysis.decision.claims.accepted_changes import (
    expected_features,
    find_accepted,
    known_features,
)
from analysis.decision.claims.bursts import find_burst
from analysis.decision.claims.evaluation import evaluate_claim, metric_of
from analysis.decision.claims.families import Member, evaluate_members, find_family
from analysis.decision.claims.findings import Finding
from analysis.decision.comparison import Comparator
from analysis.decision.plan import Plan
from analysis.statistics.harm.families import ONE_SIDED, HarmResult, find_harm
from analysis.statistics.multiplicity import HolmResult, holm

SEVERITY = {"worse": 0, "not_met": 1, "undecided": 2, "met": 2, "no_data": 3}


@dataclass(frozen=True)
class GuardrailMembers:
    """A guardrail and the claims that it is judged by.

    Attributes
    ----------
    claim : as declared.
    claims : one for each feature; the guardrail itself where it names one or is a total.
    is_per_feature : whether each feature is judged by itself.
    """

    claim: Claim
    claims: tuple[Claim, ...]
    is_per_feature: bool


def find_guardrails(
    guardrails: Sequence[Claim],
    comparator: Comparator,
    plan: Plan,
    *,
    smallest_useful: float,
    expectations: Sequence[Claim] = (),
    accepted: Sequence[Accepted] = (),
) -> tuple[Finding, ...]:
    """Findings of the guardrails.

    All must hold, which needs no correction. One broken of many is enough to act, which does: harm
    is decided in the family of the critical ones and in that of the others.
    """
    expected = expected_features(expectations, comparator.arms)
    members = [_split_by_feature(claim, comparator, expected) for claim in guardrails]
    found: dict[int, Finding] = {}
    for is_critical in (True, False):
        family = [
            claim for one in members for claim in one.claims if one.claim.critical is is_critical
        ]
        for claim, finding in zip(
            family, _find_members(family, comparator, plan, smallest_useful, accepted), strict=True
        ):
            found[id(claim)] = finding
    return tuple(
        _combine_features(
            one,
            [found[id(claim)] for claim in one.claims],
            comparator,
            plan,
            expected,
            smallest_useful,
        )
        for one in members
    )


def one_sided_harm_p(member: Member) -> float:
    """One-sided p of harm; `any_of` is worse only if every part is, so its p is the largest."""
    return max(part.p_harm_one_sided for part in member)


def _split_by_feature(
    claim: Claim, comparator: Comparator, expected: Collection[str]
) -> GuardrailMembers:
    """One claim for each feature that a pattern fits, but for what the team chose to change."""
    is_event_of_no_feature = any(
        metric_of(part, comparator.arms).event == "cron_over" for part in claim.parts
    )
    if not claim.has_feature_pattern or claim.per == "total" or is_event_of_no_feature:
        return GuardrailMembers(claim, (claim,), is_per_feature=False)
    scope, is_price = scope_of(claim), metric_of(claim, comparator.arms).kind.is_price
    claims = tuple(
        claim.model_copy(update={"feature": feature, "exceptions": ()})
        for feature in known_features(comparator.arms)
        if scope.has_feature(feature) and not (is_price and feature in expected)
    )
    return GuardrailMembers(claim, claims, is_per_feature=True)


def _find_members(
    claims: Sequence[Claim],
    comparator: Comparator,
    plan: Plan,
    smallest_useful: float,
    accepted: Sequence[Accepted],
) -> list[Finding]:
    """The finding of each claim of one family for harm."""
    members = evaluate_members(claims, comparator, plan.hours)
    entries = [
        find_accepted(member[0], accepted) if len(member) == 1 else None for member in members
    ]
    harms = _find_harm(claims, members, entries, comparator, plan)
    found = []
    for claim, member, entry, harm in zip(claims, members, entries, harms, strict=True):
        burst = find_burst(member[0], comparator) if harm.is_shown else ()
        crossed = HolmResult(harm.at_bound and not burst, harm.bound, harm.p_adjusted)
        (finding,) = find_family(
            [member],
            [claim],
            comparator,
            plan,
            [crossed],
            smallest_useful=smallest_useful,
            is_refuted=harm.at_two_looks and not burst,
        )
        state = "met" if entry is not None else finding.state
        finding = _without_adjusted_p(finding)
        found.append(replace(finding, state=state, burst_hours=burst, accepted=entry))
    return found


def _find_harm(
    claims: Sequence[Claim],
    members: Sequence[Member],
    entries: Sequence[Accepted | None],
    comparator: Comparator,
    plan: Plan,
) -> list[HarmResult]:
    """Which members were harmed; the look before is computed again where it can matter."""
    p_values = _harm_p_values(members, entries)
    before = None
    if plan.previous_last is not None and any(
        one.crossed for one in holm(p_values, alpha=ONE_SIDED)
    ):
        hours = (plan.hours[0], plan.previous_last)
        before = _harm_p_values(evaluate_members(claims, comparator, hours), entries)
    return find_harm(p_values, times=plan.times, look=plan.look, before=before, alpha=plan.alpha)


def _harm_p_values(members: Sequence[Member], entries: Sequence[Accepted | None]) -> list[float]:
    return [
        1.0 if entry is not None else one_sided_harm_p(member)
        for member, entry in zip(members, entries, strict=True)
    ]


def _combine_features(
    members: GuardrailMembers,
    findings: Sequence[Finding],
    comparator: Comparator,
    plan: Plan,
    expected: Collection[str],
    smallest_useful: float,
) -> Finding:
    """The finding of a guardrail: itself, or the worst of its features.

    Met when no feature is broken and the total over the features that no expectation names, and
    whose change is not accepted, holds the margin.
    """
    if not members.is_per_feature:
        return findings[0]
    claim = members.claim
    parts = tuple(sorted(findings, key=_severity))
    if parts and parts[0].is_broken:
        return replace(parts[0], claim=claim, parts=parts)
    left_out = {*expected, *(str(part.claim.feature) for part in parts if part.accepted)}
    exceptions = (*claim.exceptions, *sorted(left_out))
    total = claim.model_copy(update={"exceptions": exceptions})
    is_empty = not any(scope_of(total).has_feature(str(part.claim.feature)) for part in parts)
    total = claim if is_empty else total
    evaluation = evaluate_claim(total, comparator, plan.hours)
    no_harm = HolmResult(False, plan.bound, 1.0)
    (whole,) = find_family(
        [(evaluation,)],
        [total],
        comparator,
        plan,
        [no_harm],
        smallest_useful=smallest_useful,
        is_refuted=False,
    )
    return replace(_without_adjusted_p(whole), claim=claim, parts=parts)


def _severity(finding: Finding) -> tuple[int, float]:
    p = 1.0
    if finding.evaluation is not None and finding.state != "no_data":
        p = finding.evaluation.p_harm_one_sided
    return SEVERITY[finding.state], p


def _without_adjusted_p(finding: Finding) -> Finding:
    parts = tuple(_without_adjusted_p(part) for part in finding.parts)
    return replace(finding, p_adjusted=None, parts=parts)
