"""Where calls fail, and what another cap would cut off."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes

from analysis.figure_data.cliffs import CapCurve, CliffHistogram
from analysis.report.figures import style
from analysis.report.figures.latency import mark_caps
from analysis.report.figures.picture import FigureKind
from analysis.text.captions.cliffs import describe_cap_curve, describe_cliff


def draw_cliff(axes: Axes, prepared: CliffHistogram) -> None:
    """Failed calls filled, all calls as a line; before upwards, after downwards."""
    edges, before, after = prepared.edges_ms, prepared.baseline, prepared.post
    style.use_time_axis(axes, edges[0], edges[-1])
    sides = [(1, before, style.BEFORE, "before")]
    if after is not None:
        sides.append((-1, after, style.AFTER, "after"))
        axes.axhline(0, color=style.MUTED, linewidth=0.8)
        axes.margins(y=0.05 + 0.1 * len(prepared.caps))
    for side, bars, color, name in sides:
        label, total = style.with_n(name, bars.n_calls), bars.failed + bars.answered
        axes.stairs(side * bars.failed, edges, fill=True, color=color)
        axes.stairs(side * total, edges, color=color, linewidth=1.1, label=label)
    axes.yaxis.set_major_formatter(style.SHARES)
    mark_caps(axes, prepared.caps)
    y = "share of calls" if after is None else "calls: after | before"
    axes.set(xlabel="time of the call (log scale)", ylabel=y)
    style.draw_legend(axes)


def draw_cap_curve(axes: Axes, prepared: CapCurve) -> None:
    """Share of calls that a cap would cut off, with its band, up to the window's own cap."""
    cap_ms, end_ms = prepared.cap_ms, prepared.own_cap_ms * 1.25
    style.use_time_axis(axes, cap_ms[0], end_ms)
    style.use_share_axis(axes, labels=len(prepared.knobs))
    band: dict[str, Any] = {"step": "post", "color": style.BAND, "linewidth": 0}
    axes.fill_between(cap_ms, prepared.low, prepared.high, **band)
    line: dict[str, Any] = {"label": style.with_n("after", prepared.n_calls), **style.AFTER_LINE}
    axes.plot(cap_ms, prepared.cut_off, drawstyle="steps-post", **line)
    axes.axvspan(prepared.own_cap_ms, end_ms, **style.HATCHED)
    mark_caps(axes, prepared.knobs)
    axes.set(xlabel="cap (log scale)", ylabel="calls cut off")
    style.draw_legend(axes)


CLIFF = FigureKind("cliff", draw_cliff, describe_cliff)
CAP = FigureKind("cap", draw_cap_curve, describe_cap_curve)
