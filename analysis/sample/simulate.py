"""The simulated example: the calls around the deploy of phase 94, in the telemetry table's columns.

Calls are drawn in the same way on every day; the deploy changes only the configuration that cuts
them. The last 24 hours before the deploy are then mapped onto the published figures.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.files import atomic_write
from analysis.sample.calls import Calls, SharedNoise, answer_calls, concatenate, retry_jobs
from analysis.sample.features import (
    DEPLOYED_AT,
    FEATURES,
    INCIDENT,
    PUBLISHED,
    SOURCES,
    TENANTS,
    PublishedGroup,
)
from analysis.sample.provider_noise import (
    BIN_MS,
    NOISE_LEVELS,
    Array,
    draw_load,
    draw_slowdowns,
    draw_starts,
)
from analysis.sample.rank_map import rank_map
from analysis.sample.rows import as_rows

_HOUR_MS = 3_600_000
_DAY_MS = 24 * _HOUR_MS
_DEPLOY_MS = int(DEPLOYED_AT.timestamp() * 1000)
_FIRST_MS = _DEPLOY_MS - 7 * _DAY_MS
_PUBLISHED_MS = _DEPLOY_MS - _DAY_MS
_END_MS = _DEPLOY_MS + _DAY_MS + 2 * _HOUR_MS  # until the slow calls of the last window are written
_IN_FLIGHT_MS = 900  # `FeatureProfile.in_flight` calls start this long before the deploy


def simulate_phase_94(seed: int = 16) -> pd.DataFrame:
    """Draw the calls around the deploy of phase 94; the same seed gives the same rows.

    Returns the columns of the table in their order, sorted by ``createdAt`` (naive UTC, whole
    milliseconds), for rows written from 7 days before `DEPLOYED_AT` to 26 hours after. Integers
    are nullable; texts are missing where the table has NULL. The last day before the deploy has
    the published figures. The days before it hold more scoring failures, signature timeouts and
    truncated parses, so that a day after the deploy is enough for a verdict.
    """
    rng = np.random.default_rng(seed)
    shared = _draw_shared_noise(rng)
    parts = []
    for feature in range(len(FEATURES)):
        parts += [
            _draw_days(rng, shared, feature, begin_ms=_FIRST_MS, end_ms=_PUBLISHED_MS),
            _draw_published_day(rng, shared, feature),
            _draw_days(rng, shared, feature, begin_ms=_DEPLOY_MS, end_ms=_END_MS),
        ]
    return as_rows(rng, concatenate(parts))


def write_sample(frame: pd.DataFrame, folder: Path) -> list[Path]:
    """Write one Parquet file per day of ``createdAt``, and remove those of other days.

    ``createdAt`` is a TIMESTAMP in milliseconds without zone. The same frame gives the same bytes.
    """
    written = []
    for day, rows in frame.groupby(frame["createdAt"].dt.strftime("%Y-%m-%d"), sort=True):
        path = folder / f"sample-{day}.parquet"
        with atomic_write(path) as temporary:
            rows.to_parquet(
                temporary, engine="pyarrow", index=False, compression="zstd", coerce_timestamps="ms"
            )
        written.append(path)
    for stale in set(folder.glob("sample-*.parquet")) - set(written):
        stale.unlink()
    return written


def _draw_shared_noise(rng: np.random.Generator) -> SharedNoise:
    """Draw what the calls of the same minutes share, with the incident on top of it."""
    level = NOISE_LEVELS["mild"]
    bin_starts_ms = np.arange(_FIRST_MS - BIN_MS, _END_MS, BIN_MS)
    begin_ms, end_ms = (at.timestamp() * 1000 for at in (INCIDENT.begin, INCIDENT.end))
    in_incident = (bin_starts_ms >= begin_ms) & (bin_starts_ms < end_ms)
    log_slowness, failure_factor = {}, {}
    for model in sorted({profile.model for profile in FEATURES}):
        slowness, failures = draw_slowdowns(rng, n_bins=bin_starts_ms.size, level=level)
        log_slowness[model] = slowness + in_incident * INCIDENT.log_slowness
        failure_factor[model] = failures + in_incident * INCIDENT.failures
    shares, log_speed = np.array(list(TENANTS.values())).T
    return SharedNoise(
        bin_starts_ms=bin_starts_ms,
        load=draw_load(rng, bin_starts_ms=bin_starts_ms, tenant_shares=shares, level=level),
        log_slowness=log_slowness,
        failure_factor=failure_factor,
        tenant_log_speed=log_speed,
        deploy_ms=_DEPLOY_MS,
    )


def _draw_days(
    rng: np.random.Generator, shared: SharedNoise, feature: int, *, begin_ms: int, end_ms: int
) -> Calls:
    """Draw a feature's calls that are written within [begin, end); some start before it."""
    profile = FEATURES[feature]
    start_ms, tenant = _draw_times(
        rng, shared, profile.calls_per_hour, begin_ms=begin_ms - BIN_MS, end_ms=end_ms
    )
    if begin_ms == _DEPLOY_MS:
        in_flight_ms = _DEPLOY_MS - rng.integers(1, _IN_FLIGHT_MS, size=profile.in_flight)
        start_ms = np.append(start_ms, in_flight_ms)
        tenant = np.append(tenant, np.zeros(profile.in_flight, dtype=tenant.dtype))
    sources = [SOURCES.index(source) for source in profile.sources]
    source = rng.choice(sources, p=list(profile.sources.values()), size=start_ms.size)
    calls = answer_calls(
        rng,
        profile=profile,
        feature=feature,
        shared=shared,
        start_ms=start_ms,
        tenant=tenant,
        source=source,
    )
    calls = calls.select((calls.created_ms >= begin_ms) & (calls.created_ms < end_ms))
    return retry_jobs(rng, calls, profile=profile, shared=shared, end_ms=end_ms)


