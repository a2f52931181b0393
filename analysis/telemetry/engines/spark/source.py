"""The source in Spark: where the rows are, and a mapping that gives them their canonical types."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from sqlglot import exp, parse_one

from analysis.errors import RolloutError, WrongUse
from analysis.leaks import quote
from analysis.telemetry.engines.canonical_columns import TypeNames, check_source
from analysis.telemetry.engines.spark.session import Session
from analysis.telemetry.mapping import TableMapping, as_table
from analysis.telemetry.statements import check_one_select

if TYPE_CHECKING:
    from analysis.config import Settings

_TYPES = TypeNames(
    dialect="spark",
    text="string",
    whole=("void", "tinyint", "smallint", "int", "bigint"),
    fractional=("float", "double", "decimal"),
    time=("date", "timestamp"),
    # The session is in UTC, so a time without zone is UTC.
    time_from_text="CAST(TRY_CAST(`createdAt` AS TIMESTAMP_LTZ) AS TIMESTAMP_NTZ)",
    time_from_other="CAST(`createdAt` AS TIMESTAMP_NTZ)",
)
_URL_SCHEME = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*:/")
_OTHER_FILES = (".csv", ".gz", ".json", ".duckdb", ".db")
_ROW_PLACE = {"file_name": "_metadata.file_name", "row_index": "_metadata.row_index"}


@dataclass(frozen=True)
class SparkSource:
    """The source as it was found.

    Attributes
    ----------
    where : its place, as messages name it.
    columns : column -> type, as Spark reads them.
    mapping : makes the canonical table with the canonical types.
    """

    where: str
    columns: dict[str, str]
    mapping: TableMapping


def open_source(session: Session, settings: Settings, mapping: TableMapping) -> SparkSource:
    """Find the rows and check their columns, types and values.

    Raises WrongUse for a source that cannot be read, DataNotTrusted for a value that cannot.
    """
    table, where = _locate(session, settings, mapping)
    mapping = replace(mapping, table=table)
    columns, types = check_source(_Reader(session, where), mapping, _TYPES, where)
    typed = TableMapping(
        mapping.name,
        table=mapping.relation(),
        columns=tuple((column, _TYPES.cast(column, types[column])) for column in types),
        notes=mapping.notes,
        dialect="spark",
        # Bounds on the stored column let Spark skip files.
        indexed="`createdAt`" if types["createdAt"] == "timestamp" else None,
    )
    return SparkSource(where, columns, typed)


def _locate(session: Session, settings: Settings, mapping: TableMapping) -> tuple[exp.Expr, str]:
    """Where the rows are, as Spark writes it and as messages name it."""
    path = settings.source.path
    if not path:
        return as_table(mapping.table), f"table {quote(mapping.table)}"
    where = f"[source].path {quote(path)}"
    if PurePosixPath(path).suffix.lower() in _OTHER_FILES:
        raise WrongUse(
            f"{where} is neither Parquet nor Delta, which engine 'spark' reads; "
            'use engine = "duckdb" for such a file'
        )
    is_absolute = path.startswith("/") or _URL_SCHEME.match(path)
    full = path if is_absolute else str(settings.folder / path)
    log = f"{full.rstrip('/')}/_delta_log/*.json"
    if set("*?[{") & set(path) or not _can_read(session, _files("text", log)):
        return _files("parquet", full), where
    if not _can_read(session, _files("delta", full)):
        # Read as Parquet, a Delta table would show deleted rows too.
        raise WrongUse(
            f"{where} is a Delta table, which this Spark cannot read; "
            "pass a session with Delta, or name the table in its catalog"
        )
    return _files("delta", full), where


def _files(kind: str, path: str) -> exp.Table:
    return exp.table_(path, db=kind, quoted=True)


def _can_read(session: Session, files: exp.Table) -> bool:
    try:
        _run(session, exp.select("1").from_(files).limit(1), "looking for a Delta table")
    except RolloutError:
        return False
    return True


@dataclass(frozen=True)
class _Reader:
    session: Session
    where: str

    def types(self, relation: exp.Expr) -> dict[str, str]:
        text = exp.select("*").from_(relation.copy()).limit(0).sql(dialect="spark")
        check_one_select(text, "spark")
        with self.session.reading(f"opening {self.where}") as spark:
            fields = spark.sql(text).schema.fields
            return {field.name: field.dataType.simpleString() for field in fields}

    def first_row(
        self, relation: exp.Expr, condition: exp.Expr, column: str
    ) -> tuple[str, object] | None:
        subject, count = f"checking the values of {self.where}", exp.select("COUNT(*) AS rows")
        bad_rows = count.from_(relation.copy()).where(condition.copy())
        n_bad = int(_run(self.session, bad_rows, subject)[0]["rows"])
        if not n_bad:
            return None
        try:
            first = _run(self.session, _first_place(relation, condition), subject)[0]
        except RolloutError:  # a view, or another source without files
            return "one row" if n_bad == 1 else f"{n_bad} rows", None
        return f"row {first['row_index'] + 1} of {first['file_name']}", None


def _first_place(relation: exp.Expr, condition: exp.Expr) -> exp.Select:
    """The file and the position of the first row that meets a condition."""
    place = [parse_one(f"{sql} AS {name}", read="spark") for name, sql in _ROW_PLACE.items()]
    if isinstance(relation, exp.Subquery):
        placed = relation.this.select(*place).subquery("placed")
        query = exp.select(*_ROW_PLACE).from_(placed)
    else:
        query = exp.select(*place).from_(relation.copy())
    return query.where(condition.copy()).order_by(*_ROW_PLACE).limit(1)


def _run(session: Session, query: exp.Select, subject: str) -> list[dict[str, Any]]:
    text = query.sql(dialect="spark")
    check_one_select(text, "spark")
    with session.reading(subject) as spark:
        rows: list[dict[str, Any]] = spark.sql(text).toArrow().to_pylist()
    return rows
