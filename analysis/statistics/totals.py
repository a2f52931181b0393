"""Hour sums of one metric, and the same mix of strata in both arms."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

SUMS = ("y", "n", "yy", "yn", "nn")


@dataclass(frozen=True, eq=False)
class ArmTotals:
    """Sums of one metric in one arm, per stratum, repeat of the cycle and hour.

    The metric of an arm is sum(y) / sum(n). A baseline has one repeat per day (cycle of 24 hours) or per week (168),
    the oldest first; the post arm has one repeat, whose hours count from the deploy. Arrays are made read-only.

    Attributes
    ----------
    y, n : float64 (strata, repeats, hours)
        Sums of the numerator (unit of the metric times calls) and of the weight (calls, successes, minutes ...).
    yy, yn, nn : the same shape
        Sums over single calls of y squared, y times n, n squared.
    usable : bool (repeats, hours)
        False where an hour was excluded, or is not there. Its sums are ignored.

    Raises
    ------
    ValueError
        When shapes differ, or a sum is not finite, or a weight is negative.
    """

    y: Floats
    n: Floats
    yy: Floats
    yn: Floats
    nn: Floats
    usable: Bools

    def __post_init__(self) -> None:
        shape = np.shape(self.y)
        if len(shape) != 3:
            raise ValueError(f"y has shape {shape}: it must be (strata, repeats, hours)")
        for name in SUMS:
            object.__setattr__(self, name, _checked(name, getattr(self, name), shape))
        object.__setattr__(self, "usable", _readonly(np.asarray(self.usable, dtype=bool)))
        if self.usable.shape != shape[1:]:
            raise ValueError(
                f"usable has shape {self.usable.shape}: it must be (repeats, hours) = {shape[1:]}"
            )
        if self.n.size and self.n.min() < 0:
            raise ValueError(f"n holds {self.n.min()}: a sum of weights is never negative")

    @classmethod
    def of_events(cls, events: Floats, trials: Floats, usable: Bools | None = None) -> ArmTotals:
        """Totals of a rate: each call is an event or not, so that y = y^2 = y n and n = n^2."""
        events, trials = np.asarray(events, dtype=float), np.asarray(trials, dtype=float)
        every = np.ones(events.shape[1:], dtype=bool) if usable is None else usable
        return cls(y=events, n=trials, yy=events, yn=events, nn=trials, usable=every)

    def __add__(self, other: ArmTotals) -> ArmTotals:
        """Calls of both, hour by hour; an hour is usable when it is in both."""
        sums = {name: getattr(self, name) + getattr(other, name) for name in SUMS}
        return ArmTotals(**sums, usable=self.usable & other.usable)

    def hours(self, first: int, last: int) -> ArmTotals:
        """Only hours first..last-1 of each repeat."""
        sums = {name: getattr(self, name)[:, :, first:last] for name in SUMS}
        return ArmTotals(**sums, usable=self.usable[:, first:last])

    def as_one_stratum(self) -> ArmTotals:
        """The same calls without regard to their strata."""
        return ArmTotals(
            **{name: getattr(self, name).sum(axis=0, keepdims=True) for name in SUMS},
            usable=self.usable,
        )

    def without(self, hours: Bools) -> ArmTotals:
        """The same sums with these hours (repeats, hours) no longer usable."""
        return ArmTotals(
            **{name: getattr(self, name) for name in SUMS}, usable=self.usable & ~hours
        )


@dataclass(frozen=True, eq=False)
class HourSums:
    """Hour sums of one arm, strata combined: first moments with their weights, second ones with the squared weights."""

    y: Floats
    n: Floats
    yy: Floats
    yn: Floats
    nn: Floats

    def total(self, times: Floats) -> HourSums:
        """Sums over hours, hour h counted `times[h]` times: squared in second moments, as for any weight."""
        square = times * times
        by_name = {f.name: getattr(self, f.name) for f in fields(self)}
        return HourSums(
            **{k: np.sum(v * (times if k in ("y", "n") else square)) for k, v in by_name.items()}
        )


class PlainSums(NamedTuple):
    """Plain sums of one arm, each matched hour once: events and calls of a rate."""

    y: float
    n: float


@dataclass(frozen=True, eq=False)
class Standardised:
    """Both arms with the same mix of strata.

    Attributes
    ----------
    baseline : HourSums, arrays (repeats, cycle)
    post : HourSums, arrays (hours,)
    baseline_usable : bool (repeats, cycle)
    post_usable : bool (hours,)
    matches : float64 (cycle,)
        How many usable post hours have this hour of the cycle: 0 or 1, more when the window is longer than the cycle.
    first_hour : int
        Hour of the cycle at which post hour 0 lies: 0 at the deploy.
    coverage : float
        Share of the post arm's n that lies in strata seen in both arms, 0 to 1.
    crude_baseline, crude_post : PlainSums
        Of all strata.
    common_baseline, common_post : PlainSums
        Of the strata that both arms have: what is compared.
    """

    baseline: HourSums
    post: HourSums
    baseline_usable: Bools
    post_usable: Bools
    matches: Floats
    first_hour: int
    coverage: float
    crude_baseline: PlainSums
    crude_post: PlainSums
    common_baseline: PlainSums
    common_post: PlainSums
    baseline_total: HourSums = field(init=False)
    post_total: HourSums = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(
            self, "baseline_total", self.baseline.total(self.matches * self.baseline_usable)
        )
        object.__setattr__(self, "post_total", self.post.total(self.post_usable.astype(float)))


def standardise(
    baseline: ArmTotals, post: ArmTotals, *, first_hour: int = 0, every_post_hour: bool = False
) -> Standardised:
    """Combine strata so that both arms have the same mix, over hours of the cycle that both have.

    Overlap weights w_s = nb_s * np_s / (nb_s + np_s), scaled to sum 1 (Li, Morgan, Zaslavsky 2018, JASA 113, 390-400):
    the mix at which the difference of the arms is known best. nb_s counts the matched hours, those that are compared:
    where strata have different daily rhythms, weights of whole days give the arms of a 4-hour window different mixes
    (false alarms .28 instead of .01 with a slow stratum that works by day). Strata seen in one arm only drop out;
    `coverage` says how much of the post arm is left. A stratum whose n is 0 in one arm only because every call failed
    (n counts successes) is no mix of its own: then all strata are one.

    Parameters
    ----------
    baseline : ArmTotals (strata, repeats, cycle)
    post : ArmTotals (strata, 1, hours), strata in the same order
    first_hour : int
        Hour of the cycle at which post hour 0 lies; 0 for windows that start at the deploy.
    every_post_hour : bool
        Keep post hours that no baseline hour matches: for a claim about the post arm alone.

    Raises
    ------
    ValueError
        When the strata differ, or the post arm has more than one repeat.

    Notes
    -----
    Not for judging whether the mix itself changed: compare shares for that.

    Examples
    --------
    Nothing changed in either stratum, but the slow one lost traffic: the crude mean fell, the standardised one did not.

    >>> one = np.ones((2, 1, 1), dtype=bool)[0]
    >>> n_before, n_after = np.array([[[50.0]], [[50.0]]]), np.array([[[90.0]], [[10.0]]])
    >>> value = np.array([[[1.0]], [[3.0]]])
    >>> arm = lambda n: ArmTotals(y=n * value, n=n, yy=n * value**2, yn=n * value, nn=n, usable=one)
    >>> arms = standardise(arm(n_before), arm(n_after))
    >>> arms.crude_post.y / arms.crude_post.n - arms.crude_baseline.y / arms.crude_baseline.n
    -0.8
    >>> float(round(arms.post_total.y / arms.post_total.n - arms.baseline_total.y / arms.baseline_total.n, 12))
    0.0
    """
    _check_pair(baseline, post)
    if not every_post_hour:
        post = post.without(~_has_a_like(baseline.usable, post.usable, first_hour=first_hour))
    matches = match_hours(post.usable[0], cycle=baseline.usable.shape[1], first_hour=first_hour)
    if _fails_wholly(baseline, post, baseline.usable * matches):
        baseline, post = baseline.as_one_stratum(), post.as_one_stratum()
    matched = baseline.usable & (matches > 0)
    before, after = _by_stratum(baseline, matched), _by_stratum(post, post.usable)
    baseline_factor, post_factor = overlap_factors(
        _by_stratum(baseline, baseline.usable * matches).n, after.n
    )
    common = post_factor > 0
    return Standardised(
        baseline=_combine(baseline, baseline_factor),
        post=_first_repeat(_combine(post, post_factor)),
        baseline_usable=baseline.usable,
        post_usable=post.usable[0],
        matches=matches,
        first_hour=first_hour,
        coverage=float(after.n[common].sum() / after.n.sum()) if after.n.sum() > 0 else 0.0,
        crude_baseline=_added(before, slice(None)),
        crude_post=_added(after, slice(None)),
        common_baseline=_added(before, common),
        common_post=_added(after, common),
    )


def overlap_factors(baseline_n: Floats, post_n: Floats) -> tuple[Floats, Floats]:
    """Factor of each stratum's sums in the baseline and in the post arm; 0 where one arm has none of it."""
    both = (baseline_n > 0) & (post_n > 0)
    safe_baseline, safe_post = np.where(both, baseline_n, 1.0), np.where(both, post_n, 1.0)
    # w_s = nb_s np_s / (nb_s + np_s), written so that it cannot overflow
    weight = np.where(both, 1.0 / (1.0 / safe_baseline + 1.0 / safe_post), 0.0)
    weight = weight / (weight.sum() or 1.0)
    return weight / safe_baseline * baseline_n[both].sum(), weight / safe_post * post_n[both].sum()


