"""Parquet, CSV or a .duckdb file as the canonical table in DuckDB: columns found, types made right, bad values named by their row."""

from __future__ import annotations

import csv
import gzip
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import duckdb
from sqlglot import exp

from analysis.errors import DataNotTrusted, WrongUse
from analysis.leaks import quote
from analysis.telemetry.mapping import CANONICAL_COLUMNS, Mapping
from analysis.telemetry.queries import check_one_select

SOURCE_VIEW = "telemetry_source"
STORED_VIEW = "telemetry_as_stored"
_ROWS = "telemetry_rows"
_NUMBERS = ("latencyMs", "outputTokens", "totalTokens")
_WHOLE_TYPES = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER")
_NO_TYPE = '"NULL"'  # of a Parquet column that never held a value
_NUMBER_TYPES = (*_WHOLE_TYPES, "UBIGINT", "HUGEINT", "FLOAT", "DOUBLE", "DECIMAL")
_WHOLE_TEXT = "^ *[+-]?[0-9]+([.]0*)? *$"
_PLAIN_TIME = "^ *[0-9]{4}-[0-9]{2}-[0-9]{2}([ T][0-9:.]+)? *$"
_ZONE = "[0-9]:[0-9.]+ ?(Z|UTC|[+-][0-9]{2}(:?[0-9]{2})?)$"
_KINDS = {
    ".parquet": "Parquet",
    ".csv": "CSV",
    ".gz": "CSV",
    ".duckdb": "a DuckDB file",
    ".db": "a DuckDB file",
}


def open_source(
    connection: duckdb.DuckDBPyConnection, files: Sequence[Path], mapping: Mapping, *, shown: str
) -> None:
    """Make the view that the queries read, check its values, then close every other way to a file.

    Raises WrongUse or DataNotTrusted with `shown`, the path as rollout.toml has it.
    """
    kind, shown = _KINDS.get(files[0].suffix.lower()), quote(shown)
    if kind is None:
        raise WrongUse(
            f"[source].path {shown} ends neither in .parquet, .csv, .csv.gz nor .duckdb; name such a file"
        )
    try:
        reader = _reader(connection, files, kind, table=mapping.table, shown=shown)
        types = _map_columns(connection, reader, mapping, shown=shown)
        _check_columns(types, shown=shown)
        _check_values(connection, types, files, kind, mapping, shown=shown)
        columns = ", ".join(
            f"{_typed(column, types[column])} AS {_quoted(column)}" for column in CANONICAL_COLUMNS
        )
        held = "TABLE" if kind == "CSV" else "VIEW"
        connection.execute(f"CREATE {held} {SOURCE_VIEW} AS SELECT {columns} FROM {_ROWS}")
    except duckdb.Error as error:
        raise WrongUse(
            f"[source].path {shown} cannot be read as {kind}{_where(error)}; export it again"
        ) from None
    _lock(connection, files)


def _reader(
    connection: duckdb.DuckDBPyConnection,
    files: Sequence[Path],
    kind: str,
    *,
    table: str,
    shown: str,
) -> str:
    if kind == "Parquet":
        return f"read_parquet({_literals(files)}, union_by_name = true)"
    if kind == "CSV":
        return (
            "("
            + " UNION ALL BY NAME ".join(f"SELECT * FROM {_csv_reader(file)}" for file in files)
            + ")"
        )
    if len(files) > 1:
        raise WrongUse(f"[source].path {shown} names {len(files)} DuckDB files; name one")
    connection.execute(f"ATTACH {_literals(files)[1:-1]} AS attached (READ_ONLY)")
    schema, _, name = table.rpartition(".")
    known = connection.execute(
        "SELECT table_name FROM information_schema.tables WHERE table_catalog = 'attached' AND table_name = ? AND table_schema = ?",
        [name, schema or "main"],
    ).fetchall()
    if not known:
        raise WrongUse(
            f"[source].path {shown} holds no table {table!r}; name its table in [source].table"
        )
    return ".".join(_quoted(part) for part in ("attached", schema or "main", name))


def _csv_reader(file: Path) -> str:
    """A reader that guesses nothing: every column is text, the header says which there are."""
    opened = gzip.open if file.suffix.lower() == ".gz" else open
    try:
        with opened(file, "rt", encoding="utf-8-sig", newline="") as lines:
            first = lines.readline()
    except (OSError, EOFError, UnicodeDecodeError):
        raise WrongUse(f"{file.name} cannot be read as CSV in UTF-8; export it again") from None
    delimiter = max(",;\t", key=first.count)
    names = next(csv.reader([first], delimiter=delimiter), [])
    if len(set(names)) < len(names) or not all(names):
        raise WrongUse(
            f"{file.name} has no header row, or a column without a name or one named twice; export it with a header"
        )
    if not names:
        raise WrongUse(
            f"{file.name} is empty; it needs a header row with {', '.join(CANONICAL_COLUMNS)}"
        )
    columns = ", ".join(f"{_text(name)}: 'VARCHAR'" for name in names)
    options = f"header = true, auto_detect = false, delim = {_text(delimiter)}, quote = '\"', escape = '\"'"
    return f"read_csv({_literals([file])}, {options}, columns = {{{columns}}})"


