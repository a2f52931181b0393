"""Variance of a difference of two ratios of totals, when calls of one hour are not independent.

It is measured on hours, is never smaller than that of independent calls, and with one or two days
of baseline holds a declared part for how days differ.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.statistics.baseline.between_days import (
    BETWEEN_DF,
    DAY_TO_DAY,
    between_day_variance,
)
from analysis.statistics.baseline.independent_calls import IndependentVariances
from analysis.statistics.baseline.placebo_variance import PlaceboVariance, ratio_placebo_variance
from analysis.statistics.standardisation import StandardisedArms
from analysis.statistics.variance_rules import (
    COSINE,
    PLACEBO,
    UNKNOWN,
    ArmVariances,
    add_variances,
    cosine_windows,
    windows_of_one_day,
)

# A standard error below this share of the value is rounding, not knowledge.
RESOLUTION = 1e-9
FEWEST_DAYS = 3
SHORT_WINDOW = 6
HOURS_PER_COSINE = 4
HOURS_PER_COSINE_OF_TWO_DAYS = 8


@dataclass(frozen=True, eq=False, kw_only=True)
class VarianceModel:
    """The variance of post - scale * reference, at any scale and any level of the post value.

    Attributes
    ----------
    by_hours : ArmVariances
        Measured over hours, so that it holds what calls of one hour share.
    reference : float
        What the post value is compared with: the days of the baseline, the newest first in weight;
        with one or two days the plain value of the matched hours.
    independent_post, independent_baseline : float
        The same if calls were independent; inf when the arm holds a single call.
    resolution : float
        Variance that rounding alone could give.
    thinner : float
        What a post window with fewer calls than the baseline's adds.
    is_short : bool
        One or two days of baseline, which do not say how days differ.
    one_day : float
        Declared variance of one day; 0 unless `is_short`.
    rate : float or None
        Baseline value of a rate; None for any other metric.
    post_calls : float
        Effective calls of the post arm of a rate; inf for any other metric.
    added : float
        Variance of a correction of the post value, e.g. by control features; 0 without one.
    movement, movement_df : float
        Variance of a correction of the reference, and its degrees of freedom; 0 without one.
    """

    by_hours: ArmVariances
    reference: float
    independent_post: float = 0.0
    independent_baseline: float = 0.0
    resolution: float = 0.0
    thinner: float = 0.0
    is_short: bool = False
    one_day: float = 0.0
    rate: float | None = None
    post_calls: float = np.inf
    added: float = 0.0
    movement: float = 0.0
    movement_df: float = np.inf

    @property
    def is_from_post(self) -> bool:
        """Whether the post part was measured in the post window, not predicted."""
        return self.by_hours.method == COSINE

    def variance(self, scale: float = 1.0, *, rise: float = 1.0, at: float | None = None) -> float:
        """Variance of post - scale * reference.

        Parameters
        ----------
        scale : float
            0 compares post with a fixed number. Below 1 the predicted post part keeps the unscaled
            variance; above 1 it grows with the baseline's numerators.
        rise : float
            Post value as a multiple of the baseline's: hours predicted at the baseline's level move
            in proportion.
        at : float, optional
            The post rate that is asked about, by default scale * reference: a rate varies by its
            own level, not by that of the few calls that were seen.
        """
        inside, _ = self._inside(scale, rise=rise, at=at)
        return inside + self.between_days(scale) + self.movement * scale**2 + self.added

    def df(self, scale: float = 1.0) -> float:
        """Degrees of freedom of `variance(scale)`, at least 1 (Satterthwaite over its parts)."""
        inside, over_hours = self._inside(scale)
        declared = (self.between_days(scale), BETWEEN_DF)
        moved = (self.movement * scale**2, self.movement_df)
        others = [part for part in (declared, moved) if part[0] > 0]
        own = (inside, self._df_inside(scale, inside, over_hours))
        return max(1.0, add_variances(own, *others)[1])

    def between_days(self, scale: float = 1.0) -> float:
        """Declared variance between the day after the deploy and the one or two before it."""
        return self.one_day * (max(1.0, scale) ** 2 + scale**2)

    @property
    def overdispersion(self) -> float:
        """How many times larger the post variance is than with independent calls, at least 1."""
        if not 0 < self.independent_post < np.inf:
            return 1.0
        return max(1.0, self.by_hours.post / self.independent_post)

    def _inside(
        self, scale: float, *, rise: float = 1.0, at: float | None = None
    ) -> tuple[float, float]:
        """Variance without what is declared or corrected, and the part measured over hours."""
        post = self.by_hours.post * (1.0 if self.is_from_post else max(1.0, scale, rise) ** 2)
        independent_post = self.independent_post
        if self.rate is not None:
            q = min(1.0, max(0.0, scale * self.rate if at is None else at))
            post = max(post, self._post_at_rate(q))
            independent_post = max(independent_post, q * (1 - q) / self.post_calls)
        # V = max(Var(post) + scale^2 Var(baseline), the same for independent calls)
        by_hours = post + (self.by_hours.baseline * scale**2 if scale else 0.0)
        by_calls = independent_post + (self.independent_baseline * scale**2 if scale else 0.0)
        return max(by_hours + self.thinner, by_calls, self.resolution), by_hours

    def _df_inside(self, scale: float, inside: float, over_hours: float) -> float:
        """Placebo windows: d (V / S)^2, normal where independent calls are the larger part."""
        _, post, baseline, post_df, baseline_df = self.by_hours
        if self.by_hours.method == PLACEBO:
            return max(1.0, post_df * (inside / over_hours) ** 2) if over_hours > 0 else np.inf
        if not self.is_from_post or post + baseline <= 0:
            return max(1.0, post_df)
        return add_variances((post, post_df), (baseline * scale**2, baseline_df))[1]

    def _post_at_rate(self, q: float) -> float:
        """Variance of the post rate at q, predicted from the baseline's at b.

        In proportion to q (1 - q), as with the same overdispersion (McCullagh & Nelder 1989, 4.5),
        and never less than at b: a rate near 0 or 1 can hardly move. (Predicted at b itself, a fall
        of 90 % timeouts by half that is exactly half was "met" in .11 to .31 of simulated windows
        of heavy noise instead of .025; so in .03 to .10. The square of the proportion keeps .025,
        and shows a real fall to 20 % after 4 h in .03 of windows instead of .33.)
        """
        post = self.by_hours.post
        if self.rate is None or self.is_from_post or not 0 < self.rate < 1:
            return post
        return post * max(1.0, q * (1 - q) / (self.rate * (1 - self.rate)))


def model_variance(
    arms: StandardisedArms,
    *,
    indicator: bool = False,
    independent: IndependentVariances | None = None,
    relative: bool = False,
    day_to_day: float = DAY_TO_DAY,
    hours_per_cosine: int = HOURS_PER_COSINE,
) -> VarianceModel:
    """Choose the rule by the length of baseline and window, and measure.

    Three days or more: equal placebo windows, halved where none is whole. Less: windows or cosines
    inside the day, plus the declared part for how days differ.

    Parameters
    ----------
    arms : StandardisedArms
        A repeat counts as a day (or week) of baseline when at least half of its hours are usable.
    indicator : bool
        The metric is a rate.
    independent : IndependentVariances, optional
        Where the sums of `arms` are not those of single calls.
    relative : bool
        Values are logarithms: a declared share is a difference of them.
    day_to_day : float
        Declared standard deviation between days as a share of a time.
    hours_per_cosine : int
        6 for series whose slow movements were taken out before, else 4.
    """
    calls = independent or IndependentVariances.of_ratio(arms)
    hours, cycle = arms.post_usable.size, arms.matches.size
    days, baseline, post = arms.n_repeats * cycle / 24, arms.baseline_total, arms.post_total
    is_short = days < FEWEST_DAYS
    by_hours, reference, thinner = UNKNOWN, baseline.ratio, 0.0
    independent_baseline = calls.baseline
    if not is_short or (days >= 2 and hours <= SHORT_WINDOW):
        found = _whole_windows(arms, calls)
        if found is not None:
            by_hours = ArmVariances(
                PLACEBO, found.post, found.baseline, found.window_df, found.window_df
            )
            thinner = found.thinner
            # two days are too few to weigh the newer one more
            reference = reference if is_short else found.usual
            independent_baseline = found.independent_baseline
    elif hours <= SHORT_WINDOW:
        by_hours = windows_of_one_day(arms, hours=hours)
    else:
        two_days = HOURS_PER_COSINE_OF_TWO_DAYS if days >= 2 else 0
        by_hours = cosine_windows(arms, hours=hours, per_cosine=max(hours_per_cosine, two_days))
    declared = between_day_variance(
        1.0 if relative else reference,
        1.0 if relative else post.ratio,
        is_rate=indicator,
        day_to_day=day_to_day,
    )
    return VarianceModel(
        by_hours=by_hours,
        reference=reference,
        independent_post=calls.post,
        independent_baseline=independent_baseline,
        resolution=(RESOLUTION * max(abs(reference), abs(post.ratio))) ** 2,
        thinner=thinner,
        is_short=is_short,
        one_day=declared / 2 if is_short else 0.0,
        rate=reference if indicator else None,
        post_calls=post.effective_calls if indicator else np.inf,
    )


def _whole_windows(arms: StandardisedArms, calls: IndependentVariances) -> PlaceboVariance | None:
    """From windows as long as the post window, or half as long until two have the same phase."""
    length = min(int(arms.post_usable.sum()), arms.matches.size)
    while length:
        found = ratio_placebo_variance(
            arms, window_hours=length, days=calls.days, independent_post=calls.post
        )
        if found is not None:
            return found
        length //= 2
    return None
