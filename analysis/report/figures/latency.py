"""How long calls take, how long until an answer, and how its quantiles moved."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from analysis.figure_data.latency import AxisMark, CurvePair, QuantileShifts, StepCurve
from analysis.formatting import milliseconds
from analysis.report.figures import style
from analysis.report.figures.picture import FigureKind
from analysis.text.captions.latency import (
    describe_answer_curves,
    describe_latency_curves,
    describe_quantile_shifts,
)

_CAP_COLORS = {"baseline": style.BEFORE, "post": style.AFTER_TEXT}


def draw_latency_curves(axes: Axes, prepared: CurvePair) -> None:
    """Share of calls that ended within a time, before solid and after dashed."""
    _, high = _use_axes(axes, prepared)
    for curve, line in _lines(prepared):
        x, y = np.append(curve.x, high), np.append(curve.y, 1.0)
        axes.plot(x, y, drawstyle="steps-post", **line)
    axes.set(xlabel="time of the call (log scale)", ylabel="calls ended")
    style.draw_legend(axes)


def draw_answer_curves(axes: Axes, prepared: CurvePair) -> None:
    """Kaplan-Meier curves with their bands; a curve ends where the last call was cut off."""
    low, _ = _use_axes(axes, prepared)
    for curve, line in _lines(prepared):
        band: dict[str, Any] = {"color": line["color"], "alpha": 0.18, "linewidth": 0}
        axes.fill_between(curve.band_x, curve.low, curve.high, step="post", **band)
        x, y = np.insert(curve.x, 0, low), np.insert(curve.y, 0, 1.0)
        axes.plot(x, y, drawstyle="steps-post", **line)
        if curve.x.size and curve.censored:
            end: dict[str, Any] = {"color": line["color"], "marker": "|", "markersize": 9}
            axes.plot(x[-1:], y[-1:], linestyle="none", **end)
    axes.set(xlabel="time to answer (log scale)", ylabel="not answered yet")
    style.draw_legend(axes)


def draw_quantile_shifts(axes: Axes, prepared: QuantileShifts) -> None:
    """Change of each quantile with its band; hatched where it lies beyond a cap."""
    points = prepared.points
    change = np.array([(p.difference_ms, p.low_ms, p.high_ms) for p in points]) / 1000
    is_known = np.isfinite(change[:, 0])
    axes.axhline(0, color=style.MUTED, linewidth=0.9)
    if is_known.any():
        x, (middle, low, high) = np.flatnonzero(is_known), change[is_known].T
        outside = 2 * np.nanmax(np.abs(change))  # an end that is not known lies outside
        low, high = np.nan_to_num(low, nan=-outside), np.nan_to_num(high, nan=outside)
        axes.fill_between(x, low, high, color=style.BAND, linewidth=0)
        axes.vlines(x, low, high, color=style.AFTER, linewidth=1.2)
        axes.plot(x, middle, color=style.AFTER, marker="o", markersize=4, linewidth=1.2)
    else:
        axes.set_yticks([])
    hidden = np.flatnonzero(~is_known)
    for place in hidden.tolist():
        axes.axvspan(place - 0.5, place + 0.5, **style.HATCHED)
    if hidden.size > 1:
        axes.annotate(
            "not identifiable",
            (float(hidden.mean()), 0.5),
            xycoords=("data", "axes fraction"),
            ha="center",
            va="center",
            bbox=style.LABEL_BOX,
        )
    axes.set_xlim(-0.5, len(points) - 0.5)
    axes.set_xticks(range(len(points)), [f"p{100 * point.q:g}" for point in points])
    axes.set(xlabel="quantile of time to answer", ylabel="after minus before (s)")


def mark_caps(axes: Axes, caps: Sequence[AxisMark]) -> None:
    """Caps with their times, in the colour of their arm."""
    for row, cap in enumerate(caps):
        color = _CAP_COLORS.get(cap.arm, style.MUTED)
        text = f"{cap.text} {milliseconds(cap.at)}"
        style.mark_x(axes, cap.at, text, color=color, row=row)


def _use_axes(axes: Axes, prepared: CurvePair) -> tuple[float, float]:
    """Shares over time, from the first calls that ended to a little beyond the last or a cap."""
    low, high = 1.0, 1000.0
    curves = [curve for curve in (prepared.baseline, prepared.post) if curve.x.size]
    if curves:
        low = max(min(curve.x[0] for curve in curves) * 0.9, 1.0)
        last = max(curve.x[-1] for curve in curves)
        high = max([last, *(cap.at for cap in prepared.caps)]) * 1.15
    style.use_time_axis(axes, low, high)
    style.use_share_axis(axes, labels=len(prepared.caps))
    mark_caps(axes, prepared.caps)
    return low, high


def _lines(prepared: CurvePair) -> list[tuple[StepCurve, dict[str, Any]]]:
    """The curve of each arm, and how it is drawn."""
    before = {"label": style.with_n("before", prepared.baseline.n_calls), **style.BEFORE_LINE}
    after = {"label": style.with_n("after", prepared.post.n_calls), **style.AFTER_LINE}
    return [(prepared.baseline, before), (prepared.post, after)]


LATENCY = FigureKind("latency", draw_latency_curves, describe_latency_curves)
TIME_TO_ANSWER = FigureKind("time-to-answer", draw_answer_curves, describe_answer_curves)
SHIFT = FigureKind("shift", draw_quantile_shifts, describe_quantile_shifts)
