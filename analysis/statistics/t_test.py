"""p value and interval of Student's t on a variance model, every degenerate case decided."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.optimize import brentq
from scipy.special import stdtr, stdtrit

from analysis.statistics.rates.exact import Alternative
from analysis.statistics.variance import VarianceModel


def t_p_value(
    estimate: float, variance: float, df: float, alternative: Alternative = "two-sided"
) -> float:
    """p of "the estimate is 0" with its variance on `df` (any positive) degrees of freedom.

    An infinite variance knows nothing: two-sided 1, one-sided one half. So does variance 0 with
    estimate 0.

    Examples
    --------
    >>> round(t_p_value(2.0, 1.0, df=10), 6)
    0.073388
    """
    t = estimate / np.sqrt(variance) if variance > 0 else 0.0
    if alternative == "less":
        return float(stdtr(df, t))
    if alternative == "greater":
        return float(stdtr(df, -t))
    return min(1.0, 2 * float(stdtr(df, -abs(t))))


def t_interval(estimate: float, variance: float, df: float, *, level: float) -> tuple[float, float]:
    """Estimate -+ t * sqrt(variance); (-inf, inf) with an infinite variance.

    Examples
    --------
    >>> [round(end, 4) for end in t_interval(2.0, 1.0, df=10, level=0.95)]
    [-0.2281, 4.2281]
    """
    half = critical_t(df, level) * np.sqrt(variance) if np.isfinite(variance) else np.inf
    return float(estimate - half), float(estimate + half)


def difference_interval(
    model: VarianceModel, post: float, *, scale: float, level: float
) -> tuple[float, float]:
    """Interval of post - scale * reference: every difference that the t test would not reject.

    A larger post value moves more from hour to hour than the baseline predicted. So the lower end,
    where it lies above 0, is found with the variance of its own level, and the upper end with that
    of the observed one. (With the baseline's level for both, 95 % intervals of a value that doubled
    held it in 80 to 89 % of simulated windows.) It excludes 0 exactly when the test of post = scale
    * baseline is below 1 - level.
    """
    baseline = model.reference
    estimate, t = post - scale * baseline, critical_t(model.df(scale), level)
    if not np.isfinite(model.variance(scale)):
        return -np.inf, np.inf

    def rise(difference: float) -> float:
        return (scale * baseline + difference) / baseline if baseline > 0 else 1.0

    if model.rate is not None:
        null = scale * baseline
        return _rate_interval(model, estimate, t, scale=scale, null=null, rise=rise)

    def beyond(difference: float) -> float:
        # (estimate - d)^2 = t^2 V(d): the end where the test turns
        return estimate - difference - t * np.sqrt(model.variance(scale, rise=rise(difference)))

    low = estimate - t * np.sqrt(model.variance(scale))
    if rise(low) > max(1.0, scale) and beyond(estimate) < 0:
        start = (max(1.0, scale) - scale) * baseline
        low = _root(beyond, start, estimate) if beyond(start) > 0 else start
    high = estimate + t * np.sqrt(model.variance(scale, rise=rise(estimate)))
    return float(low), float(high)


def rate_interval(model: VarianceModel, post: float, *, level: float) -> tuple[float, float]:
    """Interval of a post rate alone: every fixed rate that the t test would not reject.

    0 of n has a width too, like Wilson's interval (1927, JASA 22, 209-212).
    """
    if not np.isfinite(model.variance(0.0)):
        return 0.0, 1.0
    t = critical_t(model.df(0.0), level)
    return _rate_interval(model, post, t, scale=0.0, null=0.0, rise=lambda _: 1.0)


def critical_t(df: float, level: float) -> float:
    """Upper quantile of t at a two-sided level; finite even where the level rounds to 1."""
    return float(-stdtrit(df, max((1 - level) / 2, 1e-16)))


def _rate_interval(
    model: VarianceModel,
    estimate: float,
    t: float,
    *,
    scale: float,
    null: float,
    rise: Callable[[float], float],
) -> tuple[float, float]:
    """The same for a rate: each difference is tested with the variance of its post rate."""

    def beyond(difference: float) -> float:
        rises = rise(min(difference, estimate))
        variance = model.variance(scale, rise=rises, at=null + difference)
        return abs(estimate - difference) - t * np.sqrt(variance)

    lowest, highest = min(-null, estimate), max(1.0 - null, estimate)
    low = _root(beyond, lowest, estimate) if beyond(lowest) > 0 else lowest
    high = _root(beyond, estimate, highest) if beyond(highest) > 0 else highest
    return float(low), float(high)


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    return float(brentq(function, low, high, xtol=1e-12, rtol=1e-12, maxiter=200))
