"""Does the improvement last? The trailing hours alone must confirm what the whole window shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Literal

from analysis.counting.arms import Arms
from analysis.decision.claims.evaluation import FEWEST_N, ClaimEvaluation, evaluate_claim
from analysis.decision.claims.findings import Finding
from analysis.decision.claims.power import ONE_SIDED
from analysis.decision.comparison import Comparator
from analysis.decision.plan import Plan
from analysis.statistics.trailing_hours import (
    SMALLEST_EXPECTED,
    TrailingCheck,
    check_trailing_hours,
)
from analysis.window import HOUR

SustainedReason = Literal[
    "confirmed",
    "exploratory",
    "too_early",
    "guardrail_open",
    "not_met",
    "no_calls",
    "not_kept",
    "few_hours",
    "not_shown",
]
"""Why the effect counts as sustained, or why not: an exploratory look, fewer hours than asked, a
critical guardrail that is not met; else the first expectation that fails: not met at all, no calls
in the trailing hours, a limit not kept there, too few hours better, or no change shown there."""


@dataclass(frozen=True)
class SustainedDecision:
    """Whether every expectation holds in the trailing hours alone.

    Attributes
    ----------
    reason : why it holds or not.
    trailing_hours, seen_hours : hours that must confirm it, and hours of the look.
    finding : the expectation, or the part of one, that does not hold in the trailing hours.
    name : of that expectation.
    p_value : one-sided, of the trailing hours.
    share_of_hours : of the trailing hours in which it is better.
    """

    reason: SustainedReason
    trailing_hours: int = 0
    seen_hours: int = 0
    finding: Finding | None = None
    name: str = ""
    p_value: float | None = None
    share_of_hours: float | None = None

    @property
    def holds(self) -> bool:
        """Whether the rule of STATISTICS "Sustained" holds for every expectation."""
        return self.reason == "confirmed"


def decide_sustained(
    expectations: Sequence[Finding],
    guardrails: Sequence[Finding],
    comparator: Comparator,
    plan: Plan,
    *,
    sustained_for: timedelta,
) -> SustainedDecision:
    """The trailing `sustained_for` hours of the window, expectation by expectation."""
    trailing, seen = max(1, -(-sustained_for // HOUR)), plan.n_hours
    shared = SustainedDecision("confirmed", trailing, seen)
    if not plan.is_planned:
        return replace(shared, reason="exploratory")
    if seen < trailing:
        return replace(shared, reason="too_early")
    if not all(found.state == "met" for found in guardrails if found.claim.critical):
        return replace(shared, reason="guardrail_open")
    for finding in expectations:
        decided = _decide(finding, comparator, plan, shared)
        if not decided.holds:
            return replace(decided, name=finding.claim.name or "")
    return shared


def _decide(
    finding: Finding, comparator: Comparator, plan: Plan, shared: SustainedDecision
) -> SustainedDecision:
    """Whether an expectation lasts. Of `any_of` one part that is met must last."""
    if finding.state != "met":
        return replace(shared, reason="not_met", finding=finding)
    met = [part for part in finding.parts if part.state == "met"] or [finding]
    decided = [_decide_part(part, comparator, plan, shared) for part in met]
    return next((one for one in decided if one.holds), decided[0])


def _decide_part(
    finding: Finding, comparator: Comparator, plan: Plan, shared: SustainedDecision
) -> SustainedDecision:
    shared, arms = replace(shared, finding=finding), comparator.arms
    hours = (plan.hours[1] - shared.trailing_hours, plan.hours[1])
    late = evaluate_claim(finding.claim, comparator, hours)
    if late.decisive.post_n <= 0 and late.decisive.baseline_n / arms.cycle.repeats >= FEWEST_N:
        return replace(shared, reason="no_calls")
    if late.kind.rule == "no_event":
        return shared  # no event at all, so none in the last hours
    if late.kind.rule == "one_sided":
        lasts, p = _lasts(late, arms)
        return shared if lasts else replace(shared, reason="not_kept", p_value=p)
    found = _trailing(late, arms, plan, shared.trailing_hours)
    if found.holds:
        return shared
    if found.share_of_hours_better is not None and found.trailing_better:
        return replace(shared, reason="few_hours", share_of_hours=found.share_of_hours_better)
    return replace(shared, reason="not_shown", p_value=found.p_value)


def _lasts(late: ClaimEvaluation, arms: Arms) -> tuple[bool, float]:
    """The claim in the trailing hours, with its one-sided p.

    Where events are rare, only that nothing speaks against it.
    """
    found = late.decisive
    limit = (
        late.limit if late.limit is not None else late.scale * (found.crude_baseline_value or 0.0)
    )
    usual_n = found.baseline_n / arms.cycle.repeats
    if late.metric.indicator and limit * max(found.post_n, usual_n) < SMALLEST_EXPECTED:
        against = late.p_value(late.harm_side)
        return against > ONE_SIDED, against
    p = late.p_value(late.good_side)
    return p < ONE_SIDED, p


def _trailing(late: ClaimEvaluation, arms: Arms, plan: Plan, trailing: int) -> TrailingCheck:
    """The rule for what should change, adjusted for the control features as the window is."""
    baseline, post = arms.totals(late.scope, late.metric, plan.hours)
    return check_trailing_hours(
        baseline,
        post,
        hours=trailing,
        indicator=late.metric.indicator,
        better=late.good_side,
        trailing=late.comparison,
        on_logs=late.metric.kind.is_time,
        first_hour=arms.hour_of_cycle(plan.hours[0]),
    )
