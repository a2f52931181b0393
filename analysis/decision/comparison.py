"""Post hours compared with the matched hours of the baseline, and with the control features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from analysis.counting.arms import Arms
from analysis.counting.scope import Hours, Scope
from analysis.decision.controls.comparison import ControlComparator
from analysis.decision.controls.selection import ControlCandidates
from analysis.metrics import Metric
from analysis.statistics.baseline.between_days import DAY_TO_DAY
from analysis.statistics.comparison import compare
from analysis.statistics.controls.comparison import ControlComparison
from analysis.statistics.placebo_deploys import PlaceboDeploy


@dataclass(frozen=True, eq=False)
class Comparator:
    """Compares any scope and metric of a rollout; each comparison is computed once.

    Attributes
    ----------
    arms : both arms.
    candidates : the features that may be controls.
    day_to_day : declared standard deviation between days, as a share of a time.
    """

    arms: Arms
    candidates: ControlCandidates = field(default_factory=ControlCandidates)
    day_to_day: float = DAY_TO_DAY
    _compared: dict[tuple[Scope, str, Hours, bool], ControlComparison] = field(
        default_factory=dict, init=False, repr=False
    )

    @cached_property
    def controls(self) -> ControlComparator:
        """What the control features add to a comparison."""
        return ControlComparator(self.arms, self.candidates)

    def compare(
        self,
        scope: Scope,
        metric: Metric,
        hours: Hours,
        *,
        post_alone: bool = False,
        placebo: PlaceboDeploy | None = None,
    ) -> ControlComparison:
        """Post hours compared with the same clock hours of the baseline.

        Parameters
        ----------
        scope, metric, hours : what is compared; `hours` are post hours, counted from the deploy.
        post_alone : for a claim about the post value alone: every post hour, with or without a
            matching baseline hour, and the calls as they came, not at the mix of both arms.
        placebo : a placebo deploy inside the baseline of this scope and metric, whose two sides
            are compared instead.
        """
        if placebo is not None:
            return self._compare(scope, metric, hours, post_alone=post_alone, placebo=placebo)
        key = (scope, metric.name, hours, post_alone)
        if key not in self._compared:
            self._compared[key] = self._compare(scope, metric, hours, post_alone=post_alone)
        return self._compared[key]

    def with_controls(
        self, *, use: Sequence[str] | None = None, leave_out: Sequence[str] = ()
    ) -> Comparator:
        """The same arms with other controls: `use` = () for none, None for the present ones."""
        features = self.candidates.features if use is None else sorted(use)
        kept = tuple(feature for feature in features if feature not in leave_out)
        are_declared = self.candidates.are_declared or use is not None
        candidates = replace(self.candidates, features=kept, are_declared=are_declared)
        return Comparator(self.arms, candidates, self.day_to_day)

    def _compare(
        self,
        scope: Scope,
        metric: Metric,
        hours: Hours,
        *,
        post_alone: bool,
        placebo: PlaceboDeploy | None = None,
    ) -> ControlComparison:
        if placebo is None:
            baseline, post = self.arms.totals(scope, metric, hours)
            first_hour = self.arms.hour_of_cycle(hours[0])
        else:
            baseline, post, first_hour = placebo.baseline, placebo.post, placebo.first_hour
        if post_alone:
            baseline, post = baseline.as_one_stratum(), post.as_one_stratum()
        plain = compare(
            baseline,
            post,
            indicator=metric.indicator,
            log_scale=metric.log_scale,
            first_hour=first_hour,
            every_post_hour=post_alone,
            day_to_day=self.day_to_day,
        )
        return self.controls.compare(
            plain, (baseline, post), scope=scope, metric=metric, hours=hours, placebo=placebo
        )
