"""Sample data: the phase-94 rollout in the telemetry table's own columns, seven days before the deploy, a day after.

Everything is drawn in the same way on every day, and the deploy changes only the configuration that cuts it. The last
24 hours before the deploy are then carried onto the published figures.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from analysis.files import atomic_write
from analysis.sample.calls import Calls, Outcome, Shared, answer_calls, concatenate, retry_jobs
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
    draw_load,
    draw_slowdowns,
    draw_starts,
)
from analysis.sample.rank_map import LatencyPoints, rank_map
from analysis.sample.rows import COLUMNS, as_rows
from analysis.sample.series import simulate_series

__all__ = [
    "COLUMNS",
    "DEPLOYED_AT",
    "LatencyPoints",
    "rank_map",
    "simulate_phase_94",
    "simulate_series",
    "write_sample",
]

_DAY_MS = 24 * 3_600_000
_DEPLOY_MS = int(DEPLOYED_AT.timestamp() * 1000)
_FIRST_MS = _DEPLOY_MS - 7 * _DAY_MS
_PUBLISHED_MS = _DEPLOY_MS - _DAY_MS
_END_MS = (
    _DEPLOY_MS + _DAY_MS + 2 * 3_600_000
)  # a little more than the last window, so that its slow calls are written
_IN_FLIGHT_MS = 900  # the calls of FeatureProfile.in_flight start so long before the deploy


def simulate_phase_94(seed: int = 94) -> pd.DataFrame:
    """Draw the calls around the phase-94 deploy, as rows of the telemetry table.

    Parameters
    ----------
    seed : int
        The same seed gives the same rows.

    Returns
    -------
    DataFrame
        The columns of the table in their order, sorted by ``createdAt`` (naive UTC, whole milliseconds): rows written
        from 7 days before `DEPLOYED_AT` to 26 hours after. Integers are nullable, texts missing where the table has
        null. The last day before the deploy has the published figures; the days before it hold more scoring failures,
        signature timeouts and truncated parses, so that a day after the deploy can be decided.
    """
    rng = np.random.default_rng(seed)
    shared = _draw_shared(rng)
    parts = [
        part
        for feature, profile in enumerate(FEATURES)
        for part in (
            _draw_days(
                rng, shared=shared, feature=feature, begin_ms=_FIRST_MS, end_ms=_PUBLISHED_MS
            ),
            _draw_published_day(rng, shared=shared, feature=feature),
            _draw_days(rng, shared=shared, feature=feature, begin_ms=_DEPLOY_MS, end_ms=_END_MS),
        )
    ]
    return as_rows(rng, calls=concatenate(parts))


def write_sample(frame: pd.DataFrame, folder: Path) -> list[Path]:
    """Write one Parquet file per day of ``createdAt``, each whole or not at all, and remove the sample of other days.

    ``createdAt`` is a TIMESTAMP in milliseconds without zone. The same frame gives the same bytes. Returns the paths.
    """
    written = []
    for day, rows in frame.groupby(frame["createdAt"].dt.strftime("%Y-%m-%d"), sort=True):
        path = Path(folder) / f"sample-{day}.parquet"
        with atomic_write(path) as temporary:
            rows.to_parquet(
                temporary, engine="pyarrow", index=False, compression="zstd", coerce_timestamps="ms"
            )
        written.append(path)
    for stale in set(Path(folder).glob("sample-*.parquet")) - set(written):
        stale.unlink()
    return written


def _draw_shared(rng: np.random.Generator) -> Shared:
    """Draw what the calls of the same minutes share, and lay the declared incident over it."""
    level = NOISE_LEVELS["mild"]
    bin_starts_ms = np.arange(_FIRST_MS - BIN_MS, _END_MS, BIN_MS)
    models = sorted({profile.model for profile in FEATURES})
    slowdowns = {
        model: draw_slowdowns(rng, n_bins=bin_starts_ms.size, level=level) for model in models
    }
    incident_ms = [instant.timestamp() * 1000 for instant in (INCIDENT.begin, INCIDENT.end)]
    in_incident = (bin_starts_ms >= incident_ms[0]) & (bin_starts_ms < incident_ms[1])
    shares, log_speed = np.array(list(TENANTS.values())).T
    return Shared(
        bin_starts_ms=bin_starts_ms,
        load=draw_load(rng, bin_starts_ms=bin_starts_ms, tenant_shares=shares, level=level),
        log_slowness={
            model: log + in_incident * INCIDENT.log_slowness
            for model, (log, _) in slowdowns.items()
        },
        failure_factor={
            model: factor + in_incident * INCIDENT.failures
            for model, (_, factor) in slowdowns.items()
        },
        tenant_log_speed=log_speed,
        deploy_ms=_DEPLOY_MS,
    )


def _draw_days(
    rng: np.random.Generator, *, shared: Shared, feature: int, begin_ms: int, end_ms: int
) -> Calls:
    """Draw a feature's calls whose rows are written within [begin, end); the first of them started before it."""
    profile = FEATURES[feature]
    start_ms, tenant = _draw_starts(
        rng, shared, profile.calls_per_hour, begin_ms=begin_ms - BIN_MS, end_ms=end_ms
    )
    if begin_ms == _DEPLOY_MS:
        start_ms = np.append(
            start_ms, _DEPLOY_MS - rng.integers(1, _IN_FLIGHT_MS, size=profile.in_flight)
        )
        tenant = np.append(tenant, np.zeros(profile.in_flight, dtype=tenant.dtype))
    shares = profile.sources
    source = rng.choice(
        [SOURCES.index(source) for source in shares], p=list(shares.values()), size=start_ms.size
    )
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
    return concatenate(
        [calls, retry_jobs(rng, calls=calls, profile=profile, shared=shared, end_ms=end_ms)]
    )


