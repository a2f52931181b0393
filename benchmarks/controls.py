"""What control features change: false alarms and power with and without them, measured in the product.

    python benchmarks/controls.py                          every study in its whole length: about an hour on one core
    python benchmarks/controls.py --studies table,looks    some studies only; rollouts: 50 whole rollouts, judged from rows
    python benchmarks/controls.py --runs 50                the same cells, coarser

It prints Markdown: of each cell the share of runs in which the plain and the guarded comparison say that something changed, with
the Monte-Carlo error. A study in its whole length also replaces its part of docs/controls.md; a shorter one writes nothing.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from analysis.files import write_text
from benchmarks.controls_parts.cells import STUDIES
from benchmarks.controls_parts.rollouts import judge_rollouts
from benchmarks.controls_parts.tables import run_cells, write_rollouts, write_study, write_targets

PAGE = Path(__file__).resolve().parents[1] / "docs" / "controls.md"
TARGETS, ROLLOUTS = "targets", "rollouts"
WHOLE_RUNS = dict.fromkeys(STUDIES, 200) | {TARGETS: 1000, "table": 400, "looks": 100, ROLLOUTS: 50}
"""Runs a cell: more where a promise is held against the figure, fewer where a run takes many looks."""


def main(arguments: list[str] | None = None) -> None:
    options = read_options(arguments)
    for name in options.studies:
        started, runs = time.monotonic(), options.runs or WHOLE_RUNS[name]
        text = run_study(name, runs=runs)
        print(text, flush=True)
        if runs >= WHOLE_RUNS[name]:
            replace_part(options.page, name, text)
        print(f"{name}: {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)


def read_options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="False alarms and power with and without control features."
    )
    parser.add_argument("--runs", type=int, help="runs a cell (default: 100 to 1,000, by study)")
    parser.add_argument(
        "--studies",
        type=studies,
        default=tuple(WHOLE_RUNS),
        help=f"some of {','.join(WHOLE_RUNS)} (default all)",
    )
    parser.add_argument(
        "--page",
        type=Path,
        default=PAGE,
        help="page whose parts are replaced (default docs/controls.md)",
    )
    options = parser.parse_args(arguments)
    if options.runs is not None and options.runs < 1:
        parser.error(f"--runs {options.runs}: at least 1")
    return options


def studies(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    if unknown := [name for name in names if name not in WHOLE_RUNS]:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(WHOLE_RUNS)}")
    return names


def run_study(name: str, *, runs: int) -> str:
    """The Markdown of a study."""
    if name == ROLLOUTS:
        return write_rollouts(judge_rollouts(range(runs)), runs=runs)
    tallies = run_cells(list(STUDIES[name]()), runs=runs)
    parts = (
        [write_targets(tallies), write_study(tallies, runs=runs)]
        if name == TARGETS
        else [write_study(tallies, runs=runs)]
    )
    return "\n".join(parts)


def replace_part(page: Path, name: str, text: str) -> None:
    """Put the text between the study's two marks."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    whole = page.read_text(encoding="utf-8")
    if begin not in whole or end not in whole:
        raise SystemExit(
            f"{page.name} has no place for {name!r}; put {begin} and {end} where its table belongs"
        )
    write_text(page, f"{whole.split(begin)[0]}{begin}\n{text}\n{end}{whole.split(end)[1]}")


if __name__ == "__main__":
    main()
