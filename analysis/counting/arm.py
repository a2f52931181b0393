"""One arm of the comparison, baseline or post, as counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import pandas as pd

from analysis.counts import EventCounts, HourlyBins, HourlyCounts, LatencyCounts
from analysis.window import Window


@dataclass(frozen=True)
class RowQuality:
    """What the data checks judge: the rows written in a window and the ingestion delay after it.

    Attributes
    ----------
    written_rows : all of them.
    distinct_ids, ids_compared : different ids, among so many rows whose ids were compared.
    null_latencies, negative_latencies, unknown_statuses : rows with such a value.
    started_before : rows of calls that started before the window.
    first_written_at, last_written_at : UTC; None without rows.
    """

    written_rows: int = 0
    distinct_ids: int = 0
    ids_compared: int = 0
    null_latencies: int = 0
    negative_latencies: int = 0
    unknown_statuses: int = 0
    started_before: int = 0
    first_written_at: datetime | None = None
    last_written_at: datetime | None = None


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
    quality : what the data checks judge.
    excluded_hours : hours from the deploy that a declared incident touches.
    models : feature -> the model of most of its calls.
    """

    window: Window
    hours: tuple[int, int]
    latency: LatencyCounts
    hourly: HourlyCounts
    bins: HourlyBins
    events: EventCounts
    limits: pd.DataFrame
    quality: RowQuality
    excluded_hours: frozenset[int] = frozenset()
    models: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def empty(cls, window: Window, hours: tuple[int, int], *, limits: pd.DataFrame) -> Arm:
        """An arm without calls."""
        return cls(
            window,
            hours,
            LatencyCounts.empty(),
            HourlyCounts.empty(),
            HourlyBins.empty(),
            EventCounts.empty(),
            limits=limits,
            quality=RowQuality(),
        )

    @property
    def calls(self) -> int:
        """Calls that started in the arm."""
        return int(self.hourly.rows["calls"].sum())
