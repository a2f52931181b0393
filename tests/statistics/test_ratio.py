"""The three variance rules against slow, obvious doubles."""

import numpy as np
import pytest
from scipy import stats

from analysis.statistics.comparison import compare
from analysis.statistics.ratio import (
    COSINE,
    ONE_DAY,
    PLACEBO,
    TOO_SHORT,
    cosine_variance,
    independent_variance,
    measure_spread,
)
from analysis.statistics.totals import ArmTotals, standardise


def slow_placebo(arms, length, repeats):
    """s2 of all windows around the ratio of their clock phase, window by window."""
    y, n = arms.baseline.y.ravel(), arms.baseline.n.ravel()
    cycle, usable = arms.baseline.y.shape[1], arms.baseline_usable.ravel()
    windows = [s for s in range(y.size - length + 1) if usable[s : s + length].all()]
    squares, df = 0.0, 0
    for phase in range(cycle):
        mine = [
            (y[s : s + length].sum(), n[s : s + length].sum())
            for s in windows
            if s % cycle == phase
        ]
        ratio = sum(a for a, _ in mine) / sum(b for _, b in mine)
        squares += sum((a - ratio * b) ** 2 for a, b in mine)
        df += len(mine) - 1
    mean_n = np.mean([n[s : s + length].sum() for s in windows])
    return squares / df / mean_n**2, (cycle // length) * (repeats - 1)


# by hand


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
        (3, 24, PLACEBO, 4),
        (4, 24, PLACEBO, 6),
        (5, 24, PLACEBO, 4),
        (7, 13, PLACEBO, 6),
        (7, 24, PLACEBO, 6),
        (7, 48, PLACEBO, 6),
    ],
)
def test_rule_and_degrees_of_freedom(noisy_arms, days, hours, method, df):
    spread = measure_spread(standardise(*noisy_arms(days, hours)))
    assert (spread.method, spread.df()) == (method, pytest.approx(df))


