"""Map a drawn sample of latencies onto published figures: same order, exact figures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from analysis.sample.provider_noise import Array

_SHARES = {"p50_ms": 0.50, "p90_ms": 0.90, "p95_ms": 0.95}
_TOLERANCE = 0.01
_BISECTIONS = 60


@dataclass(frozen=True, kw_only=True)
class LatencyPoints:
    """What a published table says of the latencies of a group; None where a cell is blank.

    Percentiles are those of ``percentile_cont``. Raises ValueError for figures that no sample has.
    """

    count: int
    average_ms: float | None = None
    p50_ms: float | None = None
    p90_ms: float | None = None
    p95_ms: float | None = None
    max_ms: int | None = None

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ValueError(f"count {self.count} holds no call; give at least 1")
        figures = (self.p50_ms, self.p90_ms, self.p95_ms, self.max_ms)
        rising = [figure for figure in figures if figure is not None]
        if rising != sorted(rising):
            raise ValueError(f"p50, p90, p95 and max must not fall, but are {rising}")
        if self.average_ms is not None and self.average_ms > (self.max_ms or np.inf):
            raise ValueError(f"average_ms {self.average_ms} lies above max_ms {self.max_ms}")


def rank_map(latencies_ms: ArrayLike, *, points: LatencyPoints) -> Array:
    """Map a sample onto published points so that slower calls stay slower.

    The ranks that a percentile is read from are pinned to its value. Between two pins a call
    keeps its relative place u in [0, 1], bent to u ** exponent. Bisection finds the exponent that
    gives the published average; where none up to e does, the shortest call is moved as well.

    Parameters
    ----------
    latencies_ms : (calls,) the drawn sample, in any order
    points : the published figures; their count must be the length of the sample

    Returns
    -------
    (calls,) int64, in the order of `latencies_ms`. Count and maximum are exact, percentiles and
    average to the millisecond where whole milliseconds allow it, always within 1 %.

    Raises
    ------
    ValueError when the sample has another length, or cannot have these figures together.
    """
    drawn_ms = np.asarray(latencies_ms, dtype=np.float64)
    if drawn_ms.size != points.count:
        raise ValueError(
            f"the sample holds {drawn_ms.size} latencies, points.count is {points.count}; "
            "draw as many"
        )
    order = np.argsort(drawn_ms, kind="stable")
    rising_ms = drawn_ms[order]
    pins = _pin_ranks(rising_ms, points)
    ranks, values_ms = _pin_ends(pins, rising_ms)
    shortest_range_ms = (pins[0], pins[0]) if 0 in pins else (0.0, values_ms[1])
    mapped_ms = np.empty(points.count, dtype=np.int64)
    mapped_ms[order] = _bend_to_average(
        rising_ms,
        ranks,
        values_ms,
        shortest_range_ms=shortest_range_ms,
        average_ms=points.average_ms,
    )
    _check_reached(mapped_ms, points)
    return mapped_ms


def _check_reached(mapped_ms: Array, points: LatencyPoints) -> None:
    """Refuse figures that so few calls cannot have together."""
    reached = {name: float(np.quantile(mapped_ms, share)) for name, share in _SHARES.items()}
    reached |= {"max_ms": float(mapped_ms.max()), "average_ms": float(mapped_ms.mean())}
    for name, value_ms in reached.items():
        wanted_ms = getattr(points, name)
        if wanted_ms is not None and abs(value_ms - wanted_ms) > max(_TOLERANCE * wanted_ms, 0.5):
            raise ValueError(
                f"{name} {wanted_ms} is impossible for {points.count} calls with the other "
                f"figures ({value_ms:.0f} is nearest); correct them or leave a cell blank"
            )


def _pin_ranks(rising_ms: Array, points: LatencyPoints) -> dict[int, float]:
    """Rank -> its fixed value in ms; the longest call's own where the points fix none."""
    last = points.count - 1
    pins: dict[int, float] = {} if points.max_ms is None else {last: float(points.max_ms)}
    for name, share in reversed(_SHARES.items()):
        value_ms = getattr(points, name)
        if value_ms is not None:
            _pin_percentile(pins, position=round(share * last, 9), value_ms=float(value_ms))
    return pins or {last: float(rising_ms[last])}


def _pin_percentile(pins: dict[int, float], *, position: float, value_ms: float) -> None:
    """Pin the two ranks around `position`.

    Where the upper one is pinned already, the interpolation is solved for the lower one.
    """
    lower, upper, fraction = int(position), int(np.ceil(position)), position - int(position)
    if upper in pins and upper != lower and lower not in pins:
        value_ms = (value_ms - fraction * pins[upper]) / (1.0 - fraction)
    pins.setdefault(lower, value_ms)
    pins.setdefault(upper, value_ms)


def _pin_ends(pins: dict[int, float], rising_ms: Array) -> tuple[Array, Array]:
    """Pinned ranks and their ms, rising; the first and last call, if free, are scaled."""
    first, last = min(pins), rising_ms.size - 1
    scale = pins[first] / rising_ms[first] if rising_ms[first] > 0 else 1.0
    shortest_ms = float(np.clip(rising_ms[0] * scale, 0, pins[first]))
    longest_ms = max(rising_ms[last] * scale, pins[max(pins)])
    values = {0: shortest_ms, last: longest_ms} | pins
    ranks = np.array(sorted(values))
    return ranks, np.maximum.accumulate(np.rint([values[rank] for rank in ranks]))


def _bend_to_average(
    rising_ms: Array,
    ranks: Array,
    values_ms: Array,
    *,
    shortest_range_ms: tuple[float, float],
    average_ms: float | None,
) -> Array:
    """Fill the ranks between the pins, bent until the mean is nearest to the average."""
    segment = np.searchsorted(ranks, np.arange(rising_ms.size), side="right") - 1
    segment = np.clip(segment, 0, max(ranks.size - 2, 0))
    place = _place_in_segment(rising_ms, ranks=ranks, segment=segment)
    low_ms, high_ms = shortest_range_ms

    def bend_by(bend: float) -> Array:
        """Bend within [-3, 3]: the exponent up to e, then the shortest call, then further."""
        exponent = np.exp(np.clip(bend, -1, 1) + 7 * np.sign(bend) * max(abs(bend) - 2, 0))
        shortest_ms = np.interp(bend, [-2, -1, 1, 2], [high_ms, values_ms[0], values_ms[0], low_ms])
        pins_ms = np.concatenate([[shortest_ms], values_ms[1:]])
        height_ms = np.append(np.diff(pins_ms), 0.0)
        return np.rint(pins_ms[segment] + height_ms[segment] * place**exponent).astype(np.int64)

    if average_ms is None:
        return bend_by(0.0)
    low, high = -3.0, 3.0  # the mean falls with the bend
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        if bend_by(middle).mean() > average_ms:
            low = middle
        else:
            high = middle
    nearest = (bend_by(low), bend_by(high))
    return min(nearest, key=lambda mapped_ms: abs(mapped_ms.mean() - average_ms))


def _place_in_segment(rising_ms: Array, *, ranks: Array, segment: Array) -> Array:
    """Where each call lies between its two pins, 0 to 1: by latency, or by rank when all tie."""
    rank = np.arange(rising_ms.size)
    first, last = ranks[segment], ranks[np.minimum(segment + 1, ranks.size - 1)]
    width_ms = rising_ms[last] - rising_ms[first]
    by_rank = (rank - first) / np.maximum(last - first, 1)
    by_latency = (rising_ms - rising_ms[first]) / np.where(width_ms > 0, width_ms, 1.0)
    return np.where(width_ms > 0, by_latency, by_rank)
