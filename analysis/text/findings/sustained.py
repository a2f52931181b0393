"""Whether an effect has lasted, or why that is not shown, as a clause."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.formatting import hours, p_value, share

if TYPE_CHECKING:
    from analysis.decision.claims.sustained import SustainedDecision


def sustained_clause(decision: SustainedDecision) -> str:
    """Whether the trailing hours alone confirm the effect, or why not."""
    trailing, finding = hours(decision.trailing_hours), decision.finding
    part = finding.evaluation if finding else None
    why = {
        "not_met": "is not met",
        "no_calls": f"has no {part.metric.among if part else 'calls'} in the last {trailing}",
        "not_kept": (
            f"does not hold in the last {trailing} alone (one-sided p {p_value(decision.p_value)})"
        ),
        "few_hours": (
            f"holds in only {share(decision.share_of_hours or 0.0)} of the last {trailing}; "
            "80 % are required"
        ),
        "not_shown": (
            f"is not shown in the last {trailing} alone (one-sided p {p_value(decision.p_value)})"
        ),
    }
    whole = {
        "confirmed": f"the last {trailing} alone confirm it",
        "exploratory": "an exploratory look does not decide whether the effect lasts",
        "too_early": (
            f"whether the effect lasts is decided after {trailing}, "
            f"{hours(decision.seen_hours)} have passed"
        ),
        "guardrail_open": "not sustained while a critical guardrail is not met",
    }
    return whole.get(decision.reason) or (
        f"not sustained: '{decision.name}' {why[decision.reason]}"
    )
