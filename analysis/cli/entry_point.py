"""Run a command: an error is one line and an exit code, never a traceback."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from typing import Annotated

import typer

from analysis.cli.app import app, print_json, say
from analysis.cli.gate import Stopped, gated
from analysis.errors import RolloutError
from analysis.leaks import find_leak

_INTERNAL, _STOPPED = 70, 130
_M_MMAP_THRESHOLD, _RETURNED_FROM_BYTES = -3, 1 << 20


def main() -> None:
    """Run the command of argv behind the last gate, and exit with its code."""
    _return_memory_early()
    with gated():
        code, sentence = _run()
        if sentence is not None:
            with contextlib.suppress(OSError):  # a full disk or a closed pipe: the code remains
                say(f"rollout: {sentence}")
            with contextlib.suppress(OSError):
                _print_json_error(sentence, code)
    sys.exit(code)


def _run() -> tuple[int, str | None]:
    """Run the command; return its exit code, and a sentence about what went wrong."""
    try:
        return app(prog_name="rollout", standalone_mode=False) or 0, None
    except BrokenPipeError:
        return 0, None
    except (Exception, KeyboardInterrupt, Stopped) as error:
        code, sentence = _explain(error)
    if rule := find_leak(sentence):
        sentence = (
            "it failed, and the reason cannot be shown: "
            f"it contains what looks like a secret or personal data (rule: {rule})"
        )
    return code, sentence


def _explain(error: BaseException) -> tuple[int, str]:
    """The exit code of an error and what to say about it."""
    if isinstance(error, RolloutError):
        return error.exit_code, str(error)
    if isinstance(error, Stopped | KeyboardInterrupt | typer.Abort):
        code = error.exit_code if isinstance(error, Stopped) else _STOPPED
        return code, "stopped; what was written before is whole, run it again"
    if isinstance(error, MemoryError):
        return _INTERNAL, (
            "there is not enough memory; free some, or choose a shorter baseline or window, "
            "then run again"
        )
    if hasattr(error, "format_message"):  # typer's own: a wrong option or argument
        context = getattr(error, "ctx", None)
        command = context.command_path.split()[1:] if context else []
        return 2, f"{error.format_message()} (see '{' '.join(['rollout', *command])} --help')"
    number = getattr(error, "errno", None)  # some libraries have errors that are no OSError
    if isinstance(error, OSError) or isinstance(number, int):
        reason = os.strerror(number) if isinstance(number, int) else type(error).__name__
        return _INTERNAL, f"the system refused ({reason}); fix that, then run again"
    return _INTERNAL, (
        f"internal error ({type(error).__name__}); "
        "please report it with the command and 'rollout --version'"
    )


def _print_json_error(sentence: str, code: int) -> None:
    """With --json, print one object although there is no result."""
    if "--json" in sys.argv[1:]:
        verdict = "untrusted" if code == 5 else None
        print_json({"schema": 1, "verdict": verdict, "reason": sentence, "exit_code": code})


def _return_memory_early() -> None:
    """Have the memory of large tables returned to the system as soon as they are released.

    Saves a hundred megabytes at the peak. Arrow's own pool and glibc's allocator keep more.
    """
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    with contextlib.suppress(OSError, AttributeError, TypeError):  # mallopt(3) is glibc's alone
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _RETURNED_FROM_BYTES)


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        from analysis import __version__

        typer.echo(__version__)
        raise typer.Exit
