"""The declared between-day part of a short baseline."""

import numpy as np
import pytest

from analysis.statistics.baseline.between_days import (
    BETWEEN_DF,
    between_day_phi,
    between_day_variance,
)
from analysis.statistics.variance_rules import add_variances


@pytest.mark.parametrize(
    ("baseline", "post", "is_rate", "sd"),
    [
        (2000.0, 1200.0, False, np.sqrt(2) * 200),
        (0.9, 0.2, True, np.sqrt(2) * 0.24 * 0.2 * 0.8),
        (0.5, 0.1, True, np.sqrt(2) * 0.24 * 0.25),
        (0.0, 0.0, True, 0.0),
    ],
)
def test_by_hand(baseline, post, is_rate, sd):
    """The rate nearer to one half counts: .2, not .9."""
    assert between_day_variance(baseline, post, is_rate=is_rate) == pytest.approx(sd**2)


def test_it_follows_what_is_declared():
    half = between_day_variance(1000.0, 900.0, is_rate=False, day_to_day=0.05)
    assert half == pytest.approx(between_day_variance(1000.0, 900.0, is_rate=False) / 4)


@pytest.mark.parametrize(("rate", "n"), [(0.01, 2400), (0.5, 100), (0.004, 700)])
def test_phi_is_the_between_day_variance_over_that_of_independent_calls(rate, n):
    independent = rate * (1 - rate) * (1 / n + 1 / 300)
    expected = between_day_variance(rate, rate, is_rate=True) / independent
    assert between_day_phi(rate, n, 300) == pytest.approx(expected)


def test_phi_by_hand_and_without_calls():
    """.1152 * .01 * .99 / (1 / 2400 + 1 / 2400)."""
    assert between_day_phi(0.01, 2400, 2400) == pytest.approx(0.1152 * 0.0099 * 1200)
    assert between_day_phi(0.01, 0, 2400) == 0.0


def test_days_that_differ_by_eight_percent_raise_few_false_alarms():
    """Two days of 1,000 ms that differ by 8 %, each known to 1 %: about 5 % alarms."""
    rng = np.random.default_rng(0)
    days = 1000 * (1 + 0.08 * rng.standard_normal((4000, 2)))
    values = days + 10 * rng.standard_normal(days.shape)
    between = between_day_variance(1000.0, 1000.0, is_rate=False)
    variance, df = add_variances((200.0, 12.0), (between, BETWEEN_DF))
    t = (values[:, 1] - values[:, 0]) / np.sqrt(variance)
    assert df == pytest.approx(10.2, abs=0.1)
    assert np.mean(np.abs(t) > 2.22) < 0.06
