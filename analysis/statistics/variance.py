"""Variance of a difference of two ratios of totals, when calls of one hour are not independent.

`variance_rules` measures it on hours; it is never smaller than that of independent calls.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.statistics.standardisation import StandardisedArms
from analysis.statistics.variance_rules import (
    COSINE,
    ArmVariances,
    cosine_windows,
    placebo_windows,
    windows_of_one_day,
)

# A standard error below this share of the value is rounding, not knowledge.
RESOLUTION = 1e-9


@dataclass(frozen=True)
class VarianceModel:
    """The variance of post - scale * baseline, at any scale and any level of the post value.

    Attributes
    ----------
    by_hours : ArmVariances
        Measured over hours, so that it holds what calls of one hour share.
    independent_post, independent_baseline : float
        The same if calls were independent; inf when the arm holds a single call.
    resolution : float
        Variance that rounding alone could give.
    rate : float or None
        Baseline value of a rate; None for any other metric.
    post_calls : float
        Effective calls of the post arm of a rate; inf for any other metric.
    added : float
        Variance of a correction of the post value, e.g. by control features; 0 without one.
    """

    by_hours: ArmVariances
    independent_post: float
    independent_baseline: float
    resolution: float
    rate: float | None = None
    post_calls: float = np.inf
    added: float = 0.0

    @property
    def is_from_post(self) -> bool:
        """Whether the post part was measured in the post window, not predicted."""
        return self.by_hours.method == COSINE

    def variance(self, scale: float = 1.0, *, rise: float = 1.0, at: float | None = None) -> float:
        """Variance of post - scale * baseline.

        Parameters
        ----------
        scale : float
            0 compares post with a fixed number. Below 1 the predicted post part keeps the unscaled
            variance; above 1 it grows with the baseline's numerators.
        rise : float
            Post value as a multiple of the baseline's: hours predicted at the baseline's level move
            in proportion.
        at : float, optional
            The post rate that is asked about, by default scale * baseline: a rate varies by its own
            level, not by that of the few calls that were seen.
        """
        post = self.by_hours.post * (1.0 if self.is_from_post else max(1.0, scale, rise) ** 2)
        independent_post = self.independent_post
        if self.rate is not None:
            q = min(1.0, max(0.0, scale * self.rate if at is None else at))
            post = max(post, self._post_at_rate(q))
            independent_post = max(independent_post, q * (1 - q) / self.post_calls)
        # V = max(Var(post) + scale^2 Var(baseline), the same for independent calls)
        by_hours = post + (self.by_hours.baseline * scale**2 if scale else 0.0)
        by_calls = independent_post + (self.independent_baseline * scale**2 if scale else 0.0)
        return max(by_hours, by_calls, self.resolution) + self.added

    def df(self, scale: float = 1.0) -> float:
        """Degrees of freedom of `variance(scale)`, at least 1.

        Those of the pooled variance where one stands behind both parts, else Satterthwaite:
        V^2 / (vp^2 / df_p + vb^2 / df_b).
        """
        _, post, baseline, post_df, baseline_df = self.by_hours
        baseline *= scale**2
        if not self.is_from_post or post + baseline <= 0:
            return max(1.0, post_df)
        # shares of V, so that tiny variances do not underflow when squared
        post, baseline = post / (post + baseline), baseline / (post + baseline)
        return max(1.0, 1.0 / (post**2 / post_df + baseline**2 / baseline_df))

    @property
    def overdispersion(self) -> float:
        """How many times larger the post variance is than with independent calls, at least 1."""
        if not 0 < self.independent_post < np.inf:
            return 1.0
        return max(1.0, self.by_hours.post / self.independent_post)

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
    arms: StandardisedArms, *, indicator: bool = False, hours_per_cosine: int = 4
) -> VarianceModel:
    """Choose the rule by the length of baseline and window, and measure.

    Parameters
    ----------
    arms : StandardisedArms
        A repeat counts as a day (or week) of baseline when at least half of its hours are usable.
    indicator : bool
        The metric is a rate.
    hours_per_cosine : int
        6 for series whose slow movements were taken out before, else 4.
    """
    hours, cycle = arms.post_usable.size, arms.matches.size
    days = arms.n_repeats * cycle / 24
    if days >= 3 or (days >= 2 and hours <= 6):
        by_hours = placebo_windows(arms, hours=hours, days=days)
    elif hours <= 6:
        by_hours = windows_of_one_day(arms, hours=hours)
    else:
        by_hours = cosine_windows(arms, hours=hours, per_cosine=hours_per_cosine)
    baseline, post = arms.baseline_total, arms.post_total
    return VarianceModel(
        by_hours=by_hours,
        independent_post=post.independent_variance,
        independent_baseline=baseline.independent_variance,
        resolution=(RESOLUTION * max(abs(baseline.ratio), abs(post.ratio))) ** 2,
        rate=baseline.ratio if indicator else None,
        post_calls=post.effective_calls if indicator else np.inf,
    )
