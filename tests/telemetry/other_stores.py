"""The same calls as LiteLLM and Langfuse keep them in PostgreSQL, with the traps of those stores; and plain doubles of the shipped mappings.

The tables have the names and types of the projects' published Prisma schemas (BerriAI/litellm schema.prisma: LiteLLM_SpendLogs;
langfuse/langfuse packages/shared/prisma/schema.prisma, version 2: Observation), cut down to what is needed and to what must not be read.
"""

import io
import json
from contextlib import closing

import numpy as np
import pandas as pd

from tests.postgres_server import Database

SECRET = "Dear Anna Example, my number is 0123"
LITELLM_DDL = """
CREATE TABLE "LiteLLM_SpendLogs" (
    "request_id" TEXT PRIMARY KEY,
    "call_type" TEXT NOT NULL,
    "api_key" TEXT NOT NULL DEFAULT '',
    "total_tokens" INTEGER NOT NULL DEFAULT 0,
    "prompt_tokens" INTEGER NOT NULL DEFAULT 0,
    "completion_tokens" INTEGER NOT NULL DEFAULT 0,
    "startTime" TIMESTAMP(3) NOT NULL,
    "endTime" TIMESTAMP(3) NOT NULL,
    "request_duration_ms" INTEGER,
    "model" TEXT NOT NULL DEFAULT '',
    "model_group" TEXT DEFAULT '',
    "metadata" JSONB DEFAULT '{}',
    "cache_hit" TEXT DEFAULT '',
    "request_tags" JSONB DEFAULT '[]',
    "team_id" TEXT,
    "messages" JSONB DEFAULT '{}',
    "response" JSONB DEFAULT '{}',
    "proxy_server_request" JSONB DEFAULT '{}',
    "session_id" TEXT,
    "status" TEXT
);
CREATE INDEX ON "LiteLLM_SpendLogs" ("startTime");
"""
LANGFUSE_DDL = """
CREATE TYPE "ObservationType" AS ENUM ('SPAN', 'EVENT', 'GENERATION');
CREATE TYPE "ObservationLevel" AS ENUM ('DEBUG', 'DEFAULT', 'WARNING', 'ERROR');
CREATE TABLE "observations" (
    "id" TEXT PRIMARY KEY,
    "trace_id" TEXT,
    "project_id" TEXT NOT NULL,
    "type" "ObservationType" NOT NULL,
    "start_time" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "end_time" TIMESTAMP(3),
    "name" TEXT,
    "metadata" JSONB,
    "parent_observation_id" TEXT,
    "level" "ObservationLevel" NOT NULL DEFAULT 'DEFAULT',
    "status_message" TEXT,
    "created_at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "model" TEXT,
    "input" JSONB,
    "output" JSONB,
    "prompt_tokens" INTEGER NOT NULL DEFAULT 0,
    "completion_tokens" INTEGER NOT NULL DEFAULT 0,
    "total_tokens" INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX ON "observations" ("start_time");
"""
DDL = {"litellm": LITELLM_DDL, "langfuse-postgres": LANGFUSE_DDL}
TABLES = {"litellm": "LiteLLM_SpendLogs", "langfuse-postgres": "observations"}
NEVER_READ = {
    "litellm": ("messages", "response", "proxy_server_request", "api_key"),
    "langfuse-postgres": ("input", "output", "metadata", "parent_observation_id"),
}


def load_store(name: str, rows: pd.DataFrame, database: Database) -> None:
    """Make the store's table and copy the rows into it."""
    text = io.StringIO(rows.to_csv(index=False, header=False, na_rep=r"\N"))
    columns = ", ".join(f'"{column}"' for column in rows)
    with closing(database.connect()) as connection, connection.cursor() as cursor:
        cursor.execute(DDL[name])
        cursor.copy_expert(
            rf"""COPY "{TABLES[name]}" ({columns}) FROM STDIN (FORMAT csv, NULL '\N')""", text
        )
        cursor.execute(f'ANALYZE "{TABLES[name]}"')


