"""A verdict in the terminal: one sentence, then a line per finding."""

from __future__ import annotations

from collections.abc import Iterator

from analysis.clock import iso
from analysis.results.model import LookResult
from analysis.text.harm import feature_lines

MARKS = {"met": "ok", "not_met": "no", "worse": "WORSE", "undecided": "?", "no_data": "few"}


def result_lines(result: LookResult) -> Iterator[str]:
    """The verdict with its reason, and every finding with its sentence."""
    look = result.look
    yield f"{result.verdict}: {result.reason}"
    number = f"look {look.number} of {look.planned}" if look.number else "exploratory look"
    window = f"window {look.window} ({number}), {iso(look.start)} to {iso(look.end)}"
    yield f"{result.rollout}, {window}; before/after, not randomised"
    for claim in result.claims:
        yield f"  {MARKS[claim.finding]:5} {claim.name}: {claim.sentence}"
        for part in claim.parts if claim.is_per_feature else ():
            if part.is_broken:
                yield f"    {MARKS[part.finding]:5} {part.feature}: {part.sentence}"
    for found in result.regressions:
        yield f"  {MARKS[found.finding]:5} regression: {found.sentence}"
    for line in feature_lines(result):
        yield f"  note: {line}"
    for check in result.checks:
        if check.state in ("warning", "error"):
            yield f"  {check.state}: {check.name}: {check.detail}"
