"""Hour sums and the same mix of strata in both arms."""

import numpy as np
import pytest

from analysis.statistics.totals import ArmTotals, match_hours, overlap_factors, standardise


def rate(events, trials, usable=None):
    return ArmTotals.of_events(
        np.asarray(events, dtype=float), np.asarray(trials, dtype=float), usable
    )


def value(total):
    return total.y / total.n


# by hand


def test_overlap_weights_by_hand():
    """nb = (100, 300), np = (100, 100): w = (50, 75) / 125 = (.4, .6)."""
    baseline_factor, post_factor = overlap_factors(
        np.array([100.0, 300.0]), np.array([100.0, 100.0])
    )
    assert baseline_factor == pytest.approx([0.4 / 100 * 400, 0.6 / 300 * 400])
    assert post_factor == pytest.approx([0.4 / 100 * 200, 0.6 / 100 * 200])


def test_second_moments_get_squared_weights():
    before, after = (
        rate([[[10]], [[30]]], [[[100]], [[300]]]),
        rate([[[10]], [[10]]], [[[100]], [[100]]]),
    )
    arms = standardise(before, after)
    assert arms.baseline_total.y == pytest.approx(1.6 * 10 + 0.8 * 30)
    assert arms.baseline_total.nn == pytest.approx(1.6**2 * 100 + 0.8**2 * 300)


def test_only_the_same_clock_hours_are_compared():
    before = rate(np.arange(48).reshape(1, 2, 24), np.full((1, 2, 24), 100))
    arms = standardise(before, rate(np.ones((1, 1, 4)), np.full((1, 1, 4), 100)))
    assert arms.crude_baseline.y == sum([0, 1, 2, 3, 24, 25, 26, 27])
    assert arms.baseline_total.y == pytest.approx(arms.crude_baseline.y)


def test_windows_longer_than_the_cycle_wrap():
    assert match_hours(np.ones(30, dtype=bool), cycle=24).tolist() == [2] * 6 + [1] * 18
    assert match_hours(np.ones(3, dtype=bool), cycle=24, first_hour=23).nonzero()[0].tolist() == [
        0,
        1,
        23,
    ]


def test_moved_traffic_is_not_an_improvement():
    """Every source 15 % slower, traffic moved to the fast one: crude improves, standardised does not."""
    shape = (2, 1, 24)
    latency = np.array([20.0, 2.0]).reshape(2, 1, 1)

    def arm(n, factor):
        n = np.broadcast_to(np.array(n, dtype=float).reshape(2, 1, 1), shape)
        y = n * latency * factor
        return ArmTotals(y=y, n=n, yy=y * latency, yn=y, nn=n, usable=np.ones((1, 24), dtype=bool))

    arms = standardise(arm([50, 50], 1.0), arm([10, 90], 1.15))
    assert arms.crude_post.y / arms.crude_post.n < arms.crude_baseline.y / arms.crude_baseline.n
    assert value(arms.post_total) / value(arms.baseline_total) == pytest.approx(1.15, rel=1e-12)


def test_different_daily_rhythms_do_not_shift_the_mix():
    """A slow stratum that works by day only: at a night window both arms still have the same mix."""
    n = np.ones((2, 7, 24)) * 100
    n[0, :, :12] = 2
    y = n * np.array([20.0, 1.0]).reshape(2, 1, 1)
    before = ArmTotals(y=y, n=n, yy=y * y / n, yn=y, nn=n, usable=np.ones((7, 24), dtype=bool))
    after = ArmTotals(
        **{k: getattr(before, k)[:, :1, :4] for k in ("y", "n", "yy", "yn", "nn")},
        usable=np.ones((1, 4)),
    )
    arms = standardise(before, after)
    assert value(arms.post_total) == pytest.approx(value(arms.baseline_total), rel=1e-12)


# expansion oracle


def test_sums_equal_weighted_calls(arm_of_calls):
    rng = np.random.default_rng(1)
    y, stratum, hour = rng.integers(1, 50, 400), rng.integers(0, 3, 400), rng.integers(0, 24, 400)
    before = arm_of_calls(
        y[:300],
        np.ones(300),
        repeat=np.zeros(300, int),
        hour=hour[:300],
        stratum=stratum[:300],
        shape=(3, 1, 24),
    )
    after = arm_of_calls(
        y[300:],
        np.ones(100),
        repeat=np.zeros(100, int),
        hour=hour[300:],
        stratum=stratum[300:],
        shape=(3, 1, 24),
    )
    nb, na = np.bincount(stratum[:300]), np.bincount(stratum[300:])
    w = nb * na / (nb + na)
    per_call = (w / w.sum() / na * na.sum())[stratum[300:]]
    total = standardise(before, after).post_total
    assert total.y == pytest.approx((per_call * y[300:]).sum(), rel=1e-12)
    assert total.yy == pytest.approx((per_call**2 * y[300:] ** 2).sum(), rel=1e-12)
    assert value(total) == pytest.approx(np.average(y[300:], weights=per_call), rel=1e-12)