def _by_stratum(arm: ArmTotals, hours: NDArray) -> PlainSums:
    """Sums of y and n of each stratum, each hour so many times."""
    return PlainSums(np.einsum("srh,rh->s", arm.y, hours), np.einsum("srh,rh->s", arm.n, hours))


def _added(by_stratum: PlainSums, strata: NDArray | slice) -> PlainSums:
    return PlainSums(float(by_stratum.y[strata].sum()), float(by_stratum.n[strata].sum()))


def _has_a_like(baseline_usable: Bools, post_usable: Bools, *, first_hour: int) -> Bools:
    """Post hours (1, hours) whose hour of the cycle is there in the baseline."""
    there = baseline_usable.any(axis=0)
    return there[(first_hour + np.arange(post_usable.shape[1])) % there.size][None, :]


def _fails_wholly(baseline: ArmTotals, post: ArmTotals, hours: NDArray) -> bool:
    """Whether a stratum of one arm has sums of y without any n, while the other arm has both."""
    before, after = _by_stratum(baseline, hours), _by_stratum(post, post.usable)
    return bool(
        (
            ((after.y > 0) & (after.n <= 0) & (before.n > 0))
            | ((before.y > 0) & (before.n <= 0) & (after.n > 0))
        ).any()
    )


def match_hours(post_usable: Bools, *, cycle: int, first_hour: int = 0) -> Floats:
    """How many usable post hours fall on each hour of the cycle."""
    hour_of_cycle = (first_hour + np.arange(post_usable.size)) % cycle
    return np.bincount(hour_of_cycle, weights=post_usable, minlength=cycle).astype(float)


