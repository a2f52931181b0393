"""The baseline of a rollout: counted once, frozen, and read from the frozen file after that."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TypeVar

from analysis.clock import iso
from analysis.config import Settings
from analysis.counting.arm import Arm
from analysis.counting.caps import find_limits
from analysis.counting.grid import Grid
from analysis.counting.inputs import (
    Inputs,
    changed_settings,
    declared_taus,
    find_inputs,
    fingerprint,
    names_a_source,
    only_files_added,
    single_claims,
)
from analysis.counting.scans.chunks import ChunkPolicy, OnProgress, ignore_progress
from analysis.counting.scans.count_tables import (
    load_hourly_bins,
    load_hourly_counts,
    load_latency_counts,
)
from analysis.counting.scans.events import load_events
from analysis.counting.scans.scan import Scan
from analysis.counting.scans.written_rows import (
    WrittenRows,
    load_row_quality,
    load_written_rows,
    rows_fingerprint,
)
from analysis.counting.storage.chunk_cache import ChunkCache
from analysis.counting.storage.frozen import FrozenCounts, write_frozen
from analysis.counts import CountTable
from analysis.errors import DataNotTrusted
from analysis.telemetry.engines import Engine, source_origin
from analysis.window import (
    DAY,
    HOUR,
    Window,
    hour_from,
    hours_between,
    next_hour_from,
    window_of_hours,
)

LATE_START = timedelta(hours=1)
"""The first day counts as whole when its first call is at most this late: hours can be quiet."""
Table = TypeVar("Table", bound=CountTable)


def load_baseline(
    settings: Settings,
    deployed_at: datetime,
    open_engine: Callable[[], Engine],
    *,
    on_progress: OnProgress = ignore_progress,
) -> Arm:
    """The baseline's counts: the frozen ones while their inputs are the same, else counted again.

    `open_engine` is called only when rows are needed. When export files were added, the rows of
    the baseline are compared first; while they are the same, the frozen counts stay.

    Raises DataNotTrusted when the frozen file is damaged, or when the counts must be made again
    and rows that they hold have been deleted.
    """
    path = settings.paths.baseline_counts
    inputs = find_inputs(settings, deployed_at, source=source_origin(settings))
    with ExitStack() as stack:
        frozen = stack.enter_context(FrozenCounts(path)) if path.exists() else None
        if frozen and frozen.facts.fingerprint == fingerprint(inputs):
            return frozen.arm()

        engine = open_engine()
        inputs["source"] = engine.origin  # as it was when the engine was opened
        cache = ChunkCache(settings.paths.baseline_pieces, inputs=fingerprint(inputs))
        chunks = ChunkPolicy(on_progress=on_progress, cache=cache)
        scan = Scan(engine, Grid.of(settings, deployed_at), chunks)
        written = load_written_rows(scan, asked_window(settings, deployed_at))
        rows = rows_fingerprint(engine, written)
        if (
            frozen
            and frozen.facts.rows == rows
            and only_files_added(frozen.facts.made_from, inputs)
        ):
            cache.clear()
            return frozen.arm()

        arm = _count_baseline(settings, scan, written)
        if frozen:
            _check_no_rows_lost(frozen, arm, asked=written.window, inputs=inputs)
        if arm.calls:
            write_frozen(path, arm, made_from=inputs, rows=rows)
        cache.clear()
        return arm


def asked_window(settings: Settings, deployed_at: datetime) -> Window:
    """The baseline that rollout.toml asks for, in whole hours from the deploy."""
    baseline = settings.baseline
    if baseline.start is None:
        return Window(deployed_at - baseline.days * DAY, deployed_at)
    end = min(baseline.end or deployed_at, deployed_at)
    first = next_hour_from(deployed_at, baseline.start)
    return window_of_hours(deployed_at, first, hour_from(deployed_at, end))


def find_excluded_hours(settings: Settings, deployed_at: datetime) -> frozenset[int]:
    """Hours from the deploy that a declared incident touches."""
    return frozenset(
        hour
        for exclusion in settings.baseline.exclude
        for hour in hours_between(deployed_at, exclusion.start, exclusion.end)
    )


def without_hours(table: Table, excluded: frozenset[int]) -> Table:
    """A table of counts without some hours."""
    return table.where(~table.rows["hour"].isin(excluded)) if excluded else table


def _count_baseline(settings: Settings, scan: Scan, written: WrittenRows) -> Arm:
    window, deployed_at = _window_with_rows(settings, written), scan.grid.deployed_at
    hours = hours_between(deployed_at, window.start, window.end)
    excluded = find_excluded_hours(settings, deployed_at) & frozenset(hours)
    calls, engine = written.n_rows, scan.engine
    chunks = scan.chunks.for_calls(calls, window.length, calls_per_chunk=engine.calls_per_chunk)
    hourly_chunks = chunks.finer(
        calls, window.length, calls_per_chunk=engine.calls_per_hourly_chunk
    )
    scan = replace(scan, chunks=chunks, names=written.names)
    hourly_scan = replace(scan, chunks=hourly_chunks)
    latency = load_latency_counts(scan, _stretches(hours, deployed_at, excluded))
    limits = find_limits(latency, declared_tau_ms=declared_taus(settings))
    hourly = load_hourly_counts(hourly_scan, window, limits)
    bins = load_hourly_bins(hourly_scan, window, by_source=names_a_source(settings))
    events = load_events(scan, window, claims=single_claims(settings), hourly=hourly)
    is_asked = window == written.window
    return Arm(
        window=window,
        hours=(hours.start, hours.stop),
        latency=latency,
        hourly=without_hours(hourly, excluded),
        bins=without_hours(bins, excluded),
        events=without_hours(events, excluded),
        limits=limits,
        quality=load_row_quality(scan, window, written if is_asked else None),
        models=written.models,
        excluded_hours=excluded,
    )


def _window_with_rows(settings: Settings, written: WrittenRows) -> Window:
    """The whole days of the asked window that have rows; all of it when there are none."""
    asked, first = written.window, written.first_started_at
    if first is None or settings.baseline.start is not None:
        return asked
    days = max(1, (asked.end - first + LATE_START) // DAY)
    return Window(max(asked.start, asked.end - days * DAY), asked.end)


def _stretches(hours: range, deployed_at: datetime, excluded: frozenset[int]) -> list[Window]:
    """The windows between the excluded hours."""
    edges = [hours.start - 1, *sorted(excluded), hours.stop]
    return [
        window_of_hours(deployed_at, before + 1, after)
        for before, after in pairwise(edges)
        if after > before + 1
    ]


def _check_no_rows_lost(frozen: FrozenCounts, arm: Arm, *, asked: Window, inputs: Inputs) -> None:
    """Refuse to replace a frozen baseline when rows that it holds have been deleted since.

    The application deletes rows after 30 days; the frozen counts are all that is left of them.
    """
    lost_before = _find_lost_rows(frozen, arm, asked)
    if lost_before is None:
        return
    changed = changed_settings(frozen.facts.made_from, inputs)
    raise DataNotTrusted(
        f"{' and '.join(changed) or 'something'} changed since the baseline was frozen, and rows "
        f"it was counted from (before {iso(lost_before)}) have been deleted; undo the change, or "
        f"delete {frozen.name} to judge by what is left"
    )


def _find_lost_rows(frozen: FrozenCounts, arm: Arm, asked: Window) -> datetime | None:
    """Until when rows that are asked for are missing; None when none are."""
    first_frozen = frozen.facts.trust.first_written_at
    first_now = arm.quality.first_written_at
    if first_frozen and first_frozen in asked:
        if first_now is None or first_now > first_frozen + HOUR:
            return first_now or asked.end
        return None
    is_shorter = arm.window.start >= max(frozen.facts.start, asked.start) + DAY
    return arm.window.start if is_shorter else None
