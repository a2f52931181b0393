"""The hand-over in the terminal, on one screen."""

from collections.abc import Iterator, Sequence

from analysis.clock import iso
from analysis.deployment.evidence import Evidence
from analysis.deployment.handoff import Handoff
from analysis.deployment.rollback import StepBack

MARKS = {
    "passed": "ok",
    "failed": "FAILED",
    "frozen": "ok",
    "first": "ok",
    "later": "again",
    "preview": "ok",
    "turned": "turned",
    "improved": "ok",
    "sustained": "ok",
    "no_regression": "ok",
    "investigate": "LOOK",
    "roll_back": "BACK",
    "keep_watching": "wait",
    "not_fixed": "no",
    "untrusted": "?",
}
LONGEST_DETAIL = 110


def handoff_lines(handoff: Handoff) -> Iterator[str]:
    """The hand-over; of a long list the newest lines, with how many more there are."""
    yield f"{handoff.title} ({handoff.rollout})"
    yield handoff.state
    yield from _dates(handoff)
    for title, lines, most in _parts(handoff):
        if lines:
            yield title
        if len(lines) > most:
            yield f"  ({len(lines) - most} more, on the page)"
        yield from (f"  {line}" for line in lines[-most:])


def _dates(handoff: Handoff) -> Iterator[str]:
    if handoff.next_due:
        label, due_at = handoff.next_due
        yield f"next: the look of {label}, due at {iso(due_at)}"
    if handoff.valid_until and handoff.valid_until < handoff.made_at:
        yield f"was valid until {iso(handoff.valid_until)}: look again"
    elif handoff.valid_until:
        yield f"valid until {iso(handoff.valid_until)}, or the next deploy or turned knob"


def _parts(handoff: Handoff) -> Iterator[tuple[str, Sequence[str], int]]:
    """Each part with its title, its lines, and how many of them are shown."""
    changes = [f"{iso(mark.at)} {mark.text}" for mark in handoff.changes]
    yield "done", [_evidence_line(one) for one in handoff.evidence], 12
    yield "changed after the deploy", changes, 6
    yield "decision thresholds", handoff.would_change, 10
    yield "steps back (to copy; nothing was run)", [*_step_lines(handoff.steps_back)], 24
    yield "not checked", handoff.not_checked, 6
    missing = "never done" if handoff.is_complete else "missing for a complete hand-over"
    yield missing, handoff.missing, 6


def _evidence_line(evidence: Evidence) -> str:
    at = iso(evidence.at.replace(microsecond=0)) if evidence.at else " " * 20
    is_long = len(evidence.detail) > LONGEST_DETAIL
    detail = evidence.detail[:LONGEST_DETAIL] + "..." * is_long
    return f"{MARKS.get(evidence.state, evidence.state):7} {at} {evidence.step}: {detail}"


def _step_lines(steps: Sequence[StepBack]) -> Iterator[str]:
    for number, step in enumerate(steps, 1):
        yield f"{number}. {step.what}{f' ({step.note})' if step.note else ''}"
        if step.predicted:
            yield f"   {step.predicted}"
        yield from (f"   $ {command}" for command in step.commands)
        if step.undo:
            yield f"   undo: {' ; '.join(step.undo)}"
