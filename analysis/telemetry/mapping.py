"""How the canonical table, which the queries in sql/ read, is made from the table of a store."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from sqlglot import exp, parse_one

from analysis.errors import WrongUse
from analysis.leaks import quote

CANONICAL_TABLE = "AIInteraction"
CANONICAL_COLUMNS = (
    "id",
    "clientId",
    "leadId",
    "source",
    "featureId",
    "model",
    "latencyMs",
    "status",
    "errorMessage",
    "outputTokens",
    "totalTokens",
    "createdAt",
)
"""The columns of the telemetry table that the queries in sql/ read."""
MS_PER_UNIT = {"ms": "1", "s": "1000", "us": "0.001", "ns": "0.000001"}
"""Units of latencyMs -> milliseconds in one of them."""


@dataclass(frozen=True)
class TableMapping:
    """How the canonical table is made from a store's table.

    Attributes
    ----------
    name : for provenance.
    table : the store's table, with schema and catalog before dots, or a relation that an engine
        has made of it.
    columns : (canonical column, SQL expression over the store's columns); empty when the store
        has the canonical names.
    where : SQL condition that selects the calls among the rows, or None.
    notes : what `rollout doctor` says about the store.
    dialect : the SQL of `columns`, `where` and `indexed`; each engine gets its own.
    latency_unit : the unit of the expression of latencyMs, a key of `MS_PER_UNIT`.
    indexed : a time column of the store, at most a day before createdAt and never after it, by
        whose index the rows of a window are found.
    left_out : (description, SQL condition) of rows that `where` drops and doctor counts, such as
        calls without an end.
    """

    name: str
    table: str | exp.Expr
    columns: tuple[tuple[str, str], ...] = ()
    where: str | None = None
    notes: tuple[str, ...] = ()
    dialect: str = "postgres"
    latency_unit: str = "ms"
    indexed: str | None = None
    left_out: tuple[tuple[str, str], ...] = ()

    @property
    def fingerprint(self) -> str:
        """A short text that differs when the calls can differ; notes do not count."""
        parts = (str(self.table), self.columns, self.where, self.dialect, self.latency_unit)
        return f"{self.name}-{hashlib.sha256(repr(parts).encode()).hexdigest()[:12]}"

    @property
    def expressions(self) -> Iterator[tuple[str, str]]:
        """Every SQL expression with its place in the file."""
        yield from self.columns
        if self.where is not None:
            yield "where", self.where
        if self.indexed is not None:
            yield "indexed", self.indexed
        yield from self.left_out

    def relation(self, bounds: Sequence[exp.Binary] = ()) -> exp.Expr:
        """The store's table as the canonical one, for the place of FROM "AIInteraction".

        `bounds` are the query's conditions on createdAt; they bound the indexed column too.
        """
        relation = as_table(self.table)
        if self.columns:
            select = exp.select(*(self._column(name, sql) for name, sql in self.columns))
            conditions = [self._parsed(self.where)] if self.where else []
            if self.indexed is not None:
                conditions += [self._bound_on_indexed(bound) for bound in bounds]
            relation = exp.Subquery(this=select.from_(relation).where(*conditions))
        relation.set("alias", exp.TableAlias(this=exp.to_identifier(CANONICAL_TABLE, quoted=True)))
        return relation

    def left_out_query(self, condition: str) -> exp.Select:
        """Rows that meet a condition of `left_out`: all, or by the index since :written_from."""
        count = exp.select("COUNT(*) AS calls").from_(as_table(self.table))
        query = count.where(self._parsed(condition))
        if not self.indexed:
            return query
        since = exp.Placeholder(this="written_from")
        return query.where(self._bound_on_indexed(exp.column("createdAt") >= since))

    def check_fits(self, stored: Collection[str], where: str) -> None:
        """Raise WrongUse when an expression reads a column that the store, `where`, lacks."""
        known = {column.lower() for column in stored}
        for place, sql in self.expressions:
            for column in self._parsed(sql).find_all(exp.Column):
                name = column.parts[0].name
                if name.lower() not in known:
                    raise WrongUse(
                        f"mapping {self.name!r}: {place} reads {quote(name)}, which {where} does "
                        f"not have; copy the mapping and write another expression for {place}"
                    )

    def _parsed(self, sql: str) -> exp.Expr:
        return parse_one(sql, read=self.dialect)

    def _column(self, name: str, sql: str) -> exp.Expr:
        expression = self._parsed(sql)
        if name == "latencyMs" and self.latency_unit != "ms":
            factor = exp.Literal.number(MS_PER_UNIT[self.latency_unit])
            product = exp.Mul(this=exp.paren(expression), expression=factor)
            expression = exp.cast(exp.func("ROUND", product), "BIGINT")
        return exp.alias_(expression, name, quoted=True)

    def _bound_on_indexed(self, bound: exp.Binary) -> exp.Expr:
        """A bound on createdAt as one on the indexed column: a call lasts a day at most."""
        limit = bound.expression.copy()
        if isinstance(bound, exp.GT | exp.GTE):
            day = exp.Interval(this=exp.Literal.string("1"), unit=exp.var("DAY"))
            limit = exp.Sub(this=limit, expression=day)
        return type(bound)(this=exp.paren(self._parsed(self.indexed or "")), expression=limit)


def check_columns(types: Collection[str], where: str) -> None:
    """Raise WrongUse when a table, named by `where` in the message, lacks a canonical column."""
    missing = [column for column in CANONICAL_COLUMNS if column not in types]
    if missing:
        raise WrongUse(
            f"{where} has no column {missing[0]!r}; it needs {', '.join(CANONICAL_COLUMNS)}, "
            "or a mapping in [source].mapping"
        )


def as_table(name: str | exp.Expr) -> exp.Expr:
    """A table's name, perhaps with catalog and schema, as a quoted table of the syntax tree."""
    if not isinstance(name, str):
        return name.copy()
    catalog, schema, table = ["", "", *name.split(".")][-3:]
    return exp.table_(table, db=schema or None, catalog=catalog or None, quoted=True)
