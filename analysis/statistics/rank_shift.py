"""Shift of one latency distribution against another by ranks, from counts. Descriptive: it never decides a claim.

Ranks take calls as independent, which they are not, and failures as latencies, which they are not either; see `ratio`
and `survival` for what decides.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

from analysis.statistics.distribution import LatencySample

EXACT_CALLS = 50


@dataclass(frozen=True)
class RankShift:
    """Mann-Whitney and Hodges-Lehmann of post against baseline.

    Attributes
    ----------
    u : float
        Pairs (post, baseline) with the post call slower, ties one half.
    probability_slower : float
        u / pairs: chance that a post call is slower than a baseline call, ties one half.
    p_value : float
        Two-sided, calls taken as independent: for reading beside the verdict, never for one.
    shift_ms : float
        Hodges-Lehmann: median of all differences post - baseline, ms.
    low_ms, high_ms : float
        Its interval, ms, calls taken as independent.
    exact : bool
        True when the null distribution was enumerated (at most 50 calls, no ties), else normal.
    """

    u: float
    probability_slower: float
    p_value: float
    shift_ms: float
    low_ms: float
    high_ms: float
    exact: bool


def rank_shift(
    baseline: LatencySample, post: LatencySample, *, level: float = 0.95
) -> RankShift | None:
    """Mann-Whitney U and the Hodges-Lehmann shift with its interval, from counts; None when an arm has no calls.

    Mann & Whitney 1947, Ann. Math. Statist. 18, 50-60; Hodges & Lehmann 1963, ibid. 34, 598-611; interval: Hollander,
    Wolfe, Chicken 2014, Nonparametric Statistical Methods, 4.3. Latencies must be whole milliseconds for the shift to
    be exact.

    Examples
    --------
    >>> from analysis.statistics.distribution import latency_sample
    >>> found = rank_shift(latency_sample([1, 2, 3, 4], [1] * 4), latency_sample([10, 20, 30, 40], [1] * 4))
    >>> found.shift_ms, found.low_ms, found.high_ms
    (22.5, 6.0, 39.0)
    """
    m, n = baseline.n_calls, post.n_calls
    if not m or not n:
        return None
    ties = _tie_counts(baseline, post)
    exact = m + n <= EXACT_CALLS and ties.max() == 1
    u = _u_statistic(baseline, post)
    if exact:
        chance = _exact_u(m, n)
        p_value, cut = _exact_p(chance, u), _exact_cut(chance, level)
    else:
        deviation = _u_deviation(m, n, ties)
        p_value = _normal_p(u - m * n / 2, deviation)
        cut = int(np.floor(m * n / 2 + ndtri((1 - level) / 2) * deviation))
    cut = min(max(cut, 1), (m * n + 1) // 2)
    shift = (
        _nth_difference(baseline, post, (m * n + 1) // 2)
        + _nth_difference(baseline, post, m * n // 2 + 1)
    ) / 2
    low, high = (
        _nth_difference(baseline, post, cut),
        _nth_difference(baseline, post, m * n + 1 - cut),
    )
    return RankShift(u, u / (m * n), p_value, shift, low, high, bool(exact))


def _u_statistic(baseline: LatencySample, post: LatencySample) -> float:
    """Pairs with the post call slower; ties one half."""
    total = np.concatenate(([0], np.cumsum(baseline.calls))).astype(float)
    below = total[np.searchsorted(baseline.latency_ms, post.latency_ms, side="left")]
    upto = total[np.searchsorted(baseline.latency_ms, post.latency_ms, side="right")]
    return float(post.calls @ (below + upto) / 2)


def _tie_counts(baseline: LatencySample, post: LatencySample) -> np.ndarray:
    """Calls of both arms at each distinct latency."""
    time, place = np.unique(
        np.concatenate((baseline.latency_ms, post.latency_ms)), return_inverse=True
    )
    return np.bincount(place, np.concatenate((baseline.calls, post.calls)), minlength=time.size)


def _u_deviation(m: int, n: int, ties: np.ndarray) -> float:
    """Standard deviation of U: sqrt(m n / 12 ((N + 1) - sum(t^3 - t) / (N (N - 1)))).

    Cubed in float64: t^3 overflows 64-bit integers above 2,097,151 equal latencies.
    """
    total, t = float(m + n), ties.astype(np.float64)
    spread = (total + 1) - np.sum(t**3 - t) / (total * (total - 1))
    return float(np.sqrt(max(0.0, float(m) * n / 12 * spread)))


def _normal_p(distance: float, deviation: float) -> float:
    """Two-sided p with continuity correction; 1 when all latencies are equal."""
    return (
        float(min(1.0, 2 * ndtr(-max(0.0, abs(distance) - 0.5) / deviation)))
        if deviation > 0
        else 1.0
    )


def _exact_u(m: int, n: int) -> np.ndarray:
    """P(U = 0), ..., P(U = m n) under no shift: coefficients of prod (1 - x^(m + i)) / (1 - x^i), i = 1..n."""
    ways = np.zeros(m * n + 1)
    ways[0] = 1
    for i in range(1, n + 1):
        ways[m + i :] -= ways[: -(m + i)].copy() if m + i < ways.size else 0
        for j in range(i, ways.size):
            ways[j] += ways[j - i]
    return ways / ways.sum()


def _exact_p(chance: np.ndarray, u: float) -> float:
    """Twice the smaller tail."""
    k = round(u)
    return float(min(1.0, 2 * min(chance[: k + 1].sum(), chance[k:].sum())))


def _exact_cut(chance: np.ndarray, level: float) -> int:
    """Number k so that the k-th smallest and k-th largest differences hold the shift with at least `level`."""
    return int(np.searchsorted(np.cumsum(chance), (1 - level) / 2 + 1e-12, side="right"))


def _nth_difference(baseline: LatencySample, post: LatencySample, nth: int) -> float:
    """The nth smallest (from 1) difference post - baseline, whole ms: bisection on how many are at most d."""
    total = np.concatenate(([0], np.cumsum(baseline.calls))).astype(float)

    def at_most(d: float) -> float:
        first = np.searchsorted(baseline.latency_ms, post.latency_ms - d, side="left")
        return float(post.calls @ (total[-1] - total[first]))

    low = int(np.floor(post.latency_ms[0] - baseline.latency_ms[-1])) - 1
    high = int(np.ceil(post.latency_ms[-1] - baseline.latency_ms[0]))
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if at_most(middle) >= nth else (middle, high)
    return float(high)
