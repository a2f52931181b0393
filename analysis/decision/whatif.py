"""What would another cap do? Answered from the Kaplan-Meier curve of a look's own calls."""

from __future__ import annotations

from dataclasses import dataclass

from analysis.counting.arms import Arms
from analysis.counting.caps import find_cliffs
from analysis.counting.scope import Scope
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


def time_to_answer(latency: LatencyCounts, scope: Scope) -> SurvivalCurve:
    """Kaplan-Meier curve of a scope's calls; a failed call is censored when it was cut off."""
    rows = scope.select(latency.rows)
    answered = rows["calls"].where(rows["outcome"] == 0, 0)
    failed = rows["calls"] - answered
    return kaplan_meier(rows["latency_ms"].to_numpy(), answered.to_numpy(), failed.to_numpy())


def what_if(arms: Arms, scope: Scope, cap_ms: float, *, level: float = 0.95) -> CapPrediction:
    """Share of the post calls that a cap would cut off, and the time it would save.

    Intervals are widened by the overdispersion of the window's own hours in the share beyond the
    cap: before the deploy an old cap may have cut off the calls that vary. WrongUse without calls.
    """
    curve = time_to_answer(arms.post.latency, scope)
    feature = scope.feature or "*"
    if not curve.n_calls:
        names = sorted(arms.post.latency.rows["feature"].dropna().unique())
        known = ", ".join(names) or "no calls at all"
        raise WrongUse(f"feature {feature!r} has no timed call in the window; it has {known}")
    cliff = find_cliffs(arms.post.latency).get(feature)
    effect = what_if_cap(
        curve,
        cap_ms,
        own_cap_ms=float(cliff.at_ms) if cliff else None,
        level=level,
        overdispersion=overdispersion_beyond(arms, scope, cap_ms),
    )
    return CapPrediction(feature, cap_ms, int(curve.n_calls), level, effect)


def overdispersion_beyond(arms: Arms, scope: Scope, cap_ms: float) -> float:
    """Overdispersion of the post hours in the share of calls that the cap would cut off.

    It is that of the scope's features, all sources together: bins may not know the source.
    """
    rows = Scope(scope.feature).select(arms.post.bins.rows)
    rows = rows[(rows["outcome"] == 0) | (rows["bin_ms"] >= cap_ms)]
    by_hour = (
        rows.assign(beyond=rows["calls"].where(rows["bin_ms"] >= cap_ms, 0))
        .groupby("hour")[["beyond", "calls"]]
        .sum()
    )
    beyond, calls = by_hour["beyond"].to_numpy(dtype=float), by_hour["calls"].to_numpy(dtype=float)
    return overdispersion(beyond, calls)
