"""How often the judge is wrong: false alarms, power and coverage on simulated calls, beside the usual tests.

    python benchmarks/calibration.py                       every cell, 400 to 1,000 runs each: three quarters of an hour on one core
    python benchmarks/calibration.py --runs 100            the same cells, coarser, in ten minutes
    python benchmarks/calibration.py --cells looks,lasting some studies only

It prints every cell as Markdown. A whole calibration (every study, at least 1,000 runs) also writes docs/calibration.csv, the
figure docs/figures/false-alarms.svg, and the tables of docs/statistics.md between their two marks; a smaller one writes nothing.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from analysis.files import write_text
from benchmarks.calibration_parts.cells import Counted, count
from benchmarks.calibration_parts.figure import write_figure
from benchmarks.calibration_parts.studies import STUDIES, groups_of
from benchmarks.calibration_parts.tables import write_cells, write_tables

DOCS = Path(__file__).resolve().parents[1] / "docs"
WHOLE_RUNS, SEED = 1000, 94
BEGIN, END = "<!-- calibration: begin -->", "<!-- calibration: end -->"


def main(arguments: list[str] | None = None) -> None:
    options = read_options(arguments)
    started = time.monotonic()
    counted = count(
        groups_of(options.cells),
        runs=options.runs,
        seed=options.seed,
        kept=options.keep,
        progress=say,
    )
    tables = write_tables(counted, runs=options.runs, seed=options.seed)
    print(tables)
    say(f"{time.monotonic() - started:.0f} s")
    if set(options.cells) == set(STUDIES) and options.runs >= WHOLE_RUNS:
        write_docs(counted, tables, runs=options.runs, seed=options.seed, docs=options.docs)


def read_options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="How often the judge is wrong, on simulated calls."
    )
    parser.add_argument(
        "--runs", type=int, default=WHOLE_RUNS, help=f"series a cell (default {WHOLE_RUNS})"
    )
    parser.add_argument(
        "--cells", type=studies, default=STUDIES, help=f"some of {','.join(STUDIES)} (default all)"
    )
    parser.add_argument(
        "--seed",
        type=int,
        default=SEED,
        help=f"the same seed gives the same table (default {SEED})",
    )
    parser.add_argument(
        "--keep", type=Path, help="folder for finished parts: a run that was stopped goes on there"
    )
    parser.add_argument(
        "--docs",
        type=Path,
        default=DOCS,
        help="folder a whole calibration is written to (default docs)",
    )
    options = parser.parse_args(arguments)
    if options.runs < 1:
        parser.error(f"--runs {options.runs}: at least 1")
    return options


def studies(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    if unknown := [name for name in names if name not in STUDIES]:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(STUDIES)}")
    return names


def write_docs(counted: Counted, tables: str, *, runs: int, seed: int, docs: Path) -> None:
    write_text(docs / "calibration.csv", write_cells(counted))
    write_figure(counted, docs / "figures" / "false-alarms.svg")
    page = docs / "statistics.md"
    if page.exists() and BEGIN in (text := page.read_text(encoding="utf-8")):
        before, after = text.split(BEGIN)[0], text.split(END)[1]
        write_text(page, f"{before}{BEGIN}\n{tables}{END}{after}")


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
