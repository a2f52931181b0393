"""Start the process that runs a notebook's cells, and end it."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.report.notebook.kernel import FOLDER_VARIABLE, PRELOAD_VARIABLE

if TYPE_CHECKING:
    from jupyter_client.manager import AsyncKernelManager

_ROOT = Path(__file__).resolve().parents[3]
_LONGEST_SOCKET_PATH = 90  # a Unix socket's path may have about 104 characters; names follow
_running: set[subprocess.Popen[bytes]] = set()
_is_stopping = threading.Event()


@dataclass(frozen=True, eq=False)
class KernelProcess:
    """A running kernel.

    Attributes
    ----------
    manager : what papermill executes the cells with.
    output_path : the file that takes the process's stdout and stderr.
    """

    manager: AsyncKernelManager
    process: subprocess.Popen[bytes]
    output_path: Path

    def output(self) -> str:
        """What the process itself has printed so far; cells print elsewhere."""
        return self.output_path.read_text(encoding="utf-8", errors="replace")

    def exit_code(self) -> int | None:
        """The code that the process ended with, negative for a signal; None while it runs."""
        return self.process.poll()


@contextlib.contextmanager
def start_kernel(folder: Path, *, preload: Sequence[str] = ()) -> Iterator[KernelProcess]:
    """Run this Python as a kernel that works in `folder`, and kill it at the end.

    `preload` names modules that it imports while the caller still imports papermill. The sockets
    are files where the system has such sockets: no port to race for, no warning about TCP.
    """
    from jupyter_client.kernelspec import KernelSpec
    from jupyter_client.manager import AsyncKernelManager
    from jupyter_core.utils import run_sync

    with tempfile.TemporaryDirectory(prefix="rollout-", ignore_cleanup_errors=True) as scratch:
        has_file_sockets = os.name == "posix" and len(scratch) < _LONGEST_SOCKET_PATH
        manager = AsyncKernelManager(
            transport="ipc" if has_file_sockets else "tcp",
            connection_file=str(Path(scratch, "kernel.json")),
        )
        program = [sys.executable, "-m", "analysis.report.notebook.kernel"]
        manager._kernel_spec = KernelSpec(
            argv=[*program, "-f", "{connection_file}"],
            display_name="Python 3 (ipykernel)",
            language="python",
        )
        environment = {
            **os.environ,
            "IPYTHONDIR": scratch,
            FOLDER_VARIABLE: str(folder),
            PRELOAD_VARIABLE: " ".join(preload),
        }
        output_path = Path(scratch, "output.txt")
        with output_path.open("xb") as temporary:
            run_sync(manager.start_kernel)(
                cwd=str(_ROOT), env=environment, stdout=temporary, stderr=temporary
            )
        provisioner: Any = manager.provisioner
        _running.add(provisioner.process)
        try:
            yield KernelProcess(manager, provisioner.process, output_path)
        finally:
            _running.discard(provisioner.process)
            with contextlib.suppress(RuntimeError, OSError):
                run_sync(manager.shutdown_kernel)(now=True)


@contextlib.contextmanager
def stopping_kernels() -> Iterator[None]:
    """Kill the kernels of all threads; until the block ends, their runs count as stopped."""
    _is_stopping.set()
    try:
        for process in tuple(_running):
            with contextlib.suppress(OSError):
                process.kill()
        yield
    finally:
        _is_stopping.clear()


def is_stopping() -> bool:
    """Whether the kernels were killed because the user asked the command to stop."""
    return _is_stopping.is_set()
