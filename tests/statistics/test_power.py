"""What could have been seen."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from analysis.statistics.comparison import compare
from analysis.statistics.power import (
    calls_needed,
    critical_t,
    hours_needed,
    smallest_visible_change,
)
from analysis.statistics.sequential import z_value

# by hand


def test_normal_by_hand():
    """(1.96 + .8416) * .1."""
    assert smallest_visible_change(0.01, np.inf, bound=1.959964) == pytest.approx(
        0.280159, abs=1e-6
    )


def test_critical_t_is_where_p_meets_the_bound():
    t = critical_t(3.21, df=6)
    assert z_value(2 * stats.t.sf(t, 6)) == pytest.approx(3.21, rel=1e-9)


def test_calls_follow_hours():
    assert calls_needed(17, post_n=60, post_hours=4) == 255
    assert calls_needed(None, post_n=60, post_hours=4) is None


# slow double


@pytest.mark.parametrize(("effect", "hours"), [(0.3, 4), (0.1, 1), (0.05, 24)])
def test_hours_equal_trying_every_hour(effect, hours):
    post, baseline, df, bound = 0.004, 0.0004, 12, 2.5

    def seen(later):
        variance = post * hours / later + baseline * min(hours, 24) / min(later, 24)
        return smallest_visible_change(variance, df, bound=bound) <= effect

    expected = next((later for later in range(1, 9000) if seen(later)), None)
    assert hours_needed((post, baseline), df, bound=bound, effect=effect, hours=hours) == expected


# laws


@given(st.floats(1e-8, 10), st.floats(1, 200), st.floats(0.5, 6))
def test_more_noise_fewer_days_higher_bound_need_more(variance, df, bound):
    change = smallest_visible_change(variance, df, bound=bound)
    assert change > 0
    assert smallest_visible_change(4 * variance, df, bound=bound) == pytest.approx(
        2 * change, rel=1e-9
    )
    assert smallest_visible_change(variance, df, bound=bound + 0.1) > change


def test_more_hours_never_need_less_effect():
    needed = [
        hours_needed((0.01, 0.0001), 20, bound=2.0, effect=e, hours=4)
        for e in (0.4, 0.2, 0.1, 0.05)
    ]
    assert needed == sorted(needed)


# edges


def test_unknown_variance_and_no_effect():
    assert smallest_visible_change(np.inf, 1.0, bound=2.0) == np.inf
    assert hours_needed((np.inf, np.inf), 1.0, bound=2.0, effect=0.1, hours=4) is None
    assert hours_needed((0.01, 0.01), 9.0, bound=2.0, effect=0.0, hours=4) is None


def test_a_short_baseline_may_never_be_enough():
    assert hours_needed((0.0001, 0.01), np.inf, bound=2.0, effect=0.1, hours=24) is None


# against the judge's own test


def test_power_is_what_it_says(noisy_arms):
    """Monte Carlo, 150 windows: a change of the size said to be visible crosses in about 80 % of them."""
    visible = np.median(
        [
            smallest_visible_change(c.variance, c.df, bound=1.96) / c.baseline_value
            for c in (compare(*noisy_arms(7, 4, seed=s), indicator=False) for s in range(40))
        ]
    )
    hits = [
        compare(*noisy_arms(7, 4, seed=s, post_factor=1 - visible), indicator=False).p_value()
        < 0.05
        for s in range(150)
    ]
    assert 0.68 <= np.mean(hits) <= 0.97
