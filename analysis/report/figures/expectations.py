"""The forest plot: what was required of each expectation, and what came."""

from __future__ import annotations

from textwrap import fill
from typing import Any

from matplotlib.axes import Axes

from analysis.figure_data.expectations import Forest, ForestRow
from analysis.formatting import level
from analysis.report.figures import style
from analysis.report.figures.picture import FigureKind
from analysis.text.captions.expectations import describe_forest

LOWEST, HIGHEST = -1.08, 1.25
ROW_IN, TWO_LINE_ROW_IN, NAME_LETTERS = 0.46, 0.62, 58
_MARKERS = {
    "met": ("o", style.GOOD),
    "not_met": ("s", style.AFTER_TEXT),
    "worse": ("X", style.AFTER_TEXT),
}


def draw_forest(axes: Axes, prepared: Forest) -> None:
    """A row a claim: its name, its interval, and the required change as a bracket."""
    axes.axvspan(-prepared.too_small, prepared.too_small, color=style.BAND, linewidth=0)
    axes.axvline(0, color=style.MUTED, linewidth=0.9)
    axes.grid(False)
    for number, row in enumerate(prepared.rows):
        _draw_row(axes, -number, row)
        axes.annotate(
            fill(row.name, NAME_LETTERS),
            (LOWEST, 0.27 - number),
            va="bottom",
            bbox=style.LABEL_BOX,
        ).set_in_layout(False)
    axes.set_xlim(LOWEST, HIGHEST)
    axes.set_ylim(-len(prepared.rows) + 0.4, 0.75)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.xaxis.set_major_formatter(style.CHANGES)
    axes.set_xticks([-1, -0.5, 0, 0.5, 1])
    interval = f"{level(prepared.level)} intervals" if prepared.level else "no interval yet"
    axes.set_xlabel(f"change from before to after ({interval})")


def forest_height(prepared: Forest) -> float:
    """Inches for its rows; more where a name takes two lines."""
    has_long_name = any(len(row.name) > NAME_LETTERS for row in prepared.rows)
    row_in = TWO_LINE_ROW_IN if has_long_name else ROW_IN
    return 0.75 + row_in * max(len(prepared.rows), 1)


def _draw_row(axes: Axes, y: float, row: ForestRow) -> None:
    marker, color = _MARKERS.get(row.state, ("D", style.MUTED))
    if row.required is not None:
        x = min(max(row.required, LOWEST), HIGHEST)
        arm = x - 0.03 if row.needs_fall else x + 0.03
        bracket_y = [y + 0.2, y + 0.2, y - 0.2, y - 0.2]
        axes.plot([arm, x, x, arm], bracket_y, color=style.GOOD, linewidth=1.4)
    change = row.change
    if change is None:
        axes.annotate("nothing to compare", (0.02, y), va="center", color=style.MUTED)
        return
    low, high = max(change.low, LOWEST), min(change.high, HIGHEST)
    axes.plot([low, high], [y, y], color=color, linewidth=1.8, solid_capstyle="butt")
    cut: dict[str, Any] = {"color": color, "markersize": 5, "clip_on": False}
    if change.low < LOWEST:
        axes.plot([low], [y], marker="<", **cut)
    if change.high > HIGHEST:
        axes.plot([high], [y], marker=">", **cut)
    if LOWEST <= change.value <= HIGHEST:
        axes.plot([change.value], [y], marker=marker, color=color, markersize=6)


EXPECTATIONS = FigureKind("expectations", draw_forest, describe_forest, forest_height)
