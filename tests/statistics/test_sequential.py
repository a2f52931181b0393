"""Bounds for several looks."""

import time

import numpy as np
import pytest
from scipy.special import ndtr, ndtri

from analysis.statistics.sequential import (
    alpha_needed,
    alpha_spent,
    bounds,
    bounds_for_spending,
    level_of,
    z_value,
)

HOURLY = tuple(hour / 24 for hour in range(1, 25))


# ---- by hand -------------------------------------------------------------------------------------
def test_one_look_is_the_plain_test():
    assert bounds((1.0,), 0.05) == (pytest.approx(1.959964, abs=1e-6),)


def test_the_first_look_spends_only_its_share():
    assert bounds((0.25, 1.0), 0.04)[0] == pytest.approx(-ndtri(0.04 / 16 / 2), rel=1e-9)


def test_z_and_level():
    assert z_value(0.05) == pytest.approx(1.959964, abs=1e-6)
    assert (z_value(0.0), z_value(1.0)) == (np.inf, 0.0)
    assert level_of(1.959964) == pytest.approx(0.95)


# ---- expansion oracle ----------------------------------------------------------------------------
def test_simulated_paths_cross_with_probability_alpha():
    rng = np.random.default_rng(1)
    z = np.cumsum(rng.standard_normal((100_000, 24)), axis=1) / np.sqrt(np.arange(1, 25))
    crossed = (np.abs(z) > bounds(HOURLY, 0.05)).cumsum(axis=1) > 0
    expected = 0.05 * np.array([6, 12, 24]) ** 2 / 576
    assert crossed.mean(axis=0)[[5, 11, 23]] == pytest.approx(expected, abs=0.0025)


# ---- laws ----------------------------------------------------------------------------------------
def test_later_looks_do_not_change_earlier_bounds():
    other = bounds((0.1, 0.5, 0.7, 0.9, 1.0))
    assert bounds((0.1, 0.5, 1.0))[:2] == pytest.approx(other[:2], rel=1e-12)


def test_smaller_alpha_needs_more():
    assert all(a < b for a, b in zip(bounds(HOURLY, 0.05), bounds(HOURLY, 0.0125), strict=True))


@pytest.mark.parametrize("times", [(1.0,), (1 / 24, 4 / 24, 1.0), HOURLY])
@pytest.mark.parametrize("alpha", [1e-8, 0.003, 0.05, 0.4])
def test_alpha_needed_inverts_the_bounds(times, alpha):
    for look in {0, len(times) - 1}:
        needed = alpha_needed(times, look, bounds(times, alpha)[look])
        assert needed == pytest.approx(alpha, rel=1e-3)


# ---- edges ---------------------------------------------------------------------------------------
def test_looks_close_together_and_far_apart():
    close = bounds((0.5, 0.5001, 1.0))
    assert close[1] > close[0] > close[2]
    assert bounds((1e-4, 1.0))[0] > 6


@pytest.mark.parametrize("times", [(), (0.5, 0.5), (0.0, 1.0), (0.5, 1.2), (0.7, 0.3)])
def test_a_plan_must_rise_inside_its_horizon(times):
    with pytest.raises(ValueError, match="looks must rise inside"):
        bounds(times)


def test_alpha_must_be_a_share():
    with pytest.raises(ValueError, match="between 0 and 1"):
        bounds((1.0,), 1.5)


def test_extreme_z():
    assert alpha_needed(HOURLY, 3, np.inf) <= 1e-11
    assert alpha_needed(HOURLY, 3, 0.0) == 1.0


def test_24_looks_are_quick():
    """About 5 ms; the rest is room for a busy machine."""
    bounds.cache_clear()
    start = time.perf_counter()
    bounds(HOURLY, 0.0499)
    assert time.perf_counter() - start < 0.5


# ---- published values ----------------------------------------------------------------------------
def test_obrien_fleming_constants():
    """K = 5, .05: Lan & DeMets 1983; Reboussin, DeMets, Kim, Lan 2000, CCT 21, 190-207."""
    times = (0.2, 0.4, 0.6, 0.8, 1.0)
    spent = tuple(4 * float(ndtr(ndtri(0.05 / 4) / np.sqrt(t))) for t in times)
    expected = (4.8769, 3.3570, 2.6803, 2.2898, 2.0310)
    assert bounds_for_spending(times, spent) == pytest.approx(expected, abs=5e-5)


def test_quadratic_spending():
    """alpha t^2 at 1, 4, 12, 24 h (Kim & DeMets 1987): the bounds of this package's documents."""
    expected = (3.92, 3.21, 2.53, 2.02)
    assert bounds((1 / 24, 4 / 24, 12 / 24, 1.0), 0.05) == pytest.approx(expected, abs=5e-3)
    assert alpha_spent(0.5, 0.05) == 0.0125
