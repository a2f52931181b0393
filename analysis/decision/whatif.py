"""What if the cap were another one? Answered from the Kaplan-Meier curve of a look's own calls."""

from __future__ import annotations

from typing import Any

import numpy as np

from analysis.counting.arms import Arms
from analysis.counting.caps import find_cliffs
from analysis.counts import LatencyCounts
from analysis.errors import WrongUse
from analysis.formatting import count, milliseconds, share
from analysis.statistics.latency.survival import Estimate, SurvivalCurve, kaplan_meier
from analysis.statistics.latency.what_if import what_if_cap
from analysis.statistics.rates.overdispersion import overdispersion


def feature_curve(latency: LatencyCounts, feature: str) -> SurvivalCurve:
    """Time to answer of one feature's calls; a failed call is censored when it was cut off. WrongUse for a feature without calls."""
    rows = latency.rows[latency.rows["feature"] == feature]
    if rows.empty:
        known = sorted(latency.rows["feature"].dropna().unique())
        raise WrongUse(
            f"feature {feature!r} has no timed call in the window; it has {', '.join(known) or 'no calls at all'}"
        )
    latency_ms, place = np.unique(rows["latency_ms"].to_numpy(), return_inverse=True)
    answered = np.bincount(
        place, weights=rows["calls"].where(rows["outcome"] == 0, 0), minlength=latency_ms.size
    )
    failed = np.bincount(
        place, weights=rows["calls"].where(rows["outcome"] != 0, 0), minlength=latency_ms.size
    )
    return kaplan_meier(latency_ms, answered, failed)


def what_if(arms: Arms, feature: str, cap_ms: float, *, level: float = 0.95) -> dict[str, Any]:
    """Share of the post calls that a cap would cut off, and the time it would save per call and per success, with intervals.

    The intervals are widened by how much more the window's own hours vary in the share beyond the cap than independent calls would:
    before the deploy an old cap may have cut off all that moves.
    """
    curve = feature_curve(arms.post.latency, feature)
    cliff = find_cliffs(arms.post.latency).get(feature)
    own_cap_ms = float(cliff.at_ms) if cliff else None
    found = what_if_cap(
        curve,
        cap_ms,
        own_cap_ms=own_cap_ms,
        level=level,
        overdispersion=overdispersion_at(arms, feature, cap_ms),
    )
    answer = {
        "feature": feature,
        "cap_ms": cap_ms,
        "own_cap_ms": found.own_cap_ms,
        "calls": int(curve.n_calls),
        "identifiable": found.identifiable,
        "level": level,
        "cut_off_share": _estimate(found.cut_off_share),
        "saved_ms_per_call": _estimate(found.saved_ms_per_call),
        "saved_ms_per_success": _estimate(found.saved_ms_per_success),
    }
    return answer | {"sentence": what_if_sentence(answer)}


def what_if_sentence(answer: dict[str, Any]) -> str:
    """The answer in words."""
    subject = f"A cap of {milliseconds(answer['cap_ms'])} on {answer['feature']}"
    if not answer["identifiable"]:
        return f"{subject}: not identifiable; the window's own cap is {milliseconds(answer['own_cap_ms'])}, and nothing is known beyond it."
    cut, saved, per_success = (
        answer["cut_off_share"],
        answer["saved_ms_per_call"],
        answer["saved_ms_per_success"],
    )
    success = ""
    if per_success["value"] is not None:
        change, low, high = (_signed(-per_success[end]) for end in ("value", "high", "low"))
        success = f"; the time spent per good answer would change by {change} ({low} to {high})"
    return (
        f"{subject} would cut off {share(cut['value'])} of the calls ({share(cut['low'])} to {share(cut['high'])}, "
        f"n = {count(answer['calls'])}) and save {milliseconds(saved['value'])} per call "
        f"({milliseconds(saved['low'])} to {milliseconds(saved['high'])}){success}."
    )


def _signed(value_ms: float) -> str:
    return ("+" if value_ms > 0 else "") + milliseconds(value_ms)


def overdispersion_at(arms: Arms, feature: str, cap_ms: float) -> float:
    """Overdispersion of the post hours in the share of calls not answered within the cap, of those whose time would show it."""
    rows = arms.post.bins.rows
    rows = rows[
        (rows["feature"] == feature) & ((rows["outcome"] == 0) | (rows["bin_ms"] >= cap_ms))
    ]
    by_hour = (
        rows.assign(beyond=rows["calls"].where(rows["bin_ms"] >= cap_ms, 0))
        .groupby("hour")[["beyond", "calls"]]
        .sum()
    )
    beyond, calls = by_hour["beyond"].to_numpy(dtype=float), by_hour["calls"].to_numpy(dtype=float)
    return overdispersion(beyond, calls)


def _estimate(estimate: Estimate) -> dict[str, float | None]:
    return {"value": estimate.value, "low": estimate.low, "high": estimate.high}
