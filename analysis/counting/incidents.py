"""Hours of the baseline that stand out as an incident: proposed for exclusion, never excluded silently."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache

import numpy as np
import pandas as pd

from analysis.clock import iso
from analysis.config.settings import Exclusion
from analysis.counting.load import Arm
from analysis.counts import HourlyCounts
from analysis.window import HOUR, Window

FEWEST_HOURS = 12
FEWEST_CALLS_AN_HOUR = 5
FEWEST_FAILURES = 5
MANY_SPREADS = 6.0
SMALLEST_RISE = 0.15
BAD_HOURS = 0.8
TIMES_BAD = 3.0


@lru_cache(maxsize=8)
def propose_exclusions(baseline: Arm) -> tuple[int, ...]:
    """Hours of the baseline (from the deploy) in which the error rate of a feature, or of all calls, stands far out."""
    rows = baseline.hourly.rows
    hours = set(_outlying(by_hour(baseline.hourly)))
    for _, of_feature in rows.groupby("feature", sort=False):
        hours |= set(_outlying(by_hour(HourlyCounts(of_feature))))
    return tuple(sorted(hours))


@lru_cache(maxsize=64)
def by_hour(hourly: HourlyCounts) -> pd.DataFrame:
    """Calls and failed calls per hour from the deploy; summed once for each table."""
    calls, failed = hourly.rows["calls"].to_numpy(), hourly.rows["outcome"].to_numpy() != 0
    hours, place = np.unique(hourly.rows["hour"].to_numpy(), return_inverse=True)
    sums = {
        "calls": np.bincount(place, calls, len(hours)),
        "failed": np.bincount(place, calls * failed, len(hours)),
    }
    return pd.DataFrame(sums, index=pd.Index(hours, name="hour"), dtype="int64")


def stretches(hours: Sequence[int], deployed_at: datetime) -> tuple[Window, ...]:
    """Hours from the deploy as stretches of time, neighbours together."""
    starts = [hour for hour in hours if hour - 1 not in hours]
    ends = [hour + 1 for hour in hours if hour + 1 not in hours]
    return tuple(
        Window(deployed_at + first * HOUR, deployed_at + last * HOUR)
        for first, last in zip(starts, ends, strict=True)
    )


def exclusion_line(declared: Sequence[Exclusion], proposed: Sequence[Window]) -> str:
    """The line of rollout.toml that leaves out what is declared already and what is proposed."""
    entries = [(item.start, item.end, item.why) for item in declared] + [
        (window.start, window.end, "incident") for window in proposed
    ]
    written = ", ".join(
        f"{{from = {iso(start)}, to = {iso(end)}, why = {json.dumps(why)}}}"
        for start, end, why in entries
    )
    return f"exclude = [{written}]"


def _outlying(hourly: pd.DataFrame) -> list[int]:
    """Hours whose error rate lies 6 spreads and 15 points above the usual, and at three times what a bad hour has.

    The spread is that of hours, and never below chance. A bad hour is one in five: a provider's ordinary slowdowns are no incident,
    and a baseline without them would make every day after the deploy look worse.
    """
    hourly = hourly[hourly["calls"] >= FEWEST_CALLS_AN_HOUR]
    if len(hourly) < FEWEST_HOURS:
        return []
    calls, failed = hourly["calls"].to_numpy(dtype=float), hourly["failed"].to_numpy(dtype=float)
    rate = failed / calls
    middle = float(np.median(rate))
    usual = max(middle, float(failed.sum() / calls.sum()))
    spread = np.maximum(
        1.4826 * np.median(np.abs(rate - middle)), np.sqrt(usual * (1 - usual) / calls)
    )
    far = (rate - middle > MANY_SPREADS * spread) & (
        rate > TIMES_BAD * np.quantile(rate, BAD_HOURS)
    )
    stands_out = far & (rate - middle > SMALLEST_RISE) & (failed >= FEWEST_FAILURES)
    return [int(hour) for hour in hourly.index[stands_out]]
