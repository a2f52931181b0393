"""The traps of other stores, row by row: what each becomes in the canonical table, and which are left out."""

from datetime import datetime

import pytest

from analysis.errors import WrongUse
from analysis.telemetry.engines import open_engine
from analysis.telemetry.mapping import CANONICAL_COLUMNS
from tests.fixtures.litellm_and_langfuse import DDL, TABLES
from tests.fixtures.mapped_stores import source_of
from tests.fixtures.plain_counts import outcome_of
from tests.fixtures.postgres_server import Database
from tests.fixtures.stores import settings_of

# ---- traps, one by one -----------------------------------------------------------------------------------------------
LITELLM_ROW = {
    "request_id": "r",
    "call_type": "acompletion",
    "startTime": "2026-02-03 00:00:00",
    "endTime": "2026-02-03 00:00:20.128",
    "request_duration_ms": 20_128,
    "model": "gpt-5-mini",
    "model_group": "mail",
    "metadata": '{"status": "success"}',
    "cache_hit": "False",
    "request_tags": '["a.feature"]',
    "team_id": "team",
    "session_id": "s",
    "status": "success",
    "completion_tokens": 5,
    "total_tokens": 9,
}
LANGFUSE_ROW = {
    "id": "r",
    "trace_id": "t",
    "project_id": "p",
    "type": "GENERATION",
    "start_time": "2026-02-03 00:00:00",
    "end_time": "2026-02-03 00:00:20.128",
    "name": "a.feature",
    "level": "DEFAULT",
    "status_message": None,
    "created_at": "2026-02-03 09:00:00",
    "model": "gpt-5-mini",
    "completion_tokens": 5,
    "total_tokens": 9,
}


def error_information(**fields: str) -> str:
    inner = ", ".join(f'"{key}": "{value}"' for key, value in fields.items())
    return f'{{"status": "failure", "error_information": {{{inner}}}}}'


def read_as(mapping: str, row: dict, database: Database, tmp_path, monkeypatch) -> dict | None:
    """The one row as the canonical table has it, with its class; None when it is left out."""
    database.execute(DDL[mapping])
    columns, marks = ", ".join(f'"{key}"' for key in row), ", ".join(["%s"] * len(row))
    database.execute(
        f'INSERT INTO "{TABLES[mapping]}" ({columns}) VALUES ({marks})', list(row.values())
    )
    monkeypatch.setenv("STORE_URL", database.url)
    opened = open_engine(settings_of(tmp_path, source_of(mapping)))
    relation = opened.queries.mapping.relation().sql(dialect="postgres")
    opened.close()
    names = ", ".join(f'"{column}"' for column in CANONICAL_COLUMNS)
    found = database.execute(f"SELECT {names} FROM {relation}")
    return dict(zip(CANONICAL_COLUMNS, found[0], strict=True)) if found else None


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            {},
            {
                "featureId": "a.feature",
                "source": "acompletion",
                "clientId": "team",
                "latencyMs": 20_128,
                "status": "success",
                "outputTokens": 5,
            },
        ),
        ({"cache_hit": "True"}, None),
        ({"cache_hit": "None"}, {"status": "success"}),
        ({"cache_hit": ""}, {"status": "success"}),
        ({"cache_hit": None}, {"status": "success"}),
        ({"call_type": "call_mcp_tool"}, None),
        (
            {"request_duration_ms": None},
            {"latencyMs": 20_128, "createdAt": datetime(2026, 2, 3, 0, 0, 20, 128_000)},
        ),
        (
            {"request_duration_ms": 20_100},
            {"latencyMs": 20_100, "createdAt": datetime(2026, 2, 3, 0, 0, 20, 100_000)},
        ),
        ({"status": None}, {"status": "success"}),
        ({"status": None, "metadata": None}, {"status": "success"}),
        (
            {"status": None, "metadata": '{"status": "failure"}'},
            {"status": "error", "outputTokens": None, "totalTokens": None},
        ),
        ({"status": "cancelled"}, {"status": "unknown"}),
        ({"completion_tokens": 0}, {"outputTokens": None, "totalTokens": 9}),
        ({"team_id": ""}, {"clientId": "(no team)"}),
        ({"request_tags": '["User-Agent: openai", "User-Agent: openai/2"]'}, {"featureId": "mail"}),
        ({"request_tags": '["User-Agent: openai", "b.feature", "c"]'}, {"featureId": "b.feature"}),
        ({"request_tags": "[]", "model_group": ""}, {"featureId": "gpt-5-mini"}),
        ({"request_tags": None}, {"featureId": "mail"}),
    ],
)
def test_litellm_row_by_row(database, tmp_path, monkeypatch, change, expected):
    found = read_as("litellm", LITELLM_ROW | change, database, tmp_path, monkeypatch)
    assert found == expected or (expected is not None and found | expected == found)


