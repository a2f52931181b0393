"""The usual tests, which treat calls as independent, and Netflix's canary judge.

They compare what our judge compares: the post hours with the same clock hours of the baseline days.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, stdtr

from benchmarks.calibration_parts.series import Series, sum_groups

LEVEL = 0.05
# NetflixACAJudge: MannWhitneyClassifier(tolerance = 0.25, confLevel = 0.98)
CANARY_LEVEL, CANARY_TOLERANCE, SMALLEST_NORMAL = 0.02, 0.25, 50


def z_test_p(baseline_events: float, baseline_n: float, post_events: float, post_n: float) -> float:
    """Two-sided p of the two-proportion z test with pooled variance; 1 when it has none."""
    if min(baseline_n, post_n) <= 0:
        return 1.0
    pooled = (baseline_events + post_events) / (baseline_n + post_n)
    # Var(p2 - p1) = p (1 - p) (1 / n1 + 1 / n2)
    variance = pooled * (1 - pooled) * (1 / baseline_n + 1 / post_n)
    if variance <= 0:
        return 1.0
    return float(
        2 * ndtr(-abs(post_events / post_n - baseline_events / baseline_n) / np.sqrt(variance))
    )


def welch_p(baseline: tuple[float, float, float], post: tuple[float, float, float]) -> float:
    """Two-sided p of Welch's t test from (n, sum, sum of squares) of each arm."""
    if min(baseline[0], post[0]) < 2:
        return 1.0
    (n1, mean1, part1), (n2, mean2, part2) = (_moments(*arm) for arm in (baseline, post))
    if part1 + part2 <= 0:
        return 1.0
    df = (part1 + part2) ** 2 / (part1**2 / (n1 - 1) + part2**2 / (n2 - 1))
    return float(2 * stdtr(df, -abs(mean2 - mean1) / np.sqrt(part1 + part2)))


def mann_whitney_p(baseline_ms: NDArray[np.integer], post_ms: NDArray[np.integer]) -> float:
    """Two-sided p of Mann and Whitney's U: normal approximation, ties, continuity correction.

    Latencies are whole milliseconds, so counting calls per millisecond replaces sorting.
    """
    n1, n2 = baseline_ms.size, post_ms.size
    if min(n1, n2) == 0:
        return 1.0
    size = int(max(baseline_ms.max(), post_ms.max())) + 1
    before, after = (
        np.bincount(values, minlength=size).astype(float) for values in (baseline_ms, post_ms)
    )
    # U = sum over post calls of (baseline calls below + half of those equal)
    u = float(after @ (np.cumsum(before) - before / 2))
    tied = before + after
    return _u_test_p(u, n1, n2, float(np.sum(tied**3 - tied)))


def canary_alarm(baseline: NDArray[np.floating], post: NDArray[np.floating]) -> bool:
    """Whether Netflix's canary judge reports the metric as High or Low.

    From Kayenta's NetflixACAJudge: one value a minute, without empty minutes; the 98 % interval of
    the Hodges-Lehmann shift by Mann-Whitney (normal approximation, as R's wilcox.test above 50
    values; no alarm below); High or Low when the interval is beyond a quarter of the shift;
    direction Either. By its defaults outliers stay and effect sizes do not count. Not included: the
    score over several metrics.
    """
    if min(baseline.size, post.size) < SMALLEST_NORMAL:
        return False
    before = np.sort(baseline)
    if _shift_p(before, post, 0.0) >= CANARY_LEVEL:
        return False  # the interval contains 0, so it cannot be beyond the dead band
    shift = _hodges_lehmann(before, post)
    return _shift_p(before, post, CANARY_TOLERANCE * shift) < CANARY_LEVEL


def minute_means(series: Series, first: int, last: int) -> NDArray[np.floating]:
    """Mean latency of feature `plain` in each minute with calls, hours first to last - 1."""
    counts = series.counts_of(first, last)
    total = sum_groups(
        series.latency_ms[series.calls_of(first, last)].astype(np.int64), counts
    ).sum(axis=1)
    calls = counts.sum(axis=1)
    return total[calls > 0] / calls[calls > 0]


def _moments(n: float, total: float, squares: float) -> tuple[float, float, float]:
    """Calls, mean, and variance of the mean."""
    mean = total / n
    return n, mean, max(0.0, squares / n - mean**2) / (n - 1)


def _shift_p(before: NDArray[np.floating], post: NDArray[np.floating], shift: float) -> float:
    """Two-sided p of "post is `shift` above before"; `before` is sorted."""
    moved = post - shift
    u = 0.5 * float(
        np.sum(np.searchsorted(before, moved, "left") + np.searchsorted(before, moved, "right"))
    )
    tied = np.unique(np.concatenate((before, moved)), return_counts=True)[1].astype(float)
    return _u_test_p(u, before.size, post.size, float(np.sum(tied**3 - tied)))


def _u_test_p(u: float, n1: int, n2: int, ties: float) -> float:
    n = n1 + n2
    # Var(U) = n1 n2 / 12 * (n + 1 - sum(t^3 - t) / (n (n - 1)))
    variance = n1 * n2 / 12 * (n + 1 - ties / (n * (n - 1)))
    if variance <= 0:
        return 1.0
    return float(min(1.0, 2 * ndtr(-(max(0.0, abs(u - n1 * n2 / 2) - 0.5)) / np.sqrt(variance))))


def _hodges_lehmann(before: NDArray[np.floating], post: NDArray[np.floating]) -> float:
    """Median of all differences post - before, to 1e-6 of their range; `before` is sorted."""
    low, high = float(post.min() - before[-1]), float(post.max() - before[0])
    tolerance, half = 1e-6 * (high - low), before.size * post.size / 2
    while high - low > tolerance:
        middle = (low + high) / 2
        # differences <= middle: before >= post - middle
        below = before.size * post.size - int(
            np.sum(np.searchsorted(before, post - middle, "left"))
        )
        low, high = (low, middle) if below >= half else (middle, high)
    return (low + high) / 2
