"""What control features change: false alarms and power with and without them, measured in the product.

    python benchmarks/controls.py                          every cell, 400 runs each, and 50 rollouts judged from rows: about an hour
    python benchmarks/controls.py --runs 100               the same, coarser
    python benchmarks/controls.py --studies table,looks    some studies only; rollouts: the 50 rollouts

It prints Markdown: of each cell the share of runs in which the plain and the guarded comparison say that something changed, with
the Monte-Carlo error. docs/controls.md holds the figures of a whole run.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import defaultdict

from benchmarks.controls_parts.cells import STUDIES, Cell, Tally, judge_cell
from benchmarks.controls_parts.rollouts import judge_rollouts
from benchmarks.controls_parts.world import World

ROLLOUTS, SEEDS = "rollouts", 50
HEADING = "| what happens | said is | plain | guarded | guarded - plain | controls moved |"


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="False alarms and power with and without control features.")
    parser.add_argument("--runs", type=int, default=400, help="runs a cell (default 400)")
    parser.add_argument("--studies", default=",".join((*STUDIES, ROLLOUTS)), help="some of the studies, with commas")
    options = parser.parse_args(arguments)
    chosen, started = options.studies.split(","), time.monotonic()
    if unknown := [name for name in chosen if name not in (*STUDIES, ROLLOUTS)]:
        parser.error(f"--studies: {unknown[0]!r} is none of {', '.join((*STUDIES, ROLLOUTS))}")
    for name in chosen:
        print_rollouts() if name == ROLLOUTS else print_study(list(STUDIES[name]()), runs=options.runs)
        print(f"{name}: {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)


def print_study(cells: list[Cell], *, runs: int) -> None:
    """Every cell over the same worlds, then one table a study."""
    tallies = {cell: Tally() for cell in cells}
    by_world = defaultdict(list)
    for cell in cells:
        by_world[cell.story.shared, max(7, cell.story.days), cell.burst].append(cell)
    for seed in range(runs):
        for (shared, days, burst), of_world in by_world.items():
            world = World.drawn(seed, shared=shared, days=days, burst=burst)
            for cell in of_world:
                plain, guarded, moved = judge_cell(cell, world)
                tallies[cell].plain.append(plain)
                tallies[cell].guarded.append(guarded)
                tallies[cell].moved.append(moved)
    for study in dict.fromkeys(cell.study for cell in cells):
        print(f"\n**{study}** ({runs} runs a cell)\n\n{HEADING}\n|---|---|---|---|---|---|")
        for cell in (cell for cell in cells if cell.study == study):
            print(line_of(cell, tallies[cell]), flush=True)


def line_of(cell: Cell, tally: Tally) -> str:
    shown = [f"{rate:.3f} ± {error:.3f}" for rate, error in (tally.rate("plain"), tally.rate("guarded"))]
    gained, error = tally.gained
    kind = "right" if cell.is_power else "false"
    return f"| {cell.name} | {kind} | {shown[0]} | {shown[1]} | {gained:+.3f} ± {error:.3f} | {tally.rate('moved')[0]:.2f} |"


def print_rollouts() -> None:
    """Whole rollouts through the judge."""
    print(f"\n**rollouts judged from rows** ({SEEDS} seeds)\n\n| what happens | controls | verdicts |\n|---|---|---|")
    for name, controls, verdicts in judge_rollouts(range(SEEDS)):
        print(f"| {name} | {controls} | {', '.join(f'{count} {verdict}' for verdict, count in verdicts.items())} |", flush=True)


if __name__ == "__main__":
    main()
