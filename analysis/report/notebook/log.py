"""The log of a failed run: which cells ran, how long, what they printed; no secrets, no paths."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from analysis.leaks import find_leak
from analysis.report.mime_types import ERROR_MIME

MOST_LINES = 60
_LONGEST_LINE = 300
_COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_FOLDERS = re.compile(r"(?<![\w.<])(?:[A-Za-z]:\\|/)(?:[^\s/\\:'\"]+[/\\])+")
_OWN_FOLDERS = (Path(__file__).resolve().parents[3].as_posix() + "/", sys.prefix + "/")


def log_of(
    cells: Sequence[Any], titles: Sequence[str], *, stopped_at: int, kernel_output: str
) -> list[str]:
    """Lines of a log, up to the cell that the run stopped at; the last ones of a long log."""
    lines = []
    for index, cell in enumerate(cells[: stopped_at + 1]):
        if cell.cell_type == "code":
            how = "stopped here" if index == stopped_at else "done"
            seconds = cell.metadata.get("papermill", {}).get("duration")
            duration = f" after {seconds:.1f} s" if seconds else ""
            lines.append(f"cell {index + 1} ({titles[index]}): {how}{duration}")
            lines += [f"  {line}" for line in _output_lines(cell)]
    lines += [f"kernel: {line}" for line in kernel_output.splitlines() if line.strip()]
    return [clean_line(line) for line in lines[-MOST_LINES:]]


def clean_line(line: str) -> str:
    """A line as it may be shown: no colours, no folders; hidden whole when it holds a secret."""
    if rule := find_leak(line):
        return f"(hidden: {rule})"
    for folder in _OWN_FOLDERS:
        line = line.replace(folder, "")
    line = _FOLDERS.sub("…/", _COLOURS.sub("", line))
    return line if len(line) <= _LONGEST_LINE else line[:_LONGEST_LINE] + " …"


def _output_lines(cell: Any) -> list[str]:
    lines: list[str] = []
    for output in cell.get("outputs", ()):
        if output.output_type == "stream":
            lines += output.text.splitlines()
        elif output.output_type == "error":
            lines += [line.strip() for line in output.get("traceback", ())[-1:]]
        elif report := output.get("data", {}).get(ERROR_MIME):
            lines += [f"at {place}" for place in report.get("where", ())]
    return lines
