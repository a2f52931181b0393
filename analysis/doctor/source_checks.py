"""Is the telemetry table as the analysis expects it? One check a question, with what to do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pandas as pd

from analysis.clock import iso, now
from analysis.counting.grid import read_time
from analysis.doctor.baseline_check import check_baseline
from analysis.doctor.column_check import describe_columns
from analysis.doctor.error_class_check import (
    INSPECTED,
    check_error_classes,
    load_class_counts,
)
from analysis.doctor.name_check import check_names
from analysis.doctor.source_check import SourceCheck, failed, passed, warned
from analysis.doctor.value_checks import check_early_times, check_statuses
from analysis.errors import RolloutError
from analysis.formatting import count, share
from analysis.leaks import quote
from analysis.telemetry.engines import Engine, open_engine
from analysis.telemetry.mapping import TableMapping
from analysis.telemetry.mapping_file import source_mapping
from analysis.window import HOUR, format_duration

if TYPE_CHECKING:
    from analysis.config import Settings

MAX_BAD_SHARE = 0.01
MAX_MISSING_SHARE = 0.5
SECONDS_SHARE, LONG_SHARE = 0.9, 0.5
"""Above these shares of very short or very long latencies, their unit is probably not ms."""
CLOCK_TOLERANCE = timedelta(minutes=2)


def check_source(settings: Settings) -> list[SourceCheck]:
    """Connect read-only and run every check; a source that does not open is one failed check."""
    try:
        mapping = source_mapping(settings)
        engine = open_engine(settings)
    except RolloutError as error:
        return [failed("connection", _advice_here(error))]
    try:
        return list(_run_checks(settings, engine, mapping))
    finally:
        engine.close()


def _advice_here(error: RolloutError) -> str:
    """The sentence without the advice to run doctor, which is running."""
    text = re.sub(r"run 'rollout doctor',? (?:or|to) ", "", str(error))
    return text.replace(
        "run 'rollout doctor'", "run again, then ask the administrator of the database"
    )


def _run_checks(settings: Settings, engine: Engine, mapping: TableMapping) -> Iterator[SourceCheck]:
    limit = format_duration(settings.source.timeout)
    yield passed("connection", f"{engine.name}, opened read-only; time limit of a query: {limit}")
    yield from describe_columns(engine, mapping)
    try:
        yield from _check_row_security(engine)
        span = engine.fetch(engine.queries.statement("doctor_span", {})).iloc[0]
        first, last = (read_time(value) for value in span)
        if first is None or last is None:
            yield failed("rows", "the table is empty; check [source] and the application's logging")
            return
        yield from check_early_times(engine, first)
        bounds = _inspected_bounds(last)
        days = _load_days(engine, bounds)
        yield _check_days(days["calls"])
        totals = days.sum()
        yield _check_latencies(totals)
        yield from _check_missing(totals)
        yield from _check_left_out(engine, days)
        yield check_statuses(engine, totals, bounds)
        yield check_error_classes(load_class_counts(engine, settings.class_names, last))
        yield _check_unit(totals)
        yield _check_newest(settings, last)
        yield _check_time_zone(last)
        yield check_names(engine)
        yield check_baseline(settings, first, last)
        yield _check_privileges(engine)
    except RolloutError as error:
        yield failed("queries", _advice_here(error))


def _inspected_bounds(last: datetime) -> dict[str, datetime]:
    return {
        "written_from": (last - INSPECTED).replace(tzinfo=None),
        "written_before": (last + timedelta(milliseconds=1)).replace(tzinfo=None),
    }


def _load_days(engine: Engine, bounds: dict[str, datetime]) -> pd.DataFrame:
    """One row a day up to the newest row, days without calls too."""
    days = engine.fetch(engine.queries.statement("doctor_days", bounds)).set_index("day_at")
    days.index = pd.to_datetime(days.index)
    return days.reindex(pd.date_range(days.index.min(), days.index.max()), fill_value=0)


def _check_days(calls: pd.Series) -> SourceCheck:
    total = f"{count(calls.sum())} rows on {len(calls)} {'day' if len(calls) == 1 else 'days'}"
    empty = calls.index[calls == 0]
    if len(empty):
        return warned(
            "rows",
            f"{total}, none on {len(empty)} of them ({empty[0]:%Y-%m-%d} is the first); "
            "find out why before you trust a baseline with such a day",
        )
    whole = calls.iloc[1:-1] if len(calls) > 2 else calls
    return passed("rows", f"{total}, {count(whole.min())} to {count(whole.max())} on a whole day")


def _check_latencies(totals: pd.Series) -> SourceCheck:
    missing, negative = totals["null_latencies"], totals["negative_latencies"]
    if not missing + negative:
        return passed("latencyMs", "every row has a latency of 0 or more")
    found = f"{share(missing / totals['calls'])} have none, {count(negative)} are negative"
    if missing + negative > MAX_BAD_SHARE * totals["calls"]:
        return failed(
            "latencyMs",
            f"{found}, more than {share(MAX_BAD_SHARE)}: no verdict can be trusted; "
            "fix the code that writes them",
        )
    return warned("latencyMs", f"{found}; they count in rates only: fix the code that writes them")


def _check_missing(totals: pd.Series) -> Iterator[SourceCheck]:
    advice = {
        "source": "patterns such as background-job/* never match them; "
        "let the application write where a call comes from",
        "leadId": "recovered_rate then matches calls by tenant; let the application write it",
    }
    for column, counted in (("source", "null_sources"), ("leadId", "null_leads")):
        missing = totals[counted] / totals["calls"]
        detail = f"{share(missing)} have none"
        if missing > MAX_MISSING_SHARE:
            yield warned(column, f"{detail}; {advice[column]}")
        else:
            yield passed(column, detail)


def _check_left_out(engine: Engine, days: pd.DataFrame) -> Iterator[SourceCheck]:
    """Rows that the mapping leaves out although they may be calls."""
    for what, statement in engine.queries.left_out(days.index.min().to_pydatetime()):
        n_rows = int(engine.fetch(statement)["calls"].iloc[0])
        part = n_rows / (n_rows + days["calls"].sum())
        detail = f"{count(n_rows)} {what}, {share(part)} of all"
        if part > MAX_BAD_SHARE:
            yield warned(
                "left out", f"{detail}; a verdict does not see calls that hang: check what they are"
            )
        else:
            yield passed("left out", detail)


def _check_unit(totals: pd.Series) -> SourceCheck:
    name, advice = "unit of latencyMs", "if so, write a mapping with latency_unit (s, us or ns)"
    n_timed = totals["calls"] - totals["null_latencies"] - totals["negative_latencies"]
    if not n_timed:
        return warned(name, "no row has a latency; only rates can be compared")
    short, long = totals["short_latencies"] / n_timed, totals["long_latencies"] / n_timed
    if short > SECONDS_SHARE:
        return warned(name, f"{share(short)} are under 100, so they may be seconds; {advice}")
    if long > LONG_SHARE:
        found = f"{share(long)} are an hour or more, so they may be micro- or nanoseconds"
        return warned(name, f"{found}; {advice}")
    return passed(
        name, f"probably milliseconds: {share(short)} under 0.1 s, {share(long)} over an hour"
    )


def _check_newest(settings: Settings, last: datetime) -> SourceCheck:
    needed, deployed_at = now(), settings.rollout.deployed_at
    if deployed_at:
        needed = min(needed, deployed_at + settings.monitoring.lengths[-1])
    age = f"of {iso(last.replace(microsecond=0))}"
    if last >= needed - HOUR:
        return passed("newest row", age)
    return warned(
        "newest row",
        f"{age}, {(needed - last) // HOUR} h before the last call that is needed; "
        "check that calls are still written and that createdAt is UTC",
    )


def _check_time_zone(last: datetime) -> SourceCheck:
    ahead = last - now()
    if ahead <= CLOCK_TOLERANCE:
        return passed("time zone", "no row is in the future")
    minutes = timedelta(minutes=ahead // timedelta(minutes=1))
    return failed(
        "time zone",
        f"the newest row is {format_duration(minutes)} in the future, but createdAt must be UTC; "
        "map createdAt to (\"createdAt\" AT TIME ZONE 'Europe/Berlin') AT TIME ZONE 'UTC', "
        "with your own zone",
    )


def _check_row_security(engine: Engine) -> Iterator[SourceCheck]:
    """Row level security of PostgreSQL hides rows and reports no error."""
    policies = engine.row_policies()
    if policies is None:
        return
    names = ", ".join(map(quote, policies))
    what = f"policy {names} may hide rows" if policies else "no policy shows this role any row"
    yield warned(
        "row level security",
        f"it is active for this role: {what} without an error; let the role see every row: "
        "ALTER ROLE ... BYPASSRLS, or CREATE POLICY ... FOR SELECT TO ... USING (true)",
    )


def _check_privileges(engine: Engine) -> SourceCheck:
    privileges = engine.privileges()
    if privileges is None:
        return passed("read only", "every statement is one SELECT; the source is opened read-only")
    if not privileges.may_write:
        return passed("read only", "this role may not write to the table")
    schema, table = privileges.schema, privileges.table
    return warned(
        "read only",
        "this role may write to the table, although rollout never does; create a reader: "
        "CREATE ROLE rollout_reader LOGIN PASSWORD '...'; "
        f"GRANT USAGE ON SCHEMA {schema} TO rollout_reader; "
        f"GRANT SELECT ON {schema}.{table} TO rollout_reader;",
    )
