"""One comparison of two arms: read `compare` first.

It chooses between hour sums and exact counts, and answers the same questions for both.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.statistics.compared_arms import ComparedArms
from analysis.statistics.rates.exact import (
    EXACT,
    Alternative,
    RateCounts,
    difference_bounds,
    fisher_p,
    limit_p,
    rate_bounds,
    rate_counts,
    rate_variance,
    use_exact,
)
from analysis.statistics.standardisation import standardise
from analysis.statistics.t_test import difference_interval, rate_interval, t_interval, t_p_value
from analysis.statistics.totals import ArmTotals
from analysis.statistics.variance import VarianceModel, model_variance
from analysis.statistics.variance_rules import TOO_SHORT

NO_CALLS = "no calls in one arm"


@dataclass(frozen=True, eq=False)
class Comparison(ComparedArms):
    """Post against baseline, for one metric. Differences are post - baseline.

    Attributes
    ----------
    indicator : bool
        True for a rate: values and bounds lie in 0..1.
    model : VarianceModel or None
        Variance over hours; None when no stratum is in both arms, so that nothing is compared.
    counts : RateCounts or None
        Of a rate that is decided by exact tests, else None.
    event_overdispersion : float
        Of a rate over blocks of hours, at least 1; 1 for any other metric.
    """

    indicator: bool
    model: VarianceModel | None
    counts: RateCounts | None
    event_overdispersion: float

    @property
    def baseline_value(self) -> float | None:
        """sum(y) / sum(n) at the same mix of strata; None when nothing is compared."""
        return self.arms.baseline_total.ratio if self.model else None

    @property
    def post_value(self) -> float | None:
        """The same of the post arm."""
        return self.arms.post_total.ratio if self.model else None

    @property
    def difference(self) -> float | None:
        """Post value minus baseline value; None when nothing is compared."""
        return self.distance() if self.model else None

    @property
    def ratio(self) -> float | None:
        """Post value / baseline value; None when nothing is compared or the baseline is 0."""
        baseline = self.baseline_value
        return self.arms.post_total.ratio / baseline if baseline else None

    @property
    def method(self) -> str:
        """A rule of `variance_rules`, "exact" or "no calls in one arm"."""
        if self.model is None:
            return NO_CALLS
        return EXACT if self.counts else self.model.by_hours.method

    @property
    def variance(self) -> float:
        """Variance of the difference; inf when nothing is compared."""
        if self.counts:
            return sum(self.variance_parts())
        return self.model.variance() if self.model else np.inf

    @property
    def df(self) -> float:
        """Degrees of freedom of the variance: inf for "exact", 1 when nothing is compared."""
        if self.counts:
            return np.inf
        return self.model.df() if self.model else 1.0

    @property
    def overdispersion(self) -> float:
        """Variance of the post value over that of independent calls, at least 1."""
        if self.counts:
            return self.counts.phi
        return max(self.event_overdispersion, self.model.overdispersion) if self.model else 1.0

    def distance(self, *, scale: float = 1.0, limit: float | None = None) -> float:
        """Post value minus scale * baseline value, or minus a fixed limit; 0 without calls."""
        baseline, post = self.arms.baseline_total.ratio, self.arms.post_total.ratio
        return post - (scale * baseline if limit is None else limit)

    def p_value(self, *, scale: float = 1.0, alternative: Alternative = "two-sided") -> float:
        """p of "post equals scale * baseline"; "less": post is lower. 1 without calls."""
        if self.model is None:
            return 1.0
        if self.counts:
            return fisher_p(self.counts, scale=scale, alternative=alternative)
        variance, df = self.model.variance(scale), self.model.df(scale)
        return t_p_value(self.distance(scale=scale), variance, df, alternative)

    def p_value_against(self, limit: float, *, alternative: Alternative = "two-sided") -> float:
        """p of "post equals limit", a fixed number in the metric's unit; 1 without calls.

        The baseline says only how much hours move.
        """
        if self.model is None:
            return 1.0
        if self.counts:
            events, n, phi = self.counts.post_events, self.counts.post_n, self.counts.phi
            return limit_p(events, n, limit=limit, phi=phi, alternative=alternative)
        variance = self.model.variance(0.0, rise=self.ratio or 1.0, at=limit)
        return t_p_value(self.distance(limit=limit), variance, self.model.df(0.0), alternative)

    def interval(self, level: float = 0.95, *, scale: float = 1.0) -> tuple[float, float]:
        """Interval of post - scale * baseline; all that the metric can be without calls."""
        widest = (-max(1.0, scale), 1.0) if self.indicator else (-np.inf, np.inf)
        if self.model is None:
            return widest
        if self.counts:
            low, high = difference_bounds(self.counts, scale=scale, level=level)
        else:
            values = self.arms.baseline_total.ratio, self.arms.post_total.ratio
            low, high = difference_interval(self.model, *values, scale=scale, level=level)
        return max(widest[0], low), min(widest[1], high)

    def post_interval(self, level: float = 0.95) -> tuple[float, float]:
        """Interval of the post value alone; for a one-sided 95 % bound ask for level 0.90."""
        if self.model is None:
            return (0.0, 1.0) if self.indicator else (-np.inf, np.inf)
        baseline, post = self.arms.baseline_total.ratio, self.arms.post_total.ratio
        if self.counts:
            events, n, phi = self.counts.post_events, self.counts.post_n, self.counts.phi
            low, high = rate_bounds(events, n, phi=phi, level=level)
            return min(low, post), max(high, post)
        if self.indicator:
            return rate_interval(self.model, baseline, post, level=level)
        variance = self.model.variance(0.0, rise=self.ratio or 1.0)
        return t_interval(post, variance, self.model.df(0.0), level=level)

    def variance_parts(self) -> tuple[float, float]:
        """Variance of the post value and of the baseline value; inf when nothing is compared.

        Their sum is never below the variance of the difference.
        """
        if self.model is None:
            return np.inf, np.inf
        if self.counts:
            counts, phi = self.counts, self.counts.phi
            return (
                rate_variance(counts.post_events, counts.post_n, phi=phi),
                rate_variance(counts.baseline_events, counts.baseline_n, phi=phi),
            )
        baseline = max(self.model.by_hours.baseline, self.model.independent_baseline)
        return self.model.variance(0.0, at=self.baseline_value), baseline


def compare(
    baseline: ArmTotals,
    post: ArmTotals,
    *,
    indicator: bool,
    first_hour: int = 0,
    every_post_hour: bool = False,
) -> Comparison:
    """Compare the post hours with the same clock hours of the baseline.

    A ratio of totals on hour sums (see `variance.model_variance`), or exact counts when the metric
    is a rate with few events. No number is ever nan; arms that cannot be compared give p = 1 and
    the widest interval.

    Parameters
    ----------
    baseline : ArmTotals (strata, repeats, cycle)
    post : ArmTotals (strata, 1, hours)
    indicator : bool
        True when every call is an event or not, so that y counts events among n.
    first_hour : int
        Hour of the cycle at which post hour 0 lies; other than 0 for trailing windows and placebo
        deploys.
    every_post_hour : bool
        Keep post hours that no baseline hour matches: for a claim about the post arm alone.

    Raises
    ------
    ValueError
        When the arms' strata differ.

    Notes
    -----
    Before and after, not randomised: whatever else changed at the deploy is in the difference too.
    Not for latencies of successes alone when failures were cut off; see `survival`.

    Examples
    --------
    Seven days of 100 calls an hour, half of them timeouts; after the deploy one in ten.

    >>> before = ArmTotals.of_events(np.full((1, 7, 24), 50.0), np.full((1, 7, 24), 100.0))
    >>> after = ArmTotals.of_events(np.full((1, 1, 4), 10.0), np.full((1, 1, 4), 100.0))
    >>> found = compare(before, after, indicator=True)
    >>> found.method, found.df, round(found.difference, 3), found.p_value() < 1e-9
    ('placebo windows', 36.0, -0.4, True)
    """
    arms = standardise(baseline, post, first_hour=first_hour, every_post_hour=every_post_hour)
    if min(arms.baseline_total.n, arms.post_total.n) <= 0:
        return Comparison(arms, indicator, model=None, counts=None, event_overdispersion=1.0)
    model = model_variance(arms, indicator=indicator)
    if not indicator:
        return Comparison(arms, indicator, model, counts=None, event_overdispersion=1.0)
    if model.by_hours.method == TOO_SHORT:
        return Comparison(arms, indicator, model, counts=None, event_overdispersion=np.inf)
    counts = rate_counts(arms)
    # few events of a rare class, or rates of exactly 0 or 1 that leave the t test no variance
    is_exact = (
        use_exact(arms.common_baseline.y, arms.common_post.y, arms.baseline_total.ratio)
        or model.variance() <= model.resolution
    )
    return Comparison(arms, indicator, model, counts if is_exact else None, counts.phi)
