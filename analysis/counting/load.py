"""Calls become counts here: one stretch of time in, the tables of counts out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pandas as pd

from analysis.counting.name_codes import NO_NAMES, Names
from analysis.counting.pieces import IN_ONE_GO, Pace, scan
from analysis.counts import CountTable, EventCounts, HourlyBins, HourlyCounts, LatencyCounts
from analysis.errors import DataNotTrusted
from analysis.telemetry.engines import Engine
from analysis.telemetry.queries import Relation
from analysis.window import HOUR, Window

LONGEST_CALL = timedelta(days=1)
RECOVERED_WITHIN = timedelta(minutes=10)
LIMIT_COLUMNS = {
    "feature": "TEXT",
    "tau_ms": "BIGINT",
    "p50_ms": "BIGINT",
    "p90_ms": "BIGINT",
    "p95_ms": "BIGINT",
    "p99_ms": "BIGINT",
}


Table = TypeVar("Table", bound=CountTable)


@dataclass(frozen=True)
class Grid:
    """How time is cut: hours counted from the deploy, and what belongs to an hour.

    Attributes
    ----------
    deployed_at : hour 0 starts here, UTC.
    ingestion_delay : a call written later than this after the end of its hour belongs to a later look.
    warm_up : calls of the first minutes after the deploy, and of the same minutes of every baseline day, are left out.
    """

    deployed_at: datetime
    ingestion_delay: timedelta
    warm_up: timedelta = timedelta(0)

    @property
    def offset_ms(self) -> int:
        """Milliseconds from midnight UTC to the deploy's time of day: subtract them, and the deploy is at midnight."""
        return _ms(self.deployed_at - _midnight(self.deployed_at))

    def hours(self, moved_hours: pd.Series) -> pd.Series:
        """Hours from the deploy of hour keys as the queries return them (moved to midnight)."""
        moved_deploy = pd.Timestamp(_naive(_midnight(self.deployed_at)))
        return ((pd.to_datetime(moved_hours) - moved_deploy) // pd.Timedelta(HOUR)).astype("int64")

    def parameters(self, window: Window, *, seen: Window | None = None) -> dict[str, Any]:
        """What calls.sql needs for the calls that start in `window`, without those that the look at `seen`, its first part, has counted."""
        asked = {
            "start_at": _naive(window.start),
            "end_before": _naive(window.end),
            "written_from": _naive(window.start),
            "written_before": _naive(window.end + self.ingestion_delay),
            "grid_ms": self.offset_ms,
            "warm_up_ms": _ms(self.warm_up),
            "settle_ms": _ms(self.ingestion_delay),
            "failed_before": _naive(window.end + self.ingestion_delay),
            "by_source": 1,
            "looked_at_ms": _ms(HOUR),
        }
        if seen is None:
            return asked
        return asked | {
            "written_from": _naive(seen.end),
            "seen_end": _naive(seen.end),
            "seen_before": _naive(seen.end + self.ingestion_delay),
        }

    def written_parameters(self, window: Window) -> dict[str, Any]:
        """What calls.sql needs for the calls written (not started) in `window`, as the tables of phase 94a count them."""
        wide = {
            "start_at": _naive(window.start - LONGEST_CALL),
            "end_before": _naive(window.end),
            "warm_up_ms": 0,
        }
        return self.parameters(window) | wide | {"written_before": _naive(window.end)}


@dataclass(frozen=True)
class CronBudget:
    """A cron to watch: calls of these features and sources (`choose` picks among those in the table) against a budget a minute."""

    kind: str
    budget_ms: int
    choose: Callable[[str, str | None], bool]


@dataclass(frozen=True, eq=False)
class Arm:
    """All counts of one arm, baseline or post.

    Attributes
    ----------
    window : the calls that start in it, UTC.
    hours : first and last + 1 hour of it, counted from the deploy.
    latency, hourly, bins, events : the four tables of counts; the hours of `excluded_hours` are in none of them.
    limits : feature, tau_ms, p50_ms, p90_ms, p95_ms, p99_ms: the baseline's, the same for both arms; NA where there are none.
    trust : the numbers of sql/written.sql and sql/distinct_ids.sql over the rows written in the window.
    excluded_hours : hours from the deploy left out because of a declared incident.
    models : feature -> the model that most of its calls went to; empty for a post arm.
    """

    window: Window
    hours: tuple[int, int]
    latency: LatencyCounts
    hourly: HourlyCounts
    bins: HourlyBins
    events: EventCounts
    limits: pd.DataFrame
    trust: dict[str, Any]
    excluded_hours: frozenset[int] = field(default_factory=frozenset)
    models: Mapping[str, str] = field(default_factory=dict)

    @property
    def calls(self) -> int:
        """Calls that started in the arm."""
        return int(self.hourly.rows["calls"].sum())


def load_latency_counts(
    engine: Engine,
    grid: Grid,
    windows: Sequence[Window],
    *,
    names: Names = NO_NAMES,
    pace: Pace = IN_ONE_GO,
    seen: Window | None = None,
) -> LatencyCounts:
    """Calls per millisecond over the windows (several when declared incidents cut the baseline), without those of the look at `seen`."""
    table = LatencyCounts.empty()
    written_before = max(
        (_naive(window.end + grid.ingestion_delay) for window in windows), default=None
    )
    for window in windows:
        parameters = grid.parameters(window, seen=seen) | {"written_before": written_before}
        table += _count(LatencyCounts, engine, "latency_counts", parameters, names, pace=pace)
    return table


def load_hourly_counts(
    engine: Engine,
    grid: Grid,
    window: Window,
    limits: pd.DataFrame,
    *,
    pace: Pace = IN_ONE_GO,
    seen: Window | None = None,
) -> HourlyCounts:
    """The sums per hour that the tests run on, without the calls of the look at `seen`."""
    relation = Relation(LIMIT_COLUMNS, _plain_rows(limits, tuple(LIMIT_COLUMNS)))
    taus = {feature: tau for feature, tau, *_ in relation.rows if tau is not None}

    def finished(rows: pd.DataFrame) -> pd.DataFrame:
        tau, timed = (
            rows["feature"].map(taus).fillna(0).to_numpy(dtype="int64"),
            rows["timed_calls"].to_numpy(dtype="int64"),
        )
        return _on_grid(rows.assign(tau_ms=timed * tau, tau_ms_2=timed * tau**2), grid)

    pieces = scan(
        engine,
        "hourly_counts",
        grid.parameters(window, seen=seen),
        relations={"limits": relation},
        pace=pace,
    )
    return HourlyCounts.of_pieces([finished(rows) for rows in pieces])


def load_hourly_bins(
    engine: Engine,
    grid: Grid,
    window: Window,
    *,
    by_source: bool,
    names: Names = NO_NAMES,
    pace: Pace = IN_ONE_GO,
    seen: Window | None = None,
) -> HourlyBins:
    """Calls per hour and latency bin, the sources apart or together, without the calls of the look at `seen`."""
    parameters = grid.parameters(window, seen=seen) | {"by_source": int(by_source)}

    def finished(rows: pd.DataFrame) -> pd.DataFrame:
        return rows.assign(hour=grid.hours(rows["hour_at"]))

    return _count(
        HourlyBins, engine, "hourly_bins", parameters, names, pace=pace, finished=finished
    )


def load_event_counts(
    engine: Engine,
    grid: Grid,
    window: Window,
    *,
    hourly: HourlyCounts,
    recovered: bool,
    crons: Sequence[CronBudget],
    pace: Pace = IN_ONE_GO,
) -> EventCounts:
    """Recovered failures and cron minutes over budget, each only when it is asked for: they cost a join or a second grouping."""
    table = EventCounts.empty()
    if recovered:
        pieces = scan(
            engine,
            "recovered",
            grid.parameters(window),
            pace=pace,
            followed_for=RECOVERED_WITHIN + grid.ingestion_delay,
        )
        table += EventCounts.of_pieces(
            [_on_grid(rows, grid).assign(kind="recovered") for rows in pieces]
        )
    for cron in crons:
        known = hourly.rows[["feature", "source"]].drop_duplicates()
        chosen = [pair for pair in _plain_rows(known, ("feature", "source")) if cron.choose(*pair)]
        relation = Relation({"feature": "TEXT", "source": "TEXT"}, chosen)
        pieces = scan(
            engine,
            "cron_minutes",
            grid.parameters(window),
            relations={"chosen": relation},
            pace=pace,
        )
        table += _minutes_over_budget(pd.concat(pieces), cron, grid)
    return table


class _NewName(Exception):
    """A feature or source that has no number came meanwhile."""


def _count(
    kind: type[Table],
    engine: Engine,
    name: str,
    parameters: dict[str, Any],
    names: Names,
    *,
    pace: Pace,
    finished: Callable[[pd.DataFrame], pd.DataFrame] = lambda rows: rows,
) -> Table:
    """The table of a counting query: by the numbers of `names` where the engine gains by it, by text when a new name has none."""
    if engine.prefers_name_codes and names.are_worth_it():
        pieces = scan(engine, name, parameters | names.parameters, pace=pace)
        with suppress(_NewName):
            return kind.of_pieces(
                [
                    finished(rows)
                    for rows in _written_out(pieces, names, by_source=bool(parameters["by_source"]))
                ]
            )
    return kind.of_pieces([finished(rows) for rows in scan(engine, name, parameters, pace=pace)])


def _written_out(
    pieces: Iterator[pd.DataFrame], names: Names, *, by_source: bool
) -> Iterator[pd.DataFrame]:
    for rows in pieces:
        if rows["feature"].isna().any() or (by_source and rows["source"].isna().any()):
            raise _NewName
        yield names.written_out(rows)


def _minutes_over_budget(rows: pd.DataFrame, cron: CronBudget, grid: Grid) -> EventCounts:
    """Minutes put together from the pieces that their calls were written in, and counted into hours."""
    minutes = rows.groupby("minute_at", as_index=False).agg(
        {"busy_ms": "sum", "last_written_at": "max"}
    )
    seen_at = (
        pd.to_datetime(minutes["last_written_at"])
        - pd.Timedelta(milliseconds=grid.offset_ms)
        - pd.Timedelta(grid.ingestion_delay)
    )
    hour = grid.hours(minutes["minute_at"])
    counted = minutes.assign(
        hour=hour,
        lag_hours=(grid.hours(seen_at) - hour).clip(lower=0),
        y=minutes["busy_ms"] > cron.budget_ms,
        n=1,
    )
    return EventCounts.of(counted.assign(kind=cron.kind, feature=pd.NA, source=pd.NA, tenant=pd.NA))


def without_hours(table: CountTable, excluded: frozenset[int]) -> CountTable:
    """The table without the hours of a declared incident."""
    return table.where(~table.rows["hour"].isin(excluded)) if excluded else table


def _on_grid(rows: pd.DataFrame, grid: Grid) -> pd.DataFrame:
    hour = grid.hours(rows["hour_at"])
    return rows.assign(hour=hour, lag_hours=grid.hours(rows["written_hour_at"]) - hour)


def _plain_rows(frame: pd.DataFrame, columns: tuple[str, ...]) -> list[tuple[Any, ...]]:
    """Rows as tuples of Python values, None for NA."""
    values = frame.loc[:, list(columns)].astype(object)
    return [
        tuple(None if pd.isna(cell) else cell for cell in row)
        for row in values.itertuples(index=False)
    ]


def _midnight(instant: datetime) -> datetime:
    return instant.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _naive(instant: datetime) -> datetime:
    return instant.astimezone(UTC).replace(tzinfo=None)


def read_instant(value: Any) -> datetime | None:
    """A time as an engine returns it, in UTC; None when there is none. DataNotTrusted for what is no time."""
    if value is None or pd.isna(value):
        return None
    try:
        stamp = pd.Timestamp(value)
    except ValueError:  # a mapping may give a text
        raise DataNotTrusted(
            "createdAt holds what is no time; mend the mapping, it needs a TIMESTAMP"
        ) from None
    return (
        stamp.tz_localize(UTC) if stamp.tzinfo is None else stamp.tz_convert(UTC)
    ).to_pydatetime()


def _ms(length: timedelta) -> int:
    return length // timedelta(milliseconds=1)
