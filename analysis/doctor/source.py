"""Is the table what rollout takes it for? One line per question, and for each that is not ok what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

import pandas as pd

from analysis import clock
from analysis.clock import iso
from analysis.counting.frozen import read_facts
from analysis.counting.grid import read_time
from analysis.errors import RolloutError
from analysis.telemetry.engines import Engine, open_engine
from analysis.telemetry.mapping import CANONICAL_COLUMNS, TableMapping
from analysis.telemetry.mapping_file import load_mapping
from analysis.window import HOUR, format_duration

if TYPE_CHECKING:
    from analysis.config import Settings

State = Literal["ok", "warning", "error"]
DAY = timedelta(days=1)
RETENTION = 30 * DAY
LOOKED_AT = 35 * DAY
SOON = 3 * DAY
BAD_SHARE = 0.01
MOST = 0.5
NEARLY_ALL = 0.9


@dataclass(frozen=True)
class Line:
    """One question and its answer.

    Attributes
    ----------
    name : what is asked.
    state : ok, warning (the numbers can be read, with care) or error (they cannot).
    detail : what was found; when it is not ok, also what to do.
    """

    name: str
    state: State
    detail: str


def examine(settings: Settings) -> list[Line]:
    """Connect read-only and answer every question; a table that cannot be reached is one line."""
    try:
        mapping = load_mapping(
            settings.source.mapping, folder=settings.folder, table=settings.source.table
        )
        engine = open_engine(settings)
    except RolloutError as error:
        return [Line("connection", "error", str(error))]
    try:
        return list(_lines(settings, engine, mapping))
    finally:
        engine.close()


def _lines(settings: Settings, engine: Engine, mapping: TableMapping) -> Iterator[Line]:
    limit = format_duration(settings.source.timeout)
    yield Line("connection", "ok", f"{engine.name}, opened read-only; a query may take {limit}")
    yield from _table_lines(engine, mapping)
    try:
        first, last = _span(engine)
        if last is None:
            yield Line(
                "rows",
                "error",
                "the table holds no row; check [source] and the application's logging",
            )
            return
        days = _days(engine, last)
        yield _rows_line(days)
        yield from _missing_lines(days)
        yield from _left_out_lines(engine, days)
        yield _status_line(days)
        yield _unit_line(days)
        yield _newest_line(settings, last)
        yield _zone_line(last)
        yield _retention_line(settings, first, last)
        yield _privilege_line(engine, mapping)
    except RolloutError as error:
        yield Line("queries", "error", str(error))


def _table_lines(engine: Engine, mapping: TableMapping) -> Iterator[Line]:
    table = f"table {mapping.table}" if engine.name != "duckdb" else "the files of [source].path"
    if mapping.columns:
        mapped = ", ".join(f"{column} = {sql}" for column, sql in mapping.columns)
        yield Line("mapping", "ok", f"{table} by mapping {mapping.name}: {mapped}")
    else:
        yield Line("mapping", "ok", f"{table}, its columns by their own names")
    for note in mapping.notes:
        yield Line("mapping", "ok", note)
    types = engine.columns()
    if types:
        known = ", ".join(
            f"{column} {types[column]}" for column in CANONICAL_COLUMNS if column in types
        )
        yield Line("columns", "ok", known or f"{len(types)} columns, all mapped")
    if (
        "WITH TIME ZONE" in types.get("createdAt", "").upper()
        or "TIMESTAMPTZ" in types.get("createdAt", "").upper()
    ):
        yield Line("columns", "ok", "createdAt has a time zone; it is read as UTC")


def _span(engine: Engine) -> tuple[datetime | None, datetime | None]:
    row = engine.fetch(engine.queries.statement("doctor_span", {})).iloc[0]
    return tuple(read_time(value) for value in row)


def _days(engine: Engine, last: datetime) -> pd.DataFrame:
    """The days before the newest row, one row each, empty ones too."""
    until = (last + timedelta(milliseconds=1)).replace(tzinfo=None)
    parameters = {"written_from": (last - LOOKED_AT).replace(tzinfo=None), "written_before": until}
    days = engine.fetch(engine.queries.statement("doctor_days", parameters)).set_index("day_at")
    days.index = pd.to_datetime(days.index)
    return days.reindex(pd.date_range(days.index.min(), days.index.max(), freq="D"), fill_value=0)


def _rows_line(days: pd.DataFrame) -> Line:
    inner = days["calls"].iloc[1:-1] if len(days) > 2 else days["calls"]
    total = (
        f"{_count(days['calls'].sum())} rows on {len(days)} {'day' if len(days) == 1 else 'days'}"
    )
    empty = [day for day, calls in days["calls"].items() if not calls]
    if empty:
        found = f"{total}, none on {len(empty)} of them ({empty[0]:%Y-%m-%d} first)"
        return Line("rows", "warning", f"{found}; find out why before you trust a baseline with it")
    return Line(
        "rows", "ok", f"{total}, {_count(inner.min())} to {_count(inner.max())} on a whole day"
    )


def _missing_lines(days: pd.DataFrame) -> Iterator[Line]:
    calls = days["calls"].sum()
    bad = days["null_latencies"].sum() + days["negative_latencies"].sum()
    detail = f"{_share(days['null_latencies'].sum() / calls)} have none, {_count(days['negative_latencies'].sum())} are negative"
    if bad > BAD_SHARE * calls:
        yield Line(
            "latencyMs",
            "error",
            f"{detail}: over one in a hundred makes a verdict untrusted; mend what writes them",
        )
    elif bad:
        yield Line(
            "latencyMs", "warning", f"{detail}; these count in rates only; mend what writes them"
        )
    else:
        yield Line("latencyMs", "ok", "every row has one, of 0 or more")
    for column, key, mend in (
        (
            "source",
            "null_sources",
            "patterns such as background-job/* never match these; have the application say where a call comes from",
        ),
        (
            "leadId",
            "null_leads",
            "recovered_rate then goes by the tenant; have the application write it",
        ),
    ):
        missing = days[key].sum() / calls
        state: State = "warning" if missing > MOST else "ok"
        yield Line(
            column,
            state,
            f"{_share(missing)} have none" + (f"; {mend}" if state == "warning" else ""),
        )


def _left_out_lines(engine: Engine, days: pd.DataFrame) -> Iterator[Line]:
    """Rows that the mapping leaves out and that may be calls all the same."""
    for what, statement in engine.queries.left_out(days.index.min().to_pydatetime()):
        found = int(engine.fetch(statement)["calls"].iloc[0])
        share = found / (found + days["calls"].sum())
        detail = f"{_count(found)} {what}, {_share(share)} of all"
        if share > BAD_SHARE:
            yield Line(
                "left out",
                "warning",
                f"{detail}; a verdict does not see calls that hang: find out what they are",
            )
        else:
            yield Line("left out", "ok", detail)


def _status_line(days: pd.DataFrame) -> Line:
    unknown, errors = days["unknown_statuses"].sum(), days["errors"].sum()
    if unknown:
        mend = "map status to CASE WHEN ... THEN 'success' ELSE 'error' END"
        return Line(
            "status", "error", f"{_count(unknown)} rows are neither success nor error; {mend}"
        )
    return Line(
        "status", "ok", f"success or error; {_share(errors / days['calls'].sum())} are errors"
    )


def _unit_line(days: pd.DataFrame) -> Line:
    timed = days["calls"].sum() - days["null_latencies"].sum() - days["negative_latencies"].sum()
    if not timed:
        return Line(
            "unit of latencyMs",
            "warning",
            "no row has a latency to guess by; nothing but rates can be compared",
        )
    short, long = days["short_latencies"].sum() / timed, days["long_latencies"].sum() / timed
    mend = "write a mapping with latency_unit (s, us or ns)"
    if short > NEARLY_ALL:
        return Line(
            "unit of latencyMs",
            "warning",
            f"{_share(short)} are under 100, as if they were seconds; if they are, {mend}",
        )
    if long > MOST:
        found = f"{_share(long)} are an hour or more, as if they were micro- or nanoseconds"
        return Line("unit of latencyMs", "warning", f"{found}; if they are, {mend}")
    return Line(
        "unit of latencyMs",
        "ok",
        f"looks like milliseconds: {_share(short)} under 0.1 s, {_share(long)} over an hour",
    )


def _newest_line(settings: Settings, last: datetime) -> Line:
    now, deployed_at = clock.now(), settings.rollout.deployed_at
    needed = min(now, deployed_at + settings.monitoring.lengths[-1]) if deployed_at else now
    age = f"of {iso(last.replace(microsecond=0))}"
    if last < needed - HOUR:
        hours = (needed - last) // HOUR
        mend = "see whether calls are still written, and whether createdAt is UTC"
        return Line(
            "newest row", "warning", f"{age}, {hours} h before the last call that is needed; {mend}"
        )
    return Line("newest row", "ok", age)


def _zone_line(last: datetime) -> Line:
    ahead = last - clock.now()
    if ahead > timedelta(minutes=2):
        shown = format_duration(timedelta(minutes=ahead // timedelta(minutes=1)))
        detail = f"the newest row lies {shown} in the future; createdAt must be UTC"
        mend = "map createdAt to (\"createdAt\" AT TIME ZONE 'Europe/Berlin') AT TIME ZONE 'UTC', with your own zone"
        return Line("time zone", "error", f"{detail}; {mend}")
    return Line("time zone", "ok", "no row lies in the future")


def _retention_line(settings: Settings, first: datetime, last: datetime) -> Line:
    now = clock.now()
    deployed_at = settings.rollout.deployed_at or now
    start = settings.baseline.start or deployed_at - settings.baseline.days * DAY
    frozen = settings.paths.baseline_counts
    oldest = f"the oldest row is of {iso(first.replace(microsecond=0))}"
    if frozen.exists():
        try:
            facts = read_facts(frozen)
        except RolloutError as error:
            return Line("baseline", "error", str(error))
        return Line(
            "baseline", "ok", f"frozen from {iso(facts.start)} to {iso(facts.end)}; {oldest}"
        )
    if last < start:
        found = f"the newest row is of {iso(last.replace(microsecond=0))}, before the baseline's start {iso(start.replace(microsecond=0))}"
        return Line(
            "baseline",
            "error",
            f"{found}: there is nothing to compare with; load newer rows, or set [rollout].deployed_at",
        )
    if first > deployed_at:
        return Line(
            "baseline",
            "error",
            f"{oldest}, after the deploy: there is nothing to compare with; restore older rows",
        )
    lost_at = max(start, first) + RETENTION
    if lost_at - now < SOON:
        when = (
            f"deletes them from {iso(lost_at.replace(microsecond=0))} on"
            if lost_at > now
            else "deletes rows after 30 days"
        )
        return Line(
            "baseline",
            "warning",
            f"{oldest}, nothing is frozen and the application {when}; run 'rollout baseline' now",
        )
    if first > start + HOUR:
        mend = "what is there is used; lower [baseline].days to say so"
        return Line(
            "baseline", "warning", f"{oldest}, later than the baseline's start {iso(start)}; {mend}"
        )
    return Line(
        "baseline",
        "ok",
        f"{oldest}; rows are there for the whole baseline, run 'rollout baseline' to freeze it",
    )


def _privilege_line(engine: Engine, mapping: TableMapping) -> Line:
    if engine.name != "postgres":
        return Line(
            "read only", "ok", "every statement is one SELECT, and the source is opened read-only"
        )
    *_, name = parts = [_quoted(part) for part in str(mapping.table).rsplit(".", 1)]
    row = engine.fetch(
        engine.queries.statement("doctor_privileges", {"table": ".".join(parts)})
    ).iloc[0]
    if row["may_write"]:
        schema = _quoted(row["schema"])
        grant = f"GRANT USAGE ON SCHEMA {schema} TO rollout_reader; GRANT SELECT ON {schema}.{name} TO rollout_reader;"
        grant = f"CREATE ROLE rollout_reader LOGIN PASSWORD '...'; {grant}"
        return Line(
            "read only",
            "warning",
            f"this role may write to the table, though rollout never does; use a reader: {grant}",
        )
    return Line("read only", "ok", "this role may not write to the table")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _count(number: float) -> str:
    return f"{int(number):,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def _share(value: float) -> str:
    return f"{100 * value:.1f}\N{NARROW NO-BREAK SPACE}%"
