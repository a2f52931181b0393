"""Both arms of a rollout, and the hour sums of any metric in them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from analysis.counting.arm import Arm
from analysis.counting.hour_sums import (
    CodedRows,
    ScopedRows,
    code_rows,
    metric_totals,
    select_rows,
)
from analysis.counting.scope import Cycle, Hours, Scope
from analysis.metric_kinds import Metric
from analysis.statistics.totals import ArmTotals, Bools


@dataclass(frozen=True, eq=False)
class Arms:
    """Both arms of a rollout.

    Attributes
    ----------
    baseline, post : the counts before and after the deploy.
    user_classes : names of the user's error classes, in the order of their codes.
    """

    baseline: Arm
    post: Arm
    user_classes: tuple[str, ...] = ()
    _totals: dict[tuple[Scope, str, Hours], tuple[ArmTotals, ArmTotals]] = field(
        default_factory=dict, init=False, repr=False
    )
    _rows: dict[tuple[Scope, bool, Hours], tuple[ScopedRows, ScopedRows]] = field(
        default_factory=dict, init=False, repr=False
    )

    @cached_property
    def cycle(self) -> Cycle:
        """How baseline hours are matched with post hours."""
        return Cycle.of(*self.baseline.hours)

    @cached_property
    def usable_hours(self) -> Bools:
        """Which hours of the baseline are in it and not excluded, (repeats, cycle hours)."""
        return self.cycle.usable_hours(self.baseline)

    def hour_of_cycle(self, hour: int) -> int:
        """The hour of the cycle at which a post hour lies."""
        return hour % self.cycle.hours

    def totals(self, scope: Scope, metric: Metric, hours: Hours) -> tuple[ArmTotals, ArmTotals]:
        """Hour sums of a metric over the whole baseline and these post hours; computed once."""
        key = (scope, metric.name, hours)
        if key not in self._totals:
            rows, usable = self._select_rows(scope, metric, hours), self.usable_hours
            self._totals[key] = metric_totals(
                *rows, metric, cycle=self.cycle, usable=usable, hours=hours
            )
        return self._totals[key]

    def _select_rows(
        self, scope: Scope, metric: Metric, hours: Hours
    ) -> tuple[ScopedRows, ScopedRows]:
        in_events = metric.table == "events"
        key = (scope, in_events, hours)
        if key not in self._rows:
            tables = self._coded_events if in_events else self._coded_hourly
            self._rows[key] = select_rows(*tables, scope, self.cycle, hours)
        return self._rows[key]

    @cached_property
    def _coded_hourly(self) -> tuple[CodedRows, CodedRows]:
        return code_rows(self.baseline.hourly.rows, self.post.hourly.rows)

    @cached_property
    def _coded_events(self) -> tuple[CodedRows, CodedRows]:
        return code_rows(self.baseline.events.rows, self.post.events.rows)
