"""Whether the baseline's days already moved."""

import numpy as np
import pytest
from scipy import stats

from analysis.statistics.baseline.trend import day_trend

DAYS = np.array([0, 1, 2, 4, 5, 6])


@pytest.mark.parametrize("alternative", ["two-sided", "less", "greater"])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_equals_scipy(seed, alternative):
    """Day 3 is missing."""
    values = 1000 - 8 * DAYS + 20 * np.random.default_rng(seed).standard_normal(6)
    found = day_trend(values, DAYS, post_day=7, alternative=alternative)
    oracle = stats.linregress(DAYS, values, alternative=alternative)
    assert found.slope == pytest.approx(oracle.slope)
    assert found.p_value == pytest.approx(oracle.pvalue)
    assert found.extrapolated == pytest.approx(oracle.intercept + 7 * oracle.slope)
    assert found.share == pytest.approx(oracle.slope / values.mean())


@pytest.mark.parametrize(
    ("values", "alternative", "shown"),
    [
        ([100, 98, 96, 95, 93, 90, 89], "less", True),
        ([100, 98, 96, 95, 93, 90, 89], "greater", False),
        ([100, 97, 101, 99, 102, 98, 100], "less", False),
        ([100] * 7, "less", False),
    ],
    ids=["falling", "falling, but the claim is a rise", "steady", "constant"],
)
def test_is_it_shown(values, alternative, shown):
    found = day_trend(np.array(values, float), np.arange(7), post_day=7, alternative=alternative)
    assert found.is_shown is shown


def test_a_straight_line_has_no_doubt():
    found = day_trend(np.array([4.0, 3.0, 2.0]), np.arange(3), post_day=3, alternative="less")
    assert (found.slope, found.extrapolated) == (pytest.approx(-1), pytest.approx(1))
    assert found.p_value == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("n_days", [0, 1, 2])
def test_two_days_show_no_trend(n_days):
    assert day_trend(np.ones(n_days), np.arange(n_days), post_day=n_days) is None
