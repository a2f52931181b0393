"""One comparison of two arms: which method answers, what it answers, and its laws."""

import numpy as np
import pytest
from scipy import stats

from analysis.statistics.compared_arms.values import NO_CALLS
from analysis.statistics.comparison import compare
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


# ---- by hand -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("days", "hours", "before", "method"),
    [(7, 4, 0.5, PLACEBO), (1, 4, 0.5, ONE_DAY), (1, 24, 0.5, COSINE), (7, 24, 0.0005, EXACT)],
)
def test_which_method_answers(noisy_rate, days, hours, before, method):
    arms = noisy_rate(days, hours, before=before, after=before)
    assert compare(*arms, indicator=True).method == method


@pytest.mark.parametrize(("days", "hours"), [(1, 4), (1, 24), (3, 24), (7, 4)])
def test_a_fix_shows_and_its_size_is_bracketed(noisy_rate, days, hours):
    found = compare(*noisy_rate(days, hours, before=0.9, after=0.2), indicator=True)
    low, high = found.interval(0.95)
    assert found.p_value(scale=0.5, alternative="less") < 0.01
    assert low < -0.7 < high
    assert found.ratio == pytest.approx(0.2 / 0.9, abs=0.05)


def test_against_a_fixed_limit(noisy_rate):
    found = compare(*noisy_rate(7, 24, before=0.02, after=0.02), indicator=True)
    assert found.p_value_against(0.05, alternative="less") < 0.01
    assert found.p_value_against(0.01, alternative="greater") < 0.05
    assert found.post_interval(0.90)[1] < 0.05


def test_a_rise_is_measured_at_its_own_level(noisy_arms):
    """Doubled latencies move twice as much from hour to hour: the upper end is farther away."""
    found = compare(*noisy_arms(7, 4, post_factor=2.0), indicator=False)
    low, high = found.interval()
    half = np.sqrt(found.model.variance(rise=found.ratio))
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


def test_what_is_compared_is_counted_apart(noisy_rate):
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
def test_a_rate_of_none_or_all_of_few_calls_is_not_exact(before, after, scale):
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


# ---- edges ---------------------------------------------------------------------------------------


def test_an_empty_arm(noisy_rate):
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
