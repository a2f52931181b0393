"""The post calls alone against a fixed limit: for a feature that has no baseline at all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.statistics.compared_arms.sums import ArmSums
from analysis.statistics.rates.exact import Alternative, limit_p, rate_bounds
from analysis.statistics.rates.overdispersion import block_overdispersion
from analysis.statistics.standardisation import standardise
from analysis.statistics.t_test import t_interval, t_p_value
from analysis.statistics.totals import ArmTotals

FEWEST_HOURS = 4
DAY_TO_DAY = 0.10
RATE_DAY_TO_DAY = 0.0576
"""Variance between days of a rate is (.08 * 3 r (1 - r))^2, which is .0576 (r (1 - r))^2."""
DAY_DF = 10.0


@dataclass(frozen=True, eq=False, kw_only=True)
class PostAlone(ArmSums):
    """The value of the post arm, which nothing before the deploy can be compared with.

    Attributes
    ----------
    indicator : bool
        True for a rate.
    overdispersion : float
        Of a rate over blocks of hours and between days, at least 1; 1 for any other metric.
    variance, df : float
        Of the value, for a metric that is no rate: from hour to hour, and the declared part between
        days. inf and 1 with fewer than 4 hours with calls.
    """

    indicator: bool
    overdispersion: float
    variance: float
    df: float

    counts = None
    difference = None
    baseline_value = None

    @property
    def post_value(self) -> float | None:
        """sum(y) / sum(n) of the post arm; None without n."""
        return self.crude_post_value

    def distance(self, *, scale: float = 1.0, limit: float | None = None) -> float:
        """Post value minus the limit; 0 without calls or without a limit."""
        value = self.crude_post_value
        return 0.0 if value is None or limit is None else value - limit

    def p_value_against(self, limit: float, *, alternative: Alternative = "two-sided") -> float:
        """p of "post equals limit", a fixed number in the metric's unit; 1 without calls."""
        if self.indicator:
            counts = self.post_y, self.post_n
            return limit_p(*counts, limit=limit, phi=self.overdispersion, alternative=alternative)
        if not np.isfinite(self.variance):
            return 1.0
        return t_p_value(self.distance(limit=limit), self.variance, self.df, alternative)

    def post_interval(self, level: float = 0.95) -> tuple[float, float]:
        """Interval of the post value."""
        if self.indicator:
            return rate_bounds(self.post_y, self.post_n, phi=self.overdispersion, level=level)
        if not np.isfinite(self.variance):
            return -np.inf, np.inf
        return t_interval(self.post_value or 0.0, self.variance, self.df, level=level)

    @property
    def between_days(self) -> float:
        """What more hours do not reduce; it is part of `variance` already."""
        return 0.0

    def variance_parts(self) -> tuple[float, float]:
        """Variance of the post value, and of a baseline value that does not exist."""
        return self.variance, np.inf


def judge_post_alone(
    baseline: ArmTotals, post: ArmTotals, *, indicator: bool, day_to_day: float = DAY_TO_DAY
) -> PostAlone:
    """Describe a post arm by its calls alone.

    A rate: exact counts, divided by an overdispersion over 4-hour blocks plus what days differ by.
    Any other metric: the variance of the ratio from hour to hour (Cochran 1977, Sampling
    Techniques, 6.3), plus (day_to_day * value)^2.

    Parameters
    ----------
    baseline, post : ArmTotals
        As for `comparison.compare`; the baseline has no n.
    indicator : bool
        True when every call is an event or not.
    day_to_day : float
        Declared standard deviation between days, as a share of a time.

    Notes
    -----
    Not for a feature with any baseline: it says how much hours and days move.

    Examples
    --------
    Ten of 240 calls fail, evenly over 24 hours.

    >>> none = ArmTotals.of_events(np.zeros((1, 7, 24)), np.zeros((1, 7, 24)))
    >>> y = np.zeros((1, 1, 24))
    >>> y[..., ::2] = 1
    >>> found = judge_post_alone(none, ArmTotals.of_events(y, np.full((1, 1, 24), 10.0)),
    ...                          indicator=True)
    >>> found.post_value, found.p_value_against(0.2, alternative="less") < 0.001
    (0.05, True)
    """
    arms = standardise(baseline, post, every_post_hour=True)
    value = arms.crude_post.y / arms.crude_post.n if arms.crude_post.n > 0 else 0.0
    if indicator:
        spread = value * (1.0 - value)
        extra = RATE_DAY_TO_DAY * (day_to_day / DAY_TO_DAY) ** 2 * spread * arms.crude_post.n
        return PostAlone(
            arms=arms,
            indicator=True,
            overdispersion=block_overdispersion(post) + extra,
            variance=np.inf,
            df=np.inf,
        )
    y, n = post.y.sum(axis=(0, 1)), post.n.sum(axis=(0, 1))
    hours = int((n > 0).sum())
    if hours < FEWEST_HOURS:
        return PostAlone(arms=arms, indicator=False, overdispersion=1.0, variance=np.inf, df=1.0)
    residuals = (y - value * n)[n > 0]
    within = hours / (hours - 1) * float((residuals**2).sum()) / float(n.sum()) ** 2
    between = (day_to_day * value) ** 2
    df = (within + between) ** 2 / (within**2 / (hours - 1) + between**2 / DAY_DF)
    return PostAlone(
        arms=arms, indicator=False, overdispersion=1.0, variance=within + between, df=df
    )
