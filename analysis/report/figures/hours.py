"""Figures over time: a rate per hour around the deploy."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from analysis.report.figures import ink
from analysis.report.prepared.values import HourlyRate

_SMALLEST, _LARGEST = 4, 60


def draw_hourly_rate(axes: Axes, prepared: HourlyRate) -> None:
    """A point an hour, larger with more calls; gaps stay gaps; the usual day of the baseline as a faint line after the deploy."""
    rate, hours = prepared.rate, prepared.hours
    highest = np.nanmax(rate) if np.isfinite(rate).any() else 1.0
    ink.share_axis(axes, max(highest, 0.05))
    ink.grid_lines(axes)
    size = _SMALLEST + (_LARGEST - _SMALLEST) * np.sqrt(prepared.calls / max(prepared.calls.max(initial=1.0), 1.0))
    arms = ((hours < 0, ink.BEFORE_LINE, "o", f"before, {prepared.n_baseline:,} calls"), (hours >= 0, ink.AFTER_LINE, "D", f"after, {prepared.n_post:,} calls"))
    for chosen, line, marker, label in arms:
        axes.plot(hours[chosen] + 0.5, rate[chosen], **{**line, "linewidth": 0.9})
        axes.scatter(hours[chosen] + 0.5, rate[chosen], s=0.35 * size[chosen], color=line["color"], marker=marker, linewidths=0,
                     label=label.replace(",", " ", 2).replace("  ", ", ", 1))  # fmt: skip
    after = hours >= 0
    axes.plot(hours[after] + 0.5, prepared.usual[after], color=ink.BEFORE, linewidth=0.8, alpha=0.6, linestyle=(0, (1, 1)))
    for row, mark in enumerate(prepared.marks):
        ink.mark_time(axes, mark.at, mark.text, color=ink.INK, row=row)
    axes.set_xlim(hours[0], hours[-1] + 1)
    ink.label_axes(axes, "hours from the deploy", prepared.what)
    ink.legend(axes, loc="lower left")
