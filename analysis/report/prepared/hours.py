"""What the figures over time show: any metric per hour, around the deploy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analysis.decision.scope import Scope
from analysis.metrics import Metric
from analysis.report.prepared.values import HourlyRate, Mark

if TYPE_CHECKING:
    from analysis.judge import Look

HOURS_BEFORE = 48


def prepare_hourly_rate(look: Look, scope: Scope, metric: Metric, *, marks: tuple[Mark, ...] = ()) -> HourlyRate:
    """The metric of each hour from two days before the deploy to the end of the window; nan where no call was, or was counted."""
    first, last = look.plan.hours
    baseline, post = look.arms.totals(scope, metric, (first, last))
    base_y, base_n = (np.where(baseline.usable, values.sum(axis=0), 0.0) for values in (baseline.y, baseline.n))
    post_y, post_n = post.y.sum(axis=(0, 1)), post.n.sum(axis=(0, 1))
    usual = _ratio(base_y.sum(axis=0), base_n.sum(axis=0))
    shown = min(HOURS_BEFORE, base_n.size)
    before = slice(base_n.size - shown, None)
    gap = np.full(first, np.nan)  # an exploratory look may begin later than the deploy
    hours = np.arange(-shown, last, dtype=float)
    calls = np.concatenate((base_n.ravel()[before], np.nan_to_num(gap), post_n))
    rate = np.concatenate((_ratio(base_y.ravel(), base_n.ravel())[before], gap, _ratio(post_y, post_n)))
    usual_line = usual[hours.astype(int) % usual.size]
    return HourlyRate(hours, rate, calls, metric.name, usual_line, (Mark(0.0, "deploy"), *marks), int(base_n.sum()), int(post_n.sum()))


def _ratio(y: np.ndarray, n: np.ndarray) -> np.ndarray:
    return np.where(n > 0, y / np.where(n > 0, n, 1.0), np.nan)
