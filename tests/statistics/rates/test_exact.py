"""Few events: exact tests on counts divided by their overdispersion."""

import numpy as np
import pytest
from scipy import stats

from analysis.statistics.comparison import compare
from analysis.statistics.rates.exact import (
    EXACT,
    RateCounts,
    difference_bounds,
    fisher_p,
    limit_p,
    rate_bounds,
    rate_counts,
    use_exact,
)
from analysis.statistics.standardisation import standardise
from analysis.statistics.totals import ArmTotals

SIDES = ("two-sided", "less", "greater")


def even_rate(events, trials, hours, repeats=1):
    """A rate whose events and trials are spread over the hours as evenly as whole calls allow."""

    def spread(total):
        steps = np.round(np.linspace(0, total, repeats * hours + 1))
        return np.diff(steps).reshape(1, repeats, hours)

    return ArmTotals.of_events(spread(events), spread(trials))


def compare_even(baseline, post, hours=24, day_to_day=0.1):
    arms = even_rate(*baseline, 24), even_rate(*post, hours)
    return compare(*arms, indicator=True, day_to_day=day_to_day)


# ---- by hand -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("baseline_events", "post_events", "rate", "exact"),
    [
        (19, 19, 0.01, True),
        (113, 0, 0.02, True),
        (0, 25, 0.0, True),
        (20, 20, 0.02, False),
        (5, 5, 0.2, False),
    ],
)
def test_when_rates_are_decided_exactly(baseline_events, post_events, rate, exact):
    assert use_exact(baseline_events, post_events, rate) is exact


@pytest.mark.parametrize(
    ("counts", "scale", "same"),
    [
        (RateCounts(40, 1000, 10, 1000, 1.0), 0.5, RateCounts(20, 1000, 10, 1000, 1.0)),
        (RateCounts(40, 1000, 10, 1000, 1.0), 2.0, RateCounts(40, 500, 10, 1000, 1.0)),
        (RateCounts(19.8, 1000, 6.2, 1000, 2.0), 1.0, RateCounts(9, 500, 4, 500, 1.0)),
        (RateCounts(6.2, 1000, 19.8, 1000, 2.0), 1.0, RateCounts(4, 500, 9, 500, 1.0)),
    ],
    ids=["(1 - d): fewer events", "(1 + m): fewer trials", "9.9 v 3.1", "3.1 v 9.9"],
)
def test_margins_and_rounding_never_make_evidence(counts, scale, same):
    assert fisher_p(counts, scale=scale) == pytest.approx(fisher_p(same), rel=1e-12)


def test_one_event_of_great_weight_stays_one_event():
    """A stratum with few post calls may weigh three times: its event counts as at most one."""
    before = ArmTotals.of_events([[[0.0]], [[0.0]]], [[[900.0]], [[100.0]]])
    after = ArmTotals.of_events([[[1.0]], [[0.0]]], [[[30.0]], [[900.0]]])
    counts = rate_counts(standardise(before, after))
    assert counts.post_events <= 1 + 1e-12
    assert counts.post_n <= 930


def test_one_stratum_keeps_its_counts():
    counts = rate_counts(standardise(even_rate(14, 900, 24, 3), even_rate(3, 250, 24)))
    assert (counts.baseline_events, counts.baseline_n) == (pytest.approx(14), pytest.approx(900))
    assert (counts.post_events, counts.post_n) == (pytest.approx(3), pytest.approx(250))


def test_the_interval_at_a_scale_asks_of_the_scaled_baseline():
    """At half the baseline: as with a baseline that knows as much and has half the rate."""
    low, high = difference_bounds(RateCounts(40, 2000, 5, 700, 1.3), scale=0.5)
    base_low, base_high = rate_bounds(40, 2000, phi=1.3)
    post_low, post_high = rate_bounds(5, 700, phi=1.3)
    base, post = 40 / 2000, 5 / 700
    above = np.hypot(post_high - post, 0.5 * (base - base_low))
    below = np.hypot(post - post_low, 0.5 * (base_high - base))
    assert (low, high) == pytest.approx((post - base / 2 - below, post - base / 2 + above))


# ---- expansion oracle ----------------------------------------------------------------------------


@pytest.mark.parametrize("alternative", SIDES)
def test_fisher_equals_scipy(alternative):
    rng = np.random.default_rng(0)
    for _ in range(60):
        n_post, n_base = rng.integers(1, 3000, 2)
        k_post, k_base = (rng.integers(0, min(n, 30) + 1) for n in (n_post, n_base))
        table = [[k_post, n_post - k_post], [k_base, n_base - k_base]]
        expected = stats.fisher_exact(table, alternative=alternative).pvalue
        counts = RateCounts(k_base, n_base, k_post, n_post, 1.0)
        assert fisher_p(counts, alternative=alternative) == pytest.approx(expected, rel=1e-11)


@pytest.mark.parametrize("alternative", ["less", "greater"])
@pytest.mark.parametrize(
    ("k", "n", "limit"), [(0, 40, 0.05), (3, 100, 0.1), (40, 40, 0.5), (17, 60, 0.2)]
)
def test_limit_equals_the_binomial_test(k, n, limit, alternative):
    expected = stats.binomtest(k, n, limit, alternative=alternative).pvalue
    found = limit_p(k, n, limit=limit, alternative=alternative)
    assert found == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("k", "n"), [(0, 5), (1, 9), (9, 9), (12, 800)])
def test_bounds_equal_scipy(k, n):
    expected = stats.binomtest(k, n).proportion_ci(0.95, method="exact")
    assert rate_bounds(k, n) == pytest.approx(tuple(expected), abs=1e-12)


