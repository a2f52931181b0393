"""What the figures of latency show, from the counts per millisecond of both arms."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis.counting.scope import Scope
from analysis.decision.whatif import overdispersion_at
from analysis.formatting import milliseconds
from analysis.metrics import metric_named
from analysis.report.prepared.values import (
    AnswerCurve,
    AnswerCurves,
    CapCurve,
    CliffBars,
    Floats,
    LatencyCurves,
    Mark,
    Shift,
    ShiftPoint,
    Steps,
)
from analysis.statistics.latency.distribution import ecdf, latency_sample, shift_function
from analysis.statistics.latency.survival import SurvivalCurve, kaplan_meier, survival_at

if TYPE_CHECKING:
    from analysis.counting.arm import Arm
    from analysis.judge import Look

MOST_STEPS = 160
BAND_STEPS = 40
CLIFF_BINS = 48
CAP_STEPS = 60
LEVEL = 0.95
_NEVER_MS = 1e12  # a failed call counts as slower than every other
_SAME_CAP = 0.02


def prepare_latency_curves(look: Look, scope: Scope) -> LatencyCurves:
    """Share of calls that ended within a time, failed ones where they were cut off."""
    return LatencyCurves(
        _ended(look.baseline, scope), _ended(look.post, scope), caps_of(look, scope)
    )


def prepare_answer_curves(look: Look, scope: Scope) -> AnswerCurves:
    """Kaplan-Meier curves of time to answer, with bands as wide as the hours vary."""
    overdispersion = overdispersion_of(look, scope)
    return AnswerCurves(
        _answered(look.baseline, scope, overdispersion),
        _answered(look.post, scope, overdispersion),
        caps_of(look, scope),
    )


def prepare_cliff(look: Look, scope: Scope) -> CliffBars:
    """Calls per stretch of log milliseconds, failed ones apart."""
    baseline, post = timed_calls(look.baseline, scope), timed_calls(look.post, scope)
    longest = max(int(rows["latency_ms"].max()) if len(rows) else 1 for rows in (baseline, post))
    shortest = max(
        1,
        min(
            int(rows["latency_ms"].quantile(0.01)) if len(rows) else longest
            for rows in (baseline, post)
        ),
    )
    edges = np.geomspace(shortest, longest * 1.05 + 1, CLIFF_BINS + 1)
    before, after = bars(baseline, edges), bars(post, edges)
    n_calls = (int(baseline["calls"].sum()), int(post["calls"].sum()))
    return CliffBars(edges, *before, *after, *n_calls, caps_of(look, scope))


def prepare_shift(look: Look, scope: Scope) -> Shift:
    """How each quantile of time to answer moved; failed calls count as slower than all, so that a cap hides no quantile."""
    baseline, post = timed_calls(look.baseline, scope), timed_calls(look.post, scope)
    overdispersion = overdispersion_of(look, scope)
    shifts = shift_function(
        _with_failed_last(baseline),
        _with_failed_last(post),
        level=LEVEL,
        baseline_overdispersion=overdispersion,
        post_overdispersion=overdispersion,
    )
    limit = _NEVER_MS / 1000
    points = []
    for shift in shifts:
        known = (
            abs(shift.baseline_ms) < limit and abs(shift.post_ms) < limit
        )  # never true of nan, an arm without calls
        low, high = (
            bound if abs(bound) < limit else None for bound in (shift.low_ms, shift.high_ms)
        )
        points.append(
            ShiftPoint(shift.q, shift.difference_ms, low, high)
            if known
            else ShiftPoint(shift.q, None, None, None)
        )
    return Shift(tuple(points), int(baseline["calls"].sum()), int(post["calls"].sum()), LEVEL)


def prepare_cap_curve(look: Look, scope: Scope) -> CapCurve | None:
    """Share of calls that a cap would cut off, by the post window's own curve; None without calls."""
    curve = survival_of(look.post, scope)
    if not curve.n_calls:
        return None
    cliff = look.cliffs["post"].get(scope.feature)
    own_cap_ms = float(cliff.at_ms) if cliff else curve.longest_ms
    first = (
        curve.time_ms[np.searchsorted(1 - curve.survival, 0.01)]
        if curve.survival[-1] < 0.99
        else curve.time_ms[0]
    )
    caps = np.geomspace(max(first, 1.0), max(own_cap_ms, first * 1.01), CAP_STEPS)
    few = caps[:: CAP_STEPS // 6]  # how much the hours vary changes slowly along the curve
    spread = np.interp(caps, few, [overdispersion_beyond(look, scope, cap) for cap in few])
    found = [
        survival_at(curve, cap, level=LEVEL, overdispersion=overdispersion)
        for cap, overdispersion in zip(caps, spread, strict=True)
    ]
    share = np.array(
        [
            (point.value, point.low, point.high) if point.value is not None else (np.nan,) * 3
            for point in found
        ]
    )
    knobs = knobs_of(look, scope)
    answers = [
        survival_at(
            curve, knob.at, level=LEVEL, overdispersion=overdispersion_beyond(look, scope, knob.at)
        )
        for knob in knobs
    ]
    at_knobs = tuple(
        None if found.value is None else (found.value, found.low, found.high) for found in answers
    )
    return CapCurve(caps, *share.T, own_cap_ms, knobs, at_knobs, curve.n_calls)


def caps_of(look: Look, scope: Scope) -> tuple[Mark, ...]:
    """The caps that calls were cut off at, before and after."""
    marks = []
    for arm, name in (("baseline", "before"), ("post", "after")):
        cliff = look.cliffs[arm].get(scope.feature)
        if cliff is not None:
            marks.append(Mark(float(cliff.at_ms), f"cap {name} {milliseconds(cliff.at_ms)}", arm))
    return tuple(marks)


def knobs_of(look: Look, scope: Scope) -> tuple[Mark, ...]:
    """The caps that a knob of this feature would set."""
    names = {claim.name for claim in look.settings.claims if claim.feature == scope.feature}
    marks = []
    for knob in look.settings.knobs:
        if knob.new_cap_ms and (knob.when.name in names or knob.when.feature == scope.feature):
            marks.append(Mark(float(knob.new_cap_ms), f"knob {milliseconds(knob.new_cap_ms)}"))
    return tuple(sorted(set(marks), key=lambda mark: mark.at))


def survival_of(arm: Arm, scope: Scope) -> SurvivalCurve:
    """Kaplan-Meier curve of the scope's calls in one arm."""
    rows = timed_calls(arm, scope)
    return kaplan_meier(
        rows["latency_ms"].to_numpy(), rows["answered"].to_numpy(), rows["failed"].to_numpy()
    )


def timed_calls(arm: Arm, scope: Scope) -> pd.DataFrame:
    """The scope's calls with a latency: latency_ms, calls, answered, failed."""
    rows = arm.latency.rows
    chosen = np.ones(len(rows), dtype=bool)
    for column, asked in (("feature", scope.feature), ("source", scope.source)):
        if asked is None:
            continue
        if set(asked) & set("*?["):
            fitting = [
                value
                for value in rows[column].dropna().unique()
                if Scope(asked).matches(value, None)
            ]
            chosen &= rows[column].isin(fitting).to_numpy(dtype=bool)
        else:
            chosen &= (rows[column] == asked).to_numpy(dtype=bool, na_value=False)
    rows = rows.loc[chosen, ["latency_ms", "calls", "outcome"]]
    answered = rows["calls"].where(rows["outcome"] == 0, 0)
    return rows.assign(answered=answered, failed=rows["calls"] - answered)


def overdispersion_of(look: Look, scope: Scope, metric: str = "latency_mean") -> float:
    """How much more the hours vary than independent calls would; at least 1."""
    return float(look.arms.compare(scope, metric_named(metric), look.plan.hours).overdispersion)


def overdispersion_beyond(look: Look, scope: Scope, cap_ms: float) -> float:
    """How much more the hours vary in their share of calls beyond a cap, as `what_if` takes it."""
    if scope.feature is None or scope.is_pattern:
        return overdispersion_of(look, scope)
    return overdispersion_at(look.arms, scope.feature, cap_ms)


def thin(x: Floats, y: Floats, most: int = MOST_STEPS) -> tuple[Floats, Floats]:
    """The steps that are seen: those where the curve has moved by a visible share, and both ends."""
    if x.size <= most:
        return x, y
    level = np.floor((y - y.min()) / max(np.ptp(y), 1e-12) * most)
    keep = np.concatenate(([True], np.diff(level) != 0))
    keep[-1] = True
    return x[keep], y[keep]


def _ended(arm: Arm, scope: Scope) -> Steps:
    rows = timed_calls(arm, scope)
    sample = latency_sample(rows["latency_ms"].to_numpy(), rows["calls"].to_numpy())
    return Steps(*thin(sample.latency_ms, ecdf(sample)), sample.n_calls)


def _answered(arm: Arm, scope: Scope, overdispersion: float) -> AnswerCurve:
    curve = survival_of(arm, scope)
    steps = Steps(*thin(curve.time_ms, curve.survival), curve.n_calls)
    band_x = thin(curve.time_ms, curve.survival, BAND_STEPS)[0]
    band = [
        survival_at(curve, time_ms, level=LEVEL, overdispersion=overdispersion)
        for time_ms in band_x
    ]
    low, high = (
        np.array([getattr(point, end) for point in band], dtype=float) for end in ("low", "high")
    )
    return AnswerCurve(
        steps,
        band_x,
        low,
        high,
        float(curve.failed.sum() / curve.n_calls) if curve.n_calls else 0.0,
    )


def bars(rows: pd.DataFrame, edges: Floats) -> tuple[Floats, Floats]:
    """Failed and answered calls between the edges, as shares of all."""
    total = max(int(rows["calls"].sum()), 1)
    failed, answered = (
        np.histogram(rows["latency_ms"], bins=edges, weights=rows[column])[0] / total
        for column in ("failed", "answered")
    )
    return failed, answered


def _with_failed_last(rows: pd.DataFrame) -> object:
    latency = np.append(rows["latency_ms"].to_numpy(dtype=float), _NEVER_MS)
    return latency_sample(latency, np.append(rows["answered"].to_numpy(), rows["failed"].sum()))
