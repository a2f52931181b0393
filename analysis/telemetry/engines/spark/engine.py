"""Apache Spark, near or far: the same queries over Parquet files, a Delta table or a table of the session's catalog."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import pandas as pd
from sqlglot import exp, parse_one

from analysis.errors import DataNotTrusted, RolloutError, WrongUse
from analysis.leaks import quote
from analysis.telemetry.engines.spark.session import Session, open_session
from analysis.telemetry.mapping import CANONICAL_COLUMNS, Mapping, load_mapping
from analysis.telemetry.queries import ErrorClass, Queries, Statement, Template, check_one_select

if TYPE_CHECKING:
    from analysis.config import Settings

_NUMBERS = ("latencyMs", "outputTokens", "totalTokens")
_WHOLE_TYPES = ("tinyint", "smallint", "int", "bigint")
_NUMBER_TYPES = (*_WHOLE_TYPES, "float", "double", "decimal")
_WHOLE_TEXT = r"^\s*[+-]?[0-9]+\s*$"
_SCHEME = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*:/")


class SparkEngine:
    """A session that sees the source as one relation; nothing is made in it, every statement is one SELECT."""

    name = "spark"
    calls_per_chunk = 300_000_000
    calls_per_hourly_chunk = 300_000_000
    prefers_name_codes = False
    ids_are_unique = False

    def __init__(self, session: Session, queries: Queries) -> None:
        self._session = session
        self.queries = queries

    def fetch(self, statement: Statement) -> pd.DataFrame:
        """Run one SELECT in UTC; raises RolloutError with one sentence when Spark cannot answer."""
        times = frozenset(
            key for key, value in statement.parameters.items() if isinstance(value, datetime)
        )
        text = _rendered(statement.template, times)
        values = {key: _bound(value) for key, value in statement.parameters.items()}
        with self._session.reading(f"the query {statement.name!r}") as spark:
            return _in_utc(
                spark.sql(text, args=values).toArrow().to_pandas(integer_object_nulls=False)
            )

    def close(self) -> None:
        """Stop the session if it was made here; a session of the user's stays as it was."""
        self._session.close()


def open_spark(settings: Settings, *, session: Any = None) -> SparkEngine:
    """The table of `[source]` in Spark: in `session` when it is given, else at `[source].remote` or under `[source].master`.

    Raises WrongUse when the server, the table or a column is missing, DataNotTrusted when a latency or a time cannot be read.
    """
    source = settings.source
    mapping = load_mapping(source.mapping, folder=settings.folder, table=source.table)
    opened = open_session(source, given=session)
    try:
        place, where = _place(opened, settings, mapping)
        typed = _typed_mapping(opened, replace(mapping, table=place), where)
    except BaseException:
        opened.close()
        raise
    classes = tuple(
        ErrorClass(item.name, tuple(item.contains or ()), item.pattern)
        for item in settings.error_classes
    )
    return SparkEngine(opened, Queries(typed, classes))


def _place(session: Session, settings: Settings, mapping: Mapping) -> tuple[exp.Expression, str]:
    """Where the rows are, as Spark writes it, and as a sentence names it."""
    path = settings.source.path
    if not path:
        *above, table = [
            exp.to_identifier(part, quoted=True) for part in str(mapping.table).split(".")
        ]
        above = [None] * (2 - len(above)) + above
        return exp.Table(
            this=table, db=above[-1], catalog=above[-2]
        ), f"table {quote(mapping.table)}"
    where = f"[source].path {quote(path)}"
    if PurePosixPath(path).suffix.lower() in (".csv", ".gz", ".json", ".duckdb", ".db"):
        raise WrongUse(
            f'{where} is neither Parquet nor Delta, which Spark reads here; use engine = "duckdb" for such a file'
        )
    full = path if _SCHEME.match(path) or path.startswith("/") else str(settings.folder / path)
    is_delta = not set("*?[{") & set(path) and _can_read(
        session, _files("text", f"{full.rstrip('/')}/_delta_log/*.json")
    )
    if is_delta and not _can_read(
        session, _files("delta", full)
    ):  # read as Parquet it would show deleted rows too
        raise WrongUse(
            f"{where} is a Delta table, and this Spark knows none; pass a session that does, or name its catalog table"
        )
    return _files("delta" if is_delta else "parquet", full), where


def _files(kind: str, path: str) -> exp.Table:
    return exp.Table(
        this=exp.to_identifier(path, quoted=True), db=exp.to_identifier(kind, quoted=True)
    )


def _can_read(session: Session, files: exp.Table) -> bool:
    try:
        _run(session, exp.select("1").from_(files).limit(1), "looking for a Delta table")
    except RolloutError:
        return False
    return True


def _typed_mapping(session: Session, mapping: Mapping, where: str) -> Mapping:
    """The store's rows with the types that the queries need; says what is wrong with a column before any query runs."""
    if mapping.columns:
        mapping.check_fits(_schema(session, exp.select("*").from_(mapping.table), where), where)
    relation = mapping.relation()
    schema = _schema(session, exp.select("*").from_(relation), where)
    for column in CANONICAL_COLUMNS:
        if column not in schema:
            needed = ", ".join(CANONICAL_COLUMNS)
            raise WrongUse(
                f"{where} has no column {column!r}; the table needs {needed} (or write a mapping)"
            )
    latency, created = schema["latencyMs"], schema["createdAt"]
    if latency not in ("string", "void") and not latency.startswith(_NUMBER_TYPES):
        raise WrongUse(f"{where}: latencyMs is of type {latency}, not a number; write a mapping")
    if created not in ("string", "date") and not created.startswith("timestamp"):
        raise WrongUse(f"{where}: createdAt is of type {created}, not a time; write a mapping")
    _check_values(session, mapping, schema, where)
    columns = tuple((column, _typed(column, schema[column])) for column in CANONICAL_COLUMNS)
    indexed = (
        "`createdAt`" if created == "timestamp" else None
    )  # compared as it is stored, so that files can be skipped by it
    return Mapping(
        mapping.name,
        table=relation,
        columns=columns,
        notes=mapping.notes,
        dialect="spark",
        indexed=indexed,
    )


