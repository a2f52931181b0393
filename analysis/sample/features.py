"""The features of the simulated example and the published day, from `features.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from analysis.sample.rank_map import LatencyPoints

DEPLOYED_AT = datetime(2026, 2, 2, 23, 10, 16, tzinfo=UTC)
FailureKind = Literal["timeout", "truncation", "server", "mixed"]


@dataclass(frozen=True, kw_only=True)
class FeatureProfile:
    """How one feature behaves; ``_before`` and ``_after`` differ for what the deploy changed.

    Attributes
    ----------
    sources : source (None: no source) -> its share of the calls.
    median_ms, sigma : of the lognormal time to answer; `slow_share` of the calls have
        `slow_median_ms` instead, with half the sigma.
    cap_before_ms, cap_after_ms : timeout; a call that is cut is written `overhead_ms` (median)
        after it.
    short_budget_share : calls whose job has less time left than the cap: they are cut at 40 to
        99 % of it.
    token_limit_before, token_limit_after : ``max_output_tokens``, where longer answers are cut.
    server_error_rate, mixed_error_rate : share of calls that the provider fails with 500 or 503,
        and that fail in one of the other ways.
    sdk_retries_after : the SDK retries inside the call after the deploy.
    job_retry_share : failed jobs that are queued again and succeed a few minutes later.
    in_flight : fewest calls that start in the last seconds before the deploy.
    """

    feature_id: str
    model: str
    calls_per_hour: float
    sources: Mapping[str | None, float]
    median_ms: float
    sigma: float
    slow_share: float = 0.0
    slow_median_ms: float = 1.0
    cap_before_ms: float = float("inf")
    cap_after_ms: float = float("inf")
    overhead_ms: float = 0.0
    short_budget_share: float = 0.0
    input_tokens: float = 900.0
    output_tokens: float = 250.0
    output_sigma: float = 0.4
    token_limit_before: float = float("inf")
    token_limit_after: float = float("inf")
    server_error_rate: float = 0.004
    mixed_error_rate: float = 0.008
    sdk_retries_after: bool = False
    job_retry_share: float = 0.0
    in_flight: int = 0
    prompt_key: str | None = None
    api_type: Literal["responses", "chat_completions"] = "responses"


@dataclass(frozen=True, kw_only=True)
class Incident:
    """An incident of the provider.

    `log_slowness` is added to ln(time to answer), `failures` to the factor on failures, which is
    1 at rest.
    """

    begin: datetime
    end: datetime
    log_slowness: float
    failures: float


@dataclass(frozen=True, kw_only=True)
class PublishedGroup:
    """The calls of one feature and source in the 24 hours before the deploy, by createdAt.

    Without `successes` as many calls are drawn as on any other day.
    """

    feature_id: str
    source: str | None
    failure: FailureKind
    errors: LatencyPoints | None = None
    successes: LatencyPoints | None = None


def _profile(entry: dict[str, Any]) -> FeatureProfile:
    sources: dict[str, float] = entry["sources"]
    total = sum(sources.values())
    shares = {source or None: share / total for source, share in sources.items()}
    return FeatureProfile(**(entry | {"sources": shares}))


def _published_group(entry: dict[str, Any]) -> PublishedGroup:
    points = {key: LatencyPoints(**entry[key]) for key in ("errors", "successes") if key in entry}
    return PublishedGroup(**(entry | points | {"source": entry["source"] or None}))


_CONTENT = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
TENANTS: Mapping[str, tuple[float, float]] = _CONTENT["tenants"]
"""Client id -> share of the calls, ln(factor) on the time to answer."""
FEATURES = tuple(map(_profile, _CONTENT["feature"]))
SOURCES = tuple(dict.fromkeys(source for profile in FEATURES for source in profile.sources))
INCIDENT = Incident(**_CONTENT["incident"])
PUBLISHED = tuple(map(_published_group, _CONTENT["published"]))
