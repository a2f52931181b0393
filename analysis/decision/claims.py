"""A claim turned into numbers: both arms compared, and the p values of what was claimed and of its opposite."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np

from analysis.counting.arm import Arm
from analysis.counting.coded_rows import CodedArms, code_arms
from analysis.counting.scope import (
    Cycle,
    Scope,
    ScopedRows,
    event_kind,
    metric_totals,
    select_rows,
    usable_hours,
)
from analysis.decision.controls.comparison import Guard
from analysis.decision.controls.selection import ControlGroup
from analysis.metrics import CLASS_RATE, TRAFFIC, Metric, metric_named
from analysis.statistics.comparison import Comparison, compare
from analysis.statistics.sequential import level_of
from analysis.statistics.totals import ArmTotals

if TYPE_CHECKING:
    from analysis.config import Claim

Side = Literal["less", "greater"]
FEWEST_N = 30
FEWEST_EVENTS = 5
ABSOLUTE = ("below", "stays_zero")
"""Claims that hold the post arm against a fixed number, as it is: not at the mix of calls of the baseline."""
OPPOSITE: dict[Side, Side] = {"less": "greater", "greater": "less"}


@dataclass(frozen=True)
class Plan:
    """One look among the planned ones.

    Attributes
    ----------
    times : hours of every planned look / hours of the last; ``(1.0,)`` for an exploratory look.
    look : index of this one in `times`.
    hours : first and last + 1 post hour of it.
    previous_last : last + 1 post hour of the look before, None at the first.
    alpha : error of the family of expectations over all looks.
    bound : |z| that a single claim must cross at this look.
    is_planned : False for an exploratory look, which decides nothing for good.
    """

    times: tuple[float, ...]
    look: int
    hours: tuple[int, int]
    previous_last: int | None
    alpha: float
    bound: float
    is_planned: bool = True

    @property
    def is_last(self) -> bool:
        """Whether this is a planned look and none follows."""
        return self.is_planned and self.look == len(self.times) - 1

    @property
    def looks_share_alpha(self) -> bool:
        """Whether this look's intervals are visibly wider than those of a single look."""
        return level_of(self.bound) > 1.0 - 0.8 * self.alpha

    @property
    def later_looks(self) -> tuple[tuple[int, int], ...]:
        """The planned looks still to come: index, and length in hours."""
        if not self.is_planned:
            return ()
        planned = (self.hours[1] - self.hours[0]) / self.times[self.look]
        return tuple(
            (look, round(time * planned))
            for look, time in enumerate(self.times)
            if look > self.look
        )


@dataclass(frozen=True, eq=False)
class Arms:
    """Both arms of a rollout and how their hours are matched."""

    baseline: Arm
    post: Arm
    cycle: Cycle
    user_classes: tuple[str, ...] = ()
    controls: ControlGroup = field(default_factory=ControlGroup)
    _hourly_totals: dict[tuple, tuple[ArmTotals, ArmTotals]] = field(
        default_factory=dict, repr=False
    )
    _picked: dict[tuple, ScopedRows] = field(default_factory=dict, repr=False)
    _compared: dict[tuple, Comparison] = field(default_factory=dict, repr=False)

    def totals(
        self, scope: Scope, metric: Metric, hours: tuple[int, int]
    ) -> tuple[ArmTotals, ArmTotals]:
        """Hour sums of a metric over these post hours and the whole baseline; computed once."""
        key = (scope, metric.name, hours)
        if key not in self._hourly_totals:
            picked = self._rows_of(scope, hours, in_events=metric.table == "events")
            self._hourly_totals[key] = metric_totals(
                picked, metric, usable=self._usable, cycle=self.cycle
            )
        return self._hourly_totals[key]

    def _rows_of(self, scope: Scope, hours: tuple[int, int], *, in_events: bool) -> ScopedRows:
        key = (scope, hours, in_events)
        if key not in self._picked:
            coded = self._coded_events if in_events else self._coded_hourly
            self._picked[key] = select_rows(coded, scope=scope, cycle=self.cycle, hours=hours)
        return self._picked[key]

    @cached_property
    def _coded_hourly(self) -> CodedArms:
        return code_arms(self.baseline.hourly.rows, self.post.hourly.rows)

    @cached_property
    def _coded_events(self) -> CodedArms:
        return code_arms(self.baseline.events.rows, self.post.events.rows)

    @cached_property
    def _usable(self) -> np.ndarray:
        return usable_hours(self.baseline, self.cycle)

    def compare(
        self, scope: Scope, metric: Metric, hours: tuple[int, int], *, as_it_is: bool = False
    ) -> Comparison:
        """Post hours against the same clock hours of the baseline; computed once. `as_it_is`: every post hour, whatever the mix."""
        key = (scope, metric.name, hours, as_it_is)
        if key not in self._compared:
            arms = self.totals(scope, metric, hours)
            baseline, post = (arm.as_one_stratum() for arm in arms) if as_it_is else arms
            first_hour = hours[0] % self.cycle.hours
            plain = compare(
                baseline,
                post,
                indicator=metric.indicator,
                first_hour=first_hour,
                every_post_hour=as_it_is,
            )
            self._compared[key] = self.guard.compare(
                plain, (baseline, post), scope=scope, metric=metric, hours=hours
            )
        return self._compared[key]

    @cached_property
    def guard(self) -> Guard:
        """What the untouched features did beside every comparison."""
        return Guard(self)


