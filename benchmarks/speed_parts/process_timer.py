"""Time a process from outside: wall time, processor time, peak memory."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

VERDICTS = (0, 1, 3, 4)  # exit codes of a run that worked


@dataclass(frozen=True)
class ProcessCost:
    """Median wall and processor seconds, and the largest peak memory in MB, with children."""

    wall_s: float
    processor_s: float
    peak_mb: float


@dataclass(frozen=True)
class Contender:
    """A program to time.

    Attributes
    ----------
    command : the process.
    removes : a folder that is deleted before each run, so that no run uses an earlier one.
    prepares : a command that runs once before and is not timed. Then nothing is deleted.
    """

    command: list[str]
    removes: str | None = None
    prepares: list[str] | None = None


def time_process(
    contender: Contender, folder: Path, *, runs: int, environment: dict[str, str]
) -> ProcessCost:
    """Run a contender in `folder`. Raises SystemExit with its error output when a run fails."""
    if contender.prepares:
        first = Contender(contender.prepares, contender.removes)
        time_process(first, folder, runs=1, environment=environment)
        contender = Contender(contender.command)
    costs = []
    for _ in range(runs):
        if contender.removes:
            shutil.rmtree(folder / contender.removes, ignore_errors=True)
        costs.append(_time_once(contender.command, folder, environment))
    return ProcessCost(
        statistics.median(cost.wall_s for cost in costs),
        statistics.median(cost.processor_s for cost in costs),
        max(cost.peak_mb for cost in costs),
    )


def _time_once(command: list[str], folder: Path, environment: dict[str, str]) -> ProcessCost:
    errors = folder / "stderr.txt"
    started = time.perf_counter()
    with errors.open("wb") as stderr:
        process = subprocess.Popen(
            command, cwd=folder, stdout=subprocess.DEVNULL, stderr=stderr, env=environment
        )
        _, status, usage = os.wait4(process.pid, 0)
    wall_s = time.perf_counter() - started
    if (code := os.waitstatus_to_exitcode(status)) not in VERDICTS:
        text = errors.read_text()[-500:]
        raise SystemExit(f"{' '.join(command)[:200]} ended with {code}: {text}")
    return ProcessCost(wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)
