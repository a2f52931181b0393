"""The queries of sql/, made whole: the relation `calls` put in front, the store's mapping and the user's classes worked in by syntax tree.

Values travel as named parameters only; nothing here pastes text into SQL.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from collections.abc import Mapping as Dictionary
from dataclasses import dataclass
from datetime import datetime
from functools import cache, cached_property, lru_cache
from pathlib import Path
from typing import Any

from sqlglot import exp, parse, parse_one
from sqlglot.errors import SqlglotError

from analysis.metrics import FIRST_USER_CODE
from analysis.telemetry.mapping import CANONICAL_TABLE, Mapping, acts
from analysis.telemetry.microseconds import in_microseconds

SQL_FOLDER = Path(__file__).resolve().parents[2] / "sql"
WARM_UP, SEEN_END = "warm_up_ms", "seen_end"
"""Conditions of calls.sql that are asked only when there is such a value."""
FEATURES, SOURCES = "features", "sources"
"""Lists of names: a statement that is given them counts by the place of a name, from 1 on; 0 for a missing one, NULL for another."""


@dataclass(frozen=True)
class ErrorClass:
    """A class of errors that the user adds: its name, and what a message of it holds (`contains`, any of) or matches (`pattern`)."""

    name: str
    contains: tuple[str, ...] = ()
    pattern: str | None = None


@dataclass(frozen=True)
class Relation:
    """A few rows of values that a query joins, such as the limits of each feature; all of them travel as parameters.

    Attributes
    ----------
    columns : name -> SQL type (PostgreSQL).
    rows : one tuple a row, in the columns' order; None is NULL.
    """

    columns: Dictionary[str, str]
    rows: Sequence[tuple[Any, ...]]

    def cells(self) -> Iterator[tuple[int, str, Any]]:
        """Every value with its row and its column."""
        for at, row in enumerate(self.rows):
            yield from (
                (at, column, value) for column, value in zip(self.columns, row, strict=True)
            )


@dataclass(frozen=True, eq=False)
class Template:
    """A query worked out for one store: everything but the values.

    Attributes
    ----------
    name : the file in sql/.
    query : the syntax tree, with named placeholders.
    constants : values that belong to the store, such as the words of the user's error classes.
    """

    name: str
    query: exp.Select
    constants: Dictionary[str, Any]

    @cached_property
    def placeholders(self) -> frozenset[str]:
        """The names of the values it needs."""
        return frozenset(node.name for node in self.query.find_all(exp.Placeholder))


@dataclass(frozen=True, eq=False)
class Statement:
    """One SELECT with its parameters; an engine renders it in its own dialect."""

    template: Template
    parameters: Dictionary[str, Any]

    @property
    def name(self) -> str:
        """The file in sql/ that it comes from."""
        return self.template.name

    def sql(self, dialect: str, *, placeholder: str | None = None) -> str:
        """The text in that dialect; `placeholder` such as ``:{}`` replaces the dialect's own way to name a parameter.

        Raises PermissionError when the text is not exactly one SELECT.
        """
        return _rendered(self.template, dialect, placeholder)

    def text_with_values(self) -> str:
        """The text for psql: canonical PostgreSQL, the values written in."""
        query = self.template.query.copy()
        for node in list(query.find_all(exp.Placeholder)):
            node.replace(_literal(self.parameters[node.name]))
        text = query.sql(dialect="postgres", pretty=True, comments=False)
        check_one_select(text, "postgres")
        return text


def check_one_select(text: str, dialect: str) -> None:
    """Refuse a text that is not exactly one SELECT without side effects: the parser's lock, beside the database's own.

    Raises PermissionError. Of the functions that the text calls it refuses those whose names are known to act.
    """
    try:
        statements = [statement for statement in parse(text, read=dialect) if statement is not None]
    except (SqlglotError, RecursionError):
        statements = []
    forbidden = (
        exp.Insert,
        exp.Update,
        exp.Delete,
        exp.Merge,
        exp.Create,
        exp.Drop,
        exp.Command,
        exp.Into,
        exp.Lock,
        exp.Copy,
    )
    if (
        len(statements) != 1
        or not isinstance(statements[0], exp.Select)
        or statements[0].find(*forbidden)
        or acts(statements[0])
    ):
        raise PermissionError("only one SELECT at a time is sent to the database")


@dataclass(frozen=True)
class Queries:
    """The queries of sql/ over one store: its mapping and the user's error classes."""

    mapping: Mapping
    error_classes: tuple[ErrorClass, ...] = ()

    def statement(
        self,
        name: str,
        parameters: Dictionary[str, Any],
        *,
        relations: Dictionary[str, Relation] | None = None,
        ordered: bool = True,
    ) -> Statement:
        """The query `sql/<name>.sql` over this store, with its parameters and the relations it joins.

        Without `ordered` the database is spared the sorting: tables of counts are sorted in Python, for collations differ.
        """
        given = relations or {}
        shapes = tuple(
            (key, tuple(one.columns.items()), len(one.rows)) for key, one in given.items()
        )
        needless = frozenset(key for key in (WARM_UP, SEEN_END) if not parameters.get(key))
        template = _template(
            self, name, shapes, ordered, needless=needless, by_number=FEATURES in parameters
        )
        values = {**template.constants, **parameters}
        for key, relation in given.items():
            values |= {_cell(key, at, column): value for at, column, value in relation.cells()}
        return Statement(template, {key: values[key] for key in sorted(template.placeholders)})

    def left_out(self, written_from: datetime) -> Iterator[tuple[str, Statement]]:
        """What the mapping leaves out and wants counted: in words, and as the query that counts it."""
        for what, condition in self.mapping.left_out:
            template = Template("left out", self.mapping.left_out_query(condition), {})
            yield what, Statement(template, dict.fromkeys(template.placeholders, written_from))


