"""The router, its answers and its laws."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from analysis.statistics.comparison import NOTHING, compare
from analysis.statistics.exact import EXACT
from analysis.statistics.ratio import COSINE, ONE_DAY, PLACEBO
from analysis.statistics.totals import ArmTotals

SUMS = ("y", "n", "yy", "yn", "nn")


def noisy_rate(days, hours, *, before, after, calls=60, seed=0):
    rng = np.random.default_rng(seed)
    n = rng.poisson(calls, days * 24 + hours)
    p = np.where(np.arange(n.size) < days * 24, before, after)
    events = rng.binomial(n, p).astype(float)
    cut = days * 24
    return (
        ArmTotals.of_events(events[:cut].reshape(1, days, 24), n[:cut].reshape(1, days, 24)),
        ArmTotals.of_events(events[cut:].reshape(1, 1, hours), n[cut:].reshape(1, 1, hours)),
    )


# by hand


@pytest.mark.parametrize(
    ("days", "hours", "before", "method"),
    [(7, 4, 0.5, PLACEBO), (1, 4, 0.5, ONE_DAY), (1, 24, 0.5, COSINE), (7, 24, 0.0005, EXACT)],
)
def test_the_router_names_its_method(days, hours, before, method):
    found = compare(*noisy_rate(days, hours, before=before, after=before), indicator=True)
    assert found.method == method


@pytest.mark.parametrize(("days", "hours"), [(1, 4), (1, 24), (3, 24), (7, 4)])
def test_a_fix_shows_and_its_size_is_bracketed(days, hours):
    found = compare(*noisy_rate(days, hours, before=0.9, after=0.2), indicator=True)
    low, high = found.interval(0.95)
    assert found.p_value(scale=0.5, alternative="less") < 0.01
    assert low < -0.7 < high
    assert found.ratio == pytest.approx(0.2 / 0.9, abs=0.05)


def test_against_a_fixed_limit():
    found = compare(*noisy_rate(7, 24, before=0.02, after=0.02), indicator=True)
    assert found.p_value_against(0.05, alternative="less") < 0.01
    assert found.p_value_against(0.01, alternative="greater") < 0.05
    assert found.post_interval(0.90)[1] < 0.05


def test_limit_test_and_post_bound_agree(noisy_arms):
    found = compare(*noisy_arms(7, 24), indicator=False)
    assert found.p_value_against(found.post_interval(0.90)[1], alternative="less") == pytest.approx(
        0.05
    )


def test_interval_and_p_agree(noisy_arms):
    found = compare(*noisy_arms(7, 4, post_factor=1.2), indicator=False)
    level = 1 - found.p_value()
    assert min(abs(bound) for bound in found.interval(level)) == pytest.approx(
        0, abs=1e-6 * found.baseline_value
    )


def test_a_rise_is_measured_at_its_own_level(noisy_arms):
    """Doubled latencies move twice as much from hour to hour: the upper end is farther away than the lower one."""
    found = compare(*noisy_arms(7, 4, post_factor=2.0), indicator=False)
    low, high = found.interval()
    assert high - found.difference > 1.2 * (found.difference - low) > 0
    assert high - found.difference == pytest.approx(
        stats.t.isf(0.025, found.df)
        * np.sqrt(found.ratio**2 * found.spread.post + found.spread.baseline),
        rel=1e-9,
    )


# laws


def test_swapping_arms_turns_the_difference():
    before, after = noisy_rate(1, 24, before=0.4, after=0.3)
    there = compare(before, after, indicator=True)
    back = compare(after, before, indicator=True)
    assert back.difference == pytest.approx(-there.difference, rel=1e-12)
    assert np.log(back.p_value()) == pytest.approx(np.log(there.p_value()), rel=0.1), (
        "each is asked at its own baseline's rate"
    )


def test_shift_moves_both_values_alike(noisy_arms):
    """Adding 500 ms to every call moves the values, not the difference nor its variance."""
    before, after = noisy_arms(7, 4)

    def later(arm):
        y = arm.y + 500 * arm.n
        return ArmTotals(
            y=y,
            n=arm.n,
            yy=arm.yy + 1000 * arm.y + 250_000 * arm.n,
            yn=y,
            nn=arm.nn,
            usable=arm.usable,
        )

    first, moved = (
        compare(before, after, indicator=False),
        compare(later(before), later(after), indicator=False),
    )
    assert moved.baseline_value == pytest.approx(first.baseline_value + 500, rel=1e-12)
    assert moved.difference == pytest.approx(first.difference, rel=1e-9)
    assert moved.variance == pytest.approx(first.variance, rel=1e-6)


def test_scaled_counts_keep_values_and_hourly_variance(noisy_arms):
    """Ten times the calls at the same hourly movements: the hours decide, not the calls."""
    before, after = noisy_arms(7, 4)
    tenfold = [
        ArmTotals(**{k: 10 * getattr(arm, k) for k in SUMS}, usable=arm.usable)
        for arm in (before, after)
    ]
    first, more = compare(before, after, indicator=False), compare(*tenfold, indicator=False)
    assert more.difference == pytest.approx(first.difference, rel=1e-9)
    assert more.variance == pytest.approx(first.variance, rel=1e-9)


def test_an_empty_hour_moves_no_value(noisy_arms):
    before, after = noisy_arms(7, 4)
    pad = {k: np.pad(getattr(after, k), ((0, 0), (0, 0), (0, 1))) for k in SUMS}
    longer = ArmTotals(**pad, usable=np.array([[True] * 4 + [False]]))
    first, padded = (
        compare(before, after, indicator=False),
        compare(before, longer, indicator=False),
    )
    assert padded.difference == pytest.approx(first.difference, rel=1e-12)
    assert padded.post_n == first.post_n


# edges


def test_an_empty_arm():
    none = ArmTotals.of_events(np.zeros((1, 1, 4)), np.zeros((1, 1, 4)))
    before, _ = noisy_rate(7, 4, before=0.5, after=0.5)
    found = compare(before, none, indicator=True)
    assert (found.method, found.p_value(), found.interval(), found.difference) == (
        NOTHING,
        1.0,
        (-1.0, 1.0),
        None,
    )
    assert (found.p_value_against(0.1), found.post_interval(), found.crude_post_value) == (
        1.0,
        (0.0, 1.0),
        None,
    )


def test_disjoint_strata():
    before = ArmTotals.of_events(
        np.ones((2, 1, 24)) * [[[1]], [[0]]], np.ones((2, 1, 24)) * [[[9]], [[0]]]
    )
    after = ArmTotals.of_events(
        np.ones((2, 1, 4)) * [[[0]], [[1]]], np.ones((2, 1, 4)) * [[[0]], [[9]]]
    )
    found = compare(before, after, indicator=True)
    assert (found.method, found.coverage, found.crude_post_value) == (
        NOTHING,
        0.0,
        pytest.approx(1 / 9),
    )


def test_no_alarm_where_a_slowdown_touches_whole_hours(noisy_arms):
    """Monte Carlo, 200 pairs of windows without a change: independent calls would alarm in most of them."""
    p = [
        compare(*noisy_arms(3, 4, seed=seed, calls=400), indicator=False).p_value()
        for seed in range(200)
    ]
    assert np.mean(np.array(p) < 0.05) <= 0.09  # .05 and 2.5 Monte-Carlo errors


# properties


@st.composite
def arms(draw):
    strata, repeats, hours = (
        draw(st.integers(1, 3)),
        draw(st.integers(1, 8)),
        draw(st.integers(1, 30)),
    )
    seed, indicator = draw(st.integers(0, 2**32 - 1)), draw(st.booleans())
    calls, share = (
        draw(st.sampled_from([0.02, 0.5, 5, 1000])),
        draw(st.sampled_from([0.0, 0.01, 0.3, 0.99, 1.0])),
    )
    rng = np.random.default_rng(seed)

    def arm(shape):
        n = rng.poisson(calls, shape).astype(float)
        usable = rng.random(shape[1:]) < draw(st.sampled_from([1.0, 0.9, 0.3]))
        if indicator:
            return ArmTotals.of_events(rng.binomial(n.astype(int), share).astype(float), n, usable)
        y = n * np.round(rng.gamma(2, 500, shape)) * (rng.random(shape) < max(share, 0.1))
        return ArmTotals(y=y, n=n, yy=y * 1000, yn=y, nn=n, usable=usable)

    return arm((strata, repeats, 24)), arm((strata, 1, hours)), indicator


@settings(max_examples=150, deadline=None)
@given(arms(), st.floats(0.05, 3.0), st.floats(0.5, 0.9999))
def test_every_answer_is_a_number(pair, scale, level):
    """No exception, no nan; p in 0..1; intervals contain their estimates."""
    before, after, indicator = pair
    found = compare(before, after, indicator=indicator)
    p = [found.p_value(scale=scale, alternative=a) for a in ("two-sided", "less", "greater")]
    p += [found.p_value_against(0.1, alternative=a) for a in ("two-sided", "less", "greater")]
    assert all(0 <= one <= 1 for one in p)
    numbers = [
        found.baseline_value,
        found.post_value,
        found.difference,
        found.ratio,
        found.variance,
        found.df,
    ]
    numbers += [
        found.crude_difference,
        found.coverage,
        found.inflation,
        *found.interval(level),
        *found.variance_parts(),
    ]
    assert not any(np.isnan(one) for one in numbers if one is not None)
    if found.difference is not None:
        low, high = found.interval(level)
        assert low <= found.difference <= high
        low, high = found.interval(level, scale=scale)
        assert low <= found.post_value - scale * found.baseline_value <= high
        p = found.p_value(scale=scale)
        no_rate_lies_there = (
            indicator and scale * found.baseline_value > 1
        )  # of 100 % before and after, p is the cautious one
        if found.counts is None and not no_rate_lies_there and abs(p - (1 - level)) > 1e-6:
            assert (low > 0 or high < 0) == (p < 1 - level)
        low, high = found.post_interval(level)
        assert low <= found.post_value <= high
        low, high = found.baseline_interval(level)
        assert low <= found.baseline_value <= high


@settings(max_examples=40, deadline=None)
@given(arms(), st.randoms())
def test_the_order_of_strata_does_not_matter(pair, random):
    before, after, indicator = pair
    order = list(range(before.y.shape[0]))
    random.shuffle(order)
    moved = [
        ArmTotals(**{k: getattr(arm, k)[order] for k in SUMS}, usable=arm.usable)
        for arm in (before, after)
    ]
    first, second = (
        compare(before, after, indicator=indicator),
        compare(*moved, indicator=indicator),
    )
    assert second.method == first.method
    assert second.p_value() == pytest.approx(first.p_value(), rel=1e-6, abs=1e-12)


# rates at their ends, hours without a like, strata that are in one arm only


def hourly_rate(p, n, days):
    """Arms of `days` baseline days and the rest after: n[h] calls in every hour, of which a share p[h] fails, as whole numbers."""
    events, calls = np.asarray(p, dtype=float), np.asarray(n, dtype=float)
    cut = 24 * days
    return (
        ArmTotals.of_events(events[:cut].reshape(1, days, 24), calls[:cut].reshape(1, days, 24)),
        ArmTotals.of_events(events[cut:].reshape(1, 1, -1), calls[cut:].reshape(1, 1, -1)),
    )


@pytest.mark.parametrize(
    ("before", "after", "scale"), [(0.8, 31, 1.0), (0.25, 0, 0.5), (0.25, 0, 1.0)]
)
def test_a_rate_of_none_or_all_of_few_calls_is_no_certainty(before, after, scale):
    """31 calls after a steady week of 300 an hour: the t rule says no more than twice what the exact binomial test says."""
    steady = np.full(168, 300 * before)
    found = compare(*hourly_rate([*steady, after], [*np.full(168, 300), 31], 7), indicator=True)
    exact = stats.binomtest(after, 31, min(1.0, scale * before)).pvalue
    assert found.method == PLACEBO
    assert found.p_value(scale=scale) > exact / 4
    low, high = found.post_interval(0.95)
    assert high - low > 0.1
    against = found.p_value_against(0.08, alternative="less")
    assert after or against == pytest.approx(
        stats.binomtest(0, 31, 0.08, alternative="less").pvalue, abs=0.05
    )


@pytest.mark.parametrize(("before", "factor"), [(0.9, 0.45 * 0.55 / 0.09), (0.5, 1.0), (0.3, 1.0)])
def test_half_of_a_rate_near_one_moves_more_than_the_rate_itself(before, factor):
    """By hand: the variance of a rate goes by q (1 - q), which at .45 is 2.75 times that at .9; it is never taken to be less."""
    spread = compare(
        *noisy_rate(7, 24, before=before, after=before / 2, seed=2), indicator=True
    ).spread
    hours_only = replace(
        spread, rate=before, independent_post=0.0, independent_baseline=0.0, post_calls=np.inf
    )
    assert hours_only.variance(0.5) == pytest.approx(
        factor * spread.post + 0.25 * spread.baseline, rel=1e-12
    )


def test_interval_and_p_agree_for_a_rate_too():
    found = compare(*noisy_rate(7, 24, before=0.9, after=0.4), indicator=True)
    for scale in (0.4, 0.5, 1.0):
        p = found.p_value(scale=scale)
        low, high = found.interval(1 - p, scale=scale)
        assert min(abs(low), abs(high)) == pytest.approx(0.0, abs=1e-6)


def test_post_hours_without_a_like_are_not_compared(noisy_arms):
    """Nights are excluded from the baseline: the nights of the post arm have nothing to be held against."""
    before, after = noisy_arms(7, 24)
    nights = np.broadcast_to(np.arange(24) < 6, (7, 24))
    days = compare(before.without(nights), after, indicator=False)
    only = compare(
        before.without(nights), after.without(np.arange(24)[None, :] < 6), indicator=False
    )
    assert (days.difference, days.post_n, days.p_value()) == (
        only.difference,
        only.post_n,
        only.p_value(),
    )
    every = compare(before.without(nights), after, indicator=False, every_post_hour=True)
    assert every.post_n == after.n.sum() > days.post_n


def test_what_is_compared_is_counted_apart():
    """A source was renamed: 3 calls of the old name are left, and they are all that is compared."""
    before, after = noisy_rate(7, 24, before=0.5, after=0.1)
    empty = np.zeros_like(before.y)
    both = ArmTotals.of_events(np.concatenate([before.y, empty]), np.concatenate([before.n, empty]))
    few = np.zeros_like(after.y)
    few[0, 0, :3] = 1
    renamed = ArmTotals.of_events(np.concatenate([few, after.y]), np.concatenate([few, after.n]))
    found = compare(both, renamed, indicator=True)
    assert found.common_post == (3, 3)
    assert found.post_n == 3 + after.n.sum()
    assert found.common_baseline == (found.baseline_y, found.baseline_n)


def test_a_stratum_whose_calls_all_fail_is_not_left_out():
    """Time per success: n counts successes, and one source has none after the deploy. Its time must not vanish."""
    hours = np.ones((1, 7, 24))
    n = np.concatenate([60 * hours, 60 * hours])
    before = ArmTotals(
        y=1100 * n, n=n, yy=1100**2 * n, yn=1100 * n, nn=n, usable=np.ones((7, 24), bool)
    )
    y = np.stack([np.full((1, 24), 60 * 1100.0), np.full((1, 24), 60 * 20_000.0)])
    good = np.stack([np.full((1, 24), 60.0), np.zeros((1, 24))])
    after = ArmTotals(
        y=y, n=good, yy=y * 1100, yn=1100 * good, nn=good, usable=np.ones((1, 24), bool)
    )
    found = compare(before, after, indicator=False)
    assert found.post_value == pytest.approx((60 * 1100 + 60 * 20_000) / 60)
    assert found.coverage == 1.0
