"""An interval of two rates that is never on the other side of its own p value."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.optimize import brentq

from analysis.statistics.rates.exact import RateCounts, difference_bounds, fisher_p

SMALLEST_P = 1e-15


@dataclass(frozen=True)
class AgreeingTest:
    """p value and interval of post rate - scale * baseline rate that say the same.

    Attributes
    ----------
    p_value : float
        Two-sided: the larger of Fisher's and of the one at which the interval touches 0.
    low, high : float
        Interval at the level asked for; holds 0 exactly when p is at least 1 - level.
    """

    p_value: float
    low: float
    high: float


def agreeing_test(counts: RateCounts, *, scale: float = 1.0, level: float = 0.95) -> AgreeingTest:
    """Fisher's exact test and the interval of the rates' bounds; of two answers the wider counts.

    Parameters
    ----------
    counts : RateCounts
        With trials in both arms.
    scale : float
        Of the baseline rate in the null.
    level : float
        Two-sided, of the interval.

    Examples
    --------
    No change in the rates: both say so.

    >>> found = agreeing_test(RateCounts(20, 1000, 4, 200, phi=1.0))
    >>> found.p_value, found.low < 0 < found.high
    (1.0, True)
    """
    p_value = max(fisher_p(counts, scale=scale), interval_p(counts, scale=scale))
    low, high = difference_bounds(counts, scale=scale, level=level)
    if p_value >= 1 - level:
        low, high = min(low, 0.0), max(high, 0.0)
    return AgreeingTest(p_value, low, high)


@lru_cache(maxsize=4096)
def interval_p(counts: RateCounts, *, scale: float = 1.0) -> float:
    """Two-sided p at which `difference_bounds` touches 0; 1 where the rates are equal."""

    def beyond_zero(log_p: float) -> float:
        low, high = difference_bounds(counts, scale=scale, level=1.0 - float(np.exp(log_p)))
        return max(low, -high)  # above 0 when the interval excludes 0

    widest, narrowest = float(np.log(SMALLEST_P)), -1e-12
    if beyond_zero(narrowest) <= 0:
        return 1.0
    if beyond_zero(widest) >= 0:
        return SMALLEST_P
    return float(np.exp(brentq(beyond_zero, widest, narrowest, xtol=1e-10)))