def miss_rates(rates, calls, level):
    """How often the interval lies wholly above and wholly below the truth, over all outcomes."""
    laws = [stats.binom(n, p) for p, n in zip(rates, calls, strict=True)]
    events = [np.arange(law.ppf(1e-7), law.ppf(1 - 1e-7) + 1) for law in laws]
    above = below = 0.0
    for k_base in events[0]:
        for k_post in events[1]:
            counts = RateCounts(k_base, calls[0], k_post, calls[1], 1.0)
            low, high = difference_bounds(counts, level=level)
            chance = laws[0].pmf(k_base) * laws[1].pmf(k_post)
            above += chance * (low > rates[1] - rates[0])
            below += chance * (high < rates[1] - rates[0])
    return above, below


@pytest.mark.parametrize("level", [0.95, 0.9987], ids=["a single look", "an early look"])
@pytest.mark.parametrize(
    ("rates", "calls"),
    [
        ((0.0243, 0.0243), (1565, 231)),
        ((0.1, 0.1), (600, 40)),
        ((0.01, 0.03), (500, 70)),
        ((0.018, 0.005), (789, 119)),
    ],
)
def test_coverage_of_the_interval_of_a_difference(rates, calls, level):
    """A normal interval misses the first in .007 of early looks where .0013 is meant."""
    above, below = miss_rates(rates, calls, level)
    assert above + below < 1.2 * (1 - level)
    assert below < 0.6 * (1 - level)


# ---- laws ----------------------------------------------------------------------------------------


def test_swapped_arms_give_the_same_p():
    there, back = RateCounts(3, 90, 12, 70, 1.0), RateCounts(12, 70, 3, 90, 1.0)
    assert fisher_p(there) == pytest.approx(fisher_p(back), rel=1e-12)


def test_overdispersion_takes_evidence_away():
    p = [fisher_p(RateCounts(40, 1000, 5, 300, phi)) for phi in (1, 1.5, 2, 4, 8)]
    assert p == sorted(p)


@pytest.mark.parametrize("is_fall", [True, False], ids=["k -> 0", "0 -> k"])
def test_more_events_on_one_side_are_decided_at_least_as_readily(is_fall):
    """113 -> 0 timeouts, 0 -> 25 of a new class: never slower than fewer events.

    On a day like the one before; p is never below 1e-15.
    """
    counts = (3, 8, 15, 19, 20, 40, 113, 500) if is_fall else (3, 8, 15, 19, 20, 25, 113)
    none = (0, 5000)
    arms = [((k, 5000), none) if is_fall else (none, (k, 5000)) for k in counts]
    found = [compare_even(*pair, day_to_day=0.0) for pair in arms]
    assert {one.method for one in found} == {EXACT}
    p = [one.p_value() for one in found]
    assert p == sorted(p, reverse=True)
    assert p[-2] < (1e-14 if is_fall else 1e-6)


@pytest.mark.parametrize(("k", "n", "phi"), [(0, 60, 1.0), (2, 300, 1.0), (7, 500, 1.7)])
def test_bound_and_limit_test_agree(k, n, phi):
    """At the one-sided 95 % upper bound p is .05, also for fractional counts."""
    upper = rate_bounds(k, n, phi=phi, level=0.90)[1]
    p = limit_p(k, n, limit=upper, phi=phi, alternative="less")
    assert p == pytest.approx(0.05, rel=1e-6)


def test_a_known_baseline_leaves_the_interval_of_the_post_rate():
    bounds = difference_bounds(RateCounts(20_000_000, 1_000_000_000, 3, 231, 1.4))
    assert bounds == pytest.approx(np.array(rate_bounds(3, 231, phi=1.4)) - 0.02, abs=2e-5)


# ---- edges ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "counts", [(0, 0, 0, 0, 1.0), (3, 10, 0, 0, 1.0), (0, 9, 0, 9, 1.0), (1, 1, 1, 1, 9.0)]
)
def test_nothing_to_test_gives_one(counts):
    assert fisher_p(RateCounts(*counts)) == 1.0


def test_no_trials():
    assert rate_bounds(0, 0) == (0.0, 1.0)
    assert limit_p(0, 0, limit=0.1) == 1.0


def test_zero_cells_have_a_width():
    found = compare_even((0, 2000), (0, 100))
    low, high = found.interval()
    assert low < 0 < high
    assert (found.p_value(), np.isfinite(found.variance)) == (1.0, True)


def test_all_to_none_is_decided_though_neither_arm_varies():
    """All timeouts before, none after: no variance for the t test, so exact counts decide."""
    found = compare_even((960, 960), (0, 40), hours=1)
    assert found.method == EXACT
    assert found.p_value() < 1e-9


# ---- published values ----------------------------------------------------------------------------


def test_fisher_published():
    """19 of 53 against 13 of 47: two-sided .3999949."""
    assert fisher_p(RateCounts(13, 47, 19, 53, 1.0)) == pytest.approx(0.3999949, abs=5e-8)


@pytest.mark.parametrize(("n", "percent"), [(2000, 0.150), (500, 0.597)])
def test_zero_of_n(n, percent):
    """Clopper & Pearson 1934, one-sided 95 %; Hanley & Lippman-Hand 1983, JAMA 249, 1743-1745."""
    upper = rate_bounds(0, n, level=0.90)[1]
    assert 100 * upper == pytest.approx(percent, abs=5e-4)
    assert upper == pytest.approx(1 - 0.05 ** (1 / n), rel=1e-12)
