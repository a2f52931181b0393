"""Event counts: recovered failures, and cron minutes over their budget."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

import pandas as pd

from analysis.config.settings import Claim
from analysis.counting.grid import Grid
from analysis.counting.scans.chunks import ONE_CHUNK, ChunkPolicy, scan_in_chunks
from analysis.counting.scope import Scope, event_kind
from analysis.counts import EventCounts, HourlyCounts
from analysis.telemetry.engines import Engine
from analysis.telemetry.statements import Relation
from analysis.window import Window

RECOVERED_WITHIN = timedelta(minutes=10)


@dataclass(frozen=True)
class CronBudget:
    """What the calls of a scope together may take in a minute; `kind` as in `EventCounts`."""

    kind: str
    budget_ms: int
    scope: Scope


def load_events(
    engine: Engine,
    grid: Grid,
    window: Window,
    *,
    claims: Iterable[Claim],
    hourly: HourlyCounts,
    chunks: ChunkPolicy = ONE_CHUNK,
) -> EventCounts:
    """The events that the claims are about; `hourly` has the features and sources there are."""
    table = EventCounts.empty()
    for kind, claim in {event_kind(claim): claim for claim in claims}.items():
        if kind == "recovered":
            table += load_recovered(engine, grid, window, chunks=chunks)
        elif kind is not None:
            cron = CronBudget(kind, claim.budget_ms, Scope(claim.feature, claim.source))
            table += load_cron_minutes(engine, grid, window, cron, hourly=hourly, chunks=chunks)
    return table


def load_recovered(
    engine: Engine, grid: Grid, window: Window, *, chunks: ChunkPolicy = ONE_CHUNK
) -> EventCounts:
    """Failures, and those followed by a success of the same feature and lead in ten minutes."""
    results = scan_in_chunks(
        engine,
        "recovered",
        grid.parameters(window),
        chunks=chunks,
        followed_for=RECOVERED_WITHIN + grid.ingestion_delay,
    )
    return EventCounts.of_pieces(
        [grid.with_hours(rows).assign(kind="recovered") for rows in results]
    )


def load_cron_minutes(
    engine: Engine,
    grid: Grid,
    window: Window,
    cron: CronBudget,
    *,
    hourly: HourlyCounts,
    chunks: ChunkPolicy = ONE_CHUNK,
) -> EventCounts:
    """Minutes with calls of a cron, and those over its budget.

    A minute belongs to the hour it starts in; the calls of one minute may be in several chunks.
    """
    pairs = hourly.rows[["feature", "source"]].drop_duplicates().astype(object)
    pairs = pairs.where(pairs.notna(), None)
    chosen = [
        pair for pair in pairs.itertuples(index=False, name=None) if cron.scope.matches(*pair)
    ]
    relation = Relation({"feature": "TEXT", "source": "TEXT"}, chosen)
    results = scan_in_chunks(
        engine,
        "cron_minutes",
        grid.parameters(window),
        relations={"chosen": relation},
        chunks=chunks,
    )
    minutes = (
        pd.concat(results)
        .groupby("minute_at", as_index=False)
        .agg({"busy_ms": "sum", "last_written_at": "max"})
    )
    hour = grid.hours(minutes["minute_at"])
    visible_at = (
        pd.to_datetime(minutes["last_written_at"])
        - pd.Timedelta(milliseconds=grid.offset_ms)
        - pd.Timedelta(grid.ingestion_delay)
    )
    counted = minutes.assign(
        hour=hour,
        lag_hours=(grid.hours(visible_at) - hour).clip(lower=0),
        y=minutes["busy_ms"] > cron.budget_ms,
        n=1,
        kind=cron.kind,
        feature=None,
        source=None,
        tenant=None,
    )
    return EventCounts.of(counted)
