"""The text of each figure: heading, title, alternative text, and a caption."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from analysis.figure_data.cliffs import CapCurve, CliffBars, CliffHistogram
from analysis.figure_data.expectations import Forest, LookSeries, RelativeChange
from analysis.figure_data.hourly import (
    HourlyMetric,
    HourlySlowness,
    HourlyTraffic,
    SourceLatency,
)
from analysis.figure_data.latency import (
    AnswerCurves,
    LatencyCurves,
    Mark,
    QuantileShifts,
    Steps,
)
from analysis.figure_data.outcomes import OutcomeMix
from analysis.formatting import THIN, count, milliseconds, share, signed_percent, value_in
from analysis.statistics.latency.survival import Estimate
from analysis.statistics.totals import Floats

LEVEL = f"95{THIN}%"
STATE_WORDS = {
    "met": "met",
    "not_met": "not met",
    "worse": "worse",
    "undecided": "undecided",
    "no_data": "not enough data",
}


@dataclass(frozen=True)
class FigureText:
    """The text of one figure.

    Attributes
    ----------
    heading : a few words above the figure.
    title : the same, complete without the page around it.
    alt : what the figure says, with its numbers, for a reader who cannot see it.
    caption : how to read it, and what it shows.
    """

    heading: str
    title: str
    alt: str
    caption: str


def describe_forest(prepared: Forest) -> FigureText:
    """Every expectation as a change."""
    rows = [f"{row.name}: {_change(row.change)}, {STATE_WORDS[row.state]}" for row in prepared.rows]
    return FigureText(
        "Change from before to after",
        "Expectations: change from before to after",
        ". ".join(rows) + "." if rows else "No expectation is declared.",
        "Each line is the interval of the change relative to before. The green bracket is the "
        "required change; a filled circle means that the expectation is met. Changes inside the "
        f"grey band (±{share(prepared.too_small)}) are too small to matter.",
    )


def describe_latency_curves(prepared: LatencyCurves, label: str) -> FigureText:
    """How long calls take."""
    before, after = _median(prepared.baseline), _median(prepared.post)
    medians = f"{_capital(before)} before, {after} after."
    return FigureText(
        "How long calls take",
        f"How long calls of {label} take, before and after",
        f"{medians}{_caps(prepared.caps)}",
        "A curve further to the right is slower. A vertical rise is a cap, where calls are cut "
        f"off. {medians}",
    )


def describe_answer_curves(prepared: AnswerCurves, label: str) -> FigureText:
    """How long until an answer, with the calls that were cut off."""
    before, after = share(prepared.baseline.censored), share(prepared.post.censored)
    caps = " Dotted: the cap, where calls are cut off." if prepared.caps else ""
    return FigureText(
        "Time to an answer",
        f"Time to an answer of {label}, before and after",
        f"{before} of the calls before and {after} after never got an answer."
        f"{_caps(prepared.caps)}",
        f"Share of calls that are not answered yet, with its {LEVEL} band (Kaplan-Meier: a call "
        "that was cut off counts as waiting until then, not as answered). "
        f"Never answered: {before} before, {after} after.{caps}",
    )


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
        f"{text}{_caps(prepared.caps)}",
        f"Filled: failed calls. Line: all calls{order}. {text}",
    )


def describe_quantile_shifts(prepared: QuantileShifts, label: str) -> FigureText:
    """How each quantile of the time to an answer moved."""
    moved = [
        f"p{100 * point.q:g} {_signed_ms(point.change_ms)}"
        for point in prepared.points
        if point.change_ms is not None
    ]
    hidden = [f"p{100 * point.q:g}" for point in prepared.points if point.change_ms is None]
    beyond = f"{_range_of_names(hidden)}: not identifiable" if hidden else ""
    reason = (
        " Hatched: fewer calls than that were ever answered before or after, so the change cannot "
        f"be known ({beyond})."
    )
    return FigureText(
        "How the time to an answer moved",
        f"How the time to an answer of {label} moved",
        f"After minus before: {', '.join(moved) or 'no quantile can be compared'}. "
        f"{_capital(beyond) or 'Every quantile is identifiable'}.",
        "After minus before at each quantile (p90: the time within which "
        f"90{THIN}% of the calls were answered), with a {share(prepared.level)} band for all "
        f"quantiles together; {count(prepared.n_baseline)} and {count(prepared.n_post)} calls."
        f"{reason if hidden else ''}",
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


def describe_hourly_metric(prepared: HourlyMetric, label: str) -> FigureText:
    """A metric hour by hour."""
    what = _capital(prepared.words)
    before = _range(prepared.rate[prepared.hours < 0], prepared.unit)
    after = _range(prepared.rate[prepared.hours >= 0], prepared.unit)
    seen = f"Before: {before}. After: {after}."
    gaps = int(np.isnan(prepared.rate).sum())
    missing = (
        f"{count(gaps)} hours have no calls or are excluded (gaps)"
        if gaps
        else "every hour has calls"
    )
    return FigureText(
        f"{what}, hour by hour",
        f"{what} of {label}, hour by hour",
        f"{seen} {_capital(missing)}.",
        f"Each point is an hour; larger points have more calls; {missing}. "
        f"Dotted: the same clock hours of the baseline. {seen}",
    )


def describe_hourly_slowness(prepared: HourlySlowness, label: str) -> FigureText:
    """A claim's metric beside its control group."""
    after = prepared.hours >= 0
    controls, target, adjusted = (
        _mean(values[after]) for values in (prepared.controls, prepared.target, prepared.adjusted)
    )
    text = (
        f"Mean after the deploy: control features {controls}, target {target}, adjusted {adjusted}."
    )
    metric = _capital(prepared.metric)
    return FigureText(
        f"{metric} of {label}, and its control features",
        f"{metric} of {label} beside {len(prepared.names)} control features, hour by hour",
        text,
        "Each line is a three-hour mean, as a share over its own baseline. A change that "
        f"{', '.join(prepared.names)} share was not caused by what the deploy meant to change. "
        f"The dotted line is the target without that change. {text}",
    )