def _draw_published_day(rng: np.random.Generator, *, shared: Shared, feature: int) -> Calls:
    """Draw the day before the deploy: exactly as published where something was published, else as on any other day."""
    profile = FEATURES[feature]
    groups = [group for group in PUBLISHED if group.feature_id == profile.feature_id]
    if not groups:
        return _draw_days(
            rng, shared=shared, feature=feature, begin_ms=_PUBLISHED_MS, end_ms=_DEPLOY_MS
        )
    calls = concatenate(
        [
            _draw_published_group(rng, shared=shared, feature=feature, group=group)
            for group in groups
        ]
    )
    return concatenate(
        [calls, retry_jobs(rng, calls=calls, profile=profile, shared=shared, end_ms=_DEPLOY_MS)]
    )


def _draw_published_group(
    rng: np.random.Generator, *, shared: Shared, feature: int, group: PublishedGroup
) -> Calls:
    """Draw one group of the published table: when its rows are written, which calls fail, and their latencies."""
    profile = FEATURES[feature]
    errors = 0 if group.errors is None else group.errors.count
    created_ms, tenant = _draw_starts(
        rng,
        shared,
        profile.calls_per_hour * profile.sources[group.source],
        begin_ms=_PUBLISHED_MS,
        end_ms=_DEPLOY_MS,
        exact_count=None if group.successes is None else errors + group.successes.count,
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
        exact_errors=errors,
    )
    latency_ms, is_error = drawn.latency_ms.copy(), drawn.outcome != Outcome.SUCCESS
    for of_status, points in ((is_error, group.errors), (~is_error, group.successes)):
        if points is not None:
            latency_ms[of_status] = rank_map(latency_ms[of_status], points=points)
    return Calls(**{**vars(drawn), "latency_ms": latency_ms, "start_ms": created_ms - latency_ms})


def _draw_starts(
    rng: np.random.Generator,
    shared: Shared,
    calls_per_hour: float,
    *,
    begin_ms: int,
    end_ms: int,
    exact_count: int | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Draw times within [begin, end), both on the shared grid, and their tenants."""
    chosen = (shared.bin_starts_ms >= begin_ms) & (shared.bin_starts_ms < end_ms)
    return draw_starts(
        rng,
        load=shared.load[chosen],
        bin_starts_ms=shared.bin_starts_ms[chosen],
        calls_per_hour=calls_per_hour,
        exact_count=exact_count,
    )
