"""Do the trailing hours alone confirm an improvement?"""

import numpy as np
import pytest
from scipy import stats

from analysis.statistics.comparison import compare
from analysis.statistics.standardisation import standardise
from analysis.statistics.totals import ArmTotals
from analysis.statistics.trailing_hours import check_trailing_hours, share_better_than_own_hours


def rate_arms(post_rates, *, before=0.9, calls=40, days=3, seed=0):
    """A rate of the baseline and one rate per post hour."""
    rng = np.random.default_rng(seed)
    n = np.full((1, days, 24), float(calls))
    rates = np.asarray(post_rates).reshape(1, 1, -1)
    return (
        ArmTotals.of_events(rng.binomial(calls, before, n.shape), n),
        ArmTotals.of_events(rng.binomial(calls, rates), np.full(rates.shape, float(calls))),
    )


def check(arms, *, hours=6, better="less", trailing=None):
    baseline, post = arms
    first = max(0, post.y.shape[2] - hours)
    late = compare(
        baseline,
        post.hours(first, first + hours),
        indicator=True,
        first_hour=first % baseline.y.shape[2],
    )
    known = {"hours": hours, "indicator": True, "better": better}
    return check_trailing_hours(*arms, **known, trailing=trailing or late)


# ---- by hand -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rates", "before", "better", "holds"),
    [
        ([0.2] * 12, 0.9, "less", True),
        ([0.8] * 12, 0.3, "greater", True),
        ([0.1] * 12, 0.3, "greater", False),
    ],
)
def test_trailing_hours_must_be_better(rates, before, better, holds):
    found = check(rate_arms(rates, before=before), better=better)
    assert (found.holds, found.trailing_better) == (holds, holds)
    assert found.share_of_hours_better == float(holds)


def test_a_relapse_is_not_sustained_although_the_whole_window_is_better():
    """Six good hours, then six as before: together far better, the trailing hours alone are not."""
    for seed in range(30):
        assert not check(rate_arms([0.2] * 6 + [0.9] * 6, seed=seed)).holds


def test_four_of_five_hours_must_be_better():
    """Four good hours and two bad ones of six: 67 %."""
    found = check(rate_arms([0.1, 0.1, 0.99, 0.1, 0.99, 0.1]))
    assert found.share_of_hours_better == pytest.approx(4 / 6)
    assert (found.trailing_better, found.holds) == (True, False)


@pytest.mark.parametrize(
    ("n_post", "clock_hours"),
    [(12, [6, 7, 8, 9, 10, 11]), (27, [21, 22, 23, 0, 1, 2])],
    ids=["one day", "over midnight"],
)
def test_trailing_hours_meet_their_own_clock_hours(n_post, clock_hours):
    baseline, post = rate_arms([0.2] * n_post)
    late = compare(
        baseline, post.hours(n_post - 6, n_post), indicator=True, first_hour=clock_hours[0]
    )
    assert late.baseline_y == baseline.y[0][:, clock_hours].sum()
    assert check((baseline, post)).p_value == late.p_value(alternative="less")


def test_a_better_comparison_of_the_trailing_hours_is_used_where_there_is_one():
    arms = rate_arms([0.2] * 12)
    no_change = compare(*rate_arms([0.9] * 6), indicator=True)
    assert not check(arms, trailing=no_change).holds


def test_hours_meet_their_own_clock_hours_and_hours_without_events_do_not_count():
    """Before 0, 6, 2, 4 of 10 on both days; after, from hour 1: 3, 3, no call, none of 10."""
    before = np.tile([0.0, 6.0, 2.0, 4.0], (2, 1))[None]
    baseline = ArmTotals.of_events(before, np.full(before.shape, 10.0))
    post = ArmTotals.of_events([[[3, 3, 0, 0]]], [[[10, 10, 0, 10]]])
    arms = standardise(baseline, post, first_hour=1)
    assert share_better_than_own_hours(arms, better="less") == 0.5
    assert share_better_than_own_hours(arms, better="greater") == 0.5
    quiet = standardise(
        ArmTotals.of_events(0 * before, before + 1),
        ArmTotals.of_events(0 * before[:, :1], before[:, :1]),
    )
    assert share_better_than_own_hours(quiet, better="less") is None


def test_a_daily_cycle_makes_no_hour_better():
    """Hours with 10 % and 50 % before, the same after: none is better than before."""
    rates = np.array([1.0, 5.0])
    before = np.tile(rates, (7, 12))[None] * 10
    baseline = ArmTotals.of_events(before, np.full(before.shape, 100.0))
    post = ArmTotals.of_events(before[:, :1], np.full((1, 1, 24), 100.0))
    assert share_better_than_own_hours(standardise(baseline, post), better="less") == 0.0
    assert check((baseline, post), hours=24).share_of_hours_better == 0.0


def test_a_time_is_tested_as_a_ratio(noisy_arms):
    """ln(post / baseline) over the relative standard error: a fall by half counts as a doubling."""
    found = compare(*noisy_arms(7, 6, post_factor=0.6), indicator=False)
    t = np.log(found.ratio) * found.reference_value / found.standard_error
    expected = stats.t.cdf(t, found.df)
    assert found.p_value_on_logs(alternative="less") == pytest.approx(expected)
    assert expected < found.p_value(alternative="less")


# ---- edges ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("relapse", [False, True])
def test_where_events_are_rare_only_evidence_against_counts(relapse):
    """0.04 % of 40 calls: six hours expect no event, so none of them is no evidence."""
    late = [0.2] * 6 if relapse else [0.0] * 6
    found = check(rate_arms([0.0] * 6 + late, before=0.004, seed=1))
    assert (found.holds, found.trailing_better) == (not relapse, not relapse)
    assert found.share_of_hours_better is None


def test_too_early():
    found = check(rate_arms([0.2] * 4))
    assert (found.holds, found.trailing_better, found.share_of_hours_better) == (False, None, None)


def test_no_calls_in_the_trailing_hours():
    baseline, post = rate_arms([0.2] * 6)
    silent = [np.pad(sums, ((0, 0), (0, 0), (0, 6))) for sums in (post.y, post.n)]
    assert not check((baseline, ArmTotals.of_events(*silent))).holds
