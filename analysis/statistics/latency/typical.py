"""Typical latency: the mean over hours of each hour's mean log time, compared as a ratio.

It is what a claim about speed should use: neither a few very slow calls nor a few busy hours decide
it. Failed calls count with their time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from analysis.statistics.baseline.independent_calls import IndependentVariances
from analysis.statistics.baseline.placebo_variance import DayValues, matched_days
from analysis.statistics.standardisation import StandardisedArms
from analysis.statistics.totals import Bools, CallSums, Floats

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

    def as_sums(self) -> CallSums:
        """Sums in which every hour with calls counts as one call."""
        counts = self.counts.astype(np.float64)
        return CallSums(np.stack([self.value, counts, self.value**2, self.value, counts]))


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


def one_call_an_hour(arms: StandardisedArms) -> tuple[StandardisedArms, IndependentVariances]:
    """Both arms with one value an hour, whatever its traffic, and how single calls vary.

    The value of a window is then the mean over its hours with calls. It is compared like any other
    metric, on the log scale. No correction for Jensen's inequality: with the arm's total variance
    such a correction alarms in .72 under heavy tails. The variance of a single call is measured
    inside its hour.

    Parameters
    ----------
    arms : StandardisedArms
        Of the sums described in `log_hours`. Their plain sums stay.
    """
    baseline = log_hours(arms.baseline, arms.baseline_usable)
    post = log_hours(arms.post, arms.post_usable)
    hourly = replace(arms, baseline=baseline.as_sums(), post=post.as_sums())
    n_post, n_baseline = hourly.post_total.n, hourly.baseline_total.n
    of_call = _call_variance(baseline, post)
    weight = arms.matches * baseline.counts
    shared = weight**2 * baseline.per_call
    independent = IndependentVariances(
        post=_call_variance(post, baseline) * float(post.per_call.sum()) / max(n_post, 1.0) ** 2,
        baseline=of_call * float(shared.sum()) / max(n_baseline, 1.0) ** 2,
        days=_matched_days(hourly, _times(of_call, shared.sum(axis=1))),
    )
    return hourly, independent


def _times(of_call: float, shares: Floats) -> Floats:
    """The variance of a call times each share; 0 for a share of 0, even of an unknown variance."""
    return np.where(shares > 0, of_call, 0.0) * shares


def _call_variance(own: LogHours, other: LogHours) -> float:
    """Variance of a single call inside its hour; of both arms together where its own has few."""
    squares, df = own.squares, own.df
    if df < FEWEST_DF:
        squares, df = squares + other.squares, df + other.df
    return squares / df if df > 0 else np.inf


def _matched_days(hourly: StandardisedArms, of_sums: Floats) -> DayValues:
    """The days of the baseline, with the variance of single calls in each of their sums."""
    days = matched_days(hourly)
    n = (hourly.matches * hourly.baseline.n * hourly.baseline_usable).sum(axis=1)
    return DayValues(days.day, days.value, of_sums[days.day] / n[days.day] ** 2)
