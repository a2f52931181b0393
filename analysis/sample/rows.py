"""Drawn calls as rows of the telemetry table, with ids, messages, tokens and metadata."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.sample.calls import Calls, Outcome
from analysis.sample.features import FEATURES, SOURCES, TENANTS

__all__ = ["COLUMNS", "as_rows"]

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

_TEXT_COLUMNS = (
    "id",
    "clientId",
    "leadId",
    "source",
    "featureId",
    "promptKey",
    "model",
    "apiType",
    "status",
    "errorMessage",
    "metadata",
)

_META = ' meta={"severity":"warning","attempts":2,"max_output_tokens":1200}'
_HIT_LIMIT = "Post-process error: hit max_output_tokens (incomplete=max_output_tokens output_types=reasoning)"
_RETRY = "You can retry your request, or contact us through our help center if the error persists."
_RATE = "429 Rate limit reached for"
_REQUEST_IDS = ("req_4be1c07a93", "req_90d2f6a8e1", "req_c35b7e1f04")
_MESSAGES: dict[Outcome, tuple[str, ...]] = {
    Outcome.TIMEOUT: ("Request timed out.",),
    Outcome.TRUNCATED: (_HIT_LIMIT, _HIT_LIMIT + _META, "Response incomplete: max_output_tokens"),
    Outcome.SERVER_500: tuple(
        f"500 An error occurred while processing your request. {_RETRY} Please include the request ID {request}."
        for request in _REQUEST_IDS
    ),
    Outcome.SERVER_503: (
        "503 upstream connect error or disconnect/reset before headers. reset reason: connection timeout",
    ),
    Outcome.RATE_LIMIT: (
        f"{_RATE} gpt-5-mini on tokens per min (TPM): Limit 2000000, Used 1998204. Please try again in 54ms.",
        f"{_RATE} gpt-5-nano on requests per min (RPM): Limit 5000, Used 5000. Please try again in 12ms.",
    ),
    Outcome.UNSUPPORTED_VALUE: (
        "400 Unsupported value: 'none' is not supported with the 'gpt-5-mini' model.",
    ),
    Outcome.CONTENT_FILTER: (
        "400 content_filter: the response was filtered due to the content management policy.",
    ),
    Outcome.CONNECTION: ("Connection error.",),
    # nobody of that name, no such number, no such address: they are here so that a leak would be seen
    Outcome.UNKNOWN: (
        "Draft refused for Jane Exemplar <jane.exemplar@example.com>, phone +1 202 555 0143: signature is ambiguous",
        "Unexpected contact record: Max Mustermann, max.mustermann@example.org, +49 30 5550 0199",
    ),
    Outcome.BAD_JSON: (
        "Post-process error: failed to parse JSON (Unexpected end of JSON input)",
        "Post-process error: failed to parse JSON (Unexpected token at position 412)" + _META,
    ),
    Outcome.BAD_SCHEMA: (
        'Post-process error: schema violation (missing required property "intent")',
        'Post-process error: schema violation ("confidence" must be a number)' + _META,
    ),
    Outcome.EMPTY_OUTPUT: (
        "Post-process error: empty output_text",
        "Post-process error: empty output_text" + _META,
    ),
}
_METADATA = ('{"attempt": 1, "region": "iad1"}', '{"attempt": 1, "region": "sfo1"}', None)


def as_rows(rng: np.random.Generator, *, calls: Calls) -> pd.DataFrame:
    """Make the table's rows, in the order in which they are written."""
    calls = calls.select(np.argsort(calls.created_ms, kind="stable"))
    count, is_error = calls.feature.size, calls.outcome != Outcome.SUCCESS
    tokens = {
        name: pd.arrays.IntegerArray(values, is_error | is_blank)
        for name, (values, is_blank) in _draw_tokens(rng, calls).items()
    }
    leads = np.append(
        _draw_uuids(rng, count=int(calls.lead.max(initial=0)) + 1), None
    )  # lead -1 is the last: none
    columns = {
        "id": _draw_uuids(rng, count=count),
        "clientId": _texts(tuple(TENANTS))[calls.tenant],
        "leadId": leads[calls.lead],
        "source": _texts(SOURCES)[calls.source],
        "featureId": _texts(tuple(profile.feature_id for profile in FEATURES))[calls.feature],
        "promptKey": _texts(tuple(profile.prompt_key for profile in FEATURES))[calls.feature],
        "model": _texts(tuple(profile.model for profile in FEATURES))[calls.feature],
        "apiType": _texts(tuple(profile.api_type for profile in FEATURES))[calls.feature],
        **tokens,
        "latencyMs": pd.array(calls.latency_ms, dtype="Int64"),
        "status": np.where(is_error, "error", "success"),
        "errorMessage": _draw_messages(rng, calls.outcome),
        "metadata": _texts(_METADATA)[rng.choice(len(_METADATA), p=[0.5, 0.2, 0.3], size=count)],
        "createdAt": calls.created_ms.astype("datetime64[ms]"),
    }
    rows = pd.DataFrame(columns)[list(COLUMNS)]
    return rows.astype(dict.fromkeys(_TEXT_COLUMNS, "str"))


def _texts(values: tuple[str | None, ...]) -> np.ndarray:
    """Return texts, some of them None, as an array to pick from."""
    return np.array(values, dtype=object)


def _draw_messages(rng: np.random.Generator, outcome: np.ndarray) -> np.ndarray:
    """Draw the message of each failed call, None for the others."""
    shapes = [_MESSAGES.get(one, (None,)) for one in Outcome]
    first_shape = np.cumsum([0, *map(len, shapes[:-1])])
    n_shapes = np.array([len(of_one) for of_one in shapes])
    which = (rng.random(outcome.size) * n_shapes[outcome]).astype(np.int64)
    return _texts(tuple(text for of_one in shapes for text in of_one))[first_shape[outcome] + which]


def _draw_tokens(
    rng: np.random.Generator, calls: Calls
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Draw the token columns: values, and where they are blank besides the failed calls."""
    expected = np.array([profile.input_tokens for profile in FEATURES])[calls.feature]
    is_reasoning = np.array([profile.model.startswith("gpt-5") for profile in FEATURES])[
        calls.feature
    ]
    tokens_in = (expected * np.exp(0.35 * rng.standard_normal(expected.size))).astype(np.int64)
    thought = (calls.output_tokens * rng.uniform(0.3, 0.7, size=expected.size)).astype(np.int64)
    never = np.zeros(expected.size, dtype=bool)
    return {
        "inputTokens": (tokens_in, never),
        "outputTokens": (calls.output_tokens, never),
        "reasoningTokens": (thought, ~is_reasoning),
        "totalTokens": (tokens_in + calls.output_tokens, never),
    }


def _draw_uuids(rng: np.random.Generator, *, count: int) -> np.ndarray:
    """Draw version-4 UUIDs as texts."""
    digits = (
        np.frombuffer(rng.bytes(16 * count).hex().encode(), dtype="S1").reshape(count, 32).copy()
    )
    digits[:, 12], digits[:, 16] = b"4", b"a"
    written = np.full((count, 36), b"-", dtype="S1")
    written[:, np.delete(np.arange(36), [8, 13, 18, 23])] = digits
    return written.view("S36").ravel().astype(str).astype(object)
