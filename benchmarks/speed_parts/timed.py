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


def time_process(command: list[str], folder: Path, *, runs: int, fresh: bool, environment: dict[str, str]) -> Timed:
    """Run a command so many times in `folder`; `fresh` removes outputs/ before each, so that nothing is frozen.

    Raises SystemExit with what it said when a run fails.
    """
    walls, processors, peaks = [], [], []
    for _ in range(runs):
        if fresh:
            shutil.rmtree(folder / "outputs", ignore_errors=True)
        started = time.perf_counter()
        with (folder / "said.txt").open("wb") as said:
            process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=said, env=environment)
            _, status, usage = os.wait4(process.pid, 0)
        walls.append(time.perf_counter() - started)
        processors.append(usage.ru_utime + usage.ru_stime)
        peaks.append(usage.ru_maxrss / 1024)
        if (code := os.waitstatus_to_exitcode(status)) not in VERDICTS:
            raise SystemExit(f"{' '.join(command)[:200]} ended with {code}: {(folder / 'said.txt').read_text()[-500:]}")
    return Timed(statistics.median(walls), statistics.median(processors), max(peaks))