# ---- rows as the stores write them -----------------------------------------------------------------------------------
def litellm_rows(calls: pd.DataFrame) -> pd.DataFrame:
    """Calls of the canonical table as the proxy logs them; every third row is of an older proxy. Cache hits and MCP tools come on top."""
    calls = calls.loc[calls["latencyMs"].notna()].reset_index(drop=True)
    ended, at = calls["createdAt"], np.arange(len(calls))
    started = ended - pd.to_timedelta(calls["latencyMs"].astype("int64"), unit="ms")
    is_error, is_old = calls["status"].eq("error"), pd.Series(at % 3 == 0)
    rows = pd.DataFrame(
        {
            "request_id": calls["id"],
            "call_type": np.where(at % 5 == 0, "aresponses", "acompletion"),
            "api_key": "88dc28",
            "total_tokens": calls["totalTokens"].fillna(0),
            "prompt_tokens": 3,
            "completion_tokens": calls["outputTokens"].fillna(0),
            "startTime": started,
            "endTime": ended,
            "request_duration_ms": calls["latencyMs"].astype("Int64").mask(is_old),
            "model": calls["model"],
            "model_group": "mail",
            "metadata": [
                _litellm_metadata(*row)
                for row in zip(
                    calls["errorMessage"].where(calls["errorMessage"].notna(), None),
                    is_error,
                    strict=True,
                )
            ],
            "cache_hit": np.where(at % 2 == 0, "False", "None"),
            "request_tags": [
                _tags(feature, number) for number, feature in enumerate(calls["featureId"])
            ],
            "team_id": calls["clientId"].mask(pd.Series(at % 11 == 0), ""),
            "messages": json.dumps({"text": SECRET}),
            "response": json.dumps({"text": SECRET}),
            "proxy_server_request": json.dumps({"text": SECRET}),
            "session_id": calls["leadId"],
            "status": pd.Series(np.where(is_error, "failure", "success")).mask(is_old),
        }
    )
    cached = rows[at % 7 == 1].assign(cache_hit="True", request_duration_ms=2, status="success")
    tools = rows[at % 50 == 2].assign(call_type="call_mcp_tool")
    return _with_new_ids(rows, cached, tools, column="request_id")


def _tags(feature: str, number: int) -> str:
    agents = ["User-Agent: openai", "User-Agent: openai/2.1"]
    return json.dumps(
        [agents, [*agents, feature], [feature, "env:production", *agents]][
            0 if number % 13 == 0 else number % 2 + 1
        ]
    )


def _litellm_metadata(message: str | None, is_error: bool) -> str:
    if not is_error:
        return json.dumps({"status": "success", "error_information": None})
    text = message or ""
    if "timed out" in text.lower():
        kind, code = "Timeout", "408"
    elif text.startswith("Connection error"):
        kind, code = "APIConnectionError", "500"
    else:
        code = text[:3] if text[:3].isdigit() else ""
        kind, text = (
            {
                "429": "RateLimitError",
                "500": "InternalServerError",
                "503": "ServiceUnavailableError",
            }.get(code, "BadRequestError"),
            text[4:] if code else text,
        )
    information = {
        "error_code": code,
        "error_class": kind,
        "llm_provider": "openai",
        "error_message": f"litellm.{kind}: {text}" if kind == "Timeout" else text,
        "traceback": SECRET,
    }
    return json.dumps({"status": "failure", "error_information": information})


def langfuse_rows(calls: pd.DataFrame) -> pd.DataFrame:
    """Calls as generations; a span lies around every fourth, events beside, and every twentieth is followed by one that never ended."""
    calls = calls.loc[calls["latencyMs"].notna()].reset_index(drop=True)
    ended, at = calls["createdAt"], np.arange(len(calls))
    started = ended - pd.to_timedelta(calls["latencyMs"].astype("int64"), unit="ms")
    is_error = calls["status"].eq("error")
    rows = pd.DataFrame(
        {
            "id": calls["id"],
            "trace_id": calls["leadId"],
            "project_id": calls["clientId"],
            "type": "GENERATION",
            "start_time": started,
            "end_time": ended,
            "name": calls["featureId"].mask(pd.Series(at % 17 == 0)),
            "metadata": json.dumps({"text": SECRET}),
            "parent_observation_id": "parent",
            "level": np.where(is_error, "ERROR", np.where(at % 9 == 0, "WARNING", "DEFAULT")),
            "status_message": calls["errorMessage"].mask(
                pd.Series(~is_error & (at % 9 == 0)), "slower than usual"
            ),
            "created_at": ended + pd.to_timedelta(at % 120, unit="s"),
            "model": calls["model"],
            "input": json.dumps({"text": SECRET}),
            "output": json.dumps({"text": SECRET}),
            "prompt_tokens": 3,
            "completion_tokens": calls["outputTokens"].fillna(0),
            "total_tokens": calls["totalTokens"].fillna(0),
        }
    )
    spans = rows[at % 4 == 0].assign(
        type="SPAN", level="ERROR", status_message="Request timed out."
    )
    events = rows[at % 10 == 1].assign(type="EVENT", end_time=pd.NaT)
    unfinished = rows[at % 20 == 3].assign(end_time=pd.NaT)
    return _with_new_ids(rows, spans, events, unfinished, column="id")