# laws


def test_merge_is_addition(arm_of_calls):
    rng = np.random.default_rng(2)
    y, hour = rng.integers(0, 900, 100), rng.integers(0, 24, 100)

    def make(part):
        return arm_of_calls(
            y[part],
            np.ones(y[part].size),
            repeat=np.zeros(y[part].size, int),
            hour=hour[part],
            shape=(1, 1, 24),
        )

    both, whole = make(slice(0, 40)) + make(slice(40, 100)), make(slice(0, 100))
    for name in ("y", "n", "yy", "yn", "nn"):
        assert np.array_equal(getattr(both, name), getattr(whole, name))


def test_scale_and_permuted_strata_leave_values_alone():
    rng = np.random.default_rng(3)
    before, after = rng.integers(1, 9, (3, 2, 24)), rng.integers(1, 9, (3, 1, 24))
    first = standardise(rate(before, before * 3), rate(after, after * 5))
    scaled = standardise(rate(before * 7, before * 21), rate(after * 7, after * 35))
    order = [2, 0, 1]
    permuted = standardise(
        rate(before[order], before[order] * 3), rate(after[order], after[order] * 5)
    )
    for other in (scaled, permuted):
        assert value(other.baseline_total) == pytest.approx(value(first.baseline_total), rel=1e-12)
        assert value(other.post_total) == pytest.approx(value(first.post_total), rel=1e-12)


def test_an_empty_stratum_changes_nothing():
    before, after = (
        rate(np.ones((1, 1, 24)), np.full((1, 1, 24), 9)),
        rate(np.ones((1, 1, 4)), np.full((1, 1, 4), 9)),
    )

    def pad(arm):
        return rate(np.concatenate([arm.y, arm.y * 0]), np.concatenate([arm.n, arm.n * 0]))

    assert value(standardise(pad(before), pad(after)).post_total) == value(
        standardise(before, after).post_total
    )


# edges


def test_a_stratum_of_one_arm_drops_out_and_coverage_says_so():
    arms = standardise(
        rate([[[1]], [[0]]], [[[10]], [[0]]]), rate([[[1]], [[9]]], [[[10]], [[30]]])
    )
    assert arms.coverage == pytest.approx(0.25)
    assert value(arms.post_total) == pytest.approx(0.1)
    assert arms.crude_post.y == 10


def test_no_shared_stratum():
    arms = standardise(rate([[[1]], [[0]]], [[[10]], [[0]]]), rate([[[0]], [[9]]], [[[0]], [[30]]]))
    assert (arms.coverage, arms.baseline_total.n, arms.post_total.n) == (0.0, 0.0, 0.0)


def test_excluded_hours_count_nowhere():
    usable = np.ones((2, 24), dtype=bool)
    usable[0, 1] = False
    before = rate(np.full((1, 2, 24), 5), np.full((1, 2, 24), 10), usable)
    assert (
        standardise(before, rate(np.ones((1, 1, 4)), np.full((1, 1, 4), 10))).crude_baseline.n == 70
    )


def test_refusals_name_the_rule():
    ones = np.ones((1, 1, 4))
    with pytest.raises(ValueError, match=r"must be \(strata, repeats, hours\)"):
        ArmTotals.of_events(np.ones(3), np.ones(3))
    with pytest.raises(ValueError, match="never negative"):
        rate(ones, -ones)
    with pytest.raises(ValueError, match="not finite"):
        rate(ones * np.nan, ones)
    with pytest.raises(ValueError, match="same ones"):
        standardise(rate(np.ones((2, 1, 4)), np.ones((2, 1, 4))), rate(ones, ones))
    with pytest.raises(ValueError, match="it must be 1"):
        standardise(rate(ones, ones), rate(np.ones((1, 2, 4)), np.ones((1, 2, 4))))
    with pytest.raises(ValueError, match="read-only"):
        rate(ones, ones).y[0] = 3
