"""Every metric is one record: a ratio of totals, sum(y) / sum(n), over one table of counts.

To add a metric, add a record to `METRICS`. Code that treats metrics differently asks the record
for its kind, how a slower provider changes it, or the outcome class it counts, never its name.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from analysis.errors import WrongUse, nearest_name
from analysis.metric_kinds import (
    CLASS_RATE,
    EVENT_RATE,
    SLOW_SHARE,
    TIME,
    TOKENS,
    TRAFFIC,
    TYPICAL_TIME,
    Metric,
    Quantity,
)
from analysis.outcomes import (
    FIRST_USER_CODE,
    OUTCOME_CODES,
    SUCCESS,
    TIMEOUT,
    class_words,
    user_codes,
)

SLOWER_THAN_PERCENTILES = (50, 90, 95, 99)
"""Percentiles of the baseline's latency, each with a metric and a column in HourlyCounts."""
MILLIONTHS = 1_000_000
"""Sums of logarithms are whole numbers of these, so that they are equal on every engine."""


def _column(name: str) -> Quantity:
    return lambda column: column(name)


def _in_units(name: str) -> Quantity:
    """A column that counts millionths."""
    return lambda column: column(name) / MILLIONTHS


def _of_outcomes(succeeded: str, failed: str) -> Quantity:
    """One column for calls that succeeded, another for those that failed."""
    return lambda column: (
        column(succeeded) * column("succeeded") + column(failed) * column("failed")
    )


def _rate(outcome_class: str, code: int) -> Metric:
    return Metric(
        name=f"{outcome_class}_rate",
        words=class_words(outcome_class),
        kind=CLASS_RATE,
        y=lambda column: column("calls") * (column("outcome") == code),
        n=_column("calls"),
        outcome=code,
        provider_effect="timeouts" if outcome_class == TIMEOUT else None,
    )


def _slower_than(percentile: int) -> Metric:
    return Metric(
        name=f"slower_than_p{percentile}",
        words=f"slow or failed calls (slower than {percentile} % of those before)",
        kind=SLOW_SHARE,
        y=_of_outcomes(f"slower_p{percentile}", "timed_calls"),
        n=_column("timed_calls"),
        provider_effect="slower than",
        limit_column=f"p{percentile}_ms",
    )


METRICS: tuple[Metric, ...] = (
    Metric(
        name="error_rate",
        words="failed calls",
        kind=CLASS_RATE,
        y=lambda column: column("calls") * column("failed"),
        n=_column("calls"),
        provider_effect="failures",
    ),
    *(_rate(name, code) for name, code in OUTCOME_CODES.items() if name != SUCCESS),
    *(_slower_than(percentile) for percentile in SLOWER_THAN_PERCENTILES),
    Metric(
        name="typical_latency",
        words="typical time of a call",
        kind=TYPICAL_TIME,
        y=_in_units("ln_ms"),
        n=_column("timed_calls"),
        yy=_in_units("ln_ms_2"),
        provider_effect="time",
    ),
    Metric(
        name="latency_mean",
        words="mean time of a call",
        kind=TIME,
        y=_column("latency_ms"),
        n=_column("timed_calls"),
        yy=_column("latency_ms_2"),
        provider_effect="time",
    ),
    Metric(
        name="rmst",
        words="mean time to an answer, up to the limit",
        kind=TIME,
        y=_of_outcomes("capped_ms", "tau_ms"),
        n=_column("timed_calls"),
        yy=_of_outcomes("capped_ms_2", "tau_ms_2"),
        provider_effect="restricted time",
        limit_column="tau_ms",
        claim_key="tau_ms",
    ),
    Metric(
        name="time_per_success",
        words="time spent per good answer",
        kind=TIME,
        y=_column("latency_ms"),
        n=lambda column: column("timed_calls") * column("succeeded"),
        yy=_column("latency_ms_2"),
        yn=lambda column: column("latency_ms") * column("succeeded"),
        among="good answers",
        provider_effect="time per success",
    ),
    Metric(
        name="output_tokens_mean",
        words="output tokens of a call",
        kind=TOKENS,
        y=_column("output_tokens"),
        n=_column("output_token_calls"),
        yy=_column("output_tokens_2"),
    ),
    Metric(
        name="total_tokens_mean",
        words="tokens of a call",
        kind=TOKENS,
        y=_column("total_tokens"),
        n=_column("total_token_calls"),
        yy=_column("total_tokens_2"),
    ),
    Metric(
        name="calls_per_hour",
        words="traffic",
        kind=TRAFFIC,
        y=_column("calls"),
        n=lambda column: column("calls") * 0 + 1,
        yn=lambda column: column("calls") * 0,
        among="hours",
        worse="down",
    ),
    Metric(
        name="recovered_rate",
        words="failures recovered within 10 minutes",
        kind=EVENT_RATE,
        y=_column("y"),
        n=_column("n"),
        among="failures",
        worse="down",
        event="recovered",
    ),
    Metric(
        name="cron_over_budget_rate",
        words="minutes over the cron's budget",
        kind=EVENT_RATE,
        y=_column("y"),
        n=_column("n"),
        among="minutes with calls",
        claim_key="budget_ms",
        event="cron_over",
    ),
)


@cache
def known_metrics(user_classes: tuple[str, ...] = ()) -> Mapping[str, Metric]:
    """All metrics by name, with one rate for each class of the user."""
    added = (_rate(name, code) for name, code in user_codes(user_classes).items())
    return {metric.name: metric for metric in (*METRICS, *added)}


def class_rates(user_classes: tuple[str, ...] = ()) -> dict[int, Metric]:
    """Outcome code -> the rate of its class, shipped and the user's."""
    metrics = known_metrics(user_classes).values()
    return {metric.outcome: metric for metric in metrics if metric.outcome is not None}


def metric_named(name: str, user_classes: tuple[str, ...] = ()) -> Metric:
    """The metric of that name; WrongUse with the nearest known name for another one."""
    known = known_metrics(user_classes)
    if name in known:
        return known[name]
    raise WrongUse(
        f"metric {name!r} is not known; did you mean {nearest_name(name, known)!r}? "
        f"Known: {', '.join(sorted(known))}"
    )


def recorded_metric(name: str) -> Metric:
    """The metric that a result names; a class that is not configured here goes by its own name.

    >>> recorded_metric("http_5xx_rate").words, recorded_metric("tool_loop_rate").words
    ('server errors (5xx)', 'tool loop errors')
    """
    known = known_metrics()
    return known[name] if name in known else _rate(name.removesuffix("_rate"), FIRST_USER_CODE)
