"""What would another cap do? Answered from the Kaplan-Meier curve of a look's own calls."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.counting.arms import Arms
from analysis.counting.caps import find_cliffs
from analysis.counts import LatencyCounts
from analysis.errors import WrongUse
from analysis.statistics.latency.survival import SurvivalCurve, kaplan_meier
from analysis.statistics.latency.what_if import WhatIf, what_if_cap
from analysis.statistics.rates.overdispersion import overdispersion


@dataclass(frozen=True)
class CapPrediction:
    """What a cap would do to the calls of one feature after the deploy.

    Attributes
    ----------
    calls : calls of the feature that have a latency.
    level : of the intervals.
    effect : share cut off, time saved per call and per success, with intervals; nothing of it is
        identifiable beyond the cap that the calls already had.
    """

    feature: str
    cap_ms: float
    calls: int
    level: float
    effect: WhatIf


def feature_curve(latency: LatencyCounts, feature: str) -> SurvivalCurve:
    """Time to answer of one feature's calls; a failed call is censored when it was cut off.

    WrongUse for a feature without calls.
    """
    rows = latency.rows[latency.rows["feature"] == feature]
    if rows.empty:
        known = ", ".join(sorted(latency.rows["feature"].dropna().unique())) or "no calls at all"
        raise WrongUse(f"feature {feature!r} has no timed call in the window; it has {known}")
    latency_ms, place = np.unique(rows["latency_ms"].to_numpy(), return_inverse=True)
    answered, failed = (
        np.bincount(place, weights=rows["calls"].where(chosen, 0), minlength=latency_ms.size)
        for chosen in (rows["outcome"] == 0, rows["outcome"] != 0)
    )
    return kaplan_meier(latency_ms, answered, failed)


def what_if(arms: Arms, feature: str, cap_ms: float, *, level: float = 0.95) -> CapPrediction:
    """Share of the post calls that a cap would cut off, and the time it would save.

    Intervals are widened by the overdispersion of the window's own hours in the share beyond the
    cap: before the deploy an old cap may have cut off the calls that vary.
    """
    curve = feature_curve(arms.post.latency, feature)
    cliff = find_cliffs(arms.post.latency).get(feature)
    effect = what_if_cap(
        curve,
        cap_ms,
        own_cap_ms=float(cliff.at_ms) if cliff else None,
        level=level,
        overdispersion=overdispersion_at(arms, feature, cap_ms),
    )
    return CapPrediction(feature, cap_ms, int(curve.n_calls), level, effect)


def overdispersion_at(arms: Arms, feature: str, cap_ms: float) -> float:
    """Overdispersion of the post hours in the share of calls not answered within the cap."""
    rows = arms.post.bins.rows
    shows_it = (rows["outcome"] == 0) | (rows["bin_ms"] >= cap_ms)
    rows = rows[(rows["feature"] == feature) & shows_it]
    by_hour = (
        rows.assign(beyond=rows["calls"].where(rows["bin_ms"] >= cap_ms, 0))
        .groupby("hour")[["beyond", "calls"]]
        .sum()
    )
    beyond, calls = by_hour["beyond"].to_numpy(dtype=float), by_hour["calls"].to_numpy(dtype=float)
    return overdispersion(beyond, calls)
