"""The last gate before the terminal, and an orderly end when the system asks for one."""

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
from analysis.leaks import find_leak, without_controls


class Stopped(SystemExit):
    """The user or the system stopped the command: temporary files are removed, kernels ended.

    Attributes
    ----------
    exit_code : 128 and the number of the signal, as shells have it.
    """

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)
        self.exit_code = 128 + number


@contextlib.contextmanager
def gated() -> Iterator[None]:
    """Put the last gate before stdout and stderr; turn Ctrl-C, SIGTERM and SIGHUP into Stopped."""
    streams = (sys.stdout, sys.stderr)
    hooks = (threading.excepthook, sys.unraisablehook)
    handlers = {number: signal.signal(number, _stop) for number in _stop_signals()}
    sys.stdout = _behind_gate(sys.stdout, _Answer)
    sys.stderr = _behind_gate(sys.stderr, _Remarks)
    threading.excepthook = sys.unraisablehook = _stay_silent
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            _release(stream)
        sys.stdout, sys.stderr = streams
        threading.excepthook, sys.unraisablehook = hooks
        for number, handler in handlers.items():
            signal.signal(number, handler)


class _Gate(io.TextIOWrapper):
    """A stream that nothing secret and no control character passes.

    A character that the terminal does not know is written as its code.
    """


class _Answer(_Gate):
    """What other programs read: refused as a whole when it breaks a rule."""

    def write(self, text: str) -> int:
        text = without_controls(text)
        if rule := find_leak(text):
            raise LeakRefused("the answer", rule)
        return super().write(text)


class _Remarks(_Gate):
    """What people read: a line that breaks a rule is hidden, the others are shown."""

    def write(self, text: str) -> int:
        text = without_controls(text)
        if find_leak(text):
            lines = [
                f"(hidden: {rule})\n" if (rule := find_leak(line)) else line
                for line in text.splitlines(keepends=True)
            ]
            text = "".join(lines)
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


def _release(stream: TextIO) -> None:
    """Give a stream back; drop what can no longer be written.

    The interpreter would fail on it at its very end.
    """
    try:
        stream.flush()
    except (OSError, ValueError):
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    if isinstance(stream, _Gate):
        with contextlib.suppress(OSError, ValueError):
            stream.detach()


def _stay_silent(_: object) -> None:
    """The command reports what failed in a thread; a traceback would show paths and values."""


def _stop_signals() -> list[int]:
    """Signals that ask for an end, except those that nohup or a shell has silenced."""
    names = ("SIGINT", "SIGTERM", "SIGHUP")
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    usual = (signal.SIG_DFL, signal.default_int_handler)
    return [number for number in numbers if signal.getsignal(number) in usual]


def _stop(number: int, frame: object) -> NoReturn:
    raise Stopped(number)
