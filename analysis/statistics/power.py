"""What could have been seen: the smallest change with 80 % power, and how long until a wanted one would show."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr, stdtrit

POWER = 0.8
LONGEST_HOURS = 24 * 365


def critical_t(bound: float, df: float) -> float:
    """The t that just crosses a bound on z = isf(p / 2)."""
    return float(-stdtrit(df, ndtr(-bound)))


def smallest_visible_change(
    variance: float, df: float, *, bound: float, power: float = POWER
) -> float:
    """Smallest true difference whose test crosses the bound with probability `power`, in the metric's unit.

    (t_bound + t_power) * sqrt(V): the usual approximation to the noncentral t (Cohen 1988, Statistical Power Analysis,
    12). inf when nothing is known of the variance. Not a statement about what is there: only about what would have
    shown.

    Parameters
    ----------
    variance, df : of the difference, from `Comparison`; df inf for the normal
    bound : the look's bound on |z|, as from `sequential.bounds`

    Examples
    --------
    >>> round(smallest_visible_change(0.01, np.inf, bound=1.959964), 4)
    0.2802
    """
    if not np.isfinite(variance):
        return np.inf
    return float((critical_t(bound, df) + stdtrit(df, power)) * np.sqrt(variance))


def hours_needed(
    variance_parts: tuple[float, float],
    df: float,
    *,
    bound: float,
    effect: float,
    hours: int,
    cycle: int = 24,
    power: float = POWER,
) -> int | None:
    """Hours since the deploy after which a true difference `effect` would cross the bound with probability `power`.

    At today's traffic: the post part of the variance falls with the hours, the baseline's only until every hour of its
    cycle is matched. None when no number of hours is enough (the baseline is too short), or more than a year is.

    Parameters
    ----------
    variance_parts : (post, baseline), from `Comparison.variance_parts` at a look of `hours` hours
    df : degrees of freedom at that look, kept as they are: with more hours they only grow in the cosine rule
    bound : the bound of the look it is asked for; the last planned one unless told otherwise
    effect : the wanted difference, in the metric's unit, any sign

    Examples
    --------
    >>> hours_needed((0.04, 0.0), np.inf, bound=1.96, effect=0.28, hours=4)
    17
    """
    if effect == 0 or not np.isfinite(sum(variance_parts)):
        return None
    post, baseline = variance_parts
    allowed = effect**2 / smallest_visible_change(1.0, df, bound=bound, power=power) ** 2
    later = np.arange(1, LONGEST_HOURS + 1)
    # V(h) = v_post L / h + v_base L / min(h, C); beyond the cycle the baseline part stays
    expected = post * hours / later + baseline * min(hours, cycle) / np.minimum(later, cycle)
    enough = np.flatnonzero(expected <= allowed)
    return int(later[enough[0]]) if enough.size else None


def calls_needed(hours: int | None, *, post_n: float, post_hours: int) -> int | None:
    """The metric's n that comes in so many hours at the traffic of the post window; None without a number of hours."""
    if hours is None or post_hours <= 0:
        return None
    return int(np.ceil(post_n / post_hours * hours))
