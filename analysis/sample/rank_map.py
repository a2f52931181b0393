"""Carry a drawn sample of latencies onto published figures: same order, same shape, the figures exact."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["LatencyPoints", "rank_map"]

_SHARES = {"p50_ms": 0.50, "p90_ms": 0.90, "p95_ms": 0.95}
_TOLERANCE = 0.01


@dataclass(frozen=True, kw_only=True)
class LatencyPoints:
    """What a published table says of the latencies of one group of calls; None where its cell is blank.

    Attributes
    ----------
    count : int
        Calls of the group, at least 1.
    average_ms : float or None
        Mean latency.
    p50_ms, p90_ms, p95_ms : float or None
        Percentiles by linear interpolation, as ``percentile_cont`` computes them.
    max_ms : int or None
        Longest latency.
    """

    count: int
    average_ms: float | None = None
    p50_ms: float | None = None
    p90_ms: float | None = None
    p95_ms: float | None = None
    max_ms: int | None = None

    def __post_init__(self) -> None:
        """Refuse a table that no sample can have."""
        if self.count < 1:
            raise ValueError(f"count {self.count} holds no call; give at least 1")
        rising = [
            value
            for value in (self.p50_ms, self.p90_ms, self.p95_ms, self.max_ms)
            if value is not None
        ]
        if rising != sorted(rising):
            raise ValueError(f"p50, p90, p95 and max must not fall, but are {rising}")
        if (
            self.average_ms is not None
            and self.max_ms is not None
            and self.average_ms > self.max_ms
        ):
            raise ValueError(f"average_ms {self.average_ms} lies above max_ms {self.max_ms}")


def rank_map(latencies_ms: np.ndarray, *, points: LatencyPoints, minimum_ms: int = 0) -> np.ndarray:
    """Map a sample onto published points so that slower calls stay slower.

    The ranks that a percentile is read from are pinned to its value. Between two pins a call keeps its relative
    place u in [0, 1], bent to u ** exponent; the exponent that gives the published average is found by bisection. Where
    no gentle one does (up to e), the shortest call is moved as well.

    Parameters
    ----------
    latencies_ms : array of numbers, ms
        The drawn sample, in any order. It is not changed.
    points : LatencyPoints
        The published figures. ``points.count`` must be the length of the sample.
    minimum_ms : int
        No mapped latency is shorter. The shortest call otherwise keeps its place in proportion to the first pin.

    Returns
    -------
    array of int64, ms
        In the order of `latencies_ms`. Count and maximum are exact, percentiles and average to the millisecond where
        whole milliseconds allow it, always within 1 %.

    Raises
    ------
    ValueError
        The sample has another length, or no sample of that length has these figures together.
    """
    drawn_ms = np.asarray(latencies_ms, dtype=np.float64)
    if drawn_ms.size != points.count:
        raise ValueError(
            f"the sample holds {drawn_ms.size} latencies, points.count is {points.count}; draw as many"
        )
    order = np.argsort(drawn_ms, kind="stable")
    pins = _pin_ranks(drawn_ms[order], points=points)
    ranks, values_ms = _pin_ends(pins, drawn_ms[order], minimum_ms=minimum_ms)
    range_of_shortest_ms = (pins[0], pins[0]) if 0 in pins else (float(minimum_ms), values_ms[1])
    mapped_ms = np.empty(points.count, dtype=np.int64)
    mapped_ms[order] = _bend_to_average(
        drawn_ms[order],
        ranks,
        values_ms,
        range_of_shortest_ms=range_of_shortest_ms,
        average_ms=points.average_ms,
    )
    _check_reached(mapped_ms, points=points)
    return mapped_ms


def _check_reached(mapped_ms: np.ndarray, *, points: LatencyPoints) -> None:
    """Refuse figures that so few calls cannot have together."""
    reached = {name: float(np.quantile(mapped_ms, share)) for name, share in _SHARES.items()}
    reached |= {"max_ms": float(mapped_ms.max()), "average_ms": float(mapped_ms.mean())}
    for name, value_ms in reached.items():
        wanted_ms = getattr(points, name)
        if wanted_ms is not None and abs(value_ms - wanted_ms) > max(_TOLERANCE * wanted_ms, 0.5):
            raise ValueError(
                f"{name} {wanted_ms} cannot be had by {points.count} calls together with the other figures "
                f"({value_ms:.0f} is nearest); correct them or leave a cell blank"
            )


def _pin_ranks(rising_ms: np.ndarray, *, points: LatencyPoints) -> dict[int, float]:
    """Return the ranks whose value the points fix, and that value in ms; the longest call's own where they fix none."""
    last = points.count - 1
    pins: dict[int, float] = {} if points.max_ms is None else {last: float(points.max_ms)}
    for name, share in reversed(_SHARES.items()):
        value_ms = getattr(points, name)
        if value_ms is not None:
            _pin_percentile(pins, position=round(share * last, 9), value_ms=float(value_ms))
    return pins or {last: float(rising_ms[last])}


