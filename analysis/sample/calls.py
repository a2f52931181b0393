"""Draw calls: first the time an answer needs, a property of the call; then what the configuration made of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import IntEnum

import numpy as np

from analysis.sample.features import FailureKind, FeatureProfile
from analysis.sample.provider_noise import BIN_MS

__all__ = ["Calls", "Outcome", "Shared", "answer_calls", "concatenate", "retry_jobs"]

_TRY_FAILS_AGAIN = 0.05  # a second try right after a failed one fails more often than a first
_LEADS_PER_TENANT = 4_000
_LEAD_KNOWN_SHARE = 0.92


class Outcome(IntEnum):
    """What became of a call."""

    SUCCESS = 0
    TIMEOUT = 1
    TRUNCATED = 2
    SERVER_500 = 3
    SERVER_503 = 4
    RATE_LIMIT = 5
    UNSUPPORTED_VALUE = 6
    CONTENT_FILTER = 7
    CONNECTION = 8
    UNKNOWN = 9
    BAD_JSON = 10
    BAD_SCHEMA = 11
    EMPTY_OUTPUT = 12


# the share of each among "mixed" failures, and the median ms after which it is known; from BAD_JSON on: a full answer
_MIXED_SHARES = np.array([0.22, 0.12, 0.10, 0.12, 0.08, 0.16, 0.12, 0.08])
_KNOWN_AFTER_MS = np.array([0, 0, 0, 1900, 2600, 180, 240, 420, 3500, 900, 0, 0, 0], dtype=float)
_STRAINS: tuple[FailureKind, ...] = ("timeout", "truncation", "server", "mixed")


@dataclass(frozen=True, kw_only=True)
class Shared:
    """What calls share, on a grid of five minutes that has the deploy at one of its edges.

    ``load`` has the shape (bins, tenants); ``log_slowness`` and ``failure_factor`` one array per model.
    """

    bin_starts_ms: np.ndarray
    load: np.ndarray
    log_slowness: Mapping[str, np.ndarray]
    failure_factor: Mapping[str, np.ndarray]
    tenant_log_speed: np.ndarray
    deploy_ms: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Calls:
    """Calls as parallel arrays; numbers of features, sources and tenants, lead -1 where there is none."""

    feature: np.ndarray
    source: np.ndarray
    tenant: np.ndarray
    lead: np.ndarray
    start_ms: np.ndarray
    latency_ms: np.ndarray
    outcome: np.ndarray
    output_tokens: np.ndarray

    @property
    def created_ms(self) -> np.ndarray:
        """When the row is written: at the end of the call."""
        return self.start_ms + self.latency_ms

    def select(self, chosen: np.ndarray) -> Calls:
        """Return the chosen calls, by mask or by position."""
        return Calls(**{field.name: getattr(self, field.name)[chosen] for field in fields(self)})


def concatenate(parts: list[Calls]) -> Calls:
    """Put calls behind each other."""
    names = [field.name for field in fields(Calls)]
    return Calls(
        **{name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    )


def answer_calls(
    rng: np.random.Generator,
    *,
    profile: FeatureProfile,
    feature: int,
    shared: Shared,
    start_ms: np.ndarray,
    tenant: np.ndarray,
    source: np.ndarray,
    published_failure: FailureKind | None = None,
    exact_errors: int = 0,
) -> Calls:
    """Draw what each call needs and cut it by the configuration that ran when it started.

    A call's strain is what it needs over what it may have: time over the timeout, tokens over the token limit, the
    chance to fail over a uniform number. Above 1 it fails, in the way that strains it most. With `published_failure`
    only that way exists, and exactly the `exact_errors` most strained calls fail.
    """
    count = start_ms.size
    bins = (start_ms - shared.bin_starts_ms[0]) // BIN_MS
    is_new = start_ms >= shared.deploy_ms
    shock = rng.standard_normal(count)
    needs_ms = _draw_times(rng, profile, shock=shock) * np.exp(
        shared.log_slowness[profile.model][bins] + shared.tenant_log_speed[tenant]
    )
    needs_tokens = profile.output_tokens * np.exp(
        profile.output_sigma * (0.8 * shock + 0.6 * rng.standard_normal(count))
    )
    cap_ms = np.where(is_new, profile.cap_after_ms, profile.cap_before_ms).astype(np.float64)
    is_short = rng.random(count) < profile.short_budget_share
    cap_ms[is_short] *= rng.uniform(0.4, 0.99, size=count)[is_short]
    token_limit = np.where(is_new, profile.token_limit_after, profile.token_limit_before)
    failure_chance = shared.failure_factor[profile.model][bins]

    strains = np.stack(
        [
            needs_ms / cap_ms,
            needs_tokens / token_limit,
            profile.server_error_rate * failure_chance / rng.random(count),
            profile.mixed_error_rate / rng.random(count),
        ]
    )
    waited_ms = np.zeros(count)
    if profile.sdk_retries_after:
        waited_ms = _retry_in_call(rng, server_strain=strains[2], is_new=is_new)
    if published_failure is None:
        is_error, kind = strains.max(axis=0) > 1, strains.argmax(axis=0)
    else:
        kind = np.full(count, _STRAINS.index(published_failure))
        is_error = np.zeros(count, dtype=bool)
        is_error[
            np.argsort(-strains[kind[0], :] if count else kind, kind="stable")[:exact_errors]
        ] = True
        is_too_long = ~is_error & (
            needs_ms > cap_ms
        )  # more calls would have failed on a day like any other
        needs_ms = np.where(is_too_long, cap_ms * rng.uniform(0.5, 1.0, size=count), needs_ms)
    outcome = np.where(is_error, _draw_outcomes(rng, kind), Outcome.SUCCESS)
    early_ms = _KNOWN_AFTER_MS[outcome] * np.exp(0.5 * rng.standard_normal(count))
    latency_ms = np.select(
        [outcome == Outcome.TIMEOUT, outcome == Outcome.TRUNCATED, early_ms > 0],
        [
            cap_ms + _draw_overhead(rng, profile, count=count),
            needs_ms * token_limit / needs_tokens,
            early_ms,
        ],
        default=needs_ms + waited_ms,
    )
    has_lead = rng.random(count) < _LEAD_KNOWN_SHARE
    lead = tenant * _LEADS_PER_TENANT + rng.integers(0, _LEADS_PER_TENANT, size=count)
    return Calls(
        feature=np.full(count, feature),
        source=source,
        tenant=tenant,
        lead=np.where(has_lead, lead, -1),
        start_ms=start_ms,
        latency_ms=latency_ms.astype(np.int64),
        outcome=outcome,
        output_tokens=needs_tokens.astype(np.int64) + 1,
    )


def retry_jobs(
    rng: np.random.Generator, *, calls: Calls, profile: FeatureProfile, shared: Shared, end_ms: int
) -> Calls:
    """Queue some failed jobs again: the same feature and lead succeed one to seven minutes after the failure."""
    again = (calls.outcome != Outcome.SUCCESS) & (calls.lead >= 0)
    again &= rng.random(again.size) < profile.job_retry_share
    failed = calls.select(again)
    second = answer_calls(
        rng,
        profile=profile,
        feature=0,
        shared=shared,
        tenant=failed.tenant,
        source=failed.source,
        start_ms=np.minimum(
            failed.created_ms + rng.integers(60_000, 420_000, size=failed.lead.size), end_ms - 1
        ),
        published_failure="server",
    )
    retried = Calls(**{**vars(second), "feature": failed.feature, "lead": failed.lead})
    return retried.select(retried.created_ms < end_ms)


def _draw_times(
    rng: np.random.Generator, profile: FeatureProfile, *, shock: np.ndarray
) -> np.ndarray:
    """Draw the time to answer in ms, at rest."""
    is_slow = rng.random(shock.size) < profile.slow_share
    median_ms = np.where(is_slow, profile.slow_median_ms, profile.median_ms)
    return median_ms * np.exp(np.where(is_slow, profile.sigma / 2, profile.sigma) * shock)


def _draw_overhead(rng: np.random.Generator, profile: FeatureProfile, *, count: int) -> np.ndarray:
    """Draw how long after its timeout a call is written: mostly about the same, now and then a second or more."""
    overhead_ms = profile.overhead_ms * np.exp(0.3 * rng.standard_normal(count))
    return overhead_ms + (rng.random(count) < 0.01) * rng.exponential(
        12 * profile.overhead_ms + 1e-9, size=count
    )


def _retry_in_call(
    rng: np.random.Generator, *, server_strain: np.ndarray, is_new: np.ndarray
) -> np.ndarray:
    """Let the SDK try up to twice again: mend the strain of calls it saves, return the ms lost on the failed tries."""
    first_fails = is_new & (server_strain > 1)
    second_fails = rng.random(first_fails.size) < _TRY_FAILS_AGAIN
    third_fails = rng.random(first_fails.size) < _TRY_FAILS_AGAIN
    server_strain[first_fails & ~(second_fails & third_fails)] = 0.0
    lost_ms = np.array([[500.0], [1_000.0]]) + rng.exponential(
        1_900, size=(2, first_fails.size)
    )  # pause and try
    return first_fails * (lost_ms[0] + second_fails * lost_ms[1])


def _draw_outcomes(rng: np.random.Generator, kind: np.ndarray) -> np.ndarray:
    """Draw how exactly a call of each kind of failure fails."""
    server = rng.choice([Outcome.SERVER_500, Outcome.SERVER_503], size=kind.size)
    mixed = rng.choice(np.arange(Outcome.RATE_LIMIT, len(Outcome)), p=_MIXED_SHARES, size=kind.size)
    return np.choose(
        kind,
        [np.full(kind.size, Outcome.TIMEOUT), np.full(kind.size, Outcome.TRUNCATED), server, mixed],
    )