def _combine(arm: ArmTotals, factor: Floats) -> HourSums:
    """Strata times their factors, added; second moments times squared factors; unusable hours are 0."""
    first, second = (factor, factor * factor)
    sums = {
        name: np.einsum("s,srh->rh", first if name in ("y", "n") else second, getattr(arm, name))
        for name in SUMS
    }
    return HourSums(**{name: np.where(arm.usable, value, 0.0) for name, value in sums.items()})


def _first_repeat(sums: HourSums) -> HourSums:
    return HourSums(**{f.name: getattr(sums, f.name)[0] for f in fields(sums)})


def _check_pair(baseline: ArmTotals, post: ArmTotals) -> None:
    if baseline.y.shape[0] != post.y.shape[0]:
        raise ValueError(
            f"baseline has {baseline.y.shape[0]} strata, post {post.y.shape[0]}: give both the same ones"
        )
    if post.y.shape[1] != 1:
        raise ValueError(
            f"post has {post.y.shape[1]} repeats: it must be 1, its hours counted from the deploy"
        )


def _checked(name: str, value: Floats, shape: tuple[int, ...]) -> Floats:
    array = np.asarray(value, dtype=np.float64)
    if array.shape != shape:
        raise ValueError(f"{name} has shape {array.shape}: it must be that of y, {shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} holds a value that is not finite: sums of calls are finite")
    return _readonly(array)


def _readonly(array: NDArray) -> NDArray:
    view = array.view()
    view.flags.writeable = False
    return view
