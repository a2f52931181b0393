"""The variance of a difference of two ratios of totals, when calls of the same hour are not independent.

Three rules, chosen by the length of the baseline and of the window: pretended deploys inside three days or more
("placebo windows"), windows inside one day ("windows of one day"), or the window's own slow movements ("cosine
variance"). None of them is ever smaller than the variance of independent calls.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from analysis.statistics.totals import Bools, Floats, HourSums, Standardised

PLACEBO = "placebo windows"
ONE_DAY = "windows of one day"
COSINE = "cosine variance"
TOO_SHORT = "baseline too short"
UNKNOWN = (TOO_SHORT, np.inf, np.inf, 1.0, 1.0)
"""Where no two windows of the baseline can be held against each other, nothing is known: no test of independent calls decides instead."""

# A standard error below this share of the value is rounding, not knowledge.
RESOLUTION = 1e-9


@dataclass(frozen=True)
class Spread:
    """What the variance of post - scale * baseline is made of.

    Attributes
    ----------
    method : str
        Name of the rule.
    post, baseline : float
        Variance of the post arm's and of the baseline's ratio, unit of the metric squared.
    independent_post, independent_baseline : float
        The same if calls were independent; inf when the arm holds a single call.
    post_df, baseline_df : float
        Degrees of freedom; both the same where one pooled variance stands behind both parts.
    measured_on_post : bool
        True when `post` was measured in the post window itself, False when it was predicted from the baseline.
    resolution : float
        Variance that rounding alone could give.
    rate, post_calls : float or None, float
        Of a rate: its value in the baseline, and the post arm's calls (effective number). None for any other metric.
    """

    method: str
    post: float
    baseline: float
    independent_post: float
    independent_baseline: float
    post_df: float
    baseline_df: float
    measured_on_post: bool
    resolution: float
    rate: float | None = None
    post_calls: float = np.inf

    def variance(self, scale: float = 1.0, *, rise: float = 1.0, at: float | None = None) -> float:
        """Variance of post - scale * baseline; scale 0 is post against a fixed number.

        With a scale below 1 the predicted post part keeps the unscaled variance; above 1 it grows with the baseline's
        numerators. `rise` says that the post value is so many times the baseline's: hours that were predicted at the
        baseline's level move in proportion. `at` is the post rate that is asked about, by default scale * baseline: a
        rate varies by its own level, not by that of the few calls that were seen (see `_at_rate`).
        """
        post = self.post * (1.0 if self.measured_on_post else max(1.0, scale, rise) ** 2)
        independent_post = self.independent_post
        if self.rate is not None:
            q = min(1.0, max(0.0, scale * self.rate if at is None else at))
            post = max(post, self._at_rate(q))
            independent_post = max(independent_post, q * (1 - q) / self.post_calls)
        # V = max(Var(post) + scale^2 Var(baseline), the same for independent calls)
        by_hours = post + (self.baseline * scale**2 if scale else 0.0)
        by_calls = independent_post + (self.independent_baseline * scale**2 if scale else 0.0)
        return max(by_hours, by_calls, self.resolution)

    def _at_rate(self, q: float) -> float:
        """Variance of the post rate at q, predicted from the baseline's at b: a rate near 0 or 1 can hardly move, one near .5 moves most.

        In proportion to q (1 - q), as with the same overdispersion (McCullagh & Nelder 1989, 4.5), and never less than at b.
        (Predicted at b itself, a fall of 90 % timeouts by half that is exactly half was "met" in .11 to .31 of simulated
        windows of heavy noise instead of .025; so in .03 to .10. The square of the proportion keeps .025, and shows a real fall to
        20 % after 4 h in .03 of windows instead of .33.)
        """
        if self.measured_on_post or not 0 < self.rate < 1:
            return self.post
        return self.post * max(1.0, q * (1 - q) / (self.rate * (1 - self.rate)))

    def df(self, scale: float = 1.0) -> float:
        """Degrees of freedom of `variance(scale)`, at least 1.

        Pooled where one variance stands behind both parts, else Satterthwaite: V^2 / (vp^2 / B + vb^2 / (B D)).
        """
        if not self.measured_on_post:
            return max(1.0, self.post_df)
        post, baseline = self.post, self.baseline * scale**2
        if post + baseline <= 0:
            return max(1.0, self.post_df)
        # shares of V, so that tiny variances do not underflow when squared
        post, baseline = post / (post + baseline), baseline / (post + baseline)
        return max(1.0, 1.0 / (post**2 / self.post_df + baseline**2 / self.baseline_df))

    @property
    def inflation(self) -> float:
        """How many times larger the post variance is than with independent calls, at least 1."""
        if not 0 < self.independent_post < np.inf:
            return 1.0
        return max(1.0, self.post / self.independent_post)


def measure_spread(
    arms: Standardised, *, indicator: bool = False, hours_per_cosine: int = 4
) -> Spread:
    """Choose the rule and measure: placebo windows, windows of one day, or cosine variance.

    A repeat counts as a day (or week) of baseline when at least half of its hours are usable. `indicator`: the metric is a
    rate. `hours_per_cosine` is for series whose slow movements were taken out before.
    """
    hours, cycle = arms.post_usable.size, arms.matches.size
    repeats = count_repeats(arms.baseline_usable)
    days = repeats * cycle / 24
    if days >= 3 or (days >= 2 and hours <= 6):
        parts = _placebo_windows(arms, hours=hours, repeats=repeats, days=days)
    elif hours <= 6:
        parts = _windows_of_one_day(arms, hours=hours)
    else:
        parts = _cosine(arms, hours=hours, repeats=repeats, per_cosine=hours_per_cosine)
    method, post, baseline, post_df, baseline_df = parts
    baseline_value, post_value = ratio_of(arms.baseline_total), ratio_of(arms.post_total)
    return Spread(
        method=method,
        post=post,
        baseline=baseline,
        independent_post=independent_variance(arms.post_total),
        independent_baseline=independent_variance(arms.baseline_total),
        post_df=post_df,
        baseline_df=baseline_df,
        measured_on_post=method == COSINE,
        resolution=(RESOLUTION * max(abs(baseline_value), abs(post_value))) ** 2,
        rate=baseline_value if indicator else None,
        post_calls=effective_calls(arms.post_total) if indicator else np.inf,
    )


def effective_calls(total: HourSums) -> float:
    """Calls of an unweighted sample that knows as much as these weighted ones (Kish 1965, Survey Sampling, 8.2); inf without any."""
    return float(total.n**2 / total.nn) if total.nn > 0 else np.inf


def ratio_of(total: HourSums) -> float:
    """sum(y) / sum(n); 0 for an arm without n, which the caller reports as missing."""
    return float(total.y / total.n) if total.n > 0 else 0.0


def independent_variance(total: HourSums) -> float:
    """Variance of sum(y) / sum(n) if every call were independent: the floor under all rules.

    Linearised ratio (Cochran 1977, Sampling Techniques, 6.3): sum (y - r n)^2 / n^2, times m / (m - 1) with m the
    effective number of calls (sum n)^2 / sum n^2. A single call says nothing about its own variance: inf.
    """
    if total.n <= 0:
        return np.inf
    effective = (
        total.n**2 / total.nn if total.nn > 0 else np.inf
    )  # n of hours, not of calls, has no spread among calls
    if effective <= 1 + 1e-9:
        return np.inf
    r = total.y / total.n
    # Var(sum y / sum n) = sum (y - r n)^2 / (sum n)^2
    squares = max(0.0, total.yy - 2 * r * total.yn + r * r * total.nn)
    return float(squares / total.n**2 / (1 - 1 / effective))


def count_repeats(usable: Bools) -> int:
    """Days (weeks) of baseline: repeats with at least half of their hours usable, at least 1."""
    return max(1, int((usable.mean(axis=1) >= 0.5).sum()))


def _placebo_windows(
    arms: Standardised, *, hours: int, repeats: int, days: float
) -> tuple[str, float, float, float, float]:
    """Every window of the baseline is a pretended deploy, compared with those of the same clock phase.

    V = s2 / mean(n)^2 * (1 + 1/D); windows of l < L hours give V * l / L. df = floor(C / l) * (D - 1), at least 1,
    times the share of windows that touch no excluded hour.
    """
    cycle = arms.matches.size
    length = 12 if days < 5 and hours > 12 else min(hours, cycle)
    while True:
        start, y, n = _whole_windows(arms, length)
        phase = start % cycle
        phase_y, phase_n, phase_windows = (
            np.bincount(phase, w, minlength=cycle) for w in (y, n, None)
        )
        seen = (phase_n > 0)[phase]
        pooled_df = np.maximum(phase_windows - 1, 0)[phase_n > 0].sum()
        if pooled_df > 0 or length == 1:
            break
        length //= 2
    if pooled_df == 0:
        return UNKNOWN
    residual = y - (phase_y / np.where(phase_n > 0, phase_n, 1.0))[phase] * n
    # s2 = sum of squared residuals / sum over phases of (windows - 1)
    relative = float(residual[seen] @ residual[seen] / pooled_df / n[seen].mean() ** 2)
    share = start.size / (arms.baseline_usable.size - length + 1)
    df = max(1.0, float(np.floor((cycle // length) * (repeats - 1) * share)))
    post, baseline = _window_parts(arms, relative, length=length)
    return PLACEBO, post, baseline, df, df


def _windows_of_one_day(
    arms: Standardised, *, hours: int
) -> tuple[str, float, float, float, float]:
    """Windows inside one day around the day's own ratio: V = 2 s2 / mean(n)^2 * K / (K - 1), K = usable hours / L, df = K - 1."""
    length = hours
    while True:
        start, y, n = _whole_windows(arms, length)
        if (start.size > 1 and arms.baseline_usable.sum() >= 2 * length) or length == 1:
            break
        length //= 2
    k = arms.baseline_usable.sum() / length
    if start.size < 2 or n.sum() <= 0 or k < 2:
        return UNKNOWN
    residual = y - y.sum() / n.sum() * n
    relative = float(residual @ residual / residual.size / n.mean() ** 2) * k / (k - 1)
    post, baseline = _window_parts(arms, relative, length=length)
    return ONE_DAY, post, baseline, k - 1, k - 1


