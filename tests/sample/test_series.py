"""Series of calls have the declared rates and effects, under noise of a known strength."""

from datetime import UTC, datetime
from functools import partial

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis.sample.rows import COLUMNS
from analysis.sample.series import simulate_series

DEPLOY = pd.Timestamp("2026-02-02T23:10:16")
DAY = pd.Timedelta("1D")


def error_rates(rows):
    """Shares of timeouts and of server errors."""
    messages = rows["errorMessage"]
    is_server_error = messages.str.startswith("500", na=False)
    return [(messages == "Request timed out.").mean(), is_server_error.mean()]


# ---- declared rates and effects ----------------------------------------------------------------
def test_a_series_has_the_declared_rates_and_traffic():
    rows = simulate_series(
        calls_per_hour=400,
        seed=1,
        noise="iid",
        timeout_rate_before=0.9,
        timeout_rate_after=0.2,
        http_5xx_rate=0.02,
        hours_after=48,
    )
    started = rows["createdAt"] - pd.to_timedelta(rows["latencyMs"], unit="ms")
    before, after = rows[started < DEPLOY], rows[started >= DEPLOY]
    assert len(before) == pytest.approx(400 * 7 * 24, rel=0.02)
    assert len(after) == pytest.approx(400 * 48, rel=0.03)
    assert error_rates(before) == [
        pytest.approx(0.98 * 0.9, abs=0.01),
        pytest.approx(0.02, abs=0.004),
    ]
    assert error_rates(after) == [
        pytest.approx(0.98 * 0.2, abs=0.015),
        pytest.approx(0.02, abs=0.006),
    ]
    assert list(rows.columns) == list(COLUMNS)
    assert started.min() >= DEPLOY - 7 * DAY


@pytest.mark.parametrize("noise", ["mild", "heavy"])
def test_a_noisy_series_has_the_rates_in_the_long_run(noise):
    declared = {"noise": noise, "timeout_rate_before": 0.5, "http_5xx_rate": 0.01}
    rates = [
        error_rates(simulate_series(calls_per_hour=60, seed=seed, **declared)) for seed in range(12)
    ]
    assert np.mean(rates, axis=0) == pytest.approx([0.495, 0.01], rel=0.12)


def test_a_cap_moves_and_a_factor_acts_after_the_deploy_only():
    draw = partial(simulate_series, calls_per_hour=100, seed=5)
    capped, moved = (draw(timeout_rate_before=0.5, cap_after_ms=cap) for cap in (None, 60_000))
    assert capped["latencyMs"].max() < 21_000
    is_after = moved["createdAt"] >= DEPLOY + pd.Timedelta("1min")
    assert moved.loc[is_after, "latencyMs"].max() > 30_000

    def medians(rows):
        return rows["latencyMs"].groupby(rows["createdAt"] >= DEPLOY).median()

    slower, same = medians(draw(latency_factor_after=1.5)), medians(draw())
    assert slower[False] == pytest.approx(same[False])
    assert slower[True] == pytest.approx(1.5 * same[True], rel=0.01)


def test_series_can_share_the_slowdowns():
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


def test_a_series_without_calls_and_one_with_two_caps():
    assert len(simulate_series(calls_per_hour=0, seed=1)) == 0
    with pytest.raises(ValueError, match="give one"):
        simulate_series(calls_per_hour=1, seed=1, timeout_rate_after=0.1, cap_after_ms=9)


# ---- published values --------------------------------------------------------------------------
@pytest.mark.parametrize(("calls_per_hour", "low", "high"), [(10, 0.15, 0.40), (100, 0.55, 0.80)])
def test_heavy_noise_makes_tests_of_independent_calls_raise_false_alarms(calls_per_hour, low, high):
    """STATISTICS "Why not the usual tests": Mann-Whitney .27 at 10 calls per hour, .68 at 100."""
    assert low < false_alarms(calls_per_hour, noise="heavy", runs=150) < high


def test_without_noise_they_do_not():
    assert false_alarms(100, noise="iid", runs=150) < 0.12


def false_alarms(calls_per_hour: float, *, noise: str, runs: int) -> float:
    alarms = 0
    for seed in range(runs):
        rows = simulate_series(calls_per_hour=calls_per_hour, seed=seed, days_before=1, noise=noise)
        is_post = rows["createdAt"] - pd.to_timedelta(rows["latencyMs"], unit="ms") >= DEPLOY
        latencies_ms = rows["latencyMs"].to_numpy()
        arms = latencies_ms[is_post], latencies_ms[~is_post]
        alarms += stats.mannwhitneyu(*arms, method="asymptotic").pvalue < 0.05
    return alarms / runs