def _schema(session: Session, query: exp.Select, where: str) -> dict[str, str]:
    text = query.limit(0).sql(dialect="spark")
    check_one_select(text, "spark")
    with session.reading(f"opening {where}") as spark:
        return {
            field.name: field.dataType.simpleString() for field in spark.sql(text).schema.fields
        }


def _check_values(session: Session, mapping: Mapping, schema: dict[str, str], where: str) -> None:
    """A latency or a time that is no such thing spoils the table: say where the first one stands."""
    for column, rule in (
        ("latencyMs", "a whole number of milliseconds"),
        ("createdAt", "a time such as 2026-02-02 23:10:16.123"),
    ):
        bad = _bad(column, schema[column])
        if bad is None:
            continue
        query = (
            exp.select("COUNT(*) AS rows")
            .from_(mapping.relation())
            .where(parse_one(bad, read="spark"))
        )
        n_bad = int(_run(session, query, f"reading {column}")[0]["rows"])
        if n_bad:
            place = _first_bad_row(session, mapping, column, bad) or (
                "one row" if n_bad == 1 else f"{n_bad} rows"
            )
            raise DataNotTrusted(
                f"{where}: {column} of {place} is not {rule}; mend the row and run again"
            )


def _first_bad_row(session: Session, mapping: Mapping, column: str, bad: str) -> str | None:
    """Which row of which file; None where Spark reads no files that count their rows, as in a view."""
    rows = mapping.relation()
    places = {"file_name": "_metadata.file_name", "row_index": "_metadata.row_index"}
    if isinstance(rows, exp.Subquery):
        inner = rows.this.select(
            *(parse_one(f"{sql} AS {name}", read="spark") for name, sql in places.items())
        )
        query = exp.select(*places).from_(
            exp.Subquery(this=inner, alias=exp.TableAlias(this=exp.to_identifier("placed")))
        )
    else:
        query = exp.select(
            *(parse_one(f"{sql} AS {name}", read="spark") for name, sql in places.items())
        ).from_(rows)
    query = query.where(parse_one(bad, read="spark")).order_by("file_name", "row_index").limit(1)
    try:
        first = _run(session, query, f"reading {column}")[0]
    except RolloutError:
        return None
    return f"row {first['row_index'] + 1} of {first['file_name']}"


def _run(session: Session, query: exp.Select, doing: str) -> list[dict[str, Any]]:
    text = query.sql(dialect="spark")
    check_one_select(text, "spark")
    with session.reading(doing) as spark:
        return spark.sql(text).toArrow().to_pylist()


def _bad(column: str, kind: str) -> str | None:
    """A condition, in Spark's SQL, that picks the rows whose value is no latency or no time."""
    name = f"`{column}`"
    if column == "createdAt":
        return f"{_typed(column, kind)} IS NULL" if kind == "string" else None
    if kind == "string":
        return f"{name} <> '' AND ({_typed(column, kind)} IS NULL OR NOT {name} RLIKE '{_WHOLE_TEXT.replace(chr(92), chr(92) * 2)}')"
    if kind in (*_WHOLE_TYPES, "void"):
        return None
    return f"{name} IS NOT NULL AND NOT ISNAN({name}) AND (TRY_CAST({name} AS BIGINT) IS NULL OR {name} <> TRY_CAST({name} AS BIGINT))"


def _typed(column: str, kind: str) -> str:
    """The column in the type that the queries need, in Spark's SQL; the session is in UTC, so a time without zone is UTC."""
    name = f"`{column}`"
    if column == "createdAt":
        return (
            f"CAST(TRY_CAST({name} AS TIMESTAMP_LTZ) AS TIMESTAMP_NTZ)"
            if kind == "string"
            else f"CAST({name} AS TIMESTAMP_NTZ)"
        )
    return f"TRY_CAST({name} AS BIGINT)" if column in _NUMBERS else f"CAST({name} AS STRING)"


@lru_cache(maxsize=256)
def _rendered(template: Template, times: frozenset[str]) -> str:
    """The text for Spark, with what pyspark and Java do otherwise put right.

    Times are bound as text and cast, for pyspark moves them by the client's zone; (?d) leaves a pattern one kind of line end.
    """
    query = template.query.copy()
    for node in list(query.find_all(exp.Placeholder)):
        if node.name in times:
            node.replace(exp.cast(exp.Placeholder(this=node.name), "TIMESTAMPNTZ"))
    for node in query.find_all(exp.RegexpLike):
        node.set(
            "expression", exp.func("CONCAT", exp.Literal.string("(?d)"), node.expression.copy())
        )
    text = query.sql(dialect="spark", comments=False)
    check_one_select(text, "spark")
    return text


def _bound(value: Any) -> Any:
    return value.isoformat(sep=" ") if isinstance(value, datetime) else value


def _in_utc(rows: pd.DataFrame) -> pd.DataFrame:
    """Times as the other engines return them: UTC, without zone."""
    for column in _zoned(rows):
        rows[column] = rows[column].dt.tz_convert("UTC").dt.tz_localize(None)
    return rows


def _zoned(rows: pd.DataFrame) -> Sequence[str]:
    return [column for column in rows if isinstance(rows[column].dtype, pd.DatetimeTZDtype)]
