"""The ways in which a notebook fails, each as one sentence with the next step."""

from __future__ import annotations

import signal
from typing import Any

from analysis.errors import DataNotTrusted, NotYetDue, RolloutError, StepFailed, WrongUse
from analysis.report.mime_types import ERROR_MIME

_KINDS = {kind.exit_code: kind for kind in (WrongUse, NotYetDue, DataNotTrusted, StepFailed)}
_REPORT = "please report it with failed.html"


class NotebookFailed(RolloutError):
    """A notebook did not run to its end.

    Attributes
    ----------
    exit_code : of the command that ran it.
    """

    def __init__(self, sentence: str, *, exit_code: int = RolloutError.exit_code) -> None:
        super().__init__(sentence)
        self.exit_code = exit_code


def failure_of_cell(name: str, place: str, kind: str, cell: Any) -> RolloutError:
    """The error of a cell; one of ours is raised again as it was, with its sentence and exit code.

    `kind` is the error's type as papermill saw it, for a cell that published no report of it.
    """
    published = (output.get("data", {}).get(ERROR_MIME) for output in cell.get("outputs", ()))
    report: dict[str, Any] = next(filter(None, published), {})
    if sentence := report.get("sentence"):
        kind_of_ours = _KINDS.get(report["exit_code"])
        if kind_of_ours:
            return kind_of_ours(sentence)
        return NotebookFailed(sentence, exit_code=report["exit_code"])
    kind = report.get("kind", kind)
    if kind == "SystemExit":
        return ended_early(name, place)
    if kind.endswith("MemoryError"):
        return NotebookFailed(
            f"notebook {name!r} ran out of memory in {place}; "
            "free some, or choose a shorter window, and run again"
        )
    return NotebookFailed(
        f"notebook {name!r} met an error it does not know, {kind} in {place}; {_REPORT}"
    )


def kernel_died(name: str, place: str | None, code: int | None) -> NotebookFailed:
    """The process that runs the cells is gone, or does not answer (`code` is None)."""
    advice = f"run it again; if it happens again, {_REPORT}"
    how = f"ended by itself with code {code}"
    if code is None:
        how, advice = "did not answer", "the machine may be overloaded; run it again"
    elif code == -signal.SIGKILL:
        how = "was killed (signal 9)"
        advice = "memory may have run out: free some, or choose a shorter window, and run again"
    elif place is None:
        advice = "memory may be short: free some and run again; failed.html has its output"
    elif code < 0:
        how = f"was ended by signal {-code}"
    where = f"in {place}" if place else "before its first cell"
    return NotebookFailed(f"notebook {name!r}: its kernel {how} {where}; {advice}")


def timed_out(name: str, place: str, limit: str) -> NotebookFailed:
    """The run was stopped at its time limit."""
    return NotebookFailed(
        f"notebook {name!r} was stopped after {limit} in {place}; "
        "is the database slow, or the window very long?"
    )


def ended_early(name: str, place: str) -> NotebookFailed:
    """It stopped without an error and without its result: sys.exit, or a wrong last cell."""
    return NotebookFailed(
        f"notebook {name!r} ended early, in {place}, without its result; "
        "no cell may call sys.exit, and the last one shows the result"
    )