def _with_new_ids(rows: pd.DataFrame, *more: pd.DataFrame, column: str) -> pd.DataFrame:
    whole = pd.concat([rows, *more], ignore_index=True)
    whole[column] = [f"row-{number}" for number in range(len(whole))]
    return whole


# ---- the shipped mappings once more, in plain Python -----------------------------------------------------------------
def plain_litellm(rows: pd.DataFrame) -> pd.DataFrame:
    """What the rows mean, read one after the other."""
    calls = []
    for row in _plain(rows):
        if (row["cache_hit"] or "").lower() == "true" or row["call_type"] == "call_mcp_tool":
            continue
        metadata = json.loads(row["metadata"])
        failed = (row["status"] or metadata["status"]) == "failure"
        ms = row["request_duration_ms"]
        if ms is None:
            ms = round((row["endTime"] - row["startTime"]).total_seconds() * 1000)
        own_tags = [
            tag for tag in json.loads(row["request_tags"]) if not tag.startswith("User-Agent:")
        ]
        information = metadata["error_information"] or {}
        words = {"Timeout": "Request timed out.", "APIConnectionError": "Connection error."}.get(
            information.get("error_class")
        )
        code = information.get("error_code")
        calls.append(
            {
                "id": row["request_id"],
                "clientId": row["team_id"] or "(no team)",
                "leadId": row["session_id"],
                "source": row["call_type"],
                "featureId": own_tags[0] if own_tags else row["model_group"],
                "model": row["model"],
                "latencyMs": int(ms),
                "status": "error" if failed else "success",
                "errorMessage": (words or f"{code} {information['error_message']}".strip())
                if failed
                else None,
                "outputTokens": None if failed else row["completion_tokens"] or None,
                "totalTokens": None if failed else row["total_tokens"] or None,
                "createdAt": row["startTime"] + pd.Timedelta(milliseconds=int(ms)),
            }
        )
    return _frame(calls)


def plain_langfuse(rows: pd.DataFrame) -> pd.DataFrame:
    """What the rows mean, read one after the other."""
    calls = []
    for row in _plain(rows):
        if row["type"] != "GENERATION" or row["end_time"] is None:
            continue
        failed = row["level"] == "ERROR"
        calls.append(
            {
                "id": row["id"],
                "clientId": row["project_id"],
                "leadId": row["trace_id"],
                "source": None,
                "featureId": row["name"] or "(no name)",
                "model": row["model"],
                "latencyMs": round((row["end_time"] - row["start_time"]).total_seconds() * 1000),
                "status": "error" if failed else "success",
                "errorMessage": row["status_message"] if failed else None,
                "outputTokens": None if failed else row["completion_tokens"] or None,
                "totalTokens": None if failed else row["total_tokens"] or None,
                "createdAt": row["end_time"],
            }
        )
    return _frame(calls)


def _plain(rows: pd.DataFrame) -> list[dict]:
    return rows.astype(object).where(rows.notna(), None).to_dict("records")


def _frame(calls: list[dict]) -> pd.DataFrame:
    frame = pd.DataFrame(calls).astype(
        dict.fromkeys(("latencyMs", "outputTokens", "totalTokens"), "Int64")
    )
    frame["createdAt"] = pd.to_datetime(frame["createdAt"]).astype("datetime64[ms]")
    return frame.astype(
        dict.fromkeys(
            ("id", "clientId", "leadId", "source", "featureId", "model", "status", "errorMessage"),
            "str",
        )
    )
