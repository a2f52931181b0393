"""Canonical types for the columns of files and tables whose columns may have any type."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sqlglot import exp, parse_one

from analysis.errors import WrongUse
from analysis.telemetry.mapping import CANONICAL_COLUMNS, check_columns

VALUE_RULES = {
    "latencyMs": "a whole number of milliseconds",
    "createdAt": "a time such as 2026-02-02 23:10:16.123",
}
_NUMBERS = ("latencyMs", "outputTokens", "totalTokens")
_WHOLE_NUMBER = "^ *[+-]?[0-9]+([.]0*)? *$"
# DuckDB's SQL, translated for other engines.
_BAD_TEXT = f"""
    "latencyMs" <> ''
    AND (
        TRY_CAST("latencyMs" AS BIGINT) IS NULL
        OR NOT REGEXP_MATCHES("latencyMs", '{_WHOLE_NUMBER}')
    )
"""
_BAD_NUMBER = """
    "latencyMs" IS NOT NULL
    AND NOT ISNAN(CAST("latencyMs" AS DOUBLE))
    AND "latencyMs" IS DISTINCT FROM TRY_CAST("latencyMs" AS BIGINT)
"""


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

    def check(self, types: Mapping[str, str], where: str) -> None:
        """Raise WrongUse for a missing column, or one whose type cannot be cast."""
        latency, created = (self.text, *self.whole, *self.fractional), (self.text, *self.time)
        check_types(types, where, latency=latency, created=created)

    def bad_values(self, types: Mapping[str, str]) -> dict[str, exp.Expr]:
        """Column -> condition that a value is no latency or no time, where its type allows it."""
        conditions = {}
        if types["latencyMs"] not in self.whole:
            bad = _BAD_TEXT if types["latencyMs"] == self.text else _BAD_NUMBER
            conditions["latencyMs"] = parse_one(bad, read="duckdb")
        if types["createdAt"] == self.text:
            is_null = f"{self.time_from_text} IS NULL"
            conditions["createdAt"] = parse_one(is_null, read=self.dialect)
        return conditions

    def canonical_columns(self, types: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        """(column, SQL that casts it) for every canonical column."""
        for column in CANONICAL_COLUMNS:
            if column == "createdAt":
                from_text = types[column] == self.text
                yield column, self.time_from_text if from_text else self.time_from_other
            else:
                is_number = column in _NUMBERS
                cast = (
                    f'TRY_CAST("{column}" AS BIGINT)' if is_number else f'CAST("{column}" AS TEXT)'
                )
                yield column, parse_one(cast, read="duckdb").sql(self.dialect)


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
