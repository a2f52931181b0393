"""Drawn calls as rows of the telemetry table, with ids, messages, tokens and metadata."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from analysis.sample.calls import Calls, Outcome
from analysis.sample.features import FEATURES, SOURCES, TENANTS
from analysis.sample.provider_noise import Array

COLUMNS = (
    "id",
    "clientId",
    "leadId",
    "source",
    "featureId",
    "promptKey",
    "model",
    "apiType",
    "inputTokens",
    "outputTokens",
    "reasoningTokens",
    "totalTokens",
    "latencyMs",
    "status",
    "errorMessage",
    "metadata",
    "createdAt",
)
_NUMBERS = ("inputTokens", "outputTokens", "reasoningTokens", "totalTokens", "latencyMs")
_TEXTS = tuple(name for name in COLUMNS if name not in (*_NUMBERS, "createdAt"))

_META = ' meta={"severity":"warning","attempts":2,"max_output_tokens":1200}'
_POST_PROCESS = "Post-process error: "
_HIT_LIMIT = (
    _POST_PROCESS + "hit max_output_tokens (incomplete=max_output_tokens output_types=reasoning)"
)
_SERVER_ERROR = (
    "500 An error occurred while processing your request. You can retry your request, or contact "
    "us through our help center if the error persists. Please include the request ID {}."
)
_RATE_LIMIT = "429 Rate limit reached for gpt-5-{}. Please try again in {}ms."
_MESSAGES: dict[Outcome, tuple[str | None, ...]] = {
    Outcome.SUCCESS: (None,),
    Outcome.TIMEOUT: ("Request timed out.",),
    Outcome.TRUNCATED: (_HIT_LIMIT, _HIT_LIMIT + _META, "Response incomplete: max_output_tokens"),
    Outcome.SERVER_500: tuple(
        map(_SERVER_ERROR.format, ("req_4be1c07a93", "req_90d2f6a8e1", "req_c35b7e1f04"))
    ),
    Outcome.SERVER_503: (
        "503 upstream connect error or disconnect/reset before headers. "
        "reset reason: connection timeout",
    ),
    Outcome.RATE_LIMIT: (
        _RATE_LIMIT.format("mini on tokens per min (TPM): Limit 2000000, Used 1998204", 54),
        _RATE_LIMIT.format("nano on requests per min (RPM): Limit 5000, Used 5000", 12),
    ),
    Outcome.UNSUPPORTED_VALUE: (
        "400 Unsupported value: 'none' is not supported with the 'gpt-5-mini' model.",
    ),
    Outcome.CONTENT_FILTER: (
        "400 content_filter: the response was filtered due to the content management policy.",
    ),
    Outcome.CONNECTION: ("Connection error.",),
    # No such person, number or address exists: they are here so that a leak is seen.
    Outcome.UNKNOWN: (
        "Draft refused for Jane Exemplar <jane.exemplar@example.com>, phone +1 202 555 0143: "
        "signature is ambiguous",
        "Unexpected contact record: Max Mustermann, max.mustermann@example.org, +49 30 5550 0199",
    ),
    Outcome.BAD_JSON: (
        _POST_PROCESS + "failed to parse JSON (Unexpected end of JSON input)",
        _POST_PROCESS + "failed to parse JSON (Unexpected token at position 412)" + _META,
    ),
    Outcome.BAD_SCHEMA: (
        _POST_PROCESS + 'schema violation (missing required property "intent")',
        _POST_PROCESS + 'schema violation ("confidence" must be a number)' + _META,
    ),
    Outcome.EMPTY_OUTPUT: (
        _POST_PROCESS + "empty output_text",
        _POST_PROCESS + "empty output_text" + _META,
    ),
}
_METADATA = ('{"attempt": 1, "region": "iad1"}', '{"attempt": 1, "region": "sfo1"}', None)
_METADATA_SHARES = (0.5, 0.2, 0.3)


def as_rows(rng: np.random.Generator, calls: Calls) -> pd.DataFrame:
    """The table's rows, in the order in which they are written."""
    calls = calls.select(np.argsort(calls.created_ms, kind="stable"))
    count = calls.feature.size

    def of_feature(name: str) -> Array:
        return _choices([getattr(profile, name) for profile in FEATURES])[calls.feature]

    tokens = _draw_tokens(rng, calls)
    leads = _choices([*_draw_uuids(rng, int(calls.lead.max(initial=0)) + 1), None])
    columns = {
        "id": _draw_uuids(rng, count),
        "clientId": _choices(list(TENANTS))[calls.tenant],
        "leadId": leads[calls.lead],  # lead -1 is the last one: none
        "source": _choices(SOURCES)[calls.source],
        "featureId": of_feature("feature_id"),
        "promptKey": of_feature("prompt_key"),
        "model": of_feature("model"),
        "apiType": of_feature("api_type"),
        **tokens,
        "latencyMs": pd.array(calls.latency_ms, dtype="Int64"),
        "status": np.where(calls.failed, "error", "success"),
        "errorMessage": _draw_messages(rng, calls.outcome),
        "metadata": _choices(_METADATA)[rng.choice(len(_METADATA), p=_METADATA_SHARES, size=count)],
        "createdAt": calls.created_ms.astype("datetime64[ms]"),
    }
    return pd.DataFrame(columns)[list(COLUMNS)].astype(dict.fromkeys(_TEXTS, "str"))


def _choices(values: Sequence[str | None]) -> Array:
    """Texts, some of them None, as an array to choose from by position."""
    return np.array(values, dtype=object)


def _draw_messages(rng: np.random.Generator, outcome: Array) -> Array:
    """The message of each failed call, None for the others."""
    n_messages = np.array([len(_MESSAGES[one]) for one in Outcome])
    first = np.cumsum([0, *n_messages[:-1]])
    which = (rng.random(outcome.size) * n_messages[outcome]).astype(np.int64)
    messages = _choices([message for one in Outcome for message in _MESSAGES[one]])
    return messages[first[outcome] + which]


def _draw_tokens(rng: np.random.Generator, calls: Calls) -> dict[str, pd.arrays.IntegerArray]:
    """The token columns, blank for failed calls and where a model does not reason."""
    expected = np.array([profile.input_tokens for profile in FEATURES])[calls.feature]
    reasons = np.array([profile.model.startswith("gpt-5") for profile in FEATURES])[calls.feature]
    input_tokens = (expected * np.exp(0.35 * rng.standard_normal(expected.size))).astype(np.int64)
    reasoning_share = rng.uniform(0.3, 0.7, size=expected.size)
    values = {
        "inputTokens": input_tokens,
        "outputTokens": calls.output_tokens,
        "reasoningTokens": (calls.output_tokens * reasoning_share).astype(np.int64),
        "totalTokens": input_tokens + calls.output_tokens,
    }
    is_blank = dict.fromkeys(values, calls.failed) | {"reasoningTokens": calls.failed | ~reasons}
    return {
        name: pd.arrays.IntegerArray(array, is_blank[name].copy()) for name, array in values.items()
    }


def _draw_uuids(rng: np.random.Generator, count: int) -> Array:
    """UUIDs of version 4 as texts."""
    digits = np.frombuffer(rng.bytes(16 * count).hex().encode(), dtype="S1")
    digits = digits.reshape(count, 32).copy()
    digits[:, 12], digits[:, 16] = b"4", b"a"
    written = np.full((count, 36), b"-", dtype="S1")
    written[:, np.delete(np.arange(36), [8, 13, 18, 23])] = digits
    return written.view("S36").ravel().astype(str).astype(object)
