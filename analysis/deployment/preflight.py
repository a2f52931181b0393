"""Checks before the deploy: the application's own commands, run in its checkout; and whether a schema push is due."""

import contextlib
import os
import re
import shlex
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from analysis.config.deployment_settings import Preflight
from analysis.config.settings import Settings
from analysis.deployment.checkout import changed_files, commit_of
from analysis.errors import StepFailed, WrongUse
from analysis.history.ledger import open_ledger
from analysis.leaks import find_leak

VERSION_SECONDS = 20
BUILT_IN = frozenset({"cd", "echo", "test", "exit", "export", "set", "true", "false", "sleep"})
LONGEST_LINE = 10_000
_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]*\x07")
_TOTAL = re.compile(r"(?<![:.\d])\b(\d{1,6}) warnings?\b", re.IGNORECASE)
_WARNING = re.compile(r"(?:^|[\s\[(:])(?:warn(?:ing)?s?|⚠)(?:$|[\s\]):,-])", re.IGNORECASE)
_WITH_COMPANION = {"npm": ("node",), "npx": ("node",), "pnpm": ("node",), "yarn": ("node",)}
_VERSION = re.compile(r"v?\d[\w.+-]{0,40}")


@dataclass(frozen=True)
class StepResult:
    """What one command did.

    Attributes
    ----------
    exit_code : None when it was stopped at its limit or never started.
    warnings : lines that warn, or the total that the tool printed.
    reason : one line; why it failed, or empty.
    """

    name: str
    passed: bool
    exit_code: int | None
    seconds: float
    warnings: int
    reason: str


@dataclass(frozen=True)
class PreflightReport:
    """Every command that ran.

    Attributes
    ----------
    commit : the checkout's commit, `+changes` when files differ from it; None outside git.
    tools : versions of the programs that the commands call.
    not_run : names of the commands after the one that failed.
    schema_push : what to do about a changed schema; None when it did not change.
    """

    steps: tuple[StepResult, ...]
    commit: str | None
    tools: Mapping[str, str]
    not_run: tuple[str, ...] = ()
    schema_push: str | None = None

    @property
    def passed(self) -> bool:
        """Whether every command passed."""
        return all(step.passed for step in self.steps) and not self.not_run

    def as_json(self) -> dict[str, Any]:
        """The same as an object for `--json`."""
        return {**asdict(self), "passed": self.passed}

    def check(self) -> None:
        """Raise StepFailed when a command failed."""
        for step in self.steps:
            if not step.passed:
                rest = f"; not run: {', '.join(self.not_run)}" if self.not_run else ""
                raise StepFailed(f"preflight step '{step.name}' failed: {step.reason}{rest}")


def run_preflight(
    settings: Settings, *, show: Callable[[str], None] = lambda line: None
) -> PreflightReport:
    """Run every [[preflight]] in order until one fails, hand every line of their output to `show`, and record each."""
    if not settings.preflights:
        raise WrongUse(
            "rollout.toml has no [[preflight]]; add one with a name and run = the command"
        )
    checkout = _find_checkout(settings)
    commit, tools = commit_of(checkout), find_tools(settings.preflights, checkout)
    ledger, steps = open_ledger(settings), []
    for step in settings.preflights:
        result = _run_step(step, checkout, show)
        facts = {
            "name": result.name,
            "state": "passed" if result.passed else "failed",
            "exit_code": result.exit_code,
        }
        facts |= {
            "seconds": round(result.seconds, 3),
            "warnings": result.warnings,
            "reason": result.reason or None,
        }
        ledger.append("preflight", {**facts, "commit": commit, "tools": dict(tools)})
        steps.append(result)
        if not result.passed:
            break
    not_run = tuple(step.name for step in settings.preflights[len(steps) :])
    report = PreflightReport(
        tuple(steps), commit, tools, not_run, _find_schema_push(settings, checkout)
    )
    if report.schema_push:
        ledger.append(
            "schema_push_due", {"commit": commit, "command": settings.application.schema_command}
        )
    return report


def count_warnings(lines: list[str]) -> int:
    """Count what a tool warned of: the totals it printed, else its lines that warn.

    >>> count_warnings(["a.js", "  1:7  warning  'x' is unused", "✖ 3 problems (0 errors, 3 warnings)"])
    3
    >>> count_warnings(["npm warn deprecated left-pad", "0 errors"])
    1
    """
    plain = [_ANSI.sub("", line) for line in lines]
    totals = [
        int(match[1]) for line in plain if "fixable" not in line for match in _TOTAL.finditer(line)
    ]
    return sum(totals) if totals else sum(bool(_WARNING.search(line)) for line in plain)


