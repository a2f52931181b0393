"""p value and interval of Student's t, every degenerate case decided."""

from __future__ import annotations

import numpy as np
from scipy.special import stdtr, stdtrit

from analysis.statistics.exact import Alternative


def t_p_value(estimate: float, variance: float, df: float, alternative: Alternative = "two-sided") -> float:
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


def t_interval(estimate: float, variance: float, df: float, level: float, widest: tuple[float, float]) -> tuple[float, float]:
    """Estimate -+ t * sqrt(variance), cut at `widest`: what the metric can be."""
    if not np.isfinite(variance):
        return widest
    half = float(-stdtrit(df, (1 - level) / 2)) * np.sqrt(variance)
    return float(max(widest[0], estimate - half)), float(min(widest[1], estimate + half))
