"""A claim evaluated: its comparison, and the p values of what it says and of its opposite."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from analysis.claim_kinds import ClaimKind, Side
from analysis.config import Claim
from analysis.counting.arms import Arms
from analysis.counting.scope import Hours, Scope, scope_of
from analysis.decision.comparison import Comparator
from analysis.metric_kinds import CLASS_RATE, TRAFFIC
from analysis.metrics import Metric, metric_named
from analysis.statistics.baseline.trend import DayTrend
from analysis.statistics.comparison import Comparison
from analysis.statistics.placebo_deploys import PlaceboDeploy
from analysis.statistics.rates.exact import Alternative
from analysis.statistics.rates.post_alone import PostAlone, judge_post_alone
from analysis.statistics.standardisation import standardise

FEWEST_N = 30
FEWEST_EVENTS = 5


@dataclass(frozen=True, eq=False)
class ClaimEvaluation:
    """A claim with its comparison over some post hours.

    Attributes
    ----------
    claim : a single claim, as declared.
    metric : the metric that it names.
    scope, hours : which calls, and which post hours.
    comparison : post against baseline, at the same mix of calls.
    decisive : what decides the claim: the comparison, or against a fixed limit the calls as they
        came, alone where there are none before the deploy.
    """

    claim: Claim
    metric: Metric
    scope: Scope
    hours: Hours
    comparison: Comparison
    decisive: Comparison | PostAlone

    @property
    def kind(self) -> ClaimKind:
        """What kind of claim it is."""
        return self.claim.kind

    @property
    def good_side(self) -> Side:
        """Where the post value must lie for the claim."""
        return self.kind.good_side(self.metric.worse)

    @property
    def harm_side(self) -> Side:
        """Where the post value lies when the deploy did harm in the claim's sense."""
        return self.kind.harm_side(self.metric.worse)

    @property
    def scale(self) -> float:
        """Factor on the baseline of the claim's own null."""
        return 1.0 + self.kind.null_change(self.claim.size, self.metric.worse)

    @property
    def limit(self) -> float | None:
        """The fixed number of a claim with a limit: declared, else the baseline's value."""
        if self.kind.null != "limit":
            return None
        declared = self.claim.limit
        return self.comparison.crude_baseline_value if declared is None else declared

    @property
    def events(self) -> tuple[int | None, int | None]:
        """Events in the baseline and after it, for a metric that counts events."""
        if not self.metric.indicator:
            return None, None
        return round(self.decisive.baseline_y), round(self.decisive.post_y)

    def p_value(self, alternative: Alternative = "two-sided") -> float:
        """p of the claim's own null: the moved baseline, the margin or the limit; 1 without one."""
        if self.kind.null != "limit":
            return self.comparison.p_value(scale=self.scale, alternative=alternative)
        if self.limit is None:
            return 1.0
        return self.decisive.p_value_against(self.limit, alternative=alternative)

    @property
    def distance(self) -> float:
        """Post value minus the null value; 0 when there is nothing to compare."""
        found = self.decisive
        if not self.is_known:
            return 0.0
        return found.distance(scale=self.scale, limit=self.limit)

    @property
    def p_met(self) -> float:
        """Two-sided p where the estimate lies on the good side, else 1.

        Where the baseline already moved that way, also against the value that it was going to have.
        """
        if not _is_on(self.good_side, self.distance):
            return 1.0
        if self.trend is None:
            return self.p_value()
        beyond = self.comparison.p_value_against_trend(
            self.trend, scale=self.scale, alternative=self.good_side
        )
        return max(self.p_value(), min(1.0, 2.0 * beyond))

    @cached_property
    def trend(self) -> DayTrend | None:
        """How the baseline already moved in the direction of a claimed change; None if it did not.

        On the scale of the test: of typical latency in logarithms.
        """
        if self.kind.rule != "look_bound":
            return None
        found = self.comparison.trend(self.good_side)
        return found if found is not None and found.is_shown else None

    @property
    def p_harm(self) -> float:
        """Two-sided p of harm; 1 where the estimate lies on the good side.

        Harm is beyond the margin or limit of a one-sided claim, for others a move against the
        baseline.
        """
        if self.kind.rule == "one_sided":
            return self.p_value() if _is_on(self.harm_side, self.distance) else 1.0
        moved = self.comparison.difference
        if moved is None or not _is_on(self.harm_side, moved):
            return 1.0
        return self.comparison.p_value()

    @property
    def p_harm_one_sided(self) -> float:
        """One-sided p of harm beyond the margin or limit; 1 without data."""
        if not self.has_data:
            return 1.0
        if self.kind.rule == "one_sided":
            return self.p_value(self.harm_side)
        return self.comparison.p_value(alternative=self.harm_side)

    @property
    def is_known(self) -> bool:
        """Whether there is a value to judge: a difference, or post calls that are judged alone."""
        return isinstance(self.decisive, PostAlone) or self.decisive.difference is not None

    @property
    def has_event(self) -> bool:
        """Whether there is an event where the claim allows none."""
        return self.kind.rule == "no_event" and self.decisive.post_y > 0

    @property
    def enough_calls(self) -> bool:
        """At least 30 of the metric's n in each arm, among those compared.

        For traffic, whose n are hours, 30 calls in one of them.
        """
        if isinstance(self.decisive, PostAlone):
            return self.decisive.post_n >= FEWEST_N
        baseline, post = self.decisive.common_baseline, self.decisive.common_post
        if self.metric.kind is TRAFFIC:
            return max(baseline.y, post.y) >= FEWEST_N
        return min(baseline.n, post.n) >= FEWEST_N

    @property
    def enough_events(self) -> bool:
        """At least 5 events in one arm, where a change of a rate is claimed."""
        if not self.metric.indicator or self.kind.rule != "look_bound":
            return True
        baseline, post = self.decisive.common_baseline, self.decisive.common_post
        return max(baseline.y, post.y) >= FEWEST_EVENTS

    @property
    def has_null(self) -> bool:
        """Whether there is a value to compare the post value with."""
        return self.is_known and (self.kind.null != "limit" or self.limit is not None)

    def finite_interval(self, level: float) -> tuple[float, float] | None:
        """Interval of post - baseline; None when nothing is known of one of its ends."""
        if self.comparison.difference is None:
            return None
        low, high = self.comparison.interval(level)
        return (low, high) if math.isfinite(low) and math.isfinite(high) else None

    @property
    def has_data(self) -> bool:
        """Whether anything can be decided: calls that can be compared, and enough of them."""
        return self.is_known and self.enough_calls and self.enough_events


