"""The features of the sample data, and the published day that they reproduce: all of it figures, no logic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from analysis.sample.rank_map import LatencyPoints

__all__ = [
    "DEPLOYED_AT",
    "FEATURES",
    "INCIDENT",
    "PUBLISHED",
    "SOURCES",
    "TENANTS",
    "FailureKind",
    "FeatureProfile",
    "Incident",
    "PublishedGroup",
]

DEPLOYED_AT = datetime(2026, 2, 2, 23, 10, 16, tzinfo=UTC)

TENANTS: Mapping[
    str, tuple[float, float]
] = {  # client id -> share of the calls, ln(factor) on the time to answer
    "cli_7d1f0a52c9": (0.34, 0.00),
    "cli_b80e6cf413": (0.25, -0.03),
    "cli_19a4d7e0b6": (0.18, 0.04),
    "cli_e35c8f9a20": (0.13, 0.00),
    "cli_42b6f1d87c": (0.06, 0.06),
    "cli_c9074e3ab5": (0.04, -0.05),
}

_POST_PROCESS = "background-job/email-inbound-post-process"
_SCORING = "background-job/lead-scoring"
_REGENERATE = "action:message.regenerate_draft"
_EMAIL_HOOK = "/api/webhooks/email"
_FORM_HOOK = "/api/webhooks/form"

FailureKind = Literal["timeout", "truncation", "server", "mixed"]


@dataclass(frozen=True, kw_only=True)
class FeatureProfile:
    """How one feature behaves. ``_before`` and ``_after`` differ for what the deploy changed, and only for that.

    Attributes
    ----------
    median_ms, sigma : float
        Lognormal time to answer; `slow_share` of the calls has `slow_median_ms` instead, with half the sigma.
    sources : mapping of source (None: unattributed) to its share of the calls
    cap_before_ms, cap_after_ms : float
        Timeout, infinite where there is none; a timed-out call is written `overhead_ms` (median) after it.
    short_budget_share : float
        Calls whose job had less time left than the cap: they are cut at 40 to 99 % of it.
    token_limit_before, token_limit_after : float
        ``max_output_tokens``; an answer that needs more is cut there.
    server_error_rate, mixed_error_rate : float
        Share of calls that the provider fails with 500 or 503, and that fail in one of the other ways.
    sdk_retries_after : bool
        The SDK tries again inside the call after the deploy.
    job_retry_share : float
        Failed jobs that are queued again and succeed a few minutes later, before and after the deploy.
    in_flight : int
        Calls started in the last seconds before the deploy, at least so many.
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
    server_error_rate: float = 0.0
    mixed_error_rate: float = 0.0
    sdk_retries_after: bool = False
    job_retry_share: float = 0.0
    in_flight: int = 0
    prompt_key: str | None = None
    api_type: Literal["responses", "chat_completions"] = "responses"


def _untouched(feature_id: str, model: str, **figures: object) -> FeatureProfile:
    """Profile of a feature that the deploy left alone; it fails in every way now and then."""
    return FeatureProfile(
        feature_id=feature_id,
        model=model,
        server_error_rate=0.004,
        mixed_error_rate=0.008,
        **figures,
    )


