"""p value and interval of two rates that never contradict each other."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from analysis.statistics.rates.agreement import agreeing_test, interval_p
from analysis.statistics.rates.exact import RateCounts, difference_bounds, fisher_p

PAIRS = st.tuples(
    st.integers(0, 30), st.integers(30, 2000), st.integers(0, 30), st.integers(30, 2000)
)


@settings(max_examples=150, deadline=None)
@given(PAIRS, st.sampled_from([1.0, 1.7, 4.0]), st.sampled_from([0.5, 1.0, 1.5]))
@example((38, 1565, 0, 231), 1.0, 1.0)
def test_they_agree_at_every_level(counts, phi, scale):
    counts = RateCounts(*counts, phi=phi)
    for level in (0.9, 0.95, 0.9987):
        found = agreeing_test(counts, scale=scale, level=level)
        excludes = found.low > 0 or found.high < 0
        if abs(found.p_value - (1 - level)) > 1e-6:
            assert excludes == (found.p_value < 1 - level)
        low, high = difference_bounds(counts, scale=scale, level=level)
        assert found.low <= low
        assert found.high >= high
        assert found.p_value >= fisher_p(counts, scale=scale)


@pytest.mark.parametrize("counts", [(40, 1000, 2, 300), (3, 900, 12, 250), (113, 5000, 0, 700)])
def test_the_interval_touches_zero_at_its_own_p(counts):
    counts = RateCounts(*counts, phi=1.2)
    p = interval_p(counts)
    low, high = difference_bounds(counts, level=1 - p)
    assert min(abs(low), abs(high)) == pytest.approx(0, abs=1e-7)


def test_where_they_disagree_the_wider_counts():
    """Ten of 300 before, none of 260 after: Fisher .002, the interval alone .007."""
    counts = RateCounts(10, 300, 0, 260, phi=1.0)
    fisher, interval = fisher_p(counts), interval_p(counts)
    assert fisher != pytest.approx(interval, rel=0.05)
    assert agreeing_test(counts).p_value == max(fisher, interval)
    between = 1 - np.sqrt(fisher * interval)
    found = agreeing_test(counts, level=between)
    assert found.low <= 0 <= found.high


@pytest.mark.parametrize("counts", [(0, 500, 0, 100), (20, 1000, 4, 200), (500, 500, 100, 100)])
def test_equal_rates_say_nothing(counts):
    assert agreeing_test(RateCounts(*counts, phi=1.0)).p_value == 1.0
