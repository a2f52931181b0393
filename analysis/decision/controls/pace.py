"""How the provider's pace works on each metric, and the calls by latency that the full correction multiplies."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from analysis.counting.arm import Arm
from analysis.counting.caps import find_cliffs
from analysis.counting.scope import Cycle, Scope
from analysis.metrics import OUTCOME_CODES, TIME, TIMEOUT, Metric
from analysis.statistics.controls.proportional import TimedCalls

SLOWNESS = Metric(
    name="slowness",
    words="capped time",
    kind=TIME,
    y=lambda column: column("capped_ms") * (column("outcome") <= 1),
    n=lambda column: column("timed_calls") * (column("outcome") <= 1),
    yy=lambda column: column("capped_ms_2") * (column("outcome") <= 1),
)
"""What the slowness index is made of: time of answers (outcome 0) and timeouts (1), cut at the feature's tau."""


class CallsByLatency:
    """The latency bins of one arm, feature by feature; what was counted once is kept."""

    def __init__(self, arm: Arm, cycle: Cycle) -> None:
        self._arm = arm
        self._cycle = cycle
        self._counted: dict[tuple, dict[str, tuple[np.ndarray, ...]]] = {}

    def of(self, scope: Scope, metric: Metric, hours: tuple[int, int]) -> list[TimedCalls]:
        """A scope's calls, one item a feature: in the post hours of a look, or in the baseline hours they are matched with."""
        key = (scope, hours)
        if key not in self._counted:
            self._counted[key] = self._count(scope, hours)
        return [
            TimedCalls(
                *counted,
                cap_ms=self._caps.get(feature, np.inf),
                limit_ms=self._limit(feature, metric),
            )
            for feature, counted in self._counted[key].items()
        ]

    def _count(self, scope: Scope, hours: tuple[int, int]) -> dict[str, tuple[np.ndarray, ...]]:
        found: dict[str, list[np.ndarray]] = {}
        for (feature, source), rows in self._rows.items():
            if scope.matches(feature, source):
                found.setdefault(feature, []).append(rows)
        return {
            feature: self._by_bin(np.concatenate(rows), hours) for feature, rows in found.items()
        }

    def _by_bin(self, rows: np.ndarray, hours: tuple[int, int]) -> tuple[np.ndarray, ...]:
        """Of these positions in the table: edges and widths of the bins, and calls that were answered, timed out, and failed otherwise."""
        bins = self._arm.bins.rows
        rows = rows[self._compared(bins["hour"].to_numpy()[rows], hours)]
        edges, place = np.unique(bins["bin_ms"].to_numpy(dtype=float)[rows], return_inverse=True)
        width = np.where(edges < 100, 1.0, 10.0 ** (np.floor(np.log10(np.maximum(edges, 100))) - 1))
        outcome, calls = (
            np.minimum(bins["outcome"].to_numpy()[rows], 2),
            bins["calls"].to_numpy(dtype=float)[rows],
        )
        return (
            edges,
            width,
            *(
                np.bincount(place, weights=calls * (outcome == code), minlength=edges.size)
                for code in range(3)
            ),
        )

    def _compared(self, hour: np.ndarray, hours: tuple[int, int]) -> np.ndarray:
        matched = np.zeros(self._cycle.hours, dtype=bool)
        matched[np.arange(*hours) % self._cycle.hours] = True
        inside = (hour >= hours[0]) & (hour < hours[1])
        return np.where(
            hour < 0, (hour >= -self._cycle.span) & matched[hour % self._cycle.hours], inside
        )

    @cached_property
    def _rows(self) -> dict[tuple[str, str | None], np.ndarray]:
        """Where in the table the rows of each feature and source stand."""
        grouped = self._arm.bins.rows.groupby(["feature", "source"], dropna=False).indices
        return {
            (str(feature), source if isinstance(source, str) else None): rows
            for (feature, source), rows in grouped.items()
        }

    @cached_property
    def _caps(self) -> dict[str, float]:
        """Where each feature's calls are cut off, ms: its timeout cliff, else the median of its timeouts; without either it has none."""
        latency = self._arm.latency
        caps = {feature: float(cliff.at_ms) for feature, cliff in find_cliffs(latency).items()}
        timeouts = latency.rows[latency.rows["outcome"] == OUTCOME_CODES[TIMEOUT]]
        for feature, counted in timeouts.groupby("feature"):
            ordered = counted.sort_values("latency_ms")
            middle = np.searchsorted(ordered["calls"].cumsum(), ordered["calls"].sum() / 2)
            caps.setdefault(str(feature), float(ordered["latency_ms"].iloc[middle]))
        return caps

    def _limit(self, feature: str, metric: Metric) -> float:
        """The metric's threshold or tau for a feature, ms; nan where there is none."""
        if metric.limit_column is None:
            return np.nan
        return self._limits.get(feature, {}).get(metric.limit_column, np.nan)

    @cached_property
    def _limits(self) -> dict[str, dict[str, float]]:
        limits = self._arm.limits.set_index("feature").astype(float)
        return {str(feature): row.to_dict() for feature, row in limits.iterrows()}
