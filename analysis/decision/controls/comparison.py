"""A comparison with control features: adjusted, and in full proportion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property, partial
from math import log

import numpy as np

from analysis.counting.arms import Arms
from analysis.counting.scope import Hours, Scope, exactly
from analysis.decision.controls.groups import ControlGroups
from analysis.decision.controls.latency_bins import CallsByLatency
from analysis.decision.controls.selection import ControlCandidates
from analysis.metric_kinds import CLASS_RATE, Metric, ProviderEffect
from analysis.statistics.comparison import Comparison, compare
from analysis.statistics.controls.adjustment import compare_adjusted
from analysis.statistics.controls.class_movement import class_moved
from analysis.statistics.controls.comparison import (
    ControlComparison,
    ControlMovement,
    ProportionalComparison,
    combine_comparisons,
)
from analysis.statistics.controls.proportional import (
    TimedCalls,
    proportional_factor,
    proportional_share,
)
from analysis.statistics.placebo_deploys import PlaceboDeploy
from analysis.statistics.standardisation import standardise
from analysis.statistics.totals import ArmTotals

FEWEST_EVENTS = 5


class ControlComparator:
    """Adds to each plain comparison what the scope's control features say about it."""

    def __init__(self, arms: Arms, candidates: ControlCandidates) -> None:
        self._arms = arms
        self.groups = ControlGroups(arms, candidates)

    def compare(
        self,
        plain: Comparison,
        sides: tuple[ArmTotals, ArmTotals],
        *,
        scope: Scope,
        metric: Metric,
        hours: Hours,
        placebo: PlaceboDeploy | None = None,
    ) -> ControlComparison:
        """The plain comparison of two sides, with the adjusted and the proportional one.

        A metric of time: the adjusted comparison decides while the controls stand still. A rate of
        an error class: the plain one decides; where the controls' pace or the same class in them
        moved, it must exceed that too. At a placebo deploy the class is not looked up in the
        controls: it could only silence an alarm.
        """
        if plain.difference is None or not metric.depends_on_provider:
            return combine_comparisons(plain)
        group = self.groups.group_of(scope, hours, placebo)
        if group is None:
            return combine_comparisons(plain)
        first_hour = placebo.first_hour if placebo else self._arms.hour_of_cycle(hours[0])
        target = standardise(*sides, first_hour=first_hour)
        adjusted, corrections = None, []
        if metric.kind is not CLASS_RATE:
            adjusted = compare_adjusted(plain, target, group.index)
        elif placebo is None and (
            (factor := self._class_factor(group, metric, hours, plain.difference)) is not None
        ):
            group = replace(group, class_movement=factor - 1.0)
            corrections.append(ProportionalComparison(plain, factor))
        if metric.provider_effect and group.index.moved:
            pace = group.index.pace_change(target)
            baseline, post = (arm.timed_calls(scope, metric, hours) for arm in self._bins)
            corrected = _slow_down(
                plain, metric.provider_effect, baseline, baseline if placebo else post, pace
            )
            variance, df = group.index.movement_variance
            corrections.append(replace(corrected, movement_variance=variance, movement_df=df))
        corrections.sort(key=lambda correction: -abs(log(correction.factor)))
        return combine_comparisons(
            plain,
            adjusted=adjusted,
            corrections=tuple(corrections),
            moved=bool(corrections),
            controls=group,
        )

    def _class_factor(
        self, group: ControlMovement, metric: Metric, hours: Hours, difference: float
    ) -> float | None:
        """Ratio of the same class in the controls together, post over baseline.

        None where it did not move the same way in most of them, or has too few events.
        """
        totals = [
            self._arms.totals(Scope(exactly(name)), metric, hours) for name in group.index.names
        ]
        compare_class = partial(
            compare, indicator=True, first_hour=self._arms.hour_of_cycle(hours[0])
        )
        together = compare_class(*(_stack(arms) for arms in zip(*totals, strict=True)))
        if max(together.baseline_y, together.post_y) < FEWEST_EVENTS:
            return None
        each = [compare_class(*arms) for arms in totals]
        if not class_moved(each, direction="up" if difference > 0 else "down"):
            return None
        if together.ratio:
            return together.ratio
        # no event among the calls of one arm that can be compared: half an event in both
        baseline, post = (
            (y + 0.5) / n
            for y, n in (
                (together.baseline_y, together.baseline_n),
                (together.post_y, together.post_n),
            )
        )
        return post / baseline

    @cached_property
    def _bins(self) -> tuple[CallsByLatency, CallsByLatency]:
        arms = self._arms
        return CallsByLatency(arms.baseline, arms.cycle), CallsByLatency(arms.post, arms.cycle)


def _slow_down(
    plain: Comparison,
    effect: ProviderEffect,
    baseline: Sequence[TimedCalls],
    post: Sequence[TimedCalls],
    pace: float,
) -> ProportionalComparison:
    """The full proportional correction: the baseline's calls at the provider's new pace."""
    from_zero = proportional_share(effect, baseline, movement=pace) if plain.indicator else 0.0
    factor = proportional_factor(effect, baseline, post, movement=pace)
    return ProportionalComparison(plain, factor, from_zero)


def _stack(arms: Sequence[ArmTotals]) -> ArmTotals:
    """All strata of several features, side by side."""
    return ArmTotals(np.concatenate([arm.stacked for arm in arms], axis=1), arms[0].usable)