def _cosine(
    arms: Standardised, *, hours: int, repeats: int, per_cosine: int
) -> tuple[str, float, float, float, float]:
    """Equal-weighted cosine variance (Lazarus, Lewis, Stock, Watson 2018, JBES 36, 541-559, eq. 4) in each arm.

    V = v_post / n_post^2 + sum over days of v_day / n_base^2, residuals around each arm's own ratio.
    """
    length = min(hours, arms.matches.size)
    order = (arms.first_hour + np.arange(length)) % arms.matches.size
    post, baseline = arms.post_total, arms.baseline_total
    post_residual = arms.post.y - ratio_of(post) * arms.post.n
    counted = (arms.matches * arms.baseline_usable)[:, order]
    day_residual = counted * (arms.baseline.y - ratio_of(baseline) * arms.baseline.n)[:, order]
    variance_of = partial(cosine_variance, hours_per_cosine=per_cosine)
    post_part = variance_of(post_residual) / post.n**2 if post.n > 0 else 0.0
    baseline_part = sum(map(variance_of, day_residual)) / baseline.n**2 if baseline.n > 0 else 0.0
    return (
        COSINE,
        post_part,
        float(baseline_part),
        float(_cosines(hours, per_cosine)),
        float(_cosines(length, per_cosine) * repeats),
    )


