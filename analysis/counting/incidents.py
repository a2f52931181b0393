"""Hours of the baseline that look like an incident, to be proposed for exclusion."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache

import numpy as np
import pandas as pd

from analysis.counting.arm import Arm
from analysis.counts import HourlyCounts
from analysis.window import Window, window_of_hours

FEWEST_HOURS = 12
FEWEST_CALLS_AN_HOUR = 5
FEWEST_FAILURES = 5
SPREADS_ABOVE = 6.0
SMALLEST_RISE = 0.15
BAD_HOUR_QUANTILE = 0.8
TIMES_BAD_HOUR = 3.0


@lru_cache(maxsize=8)
def propose_exclusions(baseline: Arm) -> tuple[int, ...]:
    """Hours, counted from the deploy, with a far higher error rate of a feature or of all calls."""
    rows = baseline.hourly.rows
    hours = set(_find_outliers(sum_by_hour(baseline.hourly)))
    for _, of_feature in rows.groupby("feature", sort=False):
        hours |= set(_find_outliers(sum_by_hour(HourlyCounts(of_feature))))
    return tuple(sorted(hours))


@lru_cache(maxsize=64)
def sum_by_hour(hourly: HourlyCounts) -> pd.DataFrame:
    """Calls and failed calls per hour from the deploy."""
    calls, failed = hourly.rows["calls"].to_numpy(), hourly.rows["outcome"].to_numpy() != 0
    hours, place = np.unique(hourly.rows["hour"].to_numpy(), return_inverse=True)
    sums = {
        "calls": np.bincount(place, calls, len(hours)),
        "failed": np.bincount(place, calls * failed, len(hours)),
    }
    return pd.DataFrame(sums, index=pd.Index(hours, name="hour"), dtype="int64")


def join_hours(hours: Sequence[int], deployed_at: datetime) -> tuple[Window, ...]:
    """Hours from the deploy as windows, adjacent hours in one."""
    starts = [hour for hour in hours if hour - 1 not in hours]
    ends = [hour + 1 for hour in hours if hour + 1 not in hours]
    return tuple(
        window_of_hours(deployed_at, first, end) for first, end in zip(starts, ends, strict=True)
    )


def _find_outliers(hourly: pd.DataFrame) -> list[int]:
    """Hours with an error rate 6 spreads and 15 points above the median, and 3 times a bad hour's.

    The spread is that between hours, at least the one of chance. A bad hour is the worst in five:
    ordinary slowdowns of a provider are no incident, and a baseline without them would make every
    day after the deploy look worse.
    """
    hourly = hourly[hourly["calls"] >= FEWEST_CALLS_AN_HOUR]
    if len(hourly) < FEWEST_HOURS:
        return []
    calls, failed = hourly["calls"].to_numpy(dtype=float), hourly["failed"].to_numpy(dtype=float)
    rate = failed / calls
    median = float(np.median(rate))
    usual = max(median, float(failed.sum() / calls.sum()))
    spread = np.maximum(
        1.4826 * np.median(np.abs(rate - median)), np.sqrt(usual * (1 - usual) / calls)
    )
    is_outlier = (
        (rate - median > np.maximum(SPREADS_ABOVE * spread, SMALLEST_RISE))
        & (rate > TIMES_BAD_HOUR * np.quantile(rate, BAD_HOUR_QUANTILE))
        & (failed >= FEWEST_FAILURES)
    )
    return [int(hour) for hour in hourly.index[is_outlier]]
