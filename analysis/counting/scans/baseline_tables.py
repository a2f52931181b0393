"""The tables of the baseline report, as the rollout plan published them for the day before."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd

from analysis.counting.grid import Grid
from analysis.outcomes import SUCCESS, outcome_codes
from analysis.statistics.latency.distribution import latency_sample, max_ms, mean_ms, quantiles
from analysis.telemetry.engines import Engine
from analysis.telemetry.vocabulary import signature, vocabulary
from analysis.window import DAY, Window

PERCENTILES = (0.5, 0.9, 0.95)


def published_window(deployed_at: datetime) -> Window:
    """The 24 hours before the deploy, by the time a call was written."""
    return Window(deployed_at - DAY, deployed_at)


@dataclass(frozen=True, eq=False)
class BaselineTables:
    """The tables of the baseline report, as rows.

    Attributes
    ----------
    published : the 24 hours before the deploy, by the time a call was written.
    latency, errors : of those hours.
    coverage, unknown_errors : of the whole baseline, by the time a call started.
    """

    published: Window
    latency: list[dict[str, Any]]
    errors: list[dict[str, Any]]
    coverage: list[dict[str, Any]]
    unknown_errors: list[dict[str, Any]]


def load_baseline_tables(
    engine: Engine, grid: Grid, baseline: Window, *, user_classes: tuple[str, ...] = ()
) -> BaselineTables:
    """Query every table; `baseline` is the window of the frozen baseline."""
    published = published_window(grid.deployed_at)
    return BaselineTables(
        published,
        latency_distribution(engine, grid, published),
        errors_by_source(engine, grid, published, user_classes=user_classes),
        coverage(engine, grid, baseline),
        unknown_errors(engine, grid, baseline),
    )


def latency_distribution(engine: Engine, grid: Grid, window: Window) -> list[dict[str, Any]]:
    """Calls, mean, p50, p90, p95 (``percentile_cont``) and maximum per feature, source, status."""
    statement = engine.queries.statement("latency_distribution", grid.written_parameters(window))
    groups = engine.fetch(statement).groupby(["feature", "source", "failed"], dropna=False)
    return [
        {
            "feature": feature,
            "source": _text(source),
            "status": "error" if failed else SUCCESS,
            **_summarize(rows),
        }
        for (feature, source, failed), rows in groups
    ]


def errors_by_source(
    engine: Engine, grid: Grid, window: Window, *, user_classes: tuple[str, ...] = ()
) -> list[dict[str, Any]]:
    """Errors per feature, source and class, with their mean and maximum latency."""
    class_names = {code: name for name, code in outcome_codes(user_classes).items()}
    statement = engine.queries.statement("errors_by_source", grid.written_parameters(window))
    return [
        {
            "feature": row["feature"],
            "source": _text(row["source"]),
            "error_class": class_names[int(row["outcome"])],
            "errors": int(row["errors"]),
            **_mean_and_max(row),
        }
        for row in engine.fetch(statement).to_dict("records")
    ]


def coverage(engine: Engine, grid: Grid, window: Window) -> list[dict[str, Any]]:
    """Calls, failures and calls without a valid latency per hour from the deploy."""
    counted = engine.fetch(engine.queries.statement("coverage", grid.parameters(window)))
    counted["hour"] = grid.hours(counted["hour_at"])
    hours = counted.groupby("hour")[["calls", "failed", "bad_latencies"]].sum()
    records = hours.astype(int).reset_index().to_dict("records")
    return [{str(key): value for key, value in record.items()} for record in records]


def unknown_errors(engine: Engine, grid: Grid, window: Window) -> list[dict[str, Any]]:
    """Errors of no known class as signatures of allow-listed words, with the time of the first."""
    statement = engine.queries.statement(
        "signatures", grid.parameters(window), relations={"vocabulary": vocabulary()}
    )
    found = engine.fetch(statement).sort_values("errors", ascending=False)
    return [
        {
            "feature": row["feature"],
            "signature": signature(int(row["words"])),
            "errors": int(row["errors"]),
            "first_started_at": row["first_started_at"].tz_localize(UTC).to_pydatetime(),
        }
        for row in found.to_dict("records")
    ]


def _summarize(rows: pd.DataFrame) -> dict[str, Any]:
    summary: dict[str, Any] = {"calls": int(rows["calls"].sum())}
    timed = rows[rows["latency_ms"].notna()]
    if timed.empty:
        return summary | dict.fromkeys(("avg_ms", "p50_ms", "p90_ms", "p95_ms", "max_ms"))
    sample = latency_sample(
        timed["latency_ms"].to_numpy(dtype=np.int64), timed["calls"].to_numpy(dtype=np.int64)
    )
    p50, p90, p95 = (float(value) for value in quantiles(sample, PERCENTILES))
    return summary | {
        "avg_ms": float(mean_ms(sample)),
        "p50_ms": p50,
        "p90_ms": p90,
        "p95_ms": p95,
        "max_ms": int(max_ms(sample)),
    }


def _mean_and_max(row: Mapping[Hashable, Any]) -> dict[str, float | int | None]:
    if not row["timed_errors"]:
        return {"avg_ms": None, "max_ms": None}
    mean = float(row["latency_ms"]) / int(row["timed_errors"])
    return {"avg_ms": mean, "max_ms": int(row["max_ms"])}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
