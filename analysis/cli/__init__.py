"""argv in, text and exit code out. A command parses, opens, makes one call and prints; what it needs is imported when it runs."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from functools import partial
from typing import Annotated

import typer

from analysis.cli import rollout_steps as around
from analysis.cli import verdict_commands as verdicts
from analysis.cli.options import app, print_json, say

_M_MMAP_THRESHOLD, _GIVEN_BACK_FROM = -3, 1 << 20
__all__ = ["app", "around", "main", "verdicts"]


def main() -> None:
    """Run a command; a mistake of the user is one line and an exit code, never a traceback."""
    from analysis.cli.gate import gated

    _give_memory_back()
    with gated():
        code, sentence = _run()
        if sentence is not None:
            for tell in (partial(say, f"rollout: {sentence}"), partial(_tell_json, sentence, code)):
                with contextlib.suppress(
                    OSError
                ):  # a full disk, or nobody who reads: the exit code still tells
                    tell()
    sys.exit(code)


def _give_memory_back() -> None:
    """Have the memory of large tables go back to the system as soon as they are let go: a hundred megabytes at the peak."""
    os.environ.setdefault(
        "ARROW_DEFAULT_MEMORY_POOL", "system"
    )  # Arrow's own pool keeps what it was given
    with contextlib.suppress(
        OSError, AttributeError, TypeError
    ):  # of glibc alone, see mallopt(3); it keeps more and more by itself
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _GIVEN_BACK_FROM)


def _run() -> tuple[int, str | None]:
    """Run the command of argv; return its exit code, and what went wrong in one sentence that may be shown."""
    from analysis.cli.gate import Stopped
    from analysis.errors import RolloutError
    from analysis.leaks import find_leak

    try:
        return app(prog_name="rollout", standalone_mode=False) or 0, None
    except RolloutError as error:
        code, sentence = error.exit_code, str(error)
    except (Stopped, KeyboardInterrupt, typer.Abort) as request:
        code, sentence = (
            getattr(request, "exit_code", 130),
            "stopped; what was written before is whole, run it again",
        )
    except BrokenPipeError:
        return 0, None
    except MemoryError:
        code, sentence = (
            70,
            "there is not enough memory; free some, or choose a shorter baseline or window, then run again",
        )
    except OSError as error:
        code, sentence = (
            70,
            f"the system refused ({error.strerror or type(error).__name__}); see to it, then run again",
        )
    except Exception as error:
        if isinstance(
            number := getattr(error, "errno", None), int
        ):  # of a library whose errors are no OSError
            code, sentence = (
                70,
                f"the system refused ({os.strerror(number)}); see to it, then run again",
            )
        elif hasattr(error, "format_message"):  # typer's own: a wrong option or argument
            context = getattr(error, "ctx", None)
            _, *below = context.command_path.split() if context else ("rollout",)
            code, sentence = (
                2,
                f"{error.format_message()} (see '{' '.join(['rollout', *below])} --help')",
            )
        else:
            code, sentence = (
                70,
                f"internal error ({type(error).__name__}); please report it with the command and 'rollout --version'",
            )
    if rule := find_leak(sentence):
        sentence = f"it went wrong, and the reason cannot be shown: it holds what looks like a secret or personal data (rule: {rule})"
    return code, sentence


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        from analysis import __version__

        typer.echo(__version__)
        raise typer.Exit


def _tell_json(sentence: str, code: int) -> None:
    """What --json prints when there is no result: one object all the same."""
    if "--json" in sys.argv[1:]:
        print_json(
            {
                "schema": 1,
                "verdict": "untrusted" if code == 5 else None,
                "reason": sentence,
                "exit_code": code,
            }
        )
