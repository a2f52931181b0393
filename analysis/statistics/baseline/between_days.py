"""One or two days of baseline: how days differ cannot be measured, so it is declared."""

from __future__ import annotations

DAY_TO_DAY = 0.10
BETWEEN_DF = 10.0
"""Degrees of freedom of the declared part."""


def between_day_variance(
    baseline: float, post: float, *, is_rate: bool, day_to_day: float = DAY_TO_DAY
) -> float:
    """Variance that two different days add to a difference, in the metric's squared unit.

    Add it by `variance_rules.add_variances` with `BETWEEN_DF`.

    Times: 2 (.10 m)^2, m the baseline value. Rates: 2 (.08 * 3 r (1 - r))^2, r the rate of the arm
    that is nearer to one half; a rate near 0 or 1 can hardly move.

    Parameters
    ----------
    baseline, post : float
        Values of both arms; 1 for a difference on the log scale.
    is_rate : bool
    day_to_day : float
        Declared standard deviation between days as a share of a time.

    Examples
    --------
    >>> round(between_day_variance(2000.0, 1500.0, is_rate=False) ** 0.5, 1)
    282.8
    >>> round(between_day_variance(0.9, 0.2, is_rate=True) ** 0.5, 4)
    0.0543
    """
    if is_rate:
        nearest = min(baseline, post, key=lambda rate: abs(rate - 0.5))
        return 2.0 * (0.8 * day_to_day * 3.0 * nearest * (1.0 - nearest)) ** 2
    return 2.0 * (day_to_day * baseline) ** 2


def between_day_phi(
    rate: float, baseline_n: float, post_n: float, *, day_to_day: float = DAY_TO_DAY
) -> float:
    """What days that differ add to the overdispersion of exact counts.

    The between-day variance of `between_day_variance` over that of independent calls:
    .1152 r (1 - r) / (1 / nb + 1 / np). 0 without calls in an arm.

    Examples
    --------
    >>> round(between_day_phi(0.01, 2400, 2400), 3)
    1.369
    """
    if min(baseline_n, post_n) <= 0:
        return 0.0
    spread = 2.0 * (0.8 * day_to_day * 3.0) ** 2
    return spread * rate * (1.0 - rate) / (1.0 / baseline_n + 1.0 / post_n)
