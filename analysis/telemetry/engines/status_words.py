"""Words for success and error in the column status that stores other than ours use."""

from __future__ import annotations

from sqlglot import exp, parse_one

STATUS_WORDS = {
    "success": ("success", "succeeded", "successful", "ok", "completed", "complete"),
    "error": (
        *("error", "errored", "failed", "failure", "fail", "exception", "timeout", "timed_out"),
        *("rate_limited", "rate_limit", "throttled", "connection_error", "server_error"),
    ),
}
"""Statuses whose meaning is plain, in any case, with - or a space for _."""
_MESSAGES_OF_STATUS = {
    "Request timed out.": ("timeout", "timed_out"),
    "429 Rate limit reached": ("rate_limited", "rate_limit", "throttled"),
    "Connection error.": ("connection_error",),
    "500 server error": ("server_error",),
}
"""What a status says of an error without a message."""


def status_or_message(column: str, sql: str, status: str, dialect: str) -> str:
    """The SQL of `status` or `errorMessage`, with other words for success and error understood.

    `sql` and `status` are the expressions of the column and of the status, in that dialect.
    """
    text = exp.cast(parse_one(status, read=dialect), "TEXT")
    own = exp.cast(parse_one(sql, read=dialect), "TEXT")
    word: exp.Expr = exp.func("LOWER", exp.func("TRIM", text))
    for mark in ("-", " "):
        word = exp.func("REPLACE", word, exp.convert(mark), exp.convert("_"))
    case = exp.Case()
    if column == "status":
        case = case.when(text.copy().isin("success", "error"), text.copy())
        for meaning, words in STATUS_WORDS.items():
            case = case.when(word.copy().isin(*words), exp.convert(meaning))
        return case.else_(own).sql(dialect)
    case = case.when(exp.or_(own.copy().neq(""), text.copy().isin("success", "error")), own.copy())
    for message, words in _MESSAGES_OF_STATUS.items():
        case = case.when(word.copy().isin(*words), exp.convert(message))
    return case.else_(own).sql(dialect)
