"""One feature's calls for calibration and benchmarks: noise of a known strength, and a deploy of a known effect."""

from __future__ import annotations

from datetime import datetime
from functools import cache

import numpy as np
import pandas as pd

from analysis.sample.features import DEPLOYED_AT
from analysis.sample.provider_noise import (
    BIN_MS,
    NOISE_LEVELS,
    NoiseName,
    draw_load,
    draw_slowdowns,
    draw_starts,
)
from analysis.sample.rows import COLUMNS

__all__ = ["simulate_series"]

_HOUR_MS = 3_600_000
_SIGMA = 0.5  # of ln(time to answer) of one call at rest
_TENANTS = ("tenant-north", "tenant-east", "tenant-south", "tenant-west")
_TENANT_SHARES = np.array([0.4, 0.3, 0.2, 0.1])
_TENANT_LOG_SPEED = np.array([-0.1, 0.0, 0.1, 0.2])
_ERROR_MESSAGES = ("Request timed out.", "500 An error occurred while processing your request.")


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
    http_5xx_rate_before: float = 0.0,
    http_5xx_rate_after: float | None = None,
    deployed_at: datetime = DEPLOYED_AT,
    feature_id: str = "series",
    source: str | None = "background-job/series",
    model: str = "gpt-5-mini",
) -> pd.DataFrame:
    """Draw the calls of one feature before and after a deploy, in the columns of the telemetry table.

    The time to answer is drawn first and cut by the cap of the code that ran when the call started.

    Parameters
    ----------
    calls_per_hour : float
        Mean traffic.
    seed : int
        The same seed gives the same rows.
    days_before, hours_after : float
        Calls START within [deploy - days_before, deploy + hours_after).
    noise : "iid", "mild" or "heavy"
        How strongly calls of the same minutes move together, see Notes.
    shared_noise_seed : int, optional
        Two series with the same one share the provider's slowdowns, as features of one model do.
    median_ms : float
        Median time to answer at rest; not used when `timeout_rate_before` is above 0, which fixes it by the cap.
    cap_ms : int
        Timeout before the deploy. Without a `timeout_rate_before` no call is cut before the deploy.
    timeout_rate_before : float
        Long-run share of calls cut at `cap_ms`.
    timeout_rate_after : float, optional
        Long-run share afterwards; the cap is moved to where it leaves that share. Not with `cap_after_ms`.
    cap_after_ms : int, optional
        Timeout after the deploy; the share follows from it. Without both the cap stays.
    latency_factor_after : float
        Factor on the time to answer of calls that start after the deploy.
    http_5xx_rate_before, http_5xx_rate_after : float
        Share of calls that the provider fails at rest and in slowdowns together; after: as before unless given.
    deployed_at : datetime
        With a zone.
    feature_id, source, model : str
        Written into every row.

    Returns
    -------
    DataFrame
        Sorted by ``createdAt`` (naive UTC, milliseconds); texts are categories; ``id`` counts from 0; ``leadId``,
        ``promptKey``, the tokens and ``metadata`` are empty.

    Notes
    -----
    Share of false alarms at 5 %, nothing changed, 24 h against the 24 h before, measured with seeds 0, 1, 2, ...: 1500
    runs at 10, 1000 at 100 and 500 at 1000 calls per hour, so with a standard error of .011 to .022. In brackets what
    the method was chosen on (the table "Why not the usual tests" of its statistics), where the noise is heavy:

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

    Heavy: six slowdowns a day of 20 minutes (time to answer x 1.5, failures x 4.6 on average), a drift of the provider
    of 20 % that forgets itself in 30 minutes, two bursts a day per tenant, tenants of different speed, and a daily
    cycle of 60 %. The rates asked for are long-run rates: one day's rate moves around them.
    """
    if timeout_rate_after is not None and cap_after_ms is not None:
        raise ValueError(
            "timeout_rate_after and cap_after_ms both fix the cap after the deploy; give one"
        )
    level = NOISE_LEVELS[noise]
    rng = np.random.default_rng(seed)
    noise_rng = np.random.default_rng([seed if shared_noise_seed is None else shared_noise_seed, 1])
    deploy_ms = int(deployed_at.timestamp() * 1000)
    first_ms, end_ms = (
        deploy_ms - round(days_before * 24 * _HOUR_MS),
        deploy_ms + round(hours_after * _HOUR_MS),
    )
    bin_starts_ms = np.arange(first_ms, end_ms, BIN_MS)

    log_slowness, failure_factor = draw_slowdowns(noise_rng, n_bins=bin_starts_ms.size, level=level)
    load = draw_load(rng, bin_starts_ms=bin_starts_ms, tenant_shares=_TENANT_SHARES, level=level)
    starts_ms, tenants = draw_starts(
        rng, load=load, bin_starts_ms=bin_starts_ms, calls_per_hour=calls_per_hour
    )
    bins, is_post = (starts_ms - first_ms) // BIN_MS, starts_ms >= deploy_ms

    if timeout_rate_before > 0:
        median_ms = cap_ms / _quantile_of_times(noise, 1 - timeout_rate_before)
    times_ms = median_ms * np.exp(
        _SIGMA * rng.standard_normal(bins.size) + log_slowness[bins] + _TENANT_LOG_SPEED[tenants]
    )
    times_ms[is_post] *= latency_factor_after
    caps_ms = _caps(
        is_post,
        noise=noise,
        median_ms=median_ms * latency_factor_after,
        cap_ms=cap_ms if timeout_rate_before > 0 else None,
        cap_after_ms=cap_after_ms,
        timeout_rate_after=timeout_rate_after,
    )
    failure_rates = np.where(
        is_post,
        http_5xx_rate_before if http_5xx_rate_after is None else http_5xx_rate_after,
        http_5xx_rate_before,
    )
    failure_chance = failure_rates * failure_factor[bins] / level.mean_failure_factor
    is_5xx, is_timeout = rng.random(bins.size) < failure_chance, times_ms > caps_ms
    written_after_ms = 1 + rng.exponential(0.002, size=bins.size) * np.where(
        is_timeout, caps_ms, 0.0
    )
    latency_ms = np.where(
        is_timeout, np.minimum(caps_ms, times_ms) + written_after_ms, times_ms
    ).astype(np.int64)
    error = np.where(is_5xx, 1, np.where(is_timeout, 0, -1))
    return _as_rows(
        starts_ms + latency_ms,
        latency_ms,
        tenants=tenants,
        error=error,
        source=source,
        feature_id=feature_id,
        model=model,
    )


