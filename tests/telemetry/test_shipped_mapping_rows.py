"""The traps of other stores, row by row: what each becomes in the canonical table."""

from datetime import datetime

import pytest

from analysis.errors import WrongUse
from analysis.outcomes import OUTCOME_CODES
from analysis.telemetry.engines import open_engine
from analysis.telemetry.mapping import CANONICAL_COLUMNS
from tests.fixtures.langfuse_store import LANGFUSE
from tests.fixtures.litellm_store import LITELLM
from tests.fixtures.plain_counts import outcome_of
from tests.fixtures.stores import POSTGRES_SOURCE, settings_of

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
LEFT_OUT = None
FAILURE = '{"status": "failure"}'
SUCCEEDED = {"status": "success", "latencyMs": 20_128, "featureId": "a.feature"}


@pytest.fixture
def read_row(database, tmp_path, monkeypatch):
    """A function from a store and a row to its canonical row, `LEFT_OUT` without one."""

    def read(store, row):
        database.execute(store.ddl)
        columns, marks = ", ".join(f'"{key}"' for key in row), ", ".join(["%s"] * len(row))
        insert = f'INSERT INTO "{store.table}" ({columns}) VALUES ({marks})'
        database.execute(insert, list(row.values()))
        monkeypatch.setenv("TEST_URL", database.url)
        source = f'{POSTGRES_SOURCE}\nmapping = "{store.mapping}"'
        engine = open_engine(settings_of(tmp_path, source))
        relation = engine.queries.mapping.relation().sql(dialect="postgres")
        engine.close()
        names = ", ".join(f'"{column}"' for column in CANONICAL_COLUMNS)
        found = database.execute(f"SELECT {names} FROM {relation}")
        return dict(zip(CANONICAL_COLUMNS, found[0], strict=True)) if found else LEFT_OUT

    return read


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, SUCCEEDED | {"source": "acompletion", "clientId": "team", "outputTokens": 5}),
        ({"cache_hit": "True"}, LEFT_OUT),
        ({"cache_hit": "None"}, SUCCEEDED),
        ({"cache_hit": ""}, SUCCEEDED),
        ({"cache_hit": None}, SUCCEEDED),
        ({"call_type": "call_mcp_tool"}, LEFT_OUT),
        (
            {"request_duration_ms": None},
            {"latencyMs": 20_128, "createdAt": datetime(2026, 2, 3, 0, 0, 20, 128_000)},
        ),
        (
            {"request_duration_ms": 20_100},
            {"latencyMs": 20_100, "createdAt": datetime(2026, 2, 3, 0, 0, 20, 100_000)},
        ),
        ({"status": None}, SUCCEEDED),
        ({"status": None, "metadata": None}, SUCCEEDED),
        (
            {"status": None, "metadata": FAILURE},
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
def test_litellm_rows(read_row, change, expected):
    found = read_row(LITELLM, LITELLM_ROW | change)
    assert found == expected or (expected and found | expected == found)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, SUCCEEDED | {"source": None, "createdAt": datetime(2026, 2, 3, 0, 0, 20, 128_000)}),
        ({"type": "SPAN"}, LEFT_OUT),
        ({"type": "EVENT", "end_time": None}, LEFT_OUT),
        ({"end_time": None}, LEFT_OUT),
        (
            {"level": "ERROR", "status_message": "Request timed out."},
            {"status": "error", "errorMessage": "Request timed out.", "outputTokens": None},
        ),
        ({"level": "WARNING", "status_message": "slow"}, SUCCEEDED),
        ({"name": None}, {"featureId": "(no name)"}),
        ({"completion_tokens": 0, "total_tokens": 0}, {"outputTokens": None, "totalTokens": None}),
    ],
)
def test_langfuse_rows(read_row, change, expected):
    found = read_row(LANGFUSE, LANGFUSE_ROW | change)
    assert found == expected or (expected and found | expected == found)


@pytest.mark.parametrize(
    ("kind", "code", "message", "outcome"),
    [
        ("Timeout", "408", "litellm.Timeout: APITimeoutError", "timeout"),
        ("APIConnectionError", "500", "OpenAIException - Connection error.", "connection"),
        ("InternalServerError", "500", "The server had an error", "http_5xx"),
        ("ServiceUnavailableError", "503", "upstream connect error, timeout", "http_5xx"),
        ("RateLimitError", "429", "Rate limit reached", "rate_limit"),
        ("BadRequestError", "400", None, "http_4xx"),
        ("JSONSchemaValidationError", "", None, "invalid_output"),
        ("BudgetExceededError", "", "over", "other"),
    ],
)
def test_litellm_errors_get_an_error_class(read_row, kind, code, message, outcome):
    fields = {"error_class": kind, "error_code": code} | (
        {"error_message": message} if message else {}
    )
    information = ", ".join(f'"{key}": "{value}"' for key, value in fields.items())
    metadata = f'{{"status": "failure", "error_information": {{{information}}}}}'
    found = read_row(LITELLM, LITELLM_ROW | {"status": "failure", "metadata": metadata})
    assert outcome_of(found) == OUTCOME_CODES[outcome]


def test_an_older_table_names_the_column_that_it_lacks(database, tmp_path, monkeypatch):
    database.execute(f'{LITELLM.ddl} ALTER TABLE "{LITELLM.table}" DROP "request_duration_ms"')
    monkeypatch.setenv("TEST_URL", database.url)
    lacking = "latencyMs reads 'request_duration_ms', which table 'LiteLLM_SpendLogs' does not have"
    with pytest.raises(WrongUse, match=f"mapping 'litellm': {lacking}"):
        open_engine(settings_of(tmp_path, f'{POSTGRES_SOURCE}\nmapping = "litellm"'))
