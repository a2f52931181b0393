"""Runs of every cell, and what they say, as Markdown."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from benchmarks.controls_parts.cells import Cell, Tally, judge_cell
from benchmarks.controls_parts.world import World

HEAD = ("what happens", "said is", "plain", "guarded", "guarded - plain", "controls moved")
SLOWER, QUIET, LOST, GAIN = 0.07, 0.06, 0.03, 1.3

Tallies = dict[Cell, Tally]


def run_cells(cells: Sequence[Cell], *, runs: int) -> Tallies:
    """Every cell over the same worlds: what is random is the same in the stories about a world, so differences are sharp."""
    tallies, by_world = {cell: Tally() for cell in cells}, defaultdict(list)
    for cell in cells:
        by_world[cell.story.shared, max(7, cell.story.days), cell.burst].append(cell)
    for seed in range(runs):
        for (shared, days, burst), of_world in by_world.items():
            world = World.drawn(seed, shared=shared, days=days, burst=burst)
            for cell in of_world:
                tallies[cell].add(*judge_cell(cell, world))
    return tallies


def write_study(tallies: Tallies, *, runs: int) -> str:
    """One table for every part of a study."""
    parts = []
    for study in dict.fromkeys(cell.study for cell in tallies):
        rows = [_row(cell, tally) for cell, tally in tallies.items() if cell.study == study]
        parts.append(
            f"**{study[0].upper()}{study[1:]}** ({runs:,} runs a cell)\n\n{_table(HEAD, rows)}\n"
        )
    return "\n".join(parts)


def write_targets(tallies: Tallies) -> str:
    """What control features have to hold, and whether they do."""
    by_name = {cell.name: tally for cell, tally in tallies.items()}
    quiet, gained = (
        by_name["nothing shared"].rate("guarded"),
        by_name["noise shared .6, mean +10 %"],
    )
    lost, error = by_name["nothing shared, mean +10 %"].gained
    rows = [
        (
            f"false alarms where the provider is 25 % slower ({name.split(', ')[1]}) at most {SLOWER}",
            *_share(by_name[name], SLOWER),
        )
        for name in by_name
        if name.startswith("provider 25 % slower")
    ]
    ratio = gained.rate("guarded")[0] / max(gained.rate("plain")[0], 1e-9)
    rows += [
        (
            f"false alarms where nothing is shared at most {QUIET}",
            f"{quiet[0]:.3f} ± {quiet[1]:.3f}",
            _yes(quiet[0] <= QUIET),
        ),
        (
            f"power for mean +10 %, noise shared .6, at least {GAIN} times the plain one",
            f"{ratio:.2f} times",
            _yes(ratio >= GAIN),
        ),
        (
            f"power lost where nothing is shared at most {LOST}",
            f"{-lost:.3f} ± {error:.3f}",
            _yes(-lost <= LOST),
        ),
    ]
    return f"{_table(('asked for', 'measured', 'met'), rows)}\n"


def write_rollouts(verdicts: Iterable[tuple[str, str, dict[str, int]]], *, runs: int) -> str:
    """Verdicts of whole rollouts."""
    rows = [
        (story, use, ", ".join(f"{n} {verdict}" for verdict, n in counted.items()))
        for story, use, counted in verdicts
    ]
    return f"**Rollouts judged from rows** ({runs} seeds, 24 h)\n\n{_table(('what happens', 'controls', 'verdicts'), rows)}\n"


def _row(cell: Cell, tally: Tally) -> tuple[str, ...]:
    shown = [
        f"{rate:.3f} ± {error:.3f}" for rate, error in (tally.rate("plain"), tally.rate("guarded"))
    ]
    gained, error = tally.gained
    kind = "right" if cell.is_power else "false"
    return cell.name, kind, *shown, f"{gained:+.3f} ± {error:.3f}", f"{tally.rate('moved')[0]:.2f}"


def _share(tally: Tally, most: float) -> tuple[str, str]:
    share, error = tally.rate("guarded")
    return f"{share:.3f} ± {error:.3f}", _yes(share <= most)


def _yes(holds: bool) -> str:
    return "yes" if holds else "**no**"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
