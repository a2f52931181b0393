"""One SELECT with its values: rendered for an engine, with named parameters, and checked.

Values travel as parameters only. No text is pasted into SQL.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, lru_cache
from typing import Any

from sqlglot import exp

from analysis.leaks import quote
from analysis.telemetry.expressions import parse_select
from analysis.telemetry.functions import refused_function

Rewrite = Callable[[exp.Select], exp.Select]
"""Makes another tree from a query, for what an engine does differently; hashable, for the cache."""


@dataclass(frozen=True)
class Relation:
    """A small table of values that a query joins, such as the limits of each feature.

    Attributes
    ----------
    columns : name -> SQL type (PostgreSQL).
    rows : one tuple a row, in the order of the columns; None is NULL.
    """

    columns: Mapping[str, str]
    rows: Sequence[tuple[Any, ...]]

    @property
    def shape(self) -> tuple[tuple[tuple[str, str], ...], int]:
        """What a query's text depends on: the columns with their types, and the number of rows."""
        return tuple(self.columns.items()), len(self.rows)

    def cells(self, name: str) -> Iterator[tuple[str, Any]]:
        """Every value with its parameter, when the relation is called `name`."""
        for number, row in enumerate(self.rows):
            for column, value in zip(self.columns, row, strict=True):
                yield cell_parameter(name, number, column), value


def cell_parameter(relation: str, row: int, column: str) -> str:
    """The parameter that carries one value of a relation."""
    return f"{relation}_{row}_{column}"


@dataclass(frozen=True, eq=False)
class Template:
    """A query made for one store: everything but the values.

    Attributes
    ----------
    name : the file in sql/.
    query : the syntax tree, with named placeholders.
    constants : values that belong to the store, such as the words of the user's error classes.
    """

    name: str
    query: exp.Select
    constants: Mapping[str, Any]

    @cached_property
    def placeholders(self) -> frozenset[str]:
        """The names of the values it needs."""
        return frozenset(node.name for node in self.query.find_all(exp.Placeholder))


@dataclass(frozen=True, eq=False)
class Statement:
    """One SELECT and the values of its parameters; an engine renders it in its own dialect."""

    template: Template
    parameters: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The file in sql/ that it comes from."""
        return self.template.name

    def sql(
        self, dialect: str, *, placeholder: str | None = None, rewrite: Rewrite | None = None
    ) -> str:
        """The text in that dialect.

        `placeholder` such as ``:{}`` replaces the dialect's way to write a parameter; `rewrite`
        changes the tree first. Raises PermissionError when the text is not exactly one SELECT.
        """
        return _rendered(self.template, dialect, placeholder, rewrite)

    def text_with_values(self) -> str:
        """The text for psql: PostgreSQL, with the values written in."""
        query = self.template.query.copy()
        for node in list(query.find_all(exp.Placeholder)):
            node.replace(_literal(self.parameters[node.name]))
        text = query.sql(dialect="postgres", pretty=True, comments=False)
        check_one_select(text, "postgres")
        return text


def check_one_select(text: str, dialect: str) -> None:
    """Raise PermissionError unless the text is one SELECT that only reads and computes.

    This is the first of two locks: the database is opened read-only as well.
    """
    query = parse_select(text, dialect)
    if query is None:
        raise PermissionError("only one SELECT at a time is sent to the database")
    if name := refused_function(query):
        raise PermissionError(
            f"the function {quote(name)} is not on the list of functions that only compute"
        )


@lru_cache(maxsize=256)
def _rendered(
    template: Template, dialect: str, placeholder: str | None, rewrite: Rewrite | None
) -> str:
    query = rewrite(template.query) if rewrite else template.query
    if placeholder:
        query = query.copy()
        for node in list(query.find_all(exp.Placeholder)):
            node.replace(exp.Var(this=placeholder.format(node.name)))
    text = query.sql(dialect=dialect, comments=False)
    check_one_select(text, dialect)
    return text


def _literal(value: Any) -> exp.Expr:
    if isinstance(value, datetime):
        return exp.cast(exp.Literal.string(value.isoformat(sep=" ")), "TIMESTAMP")
    return exp.convert(value)
