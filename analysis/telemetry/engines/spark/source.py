"""The source in Spark: where the rows are, and a mapping that gives them their canonical types."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from sqlglot import exp, parse_one

from analysis.errors import DataNotTrusted, RolloutError, WrongUse
from analysis.leaks import quote
from analysis.telemetry.engines.canonical_types import VALUE_RULES, TypeNames
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
    columns = _types(session, table, where)
    mapping.check_fits(columns, where)
    relation = mapping.relation()
    types = _types(session, relation, where) if mapping.columns else columns
    _TYPES.check(types, where)
    for column, condition in _TYPES.bad_values(types).items():
        _check_values(session, relation, column, condition, where)
    typed = TableMapping(
        mapping.name,
        table=relation,
        columns=tuple(_TYPES.canonical_columns(types)),
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


def _types(session: Session, relation: exp.Expr, where: str) -> dict[str, str]:
    text = exp.select("*").from_(relation.copy()).limit(0).sql(dialect="spark")
    check_one_select(text, "spark")
    with session.reading(f"opening {where}") as spark:
        fields = spark.sql(text).schema.fields
        return {field.name: field.dataType.simpleString() for field in fields}


def _check_values(
    session: Session, relation: exp.Expr, column: str, is_bad: exp.Expr, where: str
) -> None:
    """Raise DataNotTrusted when values meet the condition; the first is named by file and row."""
    subject = f"reading {column}"
    count = exp.select("COUNT(*) AS rows").from_(relation.copy()).where(is_bad.copy())
    n_bad = int(_run(session, count, subject)[0]["rows"])
    if not n_bad:
        return
    place = "one row" if n_bad == 1 else f"{n_bad} rows"
    try:
        first = _run(session, _first_place(relation, is_bad), subject)[0]
        place = f"row {first['row_index'] + 1} of {first['file_name']}"
    except RolloutError:  # a view, or another source that has no files
        pass
    raise DataNotTrusted(
        f"{where}: {column} of {place} is not {VALUE_RULES[column]}; correct the row and run again"
    )


def _first_place(relation: exp.Expr, condition: exp.Expr) -> exp.Select:
    """The file and the position of the first row that meets a condition."""
    place = [parse_one(f"{sql} AS {name}", read="spark") for name, sql in _ROW_PLACE.items()]
    if isinstance(relation, exp.Subquery):
        inner = relation.this.select(*place)
        alias = exp.TableAlias(this=exp.to_identifier("placed"))
        query = exp.select(*_ROW_PLACE).from_(exp.Subquery(this=inner, alias=alias))
    else:
        query = exp.select(*place).from_(relation.copy())
    return query.where(condition.copy()).order_by(*_ROW_PLACE).limit(1)


def _run(session: Session, query: exp.Select, subject: str) -> list[dict[str, Any]]:
    text = query.sql(dialect="spark")
    check_one_select(text, "spark")
    with session.reading(subject) as spark:
        rows: list[dict[str, Any]] = spark.sql(text).toArrow().to_pylist()
    return rows
