"""The whole sentence of a finding: before and after, the change, what it means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.formatting import capitalise, interval_in
from analysis.text.findings.caveats import caveat_sentence
from analysis.text.findings.meaning import meaning, no_event_meaning, time_sentence
from analysis.text.findings.numbers import (
    change,
    event_count,
    interval_name,
    movement,
    no_data,
)

if TYPE_CHECKING:
    from analysis.decision.claims.findings import Finding


def finding_sentence(finding: Finding) -> str:
    """The metric before and after, the change with its interval, and what it means."""
    evaluation = finding.evaluation
    if evaluation is None:
        return _any_of(finding)
    if finding.state == "no_data":
        return f"{capitalise(no_data(evaluation))}.{time_sentence(finding)}"
    if finding.claim.kind.rule == "no_event":
        return f"{capitalise(event_count(evaluation))}. {no_event_meaning(finding, evaluation)}"
    return (
        f"{capitalise(movement(evaluation))}. {change(finding, evaluation)}. "
        f"{meaning(finding, evaluation)}{caveat_sentence(finding)}"
    )


def short_clause(finding: Finding) -> str:
    """The metric before and after, with the interval of the change; no full stop."""
    evaluation = finding.evaluation
    if evaluation is None:
        same = [part for part in finding.parts if part.state == finding.state]
        return short_clause((*same, *finding.parts)[0])
    if finding.state == "no_data":
        return no_data(evaluation)
    if finding.claim.kind.rule == "no_event":
        return event_count(evaluation)
    interval = interval_in(finding.interval, evaluation.metric.unit)
    shown = (
        "" if finding.interval is None else f" ({interval_name(finding)} of the change {interval})"
    )
    return f"{movement(evaluation)}{shown}"


def _any_of(finding: Finding) -> str:
    headings = {
        "met": "one is met",
        "not_met": "each is ruled out or worse",
        "worse": "each moved the wrong way",
        "no_data": "none has enough data",
        "undecided": "none is shown yet",
    }
    is_harmed = finding.state not in ("worse", "not_met") and any(
        part.state == "worse" for part in finding.parts
    )
    harm = "; another got worse" if is_harmed else ""
    parts = " ".join(
        f"({number}) {finding_sentence(part)}" for number, part in enumerate(finding.parts, 1)
    )
    return (
        f"One of {len(finding.parts)} alternatives is enough: "
        f"{headings[finding.state]}{harm}. {parts}"
    )
