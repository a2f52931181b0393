"""What another cap would do to the calls of a window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.special import ndtri

from analysis.statistics.latency.survival import UNKNOWN, Estimate, SurvivalCurve, survival_at
from analysis.statistics.totals import Floats


@dataclass(frozen=True)
class WhatIf:
    """What a cap would do to the calls of this window.

    Attributes
    ----------
    cap_ms : float
        The cap asked about.
    own_cap_ms : float
        How far this window can see: its own cap, or the longest latency.
    identifiable : bool
        False beyond the own cap; every number is then None.
    cut_off_share : Estimate
        S(cap): share of calls that would be cut off.
    saved_ms_per_call : Estimate
        Mean time saved on a call, ms.
    saved_ms_per_success : Estimate
        Time per answer now, minus with the cap, ms. Negative: each answer costs more. None without
        successes.
    """

    cap_ms: float
    own_cap_ms: float
    identifiable: bool
    cut_off_share: Estimate
    saved_ms_per_call: Estimate
    saved_ms_per_success: Estimate


def what_if_cap(
    curve: SurvivalCurve,
    cap_ms: float,
    *,
    own_cap_ms: float | None = None,
    level: float = 0.95,
    overdispersion: float = 1.0,
) -> WhatIf:
    """Share cut off and time saved if calls were cut off at `cap_ms`.

    Answers hold for calls like those of the window: a shorter cap does not make the provider
    faster, nor the caller retry. Intervals are Greenwood's times `overdispersion` (see
    `survival_at`), by the delta method for the times.

    Parameters
    ----------
    curve : SurvivalCurve
    cap_ms : float
        The cap asked about, ms.
    own_cap_ms : float, optional
        Where the calls of the window were cut off, ms; the longest latency if left out.
    level : float
        Of the intervals, two-sided.
    overdispersion : float
        At least 1; see `survival_at`.

    Examples
    --------
    Four calls, answered after 10, 20 and 30 s, one cut off at 45 s; a cap of 25 s cuts off two.

    >>> from analysis.statistics.latency.survival import kaplan_meier
    >>> curve = kaplan_meier([10_000, 20_000, 30_000, 45_000], [1, 1, 1, 0], [0, 0, 0, 1])
    >>> found = what_if_cap(curve, 25_000)
    >>> found.cut_off_share.value, found.saved_ms_per_call.value, found.saved_ms_per_success.value
    (0.5, 6250.0, -5000.0)
    """
    own = curve.longest_ms if own_cap_ms is None else min(own_cap_ms, curve.longest_ms)
    limit = own if own_cap_ms is not None or np.isfinite(curve.known_until_ms) else np.inf
    if not curve.n_calls or cap_ms > limit:
        return WhatIf(cap_ms, own, False, UNKNOWN, UNKNOWN, UNKNOWN)
    own = max(own, cap_ms)
    z = float(-ndtri((1 - level) / 2))

    def difference(at_own: _Value, at_cap: _Value) -> Estimate:
        """Normal interval with variance sum g^2 d / (n (n - d)) * overdispersion."""
        value, gradient = at_own.value - at_cap.value, at_own.gradient - at_cap.gradient
        half = z * np.sqrt(overdispersion * float(gradient**2 @ curve.hazard_variance))
        return Estimate(value, float(value - half), float(value + half))

    means = _restricted_mean(curve, own), _restricted_mean(curve, cap_ms)
    now, then = _per_success(curve, own, means[0]), _per_success(curve, cap_ms, means[1])
    return WhatIf(
        cap_ms=cap_ms,
        own_cap_ms=own,
        identifiable=True,
        cut_off_share=survival_at(curve, cap_ms, level=level, overdispersion=overdispersion),
        saved_ms_per_call=difference(*means),
        saved_ms_per_success=difference(now, then) if now and then else UNKNOWN,
    )


class _Value(NamedTuple):
    """A number of the curve, and its derivatives by the hazards at each of its times."""

    value: float
    gradient: Floats


def _restricted_mean(curve: SurvivalCurve, tau_ms: float) -> _Value:
    """Area under S up to tau, ms; its derivative by a hazard is the area from there to tau."""
    inside = curve.time_ms < tau_ms
    edges = np.concatenate(([0.0], curve.time_ms[inside], [tau_ms]))
    pieces = np.concatenate(([1.0], curve.survival[inside])) * np.diff(edges)
    gradient = np.zeros(curve.time_ms.size)
    gradient[inside] = np.cumsum(pieces[:0:-1])[::-1]
    return _Value(float(pieces.sum()), gradient)


def _per_success(curve: SurvivalCurve, tau_ms: float, mean: _Value) -> _Value | None:
    """Restricted mean / (1 - S) at tau; None when nothing is answered by then."""
    before = curve.time_ms <= tau_ms
    s = float(curve.survival[before][-1]) if before.any() else 1.0
    if s >= 1:
        return None
    # d(R / (1 - S)) = dR / (1 - S) + R dS / (1 - S)^2, dS = S before tau (signs alike)
    gradient = mean.gradient / (1 - s) + mean.value * s * before / (1 - s) ** 2
    return _Value(mean.value / (1 - s), gradient)
