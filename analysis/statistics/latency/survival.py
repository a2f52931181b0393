"""Time to answer when failures were cut off: Kaplan-Meier from counts."""

from __future__ import annotations

from dataclasses import dataclass

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
