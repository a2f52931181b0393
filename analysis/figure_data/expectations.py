"""What was required of each expectation and what came, as changes relative to the baseline."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from analysis.formatting import level
from analysis.metrics import recorded_metric

Found = Mapping[str, Any]


@dataclass(frozen=True)
class RelativeChange:
    """A change and its interval as shares of the baseline: -1 is gone, +1 is doubled."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class ForestRow:
    """One claim on the forest plot.

    Attributes
    ----------
    calls : how many calls each arm has, as text.
    state : its finding.
    change : None when nothing can be compared.
    required : the change that the claim asks for; None when it asks for none.
    needs_fall : whether the good side is the left one.
    """

    name: str
    numbers: str
    state: str
    change: RelativeChange | None
    required: float | None
    needs_fall: bool


@dataclass(frozen=True)
class Forest:
    """All expectations; changes within `too_small` are too small to matter."""

    rows: tuple[ForestRow, ...]
    too_small: float
    level_text: str


@dataclass(frozen=True)
class LookPoint:
    """One look at one claim; `change` and `bound` are None when the look is not made."""

    window: str
    change: RelativeChange | None
    bound: float | None
    verdict: str
    state: str


@dataclass(frozen=True)
class LookSeries:
    """Every planned look at one claim, in order."""

    name: str
    points: tuple[LookPoint, ...]
    required: float | None


def prepare_forest(result: Mapping[str, Any], *, too_small: float) -> Forest:
    """Every expectation, an `any_of` by its parts."""
    found = list(with_parts(result["expectations"]))
    levels = sorted({item["level"] for item in found if item.get("level")})
    text = f"intervals at level {level(levels[0])}" if levels else "no interval yet"
    return Forest(tuple(_forest_row(item) for item in found), too_small, text)


def prepare_look_series(
    results: Sequence[Mapping[str, Any] | None], windows: Sequence[str], name: str
) -> LookSeries:
    """One claim through every planned look; a result is None where no look was made."""
    points, required = [], None
    for window, result in zip(windows, results, strict=True):
        found = next(
            (
                item
                for item in with_parts(result["expectations"] if result else ())
                if item["name"] == name
            ),
            None,
        )
        if found:
            required = required_change(found)[0]
        points.append(
            LookPoint(
                window,
                relative_change(found) if found else None,
                result["look"]["bound"] if result else None,
                result["verdict"].replace("_", " ") if result else "no look",
                found["finding"] if found else "no_data",
            )
        )
    return LookSeries(name, tuple(points), required)


def with_parts(findings: Iterable[Found]) -> Iterable[Found]:
    """Findings, an `any_of` replaced by its parts under its name."""
    for found in findings:
        parts = found.get("parts") or ()
        for part in parts:
            name = f"{found['name']}: {recorded_metric(part['metric']).words}"
            yield {**part, "name": name}
        if not parts:
            yield found


def relative_change(found: Found) -> RelativeChange | None:
    """Change as a share of the baseline's value at the same mix; None without such a share."""
    difference, ratio, interval = found.get("difference"), found.get("ratio"), found.get("interval")
    if difference is None or ratio is None or not interval or None in interval:
        return None
    base = difference / (ratio - 1) if ratio != 1 else found["baseline"]["value"]
    if not base:
        return None
    low = max(interval[0] / base, -1.0)  # no metric falls below zero
    return RelativeChange(difference / base, low, interval[1] / base)


def required_change(found: Found) -> tuple[float | None, bool]:
    """The relative change that the claim asks for, and whether it must fall to it."""
    kind, before = found.get("claim"), found["baseline"]["value"]
    if kind in ("falls", "rises"):
        step = found.get("by") or 0.0
        return (-step, True) if kind == "falls" else (step, False)
    if kind == "no_worse":
        margin = found.get("margin") or 0.0
        is_worse_up = recorded_metric(found["metric"]).worse == "up"
        return (margin, True) if is_worse_up else (-margin, False)
    if kind == "below" and before:
        return found["limit"] / before - 1, True
    if kind == "stays_zero":  # so few that the rate lies below the limit, or below what it was
        return (found["limit"] / before - 1 if found.get("limit") and before else 0.0), True
    return None, True


def _forest_row(found: Found) -> ForestRow:
    change = relative_change(found)
    calls = f"{found['baseline']['calls']} and {found['post']['calls']} calls"
    numbers = "nothing to compare" if change is None else calls
    return ForestRow(found["name"], numbers, found["finding"], change, *required_change(found))
