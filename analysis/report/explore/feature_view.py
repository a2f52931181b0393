"""One feature of a look: each method answers one question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np
import pandas as pd

from analysis.config.settings import Claim
from analysis.counting.scope import Scope
from analysis.decision.claims.evaluation import evaluate_claim
from analysis.decision.whatif import time_to_answer, what_if
from analysis.figure_data.hourly import prepare_hourly_slowness
from analysis.figure_data.latency import LEVEL, timed_calls
from analysis.formatting import change_in, milliseconds
from analysis.judge import Look
from analysis.metrics import known_metrics, metric_named
from analysis.report.figures.hourly import CONTROLS
from analysis.report.figures.picture import Picture
from analysis.report.figures.scope_figures import ScopeFigures
from analysis.report.page_templates import Section, make_section, sentences
from analysis.report.tables import Column, ReportTable
from analysis.statistics.latency.survival import SurvivalCurve
from analysis.text.exploration import (
    NO_CALLS,
    NO_CONTROLS,
    NO_TIMED_CALL,
    NOT_IDENTIFIABLE,
    comparison_sentence,
)
from analysis.text.next_steps import cap_sentence
from analysis.window import parse_duration

QUANTILES = (0.5, 0.9, 0.95, 0.99)


class FeatureView(ScopeFigures):
    """The calls of one feature, before and after: each method answers one question."""

    def __repr__(self) -> str:
        return f"{self.label}, {self.look.label}: ask .{', .'.join(sorted(QUESTIONS))}"

    def source(self, pattern: str) -> FeatureView:
        """Only the calls of that source (or a pattern with *)."""
        return FeatureView(self.look, Scope(self.scope.feature, pattern))

    def sources(self) -> ReportTable:
        """Where its calls come from, before and after."""
        return calls_by(self.look, "source", self.scope, title=f"Sources of {self.label}")

    def cap(self, cap: str | None = None) -> Section:
        """What a cap would cut off: the curve, and for a cap such as "30s" the numbers."""
        picture = self.cap_curve()
        lines = [self.what_if(cap)] if cap else []
        text = lines[0] if lines else picture.text.alt if picture else NO_CALLS
        pictures = [picture] if picture else []
        return make_section("pictures", text, lines=lines, pictures=pictures)

    def what_if(self, cap: str) -> str:
        """What a cap such as "30s" would cut off and save, in one sentence."""
        cap_ms = parse_duration(cap).total_seconds() * 1000
        if not self.n_calls[1]:
            return NO_TIMED_CALL.format(label=self.label)
        prediction = what_if(self.look.arms, self.scope, cap_ms, level=LEVEL)
        return cap_sentence(replace(prediction, feature=self.label))

    def quantiles(self, q: float | Sequence[float] = QUANTILES) -> ReportTable:
        """Times within which that share of the calls was answered; unknown beyond a cap."""
        arms = (self.look.baseline, self.look.post)
        baseline, post = (time_to_answer(arm.latency, self.scope) for arm in arms)
        rows = []
        for share in np.atleast_1d(q):
            before, after = _answer_time(baseline, share), _answer_time(post, share)
            change = None if before is None or after is None else after - before
            row = {
                "q": f"p{100 * share:g}",
                "before": NOT_IDENTIFIABLE if before is None else milliseconds(before),
                "after": NOT_IDENTIFIABLE if after is None else milliseconds(after),
                "change": change_in(change, "ms"),
            }
            rows.append(row)
        columns = (Column("q", title="quantile"), *map(Column, ("before", "after", "change")))
        return ReportTable(f"Time to an answer of {self.label}", columns, tuple(rows))

    def controls(self, metric: str = "latency_mean") -> Picture | Section:
        """A metric hour by hour with its control features."""
        feature, source = self.scope.feature, self.scope.source
        claim = Claim.model_construct(name=metric, feature=feature, source=source, metric=metric)
        evaluation = evaluate_claim(claim, self.look.comparator, self.look.plan.hours)
        prepared = prepare_hourly_slowness(evaluation, self.look.arms)
        if prepared is None:
            return sentences([NO_CONTROLS])
        return CONTROLS.picture(prepared, self.label, metric=metric)

    def compare(
        self, metric: str, *, controls: bool | Sequence[str] = True, without: Sequence[str] = ()
    ) -> Section:
        """A metric before and after at the same mix of calls, with its interval.

        `controls` switches the control features off (False) or names them; `without` leaves some
        out.
        """
        asked = metric_named(metric, self.look.arms.user_classes)
        use = None if controls is True else () if controls is False else tuple(controls)
        comparator = self.look.comparator.with_controls(use=use, leave_out=without)
        comparison = comparator.compare(self.scope, asked, self.look.plan.hours)
        return sentences([comparison_sentence(asked, self.label, comparison, at_level=LEVEL)])

    @cached_property
    def n_calls(self) -> tuple[int, int]:
        """Calls with a latency, before and after."""
        arms = (self.look.baseline, self.look.post)
        before, after = (int(timed_calls(arm, self.scope)["calls"].sum()) for arm in arms)
        return before, after


QUESTIONS = tuple(
    name
    for name in dir(FeatureView)
    if callable(getattr(FeatureView, name)) and not name.startswith("_")
)


def metric_names(look: Look) -> list[str]:
    """Every metric that a feature can be asked for."""
    metrics = known_metrics(look.arms.user_classes)
    return [name for name, metric in metrics.items() if metric.table == "hourly"]


def calls_by(look: Look, column: str, scope: Scope, *, title: str) -> ReportTable:
    """Calls and share of failures by feature or source, before and after."""
    sums: dict[str, pd.Series] = {}
    for name, arm in (("baseline", look.baseline), ("post", look.post)):
        counts = scope.select(arm.hourly.rows)
        counts = counts.assign(failed=counts["calls"].where(counts["outcome"] != 0, 0))
        label = counts[column].astype("str").fillna("no source")
        totals = counts.groupby(label)[["calls", "failed"]].sum()
        sums |= {
            f"{name}_calls": totals["calls"],
            f"{name}_rate": totals["failed"] / totals["calls"],
        }
    table = pd.DataFrame(sums).rename_axis(column).reset_index()
    table = table.fillna({"baseline_calls": 0, "post_calls": 0}).astype(object)
    rows = [
        {str(key): value for key, value in row.items()}
        for row in table.where(table.notna(), None).to_dict("records")
    ]
    columns = (
        Column(column),
        Column("baseline_calls", "count", "calls before"),
        Column("baseline_rate", "share", "fail before"),
        Column("post_calls", "count", "calls after"),
        Column("post_rate", "share", "fail after"),
    )
    return ReportTable(title, columns, tuple(rows)).sorted_by("post_calls")


def _answer_time(curve: SurvivalCurve, share: float) -> float | None:
    answered = np.flatnonzero(1 - curve.survival >= share - 1e-12)
    return float(curve.time_ms[answered[0]]) if answered.size else None