@lru_cache(maxsize=256)
def _template(
    queries: Queries,
    name: str,
    shapes: tuple[tuple[str, tuple[tuple[str, str], ...], int], ...],
    ordered: bool,
    *,
    needless: frozenset[str],
    by_number: bool,
) -> Template:
    query, constants = _parsed(name).copy(), {}
    if not ordered:
        query.set("order", None)
    for relation, columns, n_rows in shapes:
        query = query.with_(relation, _relation_query(relation, dict(columns), n_rows))
    if any(table.name == "calls" for table in query.find_all(exp.Table)):
        calls = _calls(queries.error_classes, constants, needless)
        query = query.with_("calls", _numbered(calls) if by_number else calls)
    for table in list(query.find_all(exp.Table)):
        if table.name == CANONICAL_TABLE:
            table.replace(queries.mapping.relation(_written(table)))
    return Template(name, query, constants)


def _written(table: exp.Table) -> list[exp.Binary]:
    """The conditions on createdAt that the SELECT over this table has, joined by AND."""
    where = table.find_ancestor(exp.Select).args.get("where")
    parts = (
        list(where.this.flatten())
        if where and isinstance(where.this, exp.And)
        else [where.this]
        if where
        else []
    )
    compared = (exp.GT, exp.GTE, exp.LT, exp.LTE)
    return [
        part
        for part in parts
        if isinstance(part, compared)
        and isinstance(part.this, exp.Column)
        and part.this.name == "createdAt"
    ]


@lru_cache(maxsize=256)
def _rendered(template: Template, dialect: str, placeholder: str | None) -> str:
    query = in_microseconds(template.query) if dialect == "duckdb" else template.query
    if placeholder:
        query = query.copy()
        for node in list(query.find_all(exp.Placeholder)):
            node.replace(exp.Var(this=placeholder.format(node.name)))
    text = query.sql(dialect=dialect, comments=False)
    check_one_select(text, dialect)
    return text


def _calls(
    error_classes: Sequence[ErrorClass], constants: dict[str, Any], needless: frozenset[str]
) -> exp.Select:
    """The relation `calls`, the user's classes tried before the shipped ones, without the conditions that have nothing to ask of a row."""
    calls = _parsed("calls").copy()
    calls.set("order", None)
    asked = [
        one
        for one in calls.args["where"].this.flatten()
        if needless.isdisjoint(node.name for node in one.find_all(exp.Placeholder))
    ]
    calls.set("where", exp.Where(this=exp.and_(*asked)))
    classes = next(case for case in calls.find_all(exp.Case) if case.parent.alias == "outcome")
    added = [
        _user_class(index, error_class, constants)
        for index, error_class in enumerate(error_classes)
    ]
    success, *shipped = classes.args["ifs"]
    classes.set("ifs", [success, *added, *shipped])
    return calls


def _numbered(calls: exp.Select) -> exp.Select:
    """The calls with the places of their feature and source in the lists of names."""
    for column, known in (("feature", FEATURES), ("source", SOURCES)):
        (alias,) = (one for one in calls.selects if one.alias_or_name == column)
        place = (
            f"COALESCE(ARRAY_POSITION(:{known}, {column}), CASE WHEN {column} IS NULL THEN 0 END)"
        )
        alias.replace(exp.alias_(exp.cast(parse_one(place, read="postgres"), "SMALLINT"), column))
    return calls


def sql_sha256(names: Sequence[str] | None = None) -> str:
    """A fingerprint of these queries, or of all, for provenance: the same when they are asked in the same words."""
    digest = hashlib.sha256()
    for path in sorted(SQL_FOLDER.glob("*.sql")):
        if names is not None and path.stem not in names:
            continue
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _user_class(index: int, error_class: ErrorClass, values: dict[str, Any]) -> exp.If:
    conditions = []
    for number, part in enumerate(error_class.contains):
        key = f"class_{index}_{number}"
        values[key] = part.lower()
        conditions.append(f"STRPOS(message, :{key}) > 0")
    if error_class.pattern is not None:
        values[f"class_{index}_pattern"] = error_class.pattern
        conditions.append(f"message ~ :class_{index}_pattern")
    condition = parse_one(" OR ".join(conditions), read="postgres")
    return exp.If(this=condition, true=exp.Literal.number(FIRST_USER_CODE + index))


def _relation_query(name: str, columns: Dictionary[str, str], n_rows: int) -> exp.Select:
    """The relation as VALUES of placeholders; the first row says the types. Without rows: one of NULLs, and none of it."""
    rows = [
        [exp.Placeholder(this=_cell(name, at, column)) for column in columns]
        for at in range(n_rows)
    ]
    rows = rows or [[exp.null() for _ in columns]]
    rows[0] = [
        exp.cast(cell, kind, dialect="postgres")
        for cell, kind in zip(rows[0], columns.values(), strict=True)
    ]
    given = exp.Values(
        expressions=[exp.Tuple(expressions=row) for row in rows],
        alias=exp.TableAlias(
            this=exp.to_identifier("given"),
            columns=[exp.to_identifier(column) for column in columns],
        ),
    )
    query = exp.select(*columns).from_(given)
    return query if n_rows else query.where(exp.false())


def _cell(relation: str, row: int, column: str) -> str:
    return f"{relation}_{row}_{column}"


def _literal(value: Any) -> exp.Expression:
    if isinstance(value, datetime):
        return exp.cast(exp.Literal.string(value.isoformat(sep=" ")), "TIMESTAMP")
    return exp.convert(value)


@cache
def _parsed(name: str) -> exp.Select:
    return parse_one((SQL_FOLDER / f"{name}.sql").read_text(encoding="utf-8"), read="postgres")
