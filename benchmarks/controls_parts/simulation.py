"""A target and six control features of one provider: single calls, summed by hour into arms."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from types import SimpleNamespace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.counting.arms import Arms
from analysis.counting.scope import Scope
from analysis.decision.comparison import Comparator
from analysis.decision.controls.groups import SLOWNESS, ControlGroups
from analysis.decision.controls.selection import ControlCandidates
from analysis.metrics import Metric
from analysis.outcomes import OUTCOME_CODES
from analysis.sample.provider_noise import (
    BIN_MS,
    NOISE_LEVELS,
    draw_load,
    draw_slowdowns,
    draw_starts,
)
from analysis.sample.series import SIGMA, TENANT_LOG_SPEED, TENANT_SHARES
from analysis.statistics.controls.proportional import TimedCalls
from analysis.statistics.totals import ArmTotals

HOURS = 24
RATES = (100, 100, 60, 40, 30, 20, 10)  # calls per hour: the target, then the controls
MEDIAN_MS, SLOW = 2_000.0, 3.0
TIMEOUT_RATE, ERROR_RATE = 0.1, 0.02
ONE_CALL = SimpleNamespace(
    timed_calls=lambda *_: [
        TimedCalls(np.ones(1), np.zeros(1), np.ones(1), np.zeros(1), np.zeros(1))
    ]
)
"""Without a timeout, the mean changes as every call does, so one call gives its correction."""
N_TENANTS = len(TENANT_SHARES)

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Scenario:
    """What happens after the deploy, and how much noise the features share.

    Attributes
    ----------
    shared : correlation of ln(slowness) between any two features, 0 to 1.
    effect, error_effect : factor of the deploy on the target's times and on its errors.
    provider, provider_errors : factor of the provider on all times and on all errors, after the
        deploy.
    changed_controls : number of control features that the deploy changes, by `control_effect` on
        their times.
    outage_hours : hours after the deploy in which everything takes three times as long.
    days, hours : of baseline and of post window.
    """

    shared: float = 0.6
    effect: float = 1.0
    error_effect: float = 1.0
    provider: float = 1.0
    provider_errors: float = 1.0
    changed_controls: int = 0
    control_effect: float = 1.1
    outage_hours: int = 0
    days: int = 7
    hours: int = 24


@dataclass(frozen=True, eq=False)
class Feature:
    """Calls of one feature before any effect, over the baseline and one day after.

    Attributes
    ----------
    hour : counted from the deploy.
    luck : uniform on 0 to 1; a call fails when it is below the error rate.
    """

    hour: NDArray[np.int64]
    tenant: NDArray[np.int64]
    time_ms: Floats
    luck: Floats


Calls = tuple[Feature, Floats, NDArray[np.bool_]]


@dataclass(frozen=True, eq=False)
class Simulation:
    """One draw of everything random; every scenario uses the same calls."""

    features: tuple[Feature, ...]
    failure_factor: tuple[Floats, ...]
    days: int
    _sums: dict[tuple, tuple[ArmTotals, ArmTotals]] = field(default_factory=dict, repr=False)
    _groups: dict[tuple, ControlGroups] = field(default_factory=dict, repr=False)

    @classmethod
    def draw(cls, seed: int, *, shared: float, days: int = 7, burst: float = 1.0) -> Simulation:
        """Draw the calls; the same seed gives the same calls.

        `burst` : factor on the slowest tenant's calls after the deploy, in two control features.
        """
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

    def comparator(
        self,
        scenario: Scenario,
        metric: Metric,
        looks: tuple[int, ...] = (),
        *,
        strata_inside: bool = True,
    ) -> Comparator:
        """Both arms compared under a scenario; `looks` are the hours of looks before the last."""
        names = ["target", *(f"control-{number}" for number in range(1, len(RATES)))]
        comparator = _empty_comparator(scenario, names, self._calls_of(0, scenario), metric)
        for number, name in enumerate(names):
            for one in (
                (metric,)
                if number == 0
                else (SLOWNESS, metric)
                if metric.unit == "share"
                else (SLOWNESS,)
            ):
                baseline, post = self._totals(
                    number, one, scenario, by_tenant=number == 0 or strata_inside
                )
                for hours in {*looks, scenario.hours}:
                    comparator.arms._totals[Scope(name), one.name, (0, hours)] = (
                        baseline,
                        post.hours(0, hours),
                    )
        self._share_groups(comparator, scenario, strata_inside=strata_inside)
        if metric.name == "latency_mean":
            comparator.controls.__dict__["_bins"] = (ONE_CALL, ONE_CALL)
        return comparator

    def _share_groups(
        self, comparator: Comparator, scenario: Scenario, *, strata_inside: bool
    ) -> None:
        """Scenarios with the same control features share their screen and index."""
        key = (
            scenario.days,
            scenario.provider,
            scenario.outage_hours,
            scenario.changed_controls and (scenario.changed_controls, scenario.control_effect),
            strata_inside,
        )
        controls = comparator.controls
        controls.groups = self._groups.setdefault(key, controls.groups)

    def _totals(
        self, number: int, metric: Metric, scenario: Scenario, *, by_tenant: bool
    ) -> tuple[ArmTotals, ArmTotals]:
        """Hour sums of one feature, computed once for scenarios with the same calls."""
        own = (
            (scenario.effect, scenario.error_effect)
            if number == 0
            else (number <= scenario.changed_controls and scenario.control_effect,)
        )
        key = (
            number,
            metric.name,
            scenario.days,
            scenario.provider,
            scenario.provider_errors,
            scenario.outage_hours,
            own,
            by_tenant,
        )
        if key not in self._sums:
            calls = self._calls_of(number, scenario)
            self._sums[key] = _hour_sums(
                calls[0],
                _values(metric, calls, scenario, is_target=number == 0),
                scenario,
                by_tenant=by_tenant,
            )
        return self._sums[key]

    def _calls_of(self, number: int, scenario: Scenario) -> Calls:
        """A feature's calls under the scenario: times, and which fail."""
        feature = self.features[number]
        is_post = feature.hour >= 0
        factor = np.where(is_post, scenario.provider, 1.0)
        if scenario.outage_hours:
            factor[is_post & (feature.hour < scenario.outage_hours)] *= SLOW
        of_deploy = (
            scenario.effect
            if number == 0
            else scenario.control_effect
            if number <= scenario.changed_controls
            else 1.0
        )
        time_ms = feature.time_ms * factor * np.where(is_post, of_deploy, 1.0)
        chance = ERROR_RATE * self.failure_factor[number][feature.hour + self.days * 24]
        chance = chance * np.where(
            is_post, scenario.provider_errors * (scenario.error_effect if number == 0 else 1.0), 1.0
        )
        return feature, time_ms, feature.luck < chance


