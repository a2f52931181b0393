"""Run a notebook: parameters in, the executed notebook and its result out, or one clear error.

papermill alone calls a notebook complete although its kernel was killed or a cell called sys.exit.
Here a run is whole only when the last cell has published the result.
"""

from __future__ import annotations

import contextlib
import logging
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.errors import RolloutError
from analysis.report.mime_types import FIGURES_MIME, RESULT_MIME
from analysis.report.notebook.failures import (
    ended_early,
    failure_of_cell,
    kernel_died,
    timed_out,
)
from analysis.report.notebook.kernel_process import KernelProcess, is_stopping, start_kernel
from analysis.report.notebook.log import log_of
from analysis.report.notebook.parameters import check_parameters
from analysis.window import format_duration

if TYPE_CHECKING:
    from nbformat import NotebookNode

LIMIT = timedelta(minutes=30)
_BOOT_S = 120
_ERROR_MARK = "papermill-error-cell-tag"  # on cells that papermill adds to point at an error


@dataclass(frozen=True, eq=False)
class ExecutedNotebook:
    """A notebook that ran to its end.

    Attributes
    ----------
    notebook : with the outputs of its cells, without any path of this machine.
    result : what its last cell published: the content of result.json.
    figures : every figure that it shows, as a whole SVG file by name.
    """

    notebook: NotebookNode
    result: dict[str, Any]
    figures: dict[str, str]


def run_notebook(
    notebook: Path,
    parameters: Mapping[str, str],
    *,
    folder: Path,
    limit: timedelta = LIMIT,
    preload: Sequence[str] = (),
) -> ExecutedNotebook:
    """Execute a notebook in a process of its own; a line for each cell goes to stderr.

    Parameters
    ----------
    notebook : its file; it is not changed.
    parameters : for its `parameters` cell, checked before anything starts (WrongUse).
    folder : where the cells work; paths in the parameters are relative to it.
    limit : the whole run may take this long.
    preload : modules that the process imports before the first cell.

    Raises
    ------
    NotebookFailed, or the RolloutError that a cell raised; its notes are the log of the run.
    """
    check_parameters(notebook, parameters)
    run = _Run(notebook.stem, limit)
    with start_kernel(folder, preload=preload) as kernel:
        try:
            executed = _execute(notebook, parameters, run, kernel)
        except RolloutError as failure:
            for line in log_of(
                run.cells, run.titles, stopped_at=run.cell, kernel_output=kernel.output()
            ):
                failure.add_note(line)
            raise
    result = _last_data(executed)[RESULT_MIME]
    notes = executed.metadata["papermill"]
    notes |= {"input_path": f"notebooks/{notebook.name}", "output_path": None}
    executed.metadata["rollout"] = {"status": "whole"}
    return ExecutedNotebook(executed, dict(result), _take_figures(executed))


@contextlib.contextmanager
def without_iri_grammar() -> Iterator[None]:
    """Import papermill and nbconvert without the grammar of IRIs.

    jsonschema loads it where it is installed. It takes longer than all other imports together,
    and nothing here needs it.
    """
    is_absent = "rfc3987_syntax" not in sys.modules
    if is_absent:
        sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]  # "not installed"
    try:
        yield
    finally:
        if is_absent:
            del sys.modules["rfc3987_syntax"]


@dataclass
class _Run:
    """How far a run has come, for progress and for the log of a failure."""

    name: str
    limit: timedelta
    started_at: float = field(default_factory=time.monotonic)
    cells: list[Any] = field(default_factory=list)
    titles: list[str] = field(default_factory=list)
    cell: int = 0

    @property
    def place(self) -> str:
        """The cell that runs, as people find it."""
        heading = self.titles[self.cell]
        return f"cell {self.cell + 1}" + (f" ({heading!r})" if heading else "")

    def begin(self, notebook: NotebookNode) -> None:
        """The kernel is ready: note the cells, and for each the last heading at or above it."""
        self.cells, heading = notebook.cells, ""
        for cell in notebook.cells:
            if cell.cell_type == "markdown" and cell.source.startswith("#"):
                heading = cell.source.splitlines()[0].lstrip("#").strip()
            self.titles.append(heading)

    def step(self, cell: int) -> None:
        """A cell begins."""
        self.cell = cell
        title = f", {self.titles[cell]}" if self.titles[cell] else ""
        sys.stderr.write(f"  {self.name}: cell {cell + 1} of {len(self.titles)}{title}\n")
        sys.stderr.flush()

    def seconds_left(self) -> float:
        """How long the next cell may take."""
        return max(1.0, self.started_at + self.limit.total_seconds() - time.monotonic())


def _execute(
    notebook: Path, parameters: Mapping[str, str], run: _Run, kernel: KernelProcess
) -> NotebookNode:
    """Let papermill run the cells; turn each of its ways to fail into one of ours."""
    with without_iri_grammar():
        import nbformat
        from nbclient.exceptions import CellTimeoutError, DeadKernelError
        from papermill import PapermillExecutionError, execute_notebook

        import analysis.report.notebook.page  # noqa: F401  while the kernel still boots
    for noisy in ("papermill", "traitlets"):
        logging.getLogger(noisy).setLevel(logging.CRITICAL)
    try:
        executed = execute_notebook(
            nbformat.read(notebook, as_version=4),
            None,
            dict(parameters),
            kernel_name="python3",
            language="python",
            progress_bar=False,
            start_timeout=_BOOT_S,
            km=kernel.manager,
            timeout_func=lambda cell: run.seconds_left(),
            on_notebook_start=lambda notebook: run.begin(notebook),
            on_cell_execute=lambda cell, cell_index: run.step(cell_index),
        )
    except PapermillExecutionError as error:
        run.cells = [cell for cell in run.cells if _ERROR_MARK not in cell.metadata.get("tags", [])]
        raise failure_of_cell(run.name, run.place, error.ename, run.cells[run.cell]) from None
    except CellTimeoutError:
        raise timed_out(run.name, run.place, format_duration(run.limit)) from None
    except (DeadKernelError, RuntimeError) as error:
        if is_stopping():
            raise KeyboardInterrupt from None
        code = kernel.exit_code()
        if code is None and "respond" not in str(error):
            raise
        raise kernel_died(run.name, run.place if run.cells else None, code) from None
    if RESULT_MIME not in _last_data(executed):
        raise ended_early(run.name, run.place)
    return executed


def _last_data(notebook: NotebookNode) -> Mapping[str, Any]:
    """Everything that the last cell published."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    data: dict[str, Any] = {}
    for output in cells[-1].outputs if cells else ():
        data |= output.get("data", {})
    return data


def _take_figures(notebook: NotebookNode) -> dict[str, str]:
    """Take the figures' files out of the outputs; the HTML next to them shows the same figures."""
    figures: dict[str, str] = {}
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            figures |= output.get("data", {}).pop(FIGURES_MIME, {})
    return figures
