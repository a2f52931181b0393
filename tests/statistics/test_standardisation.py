"""The same mix of strata in both arms."""

import numpy as np
import pytest

from analysis.statistics.standardisation import count_repeats, match_hours, standardise
from analysis.statistics.totals import ArmTotals


def rate(events, trials, usable=None):
    return ArmTotals.of_events(events, np.broadcast_to(trials, np.shape(events)), usable)


def latency(n, ms):
    """An arm whose calls all have the latency of their stratum."""
    n, ms = np.broadcast_arrays(np.asarray(n, dtype=float), ms)
    return ArmTotals.of_sums(y=n * ms, n=n, yy=n * ms * ms, yn=n * ms, nn=n)


# ---- by hand -------------------------------------------------------------------------------------


def test_second_moments_get_squared_weights():
    """nb = (100, 300), np = (100, 100) give factors of (1.6, .8) on the baseline."""
    arms = standardise(rate([[[10]], [[30]]], [[[100]], [[300]]]), rate([[[10]], [[10]]], 100))
    assert arms.baseline_total.y == pytest.approx(1.6 * 10 + 0.8 * 30)
    assert arms.baseline_total.nn == pytest.approx(1.6**2 * 100 + 0.8**2 * 300)


def test_only_the_same_clock_hours_are_compared():
    arms = standardise(rate(np.arange(48).reshape(1, 2, 24), 100), rate(np.ones((1, 1, 4)), 100))
    assert arms.crude_baseline.y == sum([0, 1, 2, 3, 24, 25, 26, 27])
    assert arms.baseline_total.y == pytest.approx(arms.crude_baseline.y)


@pytest.mark.parametrize(
    ("hours", "first_hour", "expected"),
    [(30, 0, [2] * 6 + [1] * 18), (3, 23, [1, 1, *[0] * 21, 1])],
    ids=["longer than the cycle", "over midnight"],
)
def test_post_hours_meet_hours_of_the_cycle(hours, first_hour, expected):
    matches = match_hours(np.ones(hours, dtype=bool), cycle=24, first_hour=first_hour)
    assert matches.tolist() == expected


def test_repeats_with_half_of_their_hours_count_as_days():
    usable = np.ones((3, 24), dtype=bool)
    usable[0, :12] = usable[1, :13] = False
    assert count_repeats(usable) == 2
    assert count_repeats(np.zeros((2, 24), dtype=bool)) == 1


def test_moved_traffic_is_no_improvement():
    """Every source 15 % slower, traffic moved to the fast one: only the crude mean improves."""
    hours, ms = np.ones((2, 1, 24)), np.array([20.0, 2.0]).reshape(2, 1, 1)
    before = latency(50 * hours, ms)
    after = latency(np.array([10.0, 90.0]).reshape(2, 1, 1) * hours, 1.15 * ms)
    arms = standardise(before, after)
    assert arms.crude_post.y / arms.crude_post.n < arms.crude_baseline.y / arms.crude_baseline.n
    assert arms.post_total.ratio / arms.baseline_total.ratio == pytest.approx(1.15, rel=1e-12)


def test_different_daily_rhythms_do_not_shift_the_mix():
    """A slow stratum that works by day only: at a night window both arms have the same mix."""
    n = np.full((2, 7, 24), 100.0)
    n[0, :, :12] = 2
    before = latency(n, np.array([20.0, 1.0]).reshape(2, 1, 1))
    after = ArmTotals(before.stacked[:, :, :1, :4], np.ones((1, 4), dtype=bool))
    arms = standardise(before, after)
    assert arms.post_total.ratio == pytest.approx(arms.baseline_total.ratio, rel=1e-12)


def test_a_stratum_whose_calls_all_fail_is_not_left_out():
    """Time per success: n counts successes, and one source has none after. Its time must count."""
    hours = np.ones((2, 1, 24))
    ms = np.array([1100.0, 20_000.0]).reshape(2, 1, 1)
    good = np.array([60.0, 0.0]).reshape(2, 1, 1) * hours
    y = 60 * ms * hours
    after = ArmTotals.of_sums(y=y, n=good, yy=y * ms, yn=good * ms, nn=good)
    arms = standardise(latency(60 * np.ones((2, 7, 24)), 1100.0), after)
    assert arms.post_total.ratio == pytest.approx((60 * 1100 + 60 * 20_000) / 60)
    assert arms.coverage == 1.0


