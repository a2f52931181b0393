"""The words of findings and numbers on the pages, made from the object of result.json and nothing else."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from analysis import formatting as wording
from analysis.clock import iso, parse_instant
from analysis.formatting import claimed_share, count, p_value
from analysis.metrics import known_metrics

Result = Mapping[str, Any]
Found = Mapping[str, Any]
NONE = "\N{EN DASH}"
_INSTANT = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.\d+)?Z")

UNASKED = "unasked"
"""Beside the findings: what a scan found that no claim is about."""
FINDINGS: Mapping[str, tuple[str, str, str]] = {
    "met": ("✓", "met", "good"),
    "not_met": ("✗", "not met", "bad"),
    "worse": ("✗", "worse", "bad"),
    "undecided": ("…", "undecided", "wait"),
    "no_data": ("–", "too few calls", "none"),
    UNASKED: ("!", "nobody asked:", "wait"),
}


@dataclass(frozen=True)
class _Unit:
    """A unit, for words that ask a metric for nothing else."""

    unit: str


def changed_text(found: Found) -> str | None:
    """Before, after and the change at the same mix of calls, in the metric's unit; None when there is nothing to compare."""
    found = deciding_part(found)
    before, after = found["baseline"]["value"], found["post"]["value"]
    if before is None or after is None:
        return None
    unit = found["unit"]
    change = (
        f" ({change_text(unit, found['difference'])})" if found["difference"] is not None else ""
    )
    return f"{value_text(unit, before)} → {value_text(unit, after)}{change}"


def deciding_part(found: Found) -> Found:
    """The part of an `any_of` that its finding rests on; any other finding is its own."""
    parts = found.get("parts") or []
    same = [part for part in parts if part["finding"] == found["finding"]]
    return (same or parts or [found])[0]


def value_text(unit: str | None, value: float | None) -> str:
    """A value in its unit."""
    return wording.value_of(_Unit(unit or ""), value)


def change_text(unit: str | None, change: float | None) -> str:
    """A difference with its sign; shares differ by percentage points."""
    return wording.change_of(_Unit(unit or ""), change)


def size_text(change: float | None, unit: str | None) -> str:
    """The size of a difference, without its sign."""
    return change_text(unit, None if change is None else abs(change)).lstrip("+")


def interval_text(found: Found) -> str:
    """The interval of the change."""
    interval = found.get("interval")
    return (
        NONE
        if not interval or None in interval
        else wording.interval_of(_Unit(found["unit"] or ""), tuple(interval))
    )


def calls_text(found: Found, arm: str) -> str:
    """How many calls an arm has; where events are counted, how many of what the metric counts them among."""
    events = found[arm].get("events")
    return (
        f"{count(found[arm]['calls'])} calls"
        if events is None
        else f"{count(events)} of {among_text(found, arm)}"
    )


def among_text(found: Found, arm: str) -> str:
    """What the metric counts its events among, and how many there are: calls, failures, minutes with calls."""
    among = found.get("among") or {}
    return f"{count(among.get(arm, found[arm]['calls']))} {among.get('what', 'calls')}"


def claim_text(found: Found) -> str:
    """What was asked, in words."""
    kind, unit = found.get("claim"), found.get("unit")
    if found.get("parts"):
        return "at least one of: " + "; ".join(
            f"{metric_words(part['metric'])}: {claim_text(part)}" for part in found["parts"]
        )
    if kind in ("falls", "rises"):
        return f"{kind} by at least {claimed_share(found['by'])}" if found.get("by") else kind
    if kind == "no_worse":
        return f"at most {claimed_share(found.get('margin') or 0)} worse than before"
    if kind == "below":
        return f"stays below {value_text(unit, found['limit'])}"
    return "stays at zero" if kind == "stays_zero" else "nothing was asked"


def own_sentence(found: Found) -> str:
    """The finding's sentence, without its name where that stands before it."""
    return found["sentence"].removeprefix(f"{found['name']}: ")


def visible_text(found: Found) -> str:
    """What a finding that says nothing could have said: the smallest change this look would have seen."""
    if found["finding"] in ("met", "worse"):
        return ""
    change = found.get("smallest_visible_change")
    if change is None:
        return "no change could have been seen with so few calls"
    return f"a change of {size_text(change, found['unit'])} would have been seen in 4 of 5 cases"


def window_text(result: Result) -> str:
    """The window in words, with the time zone."""
    look = result["look"]
    return f"{when_text(look['start'])} to {when_text(look['end'])}"


def when_text(instant: datetime | str) -> str:
    """An instant for people, in UTC.

    >>> when_text("2026-02-02T23:10:16Z")
    '2026-02-02 23:10:16 UTC'
    """
    at = instant if isinstance(instant, datetime) else parse_instant(instant)
    return iso(at).replace("T", " ").replace("Z", " UTC")


def p_text(found: Found) -> str:
    """p of the claim's own null, and the one adjusted for all expectations."""
    adjusted = found.get("p_adjusted")
    return p_value(found.get("p_value")) + (
        f" (adjusted {p_value(adjusted)})" if adjusted is not None else ""
    )


def is_sample(path: str | None) -> bool:
    """Whether the calls are the made-up ones that `rollout demo` writes."""
    return bool(path) and path.replace("\\", "/").startswith("outputs/sample/")


def metric_words(name: str) -> str:
    """What a metric counts or measures, in words; a class of the user goes by its own name.

    >>> metric_words("http_5xx_rate"), metric_words("tool_loop_rate")
    ('server errors (5xx)', 'tool loop errors')
    """
    known = known_metrics()
    return (
        known[name].words
        if name in known
        else f"{name.removesuffix('_rate').replace('_', ' ')} errors"
    )


def in_utc(text: str) -> str:
    """A text with its instants as people read them.

    >>> in_utc("the newest row is of 2026-02-03T23:11:45.778Z")
    'the newest row is of 2026-02-03 23:11:45 UTC'
    """
    return _INSTANT.sub(r"\1 \2 UTC", text)


def metric_unit(name: str) -> str:
    """The unit of a metric; a class of the user is a share."""
    known = known_metrics()
    return known[name].unit if name in known else "share"
