"""A provider, a target and six untouched features: calls drawn one by one, summed per hour, judged by the product's own arms."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from types import SimpleNamespace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.counting.scope import Cycle, Scope
from analysis.decision.claims import Arms
from analysis.decision.controls.comparison import Guard
from analysis.decision.controls.pace import SLOWNESS
from analysis.decision.controls.selection import ControlGroup
from analysis.metrics import OUTCOME_CODES, Metric
from analysis.sample.provider_noise import (
    BIN_MS,
    NOISE_LEVELS,
    draw_load,
    draw_slowdowns,
    draw_starts,
)
from analysis.sample.series import _SIGMA, _TENANT_LOG_SPEED, _TENANT_SHARES
from analysis.statistics.controls.proportional import TimedCalls
from analysis.statistics.totals import ArmTotals

HOURS = 24
RATES = (100, 100, 60, 40, 30, 20, 10)  # calls per hour: the target, then the untouched features
MEDIAN_MS, SLOW = 2_000.0, 3.0
TIMEOUT_RATE, ERROR_RATE = 0.1, 0.02
ONE_CALL = SimpleNamespace(
    of=lambda *_: [TimedCalls(np.ones(1), np.zeros(1), np.ones(1), np.zeros(1), np.zeros(1))]
)
"""The mean of times that nothing cuts moves as every single time does: one call is enough for its full correction."""
N_TENANTS = len(_TENANT_SHARES)

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Story:
    """What happens after the deploy, and how much the features share.

    Attributes
    ----------
    shared : correlation of ln(slowness) between any two features, 0 to 1.
    effect, error_effect : factor of the deploy on the target's times and on its errors.
    provider, provider_errors : factor of the provider on all times and on all errors, from the deploy on.
    touched : how many untouched features the deploy did touch, by `touch` on their times.
    outage_hours : so many hours after the deploy everything takes three times as long.
    days, hours : of baseline and of post window.
    """

    shared: float = 0.6
    effect: float = 1.0
    error_effect: float = 1.0
    provider: float = 1.0
    provider_errors: float = 1.0
    touched: int = 0
    touch: float = 1.1
    outage_hours: int = 0
    days: int = 7
    hours: int = 24


@dataclass(frozen=True, eq=False)
class Feature:
    """Calls of one feature at rest, over the baseline and a day after: hour from the deploy, tenant, time, and luck."""

    hour: NDArray[np.int64]
    tenant: NDArray[np.int64]
    time_ms: Floats
    luck: Floats


Calls = tuple[Feature, Floats, NDArray[np.bool_]]


@dataclass(frozen=True, eq=False)
class World:
    """One draw of everything random; every story about it uses the same calls."""

    features: tuple[Feature, ...]
    failure_factor: tuple[Floats, ...]
    days: int
    _sums: dict[tuple, tuple[ArmTotals, ArmTotals]] = field(default_factory=dict, repr=False)
    _guards: dict[tuple, Guard] = field(default_factory=dict, repr=False)

    @classmethod
    def drawn(cls, seed: int, *, shared: float, days: int = 7, burst: float = 1.0) -> World:
        """The same seed gives the same calls. `burst`: factor on the slowest tenant's calls after the deploy, in two untouched features."""
        rng, level = np.random.default_rng([seed, 7]), NOISE_LEVELS["heavy"]
        n_bins = (days * 24 + HOURS) * 12
        common, common_failures = draw_slowdowns(rng, n_bins=n_bins, level=level)
        features, failures = [], []
        for number, rate in enumerate(RATES):
            own, own_failures = draw_slowdowns(rng, n_bins=n_bins, level=level)
            log_slowness = np.sqrt(shared) * common + np.sqrt(1 - shared) * own
            features.append(
                _draw_feature(
                    rng, rate, log_slowness, days, burst=burst if number in (1, 2) else 1.0
                )
            )
            factor = shared * common_failures + (1 - shared) * own_failures
            failures.append(factor.reshape(-1, 12).mean(axis=1) / level.mean_failure_factor)
        return cls(tuple(features), tuple(failures), days)

    def arms(
        self,
        story: Story,
        metric: Metric,
        looks: tuple[int, ...] = (),
        *,
        strata_inside: bool = True,
    ) -> Arms:
        """Both arms under a story, as the judge compares them; `looks` are the hours of looks besides the last."""
        names = ["target", *(f"untouched-{number}" for number in range(1, len(RATES)))]
        arms = _empty_arms(story, names, self._told(0, story), metric)
        for number, name in enumerate(names):
            for one in (
                (metric,)
                if number == 0
                else (SLOWNESS, metric)
                if metric.unit == "share"
                else (SLOWNESS,)
            ):
                baseline, post = self._totals(
                    number, one, story, by_tenant=number == 0 or strata_inside
                )
                for hours in {*looks, story.hours}:
                    arms._hourly_totals[Scope(name), one.name, (0, hours)] = (
                        baseline,
                        post.hours(0, hours),
                    )
        self._share_guard(arms, story, strata_inside=strata_inside)
        if metric.name == "latency_mean":
            arms.guard.__dict__["_by_latency"] = (ONE_CALL, ONE_CALL)
        return arms

    def _share_guard(self, arms: Arms, story: Story, *, strata_inside: bool) -> None:
        """Stories in which the untouched features do the same share their screen and their index."""
        key = (
            story.days,
            story.provider,
            story.outage_hours,
            story.touched and (story.touched, story.touch),
            strata_inside,
        )
        first = self._guards.setdefault(key, arms.guard)
        arms.guard._screened, arms.guard._indexes = first._screened, first._indexes

    def _totals(
        self, number: int, metric: Metric, story: Story, *, by_tenant: bool
    ) -> tuple[ArmTotals, ArmTotals]:
        """Hour sums of one feature; stories that mean the same to it share them."""
        mine = (
            (story.effect, story.error_effect)
            if number == 0
            else (number <= story.touched and story.touch,)
        )
        key = (
            number,
            metric.name,
            story.days,
            story.provider,
            story.provider_errors,
            story.outage_hours,
            mine,
            by_tenant,
        )
        if key not in self._sums:
            calls = self._told(number, story)
            self._sums[key] = _summed(
                calls[0],
                _per_call(metric, calls, story, is_target=number == 0),
                story,
                by_tenant=by_tenant,
            )
        return self._sums[key]

    def _told(self, number: int, story: Story) -> Calls:
        """A feature's calls under the story: their times, and which fail."""
        feature = self.features[number]
        is_post = feature.hour >= 0
        factor = np.where(is_post, story.provider, 1.0)
        if story.outage_hours:
            factor[is_post & (feature.hour < story.outage_hours)] *= SLOW
        of_deploy = story.effect if number == 0 else story.touch if number <= story.touched else 1.0
        time_ms = feature.time_ms * factor * np.where(is_post, of_deploy, 1.0)
        chance = ERROR_RATE * self.failure_factor[number][feature.hour + self.days * 24]
        chance = chance * np.where(
            is_post, story.provider_errors * (story.error_effect if number == 0 else 1.0), 1.0
        )
        return feature, time_ms, feature.luck < chance