def _caps(
    is_post: np.ndarray,
    *,
    noise: NoiseName,
    median_ms: float,
    cap_ms: int | None,
    cap_after_ms: int | None,
    timeout_rate_after: float | None,
) -> np.ndarray:
    """Return the timeout of each call in ms, infinite where there is none; `median_ms` is that after the deploy."""
    before_ms = np.inf if cap_ms is None else float(cap_ms)
    after_ms = before_ms if cap_after_ms is None else float(cap_after_ms)
    if timeout_rate_after is not None:
        after_ms = np.rint(median_ms * _quantile_of_times(noise, 1 - timeout_rate_after))
    return np.where(is_post, after_ms, before_ms)


@cache
def _times_at_random(noise: NoiseName) -> np.ndarray:
    """Return sorted times to answer over the median at rest: the long run of a noise, 200 days."""
    rng = np.random.default_rng(0)
    level, n_bins = NOISE_LEVELS[noise], 200 * 288
    log_slowness, _ = draw_slowdowns(rng, n_bins=n_bins, level=level)
    bins = rng.integers(0, n_bins, size=200_000)
    speed = rng.choice(_TENANT_LOG_SPEED, p=_TENANT_SHARES, size=bins.size)
    return np.sort(np.exp(_SIGMA * rng.standard_normal(bins.size) + log_slowness[bins] + speed))


def _quantile_of_times(noise: NoiseName, share: float) -> float:
    """Return the time to answer, over the median at rest, that `share` of the calls do not exceed."""
    times = _times_at_random(noise)
    return float(np.inf if share >= 1 else times[int(share * times.size)])


def _as_rows(
    created_ms: np.ndarray,
    latency_ms: np.ndarray,
    *,
    tenants: np.ndarray,
    error: np.ndarray,
    source: str | None,
    feature_id: str,
    model: str,
) -> pd.DataFrame:
    """Make rows of the telemetry table; texts are categories, for there may be millions."""
    order = np.argsort(created_ms, kind="stable")
    count = order.size

    def same(text: str | None) -> pd.Categorical:
        codes = np.full(count, -1 if text is None else 0, dtype=np.int8)
        return pd.Categorical.from_codes(codes, categories=[] if text is None else [text])

    def coded(codes: np.ndarray, texts: tuple[str, ...]) -> pd.Categorical:
        return pd.Categorical.from_codes(codes[order].astype(np.int8), categories=list(texts))

    blank_count = pd.arrays.IntegerArray(
        np.zeros(count, dtype=np.int64), np.ones(count, dtype=bool)
    )
    columns = {
        "id": np.arange(count),
        "clientId": coded(tenants, _TENANTS),
        "source": same(source),
        "featureId": same(feature_id),
        "model": same(model),
        "apiType": same("responses"),
        **dict.fromkeys(
            ("inputTokens", "outputTokens", "reasoningTokens", "totalTokens"), blank_count
        ),
        "latencyMs": latency_ms[order],
        "status": coded(error >= 0, ("success", "error")),
        "errorMessage": coded(error, _ERROR_MESSAGES),
        "createdAt": created_ms[order].astype("datetime64[ms]"),
    }
    return pd.DataFrame({name: columns.get(name, same(None)) for name in COLUMNS})
