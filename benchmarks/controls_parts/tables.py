"""Runs of every cell, and their results as Markdown."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from benchmarks.controls_parts.cells import Tally, judge_cell
from benchmarks.controls_parts.simulation import Simulation
from benchmarks.controls_parts.studies import Cell
from benchmarks.output.markdown import table

HEAD = ("scenario", "a positive is", "plain", "with controls", "difference", "controls moved")
PROVIDER_ALARMS, QUIET_ALARMS, LOST_POWER, POWER_RATIO = 0.07, 0.06, 0.03, 1.3

Tallies = dict[Cell, Tally]


def run_cells(cells: Sequence[Cell], *, runs: int) -> Tallies:
    """Run every cell. Cells with the same noise use the same draws, so differences are exact."""
    tallies, by_noise = {cell: Tally() for cell in cells}, defaultdict(list)
    for cell in cells:
        by_noise[cell.scenario.shared, max(7, cell.scenario.days), cell.burst].append(cell)
    for seed in range(runs):
        for (shared, days, burst), same_noise in by_noise.items():
            simulation = Simulation.draw(seed, shared=shared, days=days, burst=burst)
            for cell in same_noise:
                tallies[cell].add(*judge_cell(cell, simulation))
    return tallies


def write_study(tallies: Tallies, *, runs: int) -> str:
    """One table for every part of a study."""
    parts = []
    for study in dict.fromkeys(cell.study for cell in tallies):
        rows = [_row(cell, tally) for cell, tally in tallies.items() if cell.study == study]
        title = f"**{study[0].upper()}{study[1:]}** ({runs:,} runs a cell)"
        parts.append(f"{title}\n\n{table(HEAD, rows)}\n")
    return "\n".join(parts)


def write_targets(tallies: Tallies) -> str:
    """The targets of control features, and whether they are met."""
    by_name = {cell.name: tally for cell, tally in tallies.items()}
    rows = []
    for name, tally in by_name.items():
        if name.startswith("provider 25 % slower"):
            share, error = tally.rate("with_controls")
            case = name.split(", ")[1]
            rule = f"provider 25 % slower ({case}): false alarms at most {PROVIDER_ALARMS}"
            rows.append((rule, _with_error(share, error), _yes(share <= PROVIDER_ALARMS)))

    share, error = by_name["nothing shared"].rate("with_controls")
    rule = f"nothing shared: false alarms at most {QUIET_ALARMS}"
    rows.append((rule, _with_error(share, error), _yes(share <= QUIET_ALARMS)))

    shared = by_name["noise shared .6, mean +10 %"]
    ratio = shared.rate("with_controls")[0] / max(shared.rate("plain")[0], 1e-9)
    rule = f"noise shared .6, mean +10 %: power at least {POWER_RATIO} times the plain one"
    rows.append((rule, f"{ratio:.2f} times", _yes(ratio >= POWER_RATIO)))

    gained, error = by_name["nothing shared, mean +10 %"].gained
    rule = f"nothing shared, mean +10 %: power lost at most {LOST_POWER}"
    rows.append((rule, _with_error(-gained, error), _yes(-gained <= LOST_POWER)))
    return f"{table(('target', 'measured', 'met'), rows)}\n"


def write_rollouts(verdicts: Iterable[tuple[str, str, dict[str, int]]], *, runs: int) -> str:
    """Verdicts of whole rollouts."""
    rows = [
        (scenario, use, ", ".join(f"{count} {verdict}" for verdict, count in counts.items()))
        for scenario, use, counts in verdicts
    ]
    text = table(("scenario", "controls", "verdicts"), rows)
    return f"**Whole rollouts** ({runs} seeds, 24 h)\n\n{text}\n"


def _row(cell: Cell, tally: Tally) -> tuple[str, ...]:
    gained, error = tally.gained
    return (
        cell.name,
        "true" if cell.is_power else "false",
        _with_error(*tally.rate("plain")),
        _with_error(*tally.rate("with_controls")),
        f"{gained:+.3f} ± {error:.3f}",
        f"{tally.rate('moved')[0]:.2f}",
    )


def _with_error(value: float, error: float) -> str:
    return f"{value:.3f} ± {error:.3f}"


def _yes(holds: bool) -> str:
    return "yes" if holds else "**no**"
