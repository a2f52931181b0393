"""p value and interval of Student's t, every degenerate case decided."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.special import stdtr, stdtrit

from analysis.statistics.exact import Alternative
from analysis.statistics.ratio import Spread
from analysis.statistics.root import find_root


def t_p_value(
    estimate: float, variance: float, df: float, alternative: Alternative = "two-sided"
) -> float:
    """p of "the estimate is 0" with its variance on `df` degrees of freedom, which may be fractional.

    An infinite variance knows nothing: two-sided 1, one-sided one half. Variance 0 with estimate 0 likewise.

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


def t_interval(
    estimate: float, variance: float, df: float, level: float, widest: tuple[float, float]
) -> tuple[float, float]:
    """Estimate -+ t * sqrt(variance), cut at `widest`: what the metric can be."""
    if not np.isfinite(variance):
        return widest
    half = _critical_t(df, level) * np.sqrt(variance)
    return float(max(widest[0], estimate - half)), float(min(widest[1], estimate + half))


def difference_interval(
    spread: Spread, baseline: float, post: float, *, scale: float, level: float
) -> tuple[float, float]:
    """Interval of post - scale * baseline: every difference that the t test would not refuse.

    A larger post value moves more from hour to hour than the baseline predicted. So the lower end, where it lies above 0, is
    found with the variance of its own level, and the upper end with that of the observed one. (With the baseline's level for
    both, 95 % intervals of a value that doubled held it in 80 to 89 % of simulated windows.) It excludes 0 exactly when
    the test of post = scale * baseline is below 1 - level.
    """
    estimate, t = post - scale * baseline, _critical_t(spread.df(scale), level)
    if not np.isfinite(spread.variance(scale)):
        return -np.inf, np.inf

    def rise(difference: float) -> float:
        return (scale * baseline + difference) / baseline if baseline > 0 else 1.0

    if spread.rate is not None:
        return _rate_interval(spread, estimate, t, scale=scale, of_null=scale * baseline, rise=rise)

    def beyond(difference: float) -> float:
        # (estimate - d)^2 = t^2 V(d): the end where the test turns
        return estimate - difference - t * np.sqrt(spread.variance(scale, rise=rise(difference)))

    low = estimate - t * np.sqrt(spread.variance(scale))
    if rise(low) > max(1.0, scale) and beyond(estimate) < 0:
        start = (max(1.0, scale) - scale) * baseline
        low = find_root(beyond, start, estimate) if beyond(start) > 0 else start
    high = estimate + t * np.sqrt(spread.variance(scale, rise=rise(estimate)))
    return float(low), float(high)


def rate_interval(
    spread: Spread, baseline: float, post: float, *, level: float
) -> tuple[float, float]:
    """Interval of a post rate alone: every fixed rate that the t test would not refuse. 0 of n has a width too, like Wilson's (1927)."""
    if not np.isfinite(spread.variance(0.0)):
        return 0.0, 1.0
    ratio = post / baseline if baseline > 0 else 1.0
    return _rate_interval(
        spread,
        post,
        _critical_t(spread.df(0.0), level),
        scale=0.0,
        of_null=0.0,
        rise=lambda _: ratio,
    )


def _rate_interval(
    spread: Spread,
    estimate: float,
    t: float,
    *,
    scale: float,
    of_null: float,
    rise: Callable[[float], float],
) -> tuple[float, float]:
    """The same for a rate, between post rates of 0 and 1: each difference is asked with the variance of the post rate that it means."""

    def beyond(difference: float) -> float:
        variance = spread.variance(
            scale, rise=rise(min(difference, estimate)), at=of_null + difference
        )
        return abs(estimate - difference) - t * np.sqrt(variance)

    lowest, highest = min(-of_null, estimate), max(1.0 - of_null, estimate)
    low = find_root(beyond, lowest, estimate) if beyond(lowest) > 0 else lowest
    high = find_root(beyond, estimate, highest) if beyond(highest) > 0 else highest
    return float(low), float(high)


def _critical_t(df: float, level: float) -> float:
    """Upper quantile of t at a two-sided level; finite even where the level rounds to 1."""
    return float(-stdtrit(df, max((1 - level) / 2, 1e-16)))
