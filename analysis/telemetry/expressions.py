"""SQL that only computes: what a user's mapping may say, and what may be sent to a database."""

from __future__ import annotations

from sqlglot import exp, parse, parse_one

from analysis.leaks import quote
from analysis.telemetry.functions import refused_function

MAX_LENGTH, MAX_DEPTH = 4_000, 50
ENGINE_DIALECTS = ("postgres", "duckdb", "spark")
_WRITING = (exp.DML, exp.DDL, exp.Drop, exp.Command, exp.Into, exp.Lock)
_OTHER_FUNCTIONS = "use those of docs/mappings.md, or map a column of a view"
_NO_VALUE = (exp.Query, exp.Placeholder, exp.Alias, exp.AggFunc, exp.Window, exp.Star)


def parse_select(text: str, dialect: str) -> exp.Select | None:
    """The one SELECT that a text is; None when it is anything else.

    Which functions it calls is for `refused_function`.
    """
    statements = [one for one in _parsed(text, dialect) if one is not None]
    if len(statements) != 1 or not isinstance(statements[0], exp.Select):
        return None
    query = statements[0]
    return None if query.find(*_WRITING) else query


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
    if name := refused_function(expression):
        return f"calls {quote(name)}, which is not on the list of functions; {_OTHER_FUNCTIONS}"
    for engine in (dialect, *ENGINE_DIALECTS):
        if not _can_be_written(expression, engine):
            return f"cannot be translated into SQL for {engine}; write a simpler expression"
    return None


def _parsed(text: str, dialect: str) -> list[exp.Expr | None]:
    try:
        return parse(text, read=dialect)
    except Exception:  # the parser raises errors of many types for a text that it cannot read
        return []


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
