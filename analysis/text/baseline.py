"""The sentences of the baseline report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from analysis.formatting import THIN, count, milliseconds, share
from analysis.text.prose import (
    Result,
    change_text,
    metric_unit,
    metric_words,
    value_text,
    when_text,
)

LATENCY = f"Half of the calls took no longer than p50, 90{THIN}% no longer than p90, 95{THIN}% no longer than p95."
POWER = (
    "What the planned looks will be able to tell: a change smaller than this would mostly be missed at that look (it is seen in 4 of 5 "
    "cases). A claim that asks for less cannot be decided so early. Needed: as many calls after the deploy (minutes, failures, where the "
    "metric counts those) show a change of the size that the claim is about."
)
UNKNOWN = "Texts of errors stay in the database; a signature keeps only words that are known to hold no data, all else is blanked."
NO_UNKNOWN = "Every error has a known class."


def baseline_lines(content: Result) -> list[str]:
    """What the baseline is."""
    baseline, published = content["baseline"], content["published"]
    days = "day" if baseline["days"] == 1 else "days"
    lines = [
        f"{count(baseline['calls'])} calls started in the {baseline['days']} {days} from {when_text(baseline['start'])} to "
        f"{when_text(baseline['end'])}; {count(baseline['excluded_hours'])} hours are left out.",
        f"The two tables below cover {when_text(published['start'])} to {when_text(published['end'])}, by the time a call was written; "
        "everywhere else a call belongs to the hour in which it started.",
    ]
    if baseline["days"] < 3:
        lines.append(
            "With fewer than three days the spread of hours is known badly, so only large changes will be seen; seven days are better."
        )
    return lines


def cliff_lines(cliffs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Where calls were cut off."""
    if not cliffs:
        return ["No feature has a timeout cliff: errors do not pile up at one latency."]
    return [
        f"{cliff['feature']}: {share(cliff['share_of_timeouts'])} of its timeouts lie within 2\N{NARROW NO-BREAK SPACE}% of "
        f"{milliseconds(cliff['at_ms'])} (a timeout cliff: calls are cut off there)."
        for cliff in cliffs
    ]


def exclusion_lines(content: Result) -> list[str]:
    """Hours that stand out, proposed for exclusion."""
    hours = content["proposed_exclusions"]
    if not hours:
        return ["No hour stands out as an incident."]
    listed = ", ".join(when_text(hour) for hour in hours)
    return [
        f"These hours stand far out; if they were an incident, add them to [baseline].exclude: {listed}."
    ]


def power_rows(foresight: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One row a claim and metric, one column a window."""
    rows: dict[tuple[Any, ...], dict[str, Any]] = {}
    for item in foresight:
        metric = metric_unit(item["metric"])
        key = (item["name"], item["metric"], item["feature"], item["source"])
        words = {
            "name": item["name"],
            "metric": metric_words(item["metric"]),
            "now": value_text(metric, item["baseline"]),
        }
        row = rows.setdefault(key, words)
        visible = item["smallest_visible_change"]
        row[item["window"]] = _seen(metric, visible)
        row["needed"] = (
            "not known" if item["calls_needed"] is None else count(item["calls_needed"])
        )  # the last look's stays
    return list(rows.values())


def _seen(unit: str, visible: float | None) -> str:
    """The smallest visible change; a share that would have to change by more than it can is not seen at all."""
    if visible is None:
        return "not known"
    return (
        "nothing"
        if unit == "share" and abs(visible) >= 1
        else change_text(unit, abs(visible)).lstrip("+")
    )
