"""Where calls fail, and what another cap would cut off."""

from __future__ import annotations

import numpy as np

from analysis.figure_data.cliffs import CapCurve, CliffBars, CliffHistogram
from analysis.formatting import count, milliseconds, share
from analysis.statistics.latency.survival import Estimate
from analysis.statistics.totals import Floats
from analysis.text.captions.figure_text import LEVEL, FigureText, caps_text


def describe_cliff(prepared: CliffHistogram, label: str) -> FigureText:
    """Where failed calls pile up."""
    before = f"Before, failed calls are {_peak(prepared.baseline, prepared.edges_ms)}"
    if prepared.post is None:
        heading, when, order = label, "before the deploy", ""
        text = f"{before}."
    else:
        heading, when = "Where calls fail", "before and after"
        order = ", before upwards, after downwards"
        text = f"{before}; after, {_peak(prepared.post, prepared.edges_ms)}."
    return FigureText(
        heading,
        f"Where calls of {label} fail, {when}",
        f"{text}{caps_text(prepared.caps)}",
        f"Filled: failed calls. Line: all calls{order}. {text}",
    )


def describe_cap_curve(prepared: CapCurve, label: str) -> FigureText:
    """What a cap would cut off."""
    at_knobs = [
        f"{milliseconds(knob.at)}: {_estimate(estimate)}"
        for knob, estimate in zip(prepared.knobs, prepared.at_knobs, strict=True)
    ]
    knobs = ""
    if at_knobs:
        knobs = f" At the knobs (settings that can be turned back): {'; '.join(at_knobs)}."
    return FigureText(
        f"A cap on {label}",
        f"What a cap on {label} would cut off",
        f"From {count(prepared.n_calls)} calls after the deploy.{knobs} "
        f"Nothing is known beyond {milliseconds(prepared.own_cap_ms)}.",
        f"Share of calls that a shorter cap would cut off, with its {LEVEL} band.{knobs} "
        "Hatched: beyond what this window can show.",
    )


def _peak(bars: CliffBars, edges_ms: Floats) -> str:
    """How many calls fail, and where most of them do."""
    total = float(bars.failed.sum())
    if not total:
        return "none"
    top = int(np.argmax(bars.failed))
    where = f"{milliseconds(float(edges_ms[top]))} to {milliseconds(float(edges_ms[top + 1]))}"
    return (
        f"{share(total)} of all calls, {share(float(bars.failed[top]) / total)} of them at {where}"
    )


def _estimate(estimate: Estimate) -> str:
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return "not identifiable"
    return f"{share(estimate.value)} ({share(estimate.low)} to {share(estimate.high)})"
