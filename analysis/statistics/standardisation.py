"""The same mix of strata in both arms, over the hours of the cycle that both have."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from analysis.statistics.totals import ArmTotals, Bools, CallSums, Floats, RatioTotal


class PlainSums(NamedTuple):
    """Unweighted sums of one arm, each matched hour once: events and calls of a rate."""

    y: float
    n: float


@dataclass(frozen=True, eq=False)
class StandardisedArms:
    """Both arms with the same mix of strata.

    Attributes
    ----------
    baseline : CallSums, arrays (repeats, cycle)
    post : CallSums, arrays (hours,)
    baseline_usable : bool (repeats, cycle)
    post_usable : bool (hours,)
    matches : float64 (cycle,)
        How many usable post hours have this hour of the cycle: 0 or 1, more when the window is
        longer than the cycle.
    first_hour : int
        Hour of the cycle at which post hour 0 lies; 0 at the deploy.
    coverage : float
        Share of the post arm's n in strata that both arms have, 0 to 1.
    crude_baseline, crude_post : PlainSums
        Of all strata.
    common_baseline, common_post : PlainSums
        Of the strata that both arms have: what is compared.
    """

    baseline: CallSums
    post: CallSums
    baseline_usable: Bools
    post_usable: Bools
    matches: Floats
    first_hour: int
    coverage: float
    crude_baseline: PlainSums
    crude_post: PlainSums
    common_baseline: PlainSums
    common_post: PlainSums

    @cached_property
    def baseline_total(self) -> RatioTotal:
        """Total of the matched baseline hours."""
        return self.baseline.total(self.matches * self.baseline_usable)

    @cached_property
    def post_total(self) -> RatioTotal:
        """Total of the usable post hours."""
        return self.post.total(self.post_usable.astype(np.float64))

    @property
    def n_repeats(self) -> int:
        """Days (weeks) of baseline. See `count_repeats`."""
        return count_repeats(self.baseline_usable)


def count_repeats(usable: Bools) -> int:
    """Days (weeks) of baseline: repeats with at least half of their hours usable, at least 1."""
    return max(1, int((usable.mean(axis=1) >= 0.5).sum()))


def standardise(
    baseline: ArmTotals, post: ArmTotals, *, first_hour: int = 0, every_post_hour: bool = False
) -> StandardisedArms:
    """Combine strata so that both arms have the same mix, over hours of the cycle that both have.

    Overlap weights w_s = nb_s * np_s / (nb_s + np_s), scaled to sum 1 (Li, Morgan, Zaslavsky 2018,
    JASA 113, 390-400): the mix at which the difference of the arms is known best. nb_s counts the
    matched hours only: where strata have different daily rhythms, weights of whole days give the
    arms of a 4-hour window different mixes (false alarms .28 instead of .01 with a slow stratum
    that works by day). Strata of one arm only drop out; `coverage` says how much of the post arm is
    left. When a stratum has y but no n in one arm (n counts successes, and every call failed), all
    strata are taken as one, so that its time does not vanish.

    Parameters
    ----------
    baseline : ArmTotals (strata, repeats, cycle)
    post : ArmTotals (strata, 1, hours)
        Strata in the same order.
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
    Do not use it to judge whether the mix itself changed: compare shares for that.

    Examples
    --------
    Nothing changed in either stratum, but the slow one lost traffic: the crude mean fell, the
    standardised one did not.

    >>> n_before, n_after = np.array([[[50.0]], [[50.0]]]), np.array([[[90.0]], [[10.0]]])
    >>> ms = np.array([[[1.0]], [[3.0]]])
    >>> def arm(n):
    ...     return ArmTotals.of_sums(y=n * ms, n=n, yy=n * ms**2, yn=n * ms, nn=n)
    >>> arms = standardise(arm(n_before), arm(n_after))
    >>> arms.crude_post.y / arms.crude_post.n - arms.crude_baseline.y / arms.crude_baseline.n
    -0.8
    >>> round(arms.post_total.ratio - arms.baseline_total.ratio, 12)
    0.0
    """
    _check_pair(baseline, post)
    if not every_post_hour:
        post = post.without(~_is_matched(baseline.usable, post.usable, first_hour=first_hour))
    matches = match_hours(post.usable[0], cycle=baseline.usable.shape[1], first_hour=first_hour)
    if _loses_all_n(baseline, post, matches):
        baseline, post = baseline.as_one_stratum(), post.as_one_stratum()
    before = _by_stratum(baseline, baseline.usable & (matches > 0))
    after = _by_stratum(post, post.usable)
    _, matched_n = _by_stratum(baseline, baseline.usable * matches)
    baseline_factor, post_factor = overlap_factors(matched_n, after[1])
    common = post_factor > 0
    post_n = float(after[1].sum())
    return StandardisedArms(
        baseline=_combine(baseline, baseline_factor),
        post=CallSums(_combine(post, post_factor).stacked[:, 0]),
        baseline_usable=baseline.usable,
        post_usable=post.usable[0],
        matches=matches,
        first_hour=first_hour,
        coverage=float(after[1][common].sum()) / post_n if post_n > 0 else 0.0,
        crude_baseline=_plain(before),
        crude_post=_plain(after),
        common_baseline=_plain(before[:, common]),
        common_post=_plain(after[:, common]),
    )


def overlap_factors(baseline_n: Floats, post_n: Floats) -> tuple[Floats, Floats]:
    """Factors on the sums of each stratum in baseline and post; 0 where one arm has none of it.

    Examples
    --------
    nb = (100, 300), np = (100, 100): w = (50, 75) / 125 = (.4, .6).

    >>> factors = overlap_factors(np.array([100.0, 300.0]), np.array([100.0, 100.0]))
    >>> [factor.round(12).tolist() for factor in factors]
    [[1.6, 0.8], [0.8, 1.2]]
    """
    both = (baseline_n > 0) & (post_n > 0)
    safe_baseline, safe_post = np.where(both, baseline_n, 1.0), np.where(both, post_n, 1.0)
    # w_s = nb_s np_s / (nb_s + np_s), written so that it cannot overflow
    weight = np.where(both, 1.0 / (1.0 / safe_baseline + 1.0 / safe_post), 0.0)
    weight = weight / (weight.sum() or 1.0)
    return weight / safe_baseline * baseline_n[both].sum(), weight / safe_post * post_n[both].sum()


def match_hours(post_usable: Bools, *, cycle: int, first_hour: int = 0) -> Floats:
    """How many usable post hours fall on each hour of the cycle."""
    hour_of_cycle = (first_hour + np.arange(post_usable.size)) % cycle
    return np.bincount(hour_of_cycle, weights=post_usable, minlength=cycle).astype(np.float64)


def _by_stratum(arm: ArmTotals, hours: Floats | Bools) -> Floats:
    """Sums of y and n (2, strata), each hour counted that many times."""
    return np.einsum("fsrh,rh->fs", arm.stacked[:2], hours)


def _plain(by_stratum: Floats) -> PlainSums:
    return PlainSums(*by_stratum.sum(axis=1).tolist())


def _is_matched(baseline_usable: Bools, post_usable: Bools, *, first_hour: int) -> Bools:
    """Post hours (1, hours) whose hour of the cycle exists in the baseline."""
    exists = np.any(baseline_usable, axis=0)
    return exists[(first_hour + np.arange(post_usable.shape[1])) % exists.size][None, :]


def _loses_all_n(baseline: ArmTotals, post: ArmTotals, matches: Floats) -> bool:
    """Whether a stratum of one arm has sums of y without any n, while the other arm has both."""
    before, after = _by_stratum(baseline, baseline.usable * matches), _by_stratum(post, post.usable)
    return any(
        bool(((one[0] > 0) & (one[1] <= 0) & (other[1] > 0)).any())
        for one, other in ((before, after), (after, before))
    )


def _combine(arm: ArmTotals, factor: Floats) -> CallSums:
    """Strata times their factors, added; unusable hours are 0."""
    return CallSums(arm.weighted(factor[:, None, None]).sum(axis=1) * arm.usable)


def _check_pair(baseline: ArmTotals, post: ArmTotals) -> None:
    strata, post_strata = baseline.y.shape[0], post.y.shape[0]
    if strata != post_strata:
        raise ValueError(
            f"baseline has {strata} strata, post {post_strata}: give both the same ones"
        )
    if post.y.shape[1] != 1:
        raise ValueError(
            f"post has {post.y.shape[1]} repeats: it must be 1, its hours counted from the deploy"
        )
