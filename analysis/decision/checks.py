"""Can the data be trusted? Each check answers one question; an `error` makes the verdict untrusted.

A check that cannot be answered from these data has no opinion. Its words are in text/checks.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import numpy as np
import pandas as pd

from analysis.config.settings import Baseline, Exclusion
from analysis.counting.arm import Arm
from analysis.counting.arms import Arms
from analysis.counting.incidents import (
    join_hours,
    propose_exclusions,
    sum_by_hour,
)
from analysis.counting.scope import HOURS_A_DAY, HOURS_A_WEEK, Scope
from analysis.decision.claims.caveats import expected_calls, has_stopped
from analysis.decision.comparison import Comparator
from analysis.metrics import metric_named
from analysis.window import HOUR, Window

CheckState = Literal["ok", "warning", "error", "no_opinion"]
BAD_LATENCY_SHARE = 0.01
EMPTY_HOUR_SHARE = 0.2
FEWEST_USUAL_CALLS = 3
MIX_SHIFT = 0.2
SILENCE = HOUR / 4
SILENT_CALLS = 7.0
"""So many calls are expected in a silence that chance explains once in 1,000 windows: exp(-7)."""

ArmName = Literal["baseline", "post"]


@dataclass(frozen=True, kw_only=True)
class Check:
    """One question to the data, and its answer."""

    state: CheckState


@dataclass(frozen=True, kw_only=True)
class RowsCheck(Check):
    """Whether an arm has calls."""

    arm: ArmName
    window: Window
    calls: int


@dataclass(frozen=True, kw_only=True)
class IdCheck(Check):
    """Whether ids are unique; of many rows only `compared` are looked at."""

    copies: int
    rows: int
    compared: int


@dataclass(frozen=True, kw_only=True)
class LatencyCheck(Check):
    """Whether every row has a latency of 0 ms or more; the numbers of the worst arm."""

    arm: ArmName | None = None
    missing: int = 0
    negative: int = 0
    rows: int = 0


@dataclass(frozen=True, kw_only=True)
class StatusCheck(Check):
    """Whether every status is success or error."""

    unknown: int


@dataclass(frozen=True, kw_only=True)
class EmptyHoursCheck(Check):
    """Whether every hour after the deploy has calls where its baseline hours have some."""

    empty: tuple[int, ...]
    hours: int
    cycle: str


@dataclass(frozen=True, kw_only=True)
class ClockCheck(Check):
    """Whether an empty hour is next to one with twice its usual calls, as when a clock jumps."""

    empty_hour: int | None = None
    busy_hour: int | None = None
    calls: int = 0
    usual: float = 0.0


@dataclass(frozen=True, kw_only=True)
class InFlightCheck(Check):
    """How many calls started before the deploy and were written after it."""

    calls: int


@dataclass(frozen=True, kw_only=True)
class RightEdgeCheck(Check):
    """Whether rows reach the end of the window, or some are still to be written."""

    newest: datetime | None = None
    silence: timedelta = timedelta(0)
    usual: float = 0.0


@dataclass(frozen=True, kw_only=True)
class VolumeCheck(Check):
    """Features that lost 90 % of their calls: name, expected calls, calls."""

    stopped: tuple[tuple[str, float, float], ...]


@dataclass(frozen=True, kw_only=True)
class MixCheck(Check):
    """Share of calls that moved between features, sources and tenants."""

    moved: float | None = None


@dataclass(frozen=True, kw_only=True)
class IncidentCheck(Check):
    """Baseline hours that look like an incident, and the incidents that are declared.

    Attributes
    ----------
    hours : how many hours look like one.
    proposed : these hours as windows, adjacent hours in one.
    declared : the exclusions of rollout.toml.
    """

    hours: int
    proposed: tuple[Window, ...]
    declared: tuple[Exclusion, ...]


@dataclass(frozen=True, kw_only=True)
class LengthCheck(Check):
    """Whether the baseline is as long as asked, and every hour of the window has a match."""

    days: float
    asked_days: int | None
    unmatched_hours: int
    cycle: str
    mixes_weekdays: bool


def check_data(
    comparator: Comparator, *, hours: tuple[int, int], asked: Baseline
) -> tuple[Check, ...]:
    """Every check over both arms, in the order they are shown; `asked` is [baseline]."""
    arms = comparator.arms
    baseline, post = arms.baseline, arms.post
    return (
        _check_rows("baseline", baseline),
        _check_rows("post", post),
        _check_ids(baseline, post),
        _check_latencies(baseline, post),
        _check_statuses(baseline, post),
        _check_hours(arms, hours),
        _check_clock(arms, hours),
        InFlightCheck(state="ok", calls=post.quality.started_before),
        _check_right_edge(arms, hours),
        _check_volume(comparator, hours),
        _check_mix(arms, hours),
        _check_incidents(baseline, asked),
        _check_length(arms, hours, asked),
    )


def _check_rows(name: ArmName, arm: Arm) -> RowsCheck:
    state: CheckState = "ok" if arm.calls else "error"
    return RowsCheck(state=state, arm=name, window=arm.window, calls=arm.calls)


def _check_ids(*arms: Arm) -> IdCheck:
    rows = sum(arm.quality.written_rows for arm in arms)
    compared = sum(arm.quality.ids_compared for arm in arms)
    copies = rows - sum(arm.quality.distinct_ids for arm in arms)
    return IdCheck(state="error" if copies else "ok", copies=copies, rows=rows, compared=compared)


def _check_latencies(baseline: Arm, post: Arm) -> LatencyCheck:
    worst = LatencyCheck(state="ok")
    arms: tuple[tuple[ArmName, Arm], ...] = (("baseline", baseline), ("post", post))
    for name, arm in arms:
        rows = arm.quality.written_rows
        missing, negative = arm.quality.null_latencies, arm.quality.negative_latencies
        if not missing + negative:
            continue
        is_error = (missing + negative) / rows > BAD_LATENCY_SHARE
        worst = LatencyCheck(
            state="error" if is_error else "warning",
            arm=name,
            missing=missing,
            negative=negative,
            rows=rows,
        )
        if is_error:
            return worst
    return worst


def _check_statuses(baseline: Arm, post: Arm) -> StatusCheck:
    unknown = baseline.quality.unknown_statuses + post.quality.unknown_statuses
    return StatusCheck(state="error" if unknown else "ok", unknown=unknown)


def _check_hours(arms: Arms, hours: tuple[int, int]) -> EmptyHoursCheck:
    empty, n_hours = _empty_hours(arms, hours), hours[1] - hours[0]
    is_error = len(empty) > EMPTY_HOUR_SHARE * n_hours
    state: CheckState = "error" if is_error else "warning" if empty else "ok"
    return EmptyHoursCheck(state=state, empty=tuple(empty), hours=n_hours, cycle=arms.cycle.name)


def _check_clock(arms: Arms, hours: tuple[int, int]) -> ClockCheck:
    usual, came = _usual_by_hour(arms), _post_calls(arms, hours)
    for empty in _empty_hours(arms, hours):
        for near in (empty - 1, empty + 1):
            expected = usual[near % arms.cycle.hours]
            if hours[0] <= near < hours[1] and came[near - hours[0]] >= 2 * expected > 0:
                return ClockCheck(
                    state="warning",
                    empty_hour=empty,
                    busy_hour=near,
                    calls=int(came[near - hours[0]]),
                    usual=float(expected),
                )
    return ClockCheck(state="ok")


def _check_right_edge(arms: Arms, hours: tuple[int, int]) -> RightEdgeCheck:
    """Silence at the end of the window that the usual traffic does not explain."""
    newest = arms.post.quality.last_written_at
    if newest is None or not arms.baseline.calls:
        return RightEdgeCheck(state="no_opinion")
    silence = arms.post.window.end - newest
    usual = float(_usual_by_hour(arms)[(hours[1] - 1) % arms.cycle.hours]) * (silence / HOUR)
    is_odd = silence > SILENCE and usual >= SILENT_CALLS
    return RightEdgeCheck(
        state="warning" if is_odd else "ok", newest=newest, silence=silence, usual=usual
    )


def _check_volume(comparator: Comparator, hours: tuple[int, int]) -> VolumeCheck:
    """A feature that lost most of its calls is a finding of its own: fewer errors are no fix."""
    stopped, traffic = [], metric_named("calls_per_hour")
    for feature in sorted(comparator.arms.baseline.hourly.rows["feature"].dropna().unique()):
        expected, came = expected_calls(hours, comparator.compare(Scope(feature), traffic, hours))
        if has_stopped(expected, came):
            stopped.append((str(feature), expected, came))
    return VolumeCheck(state="warning" if stopped else "ok", stopped=tuple(stopped))


def _check_mix(arms: Arms, hours: tuple[int, int]) -> MixCheck:
    keys = ["feature", "source", "tenant"]
    before, after = _matched_rows(arms, hours), arms.post.hourly.rows
    if before.empty or after.empty:
        return MixCheck(state="no_opinion")
    shares = [
        rows.groupby(keys, dropna=False)["calls"].sum() / rows["calls"].sum()
        for rows in (before, after)
    ]
    moved = float(shares[0].sub(shares[1], fill_value=0).abs().sum() / 2)
    return MixCheck(state="warning" if moved > MIX_SHIFT else "ok", moved=moved)


def _check_incidents(baseline: Arm, asked: Baseline) -> IncidentCheck:
    hours = propose_exclusions(baseline)
    deployed_at = baseline.window.start - baseline.hours[0] * HOUR
    return IncidentCheck(
        state="warning" if hours else "ok",
        hours=len(hours),
        proposed=join_hours(hours, deployed_at),
        declared=asked.exclude,
    )


def _check_length(arms: Arms, hours: tuple[int, int], asked: Baseline) -> LengthCheck:
    days = arms.baseline.window.length / (HOURS_A_DAY * HOUR)
    has_match = np.any(arms.usable_hours, axis=0)
    unmatched = int((~has_match[np.arange(*hours) % arms.cycle.hours]).sum())
    asked_days = asked.days if asked.start is None else None
    is_short = asked_days is not None and days < asked_days
    return LengthCheck(
        state="warning" if unmatched or is_short else "ok",
        days=days,
        asked_days=asked_days,
        unmatched_hours=unmatched,
        cycle=arms.cycle.name,
        mixes_weekdays=arms.cycle.hours != HOURS_A_WEEK,
    )


def _empty_hours(arms: Arms, hours: tuple[int, int]) -> list[int]:
    """Post hours without calls whose baseline hours all have some, three at least together."""
    usual, came = _usual_calls(arms), _post_calls(arms, hours)
    fewest, together = np.nanmin(np.nan_to_num(usual, nan=np.inf), axis=0), np.nansum(usual, axis=0)
    never_empty = (fewest >= 1) & np.isfinite(fewest) & (together >= FEWEST_USUAL_CALLS)
    return [
        hour
        for hour in range(*hours)
        if came[hour - hours[0]] == 0 and never_empty[hour % arms.cycle.hours]
    ]


def _usual_calls(arms: Arms) -> np.ndarray:
    """Calls of each baseline hour, (repeats, cycle hours); nan where an hour is excluded."""
    cycle = arms.cycle
    calls = (
        sum_by_hour(arms.baseline.hourly)["calls"]
        .reindex(range(-cycle.span, 0), fill_value=0)
        .to_numpy(dtype=float)
    )
    return np.where(arms.usable_hours, calls.reshape(cycle.repeats, cycle.hours), np.nan)


def _usual_by_hour(arms: Arms) -> np.ndarray:
    """Mean calls of each hour of the cycle; 0 where no baseline hour is usable."""
    usual = _usual_calls(arms)
    return np.nansum(usual, axis=0) / np.maximum(np.isfinite(usual).sum(axis=0), 1)


def _post_calls(arms: Arms, hours: tuple[int, int]) -> np.ndarray:
    return sum_by_hour(arms.post.hourly)["calls"].reindex(range(*hours), fill_value=0).to_numpy()


def _matched_rows(arms: Arms, hours: tuple[int, int]) -> pd.DataFrame:
    """Baseline rows of the clock hours that the look has."""
    rows = arms.baseline.hourly.rows
    return rows[
        (rows["hour"] % arms.cycle.hours).isin([hour % arms.cycle.hours for hour in range(*hours)])
    ]
