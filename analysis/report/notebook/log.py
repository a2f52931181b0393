"""The log of a failed run: which cells ran, how long, what they printed, without secrets and without paths of this machine."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from analysis.leaks import find_leak

LONGEST_LOG = 60
_LONGEST_LINE = 300
_COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_PATH = re.compile(
    r"(?<![\w.<])(?:[A-Za-z]:\\|/)(?:[^\s/\\:'\"]+[/\\])+"
)  # everything before a file's own name
_KEPT = (Path(__file__).resolve().parents[3].as_posix() + "/", sys.prefix + "/")


def log_of(
    notebook: Any, titles: list[str], *, stopped_at: int, kernel_words: str
) -> tuple[str, ...]:
    """Lines of a log, up to the cell that the run stopped at; the last ones when there are many."""
    lines = []
    for index, cell in enumerate(notebook.cells[: stopped_at + 1] if notebook is not None else ()):
        if cell.cell_type == "code":
            how = "stopped here" if index == stopped_at else "done"
            lines += [
                f"cell {index + 1} ({titles[index]}): {how}{_duration(cell)}",
                *_output_lines(cell),
            ]
    lines += [f"kernel: {line}" for line in kernel_words.splitlines() if line.strip()]
    return tuple(clean_line(line) for line in lines[-LONGEST_LOG:])


def clean_line(line: str) -> str:
    """One line as it may be shown: no colours, no folders, and nothing at all when it breaks a rule of the last gate."""
    if rule := find_leak(line):
        return f"(hidden: {rule})"
    for folder in _KEPT:
        line = line.replace(folder, "")
    line = _PATH.sub("…/", _COLOURS.sub("", line))
    return line if len(line) <= _LONGEST_LINE else line[:_LONGEST_LINE] + " …"


def _duration(cell: Any) -> str:
    seconds = cell.metadata.get("papermill", {}).get("duration")
    return f" after {seconds:.1f} s" if seconds else ""


def _output_lines(cell: Any) -> list[str]:
    lines = []
    for output in cell.get("outputs", ()):
        if output.output_type == "stream":
            lines += [f"  {line}" for line in output.text.splitlines()]
        elif output.output_type == "error":
            lines += [f"  {line.strip()}" for line in output.get("traceback", ())[-1:]]
    return lines
