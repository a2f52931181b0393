"""Does the improvement last? The trailing hours alone must confirm what the whole window shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from analysis.counting.arms import Arms
from analysis.decision.claims import FEWEST_N, ClaimEvaluation, evaluate_claim
from analysis.decision.comparison import Comparator
from analysis.decision.findings import Finding
from analysis.decision.plan import Plan
from analysis.decision.power import ONE_SIDED
from analysis.formatting import hours as hours_text
from analysis.formatting import p_value as p_text
from analysis.formatting import share
from analysis.statistics.trailing_hours import (
    SMALLEST_EXPECTED,
    TrailingCheck,
    check_trailing_hours,
)
from analysis.window import HOUR


@dataclass(frozen=True)
class SustainedDecision:
    """Whether every expectation holds in the trailing hours alone.

    Attributes
    ----------
    holds : the rule of STATISTICS "Sustained" holds for every expectation.
    remark : what was seen, or why it does not hold, as the end of a sentence.
    """

    holds: bool
    remark: str


def decide_sustained(
    expectations: Sequence[Finding],
    guardrails: Sequence[Finding],
    comparator: Comparator,
    plan: Plan,
    *,
    sustained_for: timedelta,
) -> SustainedDecision:
    """The trailing `sustained_for` hours of the window, expectation by expectation; the first that fails is named."""
    trailing = max(1, -(-sustained_for // HOUR))
    seen = plan.hours[1] - plan.hours[0]
    if not plan.is_planned:
        return SustainedDecision(False, "an exploratory look does not decide whether it lasts")
    if seen < trailing:
        return SustainedDecision(
            False,
            f"whether it lasts is asked once {hours_text(trailing)} have passed, so far {hours_text(seen)} have",
        )
    if not all(found.state == "met" for found in guardrails if found.claim.critical):
        return SustainedDecision(False, "it is not sustained while a critical guardrail is not met")
    for finding in expectations:
        remark = _remark(finding, comparator, plan, trailing)
        if remark:
            return SustainedDecision(False, f"it is not sustained: {finding.claim.name!r} {remark}")
    return SustainedDecision(True, f"the last {hours_text(trailing)} alone confirm it")


def _remark(finding: Finding, comparator: Comparator, plan: Plan, trailing: int) -> str:
    """Why an expectation does not last; empty when it does. Of `any_of` one part that is met must last."""
    if finding.state != "met":
        return "is not met"
    met = [part for part in finding.parts if part.state == "met"] or [finding]
    remarks = [_remark_on(part, comparator, plan, trailing) for part in met]
    return "" if "" in remarks else remarks[0]


def _remark_on(finding: Finding, comparator: Comparator, plan: Plan, trailing: int) -> str:
    evaluation, span = finding.evaluation, hours_text(trailing)
    arms, late_hours = comparator.arms, (plan.hours[1] - trailing, plan.hours[1])
    late = evaluate_claim(finding.claim, comparator, late_hours)
    if late.decisive.post_n <= 0 and late.decisive.baseline_n / arms.cycle.repeats >= FEWEST_N:
        return f"cannot be seen in the last {span}: they hold none of its {evaluation.metric.among}"
    if evaluation.kind.rule == "no_event":
        return ""  # no event at all, so none in the last hours
    if evaluation.kind.rule == "one_sided":
        lasts, p = _lasts(late, arms)
        return "" if lasts else f"does not hold in the last {span} alone (one-sided p {p_text(p)})"
    found = _trailing(late, arms, plan, trailing)
    if found.holds:
        return ""
    if found.share_of_hours_better is not None and found.trailing_better:
        return (
            f"holds in only {share(found.share_of_hours_better)} of the last {span}; 80 % are asked"
        )
    return f"is not shown by the last {span} alone (one-sided p {p_text(found.p_value)})"


def _lasts(late: ClaimEvaluation, arms: Arms) -> tuple[bool, float]:
    """The claim in the trailing hours, with its one-sided p; where events are rare, only that there is none against it."""
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
    """The rule for what should change, with the provider's day taken out of the trailing hours as it is out of the window."""
    baseline, post = arms.totals(late.scope, late.metric, plan.hours)
    return check_trailing_hours(
        baseline,
        post,
        hours=trailing,
        indicator=late.metric.indicator,
        better=late.good_side,
        first_hour=arms.hour_of_cycle(plan.hours[0]),
        trailing=late.comparison,
    )
