"""Whether the baseline's days already moved in the direction that a claim is about."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr

from analysis.statistics.rates.exact import Alternative
from analysis.statistics.totals import Floats

TREND_P = 0.1
FEWEST_DAYS = 3


@dataclass(frozen=True)
class DayTrend:
    """Straight line through the baseline's days.

    Attributes
    ----------
    slope : float
        Change per day (repeat of the cycle), in the metric's unit.
    share : float
        The same as a share of the mean; 0 for a mean of 0.
    p_value : float
        One-sided, in the direction of the claim; two-sided if none was given.
    extrapolated : float
        Value of the line at the post window: what a claim must be shown against too.
    """

    slope: float
    share: float
    p_value: float
    extrapolated: float

    @property
    def is_shown(self) -> bool:
        """Whether the page says that the metric was already moving: p below .1."""
        return self.p_value < TREND_P


def day_trend(
    values: Floats,
    day: NDArray[np.int64] | Floats,
    *,
    post_day: float,
    alternative: Alternative = "two-sided",
) -> DayTrend | None:
    """Least squares through the values of the days; None with fewer than 3 of them.

    A claim is then tested against the extrapolated value too, with the same variance, degrees of
    freedom and bound as against the usual one.

    Parameters
    ----------
    values : float64 (days,)
        Of the matched hours of each day.
    day : (days,)
        Number of each day; gaps where days are missing.
    post_day : float
        Number of the post window's day.
    alternative : {"two-sided", "less", "greater"}
        "less" for a claim that the metric falls.

    Examples
    --------
    >>> found = day_trend(np.array([10.0, 9.0, 8.0, 7.0]), np.arange(4), post_day=4)
    >>> found.slope, found.extrapolated
    (-1.0, 6.0)
    """
    x, y = np.asarray(day, dtype=np.float64), np.asarray(values, dtype=np.float64)
    if y.size < FEWEST_DAYS:
        return None
    centred = x - x.mean()
    squares = float(centred @ centred)
    slope = float(centred @ y) / squares
    residual = y - y.mean() - slope * centred
    df = y.size - 2
    se = np.sqrt(float(residual @ residual) / df / squares)
    t = slope / se if se > 0 else np.sign(slope) * np.inf if slope else 0.0
    less = float(stdtr(df, t))
    p = {"less": less, "greater": 1.0 - less, "two-sided": 2.0 * min(less, 1.0 - less)}
    mean = float(y.mean())
    return DayTrend(
        slope=slope,
        share=slope / mean if mean else 0.0,
        p_value=p[alternative],
        extrapolated=mean + slope * (post_day - float(x.mean())),
    )
