"""The ways a notebook fails, told apart: one sentence, an exit code, a log."""

from __future__ import annotations

import signal
from typing import Any

from analysis.errors import DataNotTrusted, NotYetDue, RolloutError, StepFailed, WrongUse
from analysis.report.notebook.kernel import ERROR_MIME

_OURS = {kind.exit_code: kind for kind in (WrongUse, NotYetDue, DataNotTrusted, StepFailed)}


class NotebookFailed(RolloutError):
    """A notebook did not run to its end.

    Attributes
    ----------
    exit_code : of the command that ran it.
    log : what it said before, line by line, without secrets, data and paths.
    where : places in the package, outermost first, when the error is none of ours.
    """

    def __init__(self, sentence: str, *, exit_code: int = RolloutError.exit_code) -> None:
        super().__init__(sentence)
        self.exit_code = exit_code
        self.log: tuple[str, ...] = ()
        self.where: tuple[str, ...] = ()


class CellFailed(NotebookFailed):
    """A cell raised an error that is none of ours: told by its kind and its place."""

    def __init__(self, name: str, place: str, kind: str, *, where: tuple[str, ...] = ()) -> None:
        super().__init__(
            f"notebook {name!r} met an error it does not know, {kind} in {place}; please report it with failed.html"
        )
        self.where = where


class KernelDied(NotebookFailed):
    """The process that runs the cells is gone."""

    def __init__(self, name: str, place: str | None, code: int | None) -> None:
        where = f"in {place}" if place else "before its first cell"
        if code is None:
            how, mend = "did not answer", "the machine may be overloaded; run it again"
        elif code == -signal.SIGKILL:
            how, mend = (
                "was killed (signal 9)",
                "memory may have run out: free some, or choose a shorter window, and run again",
            )
        elif place is None:
            how, mend = (
                f"ended by itself with code {code}",
                "memory may be short: free some and run again; failed.html says what it said",
            )
        elif code < 0:
            how, mend = (
                f"was ended by signal {-code}",
                "run it again, and report it with failed.html if it comes back",
            )
        else:
            how, mend = (
                f"ended by itself with code {code}",
                "run it again, and report it with failed.html if it comes back",
            )
        super().__init__(f"notebook {name!r}: its kernel {how} {where}; {mend}")
        self.code = code


class TookTooLong(NotebookFailed):
    """The run was stopped at its time limit."""

    def __init__(self, name: str, place: str, limit: str) -> None:
        super().__init__(
            f"notebook {name!r} was stopped after {limit} in {place}; is the database slow, or the window very long?"
        )


class EndedEarly(NotebookFailed):
    """The notebook stopped without an error and without its result: sys.exit, or a last cell that shows none."""

    def __init__(self, name: str, place: str) -> None:
        super().__init__(
            f"notebook {name!r} ended early, in {place}, without its result; no cell may call sys.exit, and the last one shows result"
        )


def failure_of_cell(name: str, place: str, kind: str, told: dict[str, Any]) -> RolloutError:
    """The error of a cell: one of ours is raised again as it was, with its sentence and exit code."""
    if told.get("sentence"):
        ours = _OURS.get(told["exit_code"])
        return (
            ours(told["sentence"])
            if ours
            else NotebookFailed(told["sentence"], exit_code=told["exit_code"])
        )
    met = str(told.get("kind", kind))
    if met.endswith("MemoryError"):
        return NotebookFailed(
            f"notebook {name!r} ran out of memory in {place}; free some, or choose a shorter window, and run again"
        )
    return CellFailed(name, place, met, where=tuple(told.get("where", ())))


def told_by_cell(notebook: Any, index: int) -> dict[str, Any]:
    """What the failing cell published about its error; nothing when the kernel is not ours."""
    for output in notebook.cells[index].get("outputs", ()):
        if ERROR_MIME in output.get("data", {}):
            return dict(output["data"][ERROR_MIME])
    return {}
