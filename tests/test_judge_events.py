"""The whole judge on events: few calls, few or new ones among them, and those that need single calls to be counted."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.fixtures.simulated_rollouts import (
    DEPLOY,
    expected,
    failing,
    failures_and_retries,
    hours_of,
    rollouts_in,
    series,
    states,
    thinned,
    together,
)


@pytest.fixture(name="judge")
def judge_fixture(tmp_path, monkeypatch):
    return rollouts_in(tmp_path, monkeypatch)


def scanned(look):
    return {(found.metric, found.feature): found for found in look.result.exploratory}


# ---- few calls -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("seed", [0, 1])
def test_six_calls_an_hour_keep_watching_and_say_how_long(judge, seed):
    rows = series(calls_per_hour=6, seed=seed, timeout_rate_before=0.3, timeout_rate_after=0.2)
    rollout = judge(rows, expected(more="by = 0.2"))
    for label in ("1h", "4h", "24h"):
        look = rollout.look(label)
        assert look.verdict.name == "keep_watching"
        assert look.result.expectations[0].hours_needed > look.plan.hours[1]
        assert "It can be decided about" in look.result.reason


def test_113_timeouts_to_none_are_decided(judge):
    rng = np.random.default_rng(0)
    rows = series(calls_per_hour=30, noise="iid", hours_after=24)
    before = np.flatnonzero(hours_of(rows) < 0)
    rows = failing(rows, rng.choice(before, 113, replace=False), "Request timed out.")
    look = judge(rows, expected()).look("24h")
    found = look.result.expectations[0]
    assert (found.baseline.events, found.post.events, found.finding) == (
        113,
        0,
        "met",
    )
    assert look.verdict.name == "sustained"


def test_25_events_of_a_new_class_are_found_and_refused(judge):
    rng = np.random.default_rng(0)
    rows = series(calls_per_hour=30, noise="iid", hours_after=24)
    after = np.flatnonzero(hours_of(rows) >= 5)
    rows = failing(rows, rng.choice(after, 25, replace=False), "Connection error.")
    look = judge(
        rows, expected(metric="connection_rate", claim="stays_zero", more="limit = 0.01")
    ).look("24h")
    assert (look.verdict.name, look.verdict.exit_code) == ("roll_back", 1)
    unasked = scanned(look)["connection_rate", "f"]
    assert (unasked.finding, unasked.baseline.events, unasked.post.events) == (
        "worse",
        0,
        25,
    )
    assert (
        unasked["event_hour"]
        == unasked["began_hour"]
        == look.result.expectations[0].event_hour
        >= 5
    )


def test_growth_of_unknown_errors_is_found_unasked(judge):
    rng = np.random.default_rng(1)
    rows = series(calls_per_hour=60, noise="iid")
    hours = hours_of(rows)
    some = (rng.random(len(rows)) < 0.02) | ((hours >= 9) & (rng.random(len(rows)) < 0.15))
    look = judge(failing(rows, some, "Nobody knows this one"), expected()).look("24h")
    found = scanned(look)["other_rate", "f"]
    assert (found.finding, found.began_hour, found.event_hour) == ("worse", 9, None)
    assert "from hour 9 after the deploy on" in found.sentence


def test_a_feature_that_fell_to_a_tenth_is_a_finding_and_no_improvement(judge):
    rows = thinned(
        series(calls_per_hour=200, timeout_rate_before=0.3, timeout_rate_after=0.02),
        before=1.0,
        after=0.08,
    )
    look = judge(together(rows, series("g", calls_per_hour=20)), expected()).look("24h")
    assert look.verdict.name == "keep_watching"
    assert states(look) == ["undecided"]
    assert "traffic fell from" in look.result.expectations[0].sentence
    assert scanned(look)["calls_per_hour", "f"].finding == "worse"
    check = next(check for check in look.result.checks if check.name == "features without calls")
    assert check.state == "warning"


# ---- events that need single calls -----------------------------------------------------------------------------------


def test_recovered_failures_from_rows_to_verdict(judge):
    rows, made_good, minutes = failures_and_retries(0.2, 0.7)
    look = judge(rows, expected(metric="recovered_rate", claim="rises", more="by = 0.5")).look(
        "24h"
    )
    found = look.result.expectations[0]
    assert (look.verdict.name, found.finding) == ("sustained", "met")
    assert found.baseline.value == pytest.approx(made_good[minutes < 0].mean())
    assert found.post.events == made_good[minutes >= 0].sum()
    assert found.post.value == pytest.approx(made_good[minutes >= 0].mean())


@pytest.mark.parametrize(
    ("over_after", "verdict", "finding"),
    [(0.01, "sustained", "met"), (0.3, "roll_back", "not_met")],
)
def test_cron_minutes_over_budget_from_rows_to_verdict(judge, over_after, verdict, finding):
    rng = np.random.default_rng(0)
    minutes = np.arange(-7 * 24 * 60, 24 * 60)
    over = rng.random(minutes.size) < np.where(minutes < 0, 0.01, over_after)
    at = DEPLOY + pd.to_timedelta(minutes, unit="min") + pd.Timedelta(seconds=1)
    shared = {
        "clientId": "t",
        "leadId": None,
        "source": "background-job/inbound",
        "featureId": "f",
        "errorMessage": None,
        "status": "success",
        "outputTokens": None,
        "totalTokens": None,
        "model": "m",
    }
    halves = [
        pd.DataFrame(shared | {"latencyMs": np.where(over, 31_000, 5_000), "createdAt": at})
        for _ in range(2)
    ]
    rows = together(*halves)
    rows["createdAt"] += pd.to_timedelta(rows["latencyMs"], unit="ms")
    timeouts = failing(series("g", calls_per_hour=30, noise="iid"), [], "")
    timeouts = failing(
        timeouts, (hours_of(timeouts) < 0) & (rng.random(len(timeouts)) < 0.2), "Request timed out."
    )
    guard = (
        '[[guardrail]]\nname = "cron"\nsource = "background-job/*"\nmetric = "cron_over_budget_rate"\nbudget_ms = 60000\n'
        'claim = "below"\nlimit = 0.05\ncritical = true\n'
    )
    look = judge(together(rows, timeouts), expected(feature="g") + guard).look("24h")
    found = look.result.guardrails[0]
    assert look.verdict.name == verdict
    assert found.finding in (finding, "worse")
    assert found.post.events == over[minutes >= 0].sum()
    assert found.baseline.value == pytest.approx(over[minutes < 0].mean())
