"""The source as one DuckDB view: columns mapped, types made canonical, bad values reported."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb
from sqlglot import exp

from analysis.errors import WrongUse
from analysis.telemetry.engines.canonical_columns import TypeNames, check_source
from analysis.telemetry.engines.duckdb.files import CSV, file_kind, rows_of, text_list
from analysis.telemetry.mapping import TableMapping
from analysis.telemetry.statements import check_one_select

SOURCE_VIEW = "telemetry_source"
STORED_VIEW = "telemetry_as_stored"
_TIME_WITHOUT_ZONE = "^ *[0-9]{4}-[0-9]{2}-[0-9]{2}([ T][0-9:.]+)? *$"
_SECONDS, _MILLISECONDS = "^1[0-9]{9}([.][0-9]{1,6})?$", "^1[0-9]{12}([.]0*)?$"
"""Since 1970, between 2001 and 2033: other numbers are refused."""
_TIME_WITH_ZONE = "[0-9]:[0-9.]+ ?(Z|UTC|[+-][0-9]{2}(:?[0-9]{2})?)$"
_UTC_AS_OFFSET = """REGEXP_REPLACE("createdAt", ' ?(Z|UTC)$', '+00')"""
_OFFSET_WITHOUT_SPACE = rf"REGEXP_REPLACE({_UTC_AS_OFFSET}, ' ([+-][0-9:]+)$', '\1')"
_NO_TYPE = '"NULL"'  # of a Parquet column that never held a value
_WHOLE = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER")
_TYPES = TypeNames(
    dialect="duckdb",
    text="VARCHAR",
    whole=(_NO_TYPE, *_WHOLE),
    fractional=("UBIGINT", "HUGEINT", "FLOAT", "DOUBLE", "DECIMAL"),
    time=("DATE", "TIMESTAMP"),
    time_from_text=f"""
        CASE
            WHEN REGEXP_MATCHES("createdAt", '{_TIME_WITH_ZONE}')
                THEN CAST(TRY_CAST({_OFFSET_WITHOUT_SPACE} AS TIMESTAMPTZ) AS TIMESTAMP)
            WHEN REGEXP_MATCHES("createdAt", '{_TIME_WITHOUT_ZONE}')
                THEN TRY_CAST("createdAt" AS TIMESTAMP)
            WHEN REGEXP_MATCHES("createdAt", '{_SECONDS}')
                THEN MAKE_TIMESTAMP(CAST(ROUND(TRY_CAST("createdAt" AS DOUBLE) * 1e6) AS BIGINT))
            WHEN REGEXP_MATCHES("createdAt", '{_MILLISECONDS}')
                THEN MAKE_TIMESTAMP(CAST(ROUND(TRY_CAST("createdAt" AS DOUBLE) * 1000) AS BIGINT))
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
        rows = rows_of(connection, files, kind, table=str(mapping.table), where=where)
        connection.execute(f"CREATE VIEW {STORED_VIEW} AS SELECT * FROM {rows}")
        mapping = replace(mapping, table=STORED_VIEW)
        reader = _Reader(connection, kind, len(files), mapping, where)
        _, types = check_source(reader, mapping, _TYPES, where)
        casts = ", ".join(f'{_TYPES.cast(name, types[name])} AS "{name}"' for name in types)
        relation = "TABLE" if kind == CSV else "VIEW"
        source = mapping.relation().sql("duckdb")
        connection.execute(f"CREATE {relation} {SOURCE_VIEW} AS SELECT {casts} FROM {source}")
    except duckdb.Error as error:
        raise WrongUse(
            f"{where} cannot be read as {kind}{_reason(error)}; export it again"
        ) from None
    # From here on DuckDB refuses every other file, the network and a change of this rule.
    connection.execute(f"SET allowed_paths = {text_list(files)}")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


@dataclass(frozen=True)
class _Reader:
    connection: duckdb.DuckDBPyConnection
    kind: str
    n_files: int
    mapping: TableMapping
    where: str

    def types(self, relation: exp.Expr) -> dict[str, str]:
        text = exp.select("*").from_(relation.copy()).sql("duckdb")
        check_one_select(text, "duckdb")
        try:
            rows = self.connection.execute(f"DESCRIBE {text}").fetchall()
        except duckdb.BinderException:
            raise WrongUse(
                f"mapping {self.mapping.name!r} does not fit the types of the columns of "
                f"{self.where}; correct the expressions of [columns]"
            ) from None
        return {row[0]: row[1] for row in rows}

    def first_row(
        self, relation: exp.Expr, condition: exp.Expr, column: str
    ) -> tuple[str, object] | None:
        position = "ROW_NUMBER() OVER () AS position"
        numbered = exp.select("*", position).from_(relation.copy()).subquery("numbered")
        query = (
            exp.select("position", f'"{column}"')
            .from_(numbered)
            .where(condition)
            .order_by("position")
        )
        row = self.connection.execute(query.limit(1).sql("duckdb")).fetchone()
        if row is None:
            return None
        header = " (without the header)" if self.kind == CSV else ""
        order = ", counted over all files in the order of their names" if self.n_files > 1 else ""
        return f"row {row[0]}{header}{order}", row[1]


def _reason(error: duckdb.Error) -> str:
    """Where DuckDB stopped; its own words show rows and paths."""
    if line := re.search(r"CSV Error on Line: (\d+)", str(error)):
        return f": line {line[1]} has too few or too many columns, or an open quote"
    return f" ({type(error).__name__})"
