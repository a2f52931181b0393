"""What stands around every command: the last gate before the terminal, and an end in order when the system asks for one."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
import threading
from collections.abc import Iterator
from typing import NoReturn, TextIO

from analysis.files import LeakRefused
from analysis.leaks import find_leak


class Stopped(SystemExit):
    """The user or the system asked the command to stop: what is half written is removed, kernels are ended.

    Attributes
    ----------
    exit_code : 128 and the number of the signal, as shells have it.
    """

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)
        self.exit_code = 128 + number


@contextlib.contextmanager
def gated() -> Iterator[None]:
    """Put the last gate before stdout and stderr, and turn Ctrl-C, SIGTERM and SIGHUP into an end in order."""
    kept = (sys.stdout, sys.stderr)
    handlers = {number: signal.signal(number, _stop) for number in _requests()}
    hooks = (threading.excepthook, sys.unraisablehook)
    sys.stdout, sys.stderr = _behind_gate(sys.stdout, _Answer), _behind_gate(sys.stderr, _Remarks)
    threading.excepthook = sys.unraisablehook = _stay_silent
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            _let_go(stream)
        sys.stdout, sys.stderr = kept
        threading.excepthook, sys.unraisablehook = hooks
        for number, handler in handlers.items():
            signal.signal(number, handler)


class _Gate(io.TextIOWrapper):
    """A stream that nothing secret passes. A character that the terminal does not know is written as its code."""


class _Answer(_Gate):
    """What other programs read on: refused as a whole when it breaks a rule."""

    def write(self, text: str) -> int:
        if rule := find_leak(text):
            raise LeakRefused("the answer", rule)
        return super().write(text)


class _Remarks(_Gate):
    """What people read: a line that breaks a rule is hidden, the others are told."""

    def write(self, text: str) -> int:
        if find_leak(text):
            lines = text.splitlines(keepends=True)
            text = "".join(
                f"(hidden: {rule})\n" if (rule := find_leak(line)) else line for line in lines
            )
            text = "(hidden)\n" if find_leak(text) else text
        return super().write(text)


def _behind_gate(stream: TextIO, kind: type[_Gate]) -> TextIO:
    buffer = getattr(stream, "buffer", None)
    if buffer is None:
        return stream
    stream.flush()
    return kind(
        buffer,
        encoding=stream.encoding,
        errors="backslashreplace",
        line_buffering=True,
        write_through=True,
    )


def _let_go(stream: TextIO) -> None:
    """Give a stream back. What cannot be written any more is dropped: the interpreter would trip over it at its very end."""
    try:
        stream.flush()
    except (OSError, ValueError):
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    if isinstance(stream, _Gate):
        with contextlib.suppress(OSError, ValueError):
            stream.detach()


def _stay_silent(_: object) -> None:
    """What went wrong in a thread is told by the command, in one line; a traceback would show paths and values."""


def _requests() -> list[int]:
    """Signals that ask for an end; one that nohup or a shell has silenced stays silent."""
    numbers = [
        getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
    ]
    return [
        number
        for number in numbers
        if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler)
    ]


def _stop(number: int, frame: object) -> NoReturn:
    raise Stopped(number)
