"""One comparison of two arms: read `compare` first.

It chooses between hour sums and exact counts, and answers the same questions for both.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from analysis.statistics.baseline.between_days import DAY_TO_DAY
from analysis.statistics.baseline.common_hours import CommonHours, common_hours
from analysis.statistics.baseline.placebo_variance import matched_days
from analysis.statistics.baseline.trend import DayTrend, day_trend
from analysis.statistics.compared_arms import ComparedArms
from analysis.statistics.latency.typical import one_call_an_hour
from analysis.statistics.rates.agreement import agreeing_test
from analysis.statistics.rates.exact import (
    EXACT,
    Alternative,
    RateCounts,
    fisher_p,
    limit_p,
    rate_bounds,
    rate_counts,
    rate_variance,
    use_exact,
)
from analysis.statistics.standardisation import StandardisedArms, standardise
from analysis.statistics.t_test import difference_interval, rate_interval, t_interval, t_p_value
from analysis.statistics.totals import ArmTotals, Floats
from analysis.statistics.variance import FEWEST_DAYS, VarianceModel, model_variance
from analysis.statistics.variance_rules import TOO_SHORT

NO_CALLS = "no calls in one arm"
SMALLEST_MS = 1e-9


@dataclass(frozen=True, eq=False, kw_only=True)
class Comparison(ComparedArms):
    """Post against baseline, for one metric. Differences are post - baseline.

    The values of both arms are plain: the matched hours at the same mix of strata. Difference,
    ratio and interval are against `reference_value`, in which newer days weigh more.

    Attributes
    ----------
    indicator : bool
        True for a rate: values and bounds lie in 0..1.
    model : VarianceModel or None
        Variance over hours, on the log scale for typical latency; None when no stratum is in both
        arms, so that nothing is compared.
    counts : RateCounts or None
        Of a rate that is decided by exact tests, else None.
    event_overdispersion : float
        Of a rate over blocks of hours, at least 1; 1 for any other metric.
    common_hours : CommonHours
        How much of the post window has baseline hours to be compared with.
    totals : (ArmTotals, ArmTotals)
        Both arms as they were given.
    day_to_day : float
        Declared standard deviation between days, for a baseline of one or two.
    """

    indicator: bool
    model: VarianceModel | None
    counts: RateCounts | None
    event_overdispersion: float
    common_hours: CommonHours
    totals: tuple[ArmTotals, ArmTotals]
    day_to_day: float

    @property
    def baseline_value(self) -> float | None:
        """sum(y) / sum(n) at the same mix of strata; None when nothing is compared."""
        return self._value(self.arms.baseline_total.ratio) if self.model else None

    @property
    def post_value(self) -> float | None:
        """The same of the post arm."""
        return self._value(self.arms.post_total.ratio) if self.model else None

    @property
    def reference_value(self) -> float | None:
        """What the post value is compared with: the matched days, the newest first in weight.

        The plain baseline value for exact counts, and with one or two days of baseline.
        """
        return self._value(self._reference) if self.model else None

    @property
    def difference(self) -> float | None:
        """Post value minus reference value; None when nothing is compared."""
        return self.distance() if self.model else None

    @property
    def ratio(self) -> float | None:
        """Post value / reference value; None when nothing is compared or the latter is 0."""
        reference = self.reference_value
        return (self.post_value or 0.0) / reference if reference else None

    @property
    def method(self) -> str:
        """A rule of `variance_rules`, "exact" or "no calls in one arm"."""
        if self.model is None:
            return NO_CALLS
        return EXACT if self.counts else self.model.by_hours.method

    @property
    def variance(self) -> float:
        """Variance of the difference, in the metric's unit; inf when nothing is compared."""
        if self.counts:
            return sum(self.variance_parts())
        return self.model.variance() * self._unit**2 if self.model else np.inf

    @property
    def standard_error(self) -> float:
        """Root of the variance; inf when nothing is compared."""
        return float(np.sqrt(self.variance))

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

    @property
    def p_no_change(self) -> float:
        """Two-sided p of "nothing changed"."""
        return self.p_value()

    @cached_property
    def crude(self) -> Comparison:
        """The same comparison whatever the mix of strata: all calls as one stratum."""
        baseline, post = (arm.as_one_stratum() for arm in self.totals)
        return compare(
            baseline,
            post,
            indicator=self.indicator,
            log_scale=self.log_scale,
            first_hour=self.arms.first_hour,
            day_to_day=self.day_to_day,
        )

    def crude_interval(self, level: float = 0.95) -> tuple[float, float]:
        """Interval of the difference whatever the mix of strata."""
        return self.crude.interval(level)

    def distance(self, *, scale: float = 1.0, limit: float | None = None) -> float:
        """Post value minus scale * reference value, or minus a fixed limit; 0 without calls."""
        post, reference = self.post_value or 0.0, self.reference_value or 0.0
        return post - (scale * reference if limit is None else limit)

    def p_value(
        self,
        *,
        scale: float = 1.0,
        alternative: Alternative = "two-sided",
        on_logs: bool = False,
    ) -> float:
        """p of "post equals scale * reference"; "less": post is lower. 1 without calls.

        `on_logs` tests the ratio instead of the difference, for times: a fall then counts as much
        as the rise by the inverse factor.
        """
        if self.model is None:
            return 1.0
        if self.counts:
            if alternative == "two-sided":
                return agreeing_test(self.counts, scale=scale).p_value
            return fisher_p(self.counts, scale=scale, alternative=alternative)
        estimate = self._estimate(scale * self._unit if self.log_scale else scale * self._reference)
        if on_logs and not self.log_scale and self.ratio and self._reference > 0:
            estimate = self._reference * scale * float(np.log(self.ratio / scale))
        return self._t_p_value(self.model, estimate, scale, alternative)

    def p_value_against(self, limit: float, *, alternative: Alternative = "two-sided") -> float:
        """p of "post equals limit", a fixed number in the metric's unit; 1 without calls.

        The baseline says only how much hours move.
        """
        if self.model is None:
            return 1.0
        if self.counts:
            events, n, phi = self.counts.post_events, self.counts.post_n, self.counts.phi
            return limit_p(events, n, limit=limit, phi=phi, alternative=alternative)
        variance = self._post_variance(at=limit)
        return t_p_value(self._estimate(limit), variance, self.model.df(0.0), alternative)

    def trend(self, alternative: Alternative = "two-sided") -> DayTrend | None:
        """Whether the baseline's days already moved in this direction; None with fewer than 3.

        Slope and extrapolated value are logarithms on the log scale, its share is not. None for
        exact counts: their days hold too few events.
        """
        if self.model is None or self.counts or self.arms.n_repeats < FEWEST_DAYS:
            return None
        days, usable = matched_days(self.arms), self.arms.baseline_usable.any(axis=1)
        cycles_long = max(1.0, self.arms.post_usable.size / self.arms.matches.size)
        post_day = float(np.flatnonzero(usable).max()) + 1.0 + (cycles_long - 1.0) / 2.0
        found = day_trend(days.value, days.day, post_day=post_day, alternative=alternative)
        if found is None or not self.log_scale:
            return found
        return replace(found, share=float(np.expm1(found.slope)))

    def p_value_against_trend(
        self, trend: DayTrend, *, scale: float = 1.0, alternative: Alternative = "two-sided"
    ) -> float:
        """p of "post equals scale * the extrapolated value", with the same variance and df."""
        if self.model is None:
            return 1.0
        post = self.arms.post_total.ratio
        shifted = trend.extrapolated + np.log(scale) if self.log_scale else None
        estimate = post - (scale * trend.extrapolated if shifted is None else float(shifted))
        return self._t_p_value(self.model, estimate, scale, alternative)

    def interval(self, level: float = 0.95, *, scale: float = 1.0) -> tuple[float, float]:
        """Interval of post - scale * reference; all that the metric can be without calls.

        It holds 0 exactly when the two-sided p is at least 1 - level.
        """
        widest = (-max(1.0, scale), 1.0) if self.indicator else (-np.inf, np.inf)
        if self.model is None:
            return widest
        if self.counts:
            found = agreeing_test(self.counts, scale=scale, level=level)
            low, high = found.low, found.high
        elif self.log_scale:
            low, high = self._ratio_interval(level)
            low, high = (self._unit * (end - scale) for end in (low, high))
        else:
            post = self.arms.post_total.ratio
            low, high = difference_interval(self.model, post, scale=scale, level=level)
        return max(widest[0], low), min(widest[1], high)

    def post_interval(self, level: float = 0.95) -> tuple[float, float]:
        """Interval of the post value alone; for a one-sided 95 % bound ask for level 0.90."""
        if self.model is None:
            return (0.0, 1.0) if self.indicator else (-np.inf, np.inf)
        post = self.arms.post_total.ratio
        if self.counts:
            events, n, phi = self.counts.post_events, self.counts.post_n, self.counts.phi
            low, high = rate_bounds(events, n, phi=phi, level=level)
            return min(low, post), max(high, post)
        if self.indicator:
            return rate_interval(self.model, post, level=level)
        low, high = t_interval(post, self._post_variance(), self.model.df(0.0), level=level)
        return (float(np.exp(low)), float(np.exp(high))) if self.log_scale else (low, high)

    def variance_parts(self) -> tuple[float, float]:
        """Variance of the post value and of the reference value; inf when nothing is compared.

        In the metric's unit; both fall with more hours. Their sum with `between_days` is never
        below the variance of the difference.
        """
        if self.model is None:
            return np.inf, np.inf
        if self.counts:
            counts, phi = self.counts, self.counts.phi
            return (
                rate_variance(counts.post_events, counts.post_n, phi=phi),
                rate_variance(counts.baseline_events, counts.baseline_n, phi=phi),
            )
        at = self._reference if self.indicator else None
        post = self.model.variance(0.0, at=at) - self.model.between_days(0.0)
        baseline = max(self.model.by_hours.baseline, self.model.independent_baseline)
        return post * self._unit**2, baseline * self._unit**2

    @property
    def between_days(self) -> float:
        """Declared variance between days, which more hours do not reduce; 0 with three days."""
        return 0.0 if self.model is None or self.counts else self._between_days(self.model)

    def excess(self, *, scale: float = 1.0) -> Floats:
        """What each post hour adds beyond scale * reference, on the scale of the test."""
        target = self._reference + float(np.log(scale)) if self.log_scale else None
        null = scale * self._reference if target is None else target
        return self.arms.post.y - null * self.arms.post.n

    @property
    def _reference(self) -> float:
        """The reference on the scale of the test."""
        if self.counts or self.model is None:
            return self.arms.baseline_total.ratio
        return self.model.reference

    @property
    def _unit(self) -> float:
        """Units of the metric in a small step on the scale of the test."""
        return self._value(self._reference) if self.log_scale else 1.0

    def _estimate(self, null: float) -> float:
        """Post value minus the null value, on the scale of the test."""
        return self.arms.post_total.ratio - (
            float(np.log(max(null, SMALLEST_MS))) if self.log_scale else null
        )

    def _t_p_value(
        self, model: VarianceModel, estimate: float, scale: float, alternative: Alternative
    ) -> float:
        """On the log scale a factor is a shift, which leaves the variance alone."""
        moved = 1.0 if self.log_scale else scale
        return t_p_value(estimate, model.variance(moved), model.df(moved), alternative)

    def _post_variance(self, *, at: float | None = None) -> float:
        if self.model is None:
            return np.inf
        if self.log_scale:
            return self.model.variance(0.0)
        return self.model.variance(0.0, rise=self.ratio or 1.0, at=at)

    def _ratio_interval(self, level: float) -> tuple[float, float]:
        if self.model is None:
            return 0.0, np.inf
        estimate, variance = self._estimate(self._unit), self.model.variance()
        low, high = t_interval(estimate, variance, self.model.df(), level=level)
        with np.errstate(over="ignore"):
            return float(np.exp(low)), float(np.exp(high))

    def _between_days(self, model: VarianceModel) -> float:
        return model.between_days() * self._unit**2


