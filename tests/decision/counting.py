"""A slow, plain double of SQL and counts: pandas on the rows of the telemetry table, one call at a time in spirit."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from analysis.counting.arm import Arm, RowQuality
from analysis.counting.caps import find_cliffs
from analysis.counts import EventCounts, HourlyBins, HourlyCounts, LatencyCounts
from analysis.metrics import OUTCOME_CODES
from analysis.window import HOUR, Window

STARTS = {
    "Request timed out.": "timeout",
    "Post-process error: hit max_output_tokens": "max_output_tokens",
    "Response incomplete: max_output_tokens": "max_output_tokens",
    "500 ": "http_5xx",
    "503 ": "http_5xx",
    "429 ": "rate_limit",
    "400 ": "http_4xx",
    "Post-process error: failed to parse JSON": "invalid_output",
    "Connection error.": "connection",
}
SETTLE = timedelta(seconds=90)


def class_of(status: str, message: object) -> str:
    if status == "success":
        return "success"
    return next((name for start, name in STARTS.items() if str(message).startswith(start)), "other")


def calls_of(
    rows: pd.DataFrame,
    deployed_at: datetime,
    *,
    settle: timedelta = SETTLE,
    warm_up: timedelta = timedelta(0),
) -> pd.DataFrame:
    """One row per call: its start, its hour from the deploy, how many hours later it was written, its class."""
    deploy = pd.Timestamp(deployed_at).tz_localize(None)
    latency = pd.to_numeric(rows["latencyMs"]).astype("float64").to_numpy()
    valid = latency >= 0
    written = pd.to_datetime(rows["createdAt"]).astype("datetime64[ms]").reset_index(drop=True)
    started = written - pd.to_timedelta(np.where(valid, latency, 0.0), unit="ms")
    hour = ((started - deploy) // pd.Timedelta(HOUR)).astype("int64")
    lag = ((written - deploy - settle) // pd.Timedelta(HOUR)).astype("int64") - hour
    message = rows["errorMessage"].astype(object).to_numpy()
    kinds = {
        pair: class_of(*pair)
        for pair in set(zip(rows["status"].astype(str), message.astype(str), strict=True))
    }
    classes = [
        kinds[pair] for pair in zip(rows["status"].astype(str), message.astype(str), strict=True)
    ]
    counted = pd.DataFrame(
        {
            "feature": rows["featureId"].astype("str").to_numpy(),
            "source": rows["source"].astype("object").to_numpy(),
            "tenant": rows["clientId"].astype("str").to_numpy(),
            "lead": rows["leadId"].astype("object").to_numpy(),
            "started": started,
            "written": written,
            "hour": hour,
            "lag_hours": lag.clip(lower=0),
            "kind": classes,
            "latency_ms": np.where(valid, latency, np.nan),
        }
    )
    into_day = (started - deploy) % pd.Timedelta(days=1)
    return counted[into_day >= pd.Timedelta(warm_up)].reset_index(drop=True)


def inside(calls: pd.DataFrame, first: int, last: int) -> pd.DataFrame:
    """Calls that start in the hours first..last-1 and are written by the end of the last, settle included."""
    return calls[
        (calls["hour"] >= first)
        & (calls["hour"] < last)
        & (calls["hour"] + calls["lag_hours"] < last)
    ]


def limits_of(baseline: pd.DataFrame) -> pd.DataFrame:
    """tau and quantiles of every feature, from the baseline's calls."""
    latency = _latency_counts(baseline)
    cliffs, found = find_cliffs(latency), []
    for feature, of_feature in baseline[baseline["latency_ms"].notna()].groupby("feature"):
        values = {
            f"p{percent}_ms": int(np.quantile(of_feature["latency_ms"], percent / 100))
            for percent in (50, 90, 95, 99)
        }
        cliff = cliffs.get(feature)
        found.append(
            {
                "feature": feature,
                "tau_ms": int(cliff.at_ms) if cliff else max(values["p99_ms"], 1),
                **values,
            }
        )
    return pd.DataFrame(found)


def arm_of(
    calls: pd.DataFrame,
    first: int,
    last: int,
    *,
    deployed_at: datetime,
    limits: pd.DataFrame | None = None,
    events: Sequence[pd.DataFrame] = (),
    **quality: object,
) -> Arm:
    """The counts of the hours first..last-1, as SQL would bring them."""
    chosen = inside(calls, first, last)
    limits = limits_of(chosen) if limits is None else limits
    window = Window(deployed_at + first * HOUR, deployed_at + last * HOUR)
    n = len(chosen)
    sound = {
        "written_rows": n,
        "distinct_ids": n,
        "first_written_at": window.start if n else None,
        "last_written_at": window.end if n else None,
    }
    counts = EventCounts.of(pd.concat(events)) if events else EventCounts.empty()
    hourly = _hourly_counts(chosen, limits)
    return Arm(
        window,
        (first, last),
        _latency_counts(chosen),
        hourly,
        HourlyBins.empty(),
        counts,
        limits,
        RowQuality(**(sound | quality)),
    )


def plain_numbers(
    calls: pd.DataFrame, hours: int, *, days: int, feature: str, kind: str
) -> Mapping[str, tuple[int, int, float]]:
    """Calls, events and value of a class in both arms, as anybody would count them on the rows."""
    of_feature = calls[calls["feature"] == feature]
    post = inside(of_feature, 0, hours)
    matched = [inside(of_feature, -24 * day, -24 * day + hours) for day in range(1, days + 1)]
    found = {}
    for name, rows in (("baseline", pd.concat(matched)), ("post", post)):
        events = int((rows["kind"] == kind).sum())
        found[name] = (len(rows), events, events / len(rows))
    return found


def _latency_counts(calls: pd.DataFrame) -> LatencyCounts:
    timed = calls[calls["latency_ms"].notna()]
    rows = timed.assign(outcome=timed["kind"].map(OUTCOME_CODES), calls=1)
    return LatencyCounts.of(rows[["feature", "source", "outcome", "latency_ms", "calls"]])


def _hourly_counts(calls: pd.DataFrame, limits: pd.DataFrame) -> HourlyCounts:
    rows = calls.merge(limits, on="feature", how="left")
    timed = rows["latency_ms"].notna()
    latency, tau = rows["latency_ms"].fillna(0), rows["tau_ms"].fillna(0)
    capped = np.minimum(latency, tau)
    sums = {
        "calls": 1,
        "timed_calls": timed,
        "latency_ms": latency,
        "latency_ms_2": latency**2,
        "capped_ms": capped,
        "capped_ms_2": capped**2,
        "tau_ms": tau * timed,
        "tau_ms_2": tau**2 * timed,
        **{f"slower_p{p}": timed & (latency > rows[f"p{p}_ms"]) for p in (50, 90, 95, 99)},
        **dict.fromkeys(
            (
                "output_token_calls",
                "output_tokens",
                "output_tokens_2",
                "total_token_calls",
                "total_tokens",
                "total_tokens_2",
            ),
            0,
        ),
    }
    hashes = {
        tenant: hashlib.md5(tenant.encode()).hexdigest() for tenant in rows["tenant"].unique()
    }
    keyed = rows.assign(
        outcome=rows["kind"].map(OUTCOME_CODES), tenant=rows["tenant"].map(hashes), **sums
    )
    return HourlyCounts.of(keyed[list(HourlyCounts.KEYS + HourlyCounts.SUMS)])
