"""The program that runs a notebook's cells: IPython's kernel, quiet and without history.

Started as `python -m analysis.report.notebook.kernel`. An error of a cell leaves as one line of
JSON, never as a traceback: a traceback holds paths of this machine, and the text of a driver's
error may hold data.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import re
import sys
import traceback
from pathlib import Path
from types import TracebackType
from typing import Any

from analysis.report.mime_types import ERROR_MIME

FOLDER_VARIABLE = "ROLLOUT_NOTEBOOK_FOLDER"  # paths in the notebook are relative to it
PRELOAD_VARIABLE = "ROLLOUT_NOTEBOOK_PRELOAD"  # modules to import before the first cell
_ROOT = Path(__file__).resolve().parents[3]
_NO_MEMORY = re.compile("failed to map segment|annot allocate memory")  # loader, system
_OPTIONS = (
    "--HistoryManager.enabled=False",
    "--InteractiveShell.colors=NoColor",
    "--InteractiveShellApp.ignore_cwd=True",  # a folder of the user never hides a package of ours
    "--Application.log_level=ERROR",
)


def main() -> None:
    """Open the sockets, so that the other side can connect; then import; then run the cells."""
    os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"
    from ipykernel.kernelapp import IPKernelApp

    app = IPKernelApp.instance()
    app.initialize([*sys.argv[1:], *_OPTIONS])
    shell: Any = app.shell
    shell.set_custom_exc((Exception,), _publish_error)
    for module in os.environ.get(PRELOAD_VARIABLE, "").split():
        with contextlib.suppress(Exception):  # the cell that imports it reports the reason
            importlib.import_module(module)
    os.chdir(os.environ.get(FOLDER_VARIABLE) or _ROOT)
    app.start()


def _publish_error(
    shell: object,
    kind: type[Exception],
    error: Exception,
    trace: TracebackType,
    tb_offset: int | None = None,
) -> list[str]:
    """Publish what went wrong for the runner, and show one line in the cell."""
    from IPython.display import publish_display_data

    from analysis.errors import RolloutError

    if isinstance(error, RolloutError):
        line = str(error)
        report = {"kind": kind.__name__, "sentence": line, "exit_code": error.exit_code}
    else:
        is_memory = isinstance(error, ImportError | OSError) and _NO_MEMORY.search(str(error))
        name, where = "MemoryError" if is_memory else kind.__name__, _frames(trace)
        line = f"{name} in {' > '.join(where) or 'the cell'}"
        report = {"kind": name, "where": where}
    publish_display_data({ERROR_MIME: report, "text/plain": line})
    return [line]


def _frames(trace: TracebackType) -> list[str]:
    """Where in the package it happened: relative paths, lines and functions, without any value."""
    return [
        f"{Path(frame.filename).relative_to(_ROOT).as_posix()} line {frame.lineno} ({frame.name})"
        for frame in traceback.extract_tb(trace)
        if Path(frame.filename).is_relative_to(_ROOT / "analysis")
    ]


if __name__ == "__main__":
    main()
