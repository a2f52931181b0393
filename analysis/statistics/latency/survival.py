"""Time to answer when failures were cut off (Kaplan-Meier), and what another cap would do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.special import ndtri

from analysis.statistics.rates.exact import rate_bounds
from analysis.statistics.totals import Floats


@dataclass(frozen=True)
class Estimate:
    """A number with its interval, in its own unit; all None when it is not identifiable."""

    value: float | None
    low: float | None
    high: float | None


UNKNOWN = Estimate(None, None, None)


@dataclass(frozen=True, eq=False)
class SurvivalCurve:
    """Kaplan-Meier curve of time to answer, one entry per distinct latency, rising.

    Attributes
    ----------
    time_ms : float64
        Latencies at which a call was answered or cut off.
    at_risk, answered, failed : float64
        Calls that lasted at least that long; those answered then; those cut off then (censored,
        after the answered ones).
    survival : float64
        S(t): share of calls not answered by time t, just after it.
    hazard_variance : float64
        d / (n (n - d)), Greenwood's terms; 0 where the last call at risk was answered (S is 0 from
        there on).
    """

    time_ms: Floats
    at_risk: Floats
    answered: Floats
    failed: Floats
    survival: Floats
    hazard_variance: Floats

    @property
    def n_calls(self) -> int:
        """Calls in the curve."""
        return int(self.at_risk[0]) if self.at_risk.size else 0

    @property
    def longest_ms(self) -> float:
        """Largest latency seen; 0 without calls."""
        return float(self.time_ms[-1]) if self.time_ms.size else 0.0

    @property
    def known_until_ms(self) -> float:
        """Where the curve ends: the longest latency; inf when every call was answered by then."""
        return np.inf if self.time_ms.size and self.survival[-1] == 0 else self.longest_ms


def kaplan_meier(latency_ms: Floats, answered: Floats, failed: Floats) -> SurvivalCurve:
    """How long until a call is answered, from counts; failures are censored when they ended.

    Parameters
    ----------
    latency_ms : float (groups,)
        Latencies, ms, in any order; repeats are added.
    answered, failed : float (groups,)
        Successes and failures of that latency.

    Raises
    ------
    ValueError
        When a count is negative, or the three differ in length.

    Notes
    -----
    Kaplan & Meier 1958, JASA 53, 457-481; at one latency answers come before cut-offs, as in
    `scipy.stats.ecdf`, which it equals. Not for failures that say something about the answer that
    would have come (a request refused early because it was hopeless): the curve takes them to go on
    like the others.

    Examples
    --------
    >>> curve = kaplan_meier([10, 20, 20, 30], answered=[1, 1, 0, 1], failed=[0, 0, 1, 0])
    >>> [float(s) for s in curve.survival]
    [0.75, 0.5, 0.0]
    """
    latency = np.asarray(latency_ms, dtype=float)
    answered, failed = np.asarray(answered, dtype=float), np.asarray(failed, dtype=float)
    if not latency.shape == answered.shape == failed.shape:
        shapes = f"{latency.shape}, {answered.shape}, {failed.shape}"
        raise ValueError(f"latency_ms, answered and failed have shapes {shapes}: give them one")
    if latency.size and min(answered.min(), failed.min()) < 0:
        raise ValueError("answered and failed are counts of calls: none may be negative")
    filled = answered + failed > 0
    time, place = np.unique(latency[filled], return_inverse=True)
    d, lost = (
        np.bincount(place, calls[filled], minlength=time.size).astype(np.float64)
        for calls in (answered, failed)
    )
    n = np.cumsum((d + lost)[::-1])[::-1]
    left = n - d
    # S(t) = prod (n - d) / n;  Greenwood: sum d / (n (n - d))
    hazard_variance = np.where(left > 0, d / (n * np.where(left > 0, left, 1.0)), 0.0)
    return SurvivalCurve(time, n, d, lost, np.cumprod(left / n, dtype=np.float64), hazard_variance)


def survival_at(
    curve: SurvivalCurve, time_ms: float, *, level: float = 0.95, overdispersion: float = 1.0
) -> Estimate:
    """S(t), the share of calls not answered by `time_ms`, with its log-log interval.

    Greenwood's variance times `overdispersion` (calls of an hour are not independent: give
    `Comparison.overdispersion` of "slower than t"; 1 takes calls as independent). Where S is 1 the
    interval is Clopper-Pearson's for all calls, where it is 0 for those that were answered. Unknown
    beyond the last cut-off call.

    Examples
    --------
    >>> curve = kaplan_meier([10, 20], answered=[50, 30], failed=[0, 20])
    >>> survival_at(curve, 15).value
    0.5
    """
    if not curve.n_calls or time_ms > curve.known_until_ms:
        return UNKNOWN
    last = int(np.searchsorted(curve.time_ms, time_ms, side="right")) - 1
    s = float(curve.survival[last]) if last >= 0 else 1.0
    n = float(curve.at_risk[0] if s else curve.answered.sum())
    if s in (0.0, 1.0):
        low, high = rate_bounds(s * n, n, phi=overdispersion, level=level)
        return Estimate(s, low, high)
    # Var(log(-log S)) = sum d / (n (n - d)) / log(S)^2
    spread = np.sqrt(overdispersion * curve.hazard_variance[: last + 1].sum()) / -np.log(s)
    z = float(-ndtri((1 - level) / 2))
    return Estimate(s, float(s ** np.exp(z * spread)), float(s ** np.exp(-z * spread)))


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
