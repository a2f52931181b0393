"""Which calls a claim is about, and their sums per stratum and hour: the bridge from tables of counts to the statistics."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from typing import TYPE_CHECKING, Literal

import numpy as np

from analysis.counting.arm import Arm
from analysis.counting.coded_rows import MISSING, CodedArms, CodedRows
from analysis.metrics import TRAFFIC, Metric, known_metrics
from analysis.statistics.totals import ArmTotals

if TYPE_CHECKING:
    from analysis.config import Claim

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
    def of(cls, first: int, last: int = 0) -> Cycle:
        """The cycle of a baseline of the hours `first` to `last` from the deploy: of the week where two whole weeks lie in it."""
        days = -(first // HOURS_A_DAY)
        weeks = [
            week
            for week in range(days // 7)
            if -HOURS_A_WEEK * week <= last and first <= -HOURS_A_WEEK * (week + 1)
        ]
        return cls(HOURS_A_WEEK, days // 7) if len(weeks) >= 2 else cls(HOURS_A_DAY, max(days, 1))

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


def event_of(claim: Claim) -> Literal["recovered", "cron_over"] | None:
    """Which events a claim counts; None for the metrics of calls."""
    metric = known_metrics().get(claim.metric or "")
    return metric.event if metric else None


def event_kind(claim: Claim) -> str | None:
    """The kind of a claim's events in EventCounts: a cron budget is counted for each claim by itself."""
    event = event_of(claim)
    if event != "cron_over":
        return event
    return f"{event}:{claim.budget_ms}:{claim.source or '*'}:{claim.feature or '*'}"


@dataclass(frozen=True, eq=False)
class ScopedRows:
    """The rows of a scope at a look, in both arms: positions in the coded rows, and the stratum of each.

    Attributes
    ----------
    hours : post hours of the look, (first, last + 1) from the deploy.
    before, after : positions in the baseline's and the post arm's rows.
    strata_before, strata_after : a code from 0 for each of them, the same in both arms.
    """

    arms: CodedArms
    hours: tuple[int, int]
    before: np.ndarray
    after: np.ndarray
    strata_before: np.ndarray
    strata_after: np.ndarray

    @property
    def n_strata(self) -> int:
        """Strata of both arms; one, without calls, where there are none."""
        return int(max(self.strata_before.max(initial=0), self.strata_after.max(initial=0))) + 1


def select_rows(
    arms: CodedArms, *, scope: Scope, cycle: Cycle, hours: tuple[int, int]
) -> ScopedRows:
    """The rows that a claim's sums are made of, whatever its metric."""
    before = _inside_cycle(
        arms.baseline, _belonging(arms.baseline, arms, scope), cycle=cycle, hours=hours
    )
    after = _inside_look(arms.post, _belonging(arms.post, arms, scope), hours=hours)
    like = before[
        (arms.baseline.numbers["hour"][before] - hours[0]) % cycle.hours < hours[1] - hours[0]
    ]
    large = _large_tenants(arms, arms.baseline, like) | _large_tenants(arms, arms.post, after)
    return ScopedRows(arms, hours, before, after, *_strata(arms, before, after, scope, large))


