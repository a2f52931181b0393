"""False alarms by volume, ours beside the usual tests."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from analysis.files import atomic_write
from benchmarks.calibration_parts.cells import Cell, Counted
from benchmarks.calibration_parts.studies import VOLUMES

INK, MUTED, GRID = "#1b1d20", "#5b6168", "#dfe2e6"
SHARES = (0.05, 0.25, 0.5, 0.75, 1.0)
# Okabe and Ito's colours; dashes and markers say the same without colour
LINES = {
    "latency": (
        ("Mann-Whitney", "Mann-Whitney", "#D55E00", (0, (5, 2)), "s"),
        ("Welch", "Welch", "#CC79A7", (0, (1, 1.4)), "^"),
        ("canary judge", "canary judge", "#E69F00", (0, (4, 1.5, 1, 1.5)), "D"),
        ("false alarm", "rollout", "#0072B2", "-", "o"),
    ),
    "timeouts": (
        ("z test", "z test", "#D55E00", (0, (5, 2)), "s"),
        ("false alarm", "rollout", "#0072B2", "-", "o"),
    ),
}
TITLES = {"latency": "mean latency", "timeouts": "timeout rate of 50 %"}


def write_figure(counted: Counted, path: Path) -> None:
    """Draw both metrics under heavy noise and save an SVG whose text stays text."""
    figure = Figure(figsize=(7.6, 3.3), layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    for ax, metric in zip(axes, LINES, strict=True):
        draw_false_alarms(
            ax,
            {study: _by_volume(counted, study, metric) for study, *_ in LINES[metric]},
            metric=metric,
        )
    axes[0].set_ylabel("runs with a false alarm", fontsize=9, color=INK)
    with (
        mpl.rc_context(
            {"svg.fonttype": "none", "svg.hashsalt": "false-alarms", "font.family": "sans-serif"}
        ),
        atomic_write(path) as temporary,
    ):
        FigureCanvasSVG(figure).print_svg(
            str(temporary),
            metadata={"Date": None, "Creator": None, "Title": "False alarms by volume"},
        )


def draw_false_alarms(ax: Axes, prepared: dict[str, list[Cell]], *, metric: str) -> None:
    """Share of false alarms by calls per hour, one line a test, bars of two Monte-Carlo errors."""
    for study, _, colour, dashes, marker in LINES[metric]:
        cells = prepared[study]
        ax.errorbar(
            [cell.calls_per_hour for cell in cells],
            [cell.share for cell in cells],
            yerr=[2 * cell.error for cell in cells],
            color=colour,
            linestyle=dashes,
            marker=marker,
            markersize=5,
            linewidth=2.2 if study == "false alarm" else 1.5,
            elinewidth=0.8,
            capsize=2,
        )
    last = {
        label: prepared[study][-1].share for study, label, *_ in LINES[metric] if prepared[study]
    }
    for label, y in spread(last).items():
        ax.annotate(
            label,
            (VOLUMES[-1], y),
            xytext=(8, 0),
            textcoords="offset points",
            va="center",
            fontsize=8.5,
            color=INK,
            bbox={"boxstyle": "square,pad=0.1", "facecolor": "white", "edgecolor": "none"},
        )
    ax.axhline(0.05, color=MUTED, linewidth=1, linestyle=(0, (2, 2)), zorder=0)
    ax.set_xscale("log")
    ax.set_xlim(VOLUMES[0] / 1.4, VOLUMES[-1] * 9)
    ax.set_ylim(0, 1.02)
    ax.xaxis.set_major_locator(FixedLocator(VOLUMES))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xticklabels([f"{volume:,}" for volume in VOLUMES])
    ax.set_yticks(SHARES, [f"{100 * share:g} %" for share in SHARES])
    ax.set_xlabel("calls per hour", fontsize=9, color=INK)
    ax.set_title(TITLES[metric], fontsize=9.5, color=INK, loc="left")
    ax.grid(axis="y", color=GRID, linewidth=0.6)
    ax.tick_params(colors=MUTED, labelsize=8, labelleft=True)
    ax.spines[["top", "right"]].set_visible(False)


def spread(heights: dict[str, float], *, gap: float = 0.075) -> dict[str, float]:
    """The same heights, moved down from the top until none is nearer to the next than `gap`."""
    placed: dict[str, float] = {}
    for label, height in sorted(heights.items(), key=lambda item: -item[1]):
        placed[label] = min(height, min(placed.values(), default=2.0) - gap)
    return placed


def _by_volume(counted: Counted, study: str, metric: str) -> list[Cell]:
    """24 h against the 24 h before, heavy noise."""
    found = (
        counted.one(study, metric=metric, noise="heavy", calls_per_hour=volume, days=1, hours=24)
        for volume in VOLUMES
    )
    return [cell for cell in found if cell is not None]
