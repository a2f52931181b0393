"""The three rules for the variance over hours, against slow and obvious doubles."""

import numpy as np
import pytest
from scipy import stats

from analysis.statistics.comparison import compare
from analysis.statistics.standardisation import standardise
from analysis.statistics.totals import ArmTotals
from analysis.statistics.variance import VarianceModel, model_variance
from analysis.statistics.variance_rules import (
    COSINE,
    ONE_DAY,
    PLACEBO,
    TOO_SHORT,
    ArmVariances,
    cosine_variance,
)


def slow_cosine(residual, *, per_cosine):
    """Long-run variance of an hourly series, cosine by cosine."""
    hours, count = residual.size, max(2, residual.size // per_cosine)
    squares = []
    for j in range(1, count + 1):
        weights = [np.sqrt(2 / hours) * np.cos(np.pi * j * (t + 0.5) / hours) for t in range(hours)]
        squares.append(sum(w * x for w, x in zip(weights, residual, strict=True)) ** 2)
    return hours * np.mean(squares)


# ---- by hand -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("days", "hours", "method", "df"),
    [
        (1, 1, ONE_DAY, 23),
        (1, 4, ONE_DAY, 5),
        (1, 5, ONE_DAY, 3.8),
        (1, 6, ONE_DAY, 3),
        (2, 1, PLACEBO, 24),
        (2, 6, PLACEBO, 4),
        (3, 1, PLACEBO, 48),
        (3, 4, PLACEBO, 12),
        (3, 24, PLACEBO, 2),
        (4, 24, PLACEBO, 3),
        (5, 24, PLACEBO, 4),
        (7, 13, PLACEBO, 6),
        (7, 24, PLACEBO, 6),
        (7, 48, PLACEBO, 6),
    ],
)
def test_rule_and_degrees_of_freedom(noisy_arms, days, hours, method, df):
    """At most those of windows that do not overlap; fewer where phases differ."""
    model = model_variance(standardise(*noisy_arms(days, hours)), day_to_day=0.0)
    assert model.by_hours.method == method
    assert model.by_hours.post_df <= df + 1e-9
    if method != PLACEBO:
        assert model.df() == pytest.approx(df)