def metric_totals(
    picked: ScopedRows, metric: Metric, *, usable: np.ndarray, cycle: Cycle
) -> tuple[ArmTotals, ArmTotals]:
    """Hour sums of one metric in both arms, by stratum (source, large tenants, feature when a pattern).

    Baseline arrays are (strata, repeats, cycle hours), post arrays (strata, 1, hours); `usable` (repeats, cycle hours)
    says which baseline hours are there. Calls an hour have one stratum: they are compared as they come.
    """
    first, last = picked.hours
    n_strata, n_post = 1 if metric.kind is TRAFFIC else picked.n_strata, last - first
    before = _sums(
        picked.arms.baseline,
        picked.before,
        metric,
        picked.strata_before,
        start=-cycle.span,
        shape=(n_strata, cycle.span),
    )
    after = _sums(
        picked.arms.post,
        picked.after,
        metric,
        picked.strata_after,
        start=first,
        shape=(n_strata, n_post),
    )
    repeats, once = (n_strata, cycle.repeats, cycle.hours), (n_strata, 1, n_post)
    return (
        ArmTotals.of_sums(
            **{key: sums.reshape(repeats) for key, sums in before.items()}, usable=usable
        ),
        ArmTotals.of_sums(**{key: sums.reshape(once) for key, sums in after.items()}),
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
    return isinstance(value, str) and (
        fnmatchcase(value, _literal_brackets(pattern)) if "*" in pattern else value == pattern
    )


def _literal_brackets(pattern: str) -> str:
    """Only * is special: brackets and question marks in a name mean themselves."""
    return pattern.replace("[", "[[]").replace("?", "[?]")


def _belonging(rows: CodedRows, arms: CodedArms, scope: Scope) -> np.ndarray:
    """Which rows are of the scope's calls; the events of a cron are one total, chosen when they were counted."""
    keep = np.ones(len(rows), dtype=bool)
    if scope.kind is not None:
        keep &= arms.codes("kind", lambda name: name == scope.kind)[rows.texts["kind"]]
    if scope.kind is None or scope.kind.startswith("recovered"):
        for key, pattern in (("feature", scope.feature), ("source", scope.source)):
            if pattern is not None:
                keep &= arms.codes(key, partial(_fits, pattern))[rows.texts[key]]
    return np.flatnonzero(keep)


def _inside_cycle(
    rows: CodedRows, at: np.ndarray, *, cycle: Cycle, hours: tuple[int, int]
) -> np.ndarray:
    """Those in the cycle's hours. A baseline window is cut like the post window: without calls written too late for it."""
    hour, length = rows.numbers["hour"][at], hours[1] - hours[0]
    keep = (hour >= -cycle.span) & (hour < 0)
    if length < HOURS_A_DAY:
        keep &= (hour - hours[0]) % HOURS_A_DAY % length + rows.numbers["lag_hours"][at] < length
    return at[keep]


def _inside_look(rows: CodedRows, at: np.ndarray, *, hours: tuple[int, int]) -> np.ndarray:
    """Those that start in the look's hours and are written by its end."""
    hour = rows.numbers["hour"][at]
    return at[(hour >= hours[0]) & (hour + rows.numbers["lag_hours"][at] < hours[1])]


def _strata(
    arms: CodedArms, before: np.ndarray, after: np.ndarray, scope: Scope, large: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """A code per row: source x tenant x feature (when a pattern), tenants that are not `large` together."""
    code = np.zeros(len(before) + len(after), dtype=np.int64)
    for key in ("source", "tenant", "feature") if scope.is_pattern else ("source", "tenant"):
        part = np.concatenate([arms.baseline.texts[key][before], arms.post.texts[key][after]])
        part = np.where(large[part], part, MISSING) if key == "tenant" else part
        code = np.unique(code * (part.max(initial=0) + 1) + part, return_inverse=True)[1]
    return code[: len(before)], code[len(before) :]


def _large_tenants(arms: CodedArms, rows: CodedRows, at: np.ndarray) -> np.ndarray:
    """Which tenant codes have at least TENANT_SHARE of the calls of these rows, as a mask over codes."""
    weight, n_codes = rows.numbers[arms.weight][at], len(arms.names["tenant"]) + 1
    by_tenant = np.bincount(rows.texts["tenant"][at], weights=weight, minlength=n_codes)
    return (by_tenant >= TENANT_SHARE * weight.sum()) & (by_tenant > 0)


def _sums(
    rows: CodedRows,
    at: np.ndarray,
    metric: Metric,
    strata: np.ndarray,
    *,
    start: int,
    shape: tuple[int, int],
) -> dict[str, np.ndarray]:
    hour = rows.numbers["hour"][at] - start
    if metric.kind is TRAFFIC:  # one value an hour, whatever its rows
        weights = rows.numbers["calls"][at]
        calls = np.bincount(hour, weights=weights, minlength=shape[1]).reshape(1, -1)
        return metric.sums({"calls": calls}.__getitem__) | {"nn": np.zeros_like(calls)}
    flat, size = strata * shape[1] + hour, shape[0] * shape[1]
    of_rows = metric.sums(lambda name: rows.numbers[name][at])
    sums = {
        key: np.bincount(flat, weights=values, minlength=size) for key, values in of_rows.items()
    }
    return sums | {"nn": sums["n"]}
