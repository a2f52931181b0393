"""Usual value and variance from equal placebo windows."""

import numpy as np
import pytest

from analysis.statistics.baseline.moderation import fit_prior
from analysis.statistics.baseline.placebo_variance import (
    DayValues,
    WindowValues,
    matched_days,
    placebo_variance,
    ratio_placebo_variance,
    recency_weights,
)
from analysis.statistics.comparison import compare
from analysis.statistics.standardisation import standardise
from analysis.statistics.totals import ArmTotals


def daily(values, *, independent=0.0, independent_post=0.0):
    """From the values of whole days."""
    values = np.asarray(values, dtype=float)
    day = np.arange(values.size)
    return placebo_variance(
        DayValues(day, values, np.full(values.size, independent)),
        WindowValues(24 * day, values),
        hours=24,
        window_hours=24,
        cycle=24,
        independent_post=independent_post,
    )


# ---- by hand -------------------------------------------------------------------------------------


def test_four_days_by_hand():
    """Values 10, 14, 10, 14: s^2 = 16/3; weights 1, .7, .49, .343 from the newest back, / 2.533."""
    found = daily([10, 14, 10, 14])
    w = np.array([0.343, 0.49, 0.7, 1.0]) / 2.533
    assert found.usual == pytest.approx(float(w @ [10, 14, 10, 14]))
    assert found.post == pytest.approx(16 / 3)
    assert found.baseline == pytest.approx(16 / 3 * float(w @ w))
    assert found.window_df == 3.0


@pytest.mark.parametrize(
    ("independent_post", "added"), [(5.0, 3.0), (1.0, 0.0)], ids=["thinner", "not thinner"]
)
def test_a_thinner_post_window_adds_the_difference(independent_post, added):
    """v_base is 2 on each day."""
    found = daily([10, 14, 10, 14], independent=2.0, independent_post=independent_post)
    assert found.thinner == added


def test_recency_weights_of_a_week():
    weights = recency_weights(np.arange(7))
    assert weights == pytest.approx(0.7 ** np.arange(7) / (0.7 ** np.arange(7)).sum())
    assert weights.sum() == pytest.approx(1.0)


# ---- slow double on hours ------------------------------------------------------------------------


def by_hours(arms, *, hours, window_hours):
    """The same, window by window and hour by hour."""
    cycle, repeats = arms.matches.size, arms.baseline.y.shape[0]
    y, n = arms.baseline.y.ravel(), arms.baseline.n.ravel()
    usable = arms.baseline_usable.ravel()
    phases = {k: [] for k in range(cycle)}
    for start in range(y.size - window_hours + 1):
        inside = range(start, start + window_hours)
        if all(usable[h] for h in inside) and sum(n[h] for h in inside) > 0:
            value = sum(y[h] for h in inside) / sum(n[h] for h in inside)
            phases[start % cycle].append(value)
    variances = np.array([np.var(v, ddof=1) if len(v) > 1 else 0.0 for v in phases.values()])
    df = np.array([max(0, len(v) - 1) for v in phases.values()])
    prior = fit_prior(variances, df)
    own = arms.first_hour
    if np.isinf(prior.df):
        s2 = prior.variance
    else:
        s2 = (prior.df * prior.variance + df[own] * variances[own]) / (prior.df + df[own])
    matched = [(own + h) % cycle for h in range(min(hours, cycle))]
    days, ages = [], []
    for day in range(repeats):
        mine = [day * cycle + h for h in matched]
        if all(usable[h] for h in mine) and sum(n[h] for h in mine) > 0:
            days.append(sum(y[h] for h in mine) / sum(n[h] for h in mine))
            ages.append(repeats - 1 - day)
    w = np.array([0.7**age for age in ages])
    w = w / w.sum()
    usual = sum(one * value for one, value in zip(w, days, strict=True))
    part = sum(one**2 for one in w)
    return usual, s2 * window_hours / hours, s2 * part * window_hours / min(hours, cycle)


@pytest.mark.parametrize(
    ("days", "hours", "window_hours", "first_hour"),
    [(7, 24, 24, 0), (7, 4, 4, 0), (5, 4, 4, 9), (3, 12, 12, 0), (7, 48, 24, 0), (7, 24, 6, 0)],
)
def test_equals_the_slow_double(noisy_arms, days, hours, window_hours, first_hour):
    before, after = noisy_arms(days, hours, seed=days, strata=2)
    excluded = np.zeros((days, 24), dtype=bool)
    excluded[1, 3:5] = True
    arms = standardise(before.without(excluded), after, first_hour=first_hour)
    found = ratio_placebo_variance(arms, window_hours=window_hours)
    expected = by_hours(arms, hours=hours, window_hours=window_hours)
    assert (found.usual, found.post, found.baseline) == pytest.approx(expected, rel=1e-9)


