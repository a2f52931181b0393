"""The cost of a comparison by the number of calls, both axes logarithmic."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.output.svg import GRID, INK, remove_frame, save_svg

LINES = {  # Okabe and Ito's colours, with dashes and markers of their own
    "rollout compare, nothing frozen": ("#0072B2", "-", "o"),
    "rollout compare, baseline frozen": ("#56B4E9", (0, (1, 1.4)), "^"),
    "analyst: Mann-Whitney per feature": ("#D55E00", (0, (5, 2)), "s"),
}


def write_figure(walls: Mapping[str, Mapping[float, float]], path: Path) -> None:
    """Draw contender -> millions of calls -> wall seconds."""
    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    draw_cost(figure.subplots(), walls)
    save_svg(figure, path, title="Cost of a comparison over the number of calls")


def draw_cost(ax: Axes, walls: Mapping[str, Mapping[float, float]]) -> None:
    """One line a contender, and linear growth from the first contender's smallest size."""
    for name, (colour, dashes, marker) in LINES.items():
        if points := sorted(walls.get(name, {}).items()):
            xs, ys = zip(*points, strict=True)
            ax.plot(xs, ys, color=colour, linestyle=dashes, marker=marker, label=name)
    first = sorted(next(iter(walls.values())).items())
    sizes = [first[0][0], first[-1][0]]
    linear = [first[0][1] * size / sizes[0] for size in sizes]
    ax.plot(sizes, linear, color=GRID, zorder=0, label="linear growth")
    ax.set(xscale="log", yscale="log", xlabel="calls, millions", ylabel="wall time, s")
    ax.grid(color=GRID, linewidth=0.6)
    remove_frame(ax)
    ax.legend(frameon=False, fontsize=8, labelcolor=INK)
