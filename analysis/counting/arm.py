"""One arm of the comparison, baseline or post, as counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from analysis.counts import EventCounts, HourlyBins, HourlyCounts, LatencyCounts
from analysis.window import Window


@dataclass(frozen=True, eq=False)
class Arm:
    """All counts of one arm.

    Attributes
    ----------
    window : the calls that start in it, UTC.
    hours : its first and last + 1 hour, counted from the deploy.
    latency, hourly, bins, events : the tables of counts, without the hours of `excluded_hours`.
    limits : per feature the baseline's tau_ms, p50_ms, p90_ms, p95_ms and p99_ms, used for both
        arms; NA where there is none.
    trust : what the data checks judge: the numbers of written.sql and distinct_ids.sql over the
        rows written in the window.
    excluded_hours : hours from the deploy that a declared incident touches.
    models : feature -> the model of most of its calls; empty for a post arm.
    """

    window: Window
    hours: tuple[int, int]
    latency: LatencyCounts
    hourly: HourlyCounts
    bins: HourlyBins
    events: EventCounts
    limits: pd.DataFrame
    trust: Mapping[str, Any]
    excluded_hours: frozenset[int] = frozenset()
    models: Mapping[str, str] = field(default_factory=dict)

    @property
    def calls(self) -> int:
        """Calls that started in the arm."""
        return int(self.hourly.rows["calls"].sum())