@pytest.mark.parametrize(("days", "hours"), [(1, 7), (1, 24), (2, 7), (2, 24), (1, 48)])
def test_cosine_degrees_of_freedom_are_satterthwaite(noisy_arms, days, hours):
    """Two days: 8 hours a cosine; then the declared days on 10 df."""
    arms = standardise(*noisy_arms(days, hours))
    model, per_cosine = model_variance(arms), 4 if days == 1 else 8
    method, post, baseline, _, _ = model.by_hours
    df_post = max(2, hours // per_cosine)
    df_base = max(2, min(hours, 24) // per_cosine) * days
    inside = (post + baseline) ** 2 / (post**2 / df_post + baseline**2 / df_base)
    assert model_variance(arms, day_to_day=0.0).df() == pytest.approx(inside)
    declared = 2 * (0.1 * arms.baseline_total.ratio) ** 2
    total = post + baseline + declared
    expected = total**2 / ((post + baseline) ** 2 / inside + declared**2 / 10)
    assert (method, model.df()) == (COSINE, pytest.approx(expected))
    assert model.variance() == pytest.approx(total)


def test_weekly_cycle_counts_weeks(noisy_arms):
    """Three weeks, 24 h: df at most floor(168 / 24) * (3 - 1); 1 + sum w^2 of three weeks."""
    before, after = noisy_arms(21, 24)
    weekly = ArmTotals(before.stacked.reshape(5, 1, 3, 168), np.ones((3, 168), dtype=bool))
    model = model_variance(standardise(weekly, after))
    w = np.array([1, 0.7, 0.49]) / 2.19
    assert model.by_hours.method == PLACEBO
    assert 2 < model.df() <= 14
    assert model.by_hours.baseline / model.by_hours.post == pytest.approx(float(w @ w))


@pytest.mark.parametrize(
    ("scale", "known", "expected"),
    [
        (1.0, {}, 4 + 1),
        (0.5, {}, 4 + 0.25),
        (1.5, {}, 2.25 * 5),
        (0.0, {}, 4),
        (1.0, {"rise": 2.0}, 16 + 1),
        (0.0, {"rise": 0.5}, 4),
    ],
)
def test_variance_at_a_scale_and_a_level(scale, known, expected):
    """A margin below 1 keeps the post part; above 1, and for a larger value, it grows with it."""
    model = VarianceModel(by_hours=ArmVariances(PLACEBO, 4.0, 1.0, 6, 6), reference=1.0)
    assert model.variance(scale, **known) == pytest.approx(expected)


@pytest.mark.parametrize(("rate", "factor"), [(0.9, 0.45 * 0.55 / 0.09), (0.5, 1.0), (0.3, 1.0)])
def test_half_of_a_rate_near_one_moves_more_than_the_rate_itself(rate, factor):
    """The variance of a rate goes by q (1 - q), at .45 2.75 times that at .9; never less."""
    by_hours = ArmVariances(PLACEBO, 4.0, 1.0, 6, 6)
    model = VarianceModel(by_hours=by_hours, reference=rate, rate=rate)
    assert model.variance(0.5) == pytest.approx(factor * 4 + 0.25)


def test_where_independent_calls_are_the_larger_part_the_test_becomes_normal():
    """S = 1, V = 10 of independent calls: df = 6 * 10^2; without any, that of the windows."""
    known = {"by_hours": ArmVariances(PLACEBO, 0.8, 0.2, 6.0, 6.0), "reference": 0.0}
    found = VarianceModel(**known, independent_post=9.0, independent_baseline=1.0)
    assert (found.variance(), found.df()) == (pytest.approx(10.0), pytest.approx(600.0))
    thin = VarianceModel(**known, thinner=1.0)
    assert (thin.variance(), thin.df()) == (pytest.approx(2.0), pytest.approx(24.0))
    calm = VarianceModel(**known, independent_post=0.1)
    assert (calm.variance(), calm.df()) == (pytest.approx(1.0), pytest.approx(6.0))


def test_declared_days_grow_with_a_margin_and_a_limit_has_one():
    """Half of A = .02 is one day's."""
    model = VarianceModel(
        by_hours=ArmVariances(ONE_DAY, 0.0, 0.0, 5.0, 5.0), reference=1.0, one_day=0.01
    )
    assert [model.variance(scale) for scale in (1.0, 0.0, 2.0)] == pytest.approx([0.02, 0.01, 0.08])


# ---- slow doubles and the expansion oracle -------------------------------------------------------


def test_windows_of_one_day_equal_the_slow_double(noisy_arms):
    arms = standardise(*noisy_arms(1, 4, seed=2))
    y, n = arms.baseline.y[0], arms.baseline.n[0]
    windows = [(y[s : s + 4].sum(), n[s : s + 4].sum()) for s in range(21)]
    ratio = sum(a for a, _ in windows) / sum(b for _, b in windows)
    s2 = np.mean([(a - ratio * b) ** 2 for a, b in windows])
    expected = 2 * s2 / np.mean([b for _, b in windows]) ** 2 * 6 / 5
    by_hours = model_variance(arms).by_hours
    assert by_hours.post + by_hours.baseline == pytest.approx(expected, rel=1e-9)


def test_cosine_rule_equals_the_slow_double(noisy_arms):
    arms = standardise(*noisy_arms(2, 8, seed=3))
    residual = arms.post.y - arms.post_total.ratio * arms.post.n
    y, n = arms.baseline.y[:, :8], arms.baseline.n[:, :8]
    days = sum(slow_cosine(y[d] - y.sum() / n.sum() * n[d], per_cosine=8) for d in range(2))
    by_hours = model_variance(arms).by_hours
    assert by_hours.post == pytest.approx(
        slow_cosine(residual, per_cosine=8) / arms.post.n.sum() ** 2
    )
    assert by_hours.baseline == pytest.approx(days / n.sum() ** 2)


def test_floor_equals_welch_on_the_calls(arm_of_calls):
    """With hours that do not move, the floor is Welch's standard error of the expanded calls."""
    rng = np.random.default_rng(4)
    before, after = rng.integers(100, 900, 300), rng.integers(100, 900, 200)
    arms = [arm_of_calls(y, hour=np.arange(y.size) % 4, shape=(1, 1, 4)) for y in (before, after)]
    model = model_variance(standardise(*arms))
    floor = np.sqrt(model.independent_post + model.independent_baseline)
    welch = stats.ttest_ind(after, before, equal_var=False).statistic
    assert (after.mean() - before.mean()) / floor == pytest.approx(welch, rel=1e-12)


def test_cosine_variance_is_unbiased_for_independent_hours():
    """Lazarus et al. 2018: for white noise each cosine has the variance of the series."""
    rng = np.random.default_rng(0)
    found = [cosine_variance(rng.standard_normal(24)) for _ in range(4000)]
    assert np.mean(found) == pytest.approx(24, rel=0.03)


# ---- edges ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("days", "hours", "left", "method"),
    [(7, 24, [*range(11), *range(12, 24)], PLACEBO), (1, 4, [2], TOO_SHORT)],
    ids=["every day has a hole: shorter windows", "one hour is left: nothing is known"],
)
def test_excluded_hours(noisy_arms, days, hours, left, method):
    before, after = noisy_arms(days, hours)
    excluded = np.ones((days, 24), dtype=bool)
    excluded[:, left] = False
    found = compare(before.without(excluded), after, indicator=False)
    assert found.method == method
    is_known = method != TOO_SHORT
    assert (found.p_value() < 1, np.isfinite(found.interval()).all()) == (is_known, is_known)


def test_all_calls_alike():
    """3,000,000 calls of one latency in both arms: no difference, no division by zero."""
    n = np.full((1, 7, 24), 3e6 / 168)

    def flat(ms, n):
        return ArmTotals.of_sums(y=ms * n, n=n, yy=ms * ms * n, yn=ms * n, nn=n)

    before = flat(20128.0, n)
    same = compare(before, flat(20128.0, n[:, :1, :4]), indicator=False)
    assert same.p_value() == pytest.approx(1, abs=0.2)
    assert same.difference == pytest.approx(0, abs=1e-9)
    other = compare(before, flat(45000.0, n[:, :1, :4]), indicator=False)
    assert other.p_value() < 1e-9
