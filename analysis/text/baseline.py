"""The sentences of the baseline report."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from analysis.formatting import NONE, THIN, count, milliseconds, share, size_in, value_in, when
from analysis.metrics import recorded_metric
from analysis.results.baseline import BaselineResult, ForecastRow
from analysis.results.model import CliffRecord

FEWEST_DAYS = 3
LATENCY = (
    f"Half of the calls took no longer than p50, 90{THIN}% no longer than p90, "
    f"95{THIN}% no longer than p95."
)
FORECAST = (
    "The minimum detectable change of each planned look: a smaller change is missed in more than "
    "1 of 5 cases, so a claim about less cannot be decided at that look. Calls needed: so many "
    "calls after the deploy (or minutes, or failures, where the metric counts those) show a "
    "change of the size that the claim is about."
)
UNKNOWN = (
    "Error messages stay in the database. A signature keeps only words from an allow-list; "
    "everything else is blank."
)
NO_UNKNOWN = "Every error has a known class."


def baseline_lines(result: BaselineResult) -> list[str]:
    """What the baseline is."""
    baseline, published = result.baseline, result.published
    days = "day" if baseline.days == 1 else "days"
    lines = [
        f"{count(baseline.calls)} calls started in the {baseline.days} {days} from "
        f"{when(baseline.start)} to {when(baseline.end)}; "
        f"{count(baseline.excluded_hours)} hours are excluded.",
        f"The next two tables cover {when(published.start)} to {when(published.end)}, by the time "
        "a call was written; everywhere else a call belongs to the hour in which it started.",
    ]
    if baseline.days < FEWEST_DAYS:
        lines.append(
            "With fewer than three days the variance between hours is uncertain, so only large "
            "changes will be detected; seven days are better."
        )
    return lines


def cliff_lines(cliffs: Sequence[CliffRecord]) -> list[str]:
    """Where calls were cut off."""
    if not cliffs:
        return ["No feature has a timeout cliff: errors do not pile up at one latency."]
    return [
        f"{cliff.feature}: {share(cliff.share_of_timeouts)} of its timeouts are within "
        f"2{THIN}% of {milliseconds(cliff.at_ms)} (a timeout cliff: calls are cut off there)."
        for cliff in cliffs
    ]


def exclusion_lines(hours: Sequence[datetime]) -> list[str]:
    """Hours that look like an incident, proposed for exclusion."""
    if not hours:
        return ["No hour looks like an incident."]
    listed = ", ".join(map(when, hours))
    return [
        "The error rate of these hours is unusual; if that was an incident, "
        f"add them to [baseline].exclude: {listed}."
    ]


def forecast_rows(forecasts: Sequence[ForecastRow]) -> list[dict[str, str]]:
    """One row per claim and metric with a column for each window: what its look will detect."""
    rows: dict[tuple[str | None, ...], dict[str, str]] = {}
    for forecast in forecasts:
        metric = recorded_metric(forecast.metric)
        key = (forecast.name, forecast.metric, forecast.feature, forecast.source)
        row = rows.setdefault(
            key,
            {
                "name": forecast.name,
                "metric": metric.words,
                "now": value_in(forecast.baseline, metric.unit),
            },
        )
        row[forecast.window] = _detectable(forecast.smallest_visible_change, metric.unit)
        needed = forecast.calls_needed  # the last look's stays
        row["needed"] = "not known" if needed is None else count(needed)
    return list(rows.values())


def _detectable(change: float | None, unit: str) -> str:
    """A minimum detectable change; a share cannot change by more than all of it."""
    if change is None:
        return "not known"
    return NONE if unit == "share" and abs(change) >= 1 else size_in(change, unit)
