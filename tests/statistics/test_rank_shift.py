"""Ranks from counts: shown, never deciding."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from analysis.statistics.distribution import latency_sample
from analysis.statistics.rank_shift import rank_shift

groups = st.lists(st.tuples(st.integers(0, 40), st.integers(1, 6)), min_size=1, max_size=12)


def sample(rows):
    return latency_sample(*(np.array(column) for column in zip(*rows, strict=True)))


def expand(rows):
    latency, calls = (np.array(column) for column in zip(*rows, strict=True))
    return np.repeat(latency, calls).astype(float)


def of(values):
    return latency_sample(values, np.ones(len(values), dtype=int))


# by hand


def test_ties_count_one_half():
    found = rank_shift(of([1, 2]), of([2, 3]))
    assert (found.u, found.probability_slower) == (3.5, 0.875)


# expansion oracle


@settings(deadline=None)
@given(groups, groups)
def test_equals_scipy_and_all_pairs(baseline, post):
    found, x, y = rank_shift(sample(baseline), sample(post)), expand(post), expand(baseline)
    method = "exact" if found.exact else "asymptotic"
    oracle = stats.mannwhitneyu(x, y, method=method)
    assert found.u == oracle.statistic
    p = 1.0 if np.isnan(oracle.pvalue) else oracle.pvalue
    assert found.p_value == pytest.approx(p, rel=1e-9)
    assert found.shift_ms == np.median(x[:, None] - y)
    assert found.low_ms <= found.shift_ms <= found.high_ms


# laws


def test_swap_shift_and_scale():
    before, after = of([10, 25, 31, 40]), of([11, 52, 60, 70, 90])
    there, back = rank_shift(before, after), rank_shift(after, before)
    assert (back.shift_ms, back.low_ms, back.high_ms) == (
        -there.shift_ms,
        -there.high_ms,
        -there.low_ms,
    )
    assert back.p_value == pytest.approx(there.p_value, rel=1e-12)
    later = rank_shift(before, of([111, 152, 160, 170, 190]))
    assert later.shift_ms == there.shift_ms + 100
    assert (
        rank_shift(of([20, 50, 62, 80]), of([22, 104, 120, 140, 180])).shift_ms
        == 2 * there.shift_ms
    )


# edges


def test_empty_one_and_disjoint():
    assert rank_shift(of([]), of([1])) is None
    assert rank_shift(of([1]), of([5])).shift_ms == 4
    assert rank_shift(of([1, 2, 3]), of([7, 8, 9])).probability_slower == 1


def test_all_tied():
    found = rank_shift(latency_sample([5], [30]), latency_sample([5], [40]))
    assert (found.p_value, found.shift_ms, found.probability_slower) == (1.0, 0.0, 0.5)


def test_three_million_ties_do_not_overflow():
    """t^3 passes 2^63 above 2,097,151 equal latencies: the tie term is cubed in float64."""
    found = rank_shift(
        latency_sample([20_000, 20_128], [10, 3_000_000]),
        latency_sample([20_128, 20_200], [3_000_000, 10]),
    )
    expected = 3e6 * 3e6 / 2 + 3e6 * 10 + 10 * 3e6 + 100
    assert found.u == pytest.approx(expected)
    assert 0 < found.p_value < 1


# published values


def test_hodges_lehmann_published():
    """[10, 20, 30, 40] v [1, 2, 3, 4]: 22.5, 95 % interval (6, 39); Hollander, Wolfe, Chicken 2014, 4.2 and 4.3; R's
    wilcox.test(conf.int = TRUE)."""
    found = rank_shift(of([1, 2, 3, 4]), of([10, 20, 30, 40]))
    assert (found.shift_ms, found.low_ms, found.high_ms) == (22.5, 6.0, 39.0)


def test_mann_whitney_published():
    """[5, 6, 7, 8] v [1, 2, 3, 4]: U = 16, exact p = 2 / 70 (table of Mann & Whitney 1947)."""
    found = rank_shift(of([1, 2, 3, 4]), of([5, 6, 7, 8]))
    assert (found.u, found.p_value, found.exact) == (16.0, pytest.approx(0.0285714, abs=5e-8), True)
