"""Does the improvement last? The trailing hours alone must confirm what the whole window shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from analysis.decision.claims import Arms, Measured, Plan
from analysis.decision.findings import ONE_SIDED, Finding
from analysis.decision.wording import hours as hours_text
from analysis.decision.wording import p_value as p_text
from analysis.decision.wording import share
from analysis.statistics.sustained import Sustained, check_sustained
from analysis.window import HOUR


@dataclass(frozen=True)
class Lasting:
    """Whether every expectation holds in the trailing hours alone.

    Attributes
    ----------
    holds : the rule of STATISTICS "Sustained" holds for every expectation.
    remark : why not, in one sentence; empty when it holds.
    """

    holds: bool
    remark: str


def decide_lasting(
    expectations: Sequence[Finding], guardrails: Sequence[Finding], arms: Arms, plan: Plan, *, sustained_for: timedelta
) -> Lasting:
    """The trailing `sustained_for` hours of the window, expectation by expectation; the first that fails is named."""
    trailing = max(1, -(-sustained_for // HOUR))
    seen = plan.hours[1] - plan.hours[0]
    if not plan.is_planned:
        return Lasting(False, "An exploratory look does not decide whether it lasts.")
    if seen < trailing:
        return Lasting(False, f"Whether it lasts is asked once {hours_text(trailing)} have passed; so far {hours_text(seen)} have.")
    critical_met = all(found.state == "met" for found in guardrails if found.claim.critical)
    if not critical_met:
        return Lasting(False, "It is not sustained while a critical guardrail is not met.")
    for finding in expectations:
        remark = _remark(finding, plan, trailing)
        if remark:
            return Lasting(False, remark)
    return Lasting(bool(expectations), "")


def _remark(finding: Finding, plan: Plan, trailing: int) -> str:
    """Why an expectation does not last; empty when it does. Of `any_of` the part that is met is asked."""
    if finding.state != "met":
        return f"{finding.claim.name}: not met, so it cannot last."
    asked = next((part for part in finding.parts if part.state == "met"), finding)
    measured, span = asked.measured, hours_text(trailing)
    if asked.claim.claim == "stays_zero":
        return ""
    if asked.claim.claim in ("no_worse", "below"):
        late = Measured(measured.claim, measured.metric, measured.scope, measured.arms, (plan.hours[1] - trailing, plan.hours[1]))
        p = late.p_value(late.good_side)
        return "" if p < ONE_SIDED else f"{finding.claim.name}: the last {span} alone do not show it (one-sided p {p_text(p)})."
    found = _trailing(measured, plan, trailing)
    if found.holds:
        return ""
    if found.share_of_hours_better is not None and found.trailing_better:
        return f"{finding.claim.name}: only {share(found.share_of_hours_better)} of the last {span} are better than before (80 % are asked)."
    return f"{finding.claim.name}: the last {span} alone do not show it (one-sided p {p_text(found.p_value)})."


def _trailing(measured: Measured, plan: Plan, trailing: int) -> Sustained:
    baseline, post = measured.arms.totals(measured.scope, measured.metric, plan.hours)
    return check_sustained(
        baseline,
        post,
        hours=trailing,
        indicator=measured.metric.indicator,
        better=measured.good_side,
        crossed=True,
        critical_guardrails_met=True,
    )
