"""The tables of the baseline report: the 24 hours before the deploy as the rollout plan published them, and how errors are named."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from analysis.clock import iso
from analysis.counting.load import Grid
from analysis.metrics import SUCCESS, outcome_codes
from analysis.statistics.distribution import latency_sample, max_ms, mean_ms, quantiles
from analysis.telemetry.engines import Engine
from analysis.telemetry.vocabulary import signature, vocabulary
from analysis.window import HOUR, Window

PUBLISHED_HOURS = 24
PERCENTILES = (0.5, 0.9, 0.95)


def published_window(deployed_at: datetime) -> Window:
    """The 24 hours before the deploy, by the time a call was written."""
    return Window(deployed_at - PUBLISHED_HOURS * HOUR, deployed_at)


def latency_distribution(engine: Engine, grid: Grid, window: Window) -> list[dict[str, Any]]:
    """Calls, mean, p50, p90, p95 (linear interpolation, as percentile_cont) and maximum per feature, source and status."""
    counted = engine.fetch(
        engine.queries.statement("latency_distribution", grid.written_parameters(window))
    )
    return [
        {
            "feature": feature,
            "source": _text(source),
            "status": "error" if failed else SUCCESS,
            **_summary(rows),
        }
        for (feature, source, failed), rows in counted.groupby(
            ["feature", "source", "failed"], dropna=False, sort=True
        )
    ]


def errors_by_source(
    engine: Engine, grid: Grid, window: Window, *, user_classes: tuple[str, ...] = ()
) -> list[dict[str, Any]]:
    """Errors per feature, source and class, with their mean and maximum latency."""
    names = {code: name for name, code in outcome_codes(user_classes).items()}
    counted = engine.fetch(
        engine.queries.statement("errors_by_source", grid.written_parameters(window))
    )
    return [
        {
            "feature": row.feature,
            "source": _text(row.source),
            "error_class": names[int(row.outcome)],
            "errors": int(row.errors),
            "avg_ms": float(row.latency_ms) / int(row.timed_errors) if row.timed_errors else None,
            "max_ms": int(row.max_ms) if row.timed_errors else None,
        }
        for row in counted.itertuples(index=False)
    ]


def coverage(engine: Engine, grid: Grid, window: Window) -> list[dict[str, Any]]:
    """Calls, failures and calls without a valid latency per hour from the deploy."""
    counted = engine.fetch(engine.queries.statement("coverage", grid.parameters(window)))
    hours = (
        counted.assign(hour=grid.hours(counted["hour_at"]))
        .groupby("hour")[["calls", "failed", "bad_latencies"]]
        .sum()
    )
    return [
        {"hour": int(hour), **{name: int(value) for name, value in row.items()}}
        for hour, row in hours.iterrows()
    ]


def unknown_errors(engine: Engine, grid: Grid, window: Window) -> list[dict[str, Any]]:
    """Errors of no known class as signatures of allow-listed words, with the time of the first."""
    counted = engine.fetch(
        engine.queries.statement(
            "signatures", grid.parameters(window), relations={"vocabulary": vocabulary()}
        )
    )
    return [
        {
            "feature": row.feature,
            "signature": signature(int(row.words)),
            "errors": int(row.errors),
            "first_started_at": iso(
                pd.Timestamp(row.first_started_at).tz_localize("UTC").to_pydatetime()
            ),
        }
        for row in counted.sort_values("errors", ascending=False).itertuples(index=False)
    ]


def _summary(rows: pd.DataFrame) -> dict[str, Any]:
    timed = rows[rows["latency_ms"].notna()]
    calls = int(rows["calls"].sum())
    if timed.empty:
        return {
            "calls": calls,
            "avg_ms": None,
            "p50_ms": None,
            "p90_ms": None,
            "p95_ms": None,
            "max_ms": None,
        }
    sample = latency_sample(
        timed["latency_ms"].to_numpy(dtype=np.int64), timed["calls"].to_numpy(dtype=np.int64)
    )
    p50, p90, p95 = (float(value) for value in quantiles(sample, PERCENTILES))
    return {
        "calls": calls,
        "avg_ms": float(mean_ms(sample)),
        "p50_ms": p50,
        "p90_ms": p90,
        "p95_ms": p95,
        "max_ms": int(max_ms(sample)),
    }


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
