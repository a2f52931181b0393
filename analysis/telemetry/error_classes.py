"""The error classes that ship, as rules in the order in which they are tried; the first match wins.

A rule reads the message as sql/calls.sql prepares it: in lower case, on one line, without the
suffix `` meta={...}``. To add a class: its code in `analysis/outcomes.py`, and its rules here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from sqlglot import exp, parse_one

from analysis.config.settings import ErrorClass
from analysis.outcomes import FIRST_USER_CODE, OUTCOME_CODES


class ErrorRule(NamedTuple):
    """One rule: a message that matches `text` has the class `outcome`.

    `operator` is SQL's: ``LIKE``, or ``~`` for a regular expression. A pattern uses only what
    PostgreSQL, DuckDB and Spark read the same way: no ``.``, no backslash, no ``(?``.
    """

    outcome: str
    operator: Literal["LIKE", "~"]
    text: str


SHIPPED_RULES = (
    # A status number at the start is the server's or the proxy's own answer, whatever follows it.
    ErrorRule("http_5xx", "~", "^(post-process error: )?5[0-9][0-9]( |$)"),
    ErrorRule("rate_limit", "~", "^(post-process error: )?429( |$)"),
    ErrorRule("http_4xx", "~", "^(post-process error: )?4[0-9][0-9]( |$)"),
    # What the post-processing of an answer reports.
    ErrorRule("max_output_tokens", "LIKE", "post-process error: hit max_output_tokens%"),
    ErrorRule("max_output_tokens", "LIKE", "response incomplete: max_output_tokens%"),
    ErrorRule("invalid_output", "LIKE", "post-process error: failed to parse json%"),
    ErrorRule("invalid_output", "LIKE", "post-process error: %schema violation%"),
    ErrorRule("invalid_output", "LIKE", "post-process error: %empty output_text%"),
    # Words that may stand anywhere, so they are tried last.
    ErrorRule("timeout", "LIKE", "%request timed out%"),
    ErrorRule("connection", "LIKE", "%connection error%"),
)


def class_branches(own: Sequence[ErrorClass]) -> tuple[list[exp.If], dict[str, str]]:
    """The branches of the CASE that classifies a message, and the values of their parameters.

    The user's own classes come before the shipped ones. Their words travel as parameters.
    """
    values: dict[str, str] = {}
    branches = []
    for number, error_class in enumerate(own):
        conditions = []
        for part, words in enumerate(error_class.contains):
            values[f"class_{number}_{part}"] = words
            conditions.append(f"STRPOS(message, :class_{number}_{part}) > 0")
        if error_class.pattern is not None:
            values[f"class_{number}_pattern"] = error_class.pattern
            conditions.append(f"message ~ :class_{number}_pattern")
        branches.append(_branch(" OR ".join(conditions), FIRST_USER_CODE + number))
    for rule in SHIPPED_RULES:
        operand = exp.Literal.string(rule.text).sql("postgres")
        branches.append(_branch(f"message {rule.operator} {operand}", OUTCOME_CODES[rule.outcome]))
    return branches, values


def _branch(condition: str, code: int) -> exp.If:
    return exp.If(this=parse_one(condition, read="postgres"), true=exp.Literal.number(code))
