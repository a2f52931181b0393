"""Every look at one expectation as a small chart, placed for the index's own SVG.

Every command writes the index, so it does not load matplotlib for this.
"""

from __future__ import annotations

from dataclasses import dataclass

from analysis.figure_data.expectations import LookPoint, LookSeries
from analysis.formatting import signed_percent
from analysis.text.captions.figure_text import FigureText

TOP, BOTTOM, LEFT, RIGHT = 12.0, 40.0, 52.0, 10.0
LOWEST, HIGHEST = -1.05, 1.05
TICKS = (-1.0, -0.5, 0.0, 0.5, 1.0)
MOST_LABELS = 8


@dataclass(frozen=True)
class LookChart:
    """One expectation through every look, in the units of the SVG."""

    series: LookSeries
    text: FigureText
    width: float = 420.0
    height: float = 150.0

    @property
    def is_empty(self) -> bool:
        """Whether no look could compare anything."""
        return all(point.change is None for point in self.series.points)

    @property
    def range(self) -> tuple[float, float]:
        """From the lowest to the highest interval, with 0 and the required change inside."""
        changes = [point.change for point in self.series.points if point.change]
        ends = [end for change in changes for end in (change.low, change.high)]
        values = [0.0, self.series.required or 0.0, *ends]
        low, high = max(min(values), LOWEST), min(max(values), HIGHEST)
        margin = 0.08 * max(high - low, 0.2)
        return low - margin, high + margin

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """Height and text of each line across."""
        low, high = self.range
        return [(self.y(tick), signed_percent(tick)) for tick in TICKS if low <= tick <= high]

    @property
    def required_y(self) -> float | None:
        """Height of the required change; None when it lies outside."""
        required, (low, high) = self.series.required, self.range
        return self.y(required) if required is not None and low <= required <= high else None

    def x(self, index: int) -> float:
        """Where the look of that index is."""
        step = (self.width - LEFT - RIGHT) / len(self.series.points)
        return round(LEFT + step * (index + 0.5), 1)

    def y(self, change: float) -> float:
        """Height of a change; one outside the range lies at its end."""
        low, high = self.range
        inside = min(max(change, low), high)
        return round(TOP + (self.height - TOP - BOTTOM) * (high - inside) / (high - low), 1)

    def label(self, index: int) -> str:
        """The look's window; empty where labels would touch."""
        points = self.series.points
        every = -(-len(points) // MOST_LABELS)
        is_shown = index % every == 0 or index == len(points) - 1
        return points[index].window if is_shown else ""

    @staticmethod
    def note(point: LookPoint) -> str:
        """What is below the window: its bound, or that there was no look."""
        return point.verdict if point.bound is None else f"{point.bound:.2f}"
