"""Calls of one feature for calibration and benchmarks: known noise, and a known effect."""

from __future__ import annotations

from datetime import datetime
from functools import cache

import numpy as np
import pandas as pd

from analysis.sample.features import DEPLOYED_AT
from analysis.sample.provider_noise import (
    BIN_MS,
    NOISE_LEVELS,
    Array,
    NoiseName,
    draw_load,
    draw_slowdowns,
    draw_starts,
)
from analysis.sample.rows import COLUMNS

SIGMA = 0.5
"""Of ln(time to answer) of one call at rest."""
TENANTS = ("tenant-north", "tenant-east", "tenant-south", "tenant-west")
TENANT_SHARES = np.array([0.4, 0.3, 0.2, 0.1])
TENANT_LOG_SPEED = np.array([-0.1, 0.0, 0.1, 0.2])
_ERROR_MESSAGES = ("Request timed out.", "500 An error occurred while processing your request.")
_TIMEOUT, _SERVER_ERROR, _SUCCESS = 0, 1, -1
_HOUR_MS = 3_600_000


def simulate_series(
    *,
    calls_per_hour: float,
    seed: int,
    days_before: float = 7,
    hours_after: float = 24,
    noise: NoiseName = "heavy",
    shared_noise_seed: int | None = None,
    median_ms: float = 2_000.0,
    cap_ms: int = 20_000,
    timeout_rate_before: float = 0.0,
    timeout_rate_after: float | None = None,
    cap_after_ms: int | None = None,
    latency_factor_after: float = 1.0,
    http_5xx_rate: float = 0.0,
    deployed_at: datetime = DEPLOYED_AT,
    feature_id: str = "series",
    source: str | None = "background-job/series",
    model: str = "gpt-5-mini",
) -> pd.DataFrame:
    """Draw the calls of one feature around a deploy, in the columns of the telemetry table.

    The time to answer is drawn first and cut by the cap of the code that runs at the start.

    Parameters
    ----------
    calls_per_hour : mean traffic
    seed : the same seed gives the same rows
    days_before, hours_after : calls START within [deploy - days_before, deploy + hours_after)
    noise : how strongly calls of the same minutes move together, see Notes
    shared_noise_seed : series with the same one share the provider's slowdowns, as features of one
        model do
    median_ms : median time to answer at rest; fixed by the cap when `timeout_rate_before` is
        above 0
    cap_ms : timeout before the deploy; no call is cut when `timeout_rate_before` is 0
    timeout_rate_before : long-run share of calls cut at `cap_ms`
    timeout_rate_after : long-run share afterwards, by another cap; not with `cap_after_ms`
    cap_after_ms : timeout after the deploy; without both the cap stays
    latency_factor_after : factor on the time to answer after the deploy
    http_5xx_rate : long-run share of calls that the provider fails
    deployed_at : with a time zone
    feature_id, source, model : of every row

    Returns
    -------
    DataFrame sorted by ``createdAt`` (naive UTC, milliseconds). Texts are categories, ``id``
    counts from 0; ``leadId``, ``promptKey``, the tokens and ``metadata`` are empty.

    Raises
    ------
    ValueError for `timeout_rate_after` together with `cap_after_ms`.

    Notes
    -----
    False alarms of the usual tests at 5 % when nothing changes, 24 h compared with the 24 h
    before, over seeds 0, 1, 2, ... (1500 runs at 10, 1000 at 100 and 500 at 1000 calls per hour:
    standard errors .011 to .022). In brackets the values of the table "Why not the usual tests"
    of the statistics page:

    ====== ========== ============ ========= ================= ================
    noise  calls/hour Mann-Whitney Welch     z on a 50 % rate  Fisher, 1 % 5xx
    ====== ========== ============ ========= ================= ================
    heavy  10         .25 (.27)    .28 (.29) .18 (.19)         .03 (.02)
    heavy  100        .68 (.68)    .69 (.68) .62 (.61)         .12 (.11)
    heavy  1000       .88 (.88)    .89 (.89) .86 (.86)         .42 (.47)
    mild   10         .08          .09       .06               .02
    mild   100        .25          .27       .20               .05
    mild   1000       .63          .64       .59               .09
    iid    10         .05          .04       .06               .02
    iid    100        .05          .05       .04               .04
    iid    1000       .05          .05       .06               .05
    ====== ========== ============ ========= ================= ================
    """
    if timeout_rate_after is not None and cap_after_ms is not None:
        raise ValueError(
            "timeout_rate_after and cap_after_ms both fix the cap after the deploy; give one"
        )
    level = NOISE_LEVELS[noise]
    rng = np.random.default_rng(seed)
    noise_rng = np.random.default_rng([seed if shared_noise_seed is None else shared_noise_seed, 1])
    deploy_ms = int(deployed_at.timestamp() * 1000)
    first_ms = deploy_ms - round(days_before * 24 * _HOUR_MS)
    bin_starts_ms = np.arange(first_ms, deploy_ms + round(hours_after * _HOUR_MS), BIN_MS)
    log_slowness, failure_factor = draw_slowdowns(noise_rng, n_bins=bin_starts_ms.size, level=level)
    load = draw_load(rng, bin_starts_ms=bin_starts_ms, tenant_shares=TENANT_SHARES, level=level)
    starts_ms, tenants = draw_starts(
        rng, load=load, bin_starts_ms=bin_starts_ms, calls_per_hour=calls_per_hour
    )
    bins, is_post = (starts_ms - first_ms) // BIN_MS, starts_ms >= deploy_ms

    cap_before = np.inf
    if timeout_rate_before > 0:
        cap_before = float(cap_ms)
        median_ms = cap_ms / long_run_quantile(noise, 1 - timeout_rate_before)
    cap_after = cap_before if cap_after_ms is None else float(cap_after_ms)
    if timeout_rate_after is not None:
        median_after_ms = median_ms * latency_factor_after
        cap_after = np.rint(median_after_ms * long_run_quantile(noise, 1 - timeout_rate_after))

    log_factor = log_slowness[bins] + TENANT_LOG_SPEED[tenants]
    times_ms = median_ms * np.exp(SIGMA * rng.standard_normal(bins.size) + log_factor)
    times_ms[is_post] *= latency_factor_after
    caps_ms = np.where(is_post, cap_after, cap_before)
    server_chance = http_5xx_rate * failure_factor[bins] / level.mean_failure_factor
    is_server_error, is_timeout = rng.random(bins.size) < server_chance, times_ms > caps_ms
    overhead_ms = 1 + rng.exponential(0.002, size=bins.size) * np.where(is_timeout, caps_ms, 0.0)
    cut_ms = np.minimum(caps_ms, times_ms) + overhead_ms
    latency_ms = np.where(is_timeout, cut_ms, times_ms).astype(np.int64)
    error = np.select([is_server_error, is_timeout], [_SERVER_ERROR, _TIMEOUT], default=_SUCCESS)
    texts = {"source": source, "featureId": feature_id, "model": model, "apiType": "responses"}
    return _as_rows(starts_ms + latency_ms, latency_ms, tenants=tenants, error=error, texts=texts)


