"""The canonical columns of files and tables whose columns may have any type: checked and cast."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from sqlglot import exp, parse_one

from analysis.errors import DataNotTrusted, WrongUse
from analysis.leaks import quote
from analysis.telemetry.engines.status_words import status_or_message
from analysis.telemetry.mapping import CANONICAL_COLUMNS, TableMapping, as_table, check_columns

VALUE_RULES = {
    "latencyMs": "a whole number of milliseconds",
    "outputTokens": "a whole number",
    "totalTokens": "a whole number",
    "createdAt": "a time such as 2026-02-02 23:10:16.123",
}
_NUMBERS = ("latencyMs", "outputTokens", "totalTokens")
_SHOWN_VALUE = re.compile(r"[0-9A-Za-z .,:;+/_-]{1,40}")
# DuckDB's SQL, translated for other engines.
_BAD_TEXT = """
    "{column}" <> ''
    AND (
        TRY_CAST("{column}" AS BIGINT) IS NULL
        OR NOT REGEXP_MATCHES("{column}", '^ *[+-]?[0-9]+([.]0*)? *$')
    )
"""
_BAD_NUMBER = """
    "latencyMs" IS NOT NULL
    AND NOT ISNAN(CAST("latencyMs" AS DOUBLE))
    AND "latencyMs" IS DISTINCT FROM TRY_CAST("latencyMs" AS BIGINT)
"""


class SourceReader(Protocol):
    """How an engine looks at its source before any query runs."""

    def types(self, relation: exp.Expr) -> dict[str, str]:
        """Column -> type of a table or subquery."""
        ...

    def first_row(
        self, relation: exp.Expr, condition: exp.Expr, column: str
    ) -> tuple[str, object] | None:
        """The place of the first row that meets a condition, such as ``row 3``, and its value.

        The value is None where the place is a count of rows.
        """
        ...


@dataclass(frozen=True)
class TypeNames:
    """How an engine names its types, and how it casts times. Names are compared by their start.

    Attributes
    ----------
    dialect : sqlglot's name of its SQL.
    text, whole, fractional, time : its types.
    time_from_text, time_from_other : its SQL that makes createdAt a TIMESTAMP in UTC.
    """

    dialect: str
    text: str
    whole: tuple[str, ...]
    fractional: tuple[str, ...]
    time: tuple[str, ...]
    time_from_text: str
    time_from_other: str

    def bad_values(self, types: Mapping[str, str]) -> dict[str, exp.Expr]:
        """Column -> condition that a value is no latency or no time, where its type allows it."""
        conditions = {}
        if types["latencyMs"] not in self.whole:
            bad = _BAD_NUMBER
            conditions["latencyMs"] = parse_one(bad, read="duckdb")
        for column in _NUMBERS:
            if types[column] == self.text:
                bad = _BAD_TEXT.format(column=column)
                conditions[column] = parse_one(bad, read="duckdb")
        if types["createdAt"] == self.text:
            is_null = f"{self.time_from_text} IS NULL"
            conditions["createdAt"] = parse_one(is_null, read=self.dialect)
        return conditions

    def cast(self, column: str, sql_type: str) -> str:
        """The SQL that gives a canonical column its canonical type."""
        if column == "createdAt":
            return self.time_from_text if sql_type == self.text else self.time_from_other
        if column in ("status", "errorMessage"):
            understood = status_or_message(column, f'"{column}"', '"status"', "duckdb")
            return parse_one(understood, read="duckdb").sql(self.dialect)
        cast, kind = ("TRY_CAST", "BIGINT") if column in _NUMBERS else ("CAST", "TEXT")
        return parse_one(f'{cast}("{column}" AS {kind})', read="duckdb").sql(self.dialect)


def check_source(
    reader: SourceReader, mapping: TableMapping, names: TypeNames, where: str
) -> tuple[dict[str, str], dict[str, str]]:
    """Check the columns, types and values of a source, named by `where` in messages.

    Its columns with their types, and the canonical columns with theirs. Raises WrongUse for a
    column that is missing or cannot be cast, DataNotTrusted for a bad value, with its row.
    """
    stored, relation = reader.types(as_table(mapping.table)), mapping.relation()
    mapping.check_fits(stored, where)
    types = reader.types(relation) if mapping.columns else stored
    latency, created = (names.text, *names.whole, *names.fractional), (names.text, *names.time)
    check_types(types, where, latency=latency, created=created)
    for column, condition in names.bad_values(types).items():
        if found := reader.first_row(relation, condition, column):
            row, value = found
            text = "" if value is None else str(value)
            shown = f" is {quote(text)}, which" if _SHOWN_VALUE.fullmatch(text) else ""
            raise DataNotTrusted(
                f"{where}: {column} of {row}{shown} is not {VALUE_RULES[column]}; "
                "correct the row and run again"
            )
    return stored, {column: types[column] for column in CANONICAL_COLUMNS}


def check_types(
    types: Mapping[str, str], where: str, *, latency: tuple[str, ...], created: tuple[str, ...]
) -> None:
    """Raise WrongUse when a column is missing, or latencyMs or createdAt has another type.

    `latency` and `created` are how the names of the accepted types begin.
    """
    check_columns(types, where)
    for column, accepted in (("latencyMs", latency), ("createdAt", created)):
        if not types[column].startswith(accepted):
            raise WrongUse(
                f"{where}: {column} has type {types[column]}, which is not read as "
                f"{VALUE_RULES[column]}; write a mapping that casts it"
            )
