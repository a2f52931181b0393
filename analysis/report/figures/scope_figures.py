"""The figures of the calls of one scope in one look."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.counting.scope import Scope
from analysis.figure_data.cliffs import prepare_cap_curve, prepare_cliff
from analysis.figure_data.hourly import prepare_hourly_metric
from analysis.figure_data.latency import (
    AxisMark,
    prepare_answer_curves,
    prepare_latency_curves,
    prepare_quantile_shifts,
)
from analysis.figure_data.outcomes import prepare_outcome_mix
from analysis.judge import Look
from analysis.metrics import metric_named
from analysis.report.figures.cliffs import CAP, CLIFF
from analysis.report.figures.hourly import HOURS
from analysis.report.figures.latency import LATENCY, SHIFT, TIME_TO_ANSWER
from analysis.report.figures.outcomes import OUTCOMES
from analysis.report.figures.picture import Picture
from analysis.text.records import place_of


class ScopeFigures:
    """Figures of a scope's calls, before and after; each is drawn when it is asked for.

    Attributes
    ----------
    label : the scope in words.
    marks : later changes, for figures over time.
    """

    def __init__(self, look: Look, scope: Scope, *, marks: Sequence[AxisMark] = ()) -> None:
        self.look, self.scope, self.marks = look, scope, marks
        self.label = place_of(scope)

    def outcomes(self) -> Picture:
        """What its calls end as."""
        return OUTCOMES.picture(prepare_outcome_mix(self.look, self.scope), self.label)

    def hours(self, metric: str = "error_rate") -> Picture:
        """A metric, hour by hour."""
        asked = metric_named(metric, self.look.arms.user_classes)
        prepared = prepare_hourly_metric(self.look, self.scope, asked, marks=self.marks)
        return HOURS.picture(prepared, self.label, metric=metric)

    def latency(self) -> Picture:
        """How long calls take."""
        return LATENCY.picture(prepare_latency_curves(self.look, self.scope), self.label)

    def km(self) -> Picture:
        """How long until an answer (Kaplan-Meier); a call that was cut off counts as waiting."""
        prepared = prepare_answer_curves(self.look, self.scope)
        return TIME_TO_ANSWER.picture(prepared, self.label)

    def cliff(self) -> Picture:
        """Where failed calls pile up."""
        return CLIFF.picture(prepare_cliff(self.look, self.scope), self.label)

    def shift(self) -> Picture:
        """How each quantile of the time to an answer moved."""
        return SHIFT.picture(prepare_quantile_shifts(self.look, self.scope), self.label)

    def cap_curve(self) -> Picture | None:
        """What a cap would cut off; None without calls."""
        prepared = prepare_cap_curve(self.look, self.scope)
        return CAP.picture(prepared, self.label) if prepared else None
