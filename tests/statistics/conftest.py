"""Arms made of single calls, and arms whose hours share slow movements."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.statistics.totals import ArmTotals


@pytest.fixture(name="arm_of_calls")
def arm_of_calls_fixture():
    """Add single calls up into an ArmTotals of shape (strata, repeats, hours)."""

    def make(y, *, shape, hour=0, stratum=0):
        y, hour, stratum = np.broadcast_arrays(np.asarray(y, dtype=float), hour, stratum)
        place = np.ravel_multi_index((stratum, np.zeros_like(hour), hour), shape)

        def add(values):
            return np.bincount(place, values, minlength=int(np.prod(shape))).reshape(shape)

        n = add(np.ones(y.size))
        return ArmTotals.of_sums(y=add(y), n=n, yy=add(y * y), yn=add(y), nn=n)

    return make


@pytest.fixture(name="noisy_arms")
def noisy_arms_fixture():
    """Both arms of a mean latency: (days, hours, seed) -> baseline, post."""

    def make(days, hours, *, seed=0, strata=1, post_factor=1.0, calls=40):
        rng = np.random.default_rng(seed)
        total = days * 24 + hours
        drift = np.zeros(total)
        for t in range(1, total):
            drift[t] = 0.6 * drift[t - 1] + 0.2 * rng.standard_normal()
        n = rng.poisson(calls, (strata, total)).astype(float)
        value = 1000.0 * np.exp(drift) * np.where(np.arange(total) >= days * 24, post_factor, 1.0)
        y = rng.gamma(np.maximum(n, 1e-9) * 2) / 2 * value * (n > 0)
        yy = 1.5 * y * y / np.maximum(n, 1.0)
        sums = np.stack([y, n, yy, y, n])

        def arm(part, repeats):
            part = part.reshape(5, strata, repeats, -1)
            return ArmTotals(part, np.ones(part.shape[2:], dtype=bool))

        return arm(sums[:, :, : days * 24], days), arm(sums[:, :, days * 24 :], 1)

    return make


@pytest.fixture(name="noisy_rate")
def noisy_rate_fixture():
    """Both arms of a rate of independent calls: (days, hours, rates) -> baseline, post."""

    def make(days, hours, *, before, after, calls=60, seed=0):
        rng = np.random.default_rng(seed)
        n, cut = rng.poisson(calls, days * 24 + hours), days * 24
        events = rng.binomial(n, np.where(np.arange(n.size) < cut, before, after))
        return (
            ArmTotals.of_events(events[:cut].reshape(1, days, 24), n[:cut].reshape(1, days, 24)),
            ArmTotals.of_events(events[cut:].reshape(1, 1, -1), n[cut:].reshape(1, 1, -1)),
        )

    return make
