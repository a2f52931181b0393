"""Minimum detectable effect at 80 % power, and how long until an effect would show."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr, stdtrit

POWER = 0.8
LONGEST_HOURS = 24 * 365


def detectable_difference(
    variance: float, df: float, *, bound: float, power: float = POWER
) -> float:
    """Minimum detectable effect: smallest true difference that crosses the bound at this power.

    (t_bound + t_power) * sqrt(V), in the metric's unit: the usual approximation to the noncentral t
    (Cohen 1988, Statistical Power Analysis, 12). inf when nothing is known of the variance. It says
    what would have shown, not what is there.

    Parameters
    ----------
    variance, df : float
        Of the difference, from `Comparison`; df inf for the normal.
    bound : float
        The look's bound on |z|, as from `sequential.bounds`.
    power : float
        Probability of crossing, 0..1.

    Examples
    --------
    >>> round(detectable_difference(0.01, np.inf, bound=1.959964), 4)
    0.2802
    """
    if not np.isfinite(variance):
        return np.inf
    t_bound = -stdtrit(df, ndtr(-bound))  # just crosses the bound on z = isf(p / 2)
    return float((t_bound + stdtrit(df, power)) * np.sqrt(variance))


def hours_needed(
    variance_parts: tuple[float, float],
    df: float,
    *,
    bound: float,
    effect: float,
    hours: int,
    cycle: int = 24,
    fixed: float = 0.0,
    power: float = POWER,
) -> int | None:
    """Hours since the deploy after which a true difference crosses the bound at this power.

    At today's traffic: the post part of the variance falls with the hours, the baseline's only
    until every hour of its cycle is matched. None when no number of hours up to a year is enough.

    Parameters
    ----------
    variance_parts : (float, float)
        Post and baseline, from `Comparison.variance_parts` at a look of `hours` hours.
    df : float
        At that look; kept as it is, with more hours it only grows in the cosine rule.
    bound : float
        Of the look that it is asked for.
    effect : float
        The difference, in the metric's unit, any sign.
    hours, cycle : int
        Length of the look, and of the cycle whose hours are matched.
    fixed : float
        Variance that more hours do not reduce: how days differ, with one or two of them.

    Examples
    --------
    >>> hours_needed((0.04, 0.0), np.inf, bound=1.96, effect=0.28, hours=4)
    17
    """
    if effect == 0 or not np.isfinite(sum(variance_parts)):
        return None
    post, baseline = variance_parts
    allowed = effect**2 / detectable_difference(1.0, df, bound=bound, power=power) ** 2
    later = np.arange(1, LONGEST_HOURS + 1)
    # V(h) = v_post L / h + v_base L / min(h, C); beyond the cycle the baseline part stays
    expected = (
        post * hours / later + baseline * min(hours, cycle) / np.minimum(later, cycle) + fixed
    )
    enough = np.flatnonzero(expected <= allowed)
    return int(later[enough[0]]) if enough.size else None


def calls_needed(hours: int | None, *, post_n: float, post_hours: int) -> int | None:
    """The metric's n in that many hours at the post window's traffic; None without hours.

    Examples
    --------
    >>> calls_needed(17, post_n=60, post_hours=4)
    255
    """
    if hours is None or post_hours <= 0:
        return None
    return int(np.ceil(post_n / post_hours * hours))
