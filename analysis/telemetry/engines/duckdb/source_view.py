"""The source as one DuckDB view: columns mapped, types made canonical, bad values reported."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import duckdb
from sqlglot import exp

from analysis.errors import DataNotTrusted, WrongUse
from analysis.telemetry.engines.canonical_types import VALUE_RULES, TypeNames
from analysis.telemetry.engines.duckdb.files import CSV, file_kind, reader, text_list
from analysis.telemetry.mapping import TableMapping
from analysis.telemetry.statements import check_one_select

SOURCE_VIEW = "telemetry_source"
STORED_VIEW = "telemetry_as_stored"
_MAPPED_VIEW = "telemetry_rows"
_TIME_WITHOUT_ZONE = "^ *[0-9]{4}-[0-9]{2}-[0-9]{2}([ T][0-9:.]+)? *$"
_TIME_WITH_ZONE = "[0-9]:[0-9.]+ ?(Z|UTC|[+-][0-9]{2}(:?[0-9]{2})?)$"
_UTC_AS_OFFSET = """REGEXP_REPLACE("createdAt", ' ?(Z|UTC)$', '+00')"""
_OFFSET_WITHOUT_SPACE = rf"REGEXP_REPLACE({_UTC_AS_OFFSET}, ' ([+-][0-9:]+)$', '\1')"
_TYPES = TypeNames(
    dialect="duckdb",
    text="VARCHAR",
    # "NULL" is the type of a Parquet column that never held a value.
    whole=(
        '"NULL"',
        "TINYINT",
        "SMALLINT",
        "INTEGER",
        "BIGINT",
        "UTINYINT",
        "USMALLINT",
        "UINTEGER",
    ),
    fractional=("UBIGINT", "HUGEINT", "FLOAT", "DOUBLE", "DECIMAL"),
    time=("DATE", "TIMESTAMP"),
    time_from_text=f"""
        CASE
            WHEN REGEXP_MATCHES("createdAt", '{_TIME_WITH_ZONE}')
                THEN CAST(TRY_CAST({_OFFSET_WITHOUT_SPACE} AS TIMESTAMPTZ) AS TIMESTAMP)
            WHEN REGEXP_MATCHES("createdAt", '{_TIME_WITHOUT_ZONE}')
                THEN TRY_CAST("createdAt" AS TIMESTAMP)
        END
    """,
    time_from_other='CAST("createdAt" AS TIMESTAMP)',
)


def open_source(
    connection: duckdb.DuckDBPyConnection,
    files: Sequence[Path],
    mapping: TableMapping,
    *,
    where: str,
) -> None:
    """Make the view that the queries read, check its values, then forbid every other file.

    Raises WrongUse or DataNotTrusted; `where` is the source as messages name it.
    """
    kind = file_kind(files[0], where)
    try:
        stored = reader(connection, files, kind, table=str(mapping.table), where=where)
        types = _map_columns(connection, stored, mapping, where)
        _TYPES.check(types, where)
        for column, condition in _TYPES.bad_values(types).items():
            _check_values(connection, column, condition.sql("duckdb"), files, kind, where)
        columns = ", ".join(
            f'{sql} AS "{column}"' for column, sql in _TYPES.canonical_columns(types)
        )
        relation = "TABLE" if kind == CSV else "VIEW"
        connection.execute(
            f"CREATE {relation} {SOURCE_VIEW} AS SELECT {columns} FROM {_MAPPED_VIEW}"
        )
    except duckdb.Error as error:
        raise WrongUse(
            f"{where} cannot be read as {kind}{_reason(error)}; export it again"
        ) from None
    _forbid_other_files(connection, files)


def _map_columns(
    connection: duckdb.DuckDBPyConnection, stored: str, mapping: TableMapping, where: str
) -> dict[str, str]:
    """Give the columns their canonical names; the result is column -> DuckDB type."""
    connection.execute(f"CREATE VIEW {STORED_VIEW} AS SELECT * FROM {stored}")
    mapping.check_fits(_types(connection, STORED_VIEW), where)
    relation = replace(mapping, table=STORED_VIEW).relation()
    text = exp.select("*").from_(relation).sql(dialect="duckdb")
    check_one_select(text, "duckdb")
    try:
        connection.execute(f"CREATE VIEW {_MAPPED_VIEW} AS {text}")
    except duckdb.BinderException:
        raise WrongUse(
            f"mapping {mapping.name!r} does not fit the types of the columns of {where}; "
            "correct the expressions of [columns]"
        ) from None
    return _types(connection, _MAPPED_VIEW)


def _types(connection: duckdb.DuckDBPyConnection, view: str) -> dict[str, str]:
    rows = connection.execute(f"DESCRIBE SELECT * FROM {view}").fetchall()
    return {row[0]: row[1] for row in rows}


def _check_values(
    connection: duckdb.DuckDBPyConnection,
    column: str,
    condition: str,
    files: Sequence[Path],
    kind: str,
    where: str,
) -> None:
    """Raise DataNotTrusted with the number of the first row that meets the condition."""
    numbered = f"SELECT *, ROW_NUMBER() OVER () AS position FROM {_MAPPED_VIEW}"
    row = connection.execute(
        f"SELECT position FROM ({numbered}) WHERE {condition} ORDER BY position LIMIT 1"
    ).fetchone()
    if row:
        header = " (without the header)" if kind == CSV else ""
        order = ", counted over all files in the order of their names" if len(files) > 1 else ""
        raise DataNotTrusted(
            f"{where}: {column} of row {row[0]}{header}{order} is not {VALUE_RULES[column]}; "
            "correct the row and run again"
        )


def _forbid_other_files(connection: duckdb.DuckDBPyConnection, files: Sequence[Path]) -> None:
    """From here on DuckDB refuses every other file, the network and a change of this rule."""
    connection.execute(f"SET allowed_paths = {text_list(files)}")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


def _reason(error: duckdb.Error) -> str:
    """Where DuckDB stopped; its own words show rows and paths."""
    if line := re.search(r"CSV Error on Line: (\d+)", str(error)):
        return f": line {line[1]} has too few or too many columns, or an open quote"
    return f" ({type(error).__name__})"
