"""Student's t on a variance model."""

import numpy as np
import pytest
from scipy import stats

from analysis.statistics.t_test import (
    difference_interval,
    rate_interval,
    t_interval,
    t_p_value,
)
from analysis.statistics.variance import VarianceModel
from analysis.statistics.variance_rules import ONE_DAY, ArmVariances, add_variances


def model(post=4.0, baseline=1.0, df=6.0, **known):
    by_hours = ArmVariances(ONE_DAY, post, baseline, df, df)
    return VarianceModel(by_hours=by_hours, resolution=1e-18, **{"reference": 1.0} | known)


@pytest.mark.parametrize("alternative", ["two-sided", "less", "greater"])
@pytest.mark.parametrize("estimate", [-3.0, 0.0, 1.7])
def test_equals_scipy_on_a_sample(estimate, alternative):
    sample = np.array([1.0, 4.0, 2.5, -0.5, 3.0])
    sample = sample - sample.mean() + estimate
    oracle = stats.ttest_1samp(sample, 0.0, alternative=alternative)
    variance = stats.sem(sample) ** 2
    assert t_p_value(estimate, variance, 4, alternative) == pytest.approx(oracle.pvalue, rel=1e-9)
    if alternative == "two-sided":
        expected = oracle.confidence_interval(0.95)
        assert t_interval(estimate, variance, 4, level=0.95) == pytest.approx(tuple(expected))


def test_an_infinite_variance_knows_nothing():
    assert t_p_value(5.0, np.inf, 1) == 1.0
    assert t_p_value(5.0, np.inf, 1, "less") == 0.5
    assert t_interval(5.0, np.inf, 1, level=0.95) == (-np.inf, np.inf)
    unknown = model(post=np.inf, baseline=np.inf)
    assert difference_interval(unknown, 2.0, scale=1.0, level=0.9) == (-np.inf, np.inf)
    assert rate_interval(model(post=np.inf, rate=0.5), 0.2, level=0.9) == (0.0, 1.0)


@pytest.mark.parametrize("scale", [0.5, 1.0, 1.4])
@pytest.mark.parametrize("rate", [None, 0.6])
def test_ends_of_an_interval_are_where_the_test_turns(scale, rate):
    """Each end, taken as the null, has p = 1 - level at its own variance."""
    known = {} if rate is None else {"rate": rate, "post_calls": 80.0}
    parts, values = ((9e-4, 1e-4), (0.6, 0.8)) if rate else ((100.0, 20.0), (100.0, 150.0))
    baseline, post = values
    one = model(*parts, reference=baseline, **known)
    ends = difference_interval(one, post, scale=scale, level=0.95)
    for end in ends:
        null = scale * baseline + end
        rise = min(null, post) / baseline
        variance = one.variance(scale, rise=rise, at=null if rate else None)
        p = t_p_value(post - null, variance, one.df(scale))
        assert p == pytest.approx(0.05, rel=1e-6)


def test_interval_of_a_rate_of_no_event_has_a_width():
    """0 of 40 calls, hours that do not move and infinite df: Wilson's interval."""
    one = model(post=0.0, baseline=0.0, df=np.inf, rate=0.2, post_calls=40.0)
    low, high = rate_interval(one, 0.0, level=0.95)
    wilson = stats.binomtest(0, 40).proportion_ci(0.95, method="wilson")
    assert (low, high) == (pytest.approx(0.0), pytest.approx(wilson.high, rel=1e-9))


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([(3.0, 6.0), (1.0, 10.0)], (4.0, 16 / (9 / 6 + 1 / 10))),
        ([(3.0, 6.0), (0.0, 10.0)], (3.0, 6.0)),
        ([(2.0, 5.0), (2.0, 5.0)], (4.0, 10.0)),
        ([(0.0, 6.0), (0.0, 3.0)], (0.0, 3.0)),
        ([(np.inf, 1.0), (2.0, 9.0)], (np.inf, 1.0)),
        ([(4.0, np.inf), (4.0, 8.0)], (8.0, 32.0)),
        ([(4.0, np.inf)], (4.0, np.inf)),
    ],
)
def test_satterthwaite(parts, expected):
    assert add_variances(*parts) == pytest.approx(expected)


def test_satterthwaite_is_welch():
    """Two samples: df of Welch's test."""
    rng = np.random.default_rng(0)
    one, other = rng.normal(0, 3, 9), rng.normal(0, 1, 14)
    variance, df = add_variances((stats.sem(one) ** 2, 8), (stats.sem(other) ** 2, 13))
    welch = stats.ttest_ind(one, other, equal_var=False)
    assert df == pytest.approx(welch.df)
    assert (one.mean() - other.mean()) / np.sqrt(variance) == pytest.approx(welch.statistic)
