"""Draw calls: first what an answer needs, then what the configuration makes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from enum import IntEnum

import numpy as np

from analysis.sample.features import FailureKind, FeatureProfile
from analysis.sample.provider_noise import BIN_MS, Array

_TRY_FAILS_AGAIN = 0.05  # more often than a first try
_LEADS_PER_TENANT = 4_000
_LEAD_KNOWN_SHARE = 0.92


class Outcome(IntEnum):
    """What became of a call; from BAD_JSON on, the failure is one of a full answer."""

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


_MIXED_SHARES = np.array([0.22, 0.12, 0.10, 0.12, 0.08, 0.16, 0.12, 0.08])
"""Shares of the outcomes from RATE_LIMIT on among the mixed failures."""
_KNOWN_AFTER_MS = np.array([0, 0, 0, 1900, 2600, 180, 240, 420, 3500, 900, 0, 0, 0], dtype=float)
"""Outcome -> the median time after which such a failure is known; 0 when the answer decides."""
_STRAINS: tuple[FailureKind, ...] = ("timeout", "truncation", "server", "mixed")


@dataclass(frozen=True, kw_only=True, eq=False)
class SharedNoise:
    """What calls share, on a grid of five minutes with the deploy at one of its edges.

    `load` has the shape (bins, tenants); `log_slowness` and `failure_factor` hold an array of
    bins per model.
    """

    bin_starts_ms: Array
    load: Array
    log_slowness: Mapping[str, Array]
    failure_factor: Mapping[str, Array]
    tenant_log_speed: Array
    deploy_ms: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Calls:
    """Calls as arrays; feature, source and tenant by number, lead -1 where there is none."""

    feature: Array
    source: Array
    tenant: Array
    lead: Array
    start_ms: Array
    latency_ms: Array
    outcome: Array
    output_tokens: Array

    @property
    def created_ms(self) -> Array:
        """When the row is written: at the end of the call."""
        return self.start_ms + self.latency_ms

    @property
    def failed(self) -> Array:
        """Whether each call failed."""
        return self.outcome != Outcome.SUCCESS

    def select(self, chosen: Array) -> Calls:
        """The chosen calls, by mask or by position."""
        return Calls(**{field.name: getattr(self, field.name)[chosen] for field in fields(self)})


def concatenate(parts: Sequence[Calls]) -> Calls:
    """The calls of all parts in one."""
    names = [field.name for field in fields(Calls)]
    return Calls(
        **{name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    )


def answer_calls(
    rng: np.random.Generator,
    *,
    profile: FeatureProfile,
    feature: int,
    shared: SharedNoise,
    start_ms: Array,
    tenant: Array,
    source: Array,
    published_failure: FailureKind | None = None,
    exact_errors: int = 0,
) -> Calls:
    """Draw what each call needs, and cut it by the configuration of the time it starts.

    A call's strain is what it needs divided by what it may have: time by the timeout, tokens by
    the token limit, the chance to fail by a uniform number. Above 1 it fails in the way that
    strains it most. With `published_failure` only that way exists, and exactly the
    `exact_errors` most strained calls fail.
    """
    count = start_ms.size
    bins = (start_ms - shared.bin_starts_ms[0]) // BIN_MS
    is_new = start_ms >= shared.deploy_ms
    shock = rng.standard_normal(count)
    slowness = np.exp(shared.log_slowness[profile.model][bins] + shared.tenant_log_speed[tenant])
    needs_ms = _draw_times(rng, profile, shock) * slowness
    token_shock = 0.8 * shock + 0.6 * rng.standard_normal(count)
    needs_tokens = profile.output_tokens * np.exp(profile.output_sigma * token_shock)
    cap_ms = np.where(is_new, profile.cap_after_ms, profile.cap_before_ms).astype(np.float64)
    is_short = rng.random(count) < profile.short_budget_share
    cap_ms[is_short] *= rng.uniform(0.4, 0.99, size=count)[is_short]
    token_limit = np.where(is_new, profile.token_limit_after, profile.token_limit_before)
    server_chance = profile.server_error_rate * shared.failure_factor[profile.model][bins]
    strains = np.stack(
        [
            needs_ms / cap_ms,
            needs_tokens / token_limit,
            server_chance / rng.random(count),
            profile.mixed_error_rate / rng.random(count),
        ]
    )
    waited_ms = np.zeros(count)
    if profile.sdk_retries_after:
        waited_ms = _retry_in_call(rng, server_strain=strains[2], is_new=is_new)
    if published_failure is None:
        failed, kind = strains.max(axis=0) > 1, strains.argmax(axis=0)
    else:
        kind = np.full(count, _STRAINS.index(published_failure))
        failed = np.zeros(count, dtype=bool)
        most_strained = np.argsort(-strains[_STRAINS.index(published_failure)], kind="stable")
        failed[most_strained[:exact_errors]] = True
        # On another day more calls would fail: these answer in time after all.
        is_too_long = ~failed & (needs_ms > cap_ms)
        needs_ms = np.where(is_too_long, cap_ms * rng.uniform(0.5, 1.0, size=count), needs_ms)
    outcome = np.where(failed, _draw_outcomes(rng, kind), Outcome.SUCCESS)
    known_after_ms = _KNOWN_AFTER_MS[outcome] * np.exp(0.5 * rng.standard_normal(count))
    cut_at_ms = cap_ms + _draw_overhead(rng, profile, count)
    latency_ms = np.select(
        [outcome == Outcome.TIMEOUT, outcome == Outcome.TRUNCATED, known_after_ms > 0],
        [cut_at_ms, needs_ms * token_limit / needs_tokens, known_after_ms],
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
    rng: np.random.Generator,
    calls: Calls,
    *,
    profile: FeatureProfile,
    shared: SharedNoise,
    end_ms: int,
) -> Calls:
    """The calls, and some failed jobs again: they succeed one to seven minutes later."""
    is_repeated = calls.failed & (calls.lead >= 0)
    is_repeated &= rng.random(calls.lead.size) < profile.job_retry_share
    failed = calls.select(is_repeated)
    again_ms = failed.created_ms + rng.integers(60_000, 420_000, size=failed.lead.size)
    second = answer_calls(
        rng,
        profile=profile,
        feature=0,
        shared=shared,
        tenant=failed.tenant,
        source=failed.source,
        start_ms=np.minimum(again_ms, end_ms - 1),
        published_failure="server",
    )
    second = replace(second, feature=failed.feature, lead=failed.lead)
    return concatenate([calls, second.select(second.created_ms < end_ms)])


def _draw_times(rng: np.random.Generator, profile: FeatureProfile, shock: Array) -> Array:
    """The time to answer at rest, in ms."""
    is_slow = rng.random(shock.size) < profile.slow_share
    median_ms = np.where(is_slow, profile.slow_median_ms, profile.median_ms)
    return median_ms * np.exp(np.where(is_slow, profile.sigma / 2, profile.sigma) * shock)


def _draw_overhead(rng: np.random.Generator, profile: FeatureProfile, count: int) -> Array:
    """How long after its timeout a call is written: 1 % of them a second or more."""
    overhead_ms = profile.overhead_ms * np.exp(0.3 * rng.standard_normal(count))
    is_late = rng.random(count) < 0.01
    return overhead_ms + is_late * rng.exponential(12 * profile.overhead_ms + 1e-9, size=count)


def _retry_in_call(rng: np.random.Generator, *, server_strain: Array, is_new: Array) -> Array:
    """Let the SDK retry up to twice: clears the strain of the calls it saves.

    Returns the time that the failed tries and the pauses before the next ones take, in ms.
    """
    first_fails = is_new & (server_strain > 1)
    second_fails = rng.random(first_fails.size) < _TRY_FAILS_AGAIN
    third_fails = rng.random(first_fails.size) < _TRY_FAILS_AGAIN
    server_strain[first_fails & ~(second_fails & third_fails)] = 0.0
    pauses_ms = np.array([[500.0], [1_000.0]])
    lost_ms = pauses_ms + rng.exponential(1_900, size=(2, first_fails.size))
    return first_fails * (lost_ms[0] + second_fails * lost_ms[1])


def _draw_outcomes(rng: np.random.Generator, kind: Array) -> Array:
    """How exactly a call fails, by the kind of its failure."""
    server = rng.choice([Outcome.SERVER_500, Outcome.SERVER_503], size=kind.size)
    mixed = rng.choice(np.arange(Outcome.RATE_LIMIT, len(Outcome)), p=_MIXED_SHARES, size=kind.size)
    timeout, truncated = (
        np.full(kind.size, outcome) for outcome in (Outcome.TIMEOUT, Outcome.TRUNCATED)
    )
    return np.choose(kind, [timeout, truncated, server, mixed])
