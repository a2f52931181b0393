"""The sentences about features that the deploy did not touch: whether it was the provider's day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from analysis.figure_data.expectations import with_parts
from analysis.formatting import count
from analysis.text.prose import NONE, Found, Result, change_text, interval_text


@dataclass(frozen=True)
class ControlsRow:
    """One finding: the plain change, the adjusted one, the proportional one (each with its interval), and which of them decided."""

    name: str
    plain: tuple[str, str]
    adjusted: tuple[str, str]
    proportional: tuple[str, str]
    decided_by: str
    sentence: str


def controls_lines(result: Result) -> list[str]:
    """What controls are, and how often their index seems to move where nothing was deployed."""
    used = sorted({name for found in _told(result) for name in found["controls"]["features"]})
    if not used:
        return [_why_none(result)]
    lines = [
        f"Features that no claim names were not touched by the deploy; those with calls enough to tell anything (the untouched ones) are "
        f"{', '.join(used)}. What they do too is the provider's day, or something the deploy did to all, and not what this deploy meant to "
        "change; so both numbers are shown, plain and adjusted. Each finding is held against those that its metric can be told by."
    ]
    if any("(slope " in (found["controls"].get("sentence") or "") for found in _told(result)):
        lines.append(
            "The slope is how much of their slowdown a feature shared before the deploy: 0 is nothing of it, 1 is all of it."
        )
    replayed = result["calibration"].get("controls") or {}
    pretended, alarms = replayed.get("pretended_deploys") or 0, replayed.get("false_alarms") or 0
    if pretended:
        times = "once" if alarms == 1 else f"{count(alarms)} times"
        lines.append(
            f"Their pace seemed to move {times} on {count(pretended)} pretended deploys inside the baseline, where nothing was deployed."
        )
    return lines


def controls_rows(result: Result) -> list[ControlsRow]:
    """A row for each finding whose metric the provider's pace can touch."""
    return [
        ControlsRow(
            found["name"],
            *(_numbers(found, which) for which in ("plain", "adjusted", "proportional")),
            str(found.get("decided_by") or "plain"),
            found["controls"]["sentence"],
        )
        for found in _told(result)
        if found["controls"].get("sentence")
    ]


def _told(result: Result) -> list[Found]:
    found = with_parts([*result["expectations"], *result["guardrails"]])
    return [item for item in found if item.get("controls")]


def _why_none(result: Result) -> str:
    why = next(
        (
            item["controls"]["why_none"]
            for item in _told(result)
            if item["controls"].get("why_none")
        ),
        None,
    )
    if why:
        return f"Nothing is held against untouched features: {why}."
    return "No claim is about something that the provider's pace can touch."


def _numbers(found: Found, which: str) -> tuple[str, str]:
    """A change and its interval."""
    numbers: Mapping[str, Any] | None = found.get(which)
    if not numbers or numbers.get("difference") is None:
        return NONE, ""
    interval = interval_text({"unit": found["unit"], "interval": numbers.get("interval")})
    return change_text(found["unit"], numbers["difference"]), "" if interval == NONE else interval
