"""Kaplan-Meier from counts, restricted means, and what another cap would do."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from analysis.statistics.survival import UNKNOWN, kaplan_meier, rmst, survival_at, what_if_cap


def sample(seed, groups=60, cap=None):
    """Counts with ties between answers and cut-offs; with a cap all failures lie there."""
    rng = np.random.default_rng(seed)
    time = np.sort(rng.choice(np.arange(100, 20_000), groups, replace=False)).astype(float)
    answered, failed = rng.integers(0, 9, groups), rng.integers(0, 4, groups)
    if cap:
        time, answered, failed = (
            np.append(time, cap),
            np.append(answered, 0),
            np.append(failed * 0, 40),
        )
    return time, answered, failed


def expand(time, answered, failed):
    return stats.CensoredData(uncensored=np.repeat(time, answered), right=np.repeat(time, failed))


# by hand


def test_answers_come_before_cut_offs_of_the_same_latency():
    curve = kaplan_meier([10, 20], answered=[1, 1], failed=[1, 1])
    assert curve.at_risk.tolist() == [4, 2]
    assert curve.survival.tolist() == [0.75, 0.375]


def test_restricted_mean_by_hand():
    """S is 1 until 10, 2/3 until 20, 1/3 until 30: 10 + 6.67 + 1.67 up to 25."""
    curve = kaplan_meier([10, 20, 30], [1, 1, 1], [0, 0, 0])
    assert rmst(curve, 25).value == pytest.approx(10 + 20 / 3 + 5 / 3)


def test_a_longer_cap_keeps_the_curve_before_the_old_one():
    """The same calls cut off at 20 s and at 45 s: S(20 s) and RMST(20 s) do not move, the timeout rate does."""
    rng = np.random.default_rng(3)
    needed = rng.gamma(4, 8000, 4000).round()
    curves = []
    for cap in (20_000, 45_000):
        seen = np.minimum(needed, cap)
        curves.append(kaplan_meier(seen, (needed <= cap).astype(int), (needed > cap).astype(int)))
    before, after = curves
    assert survival_at(after, 20_000).value == pytest.approx(
        survival_at(before, 20_000).value, rel=1e-12
    )
    assert rmst(after, 20_000).value == pytest.approx(rmst(before, 20_000).value, rel=1e-12)


# expansion oracle


@pytest.mark.parametrize("seed", range(5))
def test_equals_scipy_exactly(seed):
    time, answered, failed = sample(seed)
    curve, oracle = (
        kaplan_meier(time, answered, failed),
        stats.ecdf(expand(time, answered, failed)).sf,
    )
    assert np.array_equal(curve.time_ms, oracle.quantiles)
    assert np.array_equal(curve.survival, oracle.probabilities)


def test_log_log_interval_equals_scipy():
    time, answered, failed = sample(7)
    curve, oracle = (
        kaplan_meier(time, answered, failed),
        stats.ecdf(expand(time, answered, failed)).sf,
    )
    expected = oracle.confidence_interval(0.9, method="log-log")
    inside = np.flatnonzero((curve.survival > 0) & (curve.survival < 1))
    for i in inside[::7]:
        found = survival_at(curve, curve.time_ms[i], level=0.9)
        assert found.low == pytest.approx(expected.low.probabilities[i], rel=1e-12)
        assert found.high == pytest.approx(expected.high.probabilities[i], rel=1e-12)


def test_without_cut_offs_everything_is_a_plain_mean():
    """RMST(tau) = mean(min(T, tau)), and Greenwood's variance is that of the calls."""
    time, answered, _ = sample(8)
    calls = np.repeat(time, answered)
    found = rmst(kaplan_meier(time, answered, answered * 0), 9000, level=0.95)
    kept = np.minimum(calls, 9000)
    assert found.value == pytest.approx(kept.mean(), rel=1e-12)
    assert found.high - found.value == pytest.approx(
        stats.norm.isf(0.025) * kept.std() / np.sqrt(kept.size), rel=1e-9
    )


def test_what_if_equals_the_calls_themselves():
    """All failures at the own cap: shares, times and their intervals are those of single calls, cut at the asked cap."""
    time, answered, failed = sample(9, cap=20_100)
    calls = np.concatenate((np.repeat(time, answered), np.repeat(time, failed)))
    done = np.concatenate((np.ones(answered.sum()), np.zeros(failed.sum())))
    cap, z = 12_000, stats.norm.isf(0.025)
    found = what_if_cap(kaplan_meier(time, answered, failed), cap)
    cut, kept = np.minimum(calls, cap), done * (calls <= cap)
    assert found.cut_off_share.value == pytest.approx(np.mean(calls > cap), rel=1e-12)
    saved = calls - cut
    assert found.saved_ms_per_call.value == pytest.approx(saved.mean(), rel=1e-12)
    assert found.saved_ms_per_call.high - saved.mean() == pytest.approx(
        z * saved.std() / np.sqrt(calls.size), rel=1e-9
    )
    now, then = calls.sum() / done.sum(), cut.sum() / kept.sum()
    assert found.saved_ms_per_success.value == pytest.approx(now - then, rel=1e-12)
    influence = (calls - now * done) / done.mean() - (cut - then * kept) / kept.mean()
    half = found.saved_ms_per_success.high - found.saved_ms_per_success.value
    assert half == pytest.approx(z * influence.std() / np.sqrt(calls.size), rel=1e-9)


