"""Whether the traffic of the window looks like that of the baseline."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.counting.arms import Arms
from analysis.counting.incidents import sum_by_hour
from analysis.counting.scope import Scope, exactly
from analysis.decision.checks.check_records import (
    CheckState,
    ClockCheck,
    EmptyHoursCheck,
    MixCheck,
    RightEdgeCheck,
    VolumeCheck,
)
from analysis.decision.claims.caveats import expected_calls, has_stopped
from analysis.decision.comparison import Comparator
from analysis.metrics import metric_named
from analysis.window import HOUR

EMPTY_HOUR_SHARE = 0.2
FEWEST_USUAL_CALLS = 3
MIX_SHIFT = 0.2
SILENCE = HOUR / 4
STOPPED_CALLS = 30.0
SILENT_CALLS = 7.0
"""Expected calls of a silence that chance explains in 1 of 1,000 windows: exp(-7)."""


def check_hours(arms: Arms, hours: tuple[int, int]) -> EmptyHoursCheck:
    """Hours without calls; an error above 20 % of the window."""
    empty, n_hours = _empty_hours(arms, hours), hours[1] - hours[0]
    is_error = len(empty) > EMPTY_HOUR_SHARE * n_hours
    state: CheckState = "error" if is_error else "warning" if empty else "ok"
    return EmptyHoursCheck(state=state, empty=tuple(empty), hours=n_hours, cycle=arms.cycle.name)


def check_clock(arms: Arms, hours: tuple[int, int]) -> ClockCheck:
    """The first empty hour that is next to one with twice its usual calls."""
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


def check_right_edge(arms: Arms, hours: tuple[int, int]) -> RightEdgeCheck:
    """Silence at the end of the window that the usual traffic does not explain.

    An error when all calls stopped: an hour or more, in which 30 calls were expected and every
    baseline day had some. Silence is never success.
    """
    newest = arms.post.quality.last_written_at
    if newest is None or not arms.baseline.calls:
        return RightEdgeCheck(state="no_opinion")
    silence = arms.post.window.end - newest
    usual = _usual_calls_in(_usual_by_hour(arms), arms, hours, silence / HOUR)
    fewest = np.nan_to_num(np.nanmin(np.nan_to_num(_usual_calls(arms), nan=np.inf), axis=0))
    expected_at_least = _usual_calls_in(
        np.where(fewest < 1e9, fewest, 0), arms, hours, silence / HOUR
    )
    has_stopped = silence >= HOUR and usual >= STOPPED_CALLS and expected_at_least >= SILENT_CALLS
    is_odd = silence > SILENCE and usual >= SILENT_CALLS
    state: CheckState = "error" if has_stopped else "warning" if is_odd else "ok"
    return RightEdgeCheck(state=state, newest=newest, silence=silence, usual=usual)


def check_volume(comparator: Comparator, hours: tuple[int, int]) -> VolumeCheck:
    """A feature that lost most of its calls is a finding of its own: fewer errors are no fix."""
    stopped, traffic = [], metric_named("calls_per_hour")
    for feature in sorted(comparator.arms.baseline.hourly.rows["feature"].dropna().unique()):
        expected, came = expected_calls(
            hours, comparator.compare(Scope(exactly(feature)), traffic, hours)
        )
        if has_stopped(expected, came):
            stopped.append((str(feature), expected, came))
    return VolumeCheck(state="warning" if stopped else "ok", stopped=tuple(stopped))


def check_mix(arms: Arms, hours: tuple[int, int]) -> MixCheck:
    """Half the sum of changes of share, over features, sources and tenants."""
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


def _usual_calls_in(usual: np.ndarray, arms: Arms, hours: tuple[int, int], silence: float) -> float:
    """Calls that `usual`, by hour of the cycle, has in the last hours of the window."""
    ends = np.arange(hours[1] - 1, hours[0] - 1, -1)
    parts = np.clip(silence - np.arange(ends.size), 0.0, 1.0)
    return float((usual[ends % arms.cycle.hours] * parts).sum())


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