def describe_outcome_mix(prepared: OutcomeMix, label: str) -> FigureText:
    """What calls end as."""
    rows = [
        f"{name} {share(before.value)} before, {share(after.value)} after"
        for name, before, after in zip(
            prepared.classes, prepared.baseline, prepared.post, strict=True
        )
    ]
    text = "; ".join(rows) + "."
    return FigureText(
        "What calls end as",
        f"What calls of {label} end as",
        text,
        "Share of calls by outcome, before (filled) and after (hatched), each with its "
        f"{LEVEL} interval (thin line): {text}",
    )


def describe_look_series(prepared: LookSeries) -> FigureText:
    """Every look at one claim."""
    rows = [f"{point.window}: {_change(point.change)}" for point in prepared.points]
    return FigureText(
        prepared.name,
        f"Every look at: {prepared.name}",
        "; ".join(rows) + ".",
        "; ".join(rows) + ".",
    )


def describe_hourly_traffic(prepared: HourlyTraffic) -> FigureText:
    """Calls and failures per hour of the baseline."""
    calls = prepared.calls[np.isfinite(prepared.calls)]
    most = calls.max(initial=0)
    text = (
        f"{count(calls.sum())} calls in {count(calls.size)} hours, between "
        f"{count(calls.min(initial=most))} and {count(most)} per hour; "
        f"{count(prepared.n_excluded)} hours are excluded."
    )
    return FigureText(
        "Calls per hour",
        "Calls per hour before the deploy",
        text,
        f"Bars: calls per hour. Line: share of calls that fail. {text}",
    )


def describe_source_latency(prepared: SourceLatency) -> FigureText:
    """How the time of a call depends on source and hour."""
    rows = [
        f"{source}: {_range(means, 'ms')}"
        for source, means in zip(prepared.sources, prepared.mean_ms, strict=True)
        if np.isfinite(means).any()
    ]
    text = "; ".join(rows) + "."
    return FigureText(
        "Latency by source and hour",
        "Latency by source and hour of the day",
        text,
        "Mean time of a call by source, in the hours after the deploy's time of day. Hours differ, "
        f"so a look compares the same clock hours. {text}",
    )


def _change(change: RelativeChange | None) -> str:
    if change is None:
        return "nothing to compare"
    return f"{signed_percent(change.value)} ({signed_percent(change.low)} to {signed_percent(change.high)})"


def _estimate(estimate: Estimate) -> str:
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return "not identifiable"
    return f"{share(estimate.value)} ({share(estimate.low)} to {share(estimate.high)})"


def _range_of_names(names: Sequence[str]) -> str:
    """Names in a row; more than two by the first and the last.

    >>> _range_of_names(["p95", "p99"]), _range_of_names(["p10", "p25", "p50"])
    ('p95, p99', 'p10 to p50')
    """
    return ", ".join(names) if len(names) <= 2 else f"{names[0]} to {names[-1]}"


def _signed_ms(value_ms: float) -> str:
    return ("+" if value_ms > 0 else "") + milliseconds(value_ms)


def _median(steps: Steps) -> str:
    if not steps.x.size:
        return "no calls"
    median_ms = float(steps.x[np.searchsorted(steps.y, 0.5)])
    return f"half of the {count(steps.n_calls)} calls ended within {milliseconds(median_ms)}"


def _caps(caps: Iterable[Mark]) -> str:
    return "".join(
        f" Calls were cut off at {milliseconds(cap.at)} "
        f"{'before' if cap.arm == 'baseline' else 'after'}."
        for cap in caps
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


def _mean(values: Floats) -> str:
    known = values[np.isfinite(values)]
    return signed_percent(float(known.mean())) if known.size else "not known"


def _range(values: Floats, unit: str) -> str:
    known = values[np.isfinite(values)]
    if not known.size:
        return "no calls"
    return f"{value_in(float(known.min()), unit)} to {value_in(float(known.max()), unit)}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
