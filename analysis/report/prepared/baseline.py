"""What the baseline report's figures show, with their words."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.counting.scope import Scope
from analysis.formatting import count, milliseconds, share
from analysis.report.prepared.latency import CLIFF_BINS, bars, timed_calls
from analysis.report.prepared.values import Floats, Mark
from analysis.text.captions import Words

if TYPE_CHECKING:
    from analysis.counting.arm import Arm

MOST_SOURCES = 4
HOURS_A_DAY = 24


@dataclass(frozen=True, eq=False)
class Pile:
    """Calls of one arm per stretch of log milliseconds, failed ones apart, with the cap."""

    edges_ms: Floats
    failed: Floats
    answered: Floats
    n_calls: int
    cap: Mark


@dataclass(frozen=True, eq=False)
class Days:
    """Calls and failure rate per hour of the baseline; nan where an hour was left out."""

    hours: Floats
    calls: Floats
    error_rate: Floats
    excluded: int


@dataclass(frozen=True, eq=False)
class SourceHours:
    """Mean time of a call by hour of the day (hours after the deploy's time of day), one line a source."""

    sources: tuple[str, ...]
    mean_ms: Floats
    calls: tuple[int, ...]


def prepare_cliff(baseline: Arm, feature: str, *, at_ms: float) -> Pile:
    """The histogram around one cliff."""
    rows = timed_calls(baseline, Scope(feature))
    shortest, longest = (
        max(1, int(rows["latency_ms"].quantile(0.01))),
        int(rows["latency_ms"].max()),
    )
    edges = np.geomspace(shortest, longest * 1.05 + 1, CLIFF_BINS + 1)
    return Pile(
        edges,
        *bars(rows, edges),
        int(rows["calls"].sum()),
        Mark(float(at_ms), f"cap {milliseconds(at_ms)}", "baseline"),
    )


def describe_cliff(prepared: Pile, feature: str) -> Words:
    """Where failed calls pile up."""
    failed = float(prepared.failed.sum())
    text = f"{share(failed)} of {count(prepared.n_calls)} calls fail, most of them where they are cut off, at {milliseconds(prepared.cap.at)}."
    return Words(
        feature,
        f"Where calls of {feature} fail",
        text,
        f"Filled: failed calls, line: all calls. {text}",
    )


def prepare_days(coverage: Sequence[Mapping[str, Any]], *, excluded: Collection[int]) -> Days:
    """Every hour of the baseline; hours without a call have zero calls."""
    first = min((row["hour"] for row in coverage), default=-HOURS_A_DAY)
    hours = np.arange(first, 0, dtype=float)
    calls, failed = np.zeros(hours.size), np.zeros(hours.size)
    for row in coverage:
        calls[row["hour"] - first], failed[row["hour"] - first] = row["calls"], row["failed"]
    left_out = np.isin(hours, list(excluded))
    rate = np.where(left_out | (calls == 0), np.nan, failed / np.where(calls > 0, calls, 1.0))
    return Days(hours, np.where(left_out, np.nan, calls), rate, int(left_out.sum()))


def describe_days(prepared: Days) -> Words:
    """How even the baseline is."""
    calls = prepared.calls[np.isfinite(prepared.calls)]
    text = (
        f"{count(calls.sum())} calls in {count(calls.size)} hours, between {count(calls.min(initial=calls.max(initial=0)))} and "
        f"{count(calls.max(initial=0))} an hour; {count(prepared.excluded)} hours are left out."
    )
    return Words(
        "Calls per hour",
        "Calls per hour before the deploy",
        text,
        f"Bars: calls per hour; line: share of them that fail. {text}",
    )


def prepare_source_hours(baseline: Arm) -> SourceHours:
    """Mean time by source and clock hour, the busiest sources."""
    rows = baseline.hourly.rows
    rows = rows.assign(
        source=rows["source"].astype("str").fillna("no source"), clock=rows["hour"] % HOURS_A_DAY
    )
    busiest = rows.groupby("source")["calls"].sum().nlargest(MOST_SOURCES)
    means = []
    for source in busiest.index:
        by_hour = (
            rows[rows["source"] == source]
            .groupby("clock")[["latency_ms", "timed_calls"]]
            .sum()
            .reindex(range(HOURS_A_DAY), fill_value=0)
        )
        timed = by_hour["timed_calls"].to_numpy(dtype=float)
        means.append(
            np.where(timed > 0, by_hour["latency_ms"] / np.where(timed > 0, timed, 1.0), np.nan)
        )
    return SourceHours(
        tuple(busiest.index), np.array(means), tuple(int(calls) for calls in busiest)
    )


def describe_source_hours(prepared: SourceHours) -> Words:
    """How the time of a call depends on source and hour."""
    rows = [
        f"{source}: {milliseconds(float(np.nanmin(means)))} to {milliseconds(float(np.nanmax(means)))}"
        for source, means in zip(prepared.sources, prepared.mean_ms, strict=True)
        if np.isfinite(means).any()
    ]
    text = "; ".join(rows) + "."
    caption = f"Mean time of a call by source, in the hours after the deploy's time of day: why the same clock hours are compared. {text}"
    return Words(
        "Latency by source and hour", "Latency by source and hour of the day", text, caption
    )
