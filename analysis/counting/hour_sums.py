"""From tables of counts to hour sums of a metric, by stratum, in both arms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.types import union_categoricals

from analysis.counting.scope import HOURS_A_DAY, Cycle, Hours, Scope, matches_pattern
from analysis.counts import TEXT_KEYS, sort_categories
from analysis.metric_kinds import TRAFFIC
from analysis.metrics import Metric
from analysis.statistics.totals import ArmTotals, Bools, Floats

MISSING = 0
"""Code of a text that is NULL. Codes of names count from 1, in alphabetical order."""
TENANT_SHARE = 0.1
"""A tenant with at least this share of a scope's calls, in either arm, is a stratum of its own."""
Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class CodedRows:
    """Rows of one table of counts, of one arm.

    Attributes
    ----------
    codes : text key (feature, source, tenant, kind) -> code of each row's text.
    numbers : every other column; the outcome also as ``succeeded`` and ``failed``, 0 or 1.
    """

    codes: dict[str, Integers]
    numbers: dict[str, Integers]

    def __len__(self) -> int:
        return len(self.numbers["hour"])


@dataclass(frozen=True, eq=False)
class CodedArms:
    """One table of counts of both arms, with the same codes for the same texts.

    Attributes
    ----------
    names : text key -> its texts; the text of code k is ``names[key][k - 1]``.
    weight : the column that counts chances: calls, or n of events.
    """

    names: dict[str, tuple[str, ...]]
    baseline: CodedRows
    post: CodedRows
    weight: str

    def codes_where(self, key: str, belongs: Callable[[str], bool]) -> Bools:
        """Which codes of a text key belong, as a mask over codes; NULL never does."""
        return np.array([False, *(belongs(name) for name in self.names[key])])


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


def code_arms(baseline: pd.DataFrame, post: pd.DataFrame) -> CodedArms:
    """The rows of the same table of counts in both arms, their texts as codes."""
    names, codes = {}, {}
    for key in (key for key in TEXT_KEYS if key in baseline.columns):
        both = union_categoricals(
            [sort_categories(baseline[key]), sort_categories(post[key])], sort_categories=True
        )
        names[key], codes[key] = tuple(both.categories), both.codes.astype(np.int64) + 1
    split = len(baseline)
    return CodedArms(
        names,
        _code_rows(baseline, {key: code[:split] for key, code in codes.items()}),
        _code_rows(post, {key: code[split:] for key, code in codes.items()}),
        weight="calls" if "calls" in baseline.columns else "n",
    )


def select_rows(
    arms: CodedArms, scope: Scope, cycle: Cycle, hours: Hours
) -> tuple[ScopedRows, ScopedRows]:
    """The rows of a scope in the baseline's cycle and in the look's hours, whatever the metric."""
    baseline = _in_cycle(arms.baseline, _in_scope(arms.baseline, arms, scope), cycle, hours)
    post = _in_look(arms.post, _in_scope(arms.post, arms, scope), hours)
    hour = arms.baseline.numbers["hour"][baseline]
    matched = baseline[(hour - hours[0]) % cycle.hours < hours[1] - hours[0]]
    large = _large_tenants(arms, arms.baseline, matched) | _large_tenants(arms, arms.post, post)
    strata = _strata(arms, baseline, post, scope, large)
    return (
        ScopedRows(arms.baseline, baseline, strata[: len(baseline)]),
        ScopedRows(arms.post, post, strata[len(baseline) :]),
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
    return (
        _arm_totals(before, (strata, cycle.repeats, cycle.hours), usable),
        _arm_totals(after, (strata, 1, length), np.ones((1, length), dtype=bool)),
    )


def _code_rows(rows: pd.DataFrame, codes: dict[str, Integers]) -> CodedRows:
    numbers = {
        name: rows[name].to_numpy(dtype=np.int64) for name in rows.columns if name not in TEXT_KEYS
    }
    if "outcome" in numbers:
        succeeded = (numbers["outcome"] == 0).astype(np.int64)
        numbers |= {"succeeded": succeeded, "failed": 1 - succeeded}
    return CodedRows(codes, numbers)


def _in_scope(rows: CodedRows, arms: CodedArms, scope: Scope) -> Integers:
    """Positions of the scope's rows.

    Minutes of a cron are one total: its calls were chosen when they were counted.
    """
    keep = np.ones(len(rows), dtype=bool)
    if scope.kind is not None:
        keep &= arms.codes_where("kind", lambda name: name == scope.kind)[rows.codes["kind"]]
    if scope.kind in (None, "recovered"):
        for key, pattern in (("feature", scope.feature), ("source", scope.source)):
            if pattern is not None:
                keep &= arms.codes_where(key, partial(matches_pattern, pattern))[rows.codes[key]]
    return np.flatnonzero(keep)


def _in_cycle(rows: CodedRows, at: Integers, cycle: Cycle, hours: Hours) -> Integers:
    """Those in the cycle's hours.

    A baseline window ends like the post window: a call written after its end is in neither.
    """
    hour, length = rows.numbers["hour"][at], hours[1] - hours[0]
    keep = (hour >= -cycle.span) & (hour < 0)
    if length < HOURS_A_DAY:
        keep &= (hour - hours[0]) % HOURS_A_DAY % length + rows.numbers["lag_hours"][at] < length
    return at[keep]


def _in_look(rows: CodedRows, at: Integers, hours: Hours) -> Integers:
    """Those that start in the look's hours and are written by its end."""
    hour = rows.numbers["hour"][at]
    return at[(hour >= hours[0]) & (hour + rows.numbers["lag_hours"][at] < hours[1])]


def _strata(
    arms: CodedArms, baseline: Integers, post: Integers, scope: Scope, large: Bools
) -> Integers:
    """A code per row of both arms: source x tenant, and x feature where the scope is a pattern.

    Tenants that are not `large` are together.
    """
    code = np.zeros(len(baseline) + len(post), dtype=np.int64)
    for key in ("source", "tenant", "feature") if scope.is_pattern else ("source", "tenant"):
        part = np.concatenate([arms.baseline.codes[key][baseline], arms.post.codes[key][post]])
        part = np.where(large[part], part, MISSING) if key == "tenant" else part
        code = np.unique(code * (part.max(initial=0) + 1) + part, return_inverse=True)[1]
    return code


def _large_tenants(arms: CodedArms, rows: CodedRows, at: Integers) -> Bools:
    """Which tenants have at least TENANT_SHARE of the calls of these rows, as a mask over codes."""
    weight, n_codes = rows.numbers[arms.weight][at], len(arms.names["tenant"]) + 1
    by_tenant = np.bincount(rows.codes["tenant"][at], weights=weight, minlength=n_codes)
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


def _arm_totals(sums: dict[str, Floats], shape: tuple[int, int, int], usable: Bools) -> ArmTotals:
    arrays = {key: values.reshape(shape) for key, values in sums.items()}
    return ArmTotals.of_sums(**arrays, usable=usable)
