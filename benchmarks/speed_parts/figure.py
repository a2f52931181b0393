"""What a comparison costs over the number of calls, on both axes by powers of ten: a line of slope 1 is linear growth."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from analysis.files import atomic_write

INK, GRID = "#1b1d20", "#dfe2e6"
# Okabe and Ito's colours; dashes and markers say the same without colour
LINES = {
    "rollout compare, nothing frozen": ("#0072B2", "-", "o"),
    "rollout compare, baseline frozen": ("#56B4E9", (0, (1, 1.4)), "^"),
    "analyst: Mann-Whitney per feature": ("#D55E00", (0, (5, 2)), "s"),
}


def write_figure(walls: Mapping[str, Mapping[float, float]], path: Path) -> None:
    """Draw contender -> millions of calls -> wall seconds, as an SVG whose text stays text."""
    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    draw_cost(figure.subplots(), walls)
    with (
        mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "speed"}),
        atomic_write(path) as temporary,
    ):
        FigureCanvasSVG(figure).print_svg(
            temporary,
            metadata={"Date": None, "Title": "Cost of a comparison over the number of calls"},
        )


def draw_cost(ax: Axes, walls: Mapping[str, Mapping[float, float]]) -> None:
    """One line a contender, and the growth that would be linear from ours at the fewest calls."""
    for name, (colour, dashes, marker) in LINES.items():
        if points := sorted(walls.get(name, {}).items()):
            ax.plot(
                *zip(*points, strict=True),
                color=colour,
                linestyle=dashes,
                marker=marker,
                label=name,
            )
    first = sorted(next(iter(walls.values())).items())
    ends = [first[0][0], first[-1][0]]
    ax.plot(
        ends,
        [first[0][1] * end / ends[0] for end in ends],
        color=GRID,
        zorder=0,
        label="linear growth",
    )
    ax.set(xscale="log", yscale="log", xlabel="calls, millions", ylabel="wall time, s")
    ax.grid(color=GRID, linewidth=0.6)
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False, fontsize=8, labelcolor=INK)