@dataclass(frozen=True, eq=False)
class ClaimEvaluation:
    """A claim with its comparison, and the p values of what it says and of its opposite."""

    claim: Claim
    metric: Metric
    scope: Scope
    arms: Arms
    hours: tuple[int, int]

    @cached_property
    def comparison(self) -> Comparison:
        """Post against baseline at this look, at the same mix of calls."""
        return self.arms.compare(self.scope, self.metric, self.hours)

    @property
    def decisive(self) -> Comparison:
        """What the claim is decided on: the comparison, or for a claim about the post arm alone the calls as they came."""
        if self.claim.claim not in ABSOLUTE:
            return self.comparison
        return self.arms.compare(self.scope, self.metric, self.hours, as_it_is=True)

    @cached_property
    def calls(self) -> tuple[int, int]:
        """Calls that started in the scope, baseline (matched hours) and post."""
        if self.metric.kind is CLASS_RATE:
            return round(self.decisive.baseline_n), round(self.decisive.post_n)
        plain = Scope(self.claim.feature, self.claim.source)
        counted = self.arms.compare(plain, metric_named("error_rate"), self.hours)
        return round(counted.baseline_n), round(counted.post_n)

    @property
    def events(self) -> tuple[int | None, int | None]:
        """Sum of y where y is an indicator."""
        if not self.metric.indicator:
            return None, None
        return round(self.decisive.baseline_y), round(self.decisive.post_y)

    @property
    def good_side(self) -> Side:
        """Where the post value must lie for the claim."""
        if self.claim.claim == "rises":
            return "greater"
        if self.claim.claim == "no_worse" and self.metric.worse == "down":
            return "greater"
        return "less"

    @property
    def harm_side(self) -> Side:
        """Where the post value lies when the deploy did harm in the claim's sense."""
        return OPPOSITE[self.good_side]

    @property
    def scale(self) -> float:
        """Factor on the baseline of the claim's own null."""
        if self.claim.claim == "falls":
            return 1.0 - (self.claim.by or 0.0)
        if self.claim.claim == "rises":
            return 1.0 + (self.claim.by or 0.0)
        if self.claim.claim == "no_worse":
            margin = self.claim.margin or 0.0
            return 1.0 + margin if self.metric.worse == "up" else 1.0 - margin
        return 1.0

    @property
    def limit(self) -> float | None:
        """Fixed number that the post value is held against; None for claims against the baseline."""
        if self.claim.claim == "below":
            return self.claim.limit
        if self.claim.claim == "stays_zero":
            return (
                self.claim.limit
                if self.claim.limit is not None
                else self.comparison.crude_baseline_value
            )
        return None

    def p_value(self, alternative: Literal["two-sided", "less", "greater"] = "two-sided") -> float:
        """p of the claim's own null: (1 - by) * baseline, the margin, or the limit."""
        if self.claim.claim in ABSOLUTE:
            return (
                1.0
                if self.limit is None
                else self.decisive.p_value_against(self.limit, alternative=alternative)
            )
        return self.comparison.p_value(scale=self.scale, alternative=alternative)

    @property
    def distance(self) -> float:
        """Post value minus that of the null; its sign says on which side it lies. 0 when there is nothing to compare."""
        comparison = self.decisive
        if comparison.difference is None:
            return 0.0
        if self.limit is not None:
            return comparison.post_value - self.limit
        return comparison.post_value - self.scale * comparison.baseline_value

    @property
    def p_met(self) -> float:
        """Two-sided p where the estimate lies on the good side, else 1."""
        return self.p_value() if _on(self.good_side, self.distance) else 1.0

    @property
    def p_harm(self) -> float:
        """Two-sided p of harm: beyond margin or limit, else against the unscaled baseline; 1 when the estimate lies on the good side."""
        if self.claim.claim in ("no_worse", "below"):
            return self.p_value() if _on(self.harm_side, self.distance) else 1.0
        moved = self.comparison.difference
        if moved is None or not _on(self.harm_side, moved):
            return 1.0
        return self.comparison.p_value()

    @property
    def enough_calls(self) -> bool:
        """At least 30 of the metric's n in each arm, among those that are compared; for calls an hour, 30 calls in one of them."""
        before, after = self.decisive.common_baseline, self.decisive.common_post
        if self.metric.kind is TRAFFIC:
            return max(before.y, after.y) >= FEWEST_N
        return min(before.n, after.n) >= FEWEST_N

    @property
    def enough_events(self) -> bool:
        """At least 5 events in one arm, where a change of a rate is claimed."""
        needed = self.metric.indicator and self.claim.claim in ("falls", "rises")
        return (
            not needed
            or max(self.decisive.common_baseline.y, self.decisive.common_post.y) >= FEWEST_EVENTS
        )

    @property
    def has_data(self) -> bool:
        """Whether anything can be said: enough calls, enough events, and calls that can be compared."""
        return self.decisive.difference is not None and self.enough_calls and self.enough_events

    def at(self, last: int) -> ClaimEvaluation:
        """The same claim when only the hours before `last` were there: what an earlier look saw."""
        return ClaimEvaluation(
            self.claim, self.metric, self.scope, self.arms, (self.hours[0], last)
        )


def evaluate_claim(claim: Claim, arms: Arms, hours: tuple[int, int]) -> ClaimEvaluation:
    """The claim over these post hours."""
    metric = metric_named(claim.metric, arms.user_classes)
    return ClaimEvaluation(
        claim, metric, Scope(claim.feature, claim.source, event_kind(claim)), arms, hours
    )


def _on(side: Side, distance: float) -> bool:
    return distance < 0 if side == "less" else distance > 0
