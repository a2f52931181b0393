"""The queries of sql/ over one store.

A query reads the relation `calls` or the table "AIInteraction". Here both are put in its syntax
tree: the classified calls with the user's error classes, and the store's table by its mapping.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlglot import exp, parse_one

from analysis.config.settings import ErrorClass
from analysis.telemetry.error_classes import class_branches
from analysis.telemetry.mapping import CANONICAL_TABLE, TableMapping
from analysis.telemetry.sql_files import CALLS, parsed_query
from analysis.telemetry.statements import Relation, Statement, Template, cell_parameter

WARM_UP, PREVIOUS_END = "warm_up_ms", "previous_end"
"""Parameters of calls.sql; a condition on one of them is left out when it has no value."""
FEATURES, SOURCES = "features", "sources"
"""Parameters that hold lists of names. With them a query returns a name's position in its list,
from 1 on, in place of the name: 0 where the name is NULL, NULL where the list does not have it."""


@dataclass(frozen=True)
class Queries:
    """The queries of sql/ over one store: its mapping and the user's error classes."""

    mapping: TableMapping
    error_classes: tuple[ErrorClass, ...] = ()

    def statement(
        self,
        name: str,
        parameters: Mapping[str, Any],
        *,
        relations: Mapping[str, Relation] | None = None,
        ordered: bool = True,
    ) -> Statement:
        """The query ``sql/<name>.sql`` with its parameters and the relations it joins.

        Counts need no order (`ordered=False`): they are sorted in Python, since collations differ.
        """
        joined = relations or {}
        template = _template(
            self,
            name,
            tuple((key, relation.shape) for key, relation in joined.items()),
            without=frozenset(key for key in (WARM_UP, PREVIOUS_END) if not parameters.get(key)),
            with_name_codes=FEATURES in parameters,
            ordered=ordered,
        )
        values = {**template.constants, **parameters}
        for key, relation in joined.items():
            values |= dict(relation.cells(key))
        return Statement(template, {key: values[key] for key in sorted(template.placeholders)})

    def left_out(self, written_from: datetime) -> Iterator[tuple[str, Statement]]:
        """The rows that the mapping leaves out and reports: a description, and a query for them."""
        for what, condition in self.mapping.left_out:
            template = Template("left out", self.mapping.left_out_query(condition), {})
            yield what, Statement(template, dict.fromkeys(template.placeholders, written_from))


@lru_cache(maxsize=256)
def _template(
    queries: Queries,
    name: str,
    relations: tuple[tuple[str, tuple[tuple[tuple[str, str], ...], int]], ...],
    *,
    without: frozenset[str],
    with_name_codes: bool,
    ordered: bool,
) -> Template:
    query, constants = parsed_query(name).copy(), dict[str, str]()
    if not ordered:
        query.set("order", None)
    for relation, (columns, n_rows) in relations:
        query = query.with_(relation, _values_query(relation, dict(columns), n_rows))
    if any(table.name == CALLS for table in query.find_all(exp.Table)):
        calls, constants = _calls_query(queries.error_classes, without)
        query = query.with_(CALLS, _with_name_codes(calls) if with_name_codes else calls)
    for table in list(query.find_all(exp.Table)):
        if table.name == CANONICAL_TABLE:
            table.replace(queries.mapping.relation(_conditions_on_created_at(table)))
    return Template(name, query, constants)


def _calls_query(
    error_classes: tuple[ErrorClass, ...], without: Collection[str]
) -> tuple[exp.Select, dict[str, str]]:
    """The SELECT of calls.sql with all error classes, and the values of the user's classes."""
    calls = parsed_query(CALLS).copy()
    calls.set("order", None)
    conditions = [
        condition
        for condition in calls.args["where"].this.flatten()
        if not any(node.name in without for node in condition.find_all(exp.Placeholder))
    ]
    calls.set("where", exp.Where(this=exp.and_(*conditions)))
    branches, values = class_branches(error_classes)
    case = _column(calls, "outcome").this
    case.set("ifs", [*case.args["ifs"], *branches])
    return calls, values


def _with_name_codes(calls: exp.Select) -> exp.Select:
    """The calls with the positions of their feature and source in the lists of names."""
    for column, names in (("feature", FEATURES), ("source", SOURCES)):
        position = parse_one(
            f"COALESCE(ARRAY_POSITION(:{names}, {column}), CASE WHEN {column} IS NULL THEN 0 END)",
            read="postgres",
        )
        code = exp.alias_(exp.cast(position, "SMALLINT"), column)
        _column(calls, column).replace(code)
    return calls


def _column(query: exp.Select, name: str) -> exp.Expr:
    return next(column for column in query.selects if column.alias_or_name == name)


def _conditions_on_created_at(table: exp.Table) -> list[exp.Binary]:
    """The bounds on createdAt in the WHERE of the SELECT that reads this table."""
    select = table.find_ancestor(exp.Select)
    where = select and select.args.get("where")
    conditions = where.this.flatten() if where and isinstance(where.this, exp.And) else []
    if where and not conditions:
        conditions = [where.this]
    return [
        condition
        for condition in conditions
        if isinstance(condition, exp.GT | exp.GTE | exp.LT | exp.LTE)
        and isinstance(condition.this, exp.Column)
        and condition.this.name == "createdAt"
    ]


def _values_query(name: str, columns: Mapping[str, str], n_rows: int) -> exp.Select:
    """A relation as VALUES of placeholders, whose first row has the types.

    Without rows: a row of NULLs that is filtered out again, so that the columns exist.
    """
    rows: list[list[exp.Expr]] = [
        [exp.Placeholder(this=cell_parameter(name, row, column)) for column in columns]
        for row in range(n_rows)
    ] or [[exp.null() for _ in columns]]
    rows[0] = [
        exp.cast(cell, kind, dialect="postgres")
        for cell, kind in zip(rows[0], columns.values(), strict=True)
    ]
    values = exp.values([tuple(row) for row in rows], alias="given", columns=list(columns))
    query = exp.select(*columns).from_(values)
    return query if n_rows else query.where(exp.false())