def _draw_feature(
    rng: np.random.Generator, rate: float, log_slowness: Floats, days: int, *, burst: float
) -> Feature:
    level = NOISE_LEVELS["heavy"]
    bin_starts_ms = np.arange(log_slowness.size) * BIN_MS
    load = draw_load(rng, bin_starts_ms=bin_starts_ms, tenant_shares=TENANT_SHARES, level=level)
    load[days * 24 * 12 :, -1] *= burst  # the slowest tenant
    starts_ms, tenant = draw_starts(
        rng, load=load, bin_starts_ms=bin_starts_ms, calls_per_hour=rate
    )
    bins = starts_ms // BIN_MS
    times = MEDIAN_MS * np.exp(
        SIGMA * rng.standard_normal(bins.size) + log_slowness[bins] + TENANT_LOG_SPEED[tenant]
    )
    return Feature(bins // 12 - days * 24, tenant, times, rng.random(bins.size))


def _is_baseline(feature: Feature, scenario: Scenario) -> NDArray[np.bool_]:
    return (feature.hour >= -scenario.days * 24) & (feature.hour < 0)


def _values(metric: Metric, calls: Calls, scenario: Scenario, *, is_target: bool) -> Floats:
    """y of every call; n is 1. Controls have no timeout; the index caps at the baseline's p99."""
    feature, time_ms, failed = calls
    if metric is SLOWNESS:
        return np.minimum(time_ms, np.quantile(time_ms[_is_baseline(feature, scenario)], 0.99))
    if metric.name == "http_5xx_rate":
        return failed.astype(float)
    if metric.name == "latency_mean":
        return time_ms
    return (time_ms > limits_of(calls, scenario)[metric.name]) * float(is_target)


def limits_of(calls: Calls, scenario: Scenario) -> dict[str, float]:
    """Timeout and threshold of a feature, from its baseline."""
    feature, time_ms, _ = calls
    before = time_ms[_is_baseline(feature, scenario)]
    return {
        "timeout_rate": float(np.quantile(before, 1 - TIMEOUT_RATE)),
        "slower_than_p95": float(np.quantile(before, 0.95)),
    }


def _hour_sums(
    feature: Feature, y: Floats, scenario: Scenario, *, by_tenant: bool
) -> tuple[ArmTotals, ArmTotals]:
    """Hour sums of both arms, by tenant or all as one."""
    first, strata = -scenario.days * 24, N_TENANTS if by_tenant else 1
    length, cycle = HOURS - first, 168 if scenario.days >= 14 else 24
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
    return ArmTotals.of_sums(**before), ArmTotals.of_sums(**after)


class LazyTable:
    """A table of counts of the target, computed when the correction reads it."""

    def __init__(
        self, target: Calls, scenario: Scenario, metric: Metric, *, post: bool, bins: bool
    ) -> None:
        self._target, self._scenario, self._post, self._bins, self._is_capped = (
            target,
            scenario,
            post,
            bins,
            metric.name == "timeout_rate",
        )

    @cached_property
    def rows(self) -> pd.DataFrame:
        """Calls per hour, outcome and latency bin, or per outcome and whole millisecond."""
        feature, time_ms, _ = self._target
        chosen = np.flatnonzero(
            feature.hour >= 0 if self._post else _is_baseline(feature, self._scenario)
        )
        cap_ms = (
            limits_of(self._target, self._scenario)["timeout_rate"] if self._is_capped else np.inf
        )
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


def _empty_comparator(
    scenario: Scenario, names: list[str], target: Calls, metric: Metric
) -> Comparator:
    """A comparator of arms that hold only what the comparison with controls reads."""
    traffic = pd.DataFrame({"feature": names, "source": None, "calls": RATES})
    limits = limits_of(target, scenario)
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
            name: LazyTable(target, scenario, metric, post=post, bins=name == "bins")
            for name in ("bins", "latency")
        }
        return SimpleNamespace(
            hours=(-24 * scenario.days, 0),
            hourly=SimpleNamespace(rows=traffic),
            limits=thresholds,
            **tables,
        )

    models = dict.fromkeys(names, "gpt-5-mini")
    candidates = ControlCandidates(tuple(names[1:]), models)
    return Comparator(Arms(side(post=False), side(post=True)), candidates)