def cosine_variance(residual: Floats, *, hours_per_cosine: int = 4) -> float:
    """Long-run variance of the sum of an hourly series: L * mean_j (sum_t c_j(t) e(t))^2.

    c_j(t) = sqrt(2 / L) cos(pi j (t + .5) / L), j = 1..B, B = max(2, L // `hours_per_cosine`). Not for fewer than 7
    hours: the few slow cosines would be most of the series.

    Examples
    --------
    >>> cosine_variance(np.zeros(24))
    0.0
    """
    hours = residual.size
    j, t = np.arange(1, _cosines(hours, hours_per_cosine) + 1)[:, None], np.arange(hours)
    weights = np.sqrt(2 / hours) * np.cos(np.pi * j * (t + 0.5) / hours)
    return float(hours * np.mean((weights @ residual) ** 2))


def _cosines(hours: int, hours_per_cosine: int) -> int:
    return max(2, hours // hours_per_cosine)


def _whole_windows(arms: Standardised, length: int) -> tuple[np.ndarray, Floats, Floats]:
    """Start, sum of y and sum of n of every window of the baseline that touches no unusable hour."""

    def moving(values: Floats) -> Floats:
        total = np.concatenate(([0.0], np.cumsum(values.ravel(), dtype=float)))
        return total[length:] - total[:-length]

    whole = moving(arms.baseline_usable) > length - 0.5
    start = np.flatnonzero(whole)
    return start, moving(arms.baseline.y)[start], moving(arms.baseline.n)[start]


def _window_parts(arms: Standardised, relative: float, *, length: int) -> tuple[float, float]:
    """From the variance of the ratio of one window of `length` hours to the post's and the baseline's part."""
    post_hours = max(1, int(arms.post_usable.sum()))
    baseline_hours = max(1, int((arms.baseline_usable & (arms.matches > 0)).sum()))
    # post: l / L; baseline: l / (matched hours of all days) = l / L / D when none is excluded
    return relative * length / post_hours, relative * length / baseline_hours