def _draw_feature(
    rng: np.random.Generator, rate: float, log_slowness: Floats, days: int, *, burst: float
) -> Feature:
    level = NOISE_LEVELS["heavy"]
    bin_starts_ms = np.arange(log_slowness.size) * BIN_MS
    load = draw_load(rng, bin_starts_ms=bin_starts_ms, tenant_shares=_TENANT_SHARES, level=level)
    load[days * 24 * 12 :, -1] *= burst  # the slowest tenant
    starts_ms, tenant = draw_starts(
        rng, load=load, bin_starts_ms=bin_starts_ms, calls_per_hour=rate
    )
    place = starts_ms // BIN_MS
    times = MEDIAN_MS * np.exp(
        _SIGMA * rng.standard_normal(place.size) + log_slowness[place] + _TENANT_LOG_SPEED[tenant]
    )
    return Feature(place // 12 - days * 24, tenant, times, rng.random(place.size))


def _before(feature: Feature, story: Story) -> NDArray[np.bool_]:
    return (feature.hour >= -story.days * 24) & (feature.hour < 0)


def _per_call(metric: Metric, calls: Calls, story: Story, *, is_target: bool) -> Floats:
    """y of every call; n is 1. ControlGroup features have no cap but that of the index, their baseline's p99."""
    feature, time_ms, failed = calls
    if metric is SLOWNESS:
        return np.minimum(time_ms, np.quantile(time_ms[_before(feature, story)], 0.99))
    if metric.name == "http_5xx_rate":
        return failed.astype(float)
    if metric.name == "latency_mean":
        return time_ms
    return (time_ms > limits_of(calls, story)[metric.name]) * float(is_target)


def limits_of(calls: Calls, story: Story) -> dict[str, float]:
    """A feature's cap and threshold, from its baseline."""
    feature, time_ms, _ = calls
    before = time_ms[_before(feature, story)]
    return {
        "timeout_rate": float(np.quantile(before, 1 - TIMEOUT_RATE)),
        "slower_than_p95": float(np.quantile(before, 0.95)),
    }


def _summed(
    feature: Feature, y: Floats, story: Story, *, by_tenant: bool
) -> tuple[ArmTotals, ArmTotals]:
    """Hour sums of both arms, by tenant or all as one."""
    first, strata = -story.days * 24, N_TENANTS if by_tenant else 1
    length, cycle = HOURS - first, 168 if story.days >= 14 else 24
    inside = feature.hour >= first
    place = (feature.tenant[inside] if by_tenant else 0) * length + feature.hour[inside] - first

    def add(values: Floats) -> Floats:
        return np.bincount(place, values, minlength=strata * length).reshape(strata, length)

    y = y[inside]
    n = add(np.ones(y.size))
    sums = {"y": add(y), "n": n, "yy": add(y * y), "yn": add(y), "nn": n}
    repeats = -first // cycle
    before = {
        name: values[:, :-HOURS].reshape(strata, repeats, cycle) for name, values in sums.items()
    }
    after = {name: values[:, -HOURS:].reshape(strata, 1, HOURS) for name, values in sums.items()}
    return ArmTotals(**before, usable=np.ones((repeats, cycle), bool)), ArmTotals(
        **after, usable=np.ones((1, HOURS), bool)
    )


class LazyTable:
    """A table of counts of the target that is made when the full correction asks for it."""

    def __init__(
        self, target: Calls, story: Story, metric: Metric, *, post: bool, bins: bool
    ) -> None:
        self._target, self._story, self._post, self._bins, self._is_capped = (
            target,
            story,
            post,
            bins,
            metric.name == "timeout_rate",
        )

    @cached_property
    def rows(self) -> pd.DataFrame:
        """Calls per hour, outcome and latency bin, or per outcome and whole millisecond."""
        feature, time_ms, _ = self._target
        chosen = np.flatnonzero(feature.hour >= 0 if self._post else _before(feature, self._story))
        cap_ms = limits_of(self._target, self._story)["timeout_rate"] if self._is_capped else np.inf
        latency = np.minimum(time_ms[chosen], cap_ms).astype(np.int64)
        outcome = np.where(time_ms[chosen] > cap_ms, OUTCOME_CODES["timeout"], 0)
        if not self._bins:
            counted = pd.DataFrame(
                {
                    "feature": "target",
                    "source": None,
                    "outcome": outcome,
                    "latency_ms": latency,
                    "calls": 1,
                }
            )
            return (
                counted.groupby(["feature", "outcome", "latency_ms"], as_index=False)["calls"]
                .sum()
                .assign(source=None)
            )
        width = 10 ** np.maximum(0, np.floor(np.log10(np.maximum(latency, 1))).astype(np.int64) - 1)
        hour, bin_ms = feature.hour[chosen], latency - latency % width
        binned = pd.DataFrame({"hour": hour, "outcome": outcome, "bin_ms": bin_ms, "calls": 1})
        return (
            binned.groupby(["hour", "outcome", "bin_ms"], as_index=False)["calls"]
            .sum()
            .assign(feature="target", source=None)
        )


def _empty_arms(story: Story, names: list[str], target: Calls, metric: Metric) -> Arms:
    """Arms without tables of counts, but for what the guard asks of them."""
    traffic = pd.DataFrame({"feature": names, "source": None, "calls": RATES})
    limits = limits_of(target, story)
    thresholds = pd.DataFrame(
        [
            {
                "feature": "target",
                "tau_ms": limits["timeout_rate"],
                "p95_ms": limits["slower_than_p95"],
            }
        ]
    )

    def side(*, post: bool) -> SimpleNamespace:
        tables = {
            name: LazyTable(target, story, metric, post=post, bins=name == "bins")
            for name in ("bins", "latency")
        }
        return SimpleNamespace(hourly=SimpleNamespace(rows=traffic), limits=thresholds, **tables)

    cycle = Cycle(168, story.days // 7) if story.days >= 14 else Cycle(24, story.days)
    models = dict.fromkeys(names, "gpt-5-mini")
    return Arms(
        side(post=False), side(post=True), cycle, controls=ControlGroup(tuple(names[1:]), models)
    )
