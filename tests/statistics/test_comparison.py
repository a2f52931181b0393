"""One comparison of two arms: which method answers, what it answers, and its laws."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from analysis.statistics.comparison import NO_CALLS, compare
from analysis.statistics.rates.exact import EXACT
from analysis.statistics.totals import ArmTotals
from analysis.statistics.variance_rules import COSINE, ONE_DAY, PLACEBO

SIDES = ("two-sided", "less", "greater")


def rate_arms(events, calls, days):
    """Both arms of a rate from one series of hours, of which `days` days are the baseline."""
    events, calls = np.asarray(events, dtype=float), np.asarray(calls, dtype=float)
    cut = 24 * days
    return (
        ArmTotals.of_events(events[:cut].reshape(1, days, 24), calls[:cut].reshape(1, days, 24)),
        ArmTotals.of_events(events[cut:].reshape(1, 1, -1), calls[cut:].reshape(1, 1, -1)),
    )


def noisy_rate(days, hours, *, before, after, calls=60, seed=0):
    rng = np.random.default_rng(seed)
    n = rng.poisson(calls, days * 24 + hours)
    p = np.where(np.arange(n.size) < days * 24, before, after)
    return rate_arms(rng.binomial(n, p), n, days)


def changed(arms, change):
    """Both arms with their stacked sums changed."""
    return [ArmTotals(change(arm.stacked), arm.usable) for arm in arms]


# ---- by hand -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("days", "hours", "before", "method"),
    [(7, 4, 0.5, PLACEBO), (1, 4, 0.5, ONE_DAY), (1, 24, 0.5, COSINE), (7, 24, 0.0005, EXACT)],
)
def test_which_method_answers(days, hours, before, method):
    arms = noisy_rate(days, hours, before=before, after=before)
    assert compare(*arms, indicator=True).method == method


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


def test_a_rise_is_measured_at_its_own_level(noisy_arms):
    """Doubled latencies move twice as much from hour to hour: the upper end is farther away."""
    found = compare(*noisy_arms(7, 4, post_factor=2.0), indicator=False)
    low, high = found.interval()
    by_hours = found.model.by_hours
    half = np.sqrt(found.ratio**2 * by_hours.post + by_hours.baseline)
    assert high - found.difference > 1.2 * (found.difference - low) > 0
    assert high - found.difference == pytest.approx(stats.t.isf(0.025, found.df) * half, rel=1e-9)


def test_post_hours_without_a_matching_baseline_hour_are_not_compared(noisy_arms):
    """Nights are excluded from the baseline, so the nights of the post arm drop out."""
    before, after = noisy_arms(7, 24)
    night = np.arange(24) < 6
    by_day = before.without(np.broadcast_to(night, (7, 24)))
    found = compare(by_day, after, indicator=False)
    expected = compare(by_day, after.without(night[None, :]), indicator=False)
    assert (found.difference, found.post_n, found.p_value()) == (
        expected.difference,
        expected.post_n,
        expected.p_value(),
    )
    every = compare(by_day, after, indicator=False, every_post_hour=True)
    assert every.post_n == after.n.sum() > found.post_n


def test_what_is_compared_is_counted_apart():
    """A source was renamed: 3 calls of the old name are left, and they are all that is compared."""
    before, after = noisy_rate(7, 24, before=0.5, after=0.1)
    few = ArmTotals.of_events(*[np.where(np.arange(24) < 3, 1.0, 0.0)[None, None]] * 2)
    both = ArmTotals(np.concatenate([before.stacked, 0 * before.stacked], axis=1), before.usable)
    renamed = ArmTotals(np.concatenate([few.stacked, after.stacked], axis=1), after.usable)
    found = compare(both, renamed, indicator=True)
    assert found.common_post == (3, 3)
    assert found.post_n == 3 + after.n.sum()
    assert found.common_baseline == (found.baseline_y, found.baseline_n)


# ---- oracles -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "scale"), [(0.8, 31, 1.0), (0.25, 0, 0.5), (0.25, 0, 1.0)]
)
def test_a_rate_of_none_or_all_of_few_calls_is_no_certainty(before, after, scale):
    """31 calls after a steady week: the t test says little more than the exact binomial test."""
    events = [*np.full(168, 300 * before), after]
    found = compare(*rate_arms(events, [*np.full(168, 300), 31], 7), indicator=True)
    assert found.method == PLACEBO
    exact = stats.binomtest(after, 31, min(1.0, scale * before)).pvalue
    assert found.p_value(scale=scale) > exact / 4
    low, high = found.post_interval(0.95)
    assert high - low > 0.1
    exact = stats.binomtest(0, 31, 0.08, alternative="less").pvalue
    against = found.p_value_against(0.08, alternative="less")
    assert after or against == pytest.approx(exact, abs=0.05)


def test_no_alarm_where_a_slowdown_touches_whole_hours(noisy_arms):
    """200 pairs without a change: .05 + 2.5 errors; independent calls would alarm in most."""
    arms = (noisy_arms(3, 4, seed=seed, calls=400) for seed in range(200))
    p = np.array([compare(*pair, indicator=False).p_value() for pair in arms])
    assert np.mean(p < 0.05) <= 0.09


# ---- laws ----------------------------------------------------------------------------------------


def test_limit_test_and_post_bound_agree(noisy_arms):
    found = compare(*noisy_arms(7, 24), indicator=False)
    bound = found.post_interval(0.90)[1]
    assert found.p_value_against(bound, alternative="less") == pytest.approx(0.05)


@pytest.mark.parametrize("scale", [0.4, 0.5, 1.0])
@pytest.mark.parametrize("indicator", [True, False])
def test_interval_and_p_agree(noisy_arms, scale, indicator):
    """At level 1 - p one end of the interval is 0."""
    arms = noisy_rate(7, 24, before=0.9, after=0.4) if indicator else noisy_arms(7, 4)
    found = compare(*arms, indicator=indicator)
    low, high = found.interval(1 - found.p_value(scale=scale), scale=scale)
    assert min(abs(low), abs(high)) == pytest.approx(0.0, abs=1e-6 * found.baseline_value)


def test_swapped_arms_turn_the_difference():
    """The p values differ a little: each is asked at its own baseline's rate."""
    arms = noisy_rate(1, 24, before=0.4, after=0.3)
    there, back = compare(*arms, indicator=True), compare(*arms[::-1], indicator=True)
    assert back.difference == pytest.approx(-there.difference, rel=1e-12)
    assert np.log(back.p_value()) == pytest.approx(np.log(there.p_value()), rel=0.1)


