"""The error classes that ship, as rules in the order in which they are tried; the first match wins.

A rule reads the message as sql/calls.sql prepares it: in lower case, on one line, without the
suffix `` meta={...}``. To add a class: its code in `analysis/outcomes.py`, and its rules here.

Words come before numbers where they are surer: a timeout under 504 is a timeout, and an account
without credit under 429 is `quota`, since a retry does not help. A status number counts only where
an SDK writes it. The names of exception classes come last: LiteLLM puts several of them before the
text of the provider, and the outer ones say little (`APIConnectionError` for any failure).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlglot import exp, parse_one

from analysis.config.settings import ErrorClass
from analysis.outcomes import FIRST_USER_CODE, OUTCOME_CODES
from analysis.telemetry import error_words
from analysis.telemetry.status_numbers import PEELED, UNITS, any_of, anywhere, at_start


class ErrorRule(NamedTuple):
    """One rule: a message in which the regular expression `pattern` is found has class `outcome`.

    PostgreSQL keeps 32 compiled expressions; with more, it compiles each of them again for each
    message, which takes 30 times as long. So there are few rules with many words, and a class of
    the user has at most one pattern.

    A pattern uses only what PostgreSQL, DuckDB, ClickHouse and Spark read the same way: no ``.``,
    no backslash, no ``(?``, and no bracket inside brackets.
    """

    outcome: str
    pattern: str


SHIPPED_RULES = (
    # ---- the most frequent text of all; a rule that reads no further than its first words is cheap
    ErrorRule("timeout", "^(error: )?request timed out[ .!]*$"),
    # ---- what the post-processing of an answer reports
    ErrorRule(
        "max_output_tokens",
        "^(post-process error: hit|response incomplete:) max_output_tokens",
    ),
    ErrorRule(
        "invalid_output",
        "^post-process error: "
        '(failed to parse json|([^0-9][^"]*)?(schema violation|empty output_text))',
    ),
    # ---- an answer that ended too early or was withheld; some of these come as a 400
    ErrorRule("max_output_tokens", error_words.CUT_SHORT),
    ErrorRule("content_filter", error_words.FILTERED),
    # ---- an answer that could not be read quotes it, and may quote any of the words below
    ErrorRule("invalid_output", error_words.UNREADABLE_AT_START),
    # ---- the account has no credit; a limit for each minute is a rate limit
    ErrorRule("rate_limit", error_words.QUOTA_BY_MINUTE),
    ErrorRule("quota", error_words.NO_CREDIT),
    # ---- the proxy answers: a 5xx, although it says that its upstream timed out
    ErrorRule("http_5xx", error_words.PROXY_FAILED),
    # ---- the time ran out, whoever measured it
    ErrorRule("timeout", error_words.TIMED_OUT),
    # ---- the client gave up, without a word about time
    ErrorRule("aborted", error_words.ABORTED),
    # ---- slow down, and try again
    ErrorRule("rate_limit", error_words.TOO_FAST),
    # ---- a number that counts or measures something is no status
    ErrorRule("other", f"{PEELED}[45][0-9][0-9]{UNITS}"),
    # ---- the connection failed before LiteLLM made up a status for it
    ErrorRule(
        "connection",
        "litellm[.][a-z]+: [^{]*"
        + any_of("connection error", "cannot connect", "server disconnected", "connection reset"),
    ),
    # ---- the status number, first where the text begins
    ErrorRule("http_5xx", at_start("5[0-9][0-9]")),
    ErrorRule("rate_limit", at_start("429")),
    ErrorRule("http_4xx", at_start("4[0-9][0-9]")),
    ErrorRule("http_5xx", anywhere("5[0-9][0-9]")),
    ErrorRule("rate_limit", anywhere("429")),
    ErrorRule("http_4xx", anywhere("4[0-9][0-9]")),
    # ---- the connection in the words of undici, axios, node-fetch, aiohttp, httpx and boto3
    ErrorRule("connection", error_words.CONNECTION_LOST),
    # ---- the server failed, in words
    ErrorRule("http_5xx", error_words.SERVER_FAILED),
    # ---- the answer cannot be used
    ErrorRule("invalid_output", error_words.UNREADABLE),
    # ---- the request was refused, in words
    ErrorRule("http_4xx", error_words.REFUSED),
    # ---- only the name of an exception is left
    ErrorRule("connection", "connection ?error|connectionexception"),
    ErrorRule("http_5xx", "internalservererror|serviceunavailable|badgateway|servererror"),
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
        pattern = exp.Literal.string(rule.pattern).sql("postgres")
        branches.append(_branch(f"message ~ {pattern}", OUTCOME_CODES[rule.outcome]))
    return branches, values


def _branch(condition: str, code: int) -> exp.If:
    return exp.If(this=parse_one(condition, read="postgres"), true=exp.Literal.number(code))
