"""One comparison of two arms: read `compare` first. It routes to hour sums or to exact counts, and answers for both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.statistics.exact import (
    EXACT,
    Alternative,
    RateCounts,
    difference_bounds,
    difference_variance,
    fisher_p,
    limit_p,
    overdispersion,
    rate_bounds,
    rate_counts,
    rate_variances,
    use_exact,
)
from analysis.statistics.ratio import TOO_SHORT, Spread, measure_spread, ratio_of
from analysis.statistics.student import difference_interval, rate_interval, t_interval, t_p_value
from analysis.statistics.totals import ArmTotals, PlainSums, Standardised, standardise

NOTHING = "no calls in one arm"


@dataclass(frozen=True, eq=False)
class Comparison:
    """Post against baseline, for one metric. Differences are post - baseline.

    Attributes
    ----------
    baseline_value, post_value : float or None
        sum(y) / sum(n) after both arms were given the same mix of strata; None when no stratum is in both arms.
    difference, ratio : float or None
        Of those two; ratio is post / baseline, None when the baseline is 0.
    crude_baseline_value, crude_post_value, crude_difference : float or None
        The same over plain sums of all strata; None for an arm without n.
    baseline_y, baseline_n, post_y, post_n : float
        Those plain sums, over the matched hours. For a rate: events and calls.
    common_baseline, common_post : PlainSums
        The same of the strata that both arms have: how much is really compared.
    coverage : float
        Share of the post arm's n in strata that both arms have.
    method : str
        "placebo windows", "windows of one day", "cosine variance", "exact", "baseline too short" (then nothing is known of
        how much hours move, and the variance is inf) or "no calls in one arm".
    variance, df : float
        Of the difference; df is inf for "exact". inf and 1 when there is nothing to compare.
    indicator : bool
        True for a rate: values and bounds lie in 0..1.
    phi : float or None
        Overdispersion used by "exact", else None.
    dispersion : float
        How much more the baseline's events vary than those of independent calls, at least 1; 1 for what is no rate.
    """

    baseline_value: float | None
    post_value: float | None
    difference: float | None
    ratio: float | None
    crude_baseline_value: float | None
    crude_post_value: float | None
    crude_difference: float | None
    baseline_y: float
    baseline_n: float
    post_y: float
    post_n: float
    common_baseline: PlainSums
    common_post: PlainSums
    coverage: float
    method: str
    variance: float
    df: float
    indicator: bool
    phi: float | None
    dispersion: float
    spread: Spread | None
    counts: RateCounts | None

    def p_value(self, *, scale: float = 1.0, alternative: Alternative = "two-sided") -> float:
        """p of "post equals scale * baseline"; "less": post is lower. 1 when there is nothing to compare."""
        if self.difference is None:
            return 1.0
        if self.counts is not None:
            return fisher_p(self.counts, scale=scale, alternative=alternative)
        estimate = self.post_value - scale * self.baseline_value
        return t_p_value(estimate, self.spread.variance(scale), self.spread.df(scale), alternative)

    def p_value_against(self, limit: float, *, alternative: Alternative = "two-sided") -> float:
        """p of "post equals limit", a fixed number in the metric's unit; the baseline lends its spread only."""
        if self.difference is None:
            return 1.0
        if self.counts is not None:
            return limit_p(
                self.counts.post_events,
                self.counts.post_n,
                limit=limit,
                phi=self.phi,
                alternative=alternative,
            )
        return t_p_value(
            self.post_value - limit, self._post_variance(at=limit), self.spread.df(0.0), alternative
        )

    def interval(self, level: float = 0.95, *, scale: float = 1.0) -> tuple[float, float]:
        """Interval of post - scale * baseline; (-inf, inf), for rates (-1, 1) at most, when nothing is known."""
        widest = (-max(1.0, scale), 1.0) if self.indicator else (-np.inf, np.inf)
        if self.difference is None:
            return widest
        if self.counts is not None:
            low, high = difference_bounds(self.counts, scale=scale, level=level)
        else:
            low, high = difference_interval(
                self.spread, self.baseline_value, self.post_value, scale=scale, level=level
            )
        return max(widest[0], low), min(widest[1], high)

    def post_interval(self, level: float = 0.95) -> tuple[float, float]:
        """Interval of the post arm's value alone; for a one-sided 95 % bound ask for level 0.90."""
        counts = self.counts
        if counts is None and self.spread is not None and self.spread.rate is not None:
            return rate_interval(self.spread, self.baseline_value, self.post_value, level=level)
        rate = (counts.post_events, counts.post_n) if counts else None
        return self._arm_interval(
            self.post_value, rate, variance=self._post_variance(), level=level
        )

    def baseline_interval(self, level: float = 0.95) -> tuple[float, float]:
        """Interval of the baseline's value alone."""
        counts = self.counts
        rate = (counts.baseline_events, counts.baseline_n) if counts else None
        return self._arm_interval(
            self.baseline_value, rate, variance=self.variance_parts()[1], level=level
        )

    def variance_parts(self) -> tuple[float, float]:
        """Variance of the post value and of the baseline value; their sum is never below that of the difference."""
        if self.difference is None:
            return np.inf, np.inf
        if self.counts is not None:
            return rate_variances(self.counts)
        spread = self.spread
        return spread.variance(0.0, at=self.baseline_value), max(
            spread.baseline, spread.independent_baseline
        )

    @property
    def inflation(self) -> float:
        """How many times larger the variance of the post value is than with independent calls, at least 1."""
        if self.difference is None:
            return 1.0
        return self.counts.phi if self.counts else max(self.dispersion, self.spread.inflation)

    def _post_variance(self, *, at: float | None = None) -> float:
        """Variance of the post value alone: at its own level, or for a rate at the one asked about."""
        if self.spread is None:
            return np.inf
        return self.spread.variance(0.0, rise=self.ratio or 1.0, at=at)

    def _arm_interval(
        self,
        value: float | None,
        rate: tuple[float, float] | None,
        *,
        variance: float,
        level: float,
    ) -> tuple[float, float]:
        """Clopper-Pearson on counts divided by phi, or Student's t; always around the value."""
        widest = (0.0, 1.0) if self.indicator else (-np.inf, np.inf)
        if value is None:
            return widest
        if rate is not None:
            low, high = rate_bounds(*rate, phi=self.phi, level=level)
            return min(low, value), max(high, value)
        return t_interval(
            value, max(variance, self.spread.resolution), self.spread.df(0.0), level, widest
        )


