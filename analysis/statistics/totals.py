"""Hour sums of one metric: what an arm is compared by, instead of its single calls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class CallSums:
    """Sums over single calls of a numerator y and a weight n, and of their products.

    Attributes
    ----------
    stacked : float64 (5, ...)
        Sums of y, n, y * y, y * n and n * n, in this order; the other axes are strata or hours.
    """

    stacked: Floats

    @property
    def y(self) -> Floats:
        """Sums of the numerator: unit of the metric times calls."""
        return self.stacked[0]

    @property
    def n(self) -> Floats:
        """Sums of the weight: calls, successes, minutes ..."""
        return self.stacked[1]

    @property
    def nn(self) -> Floats:
        """Sums of n squared."""
        return self.stacked[4]

    def weighted(self, weight: Floats) -> Floats:
        """Stacked sums of weighted calls: second moments get the squared weight."""
        return np.concatenate((self.stacked[:2] * weight, self.stacked[2:] * (weight * weight)))

    def total(self, weight: Floats) -> RatioTotal:
        """One total over all axes, each cell counted `weight` times."""
        return RatioTotal(*self.weighted(weight).reshape(5, -1).sum(axis=1).tolist())


@dataclass(frozen=True, eq=False)
class ArmTotals(CallSums):
    """Sums of one metric in one arm, per stratum, repeat of the cycle and hour.

    The metric of an arm is sum(y) / sum(n). A baseline has one repeat per day (cycle of 24 hours)
    or per week (168), the oldest first; the post arm has one repeat, whose hours count from the
    deploy. Arrays are read-only.

    Attributes
    ----------
    stacked : float64 (5, strata, repeats, hours)
        See `CallSums`.
    usable : bool (repeats, hours)
        False where an hour was excluded or does not exist. Its sums are ignored.

    Raises
    ------
    ValueError
        When shapes do not fit, a sum is not finite, or a weight is negative.
    """

    usable: Bools

    def __post_init__(self) -> None:
        shape = self.stacked.shape
        if len(shape) != 4 or shape[0] != 5:
            raise ValueError(f"stacked has shape {shape}: it must be (5, strata, repeats, hours)")
        if self.usable.shape != shape[2:]:
            raise ValueError(
                f"usable has shape {self.usable.shape}: it must be (repeats, hours) = {shape[2:]}"
            )
        if not np.isfinite(self.stacked).all():
            raise ValueError("a sum of calls is not finite: give finite y, n, yy, yn and nn")
        if self.n.size and self.n.min() < 0:
            raise ValueError(f"n holds {self.n.min()}: a sum of weights is never negative")
        for name in ("stacked", "usable"):
            view = getattr(self, name).view()
            view.flags.writeable = False
            object.__setattr__(self, name, view)

    @classmethod
    def of_sums(
        cls,
        *,
        y: ArrayLike,
        n: ArrayLike,
        yy: ArrayLike,
        yn: ArrayLike,
        nn: ArrayLike,
        usable: ArrayLike | None = None,
    ) -> Self:
        """Totals from five arrays (strata, repeats, hours); without `usable` every hour counts."""
        stacked = np.stack([np.asarray(sums, dtype=np.float64) for sums in (y, n, yy, yn, nn)])
        every = np.ones(stacked.shape[2:]) if usable is None else usable
        return cls(stacked, np.asarray(every, dtype=np.bool_))

    @classmethod
    def of_events(
        cls, events: ArrayLike, trials: ArrayLike, usable: ArrayLike | None = None
    ) -> Self:
        """Totals of a rate: each call is an event or not, so y = y^2 = y n and n = n^2."""
        return cls.of_sums(y=events, n=trials, yy=events, yn=events, nn=trials, usable=usable)

    def __add__(self, other: ArmTotals) -> ArmTotals:
        """Calls of both, hour by hour; an hour is usable when it is in both."""
        return ArmTotals(self.stacked + other.stacked, self.usable & other.usable)

    def hours(self, first: int, last: int) -> ArmTotals:
        """Only hours first..last-1 of each repeat."""
        return ArmTotals(self.stacked[..., first:last], self.usable[:, first:last])

    def as_one_stratum(self) -> ArmTotals:
        """The same calls without regard to their strata."""
        return ArmTotals(self.stacked.sum(axis=1, keepdims=True), self.usable)

    def without(self, hours: Bools) -> ArmTotals:
        """The same sums with these hours (repeats, hours) no longer usable."""
        return ArmTotals(self.stacked, self.usable & ~hours)


class RatioTotal(NamedTuple):
    """Totals of one arm over all its hours, of weighted calls. y / n is the value of the metric."""

    y: float
    n: float
    yy: float
    yn: float
    nn: float

    @property
    def ratio(self) -> float:
        """Value of the metric; 0 without n, which the caller reports as missing."""
        return self.y / self.n if self.n > 0 else 0.0

    @property
    def effective_calls(self) -> float:
        """Calls of an unweighted sample that knows as much (Kish 1965, Survey Sampling, 8.2).

        inf where n is no sum over calls (hours, minutes), so that it has no spread among them.
        """
        return self.n * self.n / self.nn if self.nn > 0 else np.inf

    @property
    def independent_variance(self) -> float:
        """Variance of y / n if every call were independent.

        Linearised ratio (Cochran 1977, Sampling Techniques, 6.3): sum (y - r n)^2 / n^2, times
        m / (m - 1) with m effective calls. inf for a single call: it has no variance of its own.
        """
        if self.n <= 0 or self.effective_calls <= 1 + 1e-9:
            return np.inf
        r = self.ratio
        squares = max(0.0, self.yy - 2 * r * self.yn + r * r * self.nn)
        return squares / (self.n * self.n) / (1 - 1 / self.effective_calls)
