"""Minimum detectable effect, and how long until an effect shows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from analysis.statistics.comparison import compare
from analysis.statistics.detectable_effect import (
    calls_needed,
    detectable_difference,
    hours_needed,
)
from analysis.statistics.sequential import z_value


# ---- by hand -------------------------------------------------------------------------------------
def test_normal_by_hand():
    """(1.96 + .8416) * .1."""
    found = detectable_difference(0.01, np.inf, bound=1.959964)
    assert found == pytest.approx(0.280159, abs=1e-6)


def test_half_power_is_where_p_meets_the_bound():
    t = detectable_difference(1.0, 6, bound=3.21, power=0.5)
    assert z_value(2 * stats.t.sf(t, 6)) == pytest.approx(3.21, rel=1e-9)


# ---- slow double ---------------------------------------------------------------------------------
@pytest.mark.parametrize(("effect", "hours"), [(0.3, 4), (0.1, 1), (0.05, 24)])
def test_hours_equal_trying_every_hour(effect, hours):
    post, baseline, df, bound = 0.004, 0.0004, 12, 2.5

    def is_seen(later):
        variance = post * hours / later + baseline * min(hours, 24) / min(later, 24)
        return detectable_difference(variance, df, bound=bound) <= effect

    expected = next((later for later in range(1, 9000) if is_seen(later)), None)
    assert hours_needed((post, baseline), df, bound=bound, effect=effect, hours=hours) == expected


def test_a_change_of_that_size_crosses_in_80_percent_of_windows(noisy_arms):
    """Monte Carlo, 150 windows."""

    def found(seed, post_factor=1.0):
        return compare(*noisy_arms(7, 4, seed=seed, post_factor=post_factor), indicator=False)

    quiet = [found(seed) for seed in range(40)]
    visible = np.median(
        [
            detectable_difference(one.variance, one.df, bound=1.96) / one.baseline_value
            for one in quiet
        ]
    )
    hits = [found(seed, 1 - visible).p_value() < 0.05 for seed in range(150)]
    assert 0.68 <= np.mean(hits) <= 0.97


# ---- laws ----------------------------------------------------------------------------------------
@given(st.floats(1e-8, 10), st.floats(1, 200), st.floats(0.5, 6))
def test_more_noise_and_a_higher_bound_need_more(variance, df, bound):
    change = detectable_difference(variance, df, bound=bound)
    assert change > 0
    fourfold = detectable_difference(4 * variance, df, bound=bound)
    assert fourfold == pytest.approx(2 * change, rel=1e-9)
    assert detectable_difference(variance, df, bound=bound + 0.1) > change


def test_a_smaller_effect_needs_at_least_as_many_hours():
    needed = [
        hours_needed((0.01, 0.0001), 20, bound=2.0, effect=effect, hours=4)
        for effect in (0.4, 0.2, 0.1, 0.05)
    ]
    assert needed == sorted(needed)


# ---- edges ---------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("variances", "df", "effect"),
    [((np.inf, np.inf), 1.0, 0.1), ((0.01, 0.01), 9.0, 0.0), ((0.0001, 0.01), np.inf, 0.1)],
    ids=["unknown variance", "no effect", "the baseline is too short"],
)
def test_no_number_of_hours_is_enough(variances, df, effect):
    assert hours_needed(variances, df, bound=2.0, effect=effect, hours=24) is None


def test_nothing_is_detectable_without_a_variance():
    assert detectable_difference(np.inf, 1.0, bound=2.0) == np.inf
    assert calls_needed(None, post_n=60, post_hours=4) is None
