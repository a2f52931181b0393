"""Quantiles and how they shift, from counts."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from analysis.statistics.latency.distribution import (
    ecdf,
    latency_sample,
    max_ms,
    mean_ms,
    quantiles,
    shift_function,
)

Q = [0.0, 0.1, 0.5, 0.9, 0.95, 0.99, 1.0]
groups = st.lists(st.tuples(st.integers(0, 60_000), st.integers(0, 40)), min_size=1, max_size=30)


# ---- by hand -------------------------------------------------------------------------------------


def test_interpolates_between_neighbours():
    """Positions .3, 1.5 and 3 of 10, 20, 20, 40."""
    found = quantiles(latency_sample([40, 20, 10], [1, 2, 1]), [0.1, 0.5, 1.0])
    assert found.tolist() == [13.0, 20.0, 40.0]


def test_quantile_definition():
    """Hyndman & Fan 1996 (Am. Stat. 50, 361-365), type 7: the 0.4 quantile of these is 29."""
    assert quantiles(latency_sample([15, 20, 35, 40, 50], [1] * 5), [0.4])[0] == pytest.approx(29)


# ---- expansion oracle ----------------------------------------------------------------------------


@settings(deadline=None)
@given(groups)
def test_equals_numpy_and_scipy_on_the_calls(rows):
    latency, calls = (np.array(column) for column in zip(*rows, strict=True))
    sample, expanded = latency_sample(latency, calls), np.repeat(latency, calls)
    if not expanded.size:
        assert np.isnan(quantiles(sample, Q)).all()
        return
    assert quantiles(sample, Q) == pytest.approx(np.quantile(expanded, Q), rel=1e-12)
    assert np.array_equal(ecdf(sample), stats.ecdf(expanded).cdf.probabilities)
    assert mean_ms(sample) == pytest.approx(expanded.mean(), rel=1e-12)
    assert max_ms(sample) == expanded.max()


# ---- laws ----------------------------------------------------------------------------------------


def test_merge_swap_shift_and_scale():
    before, after = latency_sample([100, 200, 400], [5, 6, 7]), latency_sample([150, 300], [8, 9])
    there, back = shift_function(before, after), shift_function(after, before)
    assert [one.difference_ms for one in there] == [-one.difference_ms for one in back]
    assert [one.low_ms for one in there] == pytest.approx([-one.high_ms for one in back])
    moved = shift_function(before, latency_sample(after.latency_ms + 70, after.calls))
    assert [one.difference_ms - 70 for one in moved] == pytest.approx(
        [one.difference_ms for one in there]
    )
    tenfold = latency_sample(before.latency_ms, before.calls * 1000)
    assert tenfold.n_calls == 18_000
    assert np.array_equal(ecdf(tenfold), ecdf(before))
    merged = latency_sample([100, 100, 200, 400], [2, 3, 6, 7])
    assert np.array_equal(merged.calls, before.calls)


def test_bands_hold_the_difference_and_widen_with_overdispersion():
    rng = np.random.default_rng(0)
    arms = [latency_sample(rng.gamma(2, 900, 500).round(), np.ones(500, int)) for _ in range(2)]
    wider = shift_function(*arms, baseline_overdispersion=3.0, post_overdispersion=3.0)
    for plain, wide in zip(shift_function(*arms), wider, strict=True):
        assert wide.low_ms <= plain.low_ms <= plain.difference_ms <= plain.high_ms <= wide.high_ms


def test_band_covers_the_true_shift():
    """200 pairs of 400 calls shifted by 300 ms: a 95 % band of all misses 5 % + 2.5 errors."""
    rng, once = np.random.default_rng(1), np.ones(400, int)
    missed = 0
    for _ in range(200):
        before, after = (rng.gamma(2, 900, 400).round() for _ in range(2))
        shifts = shift_function(
            latency_sample(before, once), latency_sample(after + 300, once), q=(0.1, 0.5, 0.9)
        )
        missed += any(not one.low_ms <= 300 <= one.high_ms for one in shifts)
    assert missed <= 200 * 0.09


# ---- edges ---------------------------------------------------------------------------------------


def test_no_calls():
    none = latency_sample([], [])
    assert (none.n_calls, ecdf(none).size) == (0, 0)
    assert np.isnan([mean_ms(none), max_ms(none)]).all()
    assert np.isnan(shift_function(none, latency_sample([1], [1]))[0].difference_ms)


def test_one_call_and_three_million_ties():
    assert quantiles(latency_sample([7], [1]), Q).tolist() == [7.0] * 7
    tied = latency_sample([20_128, 45_000], [3_000_000, 1])
    assert quantiles(tied, [0.5, 1.0]).tolist() == [20_128.0, 45_000.0]


def test_counts_are_checked():
    with pytest.raises(ValueError, match="never negative"):
        latency_sample([1], [-1])
