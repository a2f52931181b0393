"""Where calls fail, and what another cap would cut off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.counting.arm import Arm
from analysis.counting.scope import Scope
from analysis.decision.look import LookFindings
from analysis.decision.whatif import overdispersion_beyond, time_to_answer
from analysis.figure_data.latency import LEVEL, AxisMark, caps_of, timed_calls
from analysis.statistics.latency.survival import Estimate, survival_at
from analysis.statistics.totals import Floats

BINS = 48
CAP_STEPS, CAP_SPREADS = 60, 6


@dataclass(frozen=True, eq=False)
class CliffBars:
    """Calls of one arm between the edges, failed ones apart, as shares of all its calls."""

    failed: Floats
    answered: Floats
    n_calls: int


@dataclass(frozen=True, eq=False)
class CliffHistogram:
    """Calls per bin of latency; `post` is None on the baseline's own page."""

    edges_ms: Floats
    baseline: CliffBars
    post: CliffBars | None
    caps: tuple[AxisMark, ...]


@dataclass(frozen=True, eq=False)
class CapCurve:
    """Share of the calls after the deploy that a cap would cut off, with its 95 % band.

    Attributes
    ----------
    own_cap_ms : the window's own cap; nothing is known beyond it.
    knobs : the caps that a knob of this feature would set.
    at_knobs : the share at each knob; unknown beyond what the window can show.
    """

    cap_ms: Floats
    cut_off: Floats
    low: Floats
    high: Floats
    own_cap_ms: float
    knobs: tuple[AxisMark, ...]
    at_knobs: tuple[Estimate, ...]
    n_calls: int


def prepare_cliff(look: LookFindings, scope: Scope) -> CliffHistogram:
    """Where calls fail, before and after."""
    return _histogram([look.baseline, look.post], scope, caps_of(look, scope))


def prepare_baseline_cliff(baseline: Arm, feature: str, *, at_ms: float) -> CliffHistogram:
    """Where calls of a feature fail before the deploy, around its cliff."""
    mark = AxisMark(float(at_ms), "cap", "baseline")
    return _histogram([baseline], Scope(feature), (mark,))


def prepare_cap_curve(look: LookFindings, scope: Scope) -> CapCurve | None:
    """What a cap would cut off, by the post window's own calls; None without calls."""
    curve = time_to_answer(look.post.latency, scope)
    if not curve.n_calls:
        return None
    cliff = look.cliffs["post"].get(scope.feature or "")
    own_cap_ms = float(cliff.at_ms) if cliff else curve.longest_ms
    has_one_percent = curve.survival[-1] < 0.99
    first = curve.time_ms[np.searchsorted(1 - curve.survival, 0.01) if has_one_percent else 0]
    caps = np.geomspace(max(first, 1.0), max(own_cap_ms, first * 1.01), CAP_STEPS)
    few = caps[:: CAP_STEPS // CAP_SPREADS]  # overdispersion changes slowly along the curve
    spread = np.interp(caps, few, [overdispersion_beyond(look.arms, scope, cap) for cap in few])
    estimates = [
        survival_at(curve, cap, level=LEVEL, overdispersion=overdispersion)
        for cap, overdispersion in zip(caps, spread, strict=True)
    ]
    points = [(one.value, one.low, one.high) for one in estimates]
    cut_off, low, high = np.array(points, dtype=float).T
    knobs = knobs_of(look, scope)
    at_knobs = tuple(
        survival_at(
            curve,
            knob.at,
            level=LEVEL,
            overdispersion=overdispersion_beyond(look.arms, scope, knob.at),
        )
        for knob in knobs
    )
    return CapCurve(caps, cut_off, low, high, own_cap_ms, knobs, at_knobs, curve.n_calls)


def knobs_of(look: LookFindings, scope: Scope) -> tuple[AxisMark, ...]:
    """The caps that a knob of this feature would set, from the shortest on."""
    names = {claim.name for claim in look.settings.claims if claim.feature == scope.feature}
    caps = {
        float(knob.new_cap_ms)
        for knob in look.settings.knobs
        if knob.new_cap_ms and (knob.when.name in names or knob.when.feature == scope.feature)
    }
    return tuple(AxisMark(cap_ms, "knob") for cap_ms in sorted(caps))


def _histogram(arms: Sequence[Arm], scope: Scope, caps: tuple[AxisMark, ...]) -> CliffHistogram:
    """Bins of equal ratio, from the fastest 1 % of any arm to its slowest call."""
    rows = [timed_calls(arm, scope) for arm in arms]
    longest = max(int(calls["latency_ms"].max()) if len(calls) else 1 for calls in rows)
    shortest = min(
        int(calls["latency_ms"].quantile(0.01)) if len(calls) else longest for calls in rows
    )
    edges = np.geomspace(max(1, shortest), longest * 1.05 + 1, BINS + 1)
    bars = []
    for calls in rows:
        total = int(calls["calls"].sum())
        failed, answered = (
            np.histogram(calls["latency_ms"], bins=edges, weights=calls[column])[0] / max(total, 1)
            for column in ("failed", "answered")
        )
        bars.append(CliffBars(failed, answered, total))
    return CliffHistogram(edges, bars[0], bars[1] if len(bars) > 1 else None, caps)