@pytest.mark.parametrize(
    ("information", "outcome"),
    [
        (
            {
                "error_class": "Timeout",
                "error_code": "408",
                "error_message": "litellm.Timeout: APITimeoutError",
            },
            "timeout",
        ),
        (
            {
                "error_class": "APIConnectionError",
                "error_code": "500",
                "error_message": "OpenAIException - Connection error.",
            },
            "connection",
        ),
        (
            {
                "error_class": "InternalServerError",
                "error_code": "500",
                "error_message": "The server had an error",
            },
            "http_5xx",
        ),
        (
            {
                "error_class": "ServiceUnavailableError",
                "error_code": "503",
                "error_message": "upstream connect error, connection timeout",
            },
            "http_5xx",
        ),
        (
            {
                "error_class": "RateLimitError",
                "error_code": "429",
                "error_message": "Rate limit reached",
            },
            "rate_limit",
        ),
        ({"error_class": "BadRequestError", "error_code": "400"}, "http_4xx"),
        ({"error_class": "JSONSchemaValidationError", "error_code": ""}, "invalid_output"),
        (
            {"error_class": "BudgetExceededError", "error_code": "", "error_message": "over"},
            "other",
        ),
    ],
)
def test_litellm_s_errors_have_the_classes_of_rollout(
    database, tmp_path, monkeypatch, information, outcome
):
    row = LITELLM_ROW | {"status": "failure", "metadata": error_information(**information)}
    found = read_as("litellm", row, database, tmp_path, monkeypatch)
    names = (
        "success",
        "timeout",
        "max_output_tokens",
        "http_5xx",
        "rate_limit",
        "http_4xx",
        "invalid_output",
        "connection",
        "other",
    )
    assert names[outcome_of(found)] == outcome


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            {},
            {
                "featureId": "a.feature",
                "source": None,
                "latencyMs": 20_128,
                "status": "success",
                "createdAt": datetime(2026, 2, 3, 0, 0, 20, 128_000),
            },
        ),
        ({"type": "SPAN"}, None),
        ({"type": "EVENT", "end_time": None}, None),
        ({"end_time": None}, None),
        (
            {"level": "ERROR", "status_message": "Request timed out."},
            {"status": "error", "errorMessage": "Request timed out.", "outputTokens": None},
        ),
        ({"level": "WARNING", "status_message": "slow"}, {"status": "success"}),
        ({"name": None}, {"featureId": "(no name)"}),
        ({"completion_tokens": 0, "total_tokens": 0}, {"outputTokens": None, "totalTokens": None}),
    ],
)
def test_langfuse_row_by_row(database, tmp_path, monkeypatch, change, expected):
    found = read_as("langfuse-postgres", LANGFUSE_ROW | change, database, tmp_path, monkeypatch)
    assert found == expected or (expected is not None and found | expected == found)


def test_a_table_of_an_older_proxy_names_the_column_that_is_not_there(
    database, tmp_path, monkeypatch
):
    database.execute(
        DDL["litellm"] + 'ALTER TABLE "LiteLLM_SpendLogs" DROP COLUMN "request_duration_ms"'
    )
    monkeypatch.setenv("STORE_URL", database.url)
    with pytest.raises(
        WrongUse,
        match="mapping 'litellm': latencyMs reads 'request_duration_ms', which table 'LiteLLM_SpendLogs' does not have",
    ):
        open_engine(settings_of(tmp_path, source_of("litellm")))
