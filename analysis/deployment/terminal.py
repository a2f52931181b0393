"""The hand-over in the terminal, on one screen."""

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.text import Text

from analysis.clock import iso
from analysis.deployment.handoff import Handoff
from analysis.deployment.rollback import StepBack
from analysis.deployment.trail import Evidence

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
    "roll_back": "BACK",
    "keep_watching": "wait",
    "not_fixed": "no",
    "untrusted": "?",
}
LONGEST_DETAIL = 110
LONGEST_LIST = 6


def print_handoff(handoff: Handoff, console: Console | None = None) -> None:
    """Print the hand-over: state, steps done, next, what would change our mind, what to do then, what was not checked."""
    console = console or Console(highlight=False, soft_wrap=True)
    console.print(Text(f"{handoff.title} ({handoff.rollout})", style="bold"))
    console.print(Text(f"{handoff.state}", style="bold"))
    if handoff.next_due:
        console.print(
            Text(f"next: the look of {handoff.next_due[0]}, due at {iso(handoff.next_due[1])}")
        )
    if handoff.valid_until:
        until, is_past = iso(handoff.valid_until), handoff.valid_until < handoff.made_at
        valid = (
            f"was valid until {until}: look again"
            if is_past
            else f"valid until {until}, or the next deploy or turned knob"
        )
        console.print(Text(valid))
    _print_part(console, "done", map(_line_of, handoff.evidence), longest=12)
    _print_part(
        console,
        "changed after the deploy",
        (f"{iso(mark.at)} {mark.text}" for mark in handoff.changes),
    )
    _print_part(console, "what would change our mind", handoff.would_change, longest=10)
    _print_part(
        console,
        "what to do then (to copy; nothing was run)",
        _lines_back(handoff.steps_back),
        longest=24,
    )
    _print_part(console, "not checked", handoff.not_checked)
    title = "never done" if handoff.is_complete else "missing for a complete hand-over"
    _print_part(console, title, handoff.missing)


def _print_part(
    console: Console,
    title: str,
    lines: Iterator[str] | Sequence[str],
    *,
    longest: int = LONGEST_LIST,
) -> None:
    """Print a heading and its lines; of a long list the newest, with how many more there are."""
    shown = list(lines)
    if not shown:
        return
    console.print(Text(title, style="bold"))
    if len(shown) > longest:
        console.print(Text(f"  ({len(shown) - longest} more, on the page)"))
    for line in shown[-longest:]:
        console.print(Text(f"  {line}"))


def _line_of(evidence: Evidence) -> str:
    at = iso(evidence.at.replace(microsecond=0)) if evidence.at else " " * 20
    detail = (
        evidence.detail
        if len(evidence.detail) <= LONGEST_DETAIL
        else evidence.detail[:LONGEST_DETAIL] + "..."
    )
    return f"{MARKS.get(evidence.state, evidence.state):7} {at} {evidence.step}: {detail}"


def _lines_back(steps: Sequence[StepBack]) -> Iterator[str]:
    for number, step in enumerate(steps, 1):
        yield f"{number}. {step.what}{f' ({step.note})' if step.note else ''}"
        if step.predicted:
            yield f"   {step.predicted}"
        yield from (f"   $ {command}" for command in step.commands)
        if step.undo:
            yield f"   undo: {' ; '.join(step.undo)}"
