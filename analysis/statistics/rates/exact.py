"""Rates with few events: exact tests and bounds on counts divided by their overdispersion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import betainc, betaincinv

from analysis.statistics.baseline.between_days import between_day_phi
from analysis.statistics.rates.overdispersion import worst_overdispersion
from analysis.statistics.standardisation import StandardisedArms
from analysis.statistics.totals import RatioTotal

Alternative = Literal["two-sided", "less", "greater"]

EXACT = "exact"
FEW_EVENTS = 20
RARE_RATE = 0.2


@dataclass(frozen=True)
class RateCounts:
    """Events and trials of both arms, as counts of independent calls that say as much.

    Attributes
    ----------
    baseline_events, baseline_n, post_events, post_n : float
        With one stratum the counts themselves.
    phi : float
        Overdispersion, at least 1.
    """

    baseline_events: float
    baseline_n: float
    post_events: float
    post_n: float
    phi: float


def use_exact(baseline_events: float, post_events: float, baseline_rate: float) -> bool:
    """Whether exact tests decide a rate: fewer than 20 events in an arm, baseline below 20 %.

    Not for many events in both arms: there hours say more about the spread than phi does.
    """
    return min(baseline_events, post_events) < FEW_EVENTS and baseline_rate < RARE_RATE


def rate_counts(arms: StandardisedArms, *, day_to_day: float | None = None) -> RateCounts:
    """Effective counts of both arms, and the worst overdispersion that their hours show.

    Parameters
    ----------
    arms : StandardisedArms
    day_to_day : float, optional
        With one or two days of baseline: the declared standard deviation between days. The post
        arm's own hours count then too.
    """
    baseline, post = effective_counts(arms.baseline_total), effective_counts(arms.post_total)
    phi = worst_overdispersion(arms, with_post=day_to_day is not None)
    if day_to_day is not None:
        rates = arms.baseline_total.ratio, arms.post_total.ratio
        nearest = min(rates, key=lambda rate: abs(rate - 0.5))
        phi += between_day_phi(nearest, baseline[1], post[1], day_to_day=day_to_day)
    return RateCounts(*baseline, *post, phi=phi)


def effective_counts(total: RatioTotal) -> tuple[float, float]:
    """Events and trials of an unweighted sample that knows as much as these weighted sums.

    Both are divided by the design effect: sum w^2 / sum w over the trials (Kish 1965, Survey
    Sampling, 8.2) or over the events (Fay & Feuer 1997, Stat. Med. 16, 791-801), whichever is
    larger, so that one event in a stratum of great weight never counts as several.
    """
    if total.n <= 0:
        return 0.0, 0.0
    effect = max(total.nn / total.n, total.yy / total.y if total.y > 0 else 0.0)
    return total.y / effect, total.n / effect


def fisher_p(
    counts: RateCounts, *, scale: float = 1.0, alternative: Alternative = "two-sided"
) -> float:
    """p of Fisher's exact test that the post rate is `scale` times the baseline rate.

    On counts divided by phi; "less" asks for a lower post rate. A scale below 1 shrinks the
    baseline's events, one above 1 its trials: events that were never seen add no evidence. Counts
    that phi made fractional are rounded towards equal rates, trials down, so that rounding never
    makes evidence. An arm without trials gives 1.

    Examples
    --------
    19 of 53 after, 13 of 47 before:

    >>> round(fisher_p(RateCounts(13, 47, 19, 53, phi=1.0)), 7)
    0.3999949
    """
    phi = counts.phi
    k_base = counts.baseline_events / phi * min(scale, 1.0)
    n_base = counts.baseline_n / phi / max(scale, 1.0)
    k_post, n_post = counts.post_events / phi, counts.post_n / phi
    k_base = min(k_base, n_base)
    post_is_lower = k_post * n_base < k_base * n_post
    round_base, round_post = (_down, _up) if post_is_lower else (_up, _down)
    trials_base, trials_post = _down(n_base), _down(n_post)
    if min(trials_base, trials_post) < 1:
        return 1.0
    base, post = min(round_base(k_base), trials_base), min(round_post(k_post), trials_post)
    return _hypergeometric_p(post, trials_post, base + post, trials_base + trials_post, alternative)


def rate_variance(events: float, n: float, *, phi: float = 1.0) -> float:
    """Variance of a rate, phi p (1 - p) / n with p = (events + 1) / (n + 2); inf without trials.

    The added calls (Agresti & Caffo 2000, Am. Stat. 54, 280-288) decide the zero cells: 0 of n has
    a width too. For what a look will see, not for an interval: rates near 0 are skew, see
    `difference_bounds`.

    Examples
    --------
    >>> round(rate_variance(0, 8), 9)
    0.01125
    """
    if n <= 0:
        return np.inf
    p = (events + 1) / (n + 2)
    return phi * p * (1 - p) / n


def rate_bounds(
    events: float, n: float, *, phi: float = 1.0, level: float = 0.95
) -> tuple[float, float]:
    """Clopper-Pearson interval of a rate on events / phi of n / phi; two-sided at `level`.

    For the one-sided 95 % upper bound ask for level 0.90: 0 of n then gives 1 - 0.05^(1/n) (Clopper
    & Pearson 1934, Biometrika 26, 404-413). Fractional counts are taken as they are: the beta
    quantiles are continuous in them. 0 to 1 without trials.

    Examples
    --------
    >>> round(100 * rate_bounds(0, 2000, level=0.90)[1], 3)
    0.15
    """
    k, n = events / phi, n / phi
    if n <= 0:
        return 0.0, 1.0
    tail = (1 - level) / 2
    low = float(betaincinv(k, n - k + 1, tail)) if k > 0 else 0.0
    high = float(betaincinv(k + 1, n - k, 1 - tail)) if k < n else 1.0
    return low, high


def limit_p(
    events: float,
    n: float,
    *,
    limit: float,
    phi: float = 1.0,
    alternative: Alternative = "two-sided",
) -> float:
    """p of the exact binomial test of a rate against a fixed limit, on events / phi of n / phi.

    Agrees with `rate_bounds`: the one-sided upper bound is below the limit exactly when "less" is
    below that level. One-sided it equals `scipy.stats.binomtest` on whole counts; two-sided is
    twice the smaller side. 1 without trials.

    Examples
    --------
    No event in 10 calls, at a limit of a half: .5^10.

    >>> limit_p(0, 10, limit=0.5, alternative="less") == 0.5**10
    True
    """
    k, n = events / phi, n / phi
    if n <= 0:
        return 1.0
    p = min(1.0, max(0.0, limit))
    # P(X <= k) and P(X >= k), X ~ Binomial(n, limit), by the incomplete beta function
    less = float(betainc(n - k, k + 1, 1 - p)) if k < n else 1.0
    greater = float(betainc(k, n - k + 1, p)) if k > 0 else 1.0
    both = min(1.0, 2 * min(less, greater))
    return {"less": less, "greater": greater, "two-sided": both}[alternative]


def difference_bounds(
    counts: RateCounts, *, scale: float = 1.0, level: float = 0.95
) -> tuple[float, float]:
    """Interval of post rate - scale * baseline rate, from the Clopper-Pearson intervals of both.

    d - sqrt((p - l_p)^2 + (u_b - b)^2) to d + sqrt((u_p - p)^2 + (b - l_b)^2), u_b and l_b scaled
    with b: the method of variance estimates recovery (Zou & Donner 2008, Stat. Med. 27, 1693-1702;
    Newcombe 1998, Stat. Med. 17, 873-890, method 10, with Wilson's bounds). It is skew as rates
    near 0 are; a normal interval ends too near to 0 on the side of the fall (it excluded no change
    in .05 of draws instead of .025, and in .007 instead of .0007 at the bound of an early look;
    this one in .012 and .0001).

    Examples
    --------
    38 of 1,565 before and none of 231 after:

    >>> low, high = difference_bounds(RateCounts(38, 1565, 0, 231, phi=1.0))
    >>> round(100 * low, 2), round(100 * high, 2)
    (-3.32, -0.69)
    """
    phi = counts.phi
    post, baseline = counts.post_events / counts.post_n, counts.baseline_events / counts.baseline_n
    post_low, post_high = rate_bounds(counts.post_events, counts.post_n, phi=phi, level=level)
    low, high = rate_bounds(counts.baseline_events, counts.baseline_n, phi=phi, level=level)
    difference = post - scale * baseline
    below = np.hypot(post - post_low, scale * (high - baseline))
    above = np.hypot(post_high - post, scale * (baseline - low))
    return float(difference - below), float(difference + above)


def _hypergeometric_p(k: int, n: int, events: int, total: int, alternative: Alternative) -> float:
    """p of k of the events among n of the total.

    Equals `scipy.stats.fisher_exact`, which takes ten times as long, and its import 0.8 s.
    """
    x = np.arange(max(0, events + n - total), min(events, n) + 1)
    # P(x + 1) / P(x) = (events - x)(n - x) / ((x + 1)(total - events - n + x + 1))
    rise = (events - x[:-1]) * (n - x[:-1])
    fall = (x[:-1] + 1.0) * (total - events - n + x[:-1] + 1.0)
    log_chance = np.concatenate(([0.0], np.cumsum(np.log(rise / fall))))
    chance = np.exp(log_chance - log_chance.max())
    here = k - int(x[0])
    part = {
        "less": chance[: here + 1],
        "greater": chance[here:],
        "two-sided": chance[chance <= chance[here] * (1 + 1e-7)],  # no more likely than this one
    }[alternative]
    return float(min(1.0, part.sum() / chance.sum()))


def _down(count: float) -> int:
    return int(np.floor(count * (1 + 1e-12) + 1e-9))


def _up(count: float) -> int:
    return int(np.ceil(count * (1 - 1e-12) - 1e-9))
