"""Variances moderated towards what groups have in common."""

import numpy as np
import pytest
from scipy import optimize, special, stats

from analysis.statistics.baseline.moderation import VariancePrior, fit_prior, inverse_trigamma

# ---- by hand -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "x"),
    [(np.pi**2 / 2, 0.5), (np.pi**2 / 6, 1.0), (np.pi**2 / 6 - 1, 2.0), (1e8, 1e-4), (1e-7, 1e7)],
)
def test_inverse_trigamma_at_known_values(value, x):
    """trigamma(1/2) = pi^2 / 2, trigamma(1) = pi^2 / 6, trigamma(2) = trigamma(1) - 1; its ends."""
    assert inverse_trigamma(value) == pytest.approx(x, rel=1e-6)


def test_a_group_is_moderated_by_the_weight_of_both():
    """d0 = 4 at 2.0, d = 6 at 7.0: (8 + 42) / 10."""
    assert VariancePrior(2.0, 4.0).moderate(7.0, 6.0) == pytest.approx(5.0)
    assert VariancePrior(2.0, np.inf).moderate(7.0, 6.0) == 2.0


def test_two_groups_by_hand():
    """d = 2: digamma(1) = -gamma, log 1 = 0; the logs vary by 2 log^2(10) - trigamma(1)."""
    prior = fit_prior(np.array([0.1, 10.0]), np.array([2, 2]))
    excess = 2 * np.log(10) ** 2 - np.pi**2 / 6
    half = optimize.brentq(lambda x: special.polygamma(1, x) - excess, 1e-3, 1e3, xtol=1e-14)
    assert prior.df == pytest.approx(2 * half)
    expected = np.exp(np.euler_gamma + special.digamma(half) - np.log(half))
    assert prior.variance == pytest.approx(expected)


# ---- expansion oracle ----------------------------------------------------------------------------


@pytest.mark.parametrize("df", [3, 6, 20])
def test_the_prior_of_simulated_groups_is_found(df):
    """s0^2 = 4 and d0 = 8: sigma^2 = d0 s0^2 / chi2(d0), s^2 = sigma^2 chi2(d) / d."""
    rng = np.random.default_rng(df)
    sigma2 = 8 * 4.0 / rng.chisquare(8, 40_000)
    prior = fit_prior(sigma2 * rng.chisquare(df, sigma2.size) / df, np.full(sigma2.size, df))
    assert (prior.variance, prior.df) == (pytest.approx(4.0, rel=0.03), pytest.approx(8, rel=0.1))


def test_a_moderated_t_has_the_degrees_of_freedom_it_claims():
    """Smyth 2004: mean / moderated se follows t with d0 + d degrees of freedom."""
    rng = np.random.default_rng(1)
    sigma2 = 5 * 1.0 / rng.chisquare(5, 20_000)
    values = rng.standard_normal((sigma2.size, 4)) * np.sqrt(sigma2)[:, None]
    s2 = values.var(axis=1, ddof=1)
    prior = fit_prior(s2, np.full(s2.size, 3))
    moderated = np.array([prior.moderate(float(one), 3) for one in s2])
    t = values.mean(axis=1) / np.sqrt(moderated / 4)
    assert np.mean(np.abs(t) > stats.t.isf(0.005, prior.df + 3)) == pytest.approx(0.01, abs=0.002)


# ---- laws, edges ---------------------------------------------------------------------------------


def test_units_only_scale_the_variance():
    rng = np.random.default_rng(0)
    variances, df = rng.chisquare(2, 24), np.full(24, 6)
    one, other = fit_prior(variances, df), fit_prior(1e6 * variances, df)
    assert (other.df, other.variance) == pytest.approx((one.df, 1e6 * one.variance))


@pytest.mark.parametrize(
    ("variances", "df", "pooled"),
    [
        ([2.0, 4.0], [6, 2], 2.5),
        ([3.0], [6], 3.0),
        ([3.0, 9.0], [6, 0], 3.0),
        ([0.0, 0.0], [6, 6], 0.0),
        ([], [], 0.0),
    ],
    ids=["alike", "one group", "one group with df", "all zero", "none"],
)
def test_no_more_spread_than_chance_gives_the_pooled_variance(variances, df, pooled):
    prior = fit_prior(np.array(variances, dtype=float), np.array(df))
    assert (prior.variance, prior.df) == (pytest.approx(pooled), np.inf)


def test_a_group_without_any_spread_has_no_infinite_logarithm():
    prior = fit_prior(np.array([0.0, 1.0, 1.2, 0.8, 1.1]), np.full(5, 6))
    assert 0 < prior.variance < 1
    assert 0 < prior.df < np.inf
