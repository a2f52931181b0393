"""Numbers of two arms that are compared: sums, values, and the variance of their difference."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.statistics.baseline.common_hours import CommonHours
from analysis.statistics.compared_arms.sums import ArmSums
from analysis.statistics.rates.exact import EXACT, RateCounts, rate_variance
from analysis.statistics.totals import ArmTotals
from analysis.statistics.variance import VarianceModel

NO_CALLS = "no calls in one arm"


@dataclass(frozen=True, eq=False, kw_only=True)
class ComparedArms(ArmSums):
    """Two arms, their sums and values, and the variance of their difference.

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

    def distance(self, *, scale: float = 1.0, limit: float | None = None) -> float:
        """Post value minus scale * reference value, or minus a fixed limit; 0 without calls."""
        post, reference = self.post_value or 0.0, self.reference_value or 0.0
        return post - (scale * reference if limit is None else limit)

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
        if self.model is None or self.counts:
            return 0.0
        return self.model.between_days() * self._unit**2

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
