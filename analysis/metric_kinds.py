"""The record of a metric, and the kinds of quantity that it can be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from numpy.typing import NDArray

Columns = Callable[[str], "NDArray[Any]"]
"""Column of a table of counts by its name."""
Quantity = Callable[[Columns], "NDArray[Any]"]
"""What is added up of each row of a table of counts."""
ProviderEffect = Literal[
    "time", "restricted time", "time per success", "timeouts", "failures", "slower than"
]


@dataclass(frozen=True)
class MetricKind:
    """What kind of quantity a metric is.

    Attributes
    ----------
    unit : ``share`` (0 to 1), ``ms``, ``tokens`` or ``calls/h``.
    table : ``hourly`` (HourlyCounts), ``events`` (EventCounts) or ``hours`` (n is 1 an hour).
    counts_events : y is 0 or 1 for one call (or failure, or minute), so its sum counts events.
    is_time : a time, of which a share is compared rather than a difference.
    log_scale : y is the sum of logarithms; the value is the mean over hours, taken back to ms.
    """

    name: str
    unit: Literal["share", "ms", "tokens", "calls/h"]
    table: Literal["hourly", "events", "hours"] = "hourly"
    counts_events: bool = False
    is_time: bool = False
    log_scale: bool = False

    @property
    def is_price(self) -> bool:
        """Whether a team may raise it on purpose, as the price of a fix: time or tokens."""
        return self.unit in ("ms", "tokens")


CLASS_RATE = MetricKind("rate of an outcome class", "share", counts_events=True)
SLOW_SHARE = MetricKind("share of slow calls", "share", counts_events=True)
TIME = MetricKind("time", "ms", is_time=True)
TYPICAL_TIME = MetricKind("typical time", "ms", is_time=True, log_scale=True)
TOKENS = MetricKind("tokens", "tokens")
EVENT_RATE = MetricKind("rate of events", "share", "events", counts_events=True)
TRAFFIC = MetricKind("traffic", "calls/h", "hours")


@dataclass(frozen=True)
class Metric:
    """One metric of calls.

    Attributes
    ----------
    name : as written in rollout.toml.
    words : what it counts, as a sentence says it: "timeouts (of a feature) fell from ...".
    kind : what kind of quantity it is, with unit and table.
    y, n : numerator and denominator, from the columns of the table. ``succeeded`` and ``failed``
        are 0 or 1 by outcome.
    yy, yn : sums over single calls of y squared and of y times n, for the variance of independent
        calls (n is 0 or 1 for one call, so n squared is n). Left out where they equal y.
    among : what n counts, as a sentence says it.
    worse : ``up`` when a larger value is worse, ``down`` when a smaller one is.
    outcome : code of the outcome class that a class rate counts; None for all failures.
    provider_effect : how a slower provider changes it; None where it does not.
    limit_column : column of the baseline's limits with each feature's threshold or tau.
    claim_key : key of a claim in rollout.toml that only this metric reads.
    event : which events of EventCounts it counts.
    """

    name: str
    words: str
    kind: MetricKind
    y: Quantity = field(compare=False, repr=False)
    n: Quantity = field(compare=False, repr=False)
    yy: Quantity | None = field(default=None, compare=False, repr=False)
    yn: Quantity | None = field(default=None, compare=False, repr=False)
    among: str = "calls"
    worse: Literal["up", "down"] = "up"
    outcome: int | None = None
    provider_effect: ProviderEffect | None = None
    limit_column: str | None = None
    claim_key: Literal["tau_ms", "budget_ms"] | None = None
    event: Literal["recovered", "cron_over"] | None = None

    @property
    def unit(self) -> Literal["share", "ms", "tokens", "calls/h"]:
        """Unit of its values."""
        return self.kind.unit

    @property
    def table(self) -> Literal["hourly", "events", "hours"]:
        """Table of counts that it is computed from."""
        return self.kind.table

    @property
    def indicator(self) -> bool:
        """Whether y is 0 or 1 for one call, so that the metric is a rate of events."""
        return self.kind.counts_events

    @property
    def log_scale(self) -> bool:
        """Whether y is the sum of logarithms, so that its value is a typical one."""
        return self.kind.log_scale

    @property
    def depends_on_provider(self) -> bool:
        """Whether control features say anything about it, by their pace or the same errors."""
        return self.provider_effect is not None or self.kind is CLASS_RATE

    def sums(self, column: Columns) -> dict[str, NDArray[Any]]:
        """y, n, yy and yn of each row of the table."""
        y = self.y(column)
        return {
            "y": y,
            "n": self.n(column),
            "yy": y if self.yy is None else self.yy(column),
            "yn": y if self.yn is None else self.yn(column),
        }
