"""Figures of latency: how long calls take, when they are answered, where they are cut off, what a cap would do."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from analysis.report.figures import ink
from analysis.report.prepared.baseline import Pile
from analysis.report.prepared.values import (
    AnswerCurves,
    CapCurve,
    CliffBars,
    LatencyCurves,
    Mark,
    Shift,
    Steps,
)


def draw_latency_curves(axes: Axes, prepared: LatencyCurves) -> None:
    """Share of calls that ended within a time, before solid and after dashed."""
    low, high = _time_range(prepared.baseline, prepared.post, prepared.caps)
    ink.time_axis(axes, low, high)
    ink.share_axis(axes, labels=len(prepared.caps))
    ink.grid_lines(axes)
    for steps, line, label in _arms(prepared.baseline, prepared.post):
        axes.plot(
            np.append(steps.x, high),
            np.append(steps.y, 1.0),
            drawstyle="steps-post",
            label=label,
            **line,
        )
    _mark_caps(axes, prepared.caps)
    ink.label_axes(axes, "time of the call (log scale)", "calls ended")
    ink.legend_above(axes)


def draw_answer_curves(axes: Axes, prepared: AnswerCurves) -> None:
    """Kaplan-Meier: share of calls not answered yet, with its band; a curve ends where the last call was cut off."""
    before, after = prepared.baseline.steps, prepared.post.steps
    low, high = _time_range(before, after, prepared.caps)
    ink.time_axis(axes, low, high)
    ink.share_axis(axes, labels=len(prepared.caps))
    ink.grid_lines(axes)
    for curve, (steps, line, label) in zip(
        (prepared.baseline, prepared.post), _arms(before, after), strict=True
    ):
        axes.fill_between(
            curve.band_x,
            curve.low,
            curve.high,
            step="post",
            color=line["color"],
            alpha=0.18,
            linewidth=0,
        )
        axes.plot(
            np.insert(steps.x, 0, low),
            np.insert(steps.y, 0, 1.0),
            drawstyle="steps-post",
            label=label,
            **line,
        )
        if steps.x.size and curve.censored:
            axes.plot(
                steps.x[-1:],
                steps.y[-1:],
                marker="|",
                markersize=9,
                color=line["color"],
                linestyle="none",
            )
    _mark_caps(axes, prepared.caps)
    ink.label_axes(axes, "time to answer (log scale)", "not answered yet")
    ink.legend_above(axes)


def draw_cliff(axes: Axes, prepared: CliffBars) -> None:
    """Calls per stretch of log milliseconds: failed ones filled, answered ones as a line; baseline up, post down."""
    edges = prepared.edges_ms
    ink.time_axis(axes, edges[0], edges[-1])
    ink.grid_lines(axes)
    sides = (
        (
            1,
            prepared.baseline_failed,
            prepared.baseline_answered,
            ink.BEFORE,
            ink.counted("before", prepared.n_baseline),
        ),
        (
            -1,
            prepared.post_failed,
            prepared.post_answered,
            ink.AFTER,
            ink.counted("after", prepared.n_post),
        ),
    )
    for side, failed, answered, color, label in sides:
        axes.stairs(side * failed, edges, fill=True, color=color)
        axes.stairs(side * (failed + answered), edges, color=color, linewidth=1.1, label=label)
    axes.axhline(0, color=ink.MUTED, linewidth=0.8)
    axes.margins(y=0.05 + 0.1 * len(prepared.caps))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * abs(value):g} %"))
    _mark_caps(axes, prepared.caps)
    ink.label_axes(axes, "time of the call (log scale)", "calls: after | before")
    ink.legend_above(axes)


def draw_pile(axes: Axes, prepared: Pile) -> None:
    """One arm's calls per stretch of log milliseconds: failed ones filled, all as a line."""
    ink.time_axis(axes, prepared.edges_ms[0], prepared.edges_ms[-1])
    ink.grid_lines(axes)
    axes.stairs(prepared.failed, prepared.edges_ms, fill=True, color=ink.BEFORE)
    label = ink.counted("before", prepared.n_calls)
    axes.stairs(
        prepared.failed + prepared.answered,
        prepared.edges_ms,
        color=ink.BEFORE,
        linewidth=1.1,
        label=label,
    )
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g} %"))
    _mark_caps(axes, (prepared.cap,))
    ink.label_axes(axes, "time of the call (log scale)", "share of calls")
    ink.legend_above(axes)


