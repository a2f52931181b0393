"""Which calls a claim is about, and their sums per stratum and hour: the bridge from tables of counts to the statistics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from types import CodeType

import numpy as np
import pandas as pd

from analysis.metrics import Metric
from analysis.statistics.totals import ArmTotals
from analysis.telemetry.load import Arm

HOURS_A_DAY = 24
HOURS_A_WEEK = 168
TENANT_SHARE = 0.1
"""A tenant with at least this share of a claim's calls, in either arm, is a stratum of its own."""


@dataclass(frozen=True)
class Cycle:
    """How baseline hours are matched with post hours.

    Attributes
    ----------
    hours : 24 (hour of the day) or 168 (hour of the week, with a baseline of two weeks or more).
    repeats : days or weeks of the baseline.
    """

    hours: int
    repeats: int

    @classmethod
    def of(cls, baseline_hours: int) -> Cycle:
        """The cycle of a baseline of that many hours."""
        days = -(-baseline_hours // HOURS_A_DAY)
        return cls(HOURS_A_WEEK, days // 7) if days >= 14 else cls(HOURS_A_DAY, max(days, 1))

    @property
    def span(self) -> int:
        """Hours of the baseline that are used."""
        return self.hours * self.repeats

    @property
    def name(self) -> str:
        """In words, for the page."""
        return "hour of the week" if self.hours == HOURS_A_WEEK else "hour of the day"


@dataclass(frozen=True)
class Scope:
    """The calls of a claim: patterns of feature and source (None: all), and the kind of events when the metric counts events."""

    feature: str | None = None
    source: str | None = None
    kind: str | None = None

    def matches(self, feature: str, source: str | None) -> bool:
        """Whether a call of that feature and source belongs to it; a source that is not there belongs only where none is asked for."""
        return _fits(self.feature, feature) and _fits(self.source, source)

    @property
    def is_pattern(self) -> bool:
        """Whether several features may belong, which makes the feature a stratum."""
        return self.feature is None or "*" in self.feature


def metric_totals(
    baseline: Arm, post: Arm, *, scope: Scope, metric: Metric, cycle: Cycle, hours: Sequence[int]
) -> tuple[ArmTotals, ArmTotals]:
    """Hour sums of one metric in both arms, by stratum (feature when a pattern, source, large tenants).

    `hours` are the post hours of the look, (first, last + 1) from the deploy. Baseline arrays are (strata, repeats, cycle hours),
    post arrays (strata, 1, hours).
    """
    first, last = hours
    table = "events" if metric.table == "events" else "hourly"
    before = _selected(getattr(baseline, table).rows, scope)
    after = _selected(getattr(post, table).rows, scope)
    before = before[(before["hour"] >= -cycle.span) & (before["hour"] < 0)]
    length = last - first
    if length < HOURS_A_DAY:  # a baseline window is cut like the post window: without the calls written too late for it
        before = before[(before["hour"] - first) % HOURS_A_DAY % length + before["lag_hours"] < length]
    after = after[(after["hour"] >= first) & (after["hour"] + after["lag_hours"] < last)]
    n_baseline, n_post = cycle.span, last - first
    codes_before, codes_after = _strata(before, after, scope) if metric.table != "hours" else _one_stratum(before, after)
    n_strata = int(max(codes_before.max(initial=-1), codes_after.max(initial=-1))) + 1
    usable_before = _usable(baseline, cycle)
    usable_after = np.ones((1, n_post), dtype=bool)
    sums_before = _sums(before, metric, codes_before, before["hour"].to_numpy() + n_baseline, (n_strata, n_baseline))
    sums_after = _sums(after, metric, codes_after, after["hour"].to_numpy() - first, (n_strata, n_post))
    shape = (n_strata, cycle.repeats, cycle.hours)
    return (
        ArmTotals(**{key: value.reshape(shape) for key, value in sums_before.items()}, usable=usable_before),
        ArmTotals(**{key: value.reshape(n_strata, 1, n_post) for key, value in sums_after.items()}, usable=usable_after),
    )


def _fits(pattern: str | None, value: str | None) -> bool:
    if pattern is None:
        return True
    return isinstance(value, str) and (fnmatchcase(value, _literal_brackets(pattern)) if "*" in pattern else value == pattern)


def _literal_brackets(pattern: str) -> str:
    """Only * is special: brackets and question marks in a name mean themselves."""
    return pattern.replace("[", "[[]").replace("?", "[?]")


def _selected(rows: pd.DataFrame, scope: Scope) -> pd.DataFrame:
    if scope.kind is not None:
        rows = rows[rows["kind"] == scope.kind]
        if not scope.kind.startswith("recovered"):
            return rows
    keep = _mask(rows["feature"], scope.feature) & _mask(rows["source"], scope.source)
    return rows[keep]


def _mask(column: pd.Series, pattern: str | None) -> np.ndarray:
    if pattern is None:
        return np.ones(len(column), dtype=bool)
    if "*" not in pattern:
        return (column == pattern).to_numpy(dtype=bool, na_value=False)
    chosen = [value for value in column.dropna().unique() if _fits(pattern, value)]
    return column.isin(chosen).to_numpy(dtype=bool)


def _one_stratum(before: pd.DataFrame, after: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    return np.zeros(len(before), dtype=np.int64), np.zeros(len(after), dtype=np.int64)


def _strata(before: pd.DataFrame, after: pd.DataFrame, scope: Scope) -> tuple[np.ndarray, np.ndarray]:
    """A code per row: feature (when a pattern) x source x tenant, tenants below the share together."""
    both = pd.concat([before[["feature", "source", "tenant"]], after[["feature", "source", "tenant"]]], ignore_index=True)
    weight_column = "calls" if "calls" in before.columns else "n"
    large = set()
    for rows in (before, after):
        total = rows[weight_column].sum()
        by_tenant = rows.groupby("tenant")[weight_column].sum()
        large |= set(by_tenant[by_tenant >= TENANT_SHARE * total].index) if total else set()
    code = np.zeros(len(both), dtype=np.int64)
    columns = [both["source"], both["tenant"].where(both["tenant"].isin(large))]
    if scope.is_pattern:
        columns.append(both["feature"])
    for column in columns:
        part = pd.factorize(column, sort=True, use_na_sentinel=True)[0] + 1
        code = np.unique(code * (part.max(initial=0) + 1) + part, return_inverse=True)[1]
    return code[: len(before)], code[len(before) :]


def _usable(baseline: Arm, cycle: Cycle) -> np.ndarray:
    usable = np.ones(cycle.span, dtype=bool)
    excluded = [hour + cycle.span for hour in baseline.excluded_hours if -cycle.span <= hour < 0]
    usable[excluded] = False
    first, last = (hour + cycle.span for hour in baseline.hours)
    usable[: max(first, 0)] = False
    usable[max(last, 0) :] = False
    return usable.reshape(cycle.repeats, cycle.hours)


def _sums(
    rows: pd.DataFrame, metric: Metric, codes: np.ndarray, hour: np.ndarray, shape: tuple[int, int]
) -> dict[str, np.ndarray]:
    flat = codes * shape[1] + hour
    size = shape[0] * shape[1]
    if metric.table == "hours":
        y = np.bincount(flat, weights=rows["calls"], minlength=shape[1]).reshape(1, -1)
        return {"y": y, "n": np.ones_like(y), "yy": y, "yn": np.zeros_like(y), "nn": np.zeros_like(y)}
    columns = _columns(rows, metric.table)
    y, n, yy, yn = (_summed(expression, columns, flat, size) for expression in (metric.y, metric.n, metric.yy, metric.yn))
    return {"y": y, "n": n, "yy": yy, "yn": yn, "nn": n}


def _columns(rows: pd.DataFrame, table: str) -> dict[str, np.ndarray]:
    columns = {name: rows[name].to_numpy(dtype=float) for name in rows.columns if rows[name].dtype == "int64"}
    if table == "hourly":
        columns["succeeded"] = (rows["outcome"] == 0).to_numpy(dtype=float)
        columns["failed"] = 1.0 - columns["succeeded"]
    return columns


def _summed(expression: str, columns: dict[str, np.ndarray], flat: np.ndarray, size: int) -> np.ndarray:
    # the expressions are the constants of metrics.py, never a user's text
    values = eval(_compiled(expression), {"__builtins__": {}}, columns)
    return np.bincount(flat, weights=np.broadcast_to(np.asarray(values, dtype=float), flat.shape), minlength=size)


@cache
def _compiled(expression: str) -> CodeType:
    return compile(expression, "<metric>", "eval")