@pytest.mark.parametrize(("days", "hours"), [(1, 7), (1, 24), (2, 7), (2, 24), (1, 48)])
def test_cosine_degrees_of_freedom_are_satterthwaite(noisy_arms, days, hours):
    spread = measure_spread(standardise(*noisy_arms(days, hours)))
    assert spread.method == COSINE
    b_post, b_base = max(2, hours // 4), max(2, min(hours, 24) // 4)
    v = spread.post + spread.baseline
    assert spread.df() == pytest.approx(
        v**2 / (spread.post**2 / b_post + spread.baseline**2 / (b_base * days))
    )


def test_weekly_cycle_counts_weeks(noisy_arms):
    """Three weeks, 24 h: df = floor(168 / 24) * (3 - 1) = 14, and the baseline part is a third of the post part."""
    before, after = noisy_arms(21, 24)
    weekly = ArmTotals(
        **{k: getattr(before, k).reshape(1, 3, 168) for k in ("y", "n", "yy", "yn", "nn")},
        usable=np.ones((3, 168)),
    )
    spread = measure_spread(standardise(weekly, after))
    assert (spread.method, spread.df()) == (PLACEBO, 14)
    assert spread.post / spread.baseline == pytest.approx(3)


def test_cosine_variance_by_hand():
    """Two hours' worth of one cosine: the weights have length 1, so the mean square is that of the series."""
    t = np.arange(8)
    residual = np.cos(np.pi * 1 * (t + 0.5) / 8)
    assert cosine_variance(residual) == pytest.approx(8 * (8 / 2) / 2)


def test_a_margin_below_one_keeps_the_post_variance(noisy_arms):
    spread = measure_spread(standardise(*noisy_arms(7, 4)))
    assert spread.variance(0.5) == pytest.approx(spread.post + 0.25 * spread.baseline)
    assert spread.variance(1.5) == pytest.approx(2.25 * (spread.post + spread.baseline))
    assert spread.variance(0.0) == pytest.approx(spread.post)


# slow doubles and the expansion oracle


@pytest.mark.parametrize(
    ("days", "hours", "length"),
    [(7, 1, 1), (7, 4, 4), (7, 24, 24), (3, 24, 12), (2, 3, 3), (3, 13, 12)],
)
def test_placebo_windows_equal_the_slow_double(noisy_arms, days, hours, length):
    arms = standardise(*noisy_arms(days, hours, strata=3, seed=days))
    spread, (s2, df) = measure_spread(arms), slow_placebo(arms, length, days)
    assert spread.post == pytest.approx(s2 * length / hours, rel=1e-9)
    assert spread.baseline == pytest.approx(s2 * length / hours / days, rel=1e-9)
    assert spread.df() == df


def test_windows_longer_than_a_day(noisy_arms):
    """48 h after 7 days: day-long windows; the post part is halved, the baseline's seven days stay what they are."""
    arms = standardise(*noisy_arms(7, 48))
    spread, (s2, df) = measure_spread(arms), slow_placebo(arms, 24, 7)
    assert (spread.post, spread.baseline) == (pytest.approx(s2 / 2), pytest.approx(s2 / 7))
    assert spread.df() == df


def test_windows_that_touch_an_excluded_hour_are_left_out(noisy_arms):
    before, after = noisy_arms(7, 4, seed=5)
    excluded = np.zeros((7, 24), dtype=bool)
    excluded[2, 7:9] = True
    arms = standardise(before.without(excluded), after)
    spread, (s2, _) = measure_spread(arms), slow_placebo(arms, 4, 7)
    assert spread.post == pytest.approx(s2, rel=1e-9)
    assert spread.df() == np.floor(36 * (165 - 5) / 165)


def test_windows_of_one_day_equal_the_slow_double(noisy_arms):
    arms = standardise(*noisy_arms(1, 4, seed=2))
    y, n = arms.baseline.y[0], arms.baseline.n[0]
    windows = [(y[s : s + 4].sum(), n[s : s + 4].sum()) for s in range(21)]
    ratio = sum(a for a, _ in windows) / sum(b for _, b in windows)
    s2 = np.mean([(a - ratio * b) ** 2 for a, b in windows])
    k = 6
    expected = 2 * s2 / np.mean([b for _, b in windows]) ** 2 * k / (k - 1)
    spread = measure_spread(arms)
    assert spread.post + spread.baseline == pytest.approx(expected, rel=1e-9)


def test_cosine_rule_equals_the_slow_double(noisy_arms):
    before, after = noisy_arms(2, 8, seed=3)
    arms = standardise(before, after)

    def variance(e):
        hours, b = e.size, max(2, e.size // 4)
        c = [
            [np.sqrt(2 / hours) * np.cos(np.pi * j * (t + 0.5) / hours) for t in range(hours)]
            for j in range(1, b + 1)
        ]
        return hours * np.mean([sum(w * x for w, x in zip(row, e, strict=True)) ** 2 for row in c])

    post_ratio = arms.post.y.sum() / arms.post.n.sum()
    y, n = arms.baseline.y[:, :8], arms.baseline.n[:, :8]
    base_ratio = y.sum() / n.sum()
    spread = measure_spread(arms)
    assert spread.post == pytest.approx(
        variance(arms.post.y - post_ratio * arms.post.n) / arms.post.n.sum() ** 2
    )
    assert spread.baseline == pytest.approx(
        sum(variance(y[d] - base_ratio * n[d]) for d in range(2)) / n.sum() ** 2
    )


def test_floor_equals_welch_on_the_calls(arm_of_calls):
    """With hours that do not move, the floor is Welch's standard error of the expanded calls."""
    rng = np.random.default_rng(4)
    before, after = rng.integers(100, 900, 300), rng.integers(100, 900, 200)

    def make(y):
        return arm_of_calls(
            y,
            np.ones(y.size),
            repeat=np.zeros(y.size, int),
            hour=np.arange(y.size) % 4,
            shape=(1, 1, 4),
        )

    spread = measure_spread(standardise(make(before), make(after)))
    welch = stats.ttest_ind(after, before, equal_var=False)
    floor = spread.independent_post + spread.independent_baseline
    assert (after.mean() - before.mean()) / np.sqrt(floor) == pytest.approx(
        welch.statistic, rel=1e-12
    )
    assert spread.independent_post == pytest.approx(np.var(after, ddof=1) / after.size, rel=1e-12)


def test_cosine_variance_is_unbiased_for_independent_hours():
    """Lazarus et al. 2018: for white noise each cosine has the variance of the series."""
    rng = np.random.default_rng(0)
    found = [cosine_variance(rng.standard_normal(24)) for _ in range(4000)]
    assert np.mean(found) == pytest.approx(24, rel=0.03)


# laws


def test_variance_scales_with_the_square_of_the_unit(noisy_arms):
    before, after = noisy_arms(7, 4)

    def in_seconds(arm):
        return ArmTotals(
            y=arm.y / 1e3, n=arm.n, yy=arm.yy / 1e6, yn=arm.yn / 1e3, nn=arm.nn, usable=arm.usable
        )

    ms, s = (
        compare(before, after, indicator=False),
        compare(in_seconds(before), in_seconds(after), indicator=False),
    )
    assert s.variance == pytest.approx(ms.variance / 1e6, rel=1e-9)
    assert s.p_value() == pytest.approx(ms.p_value(), rel=1e-9)


def test_more_days_only_shrink_the_baseline_part(noisy_arms):
    spread = measure_spread(standardise(*noisy_arms(7, 4)))
    assert spread.post / spread.baseline == pytest.approx(7)


# edges


def test_a_single_call_knows_nothing_of_its_variance(arm_of_calls):
    one = arm_of_calls([500], [1], repeat=[0], hour=[0], shape=(1, 1, 24))
    assert independent_variance(standardise(one, one).post_total) == np.inf
    found = compare(one, one, indicator=False)
    assert (found.p_value(), found.interval()) == (1.0, (-np.inf, np.inf))


def test_every_day_has_a_hole(noisy_arms):
    """No window of a day is whole: shorter windows are used, and it still answers."""
    before, after = noisy_arms(7, 24)
    holes = np.zeros((7, 24), dtype=bool)
    holes[:, 11] = True
    found = compare(before.without(holes), after, indicator=False)
    assert found.method == PLACEBO
    assert 0 < found.p_value() <= 1


def test_nearly_everything_excluded(noisy_arms):
    before, after = noisy_arms(1, 4)
    rest = np.ones((1, 24), dtype=bool)
    rest[0, 2] = False
    found = compare(before.without(rest), after, indicator=False)
    assert found.method == TOO_SHORT
    assert (found.p_value(), found.interval()) == (1.0, (-np.inf, np.inf)), (
        "no test of independent calls decides instead"
    )


def test_all_calls_alike(arm_of_calls):
    """3,000,000 calls of the same latency in both arms: no difference, no division by zero; another latency shows."""
    n = np.full((1, 7, 24), 3e6 / 168)

    def flat(v, n):
        return ArmTotals(y=v * n, n=n, yy=v * v * n, yn=v * n, nn=n, usable=np.ones(n.shape[1:]))

    same = compare(flat(20128.0, n), flat(20128.0, n[:, :1, :4]), indicator=False)
    assert (same.p_value(), same.difference) == (
        pytest.approx(1, abs=0.2),
        pytest.approx(0, abs=1e-9),
    )
    other = compare(flat(20128.0, n), flat(45000.0, n[:, :1, :4]), indicator=False)
    assert other.p_value() < 1e-9
