"""Patterns of error messages that find a status number where an SDK puts it.

They use only what PostgreSQL, DuckDB, ClickHouse and Spark read the same way.
"""

from __future__ import annotations


def any_of(*patterns: str) -> str:
    """A pattern that is found where one of these is.

    >>> any_of("overload", "bad gateway")
    '(overload|bad gateway)'
    """
    return f"({'|'.join(patterns)})"


PEELED = "^[^a-z0-9]*([a-z0-9_. ]*(error|exception|timeout)[^a-z0-9]+)*"
"""The start of the text, after names of exceptions such as `litellm.Timeout: ` or `xError - `."""
_WORD_BEFORE_NUMBER = any_of(
    "(error|exception|status|code|http|returned|response)s?[^a-z0-9.,]+",
    "http/[0-9.]+ ",
    "(got|received|returned)( an?)?( http)?( status)?( code)? ",
    "[(]",
)
_AFTER_NUMBER = "([^0-9a-z.,%]|[.,]([^0-9]|$)|$)"
UNITS = (
    " ?(tokens|ms|milliseconds|s|secs?|seconds|minutes|characters|chars|words|bytes|[kmg]i?b|"
    "items|rows|records|calls|times|files|chunks|pages|dimensions)"
    "([^a-z]|$)"
)


def at_start(number: str) -> str:
    """The status number as the first thing that the text says."""
    return f"{PEELED}{number}{_AFTER_NUMBER}"


def anywhere(number: str) -> str:
    """The status number after a word that announces it: `status code 429`, `"code":503`."""
    return f"(^|[^a-z]|status|error|api|server|client){_WORD_BEFORE_NUMBER}{number}{_AFTER_NUMBER}"
