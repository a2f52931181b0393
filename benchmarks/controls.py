"""What control features change: false alarms and power with and without them.

    python benchmarks/controls.py                          every study: an hour on one core
    python benchmarks/controls.py --studies table,looks    some studies only
    python benchmarks/controls.py --runs 50                the same cells, less exact

It prints Markdown: for each cell, how often the plain and the adjusted comparison report a change,
with the Monte-Carlo error. The study `rollouts` judges 50 whole rollouts from rows. A study with
all its runs also replaces its part of docs/controls.md.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from benchmarks.controls_parts.rollouts import judge_rollouts
from benchmarks.controls_parts.studies import STUDIES
from benchmarks.controls_parts.tables import run_cells, write_rollouts, write_study, write_targets
from benchmarks.output.markdown import replace_part
from benchmarks.output.options import positive, some_of

PAGE = Path(__file__).resolve().parents[1] / "docs" / "controls.md"
TARGETS, ROLLOUTS = "targets", "rollouts"
ALL_RUNS = dict.fromkeys(STUDIES, 200) | {TARGETS: 1000, "table": 400, "looks": 100, ROLLOUTS: 50}
"""Runs a cell: more for a target, fewer where a run takes many looks."""


def main(arguments: list[str] | None = None) -> None:
    """Run the chosen studies, print them, and write complete ones to the page."""
    options = read_options(arguments)
    for name in options.studies:
        started, runs = time.monotonic(), options.runs or ALL_RUNS[name]
        text = run_study(name, runs=runs)
        print(text, flush=True)
        if runs >= ALL_RUNS[name]:
            replace_part(options.page, name, text)
        print(f"{name}: {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)


def read_options(arguments: list[str] | None) -> argparse.Namespace:
    """Number of runs, studies, and the page."""
    parser = argparse.ArgumentParser(
        description="False alarms and power with and without control features."
    )
    parser.add_argument(
        "--runs", type=positive, help="runs a cell (default: 50 to 1,000, by study)"
    )
    parser.add_argument(
        "--studies",
        type=some_of(ALL_RUNS),
        default=tuple(ALL_RUNS),
        help=f"some of {','.join(ALL_RUNS)} (default all)",
    )
    parser.add_argument(
        "--page", type=Path, default=PAGE, help="page to update (default docs/controls.md)"
    )
    return parser.parse_args(arguments)


def run_study(name: str, *, runs: int) -> str:
    """The Markdown of a study."""
    if name == ROLLOUTS:
        return write_rollouts(judge_rollouts(range(runs)), runs=runs)
    tallies = run_cells(list(STUDIES[name]()), runs=runs)
    study = write_study(tallies, runs=runs)
    return f"{write_targets(tallies)}\n{study}" if name == TARGETS else study


if __name__ == "__main__":
    main()
