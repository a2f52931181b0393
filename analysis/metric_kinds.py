"""The kinds of quantity that a metric can be: each with its unit and its table of counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class MetricKind:
    """What kind of quantity a metric is.

    Attributes
    ----------
    unit : ``share`` (0 to 1), ``ms``, ``tokens`` or ``calls/h``.
    table : ``hourly`` (HourlyCounts), ``events`` (EventCounts) or ``hours`` (n is 1 an hour).
    counts_events : y is 0 or 1 for one call (or failure, or minute), so its sum counts events.
    """

    name: str
    unit: Literal["share", "ms", "tokens", "calls/h"]
    table: Literal["hourly", "events", "hours"] = "hourly"
    counts_events: bool = False


CLASS_RATE = MetricKind("rate of an outcome class", "share", counts_events=True)
SLOW_SHARE = MetricKind("share of slow calls", "share", counts_events=True)
TIME = MetricKind("time", "ms")
TOKENS = MetricKind("tokens", "tokens")
EVENT_RATE = MetricKind("rate of events", "share", "events", counts_events=True)
TRAFFIC = MetricKind("traffic", "calls/h", "hours")
