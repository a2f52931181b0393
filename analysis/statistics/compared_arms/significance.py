"""Whether the difference of two arms is more than chance, and how large it may be."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from analysis.statistics.baseline.placebo_variance import matched_days
from analysis.statistics.baseline.trend import DayTrend, day_trend
from analysis.statistics.compared_arms.values import ComparedArms
from analysis.statistics.rates.agreement import agreeing_test
from analysis.statistics.rates.exact import Alternative, fisher_p, limit_p, rate_bounds
from analysis.statistics.t_test import difference_interval, rate_interval, t_interval, t_p_value
from analysis.statistics.totals import Floats
from analysis.statistics.variance import FEWEST_DAYS, VarianceModel

SMALLEST_MS = 1e-9


@dataclass(frozen=True, eq=False, kw_only=True)
class Comparison(ComparedArms):
    """Post against baseline, for one metric. Differences are post - baseline.

    Made by `comparison.compare`; the fields are those of `ComparedArms`.
    """

    @property
    def p_no_change(self) -> float:
        """Two-sided p of "nothing changed"."""
        return self.p_value()

    def p_value(self, *, scale: float = 1.0, alternative: Alternative = "two-sided") -> float:
        """p of "post equals scale * reference"; "less": post is lower. 1 without calls."""
        if self.model is None:
            return 1.0
        if self.counts:
            if alternative == "two-sided":
                return agreeing_test(self.counts, scale=scale).p_value
            return fisher_p(self.counts, scale=scale, alternative=alternative)
        estimate = self._estimate(scale * self._unit if self.log_scale else scale * self._reference)
        return self._t_p_value(self.model, estimate, scale, alternative)

    def p_value_on_logs(self, *, scale: float = 1.0, alternative: Alternative) -> float:
        """The same of the ratio instead of the difference, for times.

        A fall then counts as much as the rise by the inverse factor.
        """
        if self.model is None or self.counts or self.log_scale or not self.ratio:
            return self.p_value(scale=scale, alternative=alternative)
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

    def excess(self, *, scale: float = 1.0) -> Floats:
        """What each post hour adds beyond scale * reference, on the scale of the test."""
        target = self._reference + float(np.log(scale)) if self.log_scale else None
        null = scale * self._reference if target is None else target
        return self.arms.post.y - null * self.arms.post.n

    def _t_p_value(
        self, model: VarianceModel, estimate: float, scale: float, alternative: Alternative
    ) -> float:
        """On the log scale a factor is a shift, which leaves the variance alone."""
        moved = 1.0 if self.log_scale else scale
        return t_p_value(estimate, model.variance(moved), model.df(moved), alternative)

    def _ratio_interval(self, level: float) -> tuple[float, float]:
        if self.model is None:
            return 0.0, np.inf
        estimate, variance = self._estimate(self._unit), self.model.variance()
        low, high = t_interval(estimate, variance, self.model.df(), level=level)
        with np.errstate(over="ignore"):
            return float(np.exp(low)), float(np.exp(high))

    def _post_variance(self, *, at: float | None = None) -> float:
        if self.model is None:
            return np.inf
        if self.log_scale:
            return self.model.variance(0.0)
        # a rate is asked about at its own level, which says how much it varies there
        rise = 1.0 if self.indicator else self.ratio or 1.0
        return self.model.variance(0.0, rise=rise, at=at)

    def _estimate(self, null: float) -> float:
        """Post value minus the null value, on the scale of the test."""
        return self.arms.post_total.ratio - (
            float(np.log(max(null, SMALLEST_MS))) if self.log_scale else null
        )
