"""Typical latency: the mean over hours of each hour's mean log time, compared as a ratio.

It is what a claim about speed should use: neither a few very slow calls nor a few busy hours decide
it. Failed calls count with their time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from analysis.statistics.baseline.between_days import (
    BETWEEN_DF,
    DAY_TO_DAY,
    between_day_variance,
)
from analysis.statistics.baseline.placebo_variance import DayValues, WindowValues, placebo_variance
from analysis.statistics.rates.exact import Alternative
from analysis.statistics.standardisation import StandardisedArms
from analysis.statistics.t_test import add_variances, t_interval, t_p_value
from analysis.statistics.totals import Bools, CallSums, Floats
from analysis.statistics.variance import model_variance

FEWEST_DF = 10.0


@dataclass(frozen=True, eq=False)
class LogHours:
    """Mean log time of each hour, and what single calls vary inside hours.

    Attributes
    ----------
    value : float64 (...)
        y / n of each hour, ln ms; 0 in hours that do not count.
    per_call : float64 (...)
        1 over the hour's effective calls; 0 in hours that do not count.
    counts : bool (...)
        Usable hours with calls.
    squares, df : float
        Squares of single calls around the mean of their hour, and their degrees of freedom.
    """

    value: Floats
    per_call: Floats
    counts: Bools
    squares: float
    df: float


@dataclass(frozen=True)
class TypicalComparison:
    """Typical latency after over before.

    Attributes
    ----------
    baseline_ms, post_ms : float
        Typical latencies, ms: exp of the mean over hours.
    variance, df : float
        Of ln(post / baseline).
    """

    baseline_ms: float
    post_ms: float
    variance: float
    df: float

    @property
    def ratio(self) -> float:
        """Post / baseline: 0.8 is 20 % faster."""
        return self.post_ms / self.baseline_ms

    def p_value(self, *, scale: float = 1.0, alternative: Alternative = "two-sided") -> float:
        """p of "post equals scale * baseline"; "less": post is faster."""
        estimate = float(np.log(self.ratio / scale))
        return t_p_value(estimate, self.variance, self.df, alternative)

    def ratio_interval(self, level: float = 0.95) -> tuple[float, float]:
        """Interval of the ratio, two-sided."""
        ends = t_interval(float(np.log(self.ratio)), self.variance, self.df, level=level)
        return float(np.exp(ends[0])), float(np.exp(ends[1]))


def log_hours(sums: CallSums, usable: Bools) -> LogHours:
    """Mean log time of each hour.

    Parameters
    ----------
    sums : CallSums (...)
        y: sums of ln ms; n: calls; yy: sums of (ln ms)^2.
    usable : bool (...)
    """
    y, n, yy, yn, nn = sums.stacked
    counts = usable & (n > 0)
    calls, squared = np.where(counts, n, 1.0), np.where(counts, nn, 1.0)
    value = np.where(counts, y / calls, 0.0)
    effective = calls**2 / squared
    around = np.maximum(0.0, yy - 2 * value * yn + value**2 * nn) / squared * effective
    return LogHours(
        value=value,
        per_call=np.where(counts, 1.0 / effective, 0.0),
        counts=counts,
        squares=float(around[counts].sum()),
        df=float((effective - 1)[counts].sum()),
    )


def compare_typical(
    arms: StandardisedArms, *, window_hours: int | None = None
) -> TypicalComparison | None:
    """Typical latency of the post hours against that of the matched baseline hours.

    The value of a window is the mean over its hours with calls, whatever their traffic; its
    variance comes from equal placebo windows on the log scale (`baseline.placebo_variance`), never
    below that of independent calls. No correction for Jensen's inequality: with the arm's total
    variance such a correction alarms in .72 under heavy tails.

    Parameters
    ----------
    arms : StandardisedArms
        Of the sums described in `log_hours`.
    window_hours : int, optional
        Length of the placebo windows; that of the post window, at most a cycle, if left out.

    Returns
    -------
    TypicalComparison or None
        None without calls in an arm, and when no two baseline windows have the same clock phase.

    Notes
    -----
    Not for a baseline of one or two days: see `compare_typical_of_short_baseline`.
    """
    hours, cycle = arms.post_usable.size, arms.matches.size
    length = window_hours or min(hours, cycle)
    baseline = log_hours(arms.baseline, arms.baseline_usable)
    post = log_hours(arms.post, arms.post_usable)
    n_post = int(post.counts.sum())
    if not n_post:
        return None
    found = placebo_variance(
        _matched_days(baseline, arms.matches, _call_variance(baseline, post)),
        _windows(baseline, arms.baseline_usable, length),
        hours=hours,
        window_hours=length,
        cycle=cycle,
        first_hour=arms.first_hour,
        independent_post=_call_variance(post, baseline) * float(post.per_call.sum()) / n_post**2,
    )
    if found is None:
        return None
    return TypicalComparison(
        baseline_ms=float(np.exp(found.usual)),
        post_ms=float(np.exp(post.value.sum() / n_post)),
        variance=found.variance(),
        df=found.df(),
    )


def compare_typical_of_short_baseline(
    arms: StandardisedArms, *, day_to_day: float = DAY_TO_DAY
) -> TypicalComparison | None:
    """The same with one or two days of baseline: hours inside the windows, and declared days.

    Each hour's mean log time is one observation; their variance is measured by the rules of
    `variance_rules` (windows of one day, or cosines), never below that of independent calls, and
    the declared between-day part is added to it.

    Parameters
    ----------
    arms : StandardisedArms
        As in `compare_typical`.
    day_to_day : float
        Standard deviation between days, as a share of the latency.
    """
    baseline = log_hours(arms.baseline, arms.baseline_usable)
    post = log_hours(arms.post, arms.post_usable)
    hourly = replace(arms, baseline=_one_per_hour(baseline), post=_one_per_hour(post))
    before, after = hourly.baseline_total, hourly.post_total
    if min(before.n, after.n) <= 0:
        return None
    model = model_variance(hourly)
    of_post = _call_variance(post, baseline) * float(post.per_call.sum()) / after.n**2
    weight = (arms.matches * baseline.counts) ** 2
    of_baseline = float((weight * baseline.per_call).sum()) / before.n**2
    independent = of_post + _call_variance(baseline, post) * of_baseline
    inside = max(model.by_hours.post + model.by_hours.baseline, independent)
    between = between_day_variance(1.0, 1.0, is_rate=False, day_to_day=day_to_day)
    variance, df = add_variances((inside, model.df()), (between, BETWEEN_DF))
    return TypicalComparison(float(np.exp(before.ratio)), float(np.exp(after.ratio)), variance, df)


def _one_per_hour(hours: LogHours) -> CallSums:
    """Sums in which every hour with calls counts as one call."""
    counts = hours.counts.astype(np.float64)
    return CallSums(np.stack([hours.value, counts, hours.value**2, hours.value, counts]))


def _call_variance(own: LogHours, other: LogHours) -> float:
    """Variance of a single call inside its hour; of both arms together where its own has few."""
    squares, df = own.squares, own.df
    if df < FEWEST_DF:
        squares, df = squares + other.squares, df + other.df
    return squares / df if df > 0 else np.inf


def _windows(hours: LogHours, usable: Bools, length: int) -> WindowValues:
    """Mean over the hours with calls of every window of usable hours."""

    def moving(values: Floats | Bools) -> Floats:
        total = np.concatenate(([0.0], np.cumsum(values.ravel(), dtype=np.float64)))
        return total[length:] - total[:-length]

    n = moving(hours.counts)
    start = np.flatnonzero((moving(usable) > length - 0.5) & (n > 0))
    return WindowValues(start.astype(np.int64), moving(hours.value)[start] / n[start])


def _matched_days(hours: LogHours, matches: Floats, call_variance: float) -> DayValues:
    """Mean over the matched hours with calls of every day (week)."""
    weight = matches * hours.counts
    n = weight.sum(axis=1)
    days = np.flatnonzero(n > 0)
    value = (weight * hours.value).sum(axis=1)[days] / n[days]
    per_call = (weight**2 * hours.per_call).sum(axis=1)[days] / n[days] ** 2
    return DayValues(days.astype(np.int64), value, call_variance * per_call)
