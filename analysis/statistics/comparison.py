"""One comparison of two arms: read `compare` first.

It chooses between hour sums and exact counts, and answers the same questions for both.
"""

from __future__ import annotations

import numpy as np

from analysis.statistics.baseline.between_days import DAY_TO_DAY
from analysis.statistics.baseline.common_hours import common_hours
from analysis.statistics.compared_arms.significance import Comparison
from analysis.statistics.latency.typical import one_call_an_hour
from analysis.statistics.rates.exact import RateCounts, rate_counts, use_exact
from analysis.statistics.standardisation import StandardisedArms, standardise
from analysis.statistics.totals import ArmTotals
from analysis.statistics.variance import VarianceModel, model_variance
from analysis.statistics.variance_rules import TOO_SHORT


def compare(
    baseline: ArmTotals,
    post: ArmTotals,
    *,
    indicator: bool,
    log_scale: bool = False,
    first_hour: int = 0,
    every_post_hour: bool = False,
    day_to_day: float = DAY_TO_DAY,
) -> Comparison:
    """Compare the post hours with the same clock hours of the baseline.

    A ratio of totals on hour sums (see `variance.model_variance`), or exact counts when the metric
    is a rate with few events. No number is ever nan; arms that cannot be compared give p = 1 and
    the widest interval.

    Parameters
    ----------
    baseline : ArmTotals (strata, repeats, cycle)
    post : ArmTotals (strata, 1, hours)
    indicator : bool
        True when every call is an event or not, so that y counts events among n.
    log_scale : bool
        y are sums of logarithms of times: the mean over hours of y / n is compared, as a ratio (see
        `latency.typical`). Never together with `indicator`.
    first_hour : int
        Hour of the cycle at which post hour 0 lies; other than 0 for trailing windows and placebo
        deploys.
    every_post_hour : bool
        Keep post hours that no baseline hour matches: for a claim about the post arm alone.
    day_to_day : float
        Declared standard deviation between days as a share of a time; used with a baseline of one
        or two days, which says nothing of it.

    Raises
    ------
    ValueError
        When the arms' strata differ.

    Notes
    -----
    Before and after, not randomised: whatever else changed at the deploy is in the difference too.
    Not for latencies of successes alone when failures were cut off; see `survival`.

    Examples
    --------
    Seven days of 100 calls an hour, half of them timeouts; after the deploy one in ten.

    >>> before = ArmTotals.of_events(np.full((1, 7, 24), 50.0), np.full((1, 7, 24), 100.0))
    >>> after = ArmTotals.of_events(np.full((1, 1, 4), 10.0), np.full((1, 1, 4), 100.0))
    >>> found = compare(before, after, indicator=True)
    >>> found.method, found.df, round(found.difference, 3), found.p_value() < 1e-9
    ('placebo windows', inf, -0.4, True)
    """
    arms = standardise(baseline, post, first_hour=first_hour, every_post_hour=every_post_hour)
    independent = None
    if log_scale:
        arms, independent = one_call_an_hour(arms)
    model, counts, overdispersion = None, None, 1.0
    if min(arms.baseline_total.n, arms.post_total.n) > 0:
        model = model_variance(
            arms,
            indicator=indicator,
            independent=independent,
            relative=log_scale,
            day_to_day=day_to_day,
        )
        if indicator:
            counts, overdispersion = _count_events(arms, model, day_to_day)
    return Comparison(
        arms=arms,
        log_scale=log_scale,
        indicator=indicator,
        model=model,
        counts=counts,
        event_overdispersion=overdispersion,
        common_hours=common_hours(baseline, post, first_hour=first_hour),
        totals=(baseline, post),
        day_to_day=day_to_day,
    )


def compare_crude(found: Comparison) -> Comparison:
    """The same comparison whatever the mix of strata: all calls as one stratum."""
    baseline, post = (arm.as_one_stratum() for arm in found.totals)
    return compare(
        baseline,
        post,
        indicator=found.indicator,
        log_scale=found.log_scale,
        first_hour=found.arms.first_hour,
        day_to_day=found.day_to_day,
    )


def _count_events(
    arms: StandardisedArms, model: VarianceModel, day_to_day: float
) -> tuple[RateCounts | None, float]:
    """Counts of a rate that exact tests decide, and its overdispersion."""
    if model.by_hours.method == TOO_SHORT:
        return None, np.inf
    counts = rate_counts(arms, day_to_day=day_to_day if model.is_short else None)
    # few events of a rare class, or rates of exactly 0 or 1 that leave the t test no variance
    is_exact = (
        use_exact(arms.common_baseline.y, arms.common_post.y, arms.baseline_total.ratio)
        or model.variance() <= model.resolution
    )
    return counts if is_exact else None, counts.phi
