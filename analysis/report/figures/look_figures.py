"""The figures of a window's page: which features, metrics and claims have one."""

from __future__ import annotations

from functools import cached_property

from analysis.counting.scope import Scope
from analysis.figure_data.cliffs import knobs_of
from analysis.figure_data.expectations import prepare_forest
from analysis.figure_data.hourly import prepare_hourly_slowness
from analysis.figure_data.latency import AxisMark
from analysis.history.timeline import read_timeline
from analysis.judge import Look
from analysis.metrics import SLOW_SHARE, TIME, known_metrics
from analysis.report.figures.expectations import EXPECTATIONS
from analysis.report.figures.hourly import CONTROLS
from analysis.report.figures.picture import Picture
from analysis.report.figures.scope_figures import ScopeFigures
from analysis.text.records import place_of
from analysis.window import HOUR

MOST_CONTROL_FIGURES = 3


class LookFigures:
    """The figures of a look; each is drawn when it is asked for."""

    def __init__(self, look: Look) -> None:
        self.look = look

    @cached_property
    def features(self) -> list[str]:
        """The features that expectations and guardrails name, in the file's order."""
        named = (part.feature for claim in self.look.settings.claims for part in claim.parts)
        return list(dict.fromkeys(feature for feature in named if feature and "*" not in feature))

    @cached_property
    def capped_features(self) -> list[str]:
        """Those of them that have a cap, or a knob for one."""
        return [
            feature
            for feature in self.features
            if feature in self.look.cliffs["post"] or knobs_of(self.look, Scope(feature))
        ]

    def expectations(self) -> list[Picture]:
        """All expectations in one figure; none without expectations."""
        result, too_small = self.look.result, self.look.settings.monitoring.smallest_useful
        if not result.expectations:
            return []
        return [EXPECTATIONS.picture(prepare_forest(result, too_small=too_small))]

    def of_feature(self, feature: str) -> list[Picture]:
        """The figures of a feature's card; a cliff's only where there is one in either arm."""
        figures = self._scope(feature)
        pictures = [figures.outcomes(), figures.hours(self._card_metric(feature)), figures.km()]
        if any(feature in cliffs for cliffs in self.look.cliffs.values()):
            pictures += [figures.latency(), figures.cliff()]
        return [*pictures, figures.shift()]

    def controls(self) -> list[Picture]:
        """Time claims with their control features; the first three that have any."""
        parts = [
            part
            for finding in (*self.look.expectations, *self.look.guardrails)
            for part in finding.singles
        ]
        evaluations = [
            part.evaluation
            for kind in (TIME, SLOW_SHARE)
            for part in parts
            if part.evaluation and part.evaluation.metric.kind is kind
        ]
        pictures = []
        for evaluation in evaluations[:MOST_CONTROL_FIGURES]:
            prepared = prepare_hourly_slowness(evaluation, self.look.arms, marks=self._marks)
            if prepared:
                label, metric = place_of(evaluation.scope), evaluation.metric.name
                pictures.append(CONTROLS.picture(prepared, label, metric=metric))
        return pictures

    def caps(self) -> list[Picture]:
        """What a cap would cut off, for each feature that has a cap or a knob for one."""
        pictures = (self._scope(feature).cap_curve() for feature in self.capped_features)
        return [picture for picture in pictures if picture]

    def _scope(self, feature: str) -> ScopeFigures:
        return ScopeFigures(self.look, Scope(feature), marks=self._marks)

    def _card_metric(self, feature: str) -> str:
        """The first rate of calls that a claim of the feature is about, else its error rate."""
        metrics = known_metrics(self.look.arms.user_classes)
        claims = [part for claim in self.look.settings.claims for part in claim.parts]
        for claim in claims:
            metric = metrics.get(claim.metric or "") if claim.feature == feature else None
            if metric and metric.unit == "share" and metric.table == "hourly":
                return metric.name
        return "error_rate"

    @cached_property
    def _marks(self) -> tuple[AxisMark, ...]:
        """Later deployments and turned knobs, in hours from the deploy."""
        return tuple(
            AxisMark((mark.at - self.look.deployed_at) / HOUR, mark.text)
            for mark in read_timeline(self.look.settings).marks
        )
