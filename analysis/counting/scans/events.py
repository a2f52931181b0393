"""Event counts: recovered failures, and cron minutes over their budget."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

import pandas as pd

from analysis.config.settings import Claim
from analysis.counting.scans.scan import Scan
from analysis.counting.scope import Scope, event_kind
from analysis.counts import EventCounts, HourlyCounts
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
    scan: Scan, window: Window, *, claims: Iterable[Claim], hourly: HourlyCounts
) -> EventCounts:
    """The events that the claims are about; `hourly` has the features and sources there are.

    Events can lie across the edge of two looks: they are counted over the whole window, without
    regard to `Scan.previous`.
    """
    table = EventCounts.empty()
    for kind, claim in {event_kind(claim): claim for claim in claims}.items():
        if kind == "recovered":
            table += load_recovered(scan, window)
        elif kind is not None:
            cron = CronBudget(kind, claim.budget_ms, Scope(claim.feature, claim.source))
            table += load_cron_minutes(scan, window, cron, hourly=hourly)
    return table


def load_recovered(scan: Scan, window: Window) -> EventCounts:
    """Failures, and those followed by a success of the same feature and lead in ten minutes."""
    grid = scan.grid
    followed_for = RECOVERED_WITHIN + grid.ingestion_delay
    results = scan.run("recovered", grid.parameters(window), followed_for=followed_for)
    return EventCounts.of_pieces(
        [grid.with_hours(rows).assign(kind="recovered") for rows in results]
    )


def load_cron_minutes(
    scan: Scan, window: Window, cron: CronBudget, *, hourly: HourlyCounts
) -> EventCounts:
    """Minutes with calls of a cron, and those over its budget.

    A minute belongs to the hour it starts in; the calls of one minute may be in several chunks.
    """
    grid = scan.grid
    pairs = hourly.rows[["feature", "source"]].drop_duplicates().astype(object)
    pairs = pairs.where(pairs.notna(), None)
    chosen = [
        pair for pair in pairs.itertuples(index=False, name=None) if cron.scope.matches(*pair)
    ]
    relations = {"chosen": Relation({"feature": "TEXT", "source": "TEXT"}, chosen)}
    results = scan.run("cron_minutes", grid.parameters(window), relations=relations)
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