def _map_columns(
    connection: duckdb.DuckDBPyConnection, reader: str, mapping: Mapping, *, shown: str
) -> dict[str, str]:
    """Name the columns as the queries do; returns column -> DuckDB type."""
    connection.execute(f"CREATE VIEW {STORED_VIEW} AS SELECT * FROM {reader}")
    mapping.check_fits(
        [row[0] for row in connection.execute(f"DESCRIBE {STORED_VIEW}").fetchall()],
        f"[source].path {shown}",
    )
    relation = replace(mapping, table=STORED_VIEW).relation()
    text = exp.select("*").from_(relation).sql(dialect="duckdb")
    check_one_select(text, "duckdb")
    try:
        connection.execute(f"CREATE VIEW {_ROWS} AS {text}")
    except duckdb.BinderException:
        raise WrongUse(
            f"mapping {mapping.name!r} does not fit the columns of [source].path {shown}; mend [columns]"
        ) from None
    return {
        row[0]: row[1] for row in connection.execute(f"DESCRIBE SELECT * FROM {_ROWS}").fetchall()
    }


def _check_columns(types: dict[str, str], *, shown: str) -> None:
    for column in CANONICAL_COLUMNS:
        if column not in types:
            needed = ", ".join(CANONICAL_COLUMNS)
            raise WrongUse(
                f"[source].path {shown} has no column {column!r}; the table needs {needed} (or write a mapping)"
            )
    latency, created = types["latencyMs"], types["createdAt"]
    if latency not in ("VARCHAR", _NO_TYPE) and not latency.startswith(_NUMBER_TYPES):
        raise WrongUse(
            f"[source].path {shown}: latencyMs is of type {latency}, not a number; write a mapping"
        )
    if created not in ("VARCHAR", "DATE") and not created.startswith("TIMESTAMP"):
        raise WrongUse(
            f"[source].path {shown}: createdAt is of type {created}, not a time; write a mapping"
        )


def _check_values(
    connection: duckdb.DuckDBPyConnection,
    types: dict[str, str],
    files: Sequence[Path],
    kind: str,
    mapping: Mapping,
    *,
    shown: str,
) -> None:
    """A latency or a time that is no such thing spoils the file: say where the first one stands."""
    bad = {
        "latencyMs": _bad_latency(types["latencyMs"]),
        "createdAt": _bad_time(types["createdAt"]),
    }
    for column, condition in bad.items():
        row = (
            condition
            and connection.execute(
                f"SELECT position FROM (SELECT *, ROW_NUMBER() OVER () AS position FROM {_ROWS}) WHERE {condition} ORDER BY position LIMIT 1"
            ).fetchone()
        )
        if row:
            rule = (
                "a whole number of milliseconds"
                if column == "latencyMs"
                else "a time such as 2026-02-02 23:10:16.123"
            )
            place = f"row {row[0]}" + (" (the header not counted)" if kind == "CSV" else "")
            counted = ", the files counted on in the order of their names" if len(files) > 1 else ""
            raise DataNotTrusted(
                f"{shown}: {column} of {place}{counted} is not {rule}; mend the row and run again"
            )


def _bad_latency(sql_type: str) -> str | None:
    name = _quoted("latencyMs")
    if sql_type == "VARCHAR":
        return f"{name} <> '' AND ({_typed('latencyMs', sql_type)} IS NULL OR NOT regexp_matches({name}, '{_WHOLE_TEXT}'))"
    if sql_type in (*_WHOLE_TYPES, _NO_TYPE):
        return None
    return f"{name} IS NOT NULL AND NOT isnan(CAST({name} AS DOUBLE)) AND {name} <> TRY_CAST({name} AS BIGINT)"


def _bad_time(sql_type: str) -> str | None:
    return f"{_typed('createdAt', sql_type)} IS NULL" if sql_type == "VARCHAR" else None


def _typed(column: str, sql_type: str) -> str:
    name = _quoted(column)
    if column == "createdAt":
        if sql_type != "VARCHAR":
            return f"CAST({name} AS TIMESTAMP)"
        plain_zone = (
            f"regexp_replace(regexp_replace({name}, ' ?(Z|UTC)$', '+00'), ' ([+-][0-9:]+)$', '\\1')"
        )
        zoned = f"CAST(TRY_CAST({plain_zone} AS TIMESTAMPTZ) AS TIMESTAMP)"
        plain = f"WHEN regexp_matches({name}, '{_PLAIN_TIME}') THEN TRY_CAST({name} AS TIMESTAMP)"
        return f"CASE WHEN regexp_matches({name}, '{_ZONE}') THEN {zoned} {plain} END"
    return f"TRY_CAST({name} AS BIGINT)" if column in _NUMBERS else f"CAST({name} AS VARCHAR)"


def _lock(connection: duckdb.DuckDBPyConnection, files: Sequence[Path]) -> None:
    """From here on DuckDB itself refuses every other file, the network and a change of this rule."""
    connection.execute(f"SET allowed_paths = {_literals(files)}")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


def _where(error: duckdb.Error) -> str:
    """What DuckDB says of the place; its own words show rows and paths."""
    line = re.search(r"CSV Error on Line: (\d+)", str(error))
    if line:
        return f": line {line[1]} has too few or too many columns, or an open quote"
    return f" ({type(error).__name__})"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _literals(files: Sequence[Path]) -> str:
    return "[" + ", ".join(_text(str(file)) for file in files) + "]"
