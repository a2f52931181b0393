"""How long calls take, and how long until they are answered."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from analysis.counting.arm import Arm
from analysis.counting.scope import Scope
from analysis.decision.look import LookFindings
from analysis.decision.whatif import time_to_answer
from analysis.metrics import metric_named
from analysis.statistics.latency.distribution import (
    LatencySample,
    QuantileShift,
    ecdf,
    latency_sample,
    shift_function,
)
from analysis.statistics.latency.survival import survival_at
from analysis.statistics.totals import Floats

LEVEL = 0.95
MOST_STEPS = 160
BAND_STEPS = 40
NEVER_MS = 1e12
"""A failed call counts as slower than every answered one."""


@dataclass(frozen=True)
class AxisMark:
    """A place on an axis with a name: the deploy, a later change, a knob, a cap of an `arm`.

    Attributes
    ----------
    at : hours from the deploy, or ms for a cap and a knob.
    """

    at: float
    text: str
    arm: str = ""


@dataclass(frozen=True, eq=False)
class StepCurve:
    """A step curve of one arm: the share `y` of its calls from each time `x` on.

    Attributes
    ----------
    band_x, low, high : ends of its 95 % band from each `band_x` on; nan where it is not
        identifiable, empty for a curve without a band.
    censored : share of the calls that never got an answer.
    """

    x: Floats
    y: Floats
    n_calls: int
    band_x: Floats = field(default_factory=lambda: np.empty(0))
    low: Floats = field(default_factory=lambda: np.empty(0))
    high: Floats = field(default_factory=lambda: np.empty(0))
    censored: float = 0.0


@dataclass(frozen=True, eq=False)
class CurvePair:
    """The same curve before and after, and the caps at which calls were cut off."""

    baseline: StepCurve
    post: StepCurve
    caps: tuple[AxisMark, ...]


@dataclass(frozen=True)
class QuantileShifts:
    """How the quantiles of the time to an answer moved; a change beyond a cap is nan."""

    points: tuple[QuantileShift, ...]
    n_baseline: int
    n_post: int
    level: float


def prepare_latency_curves(look: LookFindings, scope: Scope) -> CurvePair:
    """Share of calls that ended within a time; a failed call ends where it was cut off."""

    def curve(arm: Arm) -> StepCurve:
        rows = timed_calls(arm, scope)
        sample = latency_sample(rows["latency_ms"].to_numpy(), rows["calls"].to_numpy())
        return StepCurve(*thin_out(sample.latency_ms, ecdf(sample)), sample.n_calls)

    return CurvePair(curve(look.baseline), curve(look.post), caps_of(look, scope))


def prepare_answer_curves(look: LookFindings, scope: Scope) -> CurvePair:
    """Share of calls not answered yet (Kaplan-Meier), with bands as wide as the hours vary."""
    overdispersion = overdispersion_of(look, scope)

    def curve(arm: Arm) -> StepCurve:
        found = time_to_answer(arm.latency, scope)
        band_x = thin_out(found.time_ms, found.survival, BAND_STEPS)[0]
        band = [survival_at(found, x, level=LEVEL, overdispersion=overdispersion) for x in band_x]
        return StepCurve(
            *thin_out(found.time_ms, found.survival),
            n_calls=found.n_calls,
            band_x=band_x,
            low=np.array([point.low for point in band], dtype=float),
            high=np.array([point.high for point in band], dtype=float),
            censored=float(found.failed.sum() / found.n_calls) if found.n_calls else 0.0,
        )

    return CurvePair(curve(look.baseline), curve(look.post), caps_of(look, scope))


def prepare_quantile_shifts(look: LookFindings, scope: Scope) -> QuantileShifts:
    """How each quantile of the time to an answer moved.

    A failed call counts as slower than all others, so that a cap hides no quantile.
    """
    baseline, post = (_with_failed_last(arm, scope) for arm in (look.baseline, look.post))
    overdispersion = overdispersion_of(look, scope)
    shifts = shift_function(
        baseline,
        post,
        level=LEVEL,
        baseline_overdispersion=overdispersion,
        post_overdispersion=overdispersion,
    )
    points = [
        replace(
            shift,
            difference_ms=shift.difference_ms + _unknown(shift.baseline_ms, shift.post_ms),
            low_ms=shift.low_ms + _unknown(shift.low_ms),
            high_ms=shift.high_ms + _unknown(shift.high_ms),
        )
        for shift in shifts
    ]
    return QuantileShifts(tuple(points), baseline.n_calls, post.n_calls, LEVEL)


def caps_of(look: LookFindings, scope: Scope) -> tuple[AxisMark, ...]:
    """The caps that calls were cut off at, before and after."""
    marks = []
    for arm, name in (("baseline", "before"), ("post", "after")):
        cliff = look.cliffs[arm].get(scope.feature or "")
        if cliff is not None:
            marks.append(AxisMark(float(cliff.at_ms), f"cap {name}", arm))
    return tuple(marks)


def timed_calls(arm: Arm, scope: Scope) -> pd.DataFrame:
    """The scope's calls with a latency: latency_ms, calls, answered, failed."""
    rows = scope.select(arm.latency.rows)[["latency_ms", "calls", "outcome"]]
    answered = rows["calls"].where(rows["outcome"] == 0, 0)
    return rows.assign(answered=answered, failed=rows["calls"] - answered)


def overdispersion_of(look: LookFindings, scope: Scope, metric: str = "latency_mean") -> float:
    """Overdispersion: how much more the hours vary than independent calls would; at least 1."""
    return float(
        look.comparator.compare(scope, metric_named(metric), look.plan.hours).overdispersion
    )


def thin_out(x: Floats, y: Floats, most: int = MOST_STEPS) -> tuple[Floats, Floats]:
    """The steps that are seen: where the curve has moved by a visible share, and both ends."""
    if x.size <= most:
        return x, y
    level = np.floor((y - y.min()) / max(np.ptp(y), 1e-12) * most)
    keep = np.concatenate(([True], np.diff(level) != 0))
    keep[-1] = True
    return x[keep], y[keep]


def _with_failed_last(arm: Arm, scope: Scope) -> LatencySample:
    rows = timed_calls(arm, scope)
    latency = np.append(rows["latency_ms"].to_numpy(dtype=float), NEVER_MS)
    return latency_sample(latency, np.append(rows["answered"].to_numpy(), rows["failed"].sum()))


def _unknown(*times_ms: float) -> float:
    """0, or nan when a time is that of calls that were never answered."""
    return 0.0 if all(abs(time_ms) < NEVER_MS / 1000 for time_ms in times_ms) else math.nan
