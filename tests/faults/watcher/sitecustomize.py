"""Loaded by every Python process that a fault test starts. It keeps files and injects faults.

KEPT    A folder. Each file that is removed or replaced is linked into it first. Its `written.txt`
        lists every path that is opened for writing.
FAULT   Four parts separated by |: an audit event, a part of its first arguments, its count, and an
        action: a signal's name, `pause`, `break` (OSError: no space left), or a folder to remove.
        It hits only the command, not its kernel.
"""
# ruff: noqa: PTH100, PTH110, PTH118, PTH119

import contextlib
import os
import shutil
import signal
import sys
import time

_kept = os.environ.get("KEPT")
_fault = os.environ.get("FAULT", "").split("|")
_numbers = {"kept": 0, "met": 0}
_is_command = "analysis.report.notebook.kernel" not in " ".join(sys.orig_argv)


def _watch(event: str, arguments: tuple) -> None:
    if _kept and event == "os.remove":
        _keep(arguments[0], arguments[1])
    elif _kept and event == "os.rename":
        _keep(arguments[0], arguments[2])
        _keep(arguments[1], arguments[3])
    elif _kept and event == "open":
        _note(arguments[0], arguments[2])
    if len(_fault) == 4 and _is_command:
        _break(event, arguments)


def _keep(path: object, folder: object) -> None:
    if not isinstance(path, str | bytes | os.PathLike):
        return
    name = os.fsdecode(path)
    if name.startswith(_kept):
        return
    _numbers["kept"] += 1
    copy = os.path.join(_kept, f"{os.getpid()}-{_numbers['kept']}-{os.path.basename(name)[-100:]}")
    with contextlib.suppress(OSError):
        os.link(name, copy, src_dir_fd=folder if isinstance(folder, int) and folder >= 0 else None)


def _note(path: object, flags: object) -> None:
    if isinstance(path, str) and isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR):
        with contextlib.suppress(OSError):  # the test may have filled the disk
            os.write(_log, (os.path.abspath(path) + "\n").encode("utf-8", "backslashreplace"))


def _break(event: str, arguments: tuple) -> None:
    wanted, part, count, action = _fault
    if event != wanted or part not in str(arguments[:2]):
        return
    _numbers["met"] += 1
    if _numbers["met"] != int(count):
        return
    if action == "pause":
        paused = os.path.join(_kept, "paused")
        os.close(os.open(paused, os.O_CREAT | os.O_WRONLY))
        while os.path.exists(paused):
            time.sleep(0.01)
    elif action == "break":
        raise OSError(28, os.strerror(28))
    elif action.startswith("SIG"):
        os.kill(os.getpid(), getattr(signal, action))
    else:
        shutil.rmtree(action)


if _kept:
    _log = os.open(
        os.path.join(_kept, "written.txt"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600
    )
if _kept or len(_fault) == 4:
    sys.addaudithook(_watch)
