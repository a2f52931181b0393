"""Every comparison of a look beside what the untouched features did, from the tables of counts."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from analysis.counting.scope import Scope
from analysis.decision.controls.pace import SLOWNESS, CallsByLatency
from analysis.decision.controls.selection import ControlSelection
from analysis.metrics import CLASS_RATE, Metric, ProviderEffect
from analysis.statistics.comparison import Comparison, compare
from analysis.statistics.controls.adjustment import compare_adjusted
from analysis.statistics.controls.comparison import (
    ControlComparison,
    ControlMovement,
    ProportionalComparison,
    combine_comparisons,
)
from analysis.statistics.controls.index import (
    MOVED_P,
    ControlFeature,
    SlownessIndex,
    slowness_index,
    weight_control,
)
from analysis.statistics.controls.proportional import (
    TimedCalls,
    proportional_factor,
    proportional_share,
)
from analysis.statistics.controls.screening import FEWEST_CONTROLS, screen
from analysis.statistics.placebo_deploys import PlaceboDeploy, placebo_deploys
from analysis.statistics.standardisation import StandardisedArms, standardise
from analysis.statistics.totals import ArmTotals

if TYPE_CHECKING:
    from analysis.decision.claims import Arms

FEWEST_EVENTS = 5


class Guard:
    """The untouched features of both arms: every comparison passes here, and leaves with the three of CONTROLS."""

    def __init__(self, arms: Arms) -> None:
        self._arms = arms
        self._screened: dict[tuple, tuple[tuple[ControlFeature, ...], tuple[str, ...]]] = {}
        self._indexes: dict[tuple, SlownessIndex] = {}
        self._pretended: dict[tuple, dict[int, SlownessIndex]] = {}

    def compare(
        self,
        plain: Comparison,
        sides: tuple[ArmTotals, ArmTotals],
        *,
        scope: Scope,
        metric: Metric,
        hours: tuple[int, int],
    ) -> ControlComparison:
        """The plain comparison of these sides beside the adjusted and the proportional one, where the provider's pace matters."""
        if plain.difference is None or not metric.depends_on_provider:
            return combine_comparisons(plain)
        index, dropped = self.index_of(scope, hours)
        if index is None:
            return combine_comparisons(plain)
        target = standardise(*sides, first_hour=self._first_hour(hours))
        judge = self._vetoed if metric.kind is CLASS_RATE else self._adjusted
        return judge(plain, target, index, dropped, scope=scope, metric=metric, hours=hours)

    def compare_pretended(
        self,
        plain: Comparison,
        sides: tuple[ArmTotals, ArmTotals],
        deploy: PlaceboDeploy,
        *,
        scope: Scope,
        metric: Metric,
        hours: tuple[int, int],
    ) -> Comparison:
        """The same at a pretended deploy inside the baseline. What the same errors did elsewhere is not asked: it only silences."""
        kind = metric.provider_effect
        index, dropped = (
            self.index_of(scope, hours) if kind and plain.difference is not None else (None, ())
        )
        index = index and self._index_at(index, deploy, hours)
        if index is None:
            return plain
        target = standardise(*sides, first_hour=deploy.first_hour)
        adjusted = None if metric.kind is CLASS_RATE else compare_adjusted(plain, target, index)
        baseline = self._by_latency[0].of(scope, metric, hours) if index.moved else []
        corrections: tuple[ProportionalComparison, ...] = ()
        if index.moved:
            pace = index.pace_change(target)
            corrections = (_at_pace(plain, kind, metric, baseline, baseline, pace),)
        return combine_comparisons(
            plain,
            adjusted=adjusted,
            corrections=corrections,
            moved=index.moved,
            controls=ControlMovement(index, dropped),
        )

    def choice_of(self, scope: Scope) -> ControlSelection:
        """Which controls a scope has, and if none, why."""
        return self._arms.controls.of(self._calls_of(scope))

    def index_of(
        self, scope: Scope, hours: tuple[int, int]
    ) -> tuple[SlownessIndex | None, tuple[str, ...]]:
        """The slowness of the scope's controls over these hours, and who was thrown out; None with fewer than two.

        A control that is itself looked at is screened with the others and then left out.
        """
        target = set(self._calls_of(scope))
        chosen = set(self.choice_of(scope).features)
        itself = (
            target & set(self._arms.controls.features) if len(target) == 1 and chosen else set()
        )
        kept, dropped = self._screen(tuple(sorted(chosen | itself)), hours)
        others = tuple(control for control in kept if control.name not in itself)
        if len(others) < FEWEST_CONTROLS:
            return None, ()
        key = (tuple(control.name for control in others), hours)
        if key not in self._indexes:
            self._indexes[key] = slowness_index(others)
        return self._indexes[key], tuple(name for name in dropped if name not in itself)

    def _screen(
        self, features: tuple[str, ...], hours: tuple[int, int]
    ) -> tuple[tuple[ControlFeature, ...], tuple[str, ...]]:
        key = (features, hours)
        if key not in self._screened:
            first_hour = self._first_hour(hours)
            sides = {
                feature: self._arms.totals(Scope(feature), SLOWNESS, hours) for feature in features
            }
            weighed = [
                weight_control(feature, *both, first_hour=first_hour)
                for feature, both in sides.items()
            ]
            self._screened[key] = screen([control for control in weighed if control is not None])
        return self._screened[key]

    def _adjusted(
        self,
        plain: Comparison,
        target: StandardisedArms,
        index: SlownessIndex,
        dropped: tuple[str, ...],
        *,
        scope: Scope,
        metric: Metric,
        hours: tuple[int, int],
    ) -> ControlComparison:
        """A metric of time: the adjusted comparison decides while the untouched features stand still."""
        adjusted = compare_adjusted(plain, target, index)
        corrections: tuple[ProportionalComparison, ...] = ()
        if index.moved:
            effect, pace = metric.provider_effect, index.pace_change(target)
            corrections = (self._at_pace(plain, effect, scope, metric, hours, pace),)
        return combine_comparisons(
            plain,
            adjusted=adjusted,
            corrections=corrections,
            moved=index.moved,
            controls=ControlMovement(index, dropped),
        )

    def _vetoed(
        self,
        plain: Comparison,
        target: StandardisedArms,
        index: SlownessIndex,
        dropped: tuple[str, ...],
        *,
        scope: Scope,
        metric: Metric,
        hours: tuple[int, int],
    ) -> ControlComparison:
        """An error class: the plain comparison decides; where pace or class moved elsewhere, it must hold beside that too."""
        kind, corrections = metric.provider_effect, []
        factor = self._class_factor(index.names, metric, hours)
        if factor is not None:
            corrections.append(ProportionalComparison(plain, factor))
        if kind and index.moved:
            corrections.append(
                self._at_pace(plain, kind, scope, metric, hours, index.pace_change(target))
            )
        corrections.sort(key=lambda one: -abs(np.log(one.factor)))
        return combine_comparisons(
            plain,
            corrections=tuple(corrections),
            moved=bool(corrections),
            controls=ControlMovement(index, dropped, None if factor is None else factor - 1.0),
        )

    def _class_factor(
        self, names: Sequence[str], metric: Metric, hours: tuple[int, int]
    ) -> float | None:
        """Ratio of the same class in the untouched features, post over baseline; None where it did not move or has too few events."""
        totals = [self._arms.totals(Scope(name), metric, hours) for name in names]
        found = compare(
            *(_stacked([pair[side] for pair in totals]) for side in (0, 1)),
            indicator=True,
            first_hour=self._first_hour(hours),
        )
        if max(found.baseline_y, found.post_y) < FEWEST_EVENTS or found.p_value() >= MOVED_P:
            return None
        if found.ratio:
            return found.ratio
        # one arm has none of those that can be compared: half an event in both, over all calls
        return (found.post_y + 0.5) / found.post_n / ((found.baseline_y + 0.5) / found.baseline_n)

    def _at_pace(
        self,
        plain: Comparison,
        kind: ProviderEffect,
        scope: Scope,
        metric: Metric,
        hours: tuple[int, int],
        pace: float,
    ) -> ProportionalComparison:
        baseline, post = (side.of(scope, metric, hours) for side in self._by_latency)
        return _at_pace(plain, kind, metric, baseline, post, pace)

    def _index_at(
        self, index: SlownessIndex, deploy: PlaceboDeploy, hours: tuple[int, int]
    ) -> SlownessIndex | None:
        """The index as a pretended deploy meets it; None where it has no calls there."""
        key = (index.names, hours)
        if key not in self._pretended:
            length = min(hours[1] - hours[0], self._arms.cycle.hours)
            deploys = placebo_deploys(index.together.baseline, hours=length)
            self._pretended[key] = {one.start_hour: _pretend(index, one) for one in deploys}
        return self._pretended[key].get(deploy.start_hour)

    def _first_hour(self, hours: tuple[int, int]) -> int:
        return hours[0] % self._arms.cycle.hours

    def _calls_of(self, scope: Scope) -> dict[str, float]:
        """The features of a scope, with their calls in the baseline."""
        found: dict[str, float] = {}
        for (feature, source), calls in self._traffic.items():
            if scope.matches(feature, source):
                found[feature] = found.get(feature, 0.0) + calls
        return found

    @cached_property
    def _traffic(self) -> dict[tuple[str, str | None], float]:
        """Calls of the baseline per feature and source."""
        counted = self._arms.baseline.hourly.rows.groupby(["feature", "source"], dropna=False)[
            "calls"
        ].sum()
        return {
            (str(feature), source if isinstance(source, str) else None): float(calls)
            for (feature, source), calls in counted.items()
        }

    @cached_property
    def _by_latency(self) -> tuple[CallsByLatency, CallsByLatency]:
        return CallsByLatency(self._arms.baseline, self._arms.cycle), CallsByLatency(
            self._arms.post, self._arms.cycle
        )


def _at_pace(
    plain: Comparison,
    kind: ProviderEffect,
    metric: Metric,
    baseline: Sequence[TimedCalls],
    post: Sequence[TimedCalls],
    pace: float,
) -> ProportionalComparison:
    """The full proportional correction: the baseline's calls at the provider's new pace."""
    from_zero = proportional_share(kind, baseline, movement=pace) if metric.indicator else 0.0
    return ProportionalComparison(
        plain, proportional_factor(kind, baseline, post, movement=pace), from_zero
    )


def _pretend(index: SlownessIndex, deploy: PlaceboDeploy) -> SlownessIndex:
    window = slice(deploy.start_hour, deploy.start_hour + deploy.post.y.shape[2])
    together = ControlFeature("together", deploy.baseline, deploy.post, deploy.first_hour)
    return SlownessIndex(index.names, index.baseline, index.baseline.ravel()[window], together)


def _stacked(arms: Sequence[ArmTotals]) -> ArmTotals:
    """All strata of several features, side by side."""
    return ArmTotals(np.concatenate([arm.stacked for arm in arms], axis=1), arms[0].usable)
