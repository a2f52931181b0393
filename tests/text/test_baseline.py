"""The sentences of the baseline report."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from analysis.results.baseline import BaselineResult, ForecastRow
from analysis.results.model import CliffRecord
from analysis.text.baseline import baseline_lines, cliff_lines, exclusion_lines, forecast_rows
from tests.fixtures.example_results import BASELINE, plain


def baseline(**changes):
    content = {
        "rollout": "phase-94",
        "title": "AI timeouts",
        "deployed_at": "2026-02-02T23:10:16Z",
        "provisional": False,
        "baseline": BASELINE | changes,
        "published": {"start": "2026-02-01T23:10:16Z", "end": "2026-02-02T23:10:16Z"},
        "provenance": {"version": "0.1.0", "sql_sha256": "0" * 64, "engine": "duckdb"},
    }
    tables = ("latency_distribution", "errors_by_source", "coverage", "unknown_errors", "cliffs")
    empty = dict.fromkeys((*tables, "foresight", "proposed_exclusions"), ())
    return BaselineResult.model_validate(content | empty)


def test_what_the_baseline_is():
    lines = baseline_lines(baseline())
    assert plain(lines[0]) == (
        "12 345 calls started in the 7 days from 2026-01-26 23:10:16 UTC to "
        "2026-02-02 23:10:16 UTC; 2 hours are excluded."
    )
    assert "2026-02-01 23:10:16 UTC" in lines[1]
    assert len(lines) == 2
    assert "fewer than three days" in baseline_lines(baseline(days=1))[-1]


def test_cliffs():
    cliff = CliffRecord(feature="a", arm="baseline", at_ms=20128, share_of_timeouts=0.98)
    assert plain(cliff_lines([cliff])[0]).startswith(
        "a: 98.0 % of its timeouts are within 2 % of 20.1 s"
    )
    assert cliff_lines([])[0].startswith("No feature has a timeout cliff")


def test_exclusions():
    hour = datetime(2026, 1, 30, 8, 10, 16, tzinfo=UTC)
    assert exclusion_lines([hour])[0].endswith("[baseline].exclude: 2026-01-30 08:10:16 UTC.")
    assert exclusion_lines([]) == ["No hour looks like an incident."]


@pytest.mark.parametrize(
    ("change", "text"), [(None, "not known"), (1.26, "–"), (0.046, "4.6 points")]
)
def test_what_a_look_will_detect(change, text):
    row = ForecastRow(
        name="timeouts drop",
        feature="a",
        source=None,
        metric="timeout_rate",
        claim="falls",
        by=0.5,
        window="4h",
        baseline=0.9,
        smallest_visible_change=change,
        calls_needed=1234,
    )
    (shown,) = forecast_rows([row])
    assert {key: plain(value) for key, value in shown.items()} == {
        "name": "timeouts drop",
        "metric": "timeouts",
        "now": "90.0 %",
        "4h": text,
        "needed": "1 234",
    }