# ---- expansion oracle ----------------------------------------------------------------------------


def test_sums_equal_weighted_calls(arm_of_calls):
    rng = np.random.default_rng(1)
    y, stratum, hour = rng.integers(1, 50, 400), rng.integers(0, 3, 400), rng.integers(0, 24, 400)
    before, after = (
        arm_of_calls(y[part], hour=hour[part], stratum=stratum[part], shape=(3, 1, 24))
        for part in (slice(0, 300), slice(300, 400))
    )
    nb, na = np.bincount(stratum[:300]), np.bincount(stratum[300:])
    w = nb * na / (nb + na)
    per_call = (w / w.sum() / na * na.sum())[stratum[300:]]
    total = standardise(before, after).post_total
    assert total.y == pytest.approx((per_call * y[300:]).sum(), rel=1e-12)
    assert total.yy == pytest.approx((per_call**2 * y[300:] ** 2).sum(), rel=1e-12)
    assert total.ratio == pytest.approx(np.average(y[300:], weights=per_call), rel=1e-12)


# ---- laws ----------------------------------------------------------------------------------------


def changed(arm, *, factor=1.0, order=(0, 1, 2)):
    return ArmTotals(factor * arm.stacked[:, list(order)], arm.usable)


def with_empty_stratum(arm):
    return ArmTotals(np.concatenate([arm.stacked, 0 * arm.stacked[:, :1]], axis=1), arm.usable)


@pytest.mark.parametrize(
    "change",
    [
        lambda arm: changed(arm, factor=7.0),
        lambda arm: changed(arm, order=(2, 0, 1)),
        with_empty_stratum,
    ],
    ids=["scaled", "permuted", "an empty stratum"],
)
def test_what_leaves_values_alone(change):
    rng = np.random.default_rng(3)
    before, after = rng.integers(1, 9, (3, 2, 24)), rng.integers(1, 9, (3, 1, 24))
    arms = rate(before, before * 3), rate(after, after * 5)
    first, other = standardise(*arms), standardise(*map(change, arms))
    assert other.baseline_total.ratio == pytest.approx(first.baseline_total.ratio, rel=1e-12)
    assert other.post_total.ratio == pytest.approx(first.post_total.ratio, rel=1e-12)


# ---- edges ---------------------------------------------------------------------------------------


def test_a_stratum_of_one_arm_drops_out_and_coverage_says_so():
    arms = standardise(
        rate([[[1]], [[0]]], [[[10]], [[0]]]), rate([[[1]], [[9]]], [[[10]], [[30]]])
    )
    assert arms.coverage == pytest.approx(0.25)
    assert arms.post_total.ratio == pytest.approx(0.1)
    assert (arms.crude_post.y, arms.common_post.y) == (10, 1)


def test_no_shared_stratum():
    arms = standardise(rate([[[1]], [[0]]], [[[10]], [[0]]]), rate([[[0]], [[9]]], [[[0]], [[30]]]))
    assert (arms.coverage, arms.baseline_total.n, arms.post_total.n) == (0.0, 0.0, 0.0)


def test_excluded_hours_count_nowhere():
    usable = np.ones((2, 24), dtype=bool)
    usable[0, 1] = False
    before = rate(np.full((1, 2, 24), 5), 10, usable)
    assert standardise(before, rate(np.ones((1, 1, 4)), 10)).crude_baseline.n == 70


@pytest.mark.parametrize(
    ("before", "after", "rule"),
    [((2, 1, 4), (1, 1, 4), "same ones"), ((1, 1, 4), (1, 2, 4), "it must be 1")],
)
def test_refusals_name_the_rule(before, after, rule):
    with pytest.raises(ValueError, match=rule):
        standardise(rate(np.ones(before), 1), rate(np.ones(after), 1))
