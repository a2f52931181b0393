"""A verdict in the terminal: one sentence, then a line per finding."""

from __future__ import annotations

from collections.abc import Iterator

from analysis.clock import iso
from analysis.results.model import LookResult

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
    for check in result.checks:
        if check.state in ("warning", "error"):
            yield f"  {check.state}: {check.name}: {check.detail}"
