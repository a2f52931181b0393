"""Equal placebo windows: the usual value of a window, and its variance over the baseline.

Every window has the same weight, however many calls it holds: pooled by calls, busy days decide the
variance by which quiet days are judged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.statistics.baseline.moderation import fit_prior
from analysis.statistics.standardisation import StandardisedArms
from analysis.statistics.totals import Floats, RatioTotal

RECENCY = 0.7


@dataclass(frozen=True, eq=False)
class WindowValues:
    """Values of the metric in windows of the baseline.

    Attributes
    ----------
    start : int64 (windows,)
        Hours from the start of the baseline to the window.
    value : float64 (windows,)
        The metric; on the log scale for typical latency.
    """

    start: NDArray[np.int64]
    value: Floats


@dataclass(frozen=True, eq=False)
class DayValues:
    """Values of the metric over the matched hours of each day (week) of the baseline.

    Attributes
    ----------
    day : int64 (days,)
        Number of the repeat of the cycle, from the start of the baseline.
    value : float64 (days,)
        As in `WindowValues`.
    independent : float64 (days,)
        Its variance if every call were independent; inf for a single call.
    """

    day: NDArray[np.int64]
    value: Floats
    independent: Floats


@dataclass(frozen=True)
class PlaceboVariance:
    """The usual value, and how much windows move around it.

    Attributes
    ----------
    usual : float
        Weighted mean of the matched days, the newest first in weight.
    post, baseline : float
        Variance over windows of the post value and of the usual value.
    thinner : float
        What a post window with fewer calls than the baseline's adds to the variance, at least 0.
    independent_post, independent_baseline : float
        Variances if every call were independent.
    window_df : float
        Degrees of freedom of the variance over windows.
    """

    usual: float
    post: float
    baseline: float
    thinner: float
    independent_post: float
    independent_baseline: float
    window_df: float


def recency_weights(age: NDArray[np.int64] | Floats) -> Floats:
    """Weights proportional to .7^age, normalised; age in repeats of the cycle (days, weeks).

    Examples
    --------
    >>> recency_weights(np.array([1, 0])).round(4).tolist()
    [0.4118, 0.5882]
    """
    weights = RECENCY ** (age - np.min(age)).astype(np.float64)
    return weights / weights.sum()


def ratio_windows(arms: StandardisedArms, *, hours: int) -> WindowValues:
    """sum(y) / sum(n) of every window of `hours` usable hours of the baseline that holds calls."""
    whole = _moving(arms.baseline_usable.ravel().astype(np.float64), hours) > hours - 0.5
    y, n = (_moving(sums.ravel(), hours) for sums in (arms.baseline.y, arms.baseline.n))
    start = np.flatnonzero(whole & (n > 0))
    return WindowValues(start.astype(np.int64), y[start] / n[start])


def matched_days(arms: StandardisedArms) -> DayValues:
    """sum(y) / sum(n) over the matched hours of every day (week) of the baseline with calls.

    Days that miss one of these hours are left out, unless every day does.
    """
    sums = arms.baseline.weighted(arms.matches * arms.baseline_usable).sum(axis=2)
    is_whole = (arms.baseline_usable | (arms.matches == 0)).all(axis=1) & (sums[1] > 0)
    day = np.flatnonzero(is_whole if is_whole.any() else sums[1] > 0)
    totals = [RatioTotal(*column) for column in sums[:, day].T.tolist()]
    return DayValues(
        day.astype(np.int64),
        np.array([total.ratio for total in totals]),
        _independent_days(arms, totals),
    )


def ratio_placebo_variance(
    arms: StandardisedArms,
    *,
    window_hours: int | None = None,
    days: DayValues | None = None,
    independent_post: float | None = None,
) -> PlaceboVariance | None:
    """`placebo_variance` of a ratio of totals.

    Parameters
    ----------
    arms : StandardisedArms
    window_hours : int, optional
        Length of the placebo windows; the post hours that are compared, at most a cycle, if left
        out.
    days : DayValues, optional
        As in `matched_days`, where single calls vary in another way than these sums say.
    independent_post : float, optional
        Likewise of the post arm.
    """
    compared, cycle = np.flatnonzero(arms.post_usable), arms.matches.size
    if not compared.size:
        return None
    length = window_hours or min(compared.size, cycle)
    if independent_post is None:
        independent_post = arms.post_total.independent_variance
    return placebo_variance(
        matched_days(arms) if days is None else days,
        ratio_windows(arms, hours=length),
        hours=compared.size,
        window_hours=length,
        cycle=cycle,
        first_hour=arms.first_hour + int(compared[0]),
        independent_post=independent_post,
    )


def placebo_variance(
    days: DayValues,
    windows: WindowValues,
    *,
    hours: int,
    window_hours: int,
    cycle: int,
    first_hour: int = 0,
    independent_post: float,
) -> PlaceboVariance | None:
    """Usual value and variance of a post window, from placebo windows of the baseline.

    s_k^2 is the variance of the windows within clock phase k, moderated over phases by
    `moderation.fit_prior`. S = s^2 (1 + sum w_d^2), w_d the recency weights of the days. A post
    window with fewer calls than the baseline's is noisier than those were: v_post - v_base is
    added where positive, v the variances of independent calls, v_base their mean over the days.
    Windows shorter than the post window give s^2 * l / L. df: min(floor(C / l) (D - 1), d0 + d_k).

    Parameters
    ----------
    days : DayValues
        See `matched_days`.
    windows : WindowValues
        Of `window_hours` hours, see `ratio_windows`.
    hours, window_hours, cycle : int
        Post hours that are compared, length of the placebo windows, and of the cycle.
    first_hour : int
        Hour of the cycle of the first post hour that is compared.
    independent_post : float
        Variance of the post value if every call were independent.

    Returns
    -------
    PlaceboVariance or None
        None when no two windows have the same clock phase: nothing is known of how they move.

    Notes
    -----
    Not for a baseline of one or two days, which do not say how days differ: see `between_days`.
    """
    phase = windows.start % cycle
    count = np.bincount(phase, minlength=cycle)
    if days.value.size == 0 or count.max(initial=0) < 2:
        return None
    mean = np.bincount(phase, windows.value, minlength=cycle) / np.maximum(count, 1)
    squares = np.bincount(phase, (windows.value - mean[phase]) ** 2, minlength=cycle)
    phase_df = np.maximum(count - 1, 0)
    variances = squares / np.maximum(phase_df, 1)
    prior = fit_prior(variances, phase_df)
    own = first_hour % cycle
    of_window = prior.moderate(float(variances[own]), float(phase_df[own]))
    weights = recency_weights(-days.day)
    share = float(weights @ weights)
    matched_hours = min(hours, cycle)
    free = float((cycle // window_hours) * (days.value.size - 1))
    return PlaceboVariance(
        usual=float(weights @ days.value),
        post=of_window * window_hours / hours,
        baseline=of_window * share * window_hours / matched_hours,
        thinner=_thinner(independent_post, days.independent),
        independent_post=independent_post,
        independent_baseline=float(weights**2 @ days.independent),
        window_df=max(1.0, min(free, prior.df + float(phase_df[own]))),
    )


def _independent_days(arms: StandardisedArms, totals: Sequence[RatioTotal]) -> Floats:
    """Of each day; a day with a single call takes the variance of a call from all days."""
    every = arms.baseline_total
    per_call = every.independent_variance * every.effective_calls
    return np.array(
        [
            total.independent_variance
            if np.isfinite(total.independent_variance)
            else per_call / total.effective_calls
            for total in totals
        ]
    )


def _thinner(independent_post: float, independent_days: Floats) -> float:
    usual = float(independent_days.mean())
    return max(0.0, independent_post - usual) if np.isfinite(usual) else 0.0


def _moving(values: Floats, hours: int) -> Floats:
    total = np.concatenate(([0.0], np.cumsum(values)))
    return total[hours:] - total[:-hours]
