"""Run a shell command with a limit, and hand on its output line by line."""

import contextlib
import os
import re
import shlex
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from analysis.leaks import find_leak

LONGEST_LINE = 10_000
VERSION_SECONDS = 20
_BUILT_IN = frozenset({"cd", "echo", "test", "exit", "export", "set", "true", "false", "sleep"})
_RUNS_ON = {"npm": ("node",), "npx": ("node",), "pnpm": ("node",), "yarn": ("node",)}
_VERSION = re.compile(r"v?\d[\w.+-]{0,40}")
_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]*\x07")
_TOTAL = re.compile(r"(?<![:.\d])\b(\d{1,6}) warnings?\b", re.IGNORECASE)
_WARNING = re.compile(r"(?:^|[\s\[(:])(?:warn(?:ing)?s?|⚠)(?:$|[\s\]):,-])", re.IGNORECASE)


@dataclass(frozen=True)
class CommandResult:
    """How a command ended; `exit_code` is None when it was stopped at its limit."""

    exit_code: int | None
    seconds: float
    lines: Sequence[str]


def run_command(
    command: str, *, folder: Path, limit_s: float, on_line: Callable[[str], None]
) -> CommandResult:
    """Run a command in its own process group, so that its limit ends its children too.

    A line that contains what looks like a secret is hidden from `on_line`.
    """
    began = time.monotonic()
    lines: list[str] = []
    process = subprocess.Popen(
        command,
        shell=True,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    reader = threading.Thread(
        target=_read_lines, args=(process.stdout, lines, on_line), daemon=True
    )
    reader.start()
    try:
        exit_code: int | None = process.wait(timeout=limit_s)
    except subprocess.TimeoutExpired:
        exit_code = None
    finally:
        _end(process, reader)
    return CommandResult(exit_code, time.monotonic() - began, lines)


def count_warnings(lines: Sequence[str]) -> int:
    """Count the warnings in a tool's output: the totals it printed, else the lines that warn.

    >>> count_warnings(["a.js", "  1:7  warning  unused", "✖ 3 problems (0 errors, 3 warnings)"])
    3
    >>> count_warnings(["npm warn deprecated left-pad", "0 errors"])
    1
    """
    plain = [_ANSI.sub("", line) for line in lines]
    totals = [
        int(match[1]) for line in plain if "fixable" not in line for match in _TOTAL.finditer(line)
    ]
    return sum(totals) if totals else sum(bool(_WARNING.search(line)) for line in plain)


def find_versions(commands: Sequence[str], folder: Path) -> dict[str, str]:
    """Versions of the programs that commands call, and of what those run on."""
    programs = [program for command in commands for program in _programs(command)]
    names = [name for one in programs for name in (one, *_RUNS_ON.get(one, ()))]
    versions = {name: _version_of(name, folder) for name in sorted({*names} - _BUILT_IN)}
    return {name: version for name, version in versions.items() if version}


def _programs(command: str) -> list[str]:
    """The first word of each part of a command line."""
    try:
        words = shlex.split(command, comments=False)
    except ValueError:
        return []
    starts = [0, *(index + 1 for index, word in enumerate(words) if word in ("&&", "||", ";", "|"))]
    firsts = [words[start] for start in starts if start < len(words)]
    return [word for word in firsts if re.fullmatch(r"[A-Za-z][\w.+-]*", word)]


def _version_of(program: str, folder: Path) -> str | None:
    try:
        done = subprocess.run(
            [program, "--version"],
            cwd=folder,
            capture_output=True,
            timeout=VERSION_SECONDS,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    match = _VERSION.search(done.stdout.decode("utf-8", "replace")[:500])
    return match[0] if done.returncode == 0 and match else None


def _read_lines(stream: IO[bytes], lines: list[str], on_line: Callable[[str], None]) -> None:
    for raw in iter(lambda: stream.readline(LONGEST_LINE), b""):
        line = raw.decode("utf-8", "replace").rstrip("\r\n")
        lines.append(line)
        rule = find_leak(_ANSI.sub("", line))
        on_line(f"(line hidden: {rule})" if rule else line)


def _end(process: subprocess.Popen[bytes], reader: threading.Thread) -> None:
    """Stop what is left of a command and its children, and wait for the last of its output."""
    if process.poll() is None:
        _signal_group(process, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=3)
    reader.join(timeout=1)
    if process.poll() is None or reader.is_alive():
        _signal_group(process, signal.SIGKILL)
        process.wait()
        reader.join(timeout=5)


def _signal_group(process: subprocess.Popen[bytes], number: int) -> None:
    """Signal a command and its children; without process groups, the command alone."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number) if hasattr(os, "killpg") else process.send_signal(number)
