"""DuckDB inside the process, over Parquet, CSV or a .duckdb file: the default, no server needed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pandas as pd

from analysis.errors import DataNotTrusted, RolloutError, WrongUse
from analysis.telemetry.mapping import CANONICAL_COLUMNS, Mapping, load_mapping
from analysis.telemetry.queries import ErrorClass, Queries, Statement
from analysis.telemetry.source_files import find_source_files

if TYPE_CHECKING:
    from analysis.config import Settings

_SOURCE = "telemetry_source"
_ZONE = r"[0-9]:[0-9.]+ ?(Z|UTC|[+-][0-9]{2}(:?[0-9]{2})?)$"
_SETTINGS = {"TimeZone": "UTC", "temp_directory": "", "autoinstall_known_extensions": "false", "autoload_known_extensions": "true"}


class DuckDBEngine:
    """A connection in memory that sees the source as one view; the source's files are opened read-only."""

    name = "duckdb"

    def __init__(self, connection: duckdb.DuckDBPyConnection, queries: Queries) -> None:
        self._connection = connection
        self.queries = queries

    def fetch(self, statement: Statement) -> pd.DataFrame:
        """Run one SELECT; raises RolloutError with the query's name when DuckDB cannot answer it."""
        text = statement.sql("duckdb")
        try:
            return self._connection.execute(text, dict(statement.parameters)).df()
        except duckdb.Error as error:
            raise RolloutError(
                f"DuckDB could not run the query {statement.name!r}: {type(error).__name__}; run 'rollout doctor' to check the source"
            ) from error

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def open_duckdb(settings: Settings) -> DuckDBEngine:
    """The files of `[source].path` as the telemetry table.

    Raises WrongUse when a file or a column is missing or the file is not of its kind, DataNotTrusted when a latency or a time of a
    CSV cannot be read (with the position of the row).
    """
    path = settings.source.path
    files = [str(file) for file in find_source_files(settings.folder, path)]
    mapping = load_mapping(settings.source.mapping, folder=settings.folder, table=settings.source.table)
    connection = duckdb.connect(config=_SETTINGS)
    try:
        reader = _reader(connection, files, shown=path, table=mapping.table)
        _open_source(connection, reader, mapping, shown=path)
    except duckdb.Error as error:
        connection.close()
        raise WrongUse(f"[source].path {path!r} cannot be read as {_kind(files[0])}: {type(error).__name__}; export it again") from None
    except RolloutError:
        connection.close()
        raise
    classes = tuple(ErrorClass(item.name, tuple(item.contains or ()), item.pattern) for item in settings.error_classes)
    view = Mapping(mapping.name, _SOURCE, mapping.columns, mapping.where, mapping.notes)
    return DuckDBEngine(connection, Queries(view, classes))


def _kind(file: str) -> str:
    suffix = Path(file).suffix.lower()
    return {".parquet": "Parquet", ".csv": "CSV", ".gz": "CSV", ".duckdb": "a DuckDB file", ".db": "a DuckDB file"}.get(suffix, "")


def _reader(connection: duckdb.DuckDBPyConnection, files: list[str], *, shown: str, table: str) -> str:
    kind = _kind(files[0])
    if kind == "Parquet":
        return f"read_parquet({_literals(files)}, union_by_name = true)"
    if kind == "CSV":
        return f"read_csv({_literals(files)}, header = true, all_varchar = true, union_by_name = true)"
    if kind == "a DuckDB file":
        connection.execute(f"ATTACH {_literals(files[:1])[1:-1]} AS attached (READ_ONLY)")
        return "attached." + ".".join(_quoted(part) for part in table.split("."))
    raise WrongUse(f"[source].path {shown!r} ends neither in .parquet, .csv, .csv.gz nor .duckdb; name such a file")


def _open_source(connection: duckdb.DuckDBPyConnection, reader: str, mapping: Mapping, *, shown: str) -> None:
    types = {row[0]: row[1] for row in connection.execute(f"DESCRIBE SELECT * FROM {reader}").fetchall()}
    if mapping.columns:
        connection.execute(f"CREATE VIEW {_SOURCE} AS SELECT * FROM {reader}")
        return
    missing = [column for column in CANONICAL_COLUMNS if column not in types]
    if missing:
        raise WrongUse(
            f"[source].path {shown!r} has no column {missing[0]!r}; the table needs {', '.join(CANONICAL_COLUMNS)} (or write a mapping)"
        )
    columns = ", ".join(f"{_typed(column, types[column])} AS {_quoted(column)}" for column in CANONICAL_COLUMNS)
    texts = [column for column in ("latencyMs", "createdAt") if types[column] == "VARCHAR"]
    kind = "TABLE" if texts else "VIEW"
    if texts:
        _check_texts(connection, reader, texts, shown=shown)
    connection.execute(f"CREATE {kind} {_SOURCE} AS SELECT {columns} FROM {reader}")


def _check_texts(connection: duckdb.DuckDBPyConnection, reader: str, columns: list[str], *, shown: str) -> None:
    """A latency or a time that is no such thing spoils the file: say where the first one stands."""
    for column in columns:
        bad = f"{_typed(column, 'VARCHAR')} IS NULL" + (f" AND {_quoted(column)} IS NOT NULL" if column == "latencyMs" else "")
        row = connection.execute(
            f"SELECT position FROM (SELECT *, ROW_NUMBER() OVER () AS position FROM {reader}) WHERE {bad} ORDER BY position LIMIT 1"
        ).fetchone()
        if row:
            rule = "a whole number of milliseconds" if column == "latencyMs" else "a time such as 2026-02-02 23:10:16.123"
            raise DataNotTrusted(f"{shown}: {column} of row {row[0]} (the header not counted) is not {rule}; mend the row and run again")


def _typed(column: str, sql_type: str) -> str:
    name = _quoted(column)
    if column == "createdAt":
        if sql_type != "VARCHAR":
            return f"CAST({name} AS TIMESTAMP)"
        zoned = f"CAST(TRY_CAST(regexp_replace({name}, ' ?(Z|UTC)$', '+00') AS TIMESTAMPTZ) AS TIMESTAMP)"
        return f"CASE WHEN regexp_matches({name}, '{_ZONE}') THEN {zoned} ELSE TRY_CAST({name} AS TIMESTAMP) END"
    if column in ("latencyMs", "outputTokens", "totalTokens"):
        return f"TRY_CAST({name} AS BIGINT)"
    return f"CAST({name} AS VARCHAR)"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literals(files: list[str]) -> str:
    return "[" + ", ".join("'" + file.replace("'", "''") + "'" for file in files) + "]"
