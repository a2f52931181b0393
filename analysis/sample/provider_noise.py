"""What calls share, on a grid of five minutes: daily cycle, provider slowdowns, tenant bursts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

BIN_MS = 5 * 60_000
_BINS_PER_DAY = 288
_BUSIEST_HOUR_UTC = 20.0
_BURST_MINUTES = 30.0
Array = NDArray[Any]
NoiseName = Literal["iid", "mild", "heavy"]


@dataclass(frozen=True, kw_only=True)
class NoiseLevel:
    """How strongly calls of the same minutes move together.

    Attributes
    ----------
    slowdowns_per_day : slowdowns of one model.
    slowdown_minutes : mean length of a slowdown, exponential.
    slowdown_log_height : mean of ln(factor) on the time to answer during one, exponential.
    failure_height : mean increase of the factor on failures during one: 3 means four times as
        many.
    drift : standard deviation of ln(factor) of a slow Gaussian drift of the provider.
    drift_minutes : time in which the autocorrelation of the drift falls to 1 / e.
    bursts_per_day : bursts of traffic per tenant; each lasts half an hour on average.
    burst_height : mean increase of the tenant's traffic during one, which is 1 at rest.
    daily_swing : share by which traffic rises and falls around its mean in a day, below 1.
    """

    slowdowns_per_day: float = 0.0
    slowdown_minutes: float = 20.0
    slowdown_log_height: float = 0.0
    failure_height: float = 0.0
    drift: float = 0.0
    drift_minutes: float = 30.0
    bursts_per_day: float = 0.0
    burst_height: float = 0.0
    daily_swing: float = 0.0

    @property
    def mean_failure_factor(self) -> float:
        """Long-run mean of the factor on failures."""
        share_of_day = self.slowdowns_per_day * self.slowdown_minutes / (24 * 60)
        return 1.0 + self.failure_height * share_of_day


NOISE_LEVELS: dict[NoiseName, NoiseLevel] = {
    "iid": NoiseLevel(),
    "mild": NoiseLevel(
        slowdowns_per_day=3.0,
        slowdown_log_height=0.2,
        failure_height=1.0,
        drift=0.05,
        bursts_per_day=1.0,
        burst_height=1.0,
        daily_swing=0.6,
    ),
    "heavy": NoiseLevel(
        slowdowns_per_day=6.0,
        slowdown_log_height=0.4,
        failure_height=3.6,
        drift=0.2,
        bursts_per_day=2.0,
        burst_height=2.0,
        daily_swing=0.6,
    ),
}


def draw_slowdowns(
    rng: np.random.Generator, *, n_bins: int, level: NoiseLevel
) -> tuple[Array, Array]:
    """Draw ln(factor) on the time to answer and the factor on failures, per five minutes."""
    (slowdowns,) = _draw_episodes(
        rng,
        n_bins=n_bins,
        n_rows=1,
        per_day=level.slowdowns_per_day,
        minutes=level.slowdown_minutes,
    )
    correlation = float(np.exp(-BIN_MS / (level.drift_minutes * 60_000)))
    shocks = rng.standard_normal(n_bins)
    shocks[1:] *= np.sqrt(1 - correlation**2)
    drift = lfilter([1.0], [1.0, -correlation], shocks)  # an AR(1) process
    log_slowness = level.slowdown_log_height * slowdowns + level.drift * drift
    return log_slowness, 1.0 + level.failure_height * slowdowns


def draw_load(
    rng: np.random.Generator, *, bin_starts_ms: Array, tenant_shares: Array, level: NoiseLevel
) -> Array:
    """Draw each tenant's traffic per five minutes, relative to the mean; (bins, tenants)."""
    hours_utc = (bin_starts_ms + BIN_MS / 2) / 3_600_000 % 24
    daily = 1.0 + level.daily_swing * np.cos((hours_utc - _BUSIEST_HOUR_UTC) * (2 * np.pi / 24))
    bursts = _draw_episodes(
        rng,
        n_bins=bin_starts_ms.size,
        n_rows=tenant_shares.size,
        per_day=level.bursts_per_day,
        minutes=_BURST_MINUTES,
    )
    return daily[:, None] * tenant_shares * (1.0 + level.burst_height * bursts.T)


def draw_starts(
    rng: np.random.Generator,
    *,
    load: Array,
    bin_starts_ms: Array,
    calls_per_hour: float,
    exact_count: int | None = None,
) -> tuple[Array, Array]:
    """Draw when calls start, in ms since 1970, and the numbers of their tenants; not sorted.

    Counts per five minutes and tenant are Poisson with mean `calls_per_hour` times `load`; with
    `exact_count` that many calls are spread in proportion to it.
    """
    if exact_count is None:
        counts = rng.poisson(load.ravel() * (calls_per_hour * BIN_MS / 3_600_000))
    else:
        counts = rng.multinomial(exact_count, load.ravel() / load.sum())
    cell = np.repeat(np.arange(load.size), counts)
    bins, tenants = np.divmod(cell, load.shape[1])
    return bin_starts_ms[bins] + rng.integers(0, BIN_MS, size=cell.size), tenants


def _draw_episodes(
    rng: np.random.Generator, *, n_bins: int, n_rows: int, per_day: float, minutes: float
) -> Array:
    """Draw episodes of exponential height (mean 1) and length: their sum per bin, (rows, bins)."""
    n_episodes = rng.poisson(per_day * n_bins / _BINS_PER_DAY * n_rows)
    row = rng.integers(0, n_rows, size=n_episodes)
    begin = rng.uniform(0, n_bins, size=n_episodes)
    end = np.minimum(begin + rng.exponential(minutes * 60_000 / BIN_MS, size=n_episodes), n_bins)
    height = rng.exponential(size=n_episodes)
    # Changes at the edges, summed up: exact for episodes that begin or end inside a bin.
    changes = np.zeros((n_rows, n_bins + 2))
    for edge, sign in ((begin, 1.0), (end, -1.0)):
        whole, part = edge.astype(np.int64), edge % 1
        np.add.at(changes, (row, whole), sign * height * (1 - part))
        np.add.at(changes, (row, whole + 1), sign * height * part)
    return np.cumsum(changes, axis=1)[:, :n_bins]
