"""What a baseline can say of its days: too few of them, days that already moved, missing hours."""

import numpy as np
import pytest
from scipy import stats

from analysis.statistics.comparison import compare, compare_crude
from analysis.statistics.rates.exact import EXACT, RateCounts, fisher_p
from analysis.statistics.totals import ArmTotals
from analysis.statistics.variance_rules import PLACEBO


def daily_means(days, post, *, wobble=0.0, hours=24):
    """A mean of these values on each day, 100 calls an hour that hardly vary."""
    rng = np.random.default_rng(0)

    def arm(values):
        n = np.full((1, len(values), 24), 100.0)
        value = np.asarray(values, dtype=float)[None, :, None]
        value = value + wobble * rng.standard_normal(n.shape)
        y = n * value
        return ArmTotals.of_sums(y=y, n=n, yy=y * value + n, yn=y, nn=n)

    return arm(days), arm([post]).hours(0, hours)


# ---- by hand -------------------------------------------------------------------------------------


def test_newer_days_weigh_more_in_the_reference_only():
    found = compare(*daily_means([100, 110, 120], 130), indicator=False)
    w = np.array([0.49, 0.7, 1.0]) / 2.19
    assert found.baseline_value == pytest.approx(110)
    assert found.reference_value == pytest.approx(float(w @ [100, 110, 120]))
    assert found.difference == pytest.approx(130 - found.reference_value)
    assert found.ratio == pytest.approx(130 / found.reference_value)


def test_variance_of_whole_days_by_hand():
    """s^2 = 100 of the days at each phase; S = 100 (1 + sum w^2) on 2 degrees of freedom."""
    found = compare(*daily_means([100, 110, 120], 130), indicator=False)
    w = np.array([0.49, 0.7, 1.0]) / 2.19
    assert found.method == PLACEBO
    assert found.model.by_hours.baseline / found.model.by_hours.post == pytest.approx(float(w @ w))
    expected = found.model.by_hours.post * (1 + float(w @ w))
    assert found.variance == pytest.approx(expected, rel=1e-3)
    t = found.difference / found.standard_error
    assert found.p_no_change == pytest.approx(2 * stats.t.sf(abs(t), found.df))


def test_days_that_already_fell():
    """100, 98, ... 88: 2 a day; the next day would have been 86."""
    arms = daily_means(np.arange(100, 87, -2), 86.0, wobble=0.5)
    found = compare(*arms, indicator=False)
    trend = found.trend("less")
    assert trend.is_shown
    assert trend.slope == pytest.approx(-2, abs=0.2)
    assert trend.extrapolated == pytest.approx(86, abs=0.5)
    beyond = found.p_value_against_trend(trend, alternative="less")
    assert found.p_value(alternative="less") < beyond
    assert beyond > 0.2
    assert not found.trend("greater").is_shown


@pytest.mark.parametrize("days", [1, 2])
def test_one_or_two_days_declare_how_days_differ(days):
    """Hours that do not move: what is left is A = 2 (.1 m)^2, and 10 degrees of freedom."""
    found = compare(*daily_means([1000] * days, 800), indicator=False)
    assert found.standard_error == pytest.approx(np.sqrt(2) * 100, rel=1e-3)
    assert found.df == pytest.approx(10, rel=1e-2)
    assert found.trend("less") is None
    smaller = compare(*daily_means([1000] * days, 800), indicator=False, day_to_day=0.02)
    assert smaller.standard_error == pytest.approx(np.sqrt(2) * 20, rel=1e-2)
    assert found.between_days == pytest.approx(found.variance, rel=1e-3)


def test_a_fifth_faster_is_not_decided_with_one_day_and_is_with_seven():
    one, seven = (compare(*daily_means([1000] * days, 800), indicator=False) for days in (1, 7))
    assert one.p_value() > 0.05 > seven.p_value()


def test_the_declared_part_of_exact_counts():
    """1 % before, none after, 2400 calls each: phi = 1 + .1152 * .0099 * 1200."""
    n = np.full((1, 1, 24), 100.0)
    arms = ArmTotals.of_events(0.01 * n, n), ArmTotals.of_events(0 * n, n)
    found = compare(*arms, indicator=True)
    assert found.method == EXACT
    assert found.overdispersion == pytest.approx(1 + 0.1152 * 0.01 * 0.99 * 1200)
    counts = RateCounts(24, 2400, 0, 2400, found.overdispersion)
    assert found.p_value(alternative="less") == fisher_p(counts, alternative="less")


def test_an_outage_after_the_deploy_counts_where_the_baseline_has_one_day():
    """All events in one block of four hours: with seven days the baseline alone decides."""
    post_y = np.zeros((1, 1, 24))
    post_y[..., 4:8] = 5.0
    n = np.full((1, 1, 24), 100.0)
    post = ArmTotals.of_events(post_y, n)
    one, seven = (
        compare(ArmTotals.of_events(np.full(m.shape, 0.1), m), post, indicator=True)
        for m in (n, np.full((1, 7, 24), 100.0))
    )
    assert one.method == seven.method == EXACT
    assert one.overdispersion > 10 * seven.overdispersion


def test_hours_that_can_be_compared():
    before, after = daily_means([100] * 7, 90)
    found = compare(before.without(np.tile(np.arange(24) < 18, (7, 1))), after, indicator=False)
    assert (found.common_hours.n_common, found.common_hours.n_post) == (6, 24)
    assert found.common_hours.share_of_calls == 0.25
    assert not found.common_hours.enough


def test_a_quarter_of_the_hours_left_out_is_not_taken_for_a_whole_window(noisy_arms):
    """The post part grows where fewer hours are compared."""
    before, after = noisy_arms(7, 24)
    left_out = np.arange(24)[None] % 4 == 0
    whole, part = (
        compare(before, arm, indicator=False) for arm in (after, after.without(left_out))
    )
    assert part.model.by_hours.post > 0.9 * whole.model.by_hours.post


def test_the_crude_interval_is_that_of_all_calls_as_one_stratum(noisy_arms):
    before, after = noisy_arms(7, 24, strata=2)
    found = compare(before, after, indicator=False)
    one = compare(before.as_one_stratum(), after.as_one_stratum(), indicator=False)
    assert compare_crude(found).interval(0.9) == one.interval(0.9)


# ---- laws ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [0.5, 1.0, 1.3])
@pytest.mark.parametrize("events", [(3, 0), (12, 40), (60, 9), (0, 6)])
def test_exact_intervals_agree_with_their_p(events, scale):
    n = np.full((1, 7, 24), 50.0)
    baseline = ArmTotals.of_events(np.full(n.shape, events[0] / 168), n)
    post = ArmTotals.of_events(np.full((1, 1, 24), events[1] / 24), n[:, :1])
    found = compare(baseline, post, indicator=True)
    assert found.method == EXACT
    for level in (0.8, 0.95, 0.999):
        low, high = found.interval(level, scale=scale)
        assert (low > 0 or high < 0) == (found.p_value(scale=scale) < 1 - level)
