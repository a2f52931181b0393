"""Caps that the data show, and the limits that calls are compared with."""

import numpy as np
import pandas as pd
import pytest

from analysis.counting.caps import LIMIT_COLUMNS, find_cliffs, find_limits, limits_relation
from analysis.counts import LatencyCounts
from analysis.outcomes import OUTCOME_CODES


def latency_counts(*rows):
    """(outcome, latency in ms, calls) of the feature f."""
    table = [
        {"feature": "f", "source": "s", "outcome": outcome, "latency_ms": ms, "calls": calls}
        for outcome, ms, calls in rows
    ]
    return LatencyCounts.of(pd.DataFrame(table))


def with_errors_at_4502(outcome):
    return latency_counts(*((0, 900 + 7 * n, 1) for n in range(300)), (outcome, 4502, 9))


@pytest.mark.parametrize(
    ("outcome", "is_cliff"), [("timeout", True), ("other", True), ("http_5xx", False)]
)
def test_only_timeouts_and_unknown_errors_make_a_cliff(outcome, is_cliff):
    found = find_cliffs(with_errors_at_4502(OUTCOME_CODES[outcome]))
    assert {feature: cliff.at_ms for feature, cliff in found.items()} == (
        {"f": 4502} if is_cliff else {}
    )


def test_limits_are_percentiles_of_all_calls_rounded_down():
    latencies = range(100, 10_000, 100)
    found = find_limits(latency_counts(*((0, ms, 3) for ms in latencies)), declared_tau_ms={})
    expected = [int(np.quantile(np.repeat(latencies, 3), q)) for q in (0.5, 0.9, 0.95, 0.99)]
    assert list(found.iloc[0]) == ["f", expected[-1], *expected]
    assert expected == [5000, 8940, 9419, 9804]


def test_tau_is_declared_or_the_cliff():
    table = with_errors_at_4502(OUTCOME_CODES["timeout"])
    assert find_limits(table, declared_tau_ms={}).iloc[0]["tau_ms"] == 4502
    assert find_limits(table, declared_tau_ms={"f": 6000}).iloc[0]["tau_ms"] == 6000


def test_limits_of_no_calls_have_their_columns():
    found = find_limits(LatencyCounts.empty(), declared_tau_ms={})
    assert list(found.columns) == list(LIMIT_COLUMNS)
    assert limits_relation(found).rows == []


def test_a_missing_limit_is_null_in_sql():
    limits = pd.DataFrame([["f", 9, None, 1, 1, 1]], columns=list(LIMIT_COLUMNS))
    typed = limits.astype({"p50_ms": "Int64"})
    assert limits_relation(typed).rows == [("f", 9, None, 1, 1, 1)]