# laws


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(0, 3), st.integers(0, 3)), max_size=12),
    st.randoms(),
)
def test_curve_laws(rows, random):
    """Falls from at most 1 to at least 0; order and splitting of groups do not matter; intervals hold their value."""
    time, answered, failed = (
        (list(column) for column in zip(*rows, strict=True)) if rows else ([], [], [])
    )
    curve = kaplan_meier(time, answered, failed)
    assert np.all(np.diff(curve.survival, prepend=1.0) <= 0)
    assert np.all(curve.survival >= 0)
    random.shuffle(rows)
    if rows:
        again = kaplan_meier(*(list(column) for column in zip(*(rows + rows), strict=True)))
        assert again.survival == pytest.approx(curve.survival, rel=1e-12)
    for at in (0, 17, 50):
        for found in (survival_at(curve, at), rmst(curve, at), *_estimates(what_if_cap(curve, at))):
            if found.value is not None:
                assert found.low <= found.value <= found.high
                assert np.isfinite([found.low, found.high]).all()


def _estimates(found):
    return found.cut_off_share, found.saved_ms_per_call, found.saved_ms_per_success


def test_inflation_widens_only():
    curve = kaplan_meier(*sample(2))
    plain, wide = survival_at(curve, 9000), survival_at(curve, 9000, inflation=4.0)
    assert (wide.value, wide.low < plain.low, wide.high > plain.high) == (plain.value, True, True)


def test_time_unit():
    time, answered, failed = sample(4)
    ms, s = (
        rmst(kaplan_meier(time, answered, failed), 9000),
        rmst(kaplan_meier(time / 1e3, answered, failed), 9),
    )
    assert (s.value * 1e3, s.low * 1e3) == (
        pytest.approx(ms.value, rel=1e-12),
        pytest.approx(ms.low, rel=1e-12),
    )


# edges


def test_beyond_the_own_cap_is_not_identifiable():
    curve = kaplan_meier(*sample(9, cap=20_100))
    found = what_if_cap(curve, 30_000)
    assert (found.identifiable, *_estimates(found)) == (False, UNKNOWN, UNKNOWN, UNKNOWN)
    assert survival_at(curve, 30_000) == rmst(curve, 30_000) == UNKNOWN
    assert what_if_cap(curve, 20_100).identifiable
    assert not what_if_cap(curve, 20_000, own_cap_ms=19_000).identifiable


def test_without_any_cut_off_a_longer_cap_cuts_nothing():
    curve = kaplan_meier([100, 200], [50, 50], [0, 0])
    found = what_if_cap(curve, 500)
    assert (found.identifiable, found.cut_off_share.value, found.saved_ms_per_call.value) == (
        True,
        0.0,
        0.0,
    )
    assert 0 < found.cut_off_share.high <= 1


def test_no_calls_one_call_and_only_failures():
    assert what_if_cap(kaplan_meier([], [], []), 10).identifiable is False
    assert kaplan_meier([], [], []).n_calls == 0
    one = kaplan_meier([10], [1], [0])
    assert one.survival.tolist() == [0.0]
    only_failed = kaplan_meier([20_000], [0], [30])
    assert survival_at(only_failed, 20_000).value == 1.0
    assert what_if_cap(only_failed, 10_000).saved_ms_per_success == UNKNOWN


def test_three_million_equal_latencies():
    curve = kaplan_meier([20_128], [1], [3_000_000])
    assert curve.survival[0] == 3_000_000 / 3_000_001


def test_counts_are_checked():
    with pytest.raises(ValueError, match="none may be negative"):
        kaplan_meier([1, 2], [1, -1], [0, 0])
    with pytest.raises(ValueError, match="have shapes"):
        kaplan_meier([1, 2], [1], [0])


# published values


def test_leukaemia_remissions():
    """6-MP arm of Freireich et al. 1963 (Blood 21, 699-716), weeks; the product-limit values of Cox & Oakes 1984, p. 8."""
    weeks = [6, 6, 6, 7, 10, 13, 16, 22, 23]
    lost = [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]
    curve = kaplan_meier(weeks + lost, [1] * 9 + [0] * 12, [0] * 9 + [1] * 12)
    found = [round(survival_at(curve, week).value, 3) for week in (6, 7, 10, 13, 16, 22, 23)]
    assert found == [0.857, 0.807, 0.753, 0.690, 0.627, 0.538, 0.448]


def test_where_everything_was_answered_the_interval_knows_how_many_calls_that_were():
    """1,000 calls within 1.5 s: of those that take longer than 2 s there may be 0.37 %, not 99.8 % (Clopper-Pearson, 0 of 1,000)."""
    curve = kaplan_meier(np.arange(500, 1500), np.ones(1000), np.append(np.zeros(999), 0))
    found = survival_at(curve, 1499.0)
    assert (found.value, found.low) == (0.0, 0.0)
    assert found.high == pytest.approx(stats.binomtest(0, 1000).proportion_ci(0.95).high, rel=1e-9)
