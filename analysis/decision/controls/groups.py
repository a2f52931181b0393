"""The control group of each scope: selected, screened, and made into one slowness index."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

from analysis.counting.arms import Arms
from analysis.counting.scope import Hours, Scope, exactly, feature_and_source
from analysis.decision.controls.selection import ControlCandidates, ControlSelection
from analysis.metric_kinds import TIME
from analysis.metrics import Metric
from analysis.statistics.controls.comparison import ControlMovement
from analysis.statistics.controls.index import (
    ControlFeature,
    SlownessIndex,
    slowness_index,
    weight_control,
)
from analysis.statistics.controls.screening import FEWEST_CONTROLS, screen
from analysis.statistics.placebo_deploys import PlaceboDeploy, placebo_deploys

SLOWNESS = Metric(
    name="slowness",
    words="capped time",
    kind=TIME,
    y=lambda column: column("capped_ms") * (column("outcome") <= 1),
    n=lambda column: column("timed_calls") * (column("outcome") <= 1),
    yy=lambda column: column("capped_ms_2") * (column("outcome") <= 1),
)
"""What the index is made of: time of answers (outcome 0) and timeouts (1), cut at tau."""

Screened = tuple[tuple[ControlFeature, ...], tuple[str, ...]]


@dataclass(frozen=True, eq=False)
class ControlGroups:
    """The control groups of a rollout; each is made once.

    Attributes
    ----------
    arms : both arms.
    candidates : the features that may be controls.
    """

    arms: Arms
    candidates: ControlCandidates
    _screened: dict[tuple[tuple[str, ...], Hours], Screened] = field(
        default_factory=dict, init=False, repr=False
    )
    _indexes: dict[tuple[tuple[str, ...], Hours], SlownessIndex] = field(
        default_factory=dict, init=False, repr=False
    )
    _placebo: dict[tuple[tuple[str, ...], Hours], dict[int, SlownessIndex]] = field(
        default_factory=dict, init=False, repr=False
    )

    def selection_of(self, scope: Scope) -> ControlSelection:
        """Which features are a scope's controls, and if none, why."""
        return self.candidates.select(self._calls_by_feature(scope))

    def group_of(
        self, scope: Scope, hours: Hours, placebo: PlaceboDeploy | None = None
    ) -> ControlMovement | None:
        """The control group of a scope over these hours, or around a placebo deploy.

        None with fewer than two features. A control feature that is itself the scope is screened
        with the others and then left out.
        """
        target = set(self._calls_by_feature(scope))
        selected = set(self.selection_of(scope).features)
        itself = target & set(self.candidates.features) if len(target) == 1 and selected else set()
        kept, dropped = self._screen(tuple(sorted(selected | itself)), hours)
        others = tuple(control for control in kept if control.name not in itself)
        if len(others) < FEWEST_CONTROLS:
            return None
        key = (tuple(control.name for control in others), hours)
        if key not in self._indexes:
            self._indexes[key] = slowness_index(others)
        index: SlownessIndex | None = self._indexes[key]
        if placebo is not None:
            index = self._placebo_indexes(self._indexes[key], hours).get(placebo.start_hour)
        others_dropped = tuple(name for name in dropped if name not in itself)
        return ControlMovement(index, others_dropped) if index else None

    def _screen(self, features: tuple[str, ...], hours: Hours) -> Screened:
        if (features, hours) not in self._screened:
            first_hour = self.arms.hour_of_cycle(hours[0])
            weighed = (
                weight_control(
                    name,
                    *self.arms.totals(Scope(exactly(name)), SLOWNESS, hours),
                    first_hour=first_hour,
                )
                for name in features
            )
            self._screened[features, hours] = screen([one for one in weighed if one is not None])
        return self._screened[features, hours]

    def _placebo_indexes(self, index: SlownessIndex, hours: Hours) -> dict[int, SlownessIndex]:
        """The index around each placebo deploy at which the controls have calls, by its start."""
        key = (index.names, hours)
        if key not in self._placebo:
            length = min(hours[1] - hours[0], self.arms.cycle.hours)
            self._placebo[key] = {
                deploy.start_hour: _placebo_index(index, deploy)
                for deploy in placebo_deploys(index.together.baseline, hours=length, past_only=True)
            }
        return self._placebo[key]

    def _calls_by_feature(self, scope: Scope) -> dict[str, float]:
        """The features of a scope, with their calls in the baseline."""
        calls: dict[str, float] = {}
        for (feature, source), n in self._traffic.items():
            if scope.matches(feature, source):
                calls[feature] = calls.get(feature, 0.0) + n
        return calls

    @cached_property
    def _traffic(self) -> dict[tuple[str, str | None], float]:
        """Calls of the baseline per feature and source."""
        rows = self.arms.baseline.hourly.rows
        calls = rows.groupby(["feature", "source"], dropna=False)["calls"].sum()
        return {feature_and_source(key): float(n) for key, n in calls.items()}


def _placebo_index(index: SlownessIndex, deploy: PlaceboDeploy) -> SlownessIndex:
    window = slice(deploy.start_hour, deploy.start_hour + deploy.post.y.shape[2])
    together = ControlFeature("together", deploy.baseline, deploy.post, deploy.first_hour)
    return replace(index, post=index.baseline.ravel()[window], together=together)
