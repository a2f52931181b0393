"""False alarms by volume, ours next to the usual tests."""

from __future__ import annotations

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from benchmarks.calibration_parts.cells import Calibration, Cell
from benchmarks.calibration_parts.studies import VOLUMES
from benchmarks.output.svg import GRID, INK, MUTED, remove_frame, save_svg

SHARES = (0.05, 0.25, 0.5, 0.75, 1.0)
# study, label, Okabe and Ito's colour, dashes, marker
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


def write_figure(calibration: Calibration, path: Path) -> None:
    """Draw both metrics: heavy noise, 24 h compared with the 24 h before."""
    figure = Figure(figsize=(7.6, 3.3), layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    for ax, metric in zip(axes, LINES, strict=True):
        cells = {
            study: [
                cell
                for cell in calibration.find(study, metric=metric, noise="heavy", days=1, hours=24)
                if cell.calls_per_hour in VOLUMES
            ]
            for study, *_ in LINES[metric]
        }
        draw_false_alarms(ax, cells, metric=metric)
    axes[0].set_ylabel("runs with a false alarm", fontsize=9, color=INK)
    save_svg(figure, path, title="False alarms by volume")


def draw_false_alarms(ax: Axes, cells: dict[str, list[Cell]], *, metric: str) -> None:
    """Share of false alarms by calls per hour, one line a test, bars of two Monte-Carlo errors."""
    last = {}
    for study, label, colour, dashes, marker in LINES[metric]:
        by_volume = sorted(cells[study], key=lambda cell: cell.calls_per_hour)
        ax.errorbar(
            [cell.calls_per_hour for cell in by_volume],
            [cell.share for cell in by_volume],
            yerr=[2 * cell.error for cell in by_volume],
            color=colour,
            linestyle=dashes,
            marker=marker,
            markersize=5,
            linewidth=2.2 if study == "false alarm" else 1.5,
            elinewidth=0.8,
            capsize=2,
        )
        if by_volume:
            last[label] = by_volume[-1].share
    _label_lines(ax, last)
    _style_axes(ax, metric)


def _label_lines(ax: Axes, heights: dict[str, float]) -> None:
    for label, y in spread_labels(heights).items():
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


def _style_axes(ax: Axes, metric: str) -> None:
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
    remove_frame(ax)


def spread_labels(heights: dict[str, float], *, gap: float = 0.075) -> dict[str, float]:
    """The heights from the top down, each at least `gap` below the one above."""
    placed: dict[str, float] = {}
    for label, height in sorted(heights.items(), key=lambda item: -item[1]):
        placed[label] = min(height, min(placed.values(), default=2.0) - gap)
    return placed
