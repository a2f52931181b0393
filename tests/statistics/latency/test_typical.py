"""Typical latency, by hand, on single calls, and where it should not be fooled."""

import numpy as np
import pytest

from analysis.statistics.compared_arms.values import NO_CALLS
from analysis.statistics.comparison import compare
from analysis.statistics.latency.typical import log_hours
from analysis.statistics.totals import ArmTotals
from analysis.statistics.variance_rules import cosine_variance


def compare_typical(baseline, post, **options):
    """Typical latency of both arms."""
    return compare(baseline, post, indicator=False, log_scale=True, **options)


def ratio_interval(found, level=0.95):
    """Of post / reference, from the interval of the difference in ms."""
    low, high = found.interval(level)
    return 1 + low / found.reference_value, 1 + high / found.reference_value


def arm_of(calls, shape):
    """Single calls (flat hour, ms) -> sums of ln ms, one stratum."""
    sums = np.zeros((5, int(np.prod(shape))))
    for hour, ms in calls:
        log = np.log(ms)
        sums[:, hour] += (log, 1, log * log, log, 1)
    return ArmTotals(sums.reshape(5, 1, *shape), np.ones(shape, dtype=bool))


def draw(seed, *, days=7, hours=24, calls=60.0, post_calls=None, factor=1.0, sigma=0.6, noise=0.1):
    """Both arms of lognormal calls whose hours share slow movements."""
    rng, total = np.random.default_rng(seed), days * 24 + hours
    is_post = np.arange(total) >= days * 24
    drift = np.zeros(total)
    for t in range(1, total):
        drift[t] = 0.6 * drift[t - 1] + noise * rng.standard_normal()
    n = rng.poisson(np.where(is_post, calls if post_calls is None else post_calls, calls))
    mean = np.log(1000.0) + drift + np.where(is_post, np.log(factor), 0.0)
    logs = [mean[t] + sigma * rng.standard_normal(n[t]) for t in range(total)]
    y, yy = (np.array([part.sum() for part in each]) for each in (logs, [x * x for x in logs]))
    sums = np.stack([y, n, yy, y, n]).astype(float)[:, None, None]
    cut = days * 24
    return (
        ArmTotals(sums[..., :cut].reshape(5, 1, days, 24), np.ones((days, 24), dtype=bool)),
        ArmTotals(sums[..., cut:], np.ones((1, hours), dtype=bool)),
    )


# ---- by hand -------------------------------------------------------------------------------------


def test_hours_count_alike_whatever_their_traffic():
    """100 and 400 ms, then 800 ms: sqrt(200 * 800) = 400; three days of 300 ms before."""
    before = arm_of([(hour, 300.0) for hour in range(72)] * 2, (3, 24))
    after = arm_of([(0, 100.0), (0, 400.0), (1, 800.0)], (1, 2))
    found = compare_typical(before, after)
    assert found.post_value == pytest.approx(400)
    assert found.reference_value == pytest.approx(300)
    assert found.ratio == pytest.approx(4 / 3)


def test_single_calls_vary_around_their_hour():
    """Logs 1, 3 and 2, 4, 6: squares 2 + 8 on 3 degrees of freedom."""
    arm = arm_of([(0, np.e), (0, np.e**3), (1, np.e**2), (1, np.e**4), (1, np.e**6)], (1, 3))
    found = log_hours(arm, arm.usable[None])
    assert found.value.ravel() == pytest.approx([2, 4, 0])
    assert found.per_call.ravel() == pytest.approx([1 / 2, 1 / 3, 0])
    assert (found.squares, found.df) == (pytest.approx(2 + 8), pytest.approx(3))
    assert found.counts.ravel().tolist() == [True, True, False]


# ---- expansion oracle ----------------------------------------------------------------------------


@pytest.mark.parametrize("calls", [3.0, 40.0])
def test_the_variance_of_independent_calls_is_that_of_the_typical_value(calls):
    """600 windows of 24 hours without any movement of the hours."""
    logs, claimed = [], []
    for seed in range(600):
        _, after = draw(seed, days=1, calls=calls, noise=0.0)
        found = log_hours(after, after.usable[None])
        n = found.counts.sum()
        logs.append(found.value.sum() / n)
        claimed.append(found.squares / found.df * found.per_call.sum() / n**2)
    assert np.var(logs) == pytest.approx(np.mean(claimed), rel=0.15)


# ---- laws ----------------------------------------------------------------------------------------


