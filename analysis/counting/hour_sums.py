"""From tables of counts to hour sums of a metric, by stratum, in both arms."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.types import union_categoricals

from analysis.counting.scope import (
    HOURS_A_DAY,
    Cycle,
    Hours,
    Scope,
    fits_any,
    matches_pattern,
)
from analysis.counts import TEXT_KEYS, sort_categories
from analysis.metric_kinds import TRAFFIC, Metric
from analysis.statistics.totals import ArmTotals, Bools, Floats

NULL = 0
"""Code of a text that is NULL. Codes of names count from 1, in alphabetical order."""
TENANT_SHARE = 0.1
"""A tenant with at least this share of a scope's calls, in either arm, is a stratum of its own."""
Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class CodedRows:
    """Rows of one table of counts, of one arm.

    Attributes
    ----------
    names : text key (feature, source, tenant, kind) -> its texts in both arms; that of code k is
        ``names[key][k - 1]``.
    codes : text key -> code of each row's text.
    numbers : every other column; the outcome also as ``succeeded`` and ``failed``, 0 or 1.
    """

    names: Mapping[str, tuple[str, ...]]
    codes: Mapping[str, Integers]
    numbers: Mapping[str, Integers]

    def has_text(self, key: str, belongs: Callable[[str], bool]) -> Bools:
        """Which rows have a text that belongs; NULL never does."""
        belonging = np.array([False, *map(belongs, self.names[key])])
        return np.asarray(belonging[self.codes[key]], dtype=bool)


@dataclass(frozen=True, eq=False)
class ScopedRows:
    """The rows of one arm that belong to a scope at a look.

    Attributes
    ----------
    rows : all rows of the arm.
    at : positions of those that belong.
    stratum : code of the stratum of each, the same in both arms.
    """

    rows: CodedRows
    at: Integers
    stratum: Integers


def code_rows(baseline: pd.DataFrame, post: pd.DataFrame) -> tuple[CodedRows, CodedRows]:
    """The rows of the same table of counts in both arms, with the same codes for their texts."""
    names, codes = {}, {}
    for key in (key for key in TEXT_KEYS if key in baseline.columns):
        both = union_categoricals(
            [sort_categories(baseline[key]), sort_categories(post[key])], sort_categories=True
        )
        names[key], codes[key] = tuple(both.categories), both.codes.astype(np.int64) + 1
    split = len(baseline)
    return (
        CodedRows(names, {key: code[:split] for key, code in codes.items()}, _numbers(baseline)),
        CodedRows(names, {key: code[split:] for key, code in codes.items()}, _numbers(post)),
    )


def select_rows(
    baseline: CodedRows, post: CodedRows, scope: Scope, cycle: Cycle, hours: Hours
) -> tuple[ScopedRows, ScopedRows]:
    """The rows of a scope in the baseline's cycle and in the look's hours, whatever the metric."""
    before, after = _in_cycle(baseline, scope, cycle, hours), _in_look(post, scope, hours)
    hour = baseline.numbers["hour"][before]
    matched = before[(hour - hours[0]) % cycle.hours < hours[1] - hours[0]]
    large = _large_tenants(baseline, matched) | _large_tenants(post, after)
    code = np.zeros(len(before) + len(after), dtype=np.int64)
    for key in ("source", "tenant", "feature") if scope.is_pattern else ("source", "tenant"):
        part = np.concatenate([baseline.codes[key][before], post.codes[key][after]])
        part = np.where(large[part], part, NULL) if key == "tenant" else part
        code = np.unique(code * (part.max(initial=0) + 1) + part, return_inverse=True)[1]
    return (
        ScopedRows(baseline, before, code[: len(before)]),
        ScopedRows(post, after, code[len(before) :]),
    )


