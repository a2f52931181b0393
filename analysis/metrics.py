"""Every metric is one row of `METRICS`: a ratio of totals, sum(y) / sum(n), over the columns of one table of counts.

To add a metric, add a row. `y` and `n` are expressions over the columns of the table, where ``succeeded`` and ``failed`` are 0 or 1
by outcome, and ``outcome`` is the class code. `yy` and `yn` are the sums over single calls of y squared and of y times n: the
variance of independent calls needs them (n is 0 or 1 for one call, so n squared is n).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

from analysis.errors import WrongUse

SUCCESS = "success"
SLOWER_THAN_PERCENTILES = (50, 90, 95, 99)
"""Percentiles of the baseline that calls are held against, each with its metric and its column in HourlyCounts."""
OUTCOME_CODES: dict[str, int] = {
    SUCCESS: 0,
    "timeout": 1,
    "max_output_tokens": 2,
    "http_5xx": 3,
    "rate_limit": 4,
    "http_4xx": 5,
    "invalid_output": 6,
    "connection": 7,
    "other": 8,
}
"""Integer codes of the outcome classes, as sql/calls.sql writes them; classes of the user follow from 100 on."""
FIRST_USER_CODE = 100
CLASS_WORDS: Mapping[str, str] = {
    "timeout": "timeouts",
    "max_output_tokens": "answers cut at the token limit",
    "http_5xx": "server errors (5xx)",
    "rate_limit": "rate-limit errors (429)",
    "http_4xx": "refused requests (4xx)",
    "invalid_output": "unusable answers",
    "connection": "connection errors",
    "other": "errors of no known class",
}
"""The classes as sentences name them; a class of the user goes by its own name."""


@dataclass(frozen=True)
class Metric:
    """One metric of calls: what it asks, which way is worse, its unit, its table, and its sums.

    Attributes
    ----------
    name : as written in rollout.toml.
    words : what it counts or measures, as a sentence says it: "timeouts (of a feature) fell from ...".
    asks : the question in words, for the page.
    worse : ``up`` when a larger value is worse, ``down`` when a smaller one is.
    unit : ``share`` (0 to 1), ``ms``, ``tokens`` or ``calls/h``.
    table : ``hourly`` (HourlyCounts), ``events`` (EventCounts) or ``hours`` (calls, with n = 1 an hour).
    y, n, yy, yn : expressions over the table's columns.
    indicator : y is 0 or 1 for one call, so its sum counts events.
    among : what n counts, as a sentence says it.
    """

    name: str
    words: str
    asks: str
    worse: Literal["up", "down"]
    unit: Literal["share", "ms", "tokens", "calls/h"]
    table: Literal["hourly", "events", "hours"]
    y: str
    n: str
    yy: str
    yn: str
    indicator: bool = False
    among: str = "calls"


def _share(name: str, words: str, asks: str, y: str, n: str = "calls") -> Metric:
    return Metric(name, words, asks, "up", "share", "hourly", y=y, n=n, yy=y, yn=y, indicator=True)


def _rate(outcome_class: str, code: int) -> Metric:
    words = CLASS_WORDS.get(outcome_class, f"{outcome_class.replace('_', ' ')} errors")
    return _share(
        f"{outcome_class}_rate",
        words,
        f"share of calls that end as {outcome_class}",
        f"calls * (outcome == {code})",
    )


METRICS: tuple[Metric, ...] = (
    _share("error_rate", "failed calls", "share of calls that fail", "calls * failed"),
    *(
        _rate(outcome_class, code)
        for outcome_class, code in OUTCOME_CODES.items()
        if outcome_class != SUCCESS
    ),
    *(
        _share(
            f"slower_than_p{percentile}",
            f"slow or failed calls (slower than {percentile} % of those before)",
            f"share of calls that fail or take longer than {percentile} % of the baseline's calls of their feature",
            f"slower_p{percentile} * succeeded + timed_calls * failed",
            "timed_calls",
        )
        for percentile in SLOWER_THAN_PERCENTILES
    ),
    Metric(
        "latency_mean",
        "mean time of a call",
        "mean time of a call, failed ones too",
        "up",
        "ms",
        "hourly",
        y="latency_ms",
        n="timed_calls",
        yy="latency_ms_2",
        yn="latency_ms",
    ),
    Metric(
        "rmst",
        "mean time to an answer, up to the limit",
        "mean time to an answer, cut at tau; a failure counts tau (restricted mean survival time)",
        "up",
        "ms",
        "hourly",
        y="capped_ms * succeeded + tau_ms * failed",
        n="timed_calls",
        yy="capped_ms_2 * succeeded + tau_ms_2 * failed",
        yn="capped_ms * succeeded + tau_ms * failed",
    ),
    Metric(
        "time_per_success",
        "time spent per good answer",
        "time of all calls, failed ones too, per good answer",
        "up",
        "ms",
        "hourly",
        y="latency_ms",
        n="timed_calls * succeeded",
        yy="latency_ms_2",
        yn="latency_ms * succeeded",
        among="good answers",
    ),
    Metric(
        "output_tokens_mean",
        "output tokens of a call",
        "mean output tokens of a call that reports them",
        "up",
        "tokens",
        "hourly",
        y="output_tokens",
        n="output_token_calls",
        yy="output_tokens_2",
        yn="output_tokens",
    ),
    Metric(
        "total_tokens_mean",
        "tokens of a call",
        "mean tokens, in and out, of a call that reports them",
        "up",
        "tokens",
        "hourly",
        y="total_tokens",
        n="total_token_calls",
        yy="total_tokens_2",
        yn="total_tokens",
    ),
    Metric(
        "calls_per_hour",
        "traffic",
        "calls that start in an hour",
        "down",
        "calls/h",
        "hours",
        y="calls",
        n="1",
        yy="calls",
        yn="0",
        among="hours",
    ),
    Metric(
        "recovered_rate",
        "failures made good within 10 minutes",
        "share of failed calls followed within 10 minutes by a success of the same feature and lead",
        "down",
        "share",
        "events",
        y="y",
        n="n",
        yy="y",
        yn="y",
        indicator=True,
        among="failures",
    ),
    Metric(
        "cron_over_budget_rate",
        "minutes over the cron's budget",
        "share of minutes with calls whose calls together take longer than the cron's budget",
        "up",
        "share",
        "events",
        y="y",
        n="n",
        yy="y",
        yn="y",
        indicator=True,
        among="minutes with calls",
    ),
)


def outcome_codes(user_classes: tuple[str, ...] = ()) -> dict[str, int]:
    """Class name -> integer code, the shipped classes and the user's (`[[error_class]]`, in the file's order)."""
    return OUTCOME_CODES | {
        name: FIRST_USER_CODE + index for index, name in enumerate(user_classes)
    }


def known_metrics(user_classes: tuple[str, ...] = ()) -> Mapping[str, Metric]:
    """All metrics by name, with one rate for each class of the user."""
    added = (_rate(name, FIRST_USER_CODE + index) for index, name in enumerate(user_classes))
    return {metric.name: metric for metric in (*METRICS, *added)}


def metric_named(name: str, user_classes: tuple[str, ...] = ()) -> Metric:
    """The metric of that name; an unknown name is refused with the nearest known one (WrongUse)."""
    known = known_metrics(user_classes)
    if name in known:
        return known[name]
    near = get_close_matches(name, known, n=1, cutoff=0.0)[0]
    raise WrongUse(
        f"metric {name!r} is not known; did you mean {near!r}? Known: {', '.join(sorted(known))}"
    )