def test_a_factor_on_every_call_is_the_ratio_and_leaves_the_variance():
    before, after = draw(3)
    slower = after.stacked.copy()
    y, n, yy = after.stacked[:3]
    shift = np.log(1.25)
    slower[0] = slower[3] = y + shift * n
    slower[2] = yy + 2 * shift * y + shift**2 * n
    one = compare_typical(before, after)
    other = compare_typical(before, ArmTotals(slower, after.usable))
    assert other.ratio == pytest.approx(1.25 * one.ratio)
    assert (other.model.variance(), other.df) == pytest.approx((one.model.variance(), one.df))
    assert other.p_value(scale=1.25) == pytest.approx(one.p_value())


def test_interval_and_p_agree():
    found = compare_typical(*draw(1, factor=0.8))
    low, high = ratio_interval(found, 1 - found.p_value())
    assert high == pytest.approx(1.0) or low == pytest.approx(1.0)
    assert found.p_value(alternative="less") == pytest.approx(found.p_value() / 2)


# ---- what it is for ------------------------------------------------------------------------------


@pytest.mark.parametrize("post_calls", [60.0, 6.0], ids=["usual traffic", "a tenth of it"])
def test_false_alarms_at_five_percent(post_calls):
    """300 days on which nothing changed; a thin day is noisier than the baseline's were."""
    alarms = [
        compare_typical(*draw(seed, post_calls=post_calls)).p_value() < 0.05 for seed in range(300)
    ]
    assert np.mean(alarms) <= 0.09


def test_a_fifth_faster_is_found_in_a_day():
    hits = [compare_typical(*draw(seed, factor=0.8)).p_value() < 0.05 for seed in range(60)]
    assert np.mean(hits) >= 0.85


@pytest.mark.parametrize("days", [1, 2])
@pytest.mark.parametrize("hours", [4, 24])
def test_a_short_baseline_knows_no_more_than_is_declared(days, hours):
    """Ten per cent between days: an interval of at least -+ 30 %, whatever the hours say."""
    found = compare_typical(*draw(2, days=days, hours=hours))
    low, high = ratio_interval(found)
    assert found.variance > 2 * (0.1 * found.reference_value) ** 2
    assert low < found.ratio < high
    assert low / found.ratio < np.exp(-1.96 * 0.1 * np.sqrt(2))


def test_the_short_rule_without_declared_days_is_that_of_the_hours():
    """Every hour one observation: the cosine variance of the hourly means."""
    before, after = draw(6, days=1)
    found = compare_typical(before, after, day_to_day=0.0)
    means = [arm.y.ravel() / arm.n.ravel() for arm in (before, after)]
    expected = sum(cosine_variance(mean - mean.mean()) for mean in means) / 24**2
    assert found.variance == pytest.approx(expected * found.reference_value**2)
    assert found.ratio == pytest.approx(np.exp(means[1].mean() - means[0].mean()))


def test_days_that_differ_by_eight_percent_raise_few_false_alarms_after_one_day():
    rng, alarms = np.random.default_rng(0), []
    for seed in range(200):
        arms = draw(seed, days=1, factor=float(np.exp(0.08 * np.sqrt(2) * rng.standard_normal())))
        alarms.append(compare_typical(*arms).p_value() < 0.05)
    assert np.mean(alarms) <= 0.08


# ---- edges ---------------------------------------------------------------------------------------


def test_nothing_to_compare():
    before, after = draw(0)
    silent = ArmTotals(0 * after.stacked, after.usable)
    found = compare_typical(before, silent)
    assert (found.method, found.difference, found.p_value()) == (NO_CALLS, None, 1.0)
    assert found.interval() == found.post_interval() == (-np.inf, np.inf)


def test_values_are_milliseconds_on_every_side():
    """Against a limit, an end of an interval and a margin: the same test."""
    found = compare_typical(*draw(4, factor=0.8))
    assert found.difference == pytest.approx(found.post_value - found.reference_value)
    bound = found.post_interval(0.90)[1]
    assert found.p_value_against(bound, alternative="less") == pytest.approx(0.05)
    low, high = found.interval(0.95, scale=0.9)
    assert (low > 0 or high < 0) == (found.p_value(scale=0.9) < 0.05)
    assert found.crude_post_value == pytest.approx(found.post_value, rel=0.05)


def test_one_call_an_hour_has_no_variance_of_its_own():
    before = arm_of([(hour, 300.0) for hour in range(72)], (3, 24))
    found = compare_typical(before, arm_of([(0, 200.0)], (1, 1)))
    assert found.p_value() == 1.0
    assert ratio_interval(found) == (pytest.approx(0.0), np.inf)


def test_empty_nights_drop_out_of_the_mean():
    before, after = draw(5)
    night = (np.arange(24) >= 6).astype(float)
    arms = [ArmTotals(arm.stacked * night, arm.usable) for arm in (before, after)]
    found = compare_typical(*arms)
    hours = log_hours(arms[1], arms[1].usable[None])
    assert hours.counts.sum() == 18
    assert found.post_value == pytest.approx(np.exp(hours.value.sum() / 18))
