"""Variances of several groups, moderated towards what they have in common."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import digamma, polygamma

from analysis.statistics.totals import Floats

SMALLEST_SHARE = 1e-5


@dataclass(frozen=True)
class VariancePrior:
    """What all groups say of the variance of one: a scaled inverse chi-square distribution.

    Attributes
    ----------
    variance : float
        s0^2, in the squared unit of the values.
    df : float
        d0: how many degrees of freedom it is worth; inf when the groups differ no more than by
        chance.
    """

    variance: float
    df: float

    def moderate(self, variance: float, df: float) -> float:
        """(d0 s0^2 + d s^2) / (d0 + d): the variance of one group, with what the others say."""
        if np.isinf(self.df):
            return self.variance
        return (self.df * self.variance + df * variance) / (self.df + df)


def fit_prior(variances: Floats, df: Floats) -> VariancePrior:
    """Prior of the variances of several groups, from the spread of their logarithms.

    z = log s^2 - digamma(d / 2) + log(d / 2) has mean log s0^2 - digamma(d0 / 2) + log(d0 / 2) and
    variance trigamma(d / 2) + trigamma(d0 / 2) (Smyth 2004, SAGMB 3, 3, section 6.2). When the
    spread is no more than chance, the pooled variance with infinite df.

    Parameters
    ----------
    variances : float64 (groups,)
        Sample variances. Those below 1e-5 of the pooled one are raised to that: a group whose few
        values happen to be equal has no logarithm.
    df : float64 (groups,)
        Their degrees of freedom; groups without any are left out.

    Examples
    --------
    Four groups that agree: nothing but the pooled variance.

    >>> fit_prior(np.array([1.0, 1.1, 0.9, 1.0]), np.full(4, 6.0))
    VariancePrior(variance=1.0, df=inf)
    """
    known = df > 0
    d = df[known].astype(np.float64)
    pooled = float(variances[known] @ d / d.sum()) if d.size else 0.0
    if d.size < 2 or pooled <= 0:
        return VariancePrior(pooled, np.inf)
    log_variance = np.log(np.maximum(variances[known], SMALLEST_SHARE * pooled))
    z = log_variance - digamma(d / 2) + np.log(d / 2)
    excess = float(z.var(ddof=1) - polygamma(1, d / 2).mean())
    if excess <= 0:
        return VariancePrior(pooled, np.inf)
    half_df = inverse_trigamma(excess)
    return VariancePrior(
        float(np.exp(z.mean() + digamma(half_df) - np.log(half_df))), 2.0 * half_df
    )


def inverse_trigamma(value: float) -> float:
    """The x > 0 at which trigamma is `value`, by Newton's method (Smyth 2004, appendix).

    Examples
    --------
    trigamma(1) is pi^2 / 6.

    >>> round(inverse_trigamma(np.pi**2 / 6), 12)
    1.0
    """
    if value > 1e7:
        return float(1.0 / np.sqrt(value))
    if value < 1e-6:
        return 1.0 / value
    x = 0.5 + 1.0 / value
    for _ in range(50):
        trigamma = float(polygamma(1, x))
        step = trigamma * (1.0 - trigamma / value) / float(polygamma(2, x))
        x += step
        if abs(step) < 1e-13 * x:
            break
    return x
