"""The process that runs a notebook's cells: IPython's kernel, quiet, without history, the package already imported.

Started as `python -m analysis.report.notebook.kernel`. An error of a cell leaves as one line of JSON, never as a traceback: a traceback
holds paths of this machine, and the text of a driver's error may hold data.
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

FOLDER_VARIABLE = (
    "ROLLOUT_NOTEBOOK_FOLDER"  # where the cells work: paths in the notebook are relative to it
)
ERROR_MIME = "application/vnd.rollout.error+json"
IMPORTS_VARIABLE = "ROLLOUT_NOTEBOOK_IMPORTS"  # modules of ours that the cells will import
_ROOT = Path(__file__).resolve().parents[3]
_NO_MEMORY = re.compile(
    "failed to map segment|annot allocate memory"
)  # how the loader and the system say it


def main() -> None:
    """Start the kernel: its sockets first, so that the other side can connect, then the imports, then the cells."""
    os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"
    from ipykernel.kernelapp import IPKernelApp

    app = IPKernelApp.instance()
    app.initialize([*sys.argv[1:], *_OPTIONS])
    app.shell.set_custom_exc((Exception,), _tell_error)
    for module in os.environ.get(IMPORTS_VARIABLE, "").split():
        with contextlib.suppress(Exception):  # the cell that imports it tells why it cannot be
            importlib.import_module(module)
    os.chdir(os.environ.get(FOLDER_VARIABLE) or _ROOT)
    app.start()


_OPTIONS = (
    "--HistoryManager.enabled=False",
    "--InteractiveShell.colors=NoColor",
    "--InteractiveShellApp.ignore_cwd=True",  # a folder of the user never hides a package of ours
    "--Application.log_level=ERROR",
)


def _tell_error(
    shell: object,
    kind: type[Exception],
    error: Exception,
    trace: TracebackType,
    tb_offset: int | None = None,
) -> list[str]:
    """Publish what went wrong, and show one line in the cell."""
    from IPython.display import publish_display_data

    from analysis.errors import RolloutError

    ours = isinstance(error, RolloutError)
    name = (
        "MemoryError"
        if isinstance(error, ImportError | OSError) and _NO_MEMORY.search(str(error))
        else kind.__name__
    )
    told = {
        "kind": name,
        "sentence": str(error) if ours else None,
        "exit_code": error.exit_code if ours else None,
        "where": [] if ours else _frames(trace),
    }
    line = told["sentence"] or f"{name} in {' > '.join(told['where']) or 'the cell'}"
    publish_display_data({ERROR_MIME: told, "text/plain": line})
    return [line]


def _frames(trace: TracebackType) -> list[str]:
    """Where in the package it happened: relative paths, lines and functions, without any value."""
    frames = traceback.extract_tb(trace)
    inside = [
        (Path(frame.filename), frame)
        for frame in frames
        if Path(frame.filename).is_relative_to(_ROOT / "analysis")
    ]
    return [
        f"{path.relative_to(_ROOT).as_posix()} line {frame.lineno} ({frame.name})"
        for path, frame in inside
    ]


if __name__ == "__main__":
    main()