def later(sums):
    """The same calls, each 500 ms later."""
    y, n, yy, _, nn = sums
    return np.stack([y + 500 * n, n, yy + 1000 * y + 250_000 * n, y + 500 * n, nn])


IN_SECONDS = np.array([1e-3, 1, 1e-6, 1e-3, 1]).reshape(5, 1, 1, 1)


@pytest.mark.parametrize(
    ("change", "unit", "shift"),
    [
        (lambda sums: sums * IN_SECONDS, 1e-3, 0.0),
        (lambda sums: 10 * sums, 1.0, 0.0),
        (later, 1.0, 500.0),
    ],
    ids=["seconds", "ten times the calls with the same hours", "every call 500 ms later"],
)
def test_units_traffic_and_shifts(noisy_arms, change, unit, shift):
    """Hours decide, not calls: ten times the traffic has the same variance."""
    arms = noisy_arms(7, 4)
    first = compare(*arms, indicator=False)
    other = compare(*changed(arms, change), indicator=False)
    assert other.baseline_value == pytest.approx(unit * first.baseline_value + shift, rel=1e-12)
    assert other.difference == pytest.approx(unit * first.difference, rel=1e-9)
    assert other.variance == pytest.approx(unit**2 * first.variance, rel=1e-6)
    assert other.p_value() == pytest.approx(first.p_value(), rel=1e-6)


def test_an_empty_hour_moves_no_value(noisy_arms):
    before, after = noisy_arms(7, 4)
    padded = np.pad(after.stacked, ((0, 0), (0, 0), (0, 0), (0, 1)))
    longer = ArmTotals(padded, np.array([[True] * 4 + [False]]))
    first, found = (compare(before, arm, indicator=False) for arm in (after, longer))
    assert found.difference == pytest.approx(first.difference, rel=1e-12)
    assert found.post_n == first.post_n


