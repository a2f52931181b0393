"""Shape of a latency distribution from counts: quantiles, their intervals, and how two distributions differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from analysis.statistics.totals import Floats

SHIFT_QUANTILES = (0.10, 0.25, 0.50, 0.75, 0.90, 0.95, 0.99)


@dataclass(frozen=True, eq=False)
class LatencySample:
    """Calls of one arm by latency: distinct latencies rising, and how many calls each has.

    Attributes
    ----------
    latency_ms : float64
    calls : int64, all above 0
    """

    latency_ms: Floats
    calls: np.ndarray

    @property
    def n_calls(self) -> int:
        """All calls."""
        return int(self.calls.sum())


def latency_sample(latency_ms: Floats, calls: Floats) -> LatencySample:
    """Sort and add up counts of any order; latencies without calls drop out."""
    latency, calls = np.asarray(latency_ms, dtype=float), np.asarray(calls)
    if calls.size and calls.min() < 0:
        raise ValueError(f"calls holds {calls.min()}: counts are never negative")
    time, place = np.unique(latency[calls > 0], return_inverse=True)
    summed = np.zeros(time.size, dtype=np.int64)
    np.add.at(summed, place, calls[calls > 0].astype(np.int64))
    return LatencySample(time, summed)


def quantiles(sample: LatencySample, q: Sequence[float]) -> Floats:
    """Quantiles by linear interpolation, as `percentile_cont` and `numpy.quantile`, ms; nan without calls.

    Not for arms with a cap: failures are no latencies, and a quantile of successes alone is biased. See `survival`.

    Examples
    --------
    >>> [float(x) for x in quantiles(latency_sample([10, 20], [1, 3]), [0.1, 0.5])]
    [13.0, 20.0]
    """
    q = np.asarray(q, dtype=float)
    if not sample.n_calls:
        return np.full(q.shape, np.nan)
    position = (sample.n_calls - 1) * q
    low, high = np.floor(position).astype(np.int64), np.ceil(position).astype(np.int64)
    total = np.cumsum(sample.calls)
    below = sample.latency_ms[np.searchsorted(total, low, side="right")]
    above = sample.latency_ms[np.searchsorted(total, high, side="right")]
    return below + (above - below) * (position - low)


def ecdf(sample: LatencySample) -> Floats:
    """Share of calls at or below each latency of the sample."""
    return np.cumsum(sample.calls) / max(1, sample.n_calls)


def mean_ms(sample: LatencySample) -> float:
    """Mean latency, ms; nan without calls."""
    return (
        float(sample.latency_ms @ sample.calls / sample.n_calls) if sample.n_calls else float("nan")
    )


def max_ms(sample: LatencySample) -> float:
    """Longest latency, ms; nan without calls."""
    return float(sample.latency_ms[-1]) if sample.n_calls else float("nan")


@dataclass(frozen=True)
class QuantileInterval:
    """Interval of one quantile, found by testing thresholds.

    Attributes
    ----------
    q : float
        The quantile asked for, 0..1.
    low_ms : float
        The quantile is at least this long, ms; 0 when no threshold excludes less.
    high_ms : float or None
        At most this long; None: beyond the last threshold (the cap), not identifiable.
    """

    q: float
    low_ms: float
    high_ms: float | None


def quantile_interval(
    thresholds_ms: Sequence[float], shares_slower: Sequence[tuple[float, float]], *, q: float
) -> QuantileInterval:
    """Interval of a quantile by inverting the test of "slower than t" over a grid of thresholds t (Woodruff 1952).

    A threshold belongs to the interval when a share 1 - q of slower calls is inside the interval of that share. The
    ends are the next thresholds that do not, so a coarse grid makes the interval wider, never too short.

    Parameters
    ----------
    thresholds_ms : rising, the last at most the cap
    shares_slower : for each threshold the interval (low, high) of the share of calls that failed or lasted longer, from
        `Comparison.post_interval` or `baseline_interval` at the level wanted
    q : quantile, 0..1

    Notes
    -----
    Woodruff 1952, JASA 47, 635-646. Failures are slower than every threshold, hence a quantile beyond the cap shows as
    `high_ms` None: ">= cap, not identifiable".

    Examples
    --------
    >>> shares = [(0.8, 0.9), (0.45, 0.6), (0.1, 0.2)]
    >>> quantile_interval([1000, 2000, 4000], shares, q=0.5)
    QuantileInterval(q=0.5, low_ms=1000.0, high_ms=4000.0)
    """
    time = np.asarray(thresholds_ms, dtype=float)
    low, high = np.asarray(shares_slower, dtype=float).reshape(-1, 2).T
    too_early, too_late = (
        low > 1 - q,
        high < 1 - q,
    )  # surely more, surely fewer calls than 1 - q are slower than t
    last_early = np.flatnonzero(too_early)
    late_after = np.flatnonzero(
        too_late & (np.arange(time.size) > (last_early[-1] if last_early.size else -1))
    )
    return QuantileInterval(
        q=q,
        low_ms=float(time[last_early[-1]]) if last_early.size else 0.0,
        high_ms=float(time[late_after[0]]) if late_after.size else None,
    )


@dataclass(frozen=True)
class QuantileShift:
    """Difference post - baseline of one quantile, ms, with its band; nan when an arm has no calls."""

    q: float
    baseline_ms: float
    post_ms: float
    difference_ms: float
    low_ms: float
    high_ms: float


def shift_function(
    baseline: LatencySample,
    post: LatencySample,
    *,
    q: Sequence[float] = SHIFT_QUANTILES,
    level: float = 0.95,
    baseline_inflation: float = 1.0,
    post_inflation: float = 1.0,
) -> list[QuantileShift]:
    """How much each quantile moved, with a band that holds for all of them at once. Descriptive: it decides nothing.

    Each arm's quantile has the interval of the quantiles at q -+ z sqrt(inflation q (1 - q) / n) (Woodruff 1952), z for
    level 1 - (1 - level) / m (Bonferroni over m quantiles); the difference joins them by the square-and-add rule
    (Donner & Zou 2012, Stat. Methods Med. Res. 21, 347-359). Shift functions: Doksum 1974, Ann. Statist. 2, 267-277.

    Parameters
    ----------
    baseline, post : LatencySample
    baseline_inflation, post_inflation : how many times larger the variance of "slower than" shares is than that of
        independent calls; `Comparison.inflation`. With 1 the band is too narrow for calls that share slowdowns.

    Examples
    --------
    >>> before, after = latency_sample([100, 200], [50, 50]), latency_sample([150, 250], [50, 50])
    >>> [shift.difference_ms for shift in shift_function(before, after, q=[0.25, 0.75])]
    [50.0, 50.0]
    """
    q = np.asarray(q, dtype=float)
    z = float(-ndtri((1 - level) / 2 / max(1, q.size)))
    base, base_low, base_high = _woodruff(baseline, q, z * np.sqrt(baseline_inflation))
    after, after_low, after_high = _woodruff(post, q, z * np.sqrt(post_inflation))
    difference = after - base
    low = difference - np.hypot(after - after_low, base_high - base)
    high = difference + np.hypot(after_high - after, base - base_low)
    return [
        QuantileShift(*(float(x) for x in row))
        for row in zip(q, base, after, difference, low, high, strict=True)
    ]


def _woodruff(sample: LatencySample, q: Floats, z: float) -> tuple[Floats, Floats, Floats]:
    """Quantiles and those at the ends of the interval of their rank."""
    half = z * np.sqrt(q * (1 - q) / max(1, sample.n_calls))
    return (
        quantiles(sample, q),
        quantiles(sample, np.maximum(q - half, 0)),
        quantiles(sample, np.minimum(q + half, 1)),
    )
