"""What calls share: the hour of the day, slowdowns of the provider, bursts of one tenant; on a grid of five minutes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.signal import lfilter

__all__ = [
    "BIN_MS",
    "NOISE_LEVELS",
    "NoiseLevel",
    "NoiseName",
    "draw_load",
    "draw_slowdowns",
    "draw_starts",
]

BIN_MS = 5 * 60_000
_BINS_PER_DAY = 288
_BUSIEST_HOUR_UTC = 20.0

NoiseName = Literal["iid", "mild", "heavy"]


@dataclass(frozen=True, kw_only=True)
class NoiseLevel:
    """How strongly calls of the same minutes move together.

    Attributes
    ----------
    slowdowns_per_day : float
        Slowdowns of one provider model; each lasts `slowdown_minutes` on average.
    slowdown_minutes : float
        Mean length of a slowdown, exponential.
    slowdown_log_height : float
        Mean of ln(factor) on the time to answer during a slowdown, exponential.
    failure_height : float
        Mean of what a slowdown adds to the factor on failures (1 at rest): 3 means four times as many.
    drift : float
        Standard deviation of ln(factor) of a slow Gaussian drift of the provider.
    drift_minutes : float
        Time in which the drift forgets itself (by a factor e).
    bursts_per_day : float
        Bursts of one tenant's traffic, per tenant; each lasts half an hour on average.
    burst_height : float
        Mean of what a burst adds to the tenant's traffic (1 at rest).
    daily_swing : float
        Share by which traffic rises above and falls below its mean during the day, below 1.
    """

    slowdowns_per_day: float
    slowdown_minutes: float
    slowdown_log_height: float
    failure_height: float
    drift: float
    drift_minutes: float
    bursts_per_day: float
    burst_height: float
    daily_swing: float

    @property
    def mean_failure_factor(self) -> float:
        """Long-run mean of the factor on failures."""
        return 1.0 + self.failure_height * self.slowdowns_per_day * self.slowdown_minutes / (
            24 * 60
        )


NOISE_LEVELS: dict[NoiseName, NoiseLevel] = {
    "iid": NoiseLevel(
        slowdowns_per_day=0.0,
        slowdown_minutes=20.0,
        slowdown_log_height=0.0,
        failure_height=0.0,
        drift=0.0,
        drift_minutes=30.0,
        bursts_per_day=0.0,
        burst_height=0.0,
        daily_swing=0.0,
    ),
    "mild": NoiseLevel(
        slowdowns_per_day=3.0,
        slowdown_minutes=20.0,
        slowdown_log_height=0.2,
        failure_height=1.0,
        drift=0.05,
        drift_minutes=30.0,
        bursts_per_day=1.0,
        burst_height=1.0,
        daily_swing=0.6,
    ),
    "heavy": NoiseLevel(
        slowdowns_per_day=6.0,
        slowdown_minutes=20.0,
        slowdown_log_height=0.4,
        failure_height=3.6,
        drift=0.2,
        drift_minutes=30.0,
        bursts_per_day=2.0,
        burst_height=2.0,
        daily_swing=0.6,
    ),
}


def draw_slowdowns(
    rng: np.random.Generator, *, n_bins: int, level: NoiseLevel
) -> tuple[np.ndarray, np.ndarray]:
    """Draw ln(factor) on the time to answer and the factor on failures, one of each per five minutes."""
    minutes = level.slowdown_minutes
    slowdowns = _draw_boxes(
        rng, n_bins=n_bins, n_rows=1, per_day=level.slowdowns_per_day, minutes=minutes
    )[0]
    memory = float(np.exp(-BIN_MS / (level.drift_minutes * 60_000)))
    shocks = rng.standard_normal(n_bins)
    shocks[1:] *= np.sqrt(1 - memory**2)
    drift = lfilter([1.0], [1.0, -memory], shocks)  # drift[t] = memory * drift[t - 1] + shock[t]
    return (
        level.slowdown_log_height * slowdowns + level.drift * drift,
        1.0 + level.failure_height * slowdowns,
    )


def draw_load(
    rng: np.random.Generator,
    *,
    bin_starts_ms: np.ndarray,
    tenant_shares: np.ndarray,
    level: NoiseLevel,
) -> np.ndarray:
    """Draw the traffic of each tenant per five minutes, relative to the feature's mean; shape (bins, tenants)."""
    hours_utc = (bin_starts_ms + BIN_MS / 2) / 3_600_000 % 24
    daily = 1.0 + level.daily_swing * np.cos((hours_utc - _BUSIEST_HOUR_UTC) * (2 * np.pi / 24))
    boxes = _draw_boxes(
        rng,
        n_bins=bin_starts_ms.size,
        n_rows=tenant_shares.size,
        per_day=level.bursts_per_day,
        minutes=30.0,
    )
    return daily[:, None] * tenant_shares * (1.0 + level.burst_height * boxes.T)


def draw_starts(
    rng: np.random.Generator,
    *,
    load: np.ndarray,
    bin_starts_ms: np.ndarray,
    calls_per_hour: float,
    exact_count: int | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Draw when calls happen and whose they are.

    Counts per five minutes and tenant are Poisson around `calls_per_hour` times `load`, or, with `exact_count`, that
    many calls are dealt out in proportion to it. Returns the times in ms since 1970 and the tenants' numbers, unsorted.
    """
    if exact_count is None:
        counts = rng.poisson(load.ravel() * (calls_per_hour * BIN_MS / 3_600_000))
    else:
        counts = rng.multinomial(exact_count, load.ravel() / load.sum())
    cell = np.repeat(np.arange(load.size), counts)
    bins, tenants = np.divmod(cell, load.shape[1])
    return bin_starts_ms[bins] + rng.integers(0, BIN_MS, size=cell.size), tenants


def _draw_boxes(
    rng: np.random.Generator, *, n_bins: int, n_rows: int, per_day: float, minutes: float
) -> np.ndarray:
    """Draw episodes of exponential height (mean 1) and length, summed per five minutes; shape (rows, bins)."""
    n_episodes = rng.poisson(per_day * n_bins / _BINS_PER_DAY * n_rows)
    row = rng.integers(0, n_rows, size=n_episodes)
    begin = rng.uniform(0, n_bins, size=n_episodes)
    end = np.minimum(begin + rng.exponential(minutes * 60_000 / BIN_MS, size=n_episodes), n_bins)
    height = rng.exponential(size=n_episodes)
    # d/dt of the area covered so far: exact at episode ends inside a bin
    steps = np.zeros((n_rows, n_bins + 2))
    for edge, sign in ((begin, 1.0), (end, -1.0)):
        whole, part = edge.astype(np.int64), edge % 1
        np.add.at(steps, (row, whole), sign * height * (1 - part))
        np.add.at(steps, (row, whole + 1), sign * height * part)
    return np.cumsum(steps, axis=1)[:, :n_bins]
