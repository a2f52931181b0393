"""Rates with few events: exact tests and bounds on counts divided by their overdispersion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import betainc, betaincinv

from analysis.statistics.totals import HourSums, Standardised

Alternative = Literal["two-sided", "less", "greater"]

EXACT = "exact"
FEW_EVENTS = 20
RARE_RATE = 0.2
BLOCK_HOURS = 4


@dataclass(frozen=True)
class RateCounts:
    """Events and trials of both arms over the matched hours as effective counts, and the baseline's overdispersion.

    Attributes
    ----------
    baseline_events, baseline_n, post_events, post_n : float
        Counts of independent calls that say as much as the standardised sums. With one stratum: the counts themselves.
    phi : float
        Overdispersion, at least 1.
    """

    baseline_events: float
    baseline_n: float
    post_events: float
    post_n: float
    phi: float


def use_exact(baseline_events: float, post_events: float, baseline_rate: float) -> bool:
    """Whether a rate is decided by exact tests: fewer than 20 events in at least one arm, baseline rate below 20 %.

    Not for many events in both arms: there hours say more about the spread than phi does.
    """
    return min(baseline_events, post_events) < FEW_EVENTS and baseline_rate < RARE_RATE


def rate_counts(arms: Standardised) -> RateCounts:
    """Effective counts of both arms and phi of the baseline."""
    baseline_events, baseline_n = effective_counts(arms.baseline_total)
    post_events, post_n = effective_counts(arms.post_total)
    return RateCounts(baseline_events, baseline_n, post_events, post_n, phi=overdispersion(arms))


def effective_counts(total: HourSums) -> tuple[float, float]:
    """Events and trials of an unweighted sample that knows as much as these weighted sums.

    Both are divided by the design effect: sum w^2 / sum w over the trials (Kish 1965, Survey Sampling, 8.2) or over the
    events (Fay & Feuer 1997, Stat. Med. 16, 791-801), whichever is larger, so that one event in a stratum of great
    weight never counts as several.
    """
    if total.n <= 0:
        return 0.0, 0.0
    effect = total.nn / total.n
    if total.y > 0:
        effect = max(effect, total.yy / total.y)
    return float(total.y / effect), float(total.n / effect)


def overdispersion(arms: Standardised) -> float:
    """How much more the baseline's 4-hour sums of events vary than independent calls would, at least 1.

    Blocks hold their usable hours.
    """
    return dispersion(
        *(_blocks(values) for values in (arms.baseline.y, arms.baseline.n, arms.baseline.nn))
    )


def dispersion(y: np.ndarray, n: np.ndarray, nn: np.ndarray) -> float:
    """How much more sums of events vary from block to block than independent calls would, at least 1.

    Pearson's chi2 / df: phi = sum_i (y_i - p n_i)^2 / (p (1 - p) nn_i) / (blocks - 1) (McCullagh & Nelder 1989,
    Generalized Linear Models, 4.5). 1 when there are no events, only events, or one block with calls.

    Parameters
    ----------
    y, n, nn : per block the events, the calls, and the calls' squared weights (n itself without weights)
    """
    filled = nn > 0
    if filled.sum() < 2:
        return 1.0
    y, n, nn = y[filled], n[filled], nn[filled]
    p = min(1.0, y.sum() / n.sum())
    if p * (1 - p) <= 0:
        return 1.0
    return max(1.0, float(np.sum((y - p * n) ** 2 / (p * (1 - p) * nn)) / (y.size - 1)))


def fisher_p(
    counts: RateCounts, *, scale: float = 1.0, alternative: Alternative = "two-sided"
) -> float:
    """p of Fisher's exact test that the post rate is `scale` times the baseline rate, on counts divided by phi.

    "less" asks for a lower post rate. A scale below 1 shrinks the baseline's events, one above 1 its trials: events
    that were never seen add no evidence. Counts that phi made fractional are rounded towards equal rates, trials down,
    so that rounding never makes evidence. An arm without trials gives 1.

    Examples
    --------
    >>> counts = RateCounts(baseline_events=113, baseline_n=5000, post_events=0, post_n=700, phi=1.0)
    >>> fisher_p(counts) < 1e-5
    True
    """
    (k_base, n_base), (k_post, n_post) = _deflated(counts, scale)
    if n_base < 1 or n_post < 1:
        return 1.0
    return _hypergeometric_p(k_post, n_post, k_base + k_post, n_base + n_post, alternative)


def difference_variance(counts: RateCounts) -> float:
    """Variance of post rate - baseline rate, times phi; each rate with one event and one other call added. For what a look will see.

    The added calls (Agresti & Caffo 2000, Am. Stat. 54, 280-288) decide the zero cells: 0 of n has a width too. Not for an interval:
    rates near 0 are skew, see `difference_bounds`.
    """
    return sum(rate_variances(counts))


def rate_variances(counts: RateCounts) -> tuple[float, float]:
    """Variance of the post rate and of the baseline rate."""
    return (
        rate_variance(counts.post_events, counts.post_n, phi=counts.phi),
        rate_variance(counts.baseline_events, counts.baseline_n, phi=counts.phi),
    )


def rate_variance(events: float, n: float, *, phi: float = 1.0) -> float:
    """phi p (1 - p) / n with p = (events + 1) / (n + 2); inf without trials."""
    if n <= 0:
        return np.inf
    p = (events + 1) / (n + 2)
    # Var(k / n) = phi p (1 - p) / n
    return float(phi * p * (1 - p) / n)


def rate_bounds(
    events: float, n: float, *, phi: float = 1.0, level: float = 0.95
) -> tuple[float, float]:
    """Clopper-Pearson interval of a rate on events / phi of n / phi; two-sided at `level`.

    For the one-sided 95 % upper bound ask for level 0.90: 0 of n then gives 1 - 0.05^(1/n) (Clopper & Pearson 1934,
    Biometrika 26, 404-413). Fractional counts are taken as they are: the beta quantiles are continuous in them.

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

    Agrees with `rate_bounds`: the one-sided upper bound is below the limit exactly when "less" is below that level.
    One-sided it equals `scipy.stats.binomtest` on whole counts; two-sided is twice the smaller side.
    """
    k, n = events / phi, n / phi
    if n <= 0:
        return 1.0
    p = min(1.0, max(0.0, limit))
    # P(X <= k) and P(X >= k), X ~ Binomial(n, limit), by the incomplete beta function
    less = float(betainc(n - k, k + 1, 1 - p)) if k < n else 1.0
    greater = float(betainc(k, n - k + 1, p)) if k > 0 else 1.0
    return {"less": less, "greater": greater, "two-sided": min(1.0, 2 * min(less, greater))}[
        alternative
    ]


def difference_bounds(
    counts: RateCounts, *, scale: float = 1.0, level: float = 0.95
) -> tuple[float, float]:
    """Interval of post rate - scale * baseline rate, put together from the Clopper-Pearson intervals of both rates.

    d - sqrt((p - l_p)^2 + (u_b - b)^2) to d + sqrt((u_p - p)^2 + (b - l_b)^2), u_b and l_b scaled with b: the method of variance
    estimates recovery (Zou & Donner 2008, Stat. Med. 27, 1693-1702; Newcombe 1998, Stat. Med. 17, 873-890, method 10, with Wilson's
    bounds). Rates near 0 are skew, and so is it: a normal interval ends too near to 0 on the side of the fall (a truth of no change
    lay beyond it in .05 of draws instead of .025, and in .007 instead of .0007 at the bound of an early look; here in .012 and .0001).

    Examples
    --------
    38 of 1,565 before and none of 231 after:

    >>> low, high = difference_bounds(RateCounts(38, 1565, 0, 231, phi=1.0))
    >>> round(100 * low, 2), round(100 * high, 2)
    (-3.32, -0.69)
    """
    post, baseline = counts.post_events / counts.post_n, counts.baseline_events / counts.baseline_n
    post_low, post_high = rate_bounds(
        counts.post_events, counts.post_n, phi=counts.phi, level=level
    )
    low, high = rate_bounds(counts.baseline_events, counts.baseline_n, phi=counts.phi, level=level)
    difference = post - scale * baseline
    below = np.hypot(post - post_low, scale * (high - baseline))
    above = np.hypot(post_high - post, scale * (baseline - low))
    return float(difference - below), float(difference + above)


def _hypergeometric_p(k: int, n: int, events: int, total: int, alternative: Alternative) -> float:
    """p of k of the events among n of the total. Equals `scipy.stats.fisher_exact`, which takes ten times as long."""
    x = np.arange(max(0, events + n - total), min(events, n) + 1)
    # P(x + 1) / P(x) = (events - x)(n - x) / ((x + 1)(total - events - n + x + 1))
    step = np.log(
        (events - x[:-1]) * (n - x[:-1]) / ((x[:-1] + 1.0) * (total - events - n + x[:-1] + 1.0))
    )
    chance = np.concatenate(([0.0], np.cumsum(step)))
    chance = np.exp(chance - chance.max())
    here = k - int(x[0])
    if alternative == "less":
        part = chance[: here + 1]
    elif alternative == "greater":
        part = chance[here:]
    else:
        part = chance[chance <= chance[here] * (1 + 1e-7)]  # tables no more likely than this one
    return float(min(1.0, part.sum() / chance.sum()))


def _deflated(counts: RateCounts, scale: float) -> tuple[tuple[int, int], tuple[int, int]]:
    """Whole (events, trials) of baseline and post after phi and the margin, rounded towards equal rates."""
    phi = counts.phi
    k_base, n_base = (
        counts.baseline_events / phi * min(scale, 1.0),
        counts.baseline_n / phi / max(scale, 1.0),
    )
    k_post, n_post = counts.post_events / phi, counts.post_n / phi
    k_base = min(k_base, n_base)
    post_is_lower = k_post * n_base < k_base * n_post
    k_base, k_post = (_down(k_base), _up(k_post)) if post_is_lower else (_up(k_base), _down(k_post))
    n_base, n_post = _down(n_base), _down(n_post)
    return (min(k_base, n_base), n_base), (min(k_post, n_post), n_post)


def _down(count: float) -> int:
    return int(np.floor(count * (1 + 1e-12) + 1e-9))


def _up(count: float) -> int:
    return int(np.ceil(count * (1 - 1e-12) - 1e-9))


def _blocks(values: np.ndarray) -> np.ndarray:
    """Sums of 4 consecutive hours of the flattened baseline; a rest shorter than that is its own block."""
    flat = values.ravel()
    return np.add.reduceat(flat, np.arange(0, flat.size, BLOCK_HOURS))