# ---- laws ----------------------------------------------------------------------------------------


def test_ten_times_the_calls_of_one_day_leave_the_value_alone(noisy_arms):
    """Days count alike, whatever their traffic; only the variance of independent calls falls."""
    before, after = noisy_arms(7, 24)
    busy = np.ones((7, 1))
    busy[3] = 10.0
    first = ratio_placebo_variance(standardise(before, after))
    busier = ArmTotals(before.stacked * busy, before.usable)
    other = ratio_placebo_variance(standardise(busier, after))
    assert other.usual == pytest.approx(first.usual, rel=1e-9)
    assert other.independent_baseline < first.independent_baseline


def test_the_unit_of_the_metric_does_not_matter(noisy_arms):
    before, after = noisy_arms(7, 4)
    unit = np.array([1e-3, 1, 1e-6, 1e-3, 1]).reshape(5, 1, 1, 1)
    one = ratio_placebo_variance(standardise(before, after))
    arms = [ArmTotals(arm.stacked * unit, arm.usable) for arm in (before, after)]
    other = ratio_placebo_variance(standardise(*arms))
    assert (other.post, other.baseline) == pytest.approx((one.post / 1e6, one.baseline / 1e6))
    assert other.window_df == pytest.approx(one.window_df)


# ---- what it is for ------------------------------------------------------------------------------


def saturday_after_a_week(seed):
    """Weekends have a third of the traffic and calls 20 % faster; the deploy is on a Saturday."""
    rng, total = np.random.default_rng(seed), 8 * 24
    weekend = (np.arange(total) // 24 - 2) % 7 >= 5
    noise = np.zeros(total)
    for t in range(1, total):
        noise[t] = 0.6 * noise[t - 1] + 0.15 * rng.standard_normal()
    n = np.maximum(1, rng.poisson(np.where(weekend, 30, 100))).astype(float)
    y = rng.gamma(2 * n) / 2 * 1000.0 * np.where(weekend, 0.8, 1.0) * np.exp(noise)
    sums = np.stack([y, n, 1.5 * y * y / n, y, n])[:, None]
    usable = np.ones((8, 24), dtype=bool)
    week = sums.reshape(5, 1, 8, 24)
    return ArmTotals(week[:, :, :7], usable[:7]), ArmTotals(week[:, :, 7:], usable[7:])


def test_a_quiet_weekend_day_is_not_judged_by_busy_days():
    """200 Saturdays on which nothing changed, at 5 %: pooled by calls, a third of them alarm."""
    alarms = [
        compare(*saturday_after_a_week(seed), indicator=False).p_value() < 0.05
        for seed in range(200)
    ]
    assert np.mean(alarms) <= 0.15


# ---- edges ---------------------------------------------------------------------------------------


def test_one_day_knows_nothing(noisy_arms):
    assert ratio_placebo_variance(standardise(*noisy_arms(1, 4))) is None


def test_days_without_calls_drop_out(noisy_arms):
    before, after = noisy_arms(7, 24)
    silent = np.ones((7, 1))
    silent[2] = 0.0
    arms = standardise(ArmTotals(before.stacked * silent, before.usable), after)
    assert matched_days(arms).day.tolist() == [0, 1, 3, 4, 5, 6]
    assert ratio_placebo_variance(arms).window_df == 5.0


def test_calls_that_never_vary():
    n = np.full((1, 7, 24), 50.0)
    before = ArmTotals.of_events(np.zeros_like(n), n)
    arms = standardise(before, ArmTotals.of_events(np.zeros((1, 1, 4)), np.full((1, 1, 4), 50.0)))
    found = ratio_placebo_variance(arms)
    assert (found.usual, found.post, found.baseline, found.thinner) == (0.0, 0.0, 0.0, 0.0)


def test_a_day_of_a_single_call_varies_as_the_calls_of_all_days_do(noisy_arms):
    """Its own variance is unknown; it must not make that of the whole baseline infinite."""
    before, after = noisy_arms(7, 4)
    stacked = before.stacked.copy()
    stacked[:, :, 2, :4] = 0.0
    stacked[:, :, 2, 1] = np.array([1000.0, 1.0, 1e6, 1000.0, 1.0])[:, None]
    found = matched_days(standardise(ArmTotals(stacked, before.usable), after))
    assert np.isfinite(found.independent).all()
    assert found.independent[2] > 20 * np.delete(found.independent, 2).max()