def find_tools(steps: tuple[Preflight, ...], checkout: Path) -> dict[str, str]:
    """Ask the programs that the commands call for their versions."""
    names: list[str] = []
    for step in steps:
        words = _first_words(step.run)
        names += [name for word in words for name in (word, *_WITH_COMPANION.get(word, ()))]
    found = {name: _version_of(name, checkout) for name in dict.fromkeys(names)}
    return {name: version for name, version in sorted(found.items()) if version}


def _find_checkout(settings: Settings) -> Path:
    checkout = settings.folder / settings.application.checkout
    if not checkout.is_dir():
        name = settings.application.checkout
        raise WrongUse(
            f"[application].checkout = {name!r} is no folder; write where the application is checked out"
        )
    return checkout.resolve()


def _run_step(step: Preflight, checkout: Path, show: Callable[[str], None]) -> StepResult:
    """Run one command by the shell, in its own process group, so that its limit ends its children too."""
    folder = checkout / (step.cwd or ".")
    if not folder.is_dir():
        return StepResult(
            step.name, False, None, 0.0, 0, f"its folder {step.cwd!r} is not in the checkout"
        )
    show(f"$ {step.run}")
    began, lines = time.monotonic(), []
    process = subprocess.Popen(
        step.run,
        shell=True,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    reader = threading.Thread(target=_read_lines, args=(process.stdout, lines, show), daemon=True)
    reader.start()
    try:
        process.wait(timeout=step.timeout.total_seconds())
        exit_code: int | None = process.returncode
    except subprocess.TimeoutExpired:
        exit_code = None
    finally:
        _end(process, reader)
    warnings, reason = count_warnings(lines), ""
    if exit_code is None:
        reason = f"it did not end within its limit of {step.timeout.total_seconds():g} s"
    elif exit_code != 0:
        reason = f"it ended with exit code {exit_code}"
    elif warnings and not step.allow_warnings:
        reason = f"it gave {warnings} warning{'s' * (warnings > 1)}, and allow_warnings is not set"
    return StepResult(step.name, not reason, exit_code, time.monotonic() - began, warnings, reason)


def _read_lines(stream: IO[bytes], lines: list[str], show: Callable[[str], None]) -> None:
    """Hand on each line as it comes; one that holds what looks like a secret is hidden."""
    for raw in iter(lambda: stream.readline(LONGEST_LINE), b""):
        line = raw.decode("utf-8", "replace").rstrip("\r\n")
        lines.append(line)
        rule = find_leak(_ANSI.sub("", line))
        show(f"(line hidden: {rule})" if rule else line)


def _end(process: subprocess.Popen[bytes], reader: threading.Thread) -> None:
    """Stop what is left of a command, its children too, and wait for the last of its output."""
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
    """Signal a command and its children; where there are no process groups, the command alone."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number) if hasattr(os, "killpg") else process.send_signal(number)


def _find_schema_push(settings: Settings, checkout: Path) -> str | None:
    """Say that the schema push is due; it is never run here."""
    application = settings.application
    if not application.schema_paths:
        return None
    changed = changed_files(checkout, application.base_ref, application.schema_paths)
    if changed is None:
        return (
            f"git cannot compare {', '.join(application.schema_paths)} with {application.base_ref}; look yourself, "
            f"and run '{application.schema_command}' in the checkout if the schema changed"
        )
    if not changed:
        return None
    files = ", ".join(changed[:3]) + (f" and {len(changed) - 3} more" if len(changed) > 3 else "")
    due = f"the schema push is due; run '{application.schema_command}' there"
    return f"{files} changed since {application.base_ref}: {due}"


def _first_words(command: str) -> list[str]:
    """The programs of a command line: the first word of each of its parts."""
    try:
        words = shlex.split(command, comments=False)
    except ValueError:
        return []
    starts = [0, *(index + 1 for index, word in enumerate(words) if word in ("&&", "||", ";", "|"))]
    programs = [words[start] for start in starts if start < len(words)]
    return [word for word in programs if re.fullmatch(r"[A-Za-z][\w.+-]*", word)]


def _version_of(program: str, checkout: Path) -> str | None:
    if program in BUILT_IN:
        return None
    try:
        done = subprocess.run(
            [program, "--version"],
            cwd=checkout,
            capture_output=True,
            timeout=VERSION_SECONDS,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    match = _VERSION.search(done.stdout.decode("utf-8", "replace")[:500])
    return match[0] if done.returncode == 0 and match else None
