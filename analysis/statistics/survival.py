"""Time to answer when failures were cut off: Kaplan-Meier from counts, and what another cap would do."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from analysis.statistics.exact import rate_bounds
from analysis.statistics.totals import Floats


@dataclass(frozen=True)
class Estimate:
    """A number with its interval; all None when the data cannot say it ("not identifiable")."""

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
        Calls that lasted at least that long; those answered then; those cut off then (censored, after the answered
        ones).
    survival : float64
        S(t): share of calls not answered by time t, just after it.
    hazard_variance : float64
        d / (n (n - d)), Greenwood's terms; 0 at the point where the last call at risk was answered (S is 0 from there
        on).
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
        """Where the curve ends: the longest latency, or inf when every call had been answered by then."""
        return np.inf if self.time_ms.size and self.survival[-1] == 0 else self.longest_ms


def kaplan_meier(latency_ms: Floats, answered: Floats, failed: Floats) -> SurvivalCurve:
    """Kaplan-Meier curve from counts: how long until a call is answered, failures censored where they were cut off.

    Parameters
    ----------
    latency_ms : (groups,) latencies in ms, any order, repeats are added
    answered, failed : (groups,) successes and failures of that latency

    Raises
    ------
    ValueError
        When a count is negative, or the three differ in length.

    Notes
    -----
    Kaplan & Meier 1958, JASA 53, 457-481; at one latency answers come before cut-offs, as in `scipy.stats.ecdf`, which
    it equals. Not for failures that say something about the answer that would have come (a refused request is cut off
    early because it was hopeless): those hide in the curve as if they had gone on like the others.

    Examples
    --------
    >>> curve = kaplan_meier([10, 20, 20, 30], answered=[1, 1, 0, 1], failed=[0, 0, 1, 0])
    >>> [float(s) for s in curve.survival]
    [0.75, 0.5, 0.0]
    """
    latency = np.asarray(latency_ms, dtype=float)
    answered, failed = np.asarray(answered, dtype=float), np.asarray(failed, dtype=float)
    if not latency.shape == answered.shape == failed.shape:
        raise ValueError(
            f"latency_ms, answered and failed have shapes {latency.shape}, {answered.shape}, {failed.shape}"
        )
    if latency.size and min(answered.min(), failed.min()) < 0:
        raise ValueError("answered and failed are counts of calls: none may be negative")
    filled = answered + failed > 0
    time, place = np.unique(latency[filled], return_inverse=True)
    d = np.bincount(place, answered[filled], minlength=time.size)
    lost = np.bincount(place, failed[filled], minlength=time.size)
    n = np.cumsum((d + lost)[::-1])[::-1]
    left = n - d
    # S(t) = prod (n - d) / n;  Greenwood: sum d / (n (n - d))
    hazard_variance = np.where(left > 0, d / (n * np.where(left > 0, left, 1.0)), 0.0)
    return SurvivalCurve(time, n, d, lost, np.cumprod(left / n), hazard_variance)


def survival_at(
    curve: SurvivalCurve, time_ms: float, *, level: float = 0.95, inflation: float = 1.0
) -> Estimate:
    """S(t), the share of calls not answered by `time_ms`, with its log-log interval.

    Greenwood's variance times `inflation` (calls of an hour are not independent: give `Comparison.inflation` of "slower
    than t"; 1 takes calls as independent). Where S is 1 the interval is Clopper-Pearson's for all calls, where it is 0 for
    those that were answered. Beyond the last cut-off call: unknown.
    """
    if not curve.n_calls or time_ms > curve.known_until_ms:
        return UNKNOWN
    last = int(np.searchsorted(curve.time_ms, time_ms, side="right")) - 1
    s = float(curve.survival[last]) if last >= 0 else 1.0
    n = float(curve.at_risk[0] if s else curve.answered.sum())
    if s in (0.0, 1.0):
        low, high = rate_bounds(s * n, n, phi=inflation, level=level)
        return Estimate(s, low, high)
    # Var(log(-log S)) = sum d / (n (n - d)) / log(S)^2
    spread = np.sqrt(inflation * curve.hazard_variance[: last + 1].sum()) / -np.log(s)
    z = float(-ndtri((1 - level) / 2))
    return Estimate(s, float(s ** np.exp(z * spread)), float(s ** np.exp(-z * spread)))


def rmst(
    curve: SurvivalCurve, tau_ms: float, *, level: float = 0.95, inflation: float = 1.0
) -> Estimate:
    """Restricted mean time to answer: area under S up to `tau_ms`, in ms (Uno et al. 2014, JCO 32, 2380-2385).

    Unknown when tau lies beyond the last cut-off call. Choose tau before the data, at most the smaller of two caps.
    """
    if not curve.n_calls or tau_ms > curve.known_until_ms:
        return UNKNOWN
    return _with_interval(
        _area(curve, 0.0, tau_ms), _tail_areas(curve, tau_ms), curve, level, inflation
    )


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
        Time per good answer now, minus with the cap, ms. Negative: each good answer costs more. None without successes.
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
    inflation: float = 1.0,
) -> WhatIf:
    """Share cut off and time saved if calls were cut off at `cap_ms`.

    Answers hold for calls like those of the window: a shorter cap does not make the provider faster, nor the caller
    retry. Intervals are Greenwood's times `inflation` (see `survival_at`), by the delta method for the times.

    Examples
    --------
    Four calls, three answered after 10, 20 and 30 s, one cut off at 45 s; a cap of 25 s would cut off two.

    >>> curve = kaplan_meier([10_000, 20_000, 30_000, 45_000], answered=[1, 1, 1, 0], failed=[0, 0, 0, 1])
    >>> found = what_if_cap(curve, 25_000)
    >>> found.cut_off_share.value, found.saved_ms_per_call.value, found.saved_ms_per_success.value
    (0.5, 6250.0, -5000.0)
    """
    own = curve.longest_ms if own_cap_ms is None else min(own_cap_ms, curve.longest_ms)
    limit = own if own_cap_ms is not None or np.isfinite(curve.known_until_ms) else np.inf
    if not curve.n_calls or cap_ms > limit:
        return WhatIf(cap_ms, own, False, UNKNOWN, UNKNOWN, UNKNOWN)
    own = max(own, cap_ms)
    saved = _area(curve, cap_ms, own)
    gradient = _tail_areas(curve, own) - _tail_areas(curve, cap_ms)
    return WhatIf(
        cap_ms=cap_ms,
        own_cap_ms=own,
        identifiable=True,
        cut_off_share=survival_at(curve, cap_ms, level=level, inflation=inflation),
        saved_ms_per_call=_with_interval(saved, gradient, curve, level, inflation),
        saved_ms_per_success=_saved_per_success(curve, cap_ms, own, level, inflation),
    )


def _saved_per_success(
    curve: SurvivalCurve, cap_ms: float, own_cap_ms: float, level: float, inflation: float
) -> Estimate:
    """Time per good answer RMST / (1 - S) at the own cap, minus at the asked one."""
    now, now_gradient = _time_per_success(curve, own_cap_ms)
    then, then_gradient = _time_per_success(curve, cap_ms)
    if now is None or then is None:
        return UNKNOWN
    return _with_interval(now - then, now_gradient - then_gradient, curve, level, inflation)


def _time_per_success(curve: SurvivalCurve, tau_ms: float) -> tuple[float | None, Floats]:
    """RMST / (1 - S) at tau, and its derivative by each hazard; None when nothing is answered by then."""
    before = curve.time_ms <= tau_ms
    s = float(curve.survival[before][-1]) if before.any() else 1.0
    if s >= 1:
        return None, np.zeros(before.size)
    area = _area(curve, 0.0, tau_ms)
    # d(R / (1 - S)) = dR / (1 - S) + R dS / (1 - S)^2, with dR = tail area, dS = S before tau (signs alike)
    return area / (1 - s), _tail_areas(curve, tau_ms) / (1 - s) + area * s * before / (1 - s) ** 2


def _area(curve: SurvivalCurve, start_ms: float, end_ms: float) -> float:
    """Integral of S from start to end, ms."""
    inside = (curve.time_ms > start_ms) & (curve.time_ms < end_ms)
    edges = np.concatenate(([start_ms], curve.time_ms[inside], [end_ms]))
    steps = np.concatenate(([1.0], curve.survival))[
        np.searchsorted(curve.time_ms, edges[:-1], side="right")
    ]
    return float(steps @ np.diff(edges))


def _tail_areas(curve: SurvivalCurve, tau_ms: float) -> Floats:
    """Integral of S from each time of the curve to tau, 0 beyond it: the derivative of RMST by the hazards."""
    until = np.minimum(np.append(curve.time_ms[1:], np.inf), tau_ms)
    pieces = curve.survival * np.maximum(until - np.minimum(curve.time_ms, tau_ms), 0.0)
    pieces = np.where(curve.survival > 0, pieces, 0.0)
    return np.cumsum(pieces[::-1])[::-1]


def _with_interval(
    value: float, gradient: Floats, curve: SurvivalCurve, level: float, inflation: float
) -> Estimate:
    """Normal interval with variance sum g^2 d / (n (n - d)) * inflation."""
    half = float(-ndtri((1 - level) / 2)) * np.sqrt(
        inflation * float(gradient**2 @ curve.hazard_variance)
    )
    return Estimate(value, float(value - half), float(value + half))