FEATURES: tuple[FeatureProfile, ...] = (
    FeatureProfile(
        feature_id="draft.verify.email.step3",
        model="gpt-5-mini",
        calls_per_hour=37,
        sources={_POST_PROCESS: 764 / 888, _REGENERATE: 104 / 888, None: 20 / 888},
        # 10 % answer within 20 s, half of those within 17.6 s (published), and 86 % within 45 s
        median_ms=31_000,
        sigma=0.33,
        cap_before_ms=20_000,
        cap_after_ms=45_000,
        overhead_ms=125,
        short_budget_share=0.02,
        server_error_rate=0.003,
        input_tokens=4200,
        output_tokens=1500,
        in_flight=4,
        prompt_key="draft.verify.email@v12",
    ),
    FeatureProfile(
        feature_id="signature.context",
        model="gpt-5-nano",
        calls_per_hour=17.9,
        sources={_POST_PROCESS: 395 / 430, None: 35 / 430},
        # long threads, 7 % of the calls, are those that need more than 4.5 s and hardly ever 10 s
        median_ms=1_800,
        sigma=0.4,
        slow_share=0.07,
        slow_median_ms=5_400,
        cap_before_ms=4_500,
        cap_after_ms=10_000,
        overhead_ms=2,
        server_error_rate=0.001,
        input_tokens=1300,
        output_tokens=180,
        in_flight=2,
        prompt_key="signature.context@v3",
    ),
    FeatureProfile(
        feature_id="followup.parse_proposed_times",
        model="gpt-5-nano",
        calls_per_hour=9,
        sources={_POST_PROCESS: 0.85, _EMAIL_HOOK: 0.15},
        median_ms=3_900,
        sigma=0.4,
        server_error_rate=0.001,
        input_tokens=1100,
        output_tokens=420,
        output_sigma=0.57,
        token_limit_before=1200,
        token_limit_after=6000,
        in_flight=1,
        prompt_key="followup.parse_proposed_times@v5",
    ),
    FeatureProfile(
        feature_id="lead_scoring.score",
        model="gpt-5-mini",
        calls_per_hour=25,
        sources={_SCORING: 0.8, _FORM_HOOK: 0.2},
        median_ms=3_200,
        sigma=0.45,
        server_error_rate=0.02,
        sdk_retries_after=True,
        job_retry_share=0.35,
        input_tokens=2100,
        output_tokens=320,
        in_flight=1,
        prompt_key="lead_scoring.score@v8",
    ),
    _untouched(
        "draft.compose.email",
        "gpt-5-mini",
        calls_per_hour=40,
        median_ms=8_500,
        sigma=0.38,
        in_flight=2,
        sources={_EMAIL_HOOK: 0.65, _REGENERATE: 0.25, None: 0.1},
        input_tokens=3600,
        output_tokens=900,
        prompt_key="draft.compose.email@v21",
    ),
    _untouched(
        "objection.detect",
        "gpt-5-mini",
        calls_per_hour=20,
        median_ms=3_400,
        sigma=0.42,
        sources={_EMAIL_HOOK: 0.9, None: 0.1},
        prompt_key="objection.detect@v2",
    ),
    _untouched(
        "meeting.summary",
        "gpt-5-mini",
        calls_per_hour=9,
        median_ms=11_500,
        sigma=0.35,
        sources={"background-job/meeting-summary": 1.0},
        input_tokens=7800,
        output_tokens=1100,
        prompt_key="meeting.summary@v4",
    ),
    _untouched(
        "inbound.classify",
        "gpt-5-nano",
        calls_per_hour=60,
        median_ms=1_050,
        sigma=0.4,
        sources={_EMAIL_HOOK: 1.0},
        output_tokens=60,
        prompt_key="inbound.classify@v9",
    ),
    _untouched(
        "contact.extract",
        "gpt-5-nano",
        calls_per_hour=30,
        median_ms=2_250,
        sigma=0.4,
        sources={_POST_PROCESS: 1.0},
        prompt_key="contact.extract@v6",
    ),
    _untouched(
        "reply.sentiment",
        "gpt-5-nano",
        calls_per_hour=45,
        median_ms=900,
        sigma=0.38,
        sources={_EMAIL_HOOK: 0.95, None: 0.05},
        output_tokens=40,
        prompt_key="reply.sentiment@v1",
    ),
    _untouched(
        "kb.search.rerank",
        "gpt-4.1-mini",
        calls_per_hour=25,
        median_ms=720,
        sigma=0.45,
        sources={"action:kb.search": 0.6, None: 0.4},
        output_tokens=90,
        api_type="chat_completions",
    ),
    _untouched(
        "calendar.suggest_slots",
        "gpt-4.1-mini",
        calls_per_hour=10,
        median_ms=2_600,
        sigma=0.4,
        sources={"action:meeting.propose": 1.0},
        api_type="chat_completions",
        prompt_key="calendar.suggest_slots@v3",
    ),
)