def draw_shift(axes: Axes, prepared: Shift) -> None:
    """Change of each quantile with its band; hatched where it lies beyond a cap."""
    place = np.arange(len(prepared.points))
    known = [
        (x, point)
        for x, point in zip(place, prepared.points, strict=True)
        if point.change_ms is not None
    ]
    ink.grid_lines(axes)
    axes.axhline(0, color=ink.MUTED, linewidth=0.9)
    if known:
        x, points = zip(*known, strict=True)
        change = (
            np.array(
                [(point.change_ms, point.low_ms, point.high_ms) for point in points], dtype=float
            )
            / 1000
        )
        beyond = 2 * np.nanmax(
            np.abs(change)
        )  # an end that cannot be known lies outside the picture
        change[:, 1], change[:, 2] = (
            np.nan_to_num(change[:, 1], nan=-beyond),
            np.nan_to_num(change[:, 2], nan=beyond),
        )
        axes.fill_between(x, change[:, 1], change[:, 2], color=ink.BAND, linewidth=0)
        axes.vlines(x, change[:, 1], change[:, 2], color=ink.AFTER, linewidth=1.2)
        axes.plot(x, change[:, 0], color=ink.AFTER, marker="o", markersize=4, linewidth=1.2)
    hidden = [x for x, point in zip(place, prepared.points, strict=True) if point.change_ms is None]
    for spot in hidden:
        axes.axvspan(
            spot - 0.5, spot + 0.5, facecolor="none", edgecolor=ink.GRID, hatch="////", linewidth=0
        )
    if len(hidden) > 1:
        axes.annotate(
            "not identifiable",
            (np.mean(hidden), 0.5),
            xycoords=("data", "axes fraction"),
            ha="center",
            va="center",
            fontsize=ink.SMALL_PT,
            color=ink.INK,
            bbox=ink.halo(),
        )
    if not known:
        axes.set_yticks([])
    axes.set_xlim(-0.5, len(place) - 0.5)
    axes.set_xticks(place, [f"p{100 * point.q:g}" for point in prepared.points])
    ink.label_axes(axes, "quantile of time to answer", "after minus before (s)")


def draw_cap_curve(axes: Axes, prepared: CapCurve) -> None:
    """Share of calls that a cap would cut off, with its band, up to the window's own cap; knobs marked."""
    ink.time_axis(axes, prepared.cap_ms[0], prepared.own_cap_ms * 1.25)
    ink.share_axis(axes, labels=len(prepared.knobs))
    ink.grid_lines(axes)
    axes.fill_between(
        prepared.cap_ms, prepared.low, prepared.high, step="post", color=ink.BAND, linewidth=0
    )
    label = ink.counted("after", prepared.n_calls)
    axes.plot(
        prepared.cap_ms, prepared.cut_off, drawstyle="steps-post", label=label, **ink.AFTER_LINE
    )
    axes.axvspan(
        prepared.own_cap_ms,
        prepared.own_cap_ms * 1.25,
        facecolor="none",
        edgecolor=ink.GRID,
        hatch="////",
        linewidth=0,
    )
    _mark_caps(axes, prepared.knobs)
    ink.label_axes(axes, "cap (log scale)", "calls cut off")
    ink.legend_above(axes)


def _arms(baseline: Steps, post: Steps) -> list[tuple[Steps, dict[str, object], str]]:
    return [
        (baseline, ink.BEFORE_LINE, ink.counted("before", baseline.n_calls)),
        (post, ink.AFTER_LINE, ink.counted("after", post.n_calls)),
    ]


def _time_range(baseline: Steps, post: Steps, caps: tuple[Mark, ...]) -> tuple[float, float]:
    """From where the first 1 % ended to a little beyond the longest or the cap."""
    first = [steps.x[0] for steps in (baseline, post) if steps.x.size]
    last = [*(steps.x[-1] for steps in (baseline, post) if steps.x.size), *(cap.at for cap in caps)]
    return (max(min(first) * 0.9, 1.0), max(last) * 1.15) if first else (1.0, 1000.0)


def _mark_caps(axes: Axes, caps: tuple[Mark, ...]) -> None:
    colors = {"baseline": ink.BEFORE, "post": ink.AFTER_TEXT}
    for row, cap in enumerate(caps):
        ink.mark_time(axes, cap.at, cap.text, color=colors.get(cap.arm, ink.MUTED), row=row)