def metric_of(claim: Claim, arms: Arms) -> Metric:
    """The metric that a single claim names; WrongUse for an unknown one."""
    return metric_named(claim.metric or "", arms.user_classes)


def evaluate_claim(
    claim: Claim, comparator: Comparator, hours: Hours, *, placebo: PlaceboDeploy | None = None
) -> ClaimEvaluation:
    """A single claim over these post hours, or at a placebo deploy inside the baseline."""
    metric, scope = metric_of(claim, comparator.arms), scope_of(claim)
    comparison = comparator.compare(scope, metric, hours, placebo=placebo)
    decisive: Comparison | PostAlone = comparison
    if claim.kind.null == "limit":
        decisive = comparator.compare(scope, metric, hours, post_alone=True, placebo=placebo)
        baseline, post = comparator.arms.totals(scope, metric, hours)
        if placebo is None and not baseline.n.any() and metric.kind is not TRAFFIC:
            decisive = judge_post_alone(
                baseline, post, indicator=metric.indicator, day_to_day=comparator.day_to_day
            )
    return ClaimEvaluation(claim, metric, scope, hours, comparison, decisive)


def count_calls(evaluation: ClaimEvaluation, arms: Arms) -> tuple[int, int]:
    """Calls that started in a claim's scope, in the matched baseline hours and after the deploy."""
    if evaluation.metric.kind is CLASS_RATE:
        return round(evaluation.decisive.baseline_n), round(evaluation.decisive.post_n)
    scope = replace(evaluation.scope, kind=None)
    totals = arms.totals(scope, metric_named("error_rate"), evaluation.hours)
    both = standardise(*totals, first_hour=arms.hour_of_cycle(evaluation.hours[0]))
    return round(both.crude_baseline.n), round(both.crude_post.n)


def find_first_event_hour(evaluation: ClaimEvaluation, arms: Arms) -> int | None:
    """Hour from the deploy of the first event; None when there is none."""
    post = arms.totals(evaluation.scope, evaluation.metric, evaluation.hours)[1]
    hours = np.flatnonzero(post.y.sum(axis=(0, 1)) > 0)
    return int(hours[0]) + evaluation.hours[0] if hours.size else None


def _is_on(side: Side, distance: float) -> bool:
    return distance < 0 if side == "less" else distance > 0
