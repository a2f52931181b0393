"""How often the plain and the adjusted comparison report a change in a cell."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from analysis.counting.scope import Scope
from analysis.metrics import metric_named
from analysis.statistics.comparison import Comparison
from analysis.statistics.sequential import bounds, z_value
from benchmarks.controls_parts.simulation import Simulation
from benchmarks.controls_parts.studies import Cell

ALPHA, MARGIN = 0.05, 0.1
TARGET = Scope("target")


@dataclass
class Tally:
    """The positives of each comparison, run by run."""

    plain: list[bool] = field(default_factory=list)
    with_controls: list[bool] = field(default_factory=list)
    moved: list[bool] = field(default_factory=list)

    def add(self, plain: bool, with_controls: bool, moved: bool) -> None:
        """Add one run."""
        self.plain.append(plain)
        self.with_controls.append(with_controls)
        self.moved.append(moved)

    def rate(self, side: str) -> tuple[float, float]:
        """Share of the runs and its Monte-Carlo error."""
        positives = np.array(getattr(self, side), dtype=float)
        share, runs = positives.mean(), positives.size
        return float(share), float(np.sqrt(max(share * (1 - share), 1 / runs) / runs))

    @property
    def gained(self) -> tuple[float, float]:
        """With controls minus plain on the same runs, and its Monte-Carlo error."""
        difference = np.array(self.with_controls, dtype=float) - np.array(self.plain, dtype=float)
        if difference.size == 1:
            return float(difference.mean()), 0.0
        return float(difference.mean()), float(difference.std(ddof=1) / np.sqrt(difference.size))


def judge_cell(cell: Cell, simulation: Simulation) -> tuple[bool, bool, bool]:
    """Positives of the plain and the adjusted comparison, and whether the controls moved."""
    metric = metric_named(cell.metric)
    comparator = simulation.comparator(
        cell.scenario, metric, cell.looks, strata_inside=cell.strata_inside
    )
    edges = bounds(tuple(hours / cell.looks[-1] for hours in cell.looks), ALPHA)
    plain = with_controls = moved = False
    for hours, edge in zip(cell.looks, edges, strict=True):
        comparison = comparator.compare(TARGET, metric, (0, hours))
        plain |= _is_positive(cell, comparison.plain, edge)
        with_controls |= _is_positive(cell, comparison, edge)
        moved = comparison.moved
    return plain, with_controls, moved


def _is_positive(cell: Cell, comparison: Comparison, edge: float) -> bool:
    if cell.claim == "no worse":
        return comparison.p_value(scale=1 + MARGIN, alternative="less") < ALPHA
    return z_value(comparison.p_value()) >= edge
