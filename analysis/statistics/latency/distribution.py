"""Shape of a latency distribution from counts: quantiles, and how they differ between two arms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from analysis.statistics.totals import Floats

SHIFT_QUANTILES = (0.10, 0.25, 0.50, 0.75, 0.90, 0.95, 0.99)


@dataclass(frozen=True, eq=False)
class LatencySample:
    """Calls of one arm by latency.

    Attributes
    ----------
    latency_ms : float64 (groups,)
        Distinct latencies, rising, ms.
    calls : int64 (groups,)
        How many calls each has, all above 0.
    """

    latency_ms: Floats
    calls: np.ndarray

    @property
    def n_calls(self) -> int:
        """All calls."""
        return int(self.calls.sum())


def latency_sample(latency_ms: Floats, calls: Floats) -> LatencySample:
    """Sort counts and add up equal latencies; latencies without calls drop out.

    Raises
    ------
    ValueError
        When a count is negative.
    """
    latency, calls = np.asarray(latency_ms, dtype=float), np.asarray(calls)
    if calls.size and calls.min() < 0:
        raise ValueError(f"calls holds {calls.min()}: counts are never negative")
    time, place = np.unique(latency[calls > 0], return_inverse=True)
    summed = np.zeros(time.size, dtype=np.int64)
    np.add.at(summed, place, calls[calls > 0].astype(np.int64))
    return LatencySample(time, summed)


def quantiles(sample: LatencySample, q: Sequence[float] | Floats) -> Floats:
    """Quantiles by linear interpolation, ms, as `numpy.quantile`; nan without calls.

    Not for arms with a cap: failures are no latencies, and a quantile of successes alone is biased.
    See `survival`.

    Examples
    --------
    >>> [float(x) for x in quantiles(latency_sample([10, 20], [1, 3]), [0.1, 0.5])]
    [13.0, 20.0]
    """
    position = (sample.n_calls - 1) * np.asarray(q, dtype=np.float64)
    if not sample.n_calls:
        return np.full(position.shape, np.nan)
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
    return float(sample.latency_ms @ sample.calls / sample.n_calls) if sample.n_calls else np.nan


def max_ms(sample: LatencySample) -> float:
    """Longest latency, ms; nan without calls."""
    return float(sample.latency_ms[-1]) if sample.n_calls else np.nan


@dataclass(frozen=True)
class QuantileShift:
    """Difference post - baseline of one quantile, with its band; nan when an arm has no calls.

    Attributes
    ----------
    q : float
        The quantile, 0..1.
    baseline_ms, post_ms, difference_ms : float
        Its value in each arm and the difference, ms.
    low_ms, high_ms : float
        Band of the difference, ms.
    """

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
    baseline_overdispersion: float = 1.0,
    post_overdispersion: float = 1.0,
) -> list[QuantileShift]:
    """How much each quantile moved, with a band that holds for all of them at once.

    Each arm's quantile has the interval of the quantiles at q -+ z sqrt(overdispersion q (1 - q) /
    n) (Woodruff 1952, JASA 47, 635-646), z for level 1 - (1 - level) / m (Bonferroni over m
    quantiles); the difference joins them by the square-and-add rule (Donner & Zou 2012, Stat.
    Methods Med. Res. 21, 347-359). Shift functions: Doksum 1974, Ann. Statist. 2, 267-277.
    Descriptive: it decides no claim.

    Parameters
    ----------
    baseline, post : LatencySample
    q : sequence of float
        Quantiles, 0..1.
    level : float
        Of all quantiles together.
    baseline_overdispersion, post_overdispersion : float
        Variance of "slower than" shares over that of independent calls, from
        `Comparison.overdispersion`. With 1 the band is too narrow for calls that share slowdowns.

    Examples
    --------
    >>> before, after = latency_sample([100, 200], [50, 50]), latency_sample([150, 250], [50, 50])
    >>> [shift.difference_ms for shift in shift_function(before, after, q=[0.25, 0.75])]
    [50.0, 50.0]
    """
    asked = np.asarray(q, dtype=float)
    z = float(-ndtri((1 - level) / 2 / max(1, asked.size)))
    base, base_low, base_high = _woodruff(baseline, asked, z * np.sqrt(baseline_overdispersion))
    after, after_low, after_high = _woodruff(post, asked, z * np.sqrt(post_overdispersion))
    difference = after - base
    low = difference - np.hypot(after - after_low, base_high - base)
    high = difference + np.hypot(after_high - after, base - base_low)
    return [
        QuantileShift(*(float(x) for x in row))
        for row in zip(asked, base, after, difference, low, high, strict=True)
    ]


def _woodruff(sample: LatencySample, q: Floats, z: float) -> tuple[Floats, Floats, Floats]:
    """Quantiles and those at the ends of the interval of their rank."""
    half = z * np.sqrt(q * (1 - q) / max(1, sample.n_calls))
    return (
        quantiles(sample, q),
        quantiles(sample, np.maximum(q - half, 0)),
        quantiles(sample, np.minimum(q + half, 1)),
    )
