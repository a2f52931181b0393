"""The counting queries: the calls of a window in, tables of counts out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, TypeVar

import pandas as pd

from analysis.counting.caps import limits_relation
from analysis.counting.grid import Grid
from analysis.counting.scans.chunks import ONE_CHUNK, ChunkPolicy, scan_in_chunks
from analysis.counting.scans.name_codes import NO_CODES, NameCodes, UnknownName
from analysis.counts import CountTable, HourlyBins, HourlyCounts, LatencyCounts
from analysis.telemetry.engines import Engine
from analysis.window import Window

Table = TypeVar("Table", bound=CountTable)


def load_latency_counts(
    engine: Engine,
    grid: Grid,
    windows: Sequence[Window],
    *,
    names: NameCodes = NO_CODES,
    chunks: ChunkPolicy = ONE_CHUNK,
    previous: Window | None = None,
) -> LatencyCounts:
    """Calls per millisecond of latency.

    There are several windows where declared incidents cut the baseline. The calls of a look at
    `previous` are left out.
    """
    table = LatencyCounts.empty()
    if not windows:
        return table
    last = grid.parameters(max(windows, key=lambda window: window.end))
    for window in windows:
        parameters = grid.parameters(window, previous=previous)
        parameters["written_before"] = last["written_before"]
        table += _count(LatencyCounts, engine, "latency_counts", parameters, names, chunks)
    return table


def load_hourly_counts(
    engine: Engine,
    grid: Grid,
    window: Window,
    limits: pd.DataFrame,
    *,
    chunks: ChunkPolicy = ONE_CHUNK,
    previous: Window | None = None,
) -> HourlyCounts:
    """The sums per hour that the tests run on; `limits` are those of `Arm`."""
    relation = limits_relation(limits)
    taus = {feature: tau for feature, tau, *_ in relation.rows if tau is not None}

    def finish(rows: pd.DataFrame) -> pd.DataFrame:
        tau = rows["feature"].map(taus).fillna(0).to_numpy(dtype="int64")
        timed = rows["timed_calls"].to_numpy(dtype="int64")
        return grid.with_hours(rows.assign(tau_ms=timed * tau, tau_ms_2=timed * tau**2))

    parameters = grid.parameters(window, previous=previous)
    results = scan_in_chunks(
        engine, "hourly_counts", parameters, relations={"limits": relation}, chunks=chunks
    )
    return HourlyCounts.of_pieces([finish(rows) for rows in results])


def load_hourly_bins(
    engine: Engine,
    grid: Grid,
    window: Window,
    *,
    by_source: bool,
    names: NameCodes = NO_CODES,
    chunks: ChunkPolicy = ONE_CHUNK,
    previous: Window | None = None,
) -> HourlyBins:
    """Calls per hour and latency bin; without `by_source` the sources are counted together."""
    parameters = grid.parameters(window, previous=previous) | {"by_source": int(by_source)}

    def finish(rows: pd.DataFrame) -> pd.DataFrame:
        return rows.assign(hour=grid.hours(rows["hour_at"]))

    return _count(HourlyBins, engine, "hourly_bins", parameters, names, chunks, finish)


def _count(
    kind: type[Table],
    engine: Engine,
    query: str,
    parameters: dict[str, Any],
    names: NameCodes,
    chunks: ChunkPolicy,
    finish: Callable[[pd.DataFrame], pd.DataFrame] = lambda rows: rows,
) -> Table:
    """The table of a query: with codes where these save time and every name has one."""
    if engine.prefers_name_codes and names.save_time:
        by_source = bool(parameters["by_source"])
        coded = scan_in_chunks(engine, query, parameters | names.parameters, chunks=chunks)
        with suppress(UnknownName):
            return kind.of_pieces(
                [finish(names.decode(rows, by_source=by_source)) for rows in coded]
            )
    plain = scan_in_chunks(engine, query, parameters, chunks=chunks)
    return kind.of_pieces([finish(rows) for rows in plain])
