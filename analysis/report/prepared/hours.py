"""What the figures over time show: any metric per hour, around the deploy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analysis.counting.scope import Scope
from analysis.decision.controls.series import slowness_series
from analysis.metrics import Metric
from analysis.report.prepared.values import Floats, HourlyRate, Mark, Slowness

if TYPE_CHECKING:
    from analysis.decision.claims import ClaimEvaluation
    from analysis.decision.look import Look

HOURS_BEFORE = 48
AXES = {"ms": "mean time", "tokens": "mean tokens", "calls/h": "calls"}
SMOOTHED_HOURS = 3


def prepare_hourly_rate(
    look: Look, scope: Scope, metric: Metric, *, marks: tuple[Mark, ...] = ()
) -> HourlyRate:
    """The metric of each hour from two days before the deploy to the end of the window; nan where no call was, or was counted."""
    first, last = look.plan.hours
    baseline, post = look.arms.totals(scope, metric, (first, last))
    base_y, base_n = (
        np.where(baseline.usable, values.sum(axis=0), 0.0) for values in (baseline.y, baseline.n)
    )
    post_y, post_n = post.y.sum(axis=(0, 1)), post.n.sum(axis=(0, 1))
    usual = _ratio(base_y.sum(axis=0), base_n.sum(axis=0))
    shown = min(HOURS_BEFORE, base_n.size)
    before = slice(base_n.size - shown, None)
    gap = np.full(first, np.nan)  # an exploratory look may begin later than the deploy
    hours = np.arange(-shown, last, dtype=float)
    calls = np.concatenate((base_n.ravel()[before], np.nan_to_num(gap), post_n))
    rate = np.concatenate(
        (_ratio(base_y.ravel(), base_n.ravel())[before], gap, _ratio(post_y, post_n))
    )
    usual_line = usual[hours.astype(int) % usual.size]
    return HourlyRate(
        hours=hours,
        rate=rate,
        calls=calls,
        what=metric.words,
        axis=AXES.get(metric.unit, f"share of {metric.among}"),
        unit=metric.unit,
        usual=usual_line,
        marks=(Mark(0.0, "deploy"), *marks),
        n_baseline=int(base_n.sum()),
        n_post=int(post_n.sum()),
    )


def prepare_slowness(
    evaluation: ClaimEvaluation, *, marks: tuple[Mark, ...] = ()
) -> Slowness | None:
    """The untouched features' slowness, the claim's own metric and what is left of it; None where there are no controls."""
    around = slowness_series(evaluation)
    if around is None:
        return None
    shown = around.hours >= around.hours[-1] + 1 - HOURS_BEFORE - (
        evaluation.hours[1] - evaluation.hours[0]
    )
    smooth = [
        _smoothed(values)[shown] for values in (around.untouched, around.target, around.adjusted)
    ]
    hours = around.hours[shown].astype(float)
    return Slowness(
        hours,
        *smooth,
        around.names,
        around.slope,
        evaluation.metric.words,
        (Mark(0.0, "deploy"), *marks),
    )


def _smoothed(values: Floats) -> Floats:
    """Mean over three hours, of the hours that are known; an unknown hour stays unknown."""
    known = np.isfinite(values)
    window = np.ones(SMOOTHED_HOURS)
    total = np.convolve(np.where(known, values, 0.0), window, mode="same")
    count = np.convolve(known.astype(float), window, mode="same")
    return np.where(known, total / np.maximum(count, 1.0), np.nan)


def _ratio(y: np.ndarray, n: np.ndarray) -> np.ndarray:
    return np.where(n > 0, y / np.where(n > 0, n, 1.0), np.nan)
