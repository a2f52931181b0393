"""Figures of claims: what was promised and what came, and what the calls ended as."""

from __future__ import annotations

from textwrap import fill

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from analysis.report.figures import ink
from analysis.report.prepared.values import Forest, ForestRow, OutcomeMix

FOREST_LOW, FOREST_HIGH = -1.08, 1.25
ROW_IN, TALL_ROW_IN, NAME_LETTERS = 0.46, 0.62, 58
_MARKS = {"met": ("o", ink.GOOD), "not_met": ("s", ink.AFTER_TEXT), "worse": ("X", ink.AFTER_TEXT)}


def draw_forest(axes: Axes, prepared: Forest) -> None:
    """A row a claim: name above, interval and estimate below, the required change as a bracket, the grey band too small to matter."""
    rows = prepared.rows
    axes.axvspan(-prepared.too_small, prepared.too_small, color=ink.BAND, linewidth=0)
    axes.axvline(0, color=ink.MUTED, linewidth=0.9)
    for place, row in enumerate(rows):
        _draw_forest_row(axes, -place, row)
        name, at = fill(row.name, NAME_LETTERS), (FOREST_LOW, 0.27 - place)
        axes.annotate(
            name, at, va="bottom", fontsize=ink.SMALL_PT, color=ink.INK, bbox=ink.halo()
        ).set_in_layout(False)
    axes.set_xlim(FOREST_LOW, FOREST_HIGH)
    axes.set_ylim(-len(rows) + 0.4, 0.75)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: ink.signed_share(value)))
    axes.set_xticks([-1, -0.5, 0, 0.5, 1])
    ink.label_axes(axes, f"change from before to after ({prepared.level_text})", "")


def forest_height(prepared: Forest) -> float:
    """Inches for its rows; more where a name takes two lines."""
    row_in = ROW_IN if all(len(row.name) <= NAME_LETTERS for row in prepared.rows) else TALL_ROW_IN
    return 0.75 + row_in * max(len(prepared.rows), 1)


def draw_outcome_mix(axes: Axes, prepared: OutcomeMix) -> None:
    """Two bars a class with the interval of each: before above, after below."""
    place = np.arange(len(prepared.classes))
    for shift, values, color, name, n, hatch in (
        (0.2, prepared.baseline, ink.BEFORE, "before", prepared.n_baseline, None),
        (-0.2, prepared.post, ink.AFTER, "after", prepared.n_post, "////"),
    ):
        label = ink.counted(name, n)
        filled = (
            {"facecolor": color}
            if hatch is None
            else {"facecolor": "none", "edgecolor": color, "hatch": hatch}
        )
        axes.barh(
            -place + shift,
            [share.value for share in values],
            height=0.36,
            linewidth=0.8,
            label=label,
            **filled,
        )
        for at, share in zip(-place + shift, values, strict=True):
            axes.plot(
                [share.low, share.high],
                [at, at],
                color=ink.INK,
                linewidth=1.0,
                solid_capstyle="butt",
            )
            axes.annotate(
                _percent(share.value),
                (share.high, at),
                xytext=(3, 0),
                textcoords="offset points",
                va="center",
                fontsize=ink.SMALL_PT,
                color=ink.INK,
            )
    axes.set_xlim(0, 1.12)
    axes.set_yticks(-place, prepared.classes)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g} %"))
    ink.label_axes(axes, "share of calls", "")
    ink.legend_above(axes)


def mix_height(classes: int) -> float:
    """Inches for that many classes."""
    return 0.9 + 0.42 * max(classes, 2)


def _draw_forest_row(axes: Axes, y: float, row: ForestRow) -> None:
    marker, color = _MARKS.get(row.state, ("D", ink.MUTED))
    if row.required is not None:
        direction = -1 if row.needs_fall else 1
        at = min(max(row.required, FOREST_LOW), FOREST_HIGH)
        axes.plot(
            [at + 0.03 * direction, at, at, at + 0.03 * direction],
            [y + 0.2, y + 0.2, y - 0.2, y - 0.2],
            color=ink.GOOD,
            linewidth=1.4,
        )
    if row.change is None:
        axes.annotate(row.numbers, (0.02, y), va="center", fontsize=ink.SMALL_PT, color=ink.MUTED)
        return
    low, high = max(row.low, FOREST_LOW), min(row.high, FOREST_HIGH)
    axes.plot([low, high], [y, y], color=color, linewidth=1.8, solid_capstyle="butt")
    for end, cut in ((low, row.low < FOREST_LOW), (high, row.high > FOREST_HIGH)):
        if cut:
            axes.plot(
                [end],
                [y],
                marker="<" if end == low else ">",
                color=color,
                markersize=5,
                clip_on=False,
            )
    if FOREST_LOW <= row.change <= FOREST_HIGH:
        axes.plot([row.change], [y], marker=marker, color=color, markersize=6)


def _percent(value: float) -> str:
    return f"{100 * value:.1f} %" if value >= 0.01 or value == 0 else f"{100 * value:.2f} %"
