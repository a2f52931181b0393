"""The queries of sql/, made whole: the relation `calls` put in front, the store's mapping and the user's classes worked in by syntax tree.

Values travel as named parameters only; nothing here pastes text into SQL.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping as Dictionary
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from sqlglot import exp, parse, parse_one
from sqlglot.errors import SqlglotError

from analysis.metrics import FIRST_USER_CODE
from analysis.telemetry.mapping import CANONICAL_TABLE, Mapping

SQL_FOLDER = Path(__file__).resolve().parents[2] / "sql"


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


@dataclass(frozen=True)
class Statement:
    """One SELECT with its parameters; an engine renders it in its own dialect."""

    name: str
    query: exp.Select
    parameters: Dictionary[str, Any] = field(default_factory=dict)

    def sql(self, dialect: str, *, placeholder: str | None = None) -> str:
        """The text in that dialect; `placeholder` such as ``:{}`` replaces the dialect's own way to name a parameter."""
        query = self.query
        if placeholder:
            query = query.copy()
            for node in list(query.find_all(exp.Placeholder)):
                node.replace(exp.Var(this=placeholder.format(node.name)))
        text = query.sql(dialect=dialect, comments=False)
        check_one_select(text, dialect)
        return text


    def by_hand(self) -> str:
        """The text for psql: canonical PostgreSQL, the values written in."""
        query = self.query.copy()
        for node in list(query.find_all(exp.Placeholder)):
            value = self.parameters[node.name]
            node.replace(exp.cast(exp.Literal.string(value.isoformat(sep=" ")), "TIMESTAMP") if isinstance(value, datetime) else exp.convert(value))
        return query.sql(dialect="postgres", pretty=True, comments=False)


def check_one_select(text: str, dialect: str) -> None:
    """Refuse a text that is not exactly one SELECT without side effects: the parser's lock, beside the database's own.

    Raises PermissionError. It cannot see what a function that the text calls would do.
    """
    try:
        statements = [statement for statement in parse(text, read=dialect) if statement is not None]
    except SqlglotError:
        statements = []
    forbidden = (exp.Insert, exp.Update, exp.Delete, exp.Merge, exp.Create, exp.Drop, exp.Command, exp.Into, exp.Lock, exp.Copy)
    if len(statements) != 1 or not isinstance(statements[0], exp.Select) or statements[0].find(*forbidden):
        raise PermissionError("only one SELECT at a time is sent to the database")


@dataclass(frozen=True)
class Queries:
    """The queries of sql/ over one store: its mapping and the user's error classes."""

    mapping: Mapping
    error_classes: tuple[ErrorClass, ...] = ()

    def statement(
        self, name: str, parameters: Dictionary[str, Any], *, relations: Dictionary[str, Relation] | None = None
    ) -> Statement:
        """The query `sql/<name>.sql` over this store, with its parameters and the relations it joins."""
        query = _parsed(name).copy()
        values = dict(parameters)
        for relation_name, relation in (relations or {}).items():
            query = query.with_(relation_name, _relation_query(relation_name, relation, values))
        if any(table.name == "calls" for table in query.find_all(exp.Table)):
            query = query.with_("calls", self._calls(values))
        for table in list(query.find_all(exp.Table)):
            if table.name == CANONICAL_TABLE:
                table.replace(self.mapping.relation())
        needed = {node.name for node in query.find_all(exp.Placeholder)}
        return Statement(name, query, {key: value for key, value in values.items() if key in needed})

    def _calls(self, values: dict[str, Any]) -> exp.Select:
        calls = _parsed("calls").copy()
        calls.set("order", None)
        classes = next(case for case in calls.find_all(exp.Case) if case.parent.alias == "outcome")
        added = [_user_class(index, error_class, values) for index, error_class in enumerate(self.error_classes)]
        success, *shipped = classes.args["ifs"]
        classes.set("ifs", [success, *added, *shipped])
        return calls


def sql_sha256() -> str:
    """A fingerprint of every query, for provenance: the same when the counts would be asked for in the same words."""
    digest = hashlib.sha256()
    for path in sorted(SQL_FOLDER.glob("*.sql")):
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


def _relation_query(name: str, relation: Relation, values: dict[str, Any]) -> exp.Expression:
    rows = list(relation.rows) or [(None,) * len(relation.columns)]
    selects = []
    for number, row in enumerate(rows):
        cells = []
        for (column, sql_type), value in zip(relation.columns.items(), row, strict=True):
            key = f"{name}_{number}_{column}"
            values[key] = value
            cell = exp.cast(exp.Placeholder(this=key), sql_type, dialect="postgres")
            cells.append(exp.alias_(cell, column))
        selects.append(exp.select(*cells))
    if not relation.rows:
        selects[0] = selects[0].where(exp.false())
    return exp.union(*selects, distinct=False) if len(selects) > 1 else selects[0]


@cache
def _parsed(name: str) -> exp.Select:
    return parse_one((SQL_FOLDER / f"{name}.sql").read_text(encoding="utf-8"), read="postgres")
