"""SQL that only computes: what a user's mapping may say, and what may be sent to a database."""

from __future__ import annotations

import re

from sqlglot import exp, parse, parse_one

MAX_LENGTH, MAX_DEPTH = 4_000, 50
ENGINE_DIALECTS = ("postgres", "duckdb", "spark")
_ACTING_FUNCTIONS = re.compile(
    r"(?i)(pg_|lo_|dblink|xp_|http|read_|write|load_"
    r"|query_to_|cursor_to_|table_to_|schema_to_|database_to_)"
    r"|(set_config|setval|nextval|sleep|benchmark|system|reflect|java_method|getenv|fts_main)$"
)
"""Names of functions that wait, write, or reach files and servers. A read-only transaction stops
most of them, not all."""
_WRITING = (exp.DML, exp.DDL, exp.Drop, exp.Command, exp.Into, exp.Lock)
_NO_VALUE = (exp.Query, exp.Placeholder, exp.Alias, exp.AggFunc, exp.Window, exp.Star)


def parse_select(text: str, dialect: str) -> exp.Select | None:
    """The one SELECT that a text is; None when it is anything else or does more than compute."""
    statements = [one for one in _parsed(text, dialect) if one is not None]
    if len(statements) != 1 or not isinstance(statements[0], exp.Select):
        return None
    query = statements[0]
    return None if query.find(*_WRITING) or _acts(query) else query


def expression_problem(sql: str, dialect: str) -> str | None:
    """Why a text is no expression over the columns of one row, with what to do; None if it is."""
    too_complex = "is too long or nested too deeply; make a view in the database and map its column"
    # Checked before parsing: the parser needs minutes for some hundred open brackets.
    if len(sql) > MAX_LENGTH or sql.count("[") > MAX_DEPTH:
        return too_complex
    parsed = _parsed(sql, dialect)
    expression = parsed[0] if len(parsed) == 1 else None
    if not isinstance(expression, exp.Expression) or expression.find(*_WRITING, *_NO_VALUE):
        return (
            "is not one SQL expression over the table's columns; "
            "remove SELECT, aggregates, window functions and aliases"
        )
    if _is_deep(expression):
        return too_complex
    for engine in (dialect, *ENGINE_DIALECTS):
        if not _can_be_written(expression, engine):
            return f"cannot be translated into SQL for {engine}; write a simpler expression"
    if _acts(expression):
        return "calls a function that does more than compute; use functions of the columns only"
    return None


def _parsed(text: str, dialect: str) -> list[exp.Expr | None]:
    try:
        return parse(text, read=dialect)
    except Exception:  # the parser raises errors of many types for a text that it cannot read
        return []


def _acts(query: exp.Expr) -> bool:
    return any(_ACTING_FUNCTIONS.match(call.name) for call in query.find_all(exp.Anonymous))


def _can_be_written(expression: exp.Expr, dialect: str) -> bool:
    """Whether the text in that dialect can be read back; a query that cannot is never sent."""
    try:
        return isinstance(parse_one(expression.sql(dialect=dialect), read=dialect), exp.Expression)
    except Exception:
        return False


def _is_deep(expression: exp.Expr) -> bool:
    level = [expression]
    for _ in range(MAX_DEPTH):
        level = [inner for one in level for inner in one.iter_expressions()]
    return bool(level)
