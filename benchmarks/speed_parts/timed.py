"""A process timed from outside: wall time, time on the processors, peak memory."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

VERDICTS = (0, 1, 3, 4)


@dataclass(frozen=True)
class Timed:
    """Medians of wall and processor time in seconds, and the largest peak memory in MB, of a process and what it starts."""

    wall_s: float
    processor_s: float
    peak_mb: float


@dataclass(frozen=True)
class Contender:
    """Who is timed.

    Attributes
    ----------
    command : the process.
    forgets : a folder that is removed before each run, so that nothing of an earlier one is used.
    follows : a command that is run before the first one, and not timed.
    """

    command: list[str]
    forgets: str | None = None
    follows: list[str] | None = None


def time_process(
    contender: Contender, folder: Path, *, runs: int, environment: dict[str, str]
) -> Timed:
    """Run a contender so many times in `folder`. Raises SystemExit with what it said when a run fails."""
    if contender.follows:
        time_process(
            Contender(contender.follows, contender.forgets), folder, runs=1, environment=environment
        )
        contender = Contender(contender.command)
    walls, processors, peaks = [], [], []
    command = contender.command
    for _ in range(runs):
        if contender.forgets:
            shutil.rmtree(folder / contender.forgets, ignore_errors=True)
        started = time.perf_counter()
        with (folder / "said.txt").open("wb") as said:
            process = subprocess.Popen(
                command, cwd=folder, stdout=subprocess.DEVNULL, stderr=said, env=environment
            )
            _, status, usage = os.wait4(process.pid, 0)
        walls.append(time.perf_counter() - started)
        processors.append(usage.ru_utime + usage.ru_stime)
        peaks.append(usage.ru_maxrss / 1024)
        if (code := os.waitstatus_to_exitcode(status)) not in VERDICTS:
            raise SystemExit(
                f"{' '.join(command)[:200]} ended with {code}: {(folder / 'said.txt').read_text()[-500:]}"
            )
    return Timed(statistics.median(walls), statistics.median(processors), max(peaks))
