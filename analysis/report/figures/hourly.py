"""Figures hour by hour: a metric around the deploy, its control group, the baseline's traffic."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from analysis.figure_data.hourly import (
    HourlyMetric,
    HourlySlowness,
    HourlyTraffic,
    SourceLatency,
)
from analysis.figure_data.latency import AxisMark
from analysis.report.figures import style
from analysis.report.figures.picture import FigureKind
from analysis.text.captions.hourly import (
    describe_hourly_metric,
    describe_hourly_slowness,
    describe_hourly_traffic,
    describe_source_latency,
)

_SIZES_PT = (2.0, 3.5, 5.0)
_SOURCE_LOOKS = (
    ("-", style.BEFORE, "o"),
    (style.DASHED, style.AFTER, "D"),
    (style.DOTTED, style.GOOD, "s"),
    (style.DASH_DOT, style.MUTED, "^"),
)


def draw_hourly_metric(axes: Axes, prepared: HourlyMetric) -> None:
    """A point an hour, larger with more calls; gaps stay gaps; the usual day as a faint line."""
    rate, hours = prepared.rate, prepared.hours
    highest = float(np.nanmax(rate)) if np.isfinite(rate).any() else 1.0
    style.use_value_axis(axes, prepared.unit, highest * 1.15)
    most = max(float(prepared.calls.max(initial=1.0)), 1.0)
    size = np.clip(np.ceil(len(_SIZES_PT) * np.sqrt(prepared.calls / most)), 1, len(_SIZES_PT))
    for in_arm, line, marker, label in (
        (hours < 0, style.BEFORE_LINE, "o", style.with_n("before", prepared.n_baseline)),
        (hours >= 0, style.AFTER_LINE, "D", style.with_n("after", prepared.n_post)),
    ):
        axes.plot(hours[in_arm] + 0.5, rate[in_arm], **{**line, "linewidth": 0.8})
        point: dict[str, Any] = {"color": line["color"], "markeredgewidth": 0}
        for number, size_pt in enumerate(_SIZES_PT, 1):
            at = in_arm & (size == number)
            axes.plot(hours[at] + 0.5, rate[at], marker, markersize=size_pt, **point)
        axes.plot([], [], marker, markersize=_SIZES_PT[-1], label=label, **point)
    after = hours >= 0
    usual: dict[str, Any] = {"color": style.BEFORE, "linewidth": 1.0, "linestyle": style.DOTTED}
    axes.plot(hours[after] + 0.5, prepared.usual[after], **usual)
    _draw_hours(axes, hours[0], hours[-1] + 1, prepared.marks)
    axes.set(xlabel="hours from the deploy", ylabel=prepared.axis)
    style.draw_legend(axes)


def draw_hourly_slowness(axes: Axes, prepared: HourlySlowness) -> None:
    """Three lines: the control features, the target, and the target adjusted by them."""
    series, hours = prepared.series, prepared.series.hours + 0.5
    axes.axhline(0, color=style.MUTED, linewidth=0.9)
    controls: dict[str, Any] = {"color": style.MUTED, "linewidth": 1.4, "linestyle": style.DASH_DOT}
    adjusted: dict[str, Any] = {"color": style.BEFORE, "linewidth": 1.4, "linestyle": style.DOTTED}
    axes.plot(hours, series.controls, label="control features", **controls)
    axes.plot(hours, series.target, label="target", **style.AFTER_LINE)
    axes.plot(hours, series.adjusted, label="target, adjusted", **adjusted)
    axes.margins(y=0.12)
    axes.yaxis.set_major_formatter(style.CHANGES)
    _draw_hours(axes, series.hours[0], series.hours[-1] + 1, prepared.marks)
    axes.set(xlabel="hours from the deploy", ylabel="over the baseline")
    style.draw_legend(axes, columns=3)


def draw_hourly_traffic(axes: Axes, prepared: HourlyTraffic) -> None:
    """Calls per hour as bars, the share that fails as a line on a second axis."""
    hours, calls = prepared.hours + 0.5, prepared.calls
    axes.bar(hours, np.nan_to_num(calls), width=1.0, color=style.BAND, linewidth=0)
    axes.step(hours, calls, where="mid", color=style.MUTED, linewidth=0.7)
    failing = axes.twinx()
    failing.plot(hours, prepared.error_rate, color=style.AFTER, linewidth=1.1)
    highest = float(np.nanmax(prepared.error_rate, initial=0.05))
    style.use_share_axis(failing, max(highest, 0.05))
    failing.tick_params(colors=style.AFTER_TEXT)
    failing.spines["right"].set_visible(True)
    failing.set_ylabel("calls that fail", color=style.AFTER_TEXT)
    for both in (axes, failing):
        both.grid(False)
    axes.set_ylim(bottom=0)
    _draw_hours(axes, prepared.hours[0], 0)
    axes.set(xlabel="hours before the deploy", ylabel="calls per hour")


def draw_source_latency(axes: Axes, prepared: SourceLatency) -> None:
    """One line a source; sources differ in dashes and markers, not only in colour."""
    hours = np.arange(prepared.mean_ms.shape[1]) + 0.5
    for source, calls, means, (dashes, color, marker) in zip(
        prepared.sources, prepared.calls, prepared.mean_ms, _SOURCE_LOOKS, strict=False
    ):
        line: dict[str, Any] = {"color": color, "linestyle": dashes, "linewidth": 1.2}
        label = style.with_n(source, calls)
        axes.plot(hours, means / 1000, marker=marker, markersize=2.5, label=label, **line)
    axes.set_ylim(bottom=0)
    _draw_hours(axes, 0, hours.size)
    axes.set(xlabel="hours after the deploy's time of day", ylabel="mean time of a call (s)")
    style.draw_legend(axes, columns=1)


def _draw_hours(axes: Axes, first: float, last: float, marks: Sequence[AxisMark] = ()) -> None:
    """The limits of the hours, and the marks between them."""
    for row, mark in enumerate(marks):
        style.mark_x(axes, mark.at, mark.text, row=row)
    axes.set_xlim(first, last)


HOURS = FigureKind("hours", draw_hourly_metric, describe_hourly_metric)
CONTROLS = FigureKind("controls", draw_hourly_slowness, describe_hourly_slowness)
TRAFFIC = FigureKind("calls-by-hour", draw_hourly_traffic, describe_hourly_traffic)
SOURCES = FigureKind("latency-by-source-and-hour", draw_source_latency, describe_source_latency)
