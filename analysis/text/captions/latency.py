"""How long calls take, how long until an answer, and how its quantiles moved."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from analysis.figure_data.latency import CurvePair, QuantileShifts, StepCurve
from analysis.formatting import THIN, change_in, count, milliseconds, share
from analysis.text.captions.figure_text import LEVEL, FigureText, capital, caps_text


def describe_latency_curves(prepared: CurvePair, label: str) -> FigureText:
    """How long calls take."""
    before, after = _median(prepared.baseline), _median(prepared.post)
    medians = f"{capital(before)} before, {after} after."
    return FigureText(
        "How long calls take",
        f"How long calls of {label} take, before and after",
        f"{medians}{caps_text(prepared.caps)}",
        "A curve further to the right is slower. A vertical rise is a cap, where calls are cut "
        f"off. {medians}",
    )


def describe_answer_curves(prepared: CurvePair, label: str) -> FigureText:
    """How long until an answer, with the calls that were cut off."""
    before, after = share(prepared.baseline.censored), share(prepared.post.censored)
    caps = " Dotted: the cap, where calls are cut off." if prepared.caps else ""
    return FigureText(
        "Time to an answer",
        f"Time to an answer of {label}, before and after",
        f"{before} of the calls before and {after} after never got an answer."
        f"{caps_text(prepared.caps)}",
        f"Share of calls that are not answered yet, with its {LEVEL} band (Kaplan-Meier: a call "
        "that was cut off counts as waiting until then, not as answered). "
        f"Never answered: {before} before, {after} after.{caps}",
    )


def describe_quantile_shifts(prepared: QuantileShifts, label: str) -> FigureText:
    """How each quantile of the time to an answer moved."""
    moved = [
        f"p{100 * point.q:g} {change_in(point.difference_ms, 'ms')}"
        for point in prepared.points
        if not math.isnan(point.difference_ms)
    ]
    hidden = [f"p{100 * point.q:g}" for point in prepared.points if math.isnan(point.difference_ms)]
    beyond = f"{_range_of_names(hidden)}: not identifiable" if hidden else ""
    reason = (
        " Hatched: fewer calls than that were ever answered before or after, so the change cannot "
        f"be known ({beyond})."
    )
    return FigureText(
        "How the time to an answer moved",
        f"How the time to an answer of {label} moved",
        f"After minus before: {', '.join(moved) or 'no quantile can be compared'}. "
        f"{capital(beyond) or 'Every quantile is identifiable'}.",
        "After minus before at each quantile (p90: the time within which "
        f"90{THIN}% of the calls were answered), with a {share(prepared.level)} band for all "
        f"quantiles together; {count(prepared.n_baseline)} and {count(prepared.n_post)} calls."
        f"{reason if hidden else ''}",
    )


def _range_of_names(names: Sequence[str]) -> str:
    """Names in a row; more than two by the first and the last.

    >>> _range_of_names(["p95", "p99"]), _range_of_names(["p10", "p25", "p50"])
    ('p95, p99', 'p10 to p50')
    """
    return ", ".join(names) if len(names) <= 2 else f"{names[0]} to {names[-1]}"


def _median(curve: StepCurve) -> str:
    if not curve.x.size:
        return "no calls"
    median_ms = float(curve.x[np.searchsorted(curve.y, 0.5)])
    return f"half of the {count(curve.n_calls)} calls ended within {milliseconds(median_ms)}"
