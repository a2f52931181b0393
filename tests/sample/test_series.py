"""One feature's calls: the rates and effects asked for, under noise of a known strength."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis.sample.rows import COLUMNS
from analysis.sample.simulate import simulate_series

DEPLOY = pd.Timestamp("2026-02-02T23:10:16")
DAY = pd.Timedelta("1D")


# ---- what was asked for ----------------------------------------------------------------------------------------------
def test_a_series_has_the_rates_and_the_traffic_asked_for():
    rows = simulate_series(
        calls_per_hour=400,
        seed=1,
        noise="iid",
        timeout_rate_before=0.9,
        timeout_rate_after=0.2,
        http_5xx_rate_before=0.02,
        http_5xx_rate_after=0.0,
        hours_after=48,
    )
    started = rows["createdAt"] - pd.to_timedelta(rows["latencyMs"], unit="ms")
    before, after = rows[started < DEPLOY], rows[started >= DEPLOY]
    assert len(before) == pytest.approx(400 * 7 * 24, rel=0.02)
    assert len(after) == pytest.approx(400 * 48, rel=0.03)
    assert (before["errorMessage"] == "Request timed out.").mean() == pytest.approx(
        0.98 * 0.9, abs=0.01
    )
    assert (after["errorMessage"] == "Request timed out.").mean() == pytest.approx(0.2, abs=0.015)
    assert before["errorMessage"].str.startswith("500", na=False).mean() == pytest.approx(
        0.02, abs=0.004
    )
    assert not after["errorMessage"].str.startswith("500", na=False).any()
    assert list(rows.columns) == list(COLUMNS)
    assert started.min() >= DEPLOY - 7 * DAY


@pytest.mark.parametrize("noise", ["mild", "heavy"])
def test_a_noisy_series_has_the_rates_in_the_long_run(noise):
    rates = [
        [
            (rows["errorMessage"] == "Request timed out.").mean(),
            rows["errorMessage"].str.startswith("500", na=False).mean(),
        ]
        for rows in (
            simulate_series(
                calls_per_hour=60,
                seed=seed,
                noise=noise,
                timeout_rate_before=0.5,
                http_5xx_rate_before=0.01,
            )
            for seed in range(12)
        )
    ]
    assert np.mean(rates, axis=0) == pytest.approx([0.495, 0.01], rel=0.12)


def test_a_cap_moves_and_a_factor_acts_after_the_deploy_only():
    plain = simulate_series(calls_per_hour=100, seed=5, timeout_rate_before=0.5)
    moved = simulate_series(
        calls_per_hour=100, seed=5, timeout_rate_before=0.5, cap_after_ms=60_000
    )
    slower = simulate_series(calls_per_hour=100, seed=5, latency_factor_after=1.5)
    same = simulate_series(calls_per_hour=100, seed=5)
    assert plain["latencyMs"].max() < 21_000
    assert (
        moved.loc[moved["createdAt"] >= DEPLOY + pd.Timedelta("1min"), "latencyMs"].max() > 30_000
    )
    medians = [
        [
            rows.loc[of_arm, "latencyMs"].median()
            for of_arm in (rows["createdAt"] < DEPLOY, rows["createdAt"] >= DEPLOY)
        ]
        for rows in (slower, same)
    ]
    assert medians[0][0] == pytest.approx(medians[1][0])
    assert medians[0][1] == pytest.approx(1.5 * medians[1][1], rel=0.01)


def test_series_share_the_slowdowns_when_asked():
    def hourly(seed: int, shared: int | None) -> pd.Series:
        rows = simulate_series(calls_per_hour=300, seed=seed, shared_noise_seed=shared)
        return np.log(rows.set_index("createdAt")["latencyMs"].astype(float)).resample("1h").mean()

    assert hourly(1, 9).corr(hourly(2, 9)) > 0.7
    assert abs(hourly(1, None).corr(hourly(2, None))) < 0.4


def test_a_series_is_the_same_for_a_seed_and_moves_with_the_deploy():
    first, second = (simulate_series(calls_per_hour=20, seed=3) for _ in range(2))
    pd.testing.assert_frame_equal(first, second)
    other = simulate_series(
        calls_per_hour=20, seed=3, deployed_at=datetime(2026, 5, 1, 12, tzinfo=UTC), noise="iid"
    )
    assert other["createdAt"].min().floor("D") == pd.Timestamp("2026-04-24")


def test_a_series_without_calls_and_one_told_two_caps():
    assert len(simulate_series(calls_per_hour=0, seed=1)) == 0
    with pytest.raises(ValueError, match="give one"):
        simulate_series(calls_per_hour=1, seed=1, timeout_rate_after=0.1, cap_after_ms=9)


# ---- published values ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("calls_per_hour", "low", "high"), [(10, 0.15, 0.40), (100, 0.55, 0.80)])
def test_heavy_noise_makes_independent_call_tests_cry_wolf(calls_per_hour, low, high):
    """STATISTICS "Why not the usual tests": Mann-Whitney .27 at 10 calls per hour, .68 at 100 (here 150 runs each)."""
    assert low < false_alarms(calls_per_hour, noise="heavy", runs=150) < high


def test_without_noise_they_do_not():
    assert false_alarms(100, noise="iid", runs=150) < 0.12


def false_alarms(calls_per_hour: float, *, noise: str, runs: int) -> float:
    alarms = 0
    for seed in range(runs):
        rows = simulate_series(calls_per_hour=calls_per_hour, seed=seed, days_before=1, noise=noise)
        is_post = rows["createdAt"] - pd.to_timedelta(rows["latencyMs"], unit="ms") >= DEPLOY
        latencies_ms = rows["latencyMs"].to_numpy()
        alarms += (
            stats.mannwhitneyu(
                latencies_ms[is_post], latencies_ms[~is_post], method="asymptotic"
            ).pvalue
            < 0.05
        )
    return alarms / runs