def _draw_published_day(rng: np.random.Generator, shared: SharedNoise, feature: int) -> Calls:
    """Draw the day before the deploy: as published, or like any other day."""
    profile = FEATURES[feature]
    groups = [group for group in PUBLISHED if group.feature_id == profile.feature_id]
    if not groups:
        return _draw_days(rng, shared, feature, begin_ms=_PUBLISHED_MS, end_ms=_DEPLOY_MS)
    calls = concatenate([_draw_published_group(rng, shared, feature, group) for group in groups])
    return retry_jobs(rng, calls, profile=profile, shared=shared, end_ms=_DEPLOY_MS)


def _draw_published_group(
    rng: np.random.Generator, shared: SharedNoise, feature: int, group: PublishedGroup
) -> Calls:
    """Draw one published group: when its rows are written, which calls fail, their latencies."""
    profile = FEATURES[feature]
    n_errors = group.errors.count if group.errors else 0
    created_ms, tenant = _draw_times(
        rng,
        shared,
        profile.calls_per_hour * profile.sources[group.source],
        begin_ms=_PUBLISHED_MS,
        end_ms=_DEPLOY_MS,
        exact_count=n_errors + group.successes.count if group.successes else None,
    )
    drawn = answer_calls(
        rng,
        profile=profile,
        feature=feature,
        shared=shared,
        start_ms=created_ms,
        tenant=tenant,
        source=np.full(created_ms.size, SOURCES.index(group.source)),
        published_failure=group.failure,
        exact_errors=n_errors,
    )
    latency_ms = drawn.latency_ms.copy()
    for chosen, points in ((drawn.failed, group.errors), (~drawn.failed, group.successes)):
        if points is not None:
            latency_ms[chosen] = rank_map(latency_ms[chosen], points=points)
    return replace(drawn, latency_ms=latency_ms, start_ms=created_ms - latency_ms)


def _draw_times(
    rng: np.random.Generator,
    shared: SharedNoise,
    calls_per_hour: float,
    *,
    begin_ms: int,
    end_ms: int,
    exact_count: int | None = None,
) -> tuple[Array, Array]:
    """Draw times within [begin, end), both on the shared grid, and their tenants."""
    chosen = (shared.bin_starts_ms >= begin_ms) & (shared.bin_starts_ms < end_ms)
    return draw_starts(
        rng,
        load=shared.load[chosen],
        bin_starts_ms=shared.bin_starts_ms[chosen],
        calls_per_hour=calls_per_hour,
        exact_count=exact_count,
    )
