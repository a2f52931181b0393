"""What moves hour by hour: a metric, its control group, the baseline's traffic."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np

from analysis.counting.arm import Arm
from analysis.counting.arms import Arms
from analysis.counting.scope import HOURS_A_DAY, Scope
from analysis.decision.claims.evaluation import ClaimEvaluation
from analysis.decision.controls.slowness_series import SlownessSeries, slowness_series
from analysis.decision.look import LookFindings
from analysis.figure_data.latency import AxisMark
from analysis.metrics import Metric
from analysis.results.baseline import HourRow
from analysis.statistics.totals import Floats

HOURS_BEFORE = 48
SMOOTHED_HOURS = 3
MOST_SOURCES = 4
DEPLOY = AxisMark(0.0, "deploy")
_AXES = {"ms": "mean time", "tokens": "mean tokens", "calls/h": "calls"}


@dataclass(frozen=True, eq=False)
class HourlyMetric:
    """A metric per hour from the deploy; nan where an hour has no calls or was left out.

    Attributes
    ----------
    rate : float64 (hours,); in the metric's `unit`.
    calls : float64 (hours,); what the metric is a ratio of.
    usual : float64 (hours,); the mean of the same clock hours of the baseline.
    words, axis : what the metric counts or measures, and what its values are.
    """

    hours: Floats
    rate: Floats
    calls: Floats
    usual: Floats
    words: str
    axis: str
    unit: str
    marks: tuple[AxisMark, ...]
    n_baseline: int
    n_post: int


@dataclass(frozen=True, eq=False)
class HourlySlowness:
    """A claim's metric and its control group, as three-hour means.

    Attributes
    ----------
    metric : what the claim measures, in words.
    """

    series: SlownessSeries
    metric: str
    marks: tuple[AxisMark, ...]


@dataclass(frozen=True, eq=False)
class HourlyTraffic:
    """Calls and share of failed calls per hour of the baseline; nan in excluded hours."""

    hours: Floats
    calls: Floats
    error_rate: Floats
    n_excluded: int


@dataclass(frozen=True, eq=False)
class SourceLatency:
    """Mean time of a call by hour of the day, counted from the deploy's; one row a source."""

    sources: tuple[str, ...]
    mean_ms: Floats
    calls: tuple[int, ...]


def prepare_hourly_metric(
    look: LookFindings, scope: Scope, metric: Metric, *, marks: Sequence[AxisMark] = ()
) -> HourlyMetric:
    """The metric of each hour, from two days before the deploy to the end of the window."""
    first, last = look.plan.hours
    baseline, post = look.arms.totals(scope, metric, (first, last))
    base_y = np.where(baseline.usable, baseline.y.sum(axis=0), 0.0)
    base_n = np.where(baseline.usable, baseline.n.sum(axis=0), 0.0)
    post_y, post_n = post.y.sum(axis=(0, 1)), post.n.sum(axis=(0, 1))
    usual = _values(metric, base_y.sum(axis=0), base_n.sum(axis=0))
    n_before = min(HOURS_BEFORE, base_n.size)
    gap = np.full(first, np.nan)  # an exploratory look may begin later than the deploy
    hours = np.arange(-n_before, last, dtype=float)
    before = _values(metric, base_y, base_n).ravel()[-n_before:]
    return HourlyMetric(
        hours=hours,
        rate=np.concatenate((before, gap, _values(metric, post_y, post_n))),
        calls=np.concatenate((base_n.ravel()[-n_before:], np.nan_to_num(gap), post_n)),
        usual=usual[hours.astype(int) % usual.size],
        words=metric.words,
        axis=_AXES.get(metric.unit, f"share of {metric.among}"),
        unit=metric.unit,
        marks=(DEPLOY, *marks),
        n_baseline=int(base_n.sum()),
        n_post=int(post_n.sum()),
    )


def prepare_hourly_slowness(
    evaluation: ClaimEvaluation, arms: Arms, *, marks: Sequence[AxisMark] = ()
) -> HourlySlowness | None:
    """A claim's metric and its control group, smoothed; None without a control group."""
    series = slowness_series(evaluation, arms)
    if series is None:
        return None
    window_hours = evaluation.hours[1] - evaluation.hours[0]
    shown = series.hours >= series.hours[-1] + 1 - HOURS_BEFORE - window_hours
    smoothed = replace(
        series,
        hours=series.hours[shown],
        controls=_smoothed(series.controls)[shown],
        target=_smoothed(series.target)[shown],
        adjusted=_smoothed(series.adjusted)[shown],
    )
    return HourlySlowness(smoothed, evaluation.metric.words, (DEPLOY, *marks))


def prepare_hourly_traffic(
    coverage: Sequence[HourRow], *, excluded: Collection[int]
) -> HourlyTraffic:
    """Every hour of the baseline; hours without a call have zero calls."""
    first = min((row.hour for row in coverage), default=-HOURS_A_DAY)
    hours = np.arange(first, 0, dtype=float)
    calls, failed = np.zeros(hours.size), np.zeros(hours.size)
    for row in coverage:
        calls[row.hour - first], failed[row.hour - first] = row.calls, row.failed
    is_excluded = np.isin(hours, list(excluded))
    rate = np.where(is_excluded, np.nan, _ratio(failed, calls))
    calls = np.where(is_excluded, np.nan, calls)
    return HourlyTraffic(hours, calls, rate, int(is_excluded.sum()))


def prepare_source_latency(baseline: Arm) -> SourceLatency:
    """Mean time of a call by source and hour of the day, for the busiest sources."""
    rows = baseline.hourly.rows
    source = rows["source"].astype("str").fillna("no source")
    rows = rows.assign(source=source, clock_hour=rows["hour"] % HOURS_A_DAY)
    busiest = rows.groupby("source")["calls"].sum().nlargest(MOST_SOURCES)
    sums = rows.groupby(["source", "clock_hour"])[["latency_ms", "timed_calls"]].sum()
    means = []
    for name in busiest.index:
        by_hour = sums.loc[name].reindex(range(HOURS_A_DAY), fill_value=0)
        means.append(_ratio(*by_hour.to_numpy(dtype=float).T))
    return SourceLatency(tuple(busiest.index), np.array(means), tuple(map(int, busiest)))


def _smoothed(values: Floats) -> Floats:
    """Mean over three hours, of the hours that are known; an unknown hour stays unknown."""
    known = np.isfinite(values)
    window = np.ones(SMOOTHED_HOURS)
    total = np.convolve(np.where(known, values, 0.0), window, mode="same")
    n_known = np.convolve(known.astype(float), window, mode="same")
    return np.where(known, total / np.maximum(n_known, 1.0), np.nan)


def _values(metric: Metric, y: Floats, n: Floats) -> Floats:
    """The metric of each hour in its unit."""
    return np.exp(_ratio(y, n)) if metric.log_scale else _ratio(y, n)


def _ratio(y: Floats, n: Floats) -> Floats:
    return np.where(n > 0, y / np.where(n > 0, n, 1.0), np.nan)
