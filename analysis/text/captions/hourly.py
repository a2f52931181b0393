"""What moves hour by hour."""

from __future__ import annotations

import numpy as np

from analysis.figure_data.hourly import (
    HourlyMetric,
    HourlySlowness,
    HourlyTraffic,
    SourceLatency,
)
from analysis.formatting import count, signed_percent
from analysis.statistics.totals import Floats
from analysis.text.captions.figure_text import FigureText, capital, range_text


def describe_hourly_metric(prepared: HourlyMetric, label: str) -> FigureText:
    """A metric hour by hour."""
    what = capital(prepared.words)
    before = range_text(prepared.rate[prepared.hours < 0], prepared.unit)
    after = range_text(prepared.rate[prepared.hours >= 0], prepared.unit)
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
        f"{seen} {capital(missing)}.",
        f"Each point is an hour; larger points have more calls; {missing}. "
        f"Dotted: the same clock hours of the baseline. {seen}",
    )


def describe_hourly_slowness(prepared: HourlySlowness, label: str) -> FigureText:
    """A claim's metric and its control group."""
    series, after = prepared.series, prepared.series.hours >= 0
    controls, target, adjusted = (
        _mean(values[after]) for values in (series.controls, series.target, series.adjusted)
    )
    text = (
        f"Mean after the deploy: control features {controls}, target {target}, adjusted {adjusted}."
    )
    metric = capital(prepared.metric)
    return FigureText(
        f"{metric} of {label}, and its control features",
        f"{metric} of {label} with {len(series.names)} control features, hour by hour",
        text,
        "Each line is a three-hour mean, as a share over its own baseline. A change that "
        f"{', '.join(series.names)} share was not caused by what the deploy meant to change. "
        f"The dotted line is the target without that change. {text}",
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
        f"{source}: {range_text(means, 'ms')}"
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


def _mean(values: Floats) -> str:
    known = values[np.isfinite(values)]
    return signed_percent(float(known.mean())) if known.size else "not known"