def compare(
    baseline: ArmTotals,
    post: ArmTotals,
    *,
    indicator: bool,
    first_hour: int = 0,
    every_post_hour: bool = False,
) -> Comparison:
    """Compare the post hours with the same clock hours of the baseline.

    A ratio of totals on hour sums (see `ratio.measure_spread` for its variance), or exact counts when the metric is a
    rate with few events. No result is ever nan; arms that cannot be compared give p = 1 and the widest interval.

    Parameters
    ----------
    baseline : ArmTotals (strata, repeats, cycle)
    post : ArmTotals (strata, 1, hours)
    indicator : bool
        True when every call is an event or not, so that y counts events among n.
    first_hour : int
        Hour of the cycle at which post hour 0 lies; other than 0 for trailing windows and pretended deploys.
    every_post_hour : bool
        Keep post hours that no baseline hour matches: for a claim about the post arm alone.

    Raises
    ------
    ValueError
        When the arms' strata differ.

    Notes
    -----
    Before and after, not randomised: whatever else changed at the deploy is in the difference too. Not for latencies of
    successes alone when failures were cut off; see `survival`.

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
    crude = _crude_values(arms)
    if arms.baseline_total.n <= 0 or arms.post_total.n <= 0:
        return _nothing_to_compare(arms, crude, indicator=indicator)
    baseline_value, post_value = ratio_of(arms.baseline_total), ratio_of(arms.post_total)
    spread = measure_spread(arms, indicator=indicator)
    is_known = spread.method != TOO_SHORT
    counts = (
        rate_counts(arms)
        if indicator and is_known and _ask_exact(arms, baseline_value, spread)
        else None
    )
    return Comparison(
        baseline_value=baseline_value,
        post_value=post_value,
        difference=post_value - baseline_value,
        ratio=post_value / baseline_value if baseline_value else None,
        **crude,
        coverage=arms.coverage,
        method=EXACT if counts else spread.method,
        variance=difference_variance(counts) if counts else spread.variance(),
        df=np.inf if counts else spread.df(),
        indicator=indicator,
        phi=counts.phi if counts else None,
        dispersion=(overdispersion(arms) if is_known else np.inf) if indicator else 1.0,
        spread=spread,
        counts=counts,
    )


def _ask_exact(arms: Standardised, baseline_value: float, spread: Spread) -> bool:
    """Few events of a rare class, or rates of exactly 0 or 1 that leave the t rule without any variance."""
    few = use_exact(arms.common_baseline.y, arms.common_post.y, baseline_value)
    return few or spread.variance() <= spread.resolution


def _crude_values(arms: Standardised) -> dict[str, Any]:
    before = arms.crude_baseline.y / arms.crude_baseline.n if arms.crude_baseline.n > 0 else None
    after = arms.crude_post.y / arms.crude_post.n if arms.crude_post.n > 0 else None
    return {
        "crude_baseline_value": before,
        "crude_post_value": after,
        "crude_difference": None if before is None or after is None else after - before,
        "baseline_y": arms.crude_baseline.y,
        "baseline_n": arms.crude_baseline.n,
        "post_y": arms.crude_post.y,
        "post_n": arms.crude_post.n,
        "common_baseline": arms.common_baseline,
        "common_post": arms.common_post,
    }


def _nothing_to_compare(
    arms: Standardised, crude: dict[str, Any], *, indicator: bool
) -> Comparison:
    return Comparison(
        baseline_value=None,
        post_value=None,
        difference=None,
        ratio=None,
        **crude,
        coverage=arms.coverage,
        method=NOTHING,
        variance=np.inf,
        df=1.0,
        indicator=indicator,
        phi=None,
        dispersion=1.0,
        spread=None,
        counts=None,
    )
