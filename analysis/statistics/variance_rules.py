"""Rules that measure how much an arm's ratio moves from hours to hours inside one or two days.

`windows_of_one_day` for short post windows, `cosine_windows` for longer ones. With three days or
more see `baseline.placebo_variance`.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np

from analysis.statistics.standardisation import StandardisedArms
from analysis.statistics.totals import Floats

PLACEBO = "placebo windows"
ONE_DAY = "windows of one day"
COSINE = "cosine variance"
TOO_SHORT = "baseline too short"


class ArmVariances(NamedTuple):
    """What a rule measured.

    Attributes
    ----------
    method : str
        Name of the rule.
    post, baseline : float
        Variance of the ratio of each arm, unit of the metric squared.
    post_df, baseline_df : float
        Degrees of freedom; both the same where one pooled variance stands behind both.
    """

    method: str
    post: float
    baseline: float
    post_df: float
    baseline_df: float


# No two windows of the baseline can be compared: nothing is known of how much hours move, and a
# test of independent calls must not decide instead.
UNKNOWN = ArmVariances(TOO_SHORT, np.inf, np.inf, 1.0, 1.0)


def windows_of_one_day(arms: StandardisedArms, *, hours: int) -> ArmVariances:
    """Windows inside one day around the day's own ratio.

    V = 2 s2 / mean(n)^2 * K / (K - 1), K = usable hours / L, df = K - 1.
    """
    length, n_usable = hours, int(arms.baseline_usable.sum())
    while True:
        start, y, n = _whole_windows(arms, length)
        if (start.size > 1 and n_usable >= 2 * length) or length == 1:
            break
        length //= 2
    k = n_usable / length
    if start.size < 2 or n.sum() <= 0 or k < 2:
        return UNKNOWN
    residual = y - y.sum() / n.sum() * n
    relative = float(residual @ residual / residual.size / n.mean() ** 2) * k / (k - 1)
    return ArmVariances(ONE_DAY, *_split(arms, relative, length=length), k - 1, k - 1)


def cosine_windows(arms: StandardisedArms, *, hours: int, per_cosine: int) -> ArmVariances:
    """Cosine variance in each arm: V = v_post / n_post^2 + sum over days of v_day / n_base^2.

    Residuals are around each arm's own ratio.
    """
    length = min(hours, arms.matches.size)
    order = (arms.first_hour + np.arange(length)) % arms.matches.size
    post, baseline = arms.post_total, arms.baseline_total
    post_residual = arms.post.y - post.ratio * arms.post.n
    counted = (arms.matches * arms.baseline_usable)[:, order]
    day_residual = counted * (arms.baseline.y - baseline.ratio * arms.baseline.n)[:, order]
    variance_of = partial(cosine_variance, hours_per_cosine=per_cosine)
    return ArmVariances(
        COSINE,
        variance_of(post_residual) / post.n**2 if post.n > 0 else 0.0,
        sum(map(variance_of, day_residual)) / baseline.n**2 if baseline.n > 0 else 0.0,
        float(_n_cosines(hours, per_cosine)),
        float(_n_cosines(length, per_cosine) * arms.n_repeats),
    )


def cosine_variance(residual: Floats, *, hours_per_cosine: int = 4) -> float:
    """Long-run variance of the sum of an hourly series: L * mean_j (sum_t c_j(t) e(t))^2.

    c_j(t) = sqrt(2 / L) cos(pi j (t + .5) / L), j = 1..B, B = max(2, L // `hours_per_cosine`): the
    equal-weighted cosine estimator of Lazarus, Lewis, Stock, Watson 2018, JBES 36, 541-559, eq. 4.
    Do not use it for fewer than 7 hours: the few slow cosines would be most of the series.

    Examples
    --------
    >>> round(cosine_variance(np.cos(np.pi * (np.arange(8) + 0.5) / 8)), 9)
    16.0
    """
    hours = residual.size
    j, t = np.arange(1, _n_cosines(hours, hours_per_cosine) + 1)[:, None], np.arange(hours)
    weights = np.sqrt(2 / hours) * np.cos(np.pi * j * (t + 0.5) / hours)
    return float(hours * np.mean((weights @ residual) ** 2))


def add_variances(*parts: tuple[float, float]) -> tuple[float, float]:
    """Sum of independent variances and its degrees of freedom; each part is (variance, df).

    V^2 / sum (v_i^2 / df_i) (Satterthwaite 1946, Biometrics 2, 110-114). For a comparison whose
    correction is an estimate too, e.g. (scale r)^2 Var(dx) of the control features' movement.

    Examples
    --------
    >>> add_variances((3.0, 6.0), (1.0, 10.0))
    (4.0, 10.0)
    """
    total = sum(variance for variance, _ in parts)
    if not 0 < total < np.inf:
        return total, min(df for _, df in parts)
    # shares of the total, so that tiny variances do not underflow when squared
    inverse = sum((variance / total) ** 2 / df for variance, df in parts)
    return total, 1.0 / inverse if inverse > 0 else np.inf


def _n_cosines(hours: int, hours_per_cosine: int) -> int:
    return max(2, hours // hours_per_cosine)


def _whole_windows(arms: StandardisedArms, length: int) -> tuple[np.ndarray, Floats, Floats]:
    """Start, sum of y and sum of n of every window of the baseline without an unusable hour."""

    def moving(values: np.ndarray) -> Floats:
        total = np.concatenate(([0.0], np.cumsum(values.ravel(), dtype=float)))
        return total[length:] - total[:-length]

    start = np.flatnonzero(moving(arms.baseline_usable) > length - 0.5)
    return start, moving(arms.baseline.y)[start], moving(arms.baseline.n)[start]


def _split(arms: StandardisedArms, relative: float, *, length: int) -> tuple[float, float]:
    """Post's and baseline's part, from the variance of one window of `length` hours."""
    post_hours = max(1, int(arms.post_usable.sum()))
    baseline_hours = max(1, int((arms.baseline_usable & (arms.matches > 0)).sum()))
    # post: l / L; baseline: l / (matched hours of all days) = l / L / D when none is excluded
    return relative * length / post_hours, relative * length / baseline_hours
