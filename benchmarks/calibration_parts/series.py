"""Series of calls as hour sums, drawn as `simulate_series` draws calls, but without rows.

The provider's slowdowns, the bursts of four tenants and the daily cycle come from the same
functions. Times of day, identifiers and texts are left out. Two million calls (eight days of ten
thousand an hour) then take a tenth of a second. A test compares both simulators.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
from numpy.typing import NDArray

from analysis.sample.features import DEPLOYED_AT
from analysis.sample.provider_noise import (
    BIN_MS,
    NOISE_LEVELS,
    NoiseName,
    draw_load,
    draw_slowdowns,
)
from analysis.sample.series import (
    SIGMA,
    TENANT_LOG_SPEED,
    TENANT_SHARES,
    draw_long_run,
    long_run_quantile,
)

HOUR_MS, MINUTES = 3_600_000, 60
MINUTES_PER_BIN = BIN_MS // 60_000
N_TENANTS = TENANT_SHARES.size
MEDIAN_MS = 2_000.0
TIMEOUT_RATE, ERROR_RATE = 0.5, 0.01

Sums = NDArray[np.int64]


@dataclass(frozen=True)
class Change:
    """The effect of the deploy on the three features, from hour 0 to `until_hour`.

    Attributes
    ----------
    timeout_rate : long-run share of calls that time out afterwards; None as before.
    error_factor, latency_factor : factor on the rate of provider errors and on the time to answer.
    """

    timeout_rate: float | None = None
    error_factor: float = 1.0
    latency_factor: float = 1.0
    until_hour: int | None = None


NO_CHANGE = Change()


@dataclass(frozen=True, eq=False)
class HourSums:
    """Sums of one arm per hour and tenant, int64 (hours, tenants).

    Attributes
    ----------
    calls : calls that start in the hour; the same for the three features.
    timeouts : of feature `capped`: calls that time out, half of them in the long run.
    errors : of feature `failing`: calls with a provider error, 1 % in the long run.
    latency_ms, latency_ms_2 : of feature `plain`, without timeouts: sum of the times to answer and
        of their squares.
    """

    calls: Sums
    timeouts: Sums
    errors: Sums
    latency_ms: Sums
    latency_ms_2: Sums


@dataclass(frozen=True, eq=False)
class Series:
    """Calls before and after a deploy.

    Attributes
    ----------
    days : of baseline.
    counts : calls per hour, tenant and minute, (hours, tenants, 60).
    log_times : ln(time to answer / median at rest) of every call, in that order.
    error_chance : chance of a provider error per hour, tenant and minute.
    cut_above : ln(time to answer / median at rest) above which feature `capped` times out.
    """

    noise: NoiseName
    days: int
    counts: NDArray[np.int64]
    log_times: NDArray[np.float32]
    error_chance: NDArray[np.float64]
    cut_above: float
    rng: np.random.Generator

    @property
    def deploy_hour(self) -> int:
        """Hours of baseline."""
        return 24 * self.days

    @cached_property
    def latency_ms(self) -> NDArray[np.int32]:
        """Latency of every call of feature `plain` in whole ms, nothing changed."""
        return (MEDIAN_MS * np.exp(self.log_times)).astype(np.int32)

    def calls_of(self, first: int, last: int) -> slice:
        """The calls of hours first to last - 1 in `log_times` and `latency_ms`."""
        return slice(*(int(self._calls_before[self.deploy_hour + hour]) for hour in (first, last)))

    def counts_of(self, first: int, last: int) -> NDArray[np.int64]:
        """Their counts per hour, tenant and minute."""
        return self.counts[self.deploy_hour + first : self.deploy_hour + last]

    def limit_ms(self, days: int, percentile: float = 95.0) -> int:
        """Percentile of the latencies of the last `days` days before the deploy."""
        latency_ms = self.latency_ms[self.calls_of(-24 * days, 0)]
        if not latency_ms.size:
            return 0
        rank = round((latency_ms.size - 1) * percentile / 100)
        return int(np.partition(latency_ms, rank)[rank])

    def sums(self, first: int, last: int, change: Change = NO_CHANGE) -> HourSums:
        """Sums of hours first to last - 1 under a change. Each call draws new errors."""
        chosen = self.calls_of(first, last)
        calls = self.counts_of(first, last).sum(axis=2)
        latency_ms, log_times = self.latency_ms[chosen].astype(np.int64), self.log_times[chosen]
        error_chance = self.error_chance[self.deploy_hour + first : self.deploy_hour + last]
        cut_above = self.cut_above
        if change != NO_CHANGE:
            changed_hours = np.arange(first, last) < (
                last if change.until_hour is None else change.until_hour
            )
            is_changed = np.repeat(changed_hours, calls.sum(axis=1))
            cut_above = np.where(
                is_changed,
                _cut_above(self.noise, change.timeout_rate, self.cut_above),
                self.cut_above,
            )
            latency_ms = np.where(
                is_changed, latency_ms * change.latency_factor, latency_ms
            ).astype(np.int64)
            error_chance = np.where(
                changed_hours[:, None, None], error_chance * change.error_factor, error_chance
            )
        return HourSums(
            calls=calls,
            timeouts=sum_groups(log_times > cut_above, calls),
            errors=self.rng.binomial(
                self.counts_of(first, last), np.minimum(error_chance, 1.0)
            ).sum(axis=2),
            latency_ms=sum_groups(latency_ms, calls),
            latency_ms_2=sum_groups(latency_ms * latency_ms, calls),
        )

    def slower(self, first: int, last: int, limit_ms: int) -> Sums:
        """Calls of feature `plain` slower than `limit_ms` per hour and tenant, nothing changed."""
        return sum_groups(
            self.latency_ms[self.calls_of(first, last)] > limit_ms,
            self.counts_of(first, last).sum(axis=2),
        )

    @cached_property
    def _calls_before(self) -> NDArray[np.int64]:
        return np.concatenate(([0], np.cumsum(self.counts.sum(axis=(1, 2)))))


def draw_series(
    seed: int | tuple[int, ...],
    *,
    calls_per_hour: float,
    noise: NoiseName,
    days: int = 7,
    hours_after: int = 24,
    timeout_rate: float = TIMEOUT_RATE,
    error_rate: float = ERROR_RATE,
) -> Series:
    """Draw the calls before and after a deploy; the same seed gives the same calls."""
    rng = np.random.default_rng(seed)
    level = NOISE_LEVELS[noise]
    hours = 24 * days + hours_after
    first_ms = int(DEPLOYED_AT.timestamp() * 1000) - 24 * days * HOUR_MS
    bin_starts_ms = first_ms + np.arange(0, hours * HOUR_MS, BIN_MS)
    log_slowness, failure_factor = draw_slowdowns(rng, n_bins=bin_starts_ms.size, level=level)
    load = draw_load(rng, bin_starts_ms=bin_starts_ms, tenant_shares=TENANT_SHARES, level=level)
    # starts are uniform within five minutes, so the counts of its minutes are independent
    counts = rng.poisson(_by_minute(load, hours) * (calls_per_hour / MINUTES))
    slowness = _by_minute((log_slowness[:, None] + TENANT_LOG_SPEED).astype(np.float32), hours)
    log_times = rng.standard_normal(int(counts.sum()), dtype=np.float32)
    log_times *= np.float32(SIGMA)
    log_times += np.repeat(slowness.ravel(), counts.ravel())
    failures = np.repeat(failure_factor[:, None], N_TENANTS, axis=1) * (
        error_rate / level.mean_failure_factor
    )
    cut_above = _cut_above(noise, timeout_rate, np.inf)
    return Series(noise, days, counts, log_times, _by_minute(failures, hours), cut_above, rng)


def sum_groups(values: NDArray, sizes: NDArray[np.int64]) -> Sums:
    """Sums of consecutive groups of these sizes; an empty group gives 0."""
    flat = sizes.ravel()
    total = np.zeros(flat.size, dtype=np.int64)
    filled = flat > 0
    if filled.any():
        starts = np.concatenate(([0], np.cumsum(flat)[:-1]))[filled]
        total[filled] = np.add.reduceat(values, starts, dtype=np.int64)
    return total.reshape(sizes.shape)


@cache
def long_run_mean_ms(noise: NoiseName) -> float:
    """Mean latency of feature `plain` in the long run."""
    return float(MEDIAN_MS * draw_long_run(noise).mean())


def _cut_above(noise: NoiseName, timeout_rate: float | None, as_before: float) -> float:
    """The timeout, as ln(time to answer / median at rest)."""
    return (
        as_before
        if timeout_rate is None
        else float(np.log(long_run_quantile(noise, 1 - timeout_rate)))
    )


def _by_minute(by_bin: NDArray, hours: int) -> NDArray:
    """From (bins, tenants) to (hours, tenants, 60 minutes)."""
    minutes = np.repeat(by_bin, MINUTES_PER_BIN, axis=0)
    return np.ascontiguousarray(minutes.reshape(hours, MINUTES, N_TENANTS).transpose(0, 2, 1))
