"""How often a verdict is wrong: false alarms, power and coverage on simulated calls.

    python benchmarks/calibration.py                          every cell, 45 minutes on one core
    python benchmarks/calibration.py --runs 100               the same cells, less exact, 10 minutes
    python benchmarks/calibration.py --cells looks,sustained  some studies only

It prints every cell as Markdown. A complete calibration (every study, at least 1,000 runs) also
writes docs/calibration.csv, docs/figures/false-alarms.svg and the tables of docs/statistics.md.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from analysis.files import write_text
from benchmarks.calibration_parts.cells import run_groups
from benchmarks.calibration_parts.figure import write_figure
from benchmarks.calibration_parts.studies import STUDIES, groups_of
from benchmarks.calibration_parts.tables import cells_as_csv, write_tables
from benchmarks.output.markdown import replace_part
from benchmarks.output.options import positive, some_of

DOCS = Path(__file__).resolve().parents[1] / "docs"
COMPLETE_RUNS, SEED = 1000, 94


def main(arguments: list[str] | None = None) -> None:
    """Run the chosen studies, print their tables, and write a complete calibration to docs/."""
    options = read_options(arguments)
    started = time.monotonic()
    calibration = run_groups(
        groups_of(options.cells),
        runs=options.runs,
        seed=options.seed,
        cache=options.keep,
        on_progress=log,
    )
    tables = write_tables(calibration, runs=options.runs, seed=options.seed)
    print(tables)
    log(f"{time.monotonic() - started:.0f} s")
    if set(options.cells) == set(STUDIES) and options.runs >= COMPLETE_RUNS:
        write_text(options.docs / "calibration.csv", cells_as_csv(calibration))
        write_figure(calibration, options.docs / "figures" / "false-alarms.svg")
        replace_part(options.docs / "statistics.md", "calibration", tables)


def read_options(arguments: list[str] | None) -> argparse.Namespace:
    """Number of runs, studies, seed, and folders."""
    parser = argparse.ArgumentParser(
        description="How often a verdict is wrong, on simulated calls."
    )
    parser.add_argument(
        "--runs", type=positive, default=COMPLETE_RUNS, help="series per cell (default 1000)"
    )
    parser.add_argument(
        "--cells",
        type=some_of(STUDIES),
        default=STUDIES,
        help=f"some of {','.join(STUDIES)} (default all)",
    )
    parser.add_argument(
        "--seed", type=int, default=SEED, help="the same seed gives the same tables (default 94)"
    )
    parser.add_argument(
        "--keep", type=Path, help="folder of finished groups; a stopped run continues from it"
    )
    parser.add_argument(
        "--docs", type=Path, default=DOCS, help="folder for a complete calibration (default docs)"
    )
    return parser.parse_args(arguments)


def log(text: str) -> None:
    """Print progress on stderr."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
