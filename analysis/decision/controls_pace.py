"""How the provider's pace works on each metric, and the calls by latency that the full correction multiplies."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from analysis.decision.scope import Cycle, Scope
from analysis.metrics import OUTCOME_CODES, Metric
from analysis.statistics.controls_proportional import Kind, TimedCalls
from analysis.telemetry.load import Arm

SLOWNESS = Metric(
    "slowness", "capped time", "time of answers and timeouts, cut at the feature's cap or its baseline's p99", "up", "ms", "hourly",
    y="capped_ms * (outcome <= 1)", n="timed_calls * (outcome <= 1)", yy="capped_ms_2 * (outcome <= 1)", yn="capped_ms * (outcome <= 1)",
)  # fmt: skip
"""What the slowness index is made of; outcome 0 is an answer, 1 a timeout."""

_TIMES: Mapping[str, Kind] = {"latency_mean": "time", "rmst": "restricted time", "time_per_success": "time per success"}
_CLASSES: Mapping[str, Kind] = {"timeout_rate": "timeouts", "error_rate": "failures"}
_SLOWER = "slower_than_"


def kind_of(metric: Metric) -> Kind | None:
    """How a slower provider changes the metric; None where only the same class elsewhere can say, and where it changes nothing."""
    if metric.name.startswith(_SLOWER):
        return "slower than"
    return _TIMES.get(metric.name) or _CLASSES.get(metric.name)


def is_class_rate(metric: Metric) -> bool:
    """Whether it is the rate of an error class, or of all errors: the plain comparison decides there."""
    return metric.table == "hourly" and metric.unit == "share" and not metric.name.startswith(_SLOWER)


def find_caps(arm: Arm) -> dict[str, float]:
    """Where each feature's calls are cut off, ms: its timeout cliff, else the median of its timeouts; features without any are left out."""
    from analysis.decision.cliffs import find_cliffs  # findings stand above this module, and cliffs know findings

    caps = {feature: float(cliff.at_ms) for feature, cliff in find_cliffs(arm.latency).items()}
    timeouts = arm.latency.rows[arm.latency.rows["outcome"] == OUTCOME_CODES["timeout"]]
    for feature, counted in timeouts.groupby("feature"):
        ordered = counted.sort_values("latency_ms")
        middle = np.searchsorted(ordered["calls"].cumsum(), ordered["calls"].sum() / 2)
        caps.setdefault(str(feature), float(ordered["latency_ms"].iloc[middle]))
    return caps


def timed_calls(
    arm: Arm, scope: Scope, metric: Metric, *, hours: tuple[int, int], cycle: Cycle, caps: Mapping[str, float]
) -> list[TimedCalls]:
    """A scope's calls by latency bin, one item a feature: the post hours of the look, or the baseline hours they are matched with."""
    rows = arm.bins.rows
    pairs = rows[["feature", "source"]].drop_duplicates()
    fitting = [scope.matches(feature, source if isinstance(source, str) else None) for feature, source in pairs.itertuples(index=False)]
    rows = rows.merge(pairs[fitting], on=["feature", "source"])
    rows = rows[_compared(rows["hour"].to_numpy(dtype=np.int64), hours, cycle)]
    return [
        _timed(counted, cap_ms=caps.get(str(feature), np.inf), limit_ms=_limit(arm.limits, str(feature), metric))
        for feature, counted in rows.groupby("feature")
    ]


def _compared(hour: np.ndarray, hours: tuple[int, int], cycle: Cycle) -> np.ndarray:
    matched = np.zeros(cycle.hours, dtype=bool)
    matched[np.arange(*hours) % cycle.hours] = True
    inside = (hour >= hours[0]) & (hour < hours[1])
    return np.where(hour < 0, (hour >= -cycle.span) & matched[hour % cycle.hours], inside)


def _timed(counted: pd.DataFrame, *, cap_ms: float, limit_ms: float) -> TimedCalls:
    outcome = np.minimum(counted["outcome"].to_numpy(dtype=np.int64), 2)
    edges, place = np.unique(counted["bin_ms"].to_numpy(dtype=float), return_inverse=True)
    by_outcome = [
        np.bincount(place, weights=counted["calls"].to_numpy(dtype=float) * (outcome == code), minlength=edges.size) for code in range(3)
    ]
    width = np.where(edges < 100, 1.0, 10.0 ** (np.floor(np.log10(np.maximum(edges, 100))) - 1))
    return TimedCalls(edges, width, *by_outcome, cap_ms=cap_ms, limit_ms=limit_ms)


def _limit(limits: pd.DataFrame, feature: str, metric: Metric) -> float:
    """The threshold of slower_than, else tau of a restricted mean; nan for a feature that has none."""
    column = f"{metric.name.removeprefix(_SLOWER)}_ms" if metric.name.startswith(_SLOWER) else "tau_ms"
    value = limits.loc[limits["feature"] == feature, column]
    return float(value.iloc[0]) if len(value) and pd.notna(value.iloc[0]) else np.nan
