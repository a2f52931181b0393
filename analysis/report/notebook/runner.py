"""The one runner of notebooks: a notebook and its parameters in, the executed notebook and its result out, or one clear error.

papermill alone calls a notebook whose kernel was killed, or whose cell called sys.exit, complete. Here it is whole only when its
last cell has published the result.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.errors import RolloutError
from analysis.report.notebook.failures import (
    EndedEarly,
    KernelDied,
    TookTooLong,
    failure_of_cell,
    told_by_cell,
)
from analysis.report.notebook.kernel import FOLDER_VARIABLE, IMPORTS_VARIABLE
from analysis.report.notebook.log import log_of
from analysis.report.notebook.parameters import (
    Value,
    check_parameters,
    imported_modules,
    read_notebook,
)
from analysis.window import format_duration

if TYPE_CHECKING:
    from jupyter_client import AsyncKernelManager
    from nbformat import NotebookNode

RESULT_MIME = "application/vnd.rollout.result+json"
LIMIT = timedelta(minutes=30)
_ROOT = Path(__file__).resolve().parents[3]
_BOOT_S = 120
_LONGEST_SOCKET_PATH = 90  # a Unix socket's path may have about 104 characters, and names follow

Progress = Callable[[str], None]
_kernels: set[Any] = set()
_asked_to_stop = threading.Event()


@dataclass(frozen=True, eq=False)
class Executed:
    """A notebook that ran to its end.

    Attributes
    ----------
    notebook : with the outputs of its cells, without any path of this machine.
    result : what its last cell published: the object of result.json.
    """

    notebook: NotebookNode
    result: dict[str, Any]


@dataclass
class _Run:
    """What is known of a run while it goes on, for progress and for the log of a failure."""

    name: str
    limit: timedelta
    on_progress: Progress
    ends_at: float
    notebook: Any = None
    cell: int = 0
    heading: str = ""
    titles: list[str] = field(default_factory=list)

    @property
    def place(self) -> str:
        """The cell that runs, as people find it."""
        return (
            f"cell {self.cell + 1} ({self.heading!r})" if self.heading else f"cell {self.cell + 1}"
        )


def run_notebook(
    notebook: Path,
    parameters: Mapping[str, Value],
    *,
    folder: Path,
    limit: timedelta = LIMIT,
    on_progress: Progress | None = None,
) -> Executed:
    """Execute a notebook in a process of its own.

    Parameters
    ----------
    notebook : its file; it is not changed.
    parameters : for its `parameters` cell, checked before anything starts (WrongUse).
    folder : where the cells work; paths in the parameters are relative to it.
    limit : the whole run may take this long.
    on_progress : takes a line of progress for each cell; stderr when None.

    Raises
    ------
    NotebookFailed
        One of CellFailed, KernelDied, TookTooLong, EndedEarly: one sentence, an exit code and a `log`.
    RolloutError
        Raised by a cell: the same error, with the `log` too.
    """
    check_parameters(notebook, parameters)
    run = _Run(
        notebook.stem,
        limit,
        on_progress or _print_progress,
        time.monotonic() + limit.total_seconds(),
        titles=headings_of(notebook),
    )
    with kernel(folder, imports=imported_modules(notebook)) as (manager, said):
        try:
            executed = _execute(notebook, parameters, run, manager)
        except RolloutError as failure:
            before = log_of(run.notebook, run.titles, stopped_at=run.cell, kernel_words=said())
            failure.log = (*before, *(f"  at {place}" for place in getattr(failure, "where", ())))
            raise
    return Executed(_without_paths(executed, notebook), _result_of(executed))


def headings_of(notebook: Path) -> list[str]:
    """For every cell the last heading at or above it."""
    titles, heading = [], ""
    for cell in read_notebook(notebook)["cells"]:
        lines = "".join(cell["source"]).splitlines()
        if cell["cell_type"] == "markdown":
            heading = next(
                (line.lstrip("#").strip() for line in lines if line.startswith("#")), heading
            )
        titles.append(heading)
    return titles


@contextlib.contextmanager
def kernel(
    folder: Path, *, imports: Sequence[str] = ()
) -> Iterator[tuple[AsyncKernelManager, Callable[[], str]]]:
    """Start this very Python as a kernel, reached by sockets of the file system; kill it at the end, whatever happened."""
    from jupyter_client.kernelspec import KernelSpec
    from jupyter_client.manager import AsyncKernelManager
    from jupyter_core.utils import run_sync

    with tempfile.TemporaryDirectory(prefix="rollout-", ignore_cleanup_errors=True) as scratch:
        local = os.name == "posix" and len(scratch) < _LONGEST_SOCKET_PATH
        manager = AsyncKernelManager(
            transport="ipc" if local else "tcp", connection_file=str(Path(scratch, "kernel.json"))
        )
        command = [
            sys.executable,
            "-m",
            "analysis.report.notebook.kernel",
            "-f",
            "{connection_file}",
        ]
        manager._kernel_spec = KernelSpec(
            argv=command, display_name="Python 3 (ipykernel)", language="python"
        )
        environment = {
            **os.environ,
            "IPYTHONDIR": scratch,
            FOLDER_VARIABLE: str(folder),
            IMPORTS_VARIABLE: " ".join(imports),
        }
        words = Path(scratch, "words.txt")
        with words.open("xb") as temporary:
            run_sync(manager.start_kernel)(
                cwd=str(_ROOT), env=environment, stdout=temporary, stderr=temporary
            )
        _kernels.add(manager)
        try:
            yield manager, lambda: words.read_text(encoding="utf-8", errors="replace")
        finally:
            _kernels.discard(manager)
            with contextlib.suppress(RuntimeError, OSError):
                run_sync(manager.shutdown_kernel)(now=True)


@contextlib.contextmanager
def stopping_others() -> Iterator[None]:
    """End the kernels of other threads, and wait in the block for these: their runs were asked to stop, and are not told as failed."""
    _asked_to_stop.set()
    try:
        for manager in tuple(_kernels):
            with contextlib.suppress(AttributeError, OSError):
                manager.provisioner.process.kill()
        yield
    finally:
        _asked_to_stop.clear()


@contextlib.contextmanager
def quick_import() -> Iterator[None]:
    """Import papermill and nbconvert without a grammar of IRIs, which takes longer than all the rest and which nothing here needs."""
    absent = "rfc3987_syntax" not in sys.modules
    if absent:
        sys.modules["rfc3987_syntax"] = None  # jsonschema takes this for "not installed"
    try:
        yield
    finally:
        if absent:
            del sys.modules["rfc3987_syntax"]


def _execute(
    notebook: Path, parameters: Mapping[str, Value], run: _Run, manager: AsyncKernelManager
) -> NotebookNode:
    """Let papermill run the cells; turn each of its ways to fail into one of ours."""
    with quick_import():
        import nbformat
        from nbclient.exceptions import CellTimeoutError, DeadKernelError
        from papermill import PapermillExecutionError, execute_notebook

        import analysis.report.notebook.page  # noqa: F401  the exporter, while the kernel boots
    for noisy in ("papermill", "traitlets"):
        logging.getLogger(noisy).setLevel(logging.CRITICAL)
    source = nbformat.read(notebook, as_version=4)
    run.titles = _with_injected_cell(source, run.titles)
    try:
        executed = execute_notebook(
            source,
            None,
            dict(parameters),
            kernel_name="python3",
            language="python",
            progress_bar=False,
            start_timeout=_BOOT_S,
            km=manager,
            timeout_func=lambda cell: max(1.0, run.ends_at - time.monotonic()),
            on_notebook_start=lambda notebook: _begin(run, notebook),
            on_cell_execute=lambda cell, cell_index: _step(run, cell_index),
        )
    except PapermillExecutionError as error:
        raise _cell_failure(run, error) from None
    except CellTimeoutError:
        raise TookTooLong(run.name, run.place, format_duration(run.limit)) from None
    except (DeadKernelError, RuntimeError) as error:
        raise _death(run, manager, error) from None
    if RESULT_MIME not in _last_data(executed):
        raise EndedEarly(run.name, run.place)
    return executed


def _begin(run: _Run, notebook: NotebookNode) -> None:
    run.notebook = notebook


def _step(run: _Run, cell: int) -> None:
    run.cell, run.heading = cell, run.titles[cell] if cell < len(run.titles) else ""
    run.on_progress(
        f"{run.name}: cell {cell + 1} of {len(run.titles)}"
        + (f", {run.heading}" if run.heading else "")
    )


def _cell_failure(run: _Run, error: Any) -> RolloutError:
    notes = "papermill-error-cell-tag"  # cells that papermill adds to point at the error
    run.notebook.cells = [
        cell for cell in run.notebook.cells if notes not in cell.metadata.get("tags", [])
    ]
    if error.ename == "SystemExit":
        return EndedEarly(run.name, run.place)
    return failure_of_cell(run.name, run.place, error.ename, told_by_cell(run.notebook, run.cell))


def _death(run: _Run, manager: AsyncKernelManager, error: Exception) -> RolloutError:
    """Kernel death, told by the code its process left; any other RuntimeError is no news of ours."""
    if _asked_to_stop.is_set():
        raise KeyboardInterrupt
    process = getattr(manager.provisioner, "process", None)
    code = process.poll() if process is not None else None
    if code is None and "respond" not in str(error):
        raise error
    return KernelDied(run.name, run.place if run.notebook is not None else None, code)


def _result_of(notebook: NotebookNode) -> dict[str, Any]:
    return dict(_last_data(notebook)[RESULT_MIME])


def _last_data(notebook: NotebookNode) -> Mapping[str, Any]:
    """Everything that the last cell published."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    data: dict[str, Any] = {}
    for output in cells[-1].outputs if cells else ():
        data |= output.get("data", {})
    return data


def _with_injected_cell(notebook: NotebookNode, titles: list[str]) -> list[str]:
    """Titles of the cells once papermill has put its cell behind the parameters."""
    at = next(
        index
        for index, cell in enumerate(notebook.cells)
        if "parameters" in cell.metadata.get("tags", [])
    )
    return [*titles[: at + 1], titles[at], *titles[at + 1 :]]


def _without_paths(notebook: NotebookNode, source: Path) -> NotebookNode:
    """The notebook as it is kept: papermill's notes name the source relative to the project, and say that it is whole."""
    notes = notebook.metadata.get("papermill", {})
    notes |= {"input_path": f"notebooks/{source.name}", "output_path": None}
    notebook.metadata["rollout"] = {"status": "whole"}
    return notebook


def _print_progress(line: str) -> None:
    sys.stderr.write(f"  {line}\n")
    sys.stderr.flush()