def compare(
    baseline: ArmTotals,
    post: ArmTotals,
    *,
    indicator: bool,
    log_scale: bool = False,
    first_hour: int = 0,
    every_post_hour: bool = False,
    day_to_day: float = DAY_TO_DAY,
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
    log_scale : bool
        y are sums of logarithms of times: the mean over hours of y / n is compared, as a ratio (see
        `latency.typical`). Never together with `indicator`.
    first_hour : int
        Hour of the cycle at which post hour 0 lies; other than 0 for trailing windows and placebo
        deploys.
    every_post_hour : bool
        Keep post hours that no baseline hour matches: for a claim about the post arm alone.
    day_to_day : float
        Declared standard deviation between days as a share of a time; used with a baseline of one
        or two days, which says nothing of it.

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
    ('placebo windows', inf, -0.4, True)
    """
    arms = standardise(baseline, post, first_hour=first_hour, every_post_hour=every_post_hour)
    independent = None
    if log_scale:
        arms, independent = one_call_an_hour(arms)
    model, counts, overdispersion = None, None, 1.0
    if min(arms.baseline_total.n, arms.post_total.n) > 0:
        model = model_variance(
            arms,
            indicator=indicator,
            independent=independent,
            relative=log_scale,
            day_to_day=day_to_day,
        )
        if indicator:
            counts, overdispersion = _count_events(arms, model, day_to_day)
    return Comparison(
        arms=arms,
        log_scale=log_scale,
        indicator=indicator,
        model=model,
        counts=counts,
        event_overdispersion=overdispersion,
        common_hours=common_hours(baseline, post, first_hour=first_hour),
        totals=(baseline, post),
        day_to_day=day_to_day,
    )


def _count_events(
    arms: StandardisedArms, model: VarianceModel, day_to_day: float
) -> tuple[RateCounts | None, float]:
    """Counts of a rate that exact tests decide, and its overdispersion."""
    if model.by_hours.method == TOO_SHORT:
        return None, np.inf
    counts = rate_counts(arms, day_to_day=day_to_day if model.is_short else None)
    # few events of a rare class, or rates of exactly 0 or 1 that leave the t test no variance
    is_exact = (
        use_exact(arms.common_baseline.y, arms.common_post.y, arms.baseline_total.ratio)
        or model.variance() <= model.resolution
    )
    return counts if is_exact else None, counts.phi