def _pin_ends(
    pins: dict[int, float], rising_ms: np.ndarray, *, minimum_ms: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return pinned ranks and their ms, rising; the shortest and the longest call, where free, stay in proportion."""
    first, last = min(pins), rising_ms.size - 1
    scale = pins[first] / rising_ms[first] if rising_ms[first] > 0 else 1.0
    shortest_ms = float(np.clip(rising_ms[0] * scale, minimum_ms, pins[first]))
    longest_ms = max(rising_ms[last] * scale, pins[max(pins)])
    whole = {0: shortest_ms, last: longest_ms} | pins
    ranks = np.array(sorted(whole))
    return ranks, np.maximum.accumulate(np.rint([whole[rank] for rank in ranks]))


def _pin_percentile(pins: dict[int, float], *, position: float, value_ms: float) -> None:
    """Pin the two ranks around `position`; where the upper is pinned already, solve the interpolation for the lower."""
    lower, upper, fraction = int(position), int(np.ceil(position)), position - int(position)
    if upper in pins and upper != lower and lower not in pins:
        value_ms = (value_ms - fraction * pins[upper]) / (1.0 - fraction)
    pins.setdefault(lower, value_ms)
    pins.setdefault(upper, value_ms)


def _bend_to_average(
    rising_ms: np.ndarray,
    ranks: np.ndarray,
    values_ms: np.ndarray,
    *,
    range_of_shortest_ms: tuple[float, float],
    average_ms: float | None,
) -> np.ndarray:
    """Fill in the ranks between the pins, bent until the mean of the whole milliseconds is nearest to the average."""
    segment = np.clip(
        np.searchsorted(ranks, np.arange(rising_ms.size), side="right") - 1,
        0,
        max(ranks.size - 2, 0),
    )
    place = _place_in_segment(rising_ms, ranks=ranks, segment=segment)

    def bent(bend: float) -> np.ndarray:
        """Bend within [-3, 3]: first the exponent, e at most; then the shortest call; then the exponent at will."""
        exponent = np.exp(np.clip(bend, -1, 1) + 7 * np.sign(bend) * max(abs(bend) - 2, 0))
        low_ms, high_ms = range_of_shortest_ms
        shortest_ms = np.interp(bend, [-2, -1, 1, 2], [high_ms, values_ms[0], values_ms[0], low_ms])
        pins_ms = np.concatenate([[shortest_ms], values_ms[1:]])
        height_ms = np.append(np.diff(pins_ms), 0.0)
        return np.rint(pins_ms[segment] + height_ms[segment] * place**exponent).astype(np.int64)

    if average_ms is None:
        return bent(0.0)
    longest, shortest = -3.0, 3.0  # the mean falls with the bend
    for _ in range(60):
        middle = (longest + shortest) / 2
        if bent(middle).mean() > average_ms:
            longest = middle
        else:
            shortest = middle
    return min(
        bent(longest), bent(shortest), key=lambda mapped_ms: abs(mapped_ms.mean() - average_ms)
    )


def _place_in_segment(
    rising_ms: np.ndarray, *, ranks: np.ndarray, segment: np.ndarray
) -> np.ndarray:
    """Return where each call lies between its two pins, 0 to 1: by its latency, by its rank where all are tied."""
    rank = np.arange(rising_ms.size)
    first, last = ranks[segment], ranks[np.minimum(segment + 1, ranks.size - 1)]
    width_ms = rising_ms[last] - rising_ms[first]
    by_rank = (rank - first) / np.maximum(last - first, 1)
    by_latency = (rising_ms - rising_ms[first]) / np.where(width_ms > 0, width_ms, 1.0)
    return np.where(width_ms > 0, by_latency, by_rank)
