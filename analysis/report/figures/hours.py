"""Figures over time: a rate per hour around the deploy."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from analysis.report.figures import ink
from analysis.report.prepared.baseline import Days, SourceHours
from analysis.report.prepared.values import HourlyRate, Slowness

_SIZES_PT = (2.0, 3.5, 5.0)


def draw_hourly_rate(axes: Axes, prepared: HourlyRate) -> None:
    """A point an hour, larger with more calls; gaps stay gaps; the usual day of the baseline as a faint line after the deploy."""
    rate, hours = prepared.rate, prepared.hours
    highest = float(np.nanmax(rate)) if np.isfinite(rate).any() else 1.0
    ink.value_axis(axes, prepared.unit, highest * 1.15)
    ink.grid_lines(axes)
    arms = (
        (hours < 0, ink.BEFORE_LINE, "o", ink.counted("before", prepared.n_baseline)),
        (hours >= 0, ink.AFTER_LINE, "D", ink.counted("after", prepared.n_post)),
    )
    for chosen, line, marker, label in arms:
        axes.plot(hours[chosen] + 0.5, rate[chosen], **{**line, "linewidth": 0.8})
        for size_pt, sized in _sized(prepared.calls):
            at = chosen & sized
            axes.plot(
                hours[at] + 0.5,
                rate[at],
                marker,
                markersize=size_pt,
                color=line["color"],
                markeredgewidth=0,
            )
        axes.plot(
            [],
            [],
            marker,
            markersize=_SIZES_PT[-1],
            color=line["color"],
            markeredgewidth=0,
            label=label,
        )
    after = hours >= 0
    axes.plot(
        hours[after] + 0.5,
        prepared.usual[after],
        color=ink.BEFORE,
        linewidth=1.0,
        linestyle=(0, (1, 1)),
    )
    for row, mark in enumerate(prepared.marks):
        ink.mark_time(axes, mark.at, mark.text, color=ink.INK, row=row)
    axes.set_xlim(hours[0], hours[-1] + 1)
    ink.label_axes(axes, "hours from the deploy", prepared.axis)
    ink.legend_above(axes)


def draw_slowness(axes: Axes, prepared: Slowness) -> None:
    """Three lines over the hours: the untouched features, the target, and the target without what goes with them."""
    ink.grid_lines(axes)
    axes.axhline(0, color=ink.MUTED, linewidth=0.9)
    axes.plot(
        prepared.hours + 0.5,
        prepared.untouched,
        color=ink.MUTED,
        linewidth=1.4,
        linestyle=(0, (4, 1, 1, 1)),
        label="untouched",
    )
    axes.plot(prepared.hours + 0.5, prepared.target, label="target", **ink.AFTER_LINE)
    axes.plot(
        prepared.hours + 0.5,
        prepared.adjusted,
        color=ink.BEFORE,
        linewidth=1.4,
        linestyle=(0, (1, 1)),
        label="target, adjusted",
    )
    axes.margins(y=0.12)
    for row, mark in enumerate(prepared.marks):
        ink.mark_time(axes, mark.at, mark.text, color=ink.INK, row=row)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: ink.signed_share(value)))
    axes.set_xlim(prepared.hours[0], prepared.hours[-1] + 1)
    ink.label_axes(axes, "hours from the deploy", "over the baseline")
    ink.legend_above(axes, columns=3)


def draw_days(axes: Axes, prepared: Days) -> None:
    """Calls per hour as bars, the share that fails as a line on a second axis."""
    axes.bar(
        prepared.hours + 0.5, np.nan_to_num(prepared.calls), width=1.0, color=ink.BAND, linewidth=0
    )
    axes.step(prepared.hours + 0.5, prepared.calls, where="mid", color=ink.MUTED, linewidth=0.7)
    failing = axes.twinx()
    failing.plot(prepared.hours + 0.5, prepared.error_rate, color=ink.AFTER, linewidth=1.1)
    ink.share_axis(failing, max(float(np.nanmax(prepared.error_rate, initial=0.05)), 0.05))
    failing.tick_params(colors=ink.AFTER_TEXT, labelsize=ink.SMALL_PT, length=3, width=0.7)
    for side in ("top", "left", "bottom"):
        failing.spines[side].set_visible(False)
    failing.spines["right"].set_color(ink.MUTED)
    failing.set_ylabel("calls that fail", fontsize=ink.FONT_PT, color=ink.AFTER_TEXT)
    axes.set_xlim(prepared.hours[0], 0)
    axes.set_ylim(bottom=0)
    ink.label_axes(axes, "hours before the deploy", "calls per hour")


def draw_source_hours(axes: Axes, prepared: SourceHours) -> None:
    """One line a source, told apart by its dashes as well."""
    looks = (
        ("-", ink.BEFORE, "o"),
        ((0, (5, 2)), ink.AFTER, "D"),
        ((0, (1, 1)), ink.GOOD, "s"),
        ((0, (4, 1, 1, 1)), ink.MUTED, "^"),
    )
    hours = np.arange(prepared.mean_ms.shape[1]) + 0.5
    for source, calls, means, (dashes, color, marker) in zip(
        prepared.sources, prepared.calls, prepared.mean_ms, looks, strict=False
    ):
        axes.plot(
            hours,
            means / 1000,
            linestyle=dashes,
            color=color,
            marker=marker,
            markersize=2.5,
            linewidth=1.2,
            label=ink.counted(source, calls),
        )
    axes.set_ylim(bottom=0)
    axes.set_xlim(0, hours.size)
    ink.grid_lines(axes)
    ink.label_axes(axes, "hours after the deploy's time of day", "mean time of a call (s)")
    axes.legend(
        frameon=False,
        fontsize=ink.SMALL_PT - 1,
        labelcolor=ink.INK,
        loc="lower left",
        bbox_to_anchor=(-0.1, 1.0),
        ncols=1,
    )


def _sized(calls: np.ndarray) -> list[tuple[float, np.ndarray]]:
    """Hours in three sizes by their calls."""
    largest = max(float(calls.max(initial=1.0)), 1.0)
    third = np.clip(np.ceil(len(_SIZES_PT) * np.sqrt(calls / largest)), 1, len(_SIZES_PT)).astype(
        int
    )
    return [(size, third == place) for place, size in enumerate(_SIZES_PT, 1)]
