"""What the figures of claims show, from the object of result.json and the counts of outcomes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from analysis.counting.scope import Scope
from analysis.formatting import level
from analysis.metrics import known_metrics, outcome_codes
from analysis.report.prepared.latency import LEVEL, overdispersion_of
from analysis.report.prepared.values import (
    Forest,
    ForestRow,
    LookPoint,
    Looks,
    OutcomeMix,
    ShareWithin,
)
from analysis.statistics.exact import rate_bounds
from analysis.text.prose import metric_words

if TYPE_CHECKING:
    from analysis.judge import Look

MOST_CLASSES = 5
Found = Mapping[str, Any]


def prepare_forest(result: Mapping[str, Any], *, too_small: float) -> Forest:
    """Every expectation, and every part of an `any_of`, as change relative to the baseline."""
    found = list(with_parts(result["expectations"]))
    levels = sorted({item["level"] for item in found if item.get("level")})
    text = f"intervals at level {level(levels[0])}" if levels else "no interval yet"
    return Forest(tuple(_row(item) for item in found), too_small, text)


def with_parts(findings: Iterable[Found]) -> Iterable[Found]:
    """Findings, an `any_of` replaced by its parts under its name."""
    for found in findings:
        parts = found.get("parts") or ()
        yield from (
            {**part, "name": f"{found['name']}: {metric_words(part['metric'])}"} for part in parts
        )
        if not parts:
            yield found


def relative_change(found: Found) -> tuple[float, float, float] | None:
    """Change and interval as a share of the baseline's value at the same mix; None when there is no such share."""
    difference, ratio, interval = found.get("difference"), found.get("ratio"), found.get("interval")
    if difference is None or ratio is None or not interval or None in interval:
        return None
    base = difference / (ratio - 1) if ratio != 1 else found["baseline"]["value"]
    if not base:
        return None
    return (
        difference / base,
        max(interval[0] / base, -1.0),
        interval[1] / base,
    )  # no metric falls below zero


def required_change(found: Found) -> tuple[float | None, bool]:
    """The change that the claim asks for, relative to the baseline, and whether it must fall to it."""
    kind, before = found.get("claim"), found["baseline"]["value"]
    if kind in ("falls", "rises"):
        step = found.get("by") or 0.0
        return (-step, True) if kind == "falls" else (step, False)
    if kind == "no_worse":
        falls_is_good = (
            known_metrics()[found["metric"]].worse == "up"
            if found["metric"] in known_metrics()
            else True
        )
        margin = found.get("margin") or 0.0
        return (margin, True) if falls_is_good else (-margin, False)
    if kind == "below" and before:
        return found["limit"] / before - 1, True
    if kind == "stays_zero":  # so few that the rate lies below the limit, or below what it was
        return (found["limit"] / before - 1 if found.get("limit") and before else 0.0), True
    return None, True


def prepare_outcome_mix(look: Look, scope: Scope) -> OutcomeMix:
    """Share of calls by outcome class, the largest classes first, the rest together."""
    names = {code: name for name, code in outcome_codes(look.arms.user_classes).items()}
    before, after = (
        _calls_by_outcome(arm.hourly.rows, scope) for arm in (look.baseline, look.post)
    )
    n_before, n_after = sum(before.values()), sum(after.values())
    weight = {
        code: before.get(code, 0) / max(n_before, 1) + after.get(code, 0) / max(n_after, 1)
        for code in {*before, *after}
    }
    order = sorted(weight, key=lambda code: (code != 0, -weight[code], code))
    shown, rest = order[: MOST_CLASSES + 1], order[MOST_CLASSES + 1 :]
    rows = [(names.get(code, "other"), [code]) for code in shown] + (
        [("all others", rest)] if rest else []
    )
    phi = overdispersion_of(look, scope, "error_rate")
    shares = [
        tuple(
            _share_within(sum(counts.get(code, 0) for code in codes), n, phi) for _, codes in rows
        )
        for counts, n in ((before, n_before), (after, n_after))
    ]
    return OutcomeMix(tuple(name for name, _ in rows), *shares, n_before, n_after)


def prepare_looks(
    results: Sequence[Mapping[str, Any] | None], windows: Sequence[str], name: str
) -> Looks:
    """One claim through every planned look, from their result.json; None where none was made."""
    points, required = [], None
    for window, result in zip(windows, results, strict=True):
        found = (
            next(
                (item for item in with_parts(result["expectations"]) if item["name"] == name), None
            )
            if result
            else None
        )
        change = relative_change(found) if found else None
        if found:
            required = required_change(found)[0]
        verdict = result["verdict"].replace("_", " ") if result else "no look"
        bound = result["look"]["bound"] if result else None
        points.append(
            LookPoint(
                window,
                *(change or (None, None, None)),
                bound,
                verdict,
                found["finding"] if found else "no_data",
            )
        )
    return Looks(name, tuple(points), required)


def _share_within(calls: int, n: int, phi: float) -> ShareWithin:
    low, high = rate_bounds(calls, n, phi=phi, level=LEVEL) if n else (0.0, 1.0)
    return ShareWithin(calls / max(n, 1), low, high)


def _row(found: Found) -> ForestRow:
    change = relative_change(found)
    required, needs_fall = required_change(found)
    calls = f"{found['baseline']['calls']} and {found['post']['calls']} calls"
    numbers = "nothing to compare" if change is None else calls
    return ForestRow(
        found["name"],
        numbers,
        found["finding"],
        *(change or (None, None, None)),
        required,
        needs_fall,
    )


def _calls_by_outcome(rows: pd.DataFrame, scope: Scope) -> dict[int, int]:
    counted = rows.groupby(["feature", "source", "outcome"], dropna=False)["calls"].sum()
    totals: dict[int, int] = {}
    for (feature, source, code), calls in counted.items():
        if calls and scope.matches(feature, source if isinstance(source, str) else None):
            totals[int(code)] = totals.get(int(code), 0) + int(calls)
    return totals
