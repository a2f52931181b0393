"""Kaplan-Meier from counts, and what another cap would do."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from analysis.statistics.latency.survival import UNKNOWN, kaplan_meier, survival_at
from analysis.statistics.latency.what_if import what_if_cap

Z = stats.norm.isf(0.025)


def counts(seed, groups=60, cap=None):
    """Latencies, answers and failures, with ties; with a cap all failures lie there."""
    rng = np.random.default_rng(seed)
    time = np.sort(rng.choice(np.arange(100, 20_000), groups, replace=False)).astype(float)
    answered, failed = rng.integers(0, 9, groups), rng.integers(0, 4, groups)
    if cap is None:
        return time, answered, failed
    return np.append(time, cap), np.append(answered, 0), np.append(failed * 0, 40)


def scipy_curve(time, answered, failed):
    calls = stats.CensoredData(uncensored=np.repeat(time, answered), right=np.repeat(time, failed))
    return stats.ecdf(calls).sf


def estimates(found):
    return found.cut_off_share, found.saved_ms_per_call, found.saved_ms_per_success


# ---- by hand -------------------------------------------------------------------------------------


def test_answers_come_before_cut_offs_of_the_same_latency():
    curve = kaplan_meier([10, 20], answered=[1, 1], failed=[1, 1])
    assert curve.at_risk.tolist() == [4, 2]
    assert curve.survival.tolist() == [0.75, 0.375]


def test_time_saved_by_hand():
    """S is 1 until 10, 2/3 until 20, 1/3 until 30: a cap of 25 saves a third of 5 ms a call."""
    found = what_if_cap(kaplan_meier([10, 20, 30], [1, 1, 1], [0, 0, 0]), 25)
    assert found.saved_ms_per_call.value == pytest.approx(5 / 3)
    assert found.saved_ms_per_success.value == pytest.approx(60 / 3 - 55 / 2)


def test_a_longer_cap_keeps_the_curve_before_the_old_one():
    """The same calls cut off at 20 s and at 45 s: S(20 s) does not move, the timeout rate does."""
    needed = np.random.default_rng(3).gamma(4, 8000, 4000).round()
    curves = [
        kaplan_meier(np.minimum(needed, cap), needed <= cap, needed > cap)
        for cap in (20_000, 45_000)
    ]
    before, after = (survival_at(curve, 20_000).value for curve in curves)
    assert after == pytest.approx(before, rel=1e-12)


def test_leukaemia_remissions():
    """6-MP arm of Freireich et al. 1963 (Blood 21, 699-716), weeks; Cox & Oakes 1984, p. 8."""
    weeks = [6, 6, 6, 7, 10, 13, 16, 22, 23]
    lost = [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]
    curve = kaplan_meier(weeks + lost, [1] * 9 + [0] * 12, [0] * 9 + [1] * 12)
    found = [round(survival_at(curve, week).value, 3) for week in (6, 7, 10, 13, 16, 22, 23)]
    assert found == [0.857, 0.807, 0.753, 0.690, 0.627, 0.538, 0.448]


# ---- expansion oracle ----------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_equals_scipy_exactly(seed):
    curve, oracle = kaplan_meier(*counts(seed)), scipy_curve(*counts(seed))
    assert np.array_equal(curve.time_ms, oracle.quantiles)
    assert np.array_equal(curve.survival, oracle.probabilities)


def test_log_log_interval_equals_scipy():
    curve, oracle = kaplan_meier(*counts(7)), scipy_curve(*counts(7))
    expected = oracle.confidence_interval(0.9, method="log-log")
    for i in np.flatnonzero((curve.survival > 0) & (curve.survival < 1))[::7]:
        found = survival_at(curve, curve.time_ms[i], level=0.9)
        assert found.low == pytest.approx(expected.low.probabilities[i], rel=1e-12)
        assert found.high == pytest.approx(expected.high.probabilities[i], rel=1e-12)


def test_what_if_equals_the_calls_themselves():
    """All failures at the own cap: shares, times and intervals are those of single calls."""
    time, answered, failed = counts(9, cap=20_100)
    calls = np.concatenate((np.repeat(time, answered), np.repeat(time, failed)))
    done = np.repeat([1.0, 0.0], [answered.sum(), failed.sum()])
    cap = 12_000
    found = what_if_cap(kaplan_meier(time, answered, failed), cap)
    cut, kept = np.minimum(calls, cap), done * (calls <= cap)
    now, then = calls.sum() / done.sum(), cut.sum() / kept.sum()
    influence = (calls - now * done) / done.mean() - (cut - then * kept) / kept.mean()
    assert found.cut_off_share.value == pytest.approx(np.mean(calls > cap), rel=1e-12)
    for estimate, value, each in (
        (found.saved_ms_per_call, np.mean(calls - cut), calls - cut),
        (found.saved_ms_per_success, now - then, influence),
    ):
        assert estimate.value == pytest.approx(value, rel=1e-12)
        half = Z * each.std() / np.sqrt(calls.size)
        assert estimate.high - estimate.value == pytest.approx(half, rel=1e-9)


# ---- laws ----------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(0, 3), st.integers(0, 3)), max_size=12),
    st.randoms(),
)
def test_curve_laws(rows, random):
    """Falls from 1 to 0; order and splitting of groups do not matter; intervals hold the value."""

    def curve_of(rows):
        return kaplan_meier(*np.array(rows, dtype=float).reshape(-1, 3).T)

    curve = curve_of(rows)
    assert np.all(np.diff(curve.survival, prepend=1.0) <= 0)
    assert np.all(curve.survival >= 0)
    random.shuffle(rows)
    assert curve_of(rows + rows).survival == pytest.approx(curve.survival, rel=1e-12)
    for at in (0, 17, 50):
        for found in (survival_at(curve, at), *estimates(what_if_cap(curve, at))):
            if found.value is not None:
                assert found.low <= found.value <= found.high
                assert np.isfinite([found.low, found.high]).all()


def test_overdispersion_widens_only():
    curve = kaplan_meier(*counts(2))
    plain, wide = survival_at(curve, 9000), survival_at(curve, 9000, overdispersion=4.0)
    assert (wide.value, wide.low < plain.low, wide.high > plain.high) == (plain.value, True, True)


def test_time_unit():
    time, answered, failed = counts(4)
    ms = what_if_cap(kaplan_meier(time, answered, failed), 9000).saved_ms_per_call
    s = what_if_cap(kaplan_meier(time / 1e3, answered, failed), 9).saved_ms_per_call
    assert (s.value * 1e3, s.low * 1e3) == pytest.approx((ms.value, ms.low), rel=1e-12)


# ---- edges ---------------------------------------------------------------------------------------


def test_beyond_the_own_cap_is_not_identifiable():
    curve = kaplan_meier(*counts(9, cap=20_100))
    found = what_if_cap(curve, 30_000)
    assert (found.identifiable, *estimates(found)) == (False, UNKNOWN, UNKNOWN, UNKNOWN)
    assert survival_at(curve, 30_000) == UNKNOWN
    assert what_if_cap(curve, 20_100).identifiable
    assert not what_if_cap(curve, 20_000, own_cap_ms=19_000).identifiable


def test_without_any_cut_off_a_longer_cap_cuts_nothing():
    found = what_if_cap(kaplan_meier([100, 200], [50, 50], [0, 0]), 500)
    assert (found.identifiable, found.saved_ms_per_call.value) == (True, 0.0)
    assert found.cut_off_share.value == 0.0 < found.cut_off_share.high <= 1


def test_where_all_were_answered_the_interval_knows_how_many_calls_that_were():
    """1,000 calls within 1.5 s: of those that take longer there may be 0.37 %, not 99.8 %."""
    found = survival_at(kaplan_meier(np.arange(500, 1500), np.ones(1000), np.zeros(1000)), 1499.0)
    exact = stats.binomtest(0, 1000).proportion_ci(0.95).high
    assert (found.value, found.low) == (0.0, 0.0)
    assert found.high == pytest.approx(exact, rel=1e-9)


def test_no_calls_one_call_and_only_failures():
    nothing = kaplan_meier([], [], [])
    assert (nothing.n_calls, what_if_cap(nothing, 10).identifiable) == (0, False)
    assert kaplan_meier([10], [1], [0]).survival.tolist() == [0.0]
    only_failed = kaplan_meier([20_000], [0], [30])
    assert survival_at(only_failed, 20_000).value == 1.0
    assert what_if_cap(only_failed, 10_000).saved_ms_per_success == UNKNOWN


def test_three_million_equal_latencies():
    assert kaplan_meier([20_128], [1], [3_000_000]).survival[0] == 3_000_000 / 3_000_001


@pytest.mark.parametrize(
    ("latency", "answered", "rule"),
    [([1, 2], [1, -1], "none may be negative"), ([1, 2], [1], "have shapes")],
)
def test_counts_are_checked(latency, answered, rule):
    with pytest.raises(ValueError, match=rule):
        kaplan_meier(latency, answered, [0, 0])
