"""Which calls a claim is about, and their sums per stratum and hour: the bridge from tables of counts to the statistics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache, partial
from types import CodeType

import numpy as np

from analysis.decision.coded import MISSING, CodedArms, CodedRows
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
    arms: CodedArms, *, usable: np.ndarray, scope: Scope, metric: Metric, cycle: Cycle, hours: Sequence[int]
) -> tuple[ArmTotals, ArmTotals]:
    """Hour sums of one metric in both arms, by stratum (feature when a pattern, source, large tenants).

    `hours` are the post hours of the look, (first, last + 1) from the deploy. Baseline arrays are (strata, repeats,
    cycle hours), post arrays (strata, 1, hours); `usable` (repeats, cycle hours) says which baseline hours are there.
    """
    first, last = hours
    before, after = (_selected(rows, arms, scope) for rows in (arms.baseline, arms.post))
    before, after = _inside(before, after, cycle=cycle, first=first, last=last)
    codes = _strata(before, after, arms, scope) if metric.table != "hours" else _one_stratum(before, after)
    n_strata = int(max(code.max(initial=-1) for code in codes)) + 1
    sums_before = _sums(before, metric, codes[0], before.numbers["hour"] + cycle.span, (n_strata, cycle.span))
    sums_after = _sums(after, metric, codes[1], after.numbers["hour"] - first, (n_strata, last - first))
    shape = (n_strata, cycle.repeats, cycle.hours)
    return (
        ArmTotals(**{key: value.reshape(shape) for key, value in sums_before.items()}, usable=usable),
        ArmTotals(
            **{key: value.reshape(n_strata, 1, last - first) for key, value in sums_after.items()},
            usable=np.ones((1, last - first), dtype=bool),
        ),
    )


def usable_hours(baseline: Arm, cycle: Cycle) -> np.ndarray:
    """Which hours of the baseline are there and not excluded, (repeats, cycle hours)."""
    usable = np.ones(cycle.span, dtype=bool)
    excluded = [hour + cycle.span for hour in baseline.excluded_hours if -cycle.span <= hour < 0]
    usable[excluded] = False
    first, last = (hour + cycle.span for hour in baseline.hours)
    usable[: max(first, 0)] = False
    usable[max(last, 0) :] = False
    return usable.reshape(cycle.repeats, cycle.hours)


def _fits(pattern: str | None, value: str | None) -> bool:
    if pattern is None:
        return True
    return isinstance(value, str) and (fnmatchcase(value, _literal_brackets(pattern)) if "*" in pattern else value == pattern)


def _literal_brackets(pattern: str) -> str:
    """Only * is special: brackets and question marks in a name mean themselves."""
    return pattern.replace("[", "[[]").replace("?", "[?]")


def _selected(rows: CodedRows, arms: CodedArms, scope: Scope) -> CodedRows:
    """The rows of the claim's calls; the events of a cron are one total, chosen when they were counted."""
    keep = np.ones(len(rows), dtype=bool)
    if scope.kind is not None:
        keep &= arms.codes("kind", lambda name: name == scope.kind)[rows.texts["kind"]]
    if scope.kind is None or scope.kind.startswith("recovered"):
        for key, pattern in (("feature", scope.feature), ("source", scope.source)):
            if pattern is not None:
                keep &= arms.codes(key, partial(_fits, pattern))[rows.texts[key]]
    return rows.chosen(np.flatnonzero(keep))


def _inside(
    before: CodedRows, after: CodedRows, *, cycle: Cycle, first: int, last: int
) -> tuple[CodedRows, CodedRows]:
    """The rows of the cycle's hours and of the look's.

    A baseline window is cut like the post window: without the calls that were written too late for it.
    """
    length, hour = last - first, before.numbers["hour"]
    keep = (hour >= -cycle.span) & (hour < 0)
    if length < HOURS_A_DAY:
        keep &= (hour - first) % HOURS_A_DAY % length + before.numbers["lag_hours"] < length
    hour = after.numbers["hour"]
    return before.chosen(keep), after.chosen((hour >= first) & (hour + after.numbers["lag_hours"] < last))


def _one_stratum(before: CodedRows, after: CodedRows) -> tuple[np.ndarray, np.ndarray]:
    return np.zeros(len(before), dtype=np.int64), np.zeros(len(after), dtype=np.int64)


def _strata(before: CodedRows, after: CodedRows, arms: CodedArms, scope: Scope) -> tuple[np.ndarray, np.ndarray]:
    """A code per row: source x tenant x feature (when a pattern), tenants below the share together."""
    large = _large_tenants(before, arms) | _large_tenants(after, arms)
    keys = [
        [rows.texts["source"] for rows in (before, after)],
        [np.where(large[rows.texts["tenant"]], rows.texts["tenant"], MISSING) for rows in (before, after)],
    ]
    if scope.is_pattern:
        keys.append([rows.texts["feature"] for rows in (before, after)])
    code = np.zeros(len(before) + len(after), dtype=np.int64)
    for part in map(np.concatenate, keys):
        code = np.unique(code * (part.max(initial=0) + 1) + part, return_inverse=True)[1]
    return code[: len(before)], code[len(before) :]


def _large_tenants(rows: CodedRows, arms: CodedArms) -> np.ndarray:
    """Which tenant codes have at least TENANT_SHARE of the calls, as a mask over codes."""
    weight = rows.numbers[arms.weight]
    by_tenant = np.bincount(rows.texts["tenant"], weights=weight, minlength=len(arms.names["tenant"]) + 1)
    return (by_tenant >= TENANT_SHARE * weight.sum()) & (by_tenant > 0)


def _sums(
    rows: CodedRows, metric: Metric, codes: np.ndarray, hour: np.ndarray, shape: tuple[int, int]
) -> dict[str, np.ndarray]:
    flat = codes * shape[1] + hour
    if metric.table == "hours":
        y = np.bincount(flat, weights=rows.numbers["calls"], minlength=shape[1]).reshape(1, -1)
        return {"y": y, "n": np.ones_like(y), "yy": y, "yn": np.zeros_like(y), "nn": np.zeros_like(y)}
    y, n, yy, yn = (
        _summed(expression, rows.numbers, flat, shape[0] * shape[1])
        for expression in (metric.y, metric.n, metric.yy, metric.yn)
    )
    return {"y": y, "n": n, "yy": yy, "yn": yn, "nn": n}


def _summed(expression: str, numbers: dict[str, np.ndarray], flat: np.ndarray, size: int) -> np.ndarray:
    # the expressions are the constants of metrics.py, never a user's text
    values = eval(_compiled(expression), {"__builtins__": {}}, numbers)
    return np.bincount(flat, weights=np.broadcast_to(values, flat.shape), minlength=size)


@cache
def _compiled(expression: str) -> CodeType:
    return compile(expression, "<metric>", "eval")