SOURCES: tuple[str | None, ...] = tuple(
    dict.fromkeys(source for profile in FEATURES for source in profile.sources)
)


@dataclass(frozen=True, kw_only=True)
class Incident:
    """A trouble of the provider that everybody knew of: all models slower, and failing more often.

    ``log_slowness`` is added to ln(time to answer), ``failures`` to the factor on failures (1 at rest).
    """

    begin: datetime
    end: datetime
    log_slowness: float
    failures: float


INCIDENT = Incident(
    begin=datetime(2026, 1, 30, 8, 0, tzinfo=UTC),
    end=datetime(2026, 1, 30, 9, 30, tzinfo=UTC),
    log_slowness=0.5,
    failures=4.0,
)


@dataclass(frozen=True, kw_only=True)
class PublishedGroup:
    """The calls of one feature and source in the 24 hours before the deploy, by createdAt.

    ``successes`` is None where nothing was published: then as many are drawn as on any other day. Percentiles marked
    "chosen" are blank in the published table.
    """

    feature_id: str
    source: str | None
    failure: FailureKind
    errors: LatencyPoints | None
    successes: LatencyPoints | None


_STEP3, _SIGNATURE = "draft.verify.email.step3", "signature.context"

PUBLISHED: tuple[PublishedGroup, ...] = (
    PublishedGroup(
        feature_id=_STEP3,
        source=_POST_PROCESS,
        failure="timeout",
        errors=LatencyPoints(
            count=682, average_ms=19999, p50_ms=20128, p90_ms=20173, p95_ms=20210, max_ms=24060
        ),
        successes=LatencyPoints(
            count=82, average_ms=17283, p50_ms=17557, p90_ms=19296, p95_ms=19680, max_ms=20020
        ),
    ),
    PublishedGroup(
        feature_id=_STEP3,
        source=_REGENERATE,
        failure="timeout",
        # percentiles chosen
        errors=LatencyPoints(
            count=98, average_ms=20035, p50_ms=20124, p90_ms=20171, p95_ms=20205, max_ms=22463
        ),
        successes=LatencyPoints(
            count=6
        ),  # 888 calls, 798 errors, 82 successes above: 8 remain, dealt out here
    ),
    PublishedGroup(
        feature_id=_STEP3,
        source=None,
        failure="timeout",
        # percentiles chosen
        errors=LatencyPoints(count=18, average_ms=20230, p50_ms=20180, p90_ms=20460, max_ms=20640),
        successes=LatencyPoints(count=2),
    ),
    PublishedGroup(
        feature_id=_SIGNATURE,
        source=_POST_PROCESS,
        failure="timeout",
        errors=LatencyPoints(count=9, average_ms=4502, p50_ms=4502, p90_ms=4503, max_ms=4505),
        successes=LatencyPoints(count=386, average_ms=2005, p50_ms=1784, p90_ms=3056, max_ms=4474),
    ),
    PublishedGroup(
        feature_id=_SIGNATURE,
        source=None,
        failure="timeout",
        errors=LatencyPoints(count=5, average_ms=4505, max_ms=4507),
        successes=LatencyPoints(count=30),
    ),
    PublishedGroup(
        feature_id="followup.parse_proposed_times",
        source=_POST_PROCESS,
        failure="truncation",
        errors=LatencyPoints(count=3),
        successes=None,
    ),
    PublishedGroup(
        feature_id="followup.parse_proposed_times",
        source=_EMAIL_HOOK,
        failure="truncation",
        errors=None,
        successes=None,
    ),
    PublishedGroup(
        feature_id="lead_scoring.score",
        source=_SCORING,
        failure="server",
        errors=LatencyPoints(count=4),
        successes=None,
    ),
    PublishedGroup(
        feature_id="lead_scoring.score",
        source=_FORM_HOOK,
        failure="server",
        errors=LatencyPoints(count=1),
        successes=None,
    ),
)
