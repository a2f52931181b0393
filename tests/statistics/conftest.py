"""Arms made of single calls, so that sums on counts can be checked against the calls they came from."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.statistics.totals import ArmTotals


def _arm_of_calls(y, n, *, repeat, hour, shape, stratum=None, usable=None):
    """Add single calls (y, n) up into an ArmTotals of shape (strata, repeats, hours)."""
    y, n = np.asarray(y, dtype=float), np.asarray(n, dtype=float)
    stratum = np.zeros(y.size, dtype=int) if stratum is None else np.asarray(stratum)
    place = np.ravel_multi_index((stratum, np.asarray(repeat), np.asarray(hour)), shape)

    def add(values):
        return np.bincount(place, values, minlength=int(np.prod(shape))).reshape(shape)

    every = np.ones(shape[1:], dtype=bool) if usable is None else usable
    return ArmTotals(y=add(y), n=add(n), yy=add(y * y), yn=add(y * n), nn=add(n * n), usable=every)


@pytest.fixture(name="arm_of_calls")
def arm_of_calls_fixture():
    return _arm_of_calls


@pytest.fixture(name="noisy_arms")
def noisy_arms_fixture():
    """Two arms of a latency mean whose hours share slow movements: (days, hours, seed) -> baseline, post."""

    def make(days, hours, *, seed=0, strata=1, post_factor=1.0, calls=40):
        rng = np.random.default_rng(seed)
        total = days * 24 + hours
        drift = np.zeros(total)
        for t in range(1, total):
            drift[t] = 0.6 * drift[t - 1] + 0.2 * rng.standard_normal()
        n = rng.poisson(calls, (strata, total)).astype(float)
        value = 1000.0 * np.exp(drift) * np.where(np.arange(total) >= days * 24, post_factor, 1.0)
        y = rng.gamma(np.maximum(n, 1e-9) * 2) / 2 * value * (n > 0)
        cut = days * 24

        def arm(sums, repeats, length):
            y, n = (v.reshape(strata, repeats, length) for v in sums)
            with np.errstate(invalid="ignore", divide="ignore"):
                yy = np.where(n > 0, 1.5 * y * y / n, 0.0)
            return ArmTotals(
                y=y, n=n, yy=yy, yn=y, nn=n, usable=np.ones((repeats, length), dtype=bool)
            )

        return arm((y[:, :cut], n[:, :cut]), days, 24), arm((y[:, cut:], n[:, cut:]), 1, hours)

    return make
