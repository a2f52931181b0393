"""Harm that is no more than one burst."""

import numpy as np
import pytest

from analysis.statistics.comparison import compare
from analysis.statistics.harm.bursts import check_burst, worst_hours
from analysis.statistics.totals import ArmTotals


def rate_arms(post_rates, *, before=0.01, calls=200, seed=0):
    rng = np.random.default_rng(seed)
    n = np.full((1, 7, 24), float(calls))
    rates = np.asarray(post_rates).reshape(1, 1, -1)
    return (
        ArmTotals.of_events(rng.binomial(calls, before, n.shape), n),
        ArmTotals.of_events(rng.binomial(calls, rates), np.full(rates.shape, float(calls))),
    )


def check(arms, **known):
    return check_burst(*arms, indicator=True, worse="greater", **known)


@pytest.mark.parametrize(("hours", "n_worst"), [(4, 2), (8, 2), (9, 3), (12, 3), (24, 6), (1, 1)])
def test_a_quarter_and_at_least_two(hours, n_worst):
    mask = worst_hours(np.arange(hours, dtype=float))
    assert np.flatnonzero(mask).tolist() == list(range(hours - n_worst, hours))


@pytest.mark.parametrize(
    ("rates", "is_burst"),
    [
        ([0.01] * 10 + [0.6] * 2 + [0.01] * 12, True),
        ([0.04] * 24, False),
        ([0.01] * 24, True),
    ],
    ids=["two hours of 60 %", "4 % all day", "no harm"],
)
def test_a_burst_is_not_acted_on(rates, is_burst):
    arms = rate_arms(rates)
    found = check(arms)
    assert found.is_burst is is_burst
    if rates[10] == 0.6:
        assert {10, 11} <= set(found.left_out)
        assert compare(*arms, indicator=True).p_value(alternative="greater") < 0.01


def test_the_margin_counts_without_the_worst_hours_too():
    """1.5 times the baseline: beyond no change, within a margin of 2."""
    arms = rate_arms([0.016] * 24, calls=2000)
    assert not check(arms).is_burst
    assert check(arms, scale=2.0).is_burst


def test_what_should_not_fall():
    """Two hours of silence in a rate of successes, the rest as before."""
    rates = np.full(24, 0.9)
    rates[3:5] = 0.1
    found = check_burst(*rate_arms(rates, before=0.9), indicator=True, worse="less")
    assert {3, 4} <= set(found.left_out)
    assert found.is_burst


def test_what_is_left_is_compared_with_its_own_clock_hours():
    baseline, post = rate_arms([0.04] * 4 + [0.02] * 20)
    found = check((baseline, post))
    left = post.without(np.isin(np.arange(24), found.left_out)[None])
    expected = compare(baseline, left, indicator=True).p_value(alternative="greater")
    assert found.p_value == expected


def test_windows_of_less_than_four_hours_have_no_rest():
    assert check(rate_arms([0.5] * 3)) is None