# ---- edges ---------------------------------------------------------------------------------------


def test_an_empty_arm():
    none = ArmTotals.of_events(np.zeros((1, 1, 4)), np.zeros((1, 1, 4)))
    found = compare(noisy_rate(7, 4, before=0.5, after=0.5)[0], none, indicator=True)
    assert (found.method, found.difference, found.crude_post_value) == (NO_CALLS, None, None)
    assert (found.p_value(), found.p_value_against(0.1)) == (1.0, 1.0)
    assert (found.interval(), found.post_interval()) == ((-1.0, 1.0), (0.0, 1.0))


def test_disjoint_strata():
    def arm(strata, shape):
        return ArmTotals.of_events(*(np.multiply.outer(strata, np.ones(shape)) * n for n in (1, 9)))

    found = compare(arm([1, 0], (1, 24)), arm([0, 1], (1, 4)), indicator=True)
    assert (found.method, found.coverage) == (NO_CALLS, 0.0)
    assert found.crude_post_value == pytest.approx(1 / 9)


# ---- properties ----------------------------------------------------------------------------------


@st.composite
def any_arms(draw):
    strata, repeats = draw(st.integers(1, 3)), draw(st.integers(1, 8))
    hours, indicator = draw(st.integers(1, 30)), draw(st.booleans())
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    calls = draw(st.sampled_from([0.02, 0.5, 5, 1000]))
    share = draw(st.sampled_from([0.0, 0.01, 0.3, 0.99, 1.0]))

    def arm(shape):
        n = rng.poisson(calls, shape).astype(float)
        usable = rng.random(shape[1:]) < draw(st.sampled_from([1.0, 0.9, 0.3]))
        if indicator:
            return ArmTotals.of_events(rng.binomial(n.astype(int), share), n, usable)
        y = n * np.round(rng.gamma(2, 500, shape)) * (rng.random(shape) < max(share, 0.1))
        return ArmTotals.of_sums(y=y, n=n, yy=y * 1000, yn=y, nn=n, usable=usable)

    return arm((strata, repeats, 24)), arm((strata, 1, hours)), indicator


@settings(max_examples=150, deadline=None)
@given(any_arms(), st.floats(0.05, 3.0), st.floats(0.5, 0.9999))
def test_every_answer_is_a_number(pair, scale, level):
    """No exception, no nan; p in 0..1; intervals contain their estimates and agree with p."""
    before, after, indicator = pair
    found = compare(before, after, indicator=indicator)
    p = [found.p_value(scale=scale, alternative=side) for side in SIDES]
    p += [found.p_value_against(0.1, alternative=side) for side in SIDES]
    assert all(0 <= one <= 1 for one in p)
    numbers = [found.baseline_value, found.post_value, found.difference, found.ratio]
    numbers += [found.variance, found.df, found.crude_difference, found.coverage]
    numbers += [found.overdispersion, *found.interval(level), *found.variance_parts()]
    assert not any(np.isnan(one) for one in numbers if one is not None)
    if found.difference is None:
        return
    low, high = found.interval(level, scale=scale)
    assert low <= found.post_value - scale * found.baseline_value <= high
    # beyond 100 % no rate lies, and p is the cautious one there
    is_possible = not indicator or scale * found.baseline_value <= 1
    if found.counts is None and is_possible and abs(p[0] - (1 - level)) > 1e-6:
        assert (low > 0 or high < 0) == (p[0] < 1 - level)
    low, high = found.post_interval(level)
    assert low <= found.post_value <= high


@settings(max_examples=40, deadline=None)
@given(any_arms(), st.randoms())
def test_the_order_of_strata_does_not_matter(pair, random):
    before, after, indicator = pair
    order = list(range(before.y.shape[0]))
    random.shuffle(order)
    first = compare(before, after, indicator=indicator)
    moved = changed((before, after), lambda sums: sums[:, order])
    second = compare(*moved, indicator=indicator)
    assert second.method == first.method
    if first.difference is not None:
        assert second.p_value() == pytest.approx(first.p_value(), rel=1e-6, abs=1e-12)
        assert second.interval() == pytest.approx(first.interval(), rel=1e-6, abs=1e-9)