def metric_totals(
    baseline: ScopedRows,
    post: ScopedRows,
    metric: Metric,
    *,
    cycle: Cycle,
    usable: Bools,
    hours: Hours,
) -> tuple[ArmTotals, ArmTotals]:
    """Hour sums of one metric in both arms.

    Baseline arrays are (strata, repeats, cycle hours), post arrays (strata, 1, hours); `usable`
    (repeats, cycle hours) says which baseline hours are there. Calls per hour have one stratum.
    """
    strata = max(baseline.stratum.max(initial=0), post.stratum.max(initial=0)) + 1
    strata, length = 1 if metric.kind is TRAFFIC else int(strata), hours[1] - hours[0]
    before = _hour_sums(baseline, metric, first=-cycle.span, shape=(strata, cycle.span))
    after = _hour_sums(post, metric, first=hours[0], shape=(strata, length))
    shape = (strata, cycle.repeats, cycle.hours)
    return (
        ArmTotals.of_sums(**{k: sums.reshape(shape) for k, sums in before.items()}, usable=usable),
        ArmTotals.of_sums(**{k: sums.reshape(strata, 1, length) for k, sums in after.items()}),
    )


def _numbers(rows: pd.DataFrame) -> dict[str, Integers]:
    numbers = {
        name: rows[name].to_numpy(dtype=np.int64) for name in rows.columns if name not in TEXT_KEYS
    }
    if "outcome" in numbers:
        succeeded = (numbers["outcome"] == 0).astype(np.int64)
        numbers |= {"succeeded": succeeded, "failed": 1 - succeeded}
    return numbers


def _in_scope(rows: CodedRows, scope: Scope) -> Integers:
    """Positions of the scope's rows.

    Minutes of a cron are one total: its calls were chosen when they were counted.
    """
    keep = np.ones(len(rows.numbers["hour"]), dtype=bool)
    if scope.kind is not None:
        keep &= rows.has_text("kind", lambda name: name == scope.kind)
    if scope.kind in (None, "recovered"):
        for key, pattern in (("feature", scope.feature), ("source", scope.source)):
            if pattern is not None:
                keep &= rows.has_text(key, partial(matches_pattern, pattern))
        if scope.exceptions:
            keep &= ~rows.has_text("feature", partial(fits_any, scope.exceptions))
    return np.flatnonzero(keep)


def _in_cycle(rows: CodedRows, scope: Scope, cycle: Cycle, hours: Hours) -> Integers:
    """The scope's rows in the cycle's hours.

    A baseline window ends like the post window: a call written after its end is in neither.
    """
    at, length = _in_scope(rows, scope), hours[1] - hours[0]
    hour = rows.numbers["hour"][at]
    keep = (hour >= -cycle.span) & (hour < 0)
    if length < HOURS_A_DAY:
        keep &= (hour - hours[0]) % HOURS_A_DAY % length + rows.numbers["lag_hours"][at] < length
    return at[keep]


def _in_look(rows: CodedRows, scope: Scope, hours: Hours) -> Integers:
    """The scope's rows that start in the look's hours and are written by its end."""
    at = _in_scope(rows, scope)
    hour = rows.numbers["hour"][at]
    return at[(hour >= hours[0]) & (hour + rows.numbers["lag_hours"][at] < hours[1])]


def _large_tenants(rows: CodedRows, at: Integers) -> Bools:
    """Which tenants have at least TENANT_SHARE of the calls of these rows, as a mask over codes."""
    weight = rows.numbers["calls" if "calls" in rows.numbers else "n"][at]
    by_tenant = np.bincount(rows.codes["tenant"][at], weight, len(rows.names["tenant"]) + 1)
    return (by_tenant >= TENANT_SHARE * weight.sum()) & (by_tenant > 0)


def _hour_sums(
    scoped: ScopedRows, metric: Metric, *, first: int, shape: tuple[int, int]
) -> dict[str, Floats]:
    """y, n, yy, yn and nn by stratum and hour, flat."""
    numbers, at = scoped.rows.numbers, scoped.at
    hour = numbers["hour"][at] - first
    if metric.kind is TRAFFIC:  # one value an hour, whatever its rows
        calls = np.bincount(hour, weights=numbers["calls"][at], minlength=shape[1])
        return metric.sums({"calls": calls}.__getitem__) | {"nn": np.zeros(shape[1])}
    place, size = scoped.stratum * shape[1] + hour, shape[0] * shape[1]
    sums: dict[str, Floats] = {
        key: np.bincount(place, weights=values, minlength=size).astype(float)
        for key, values in metric.sums(lambda name: numbers[name][at]).items()
    }
    return sums | {"nn": sums["n"]}
