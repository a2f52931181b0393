"""Calls by latency, per feature: what the full proportional correction slows down."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.counting.arm import Arm
from analysis.counting.caps import find_cliffs
from analysis.counting.scope import Cycle, Hours, Scope, feature_and_source
from analysis.metrics import Metric
from analysis.outcomes import OUTCOME_CODES, TIMEOUT
from analysis.statistics.controls.proportional import TimedCalls
from analysis.statistics.totals import Bools


class CallsByLatency:
    """The latency bins of one arm, feature by feature. What was counted once is kept."""

    def __init__(self, arm: Arm, cycle: Cycle) -> None:
        self._arm = arm
        self._cycle = cycle
        self._counted: dict[tuple[Scope, Hours], dict[str, TimedCalls]] = {}

    def timed_calls(self, scope: Scope, metric: Metric, hours: Hours) -> list[TimedCalls]:
        """A scope's calls, one item a feature: of a look's hours, or of the matched ones before."""
        if (scope, hours) not in self._counted:
            self._counted[scope, hours] = self._count(scope, hours)
        counted = self._counted[scope, hours]
        if metric.limit_column is None:
            return list(counted.values())
        limits = self._limits[metric.limit_column]
        return [
            replace(calls, limit_ms=limits.get(feature, np.nan))
            for feature, calls in counted.items()
        ]

    def _count(self, scope: Scope, hours: Hours) -> dict[str, TimedCalls]:
        positions: dict[str, list[NDArray[np.intp]]] = {}
        for (feature, source), rows in self._positions.items():
            if scope.matches(feature, source):
                positions.setdefault(feature, []).append(rows)
        return {
            feature: self._by_bin(feature, np.concatenate(rows), hours)
            for feature, rows in positions.items()
        }

    def _by_bin(self, feature: str, rows: NDArray[np.intp], hours: Hours) -> TimedCalls:
        bins = self._arm.bins.rows
        rows = rows[self._is_compared(bins["hour"].to_numpy()[rows], hours)]
        edges, place = np.unique(bins["bin_ms"].to_numpy(dtype=float)[rows], return_inverse=True)
        width = np.where(edges < 100, 1.0, 10.0 ** (np.floor(np.log10(np.maximum(edges, 100))) - 1))
        outcome = np.minimum(bins["outcome"].to_numpy()[rows], 2)
        calls = bins["calls"].to_numpy(dtype=float)[rows]
        succeeded, timed_out, failed = (
            np.bincount(place, calls * (outcome == code), edges.size).astype(float)
            for code in range(3)
        )
        cap_ms = self._caps.get(feature, np.inf)
        return TimedCalls(edges, width, succeeded, timed_out, failed, cap_ms=cap_ms)

    def _is_compared(self, hour: NDArray[np.int64], hours: Hours) -> Bools:
        matched = np.zeros(self._cycle.hours, dtype=bool)
        matched[np.arange(*hours) % self._cycle.hours] = True
        in_look = (hour >= hours[0]) & (hour < hours[1])
        in_baseline = (hour >= -self._cycle.span) & matched[hour % self._cycle.hours]
        return np.where(hour < 0, in_baseline, in_look)

    @cached_property
    def _positions(self) -> dict[tuple[str, str | None], NDArray[np.intp]]:
        """Where in the table the rows of each feature and source stand."""
        grouped = self._arm.bins.rows.groupby(["feature", "source"], dropna=False).indices
        return {feature_and_source(key): np.asarray(rows) for key, rows in grouped.items()}

    @cached_property
    def _caps(self) -> dict[str, float]:
        """Where each feature is cut off, ms: its cliff, else the median of its timeouts."""
        latency = self._arm.latency
        caps = {feature: float(cliff.at_ms) for feature, cliff in find_cliffs(latency).items()}
        timeouts = latency.rows[latency.rows["outcome"] == OUTCOME_CODES[TIMEOUT]]
        for feature, counted in timeouts.groupby("feature"):
            ordered = counted.sort_values("latency_ms")
            middle = np.searchsorted(ordered["calls"].cumsum(), ordered["calls"].sum() / 2)
            caps.setdefault(str(feature), float(ordered["latency_ms"].iloc[middle]))
        return caps

    @cached_property
    def _limits(self) -> pd.DataFrame:
        """The baseline's limits by feature."""
        return self._arm.limits.set_index("feature").astype(float)