@cache
def draw_long_run(noise: NoiseName) -> Array:
    """Sorted times to answer, relative to the median at rest, of 200 days of a noise."""
    rng = np.random.default_rng(0)
    n_bins = 200 * 288
    log_slowness, _ = draw_slowdowns(rng, n_bins=n_bins, level=NOISE_LEVELS[noise])
    bins = rng.integers(0, n_bins, size=200_000)
    speed = rng.choice(TENANT_LOG_SPEED, p=TENANT_SHARES, size=bins.size)
    return np.sort(np.exp(SIGMA * rng.standard_normal(bins.size) + log_slowness[bins] + speed))


def long_run_quantile(noise: NoiseName, share: float) -> float:
    """The time to answer, relative to the median at rest, that `share` of the calls stay below."""
    times = draw_long_run(noise)
    return float(np.inf if share >= 1 else times[int(share * times.size)])


def _as_rows(
    created_ms: Array,
    latency_ms: Array,
    *,
    tenants: Array,
    error: Array,
    texts: dict[str, str | None],
) -> pd.DataFrame:
    """Rows of the telemetry table; texts are categories, for there may be millions."""
    order = np.argsort(created_ms, kind="stable")
    count = order.size

    def category(codes: Array, names: tuple[str, ...]) -> pd.Categorical[str]:
        return pd.Categorical.from_codes(codes.astype(np.int8), categories=pd.Index(names))

    def constant(text: str | None) -> pd.Categorical[str]:
        if text is None:
            return category(np.full(count, -1), ())
        return category(np.zeros(count), (text,))

    no_tokens = pd.arrays.IntegerArray(np.zeros(count, dtype=np.int64), np.ones(count, dtype=bool))
    columns = {name: constant(texts.get(name)) for name in COLUMNS} | {
        "id": np.arange(count),
        "clientId": category(tenants[order], TENANTS),
        **dict.fromkeys(
            ("inputTokens", "outputTokens", "reasoningTokens", "totalTokens"), no_tokens
        ),
        "latencyMs": latency_ms[order],
        "status": category(error[order] >= 0, ("success", "error")),
        "errorMessage": category(error[order], _ERROR_MESSAGES),
        "createdAt": created_ms[order].astype("datetime64[ms]"),
    }
    return pd.DataFrame(columns)
