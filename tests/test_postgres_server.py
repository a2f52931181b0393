"""The server of the tests is a real one, and each test has its own database."""

import contextlib
import os
import shutil
import subprocess
import sys
import textwrap
import time
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import psycopg2
import pytest

from tests import postgres_server as server_module
from tests.postgres_server import Database, PostgresUnavailableError, run_postgres


def one_call(**columns) -> pd.DataFrame:
    row = {
        "id": "a",
        "featureId": "signature.context",
        "status": "success",
        "latencyMs": 1784,
        "createdAt": "2026-02-02T23:10:16Z",
    }
    return pd.DataFrame([row | columns])


def test_every_kind_of_value_comes_back_as_it_went_in(database, load_interactions):
    rows = pd.DataFrame(
        {
            "id": ["a", "b", "c"],
            "clientId": ["tenant-1", "tenant-2", "tenant-2"],
            "source": ["background-job/email-inbound-post-process", None, ""],
            "featureId": ["draft.verify.email.step3"] * 3,
            "latencyMs": [20128, None, 0],
            "totalTokens": pd.array([None, 5, 7], dtype="Int64"),
            "status": ["error", "success", "success"],
            "errorMessage": ['500 said "no",\nthen nothing; C:\\path \\N', None, "Grüße, 時間"],
            "metadata": [{"severity": "warning", "attempts": 2}, None, None],
            "createdAt": [
                "2026-02-02T23:10:16.123Z",
                "2026-03-08T07:30:00Z",
                "2026-03-08T06:59:59.999",
            ],
        }
    )

    assert load_interactions(rows) == 3

    stored = database.execute(
        'SELECT "source", "latencyMs", "totalTokens", "errorMessage", "metadata", "createdAt" FROM "AIInteraction" ORDER BY "id"'
    )
    assert stored == [
        (
            "background-job/email-inbound-post-process",
            20128,
            None,
            '500 said "no",\nthen nothing; C:\\path \\N',
            {"severity": "warning", "attempts": 2},
            datetime(2026, 2, 2, 23, 10, 16, 123000),
        ),
        (None, None, 5, None, None, datetime(2026, 3, 8, 7, 30)),
        ("", 0, 7, "Grüße, 時間", None, datetime(2026, 3, 8, 6, 59, 59, 999000)),
    ]


def test_created_at_keeps_milliseconds_and_rounds_the_rest(database):
    database.load_interactions(one_call(createdAt="2026-02-02T23:10:16.123500Z"))
    assert database.execute('SELECT "createdAt" FROM "AIInteraction"') == [
        (datetime(2026, 2, 2, 23, 10, 16, 124000),)
    ]


def test_created_at_is_utc_whatever_the_zone_of_rows_and_server(database):
    database.load_interactions(one_call(createdAt="2026-02-03T00:10:16+01:00"))
    assert database.execute('SELECT "createdAt" FROM "AIInteraction"') == [
        (datetime(2026, 2, 2, 23, 10, 16),)
    ]
    assert database.execute("SHOW timezone") != [("UTC",)] or "TEST_DATABASE_URL" in os.environ


def test_the_table_is_the_one_of_the_application(database):
    columns = database.execute(
        "SELECT column_name, data_type, is_nullable FROM information_schema.columns"
        " WHERE table_name = 'AIInteraction' ORDER BY ordinal_position"
    )
    assert columns == [
        ("id", "text", "NO"),
        ("clientId", "text", "NO"),
        ("leadId", "text", "YES"),
        ("source", "text", "YES"),
        ("featureId", "text", "NO"),
        ("promptKey", "text", "YES"),
        ("model", "text", "NO"),
        ("apiType", "text", "NO"),
        ("inputTokens", "integer", "YES"),
        ("outputTokens", "integer", "YES"),
        ("reasoningTokens", "integer", "YES"),
        ("totalTokens", "integer", "YES"),
        ("latencyMs", "integer", "YES"),
        ("status", "text", "NO"),
        ("errorMessage", "text", "YES"),
        ("metadata", "jsonb", "YES"),
        ("createdAt", "timestamp without time zone", "NO"),
    ]
    precision = database.execute(
        "SELECT datetime_precision FROM information_schema.columns WHERE column_name = 'createdAt'"
    )
    indexes = database.execute("SELECT COUNT(*) FROM pg_indexes WHERE tablename = 'AIInteraction'")
    assert (precision, indexes) == ([(3,)], [(8,)])


def test_an_id_stands_once_and_left_out_columns_are_filled(database):
    frame = one_call().drop(columns="id")
    assert [database.load_interactions(frame) for _ in range(2)] == [1, 1]
    assert database.execute(
        'SELECT DISTINCT "clientId", "model", "apiType" FROM "AIInteraction"'
    ) == [("tenant-1", "gpt-5-mini", "responses")]
    database.load_interactions(one_call())
    with pytest.raises(psycopg2.errors.UniqueViolation):
        database.load_interactions(one_call())


def test_two_databases_know_nothing_of_each_other(postgres_server):
    with postgres_server.fresh_database() as first, postgres_server.fresh_database() as second:
        first.load_interactions(one_call())
        assert first.execute('SELECT COUNT(*) FROM "AIInteraction"') == [(1,)]
        assert second.execute('SELECT COUNT(*) FROM "AIInteraction"') == [(0,)]
    with pytest.raises(psycopg2.OperationalError, match="does not exist"):
        first.connect()


def test_a_database_is_dropped_although_somebody_still_reads_it(postgres_server):
    with postgres_server.fresh_database() as fresh:
        open_connection = fresh.connect()
    with contextlib.closing(open_connection), pytest.raises(psycopg2.Error):
        open_connection.cursor().execute("SELECT 1")


def test_parameters_are_bound_not_pasted(database):
    database.load_interactions(one_call(featureId="it's; 100 %"))
    assert database.execute(
        'SELECT "latencyMs" FROM "AIInteraction" WHERE "featureId" = %s', ["it's; 100 %"]
    ) == [(1784,)]
    assert (
        database.execute(
            'SELECT 1 FROM "AIInteraction" WHERE "featureId" = %(name)s', {"name": "other"}
        )
        == []
    )


def test_fifty_thousand_rows_load_within_seconds(database):
    rng = np.random.default_rng(7)
    calls = 50_000
    rows = pd.DataFrame(
        {
            "featureId": rng.choice(["draft.verify.email.step3", "signature.context"], calls),
            "status": np.where(rng.random(calls) < 0.2, "error", "success"),
            "latencyMs": rng.integers(0, 60_000, calls),
            "createdAt": pd.Timestamp("2026-02-01", tz="UTC")
            + pd.to_timedelta(rng.integers(0, 86_400_000, calls), unit="ms"),
        }
    )
    began = time.monotonic()
    database.load_interactions(rows)
    assert time.monotonic() - began < 20
    stored = database.execute(
        'SELECT "featureId", "status", COUNT(*), SUM("latencyMs") FROM "AIInteraction" GROUP BY 1, 2'
    )
    expected = rows.groupby(["featureId", "status"])["latencyMs"].agg(["size", "sum"])
    assert {(feature, status): (n, total) for feature, status, n, total in stored} == {
        key: (row["size"], row["sum"]) for key, row in expected.iterrows()
    }


def test_the_wrong_password_is_refused(postgres_server):
    if "TEST_DATABASE_URL" in os.environ:
        pytest.skip("the rules of a given server are its own")
    user, _, host = postgres_server.url.rpartition("@")
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        Database(f"{user}x@{host}").connect()


def test_a_server_that_cannot_start_is_an_error_with_its_log(monkeypatch):
    monkeypatch.delenv("TEST_DATABASE_URL", raising=False)
    monkeypatch.setitem(server_module.SETTINGS, "shared_buffers", "a bucket")
    with (
        pytest.raises(
            PostgresUnavailableError, match=r"(?s)ended with 1 while starting.*shared_buffers"
        ),
        run_postgres(),
    ):
        pass


def test_a_given_server_is_used_and_left_as_it_was(postgres_server, monkeypatch):
    monkeypatch.setenv("TEST_DATABASE_URL", postgres_server.url)
    count = "SELECT COUNT(*) FROM pg_database"
    before = Database(postgres_server.url).execute(count)
    with run_postgres() as server, server.fresh_database() as fresh:
        assert server.url == postgres_server.url
        assert fresh.load_interactions(one_call()) == 1
    assert Database(postgres_server.url).execute(count) == before


@pytest.mark.skipif(
    sys.platform != "linux", reason="the parent's death is told to the child by Linux alone"
)
def test_no_server_outlives_a_killed_test_process(monkeypatch):
    monkeypatch.delenv("TEST_DATABASE_URL", raising=False)
    program = textwrap.dedent(
        """
        import os, signal
        from tests.postgres_server import Database, run_postgres
        with run_postgres() as server:
            print(server.url, *Database(server.url).execute("SHOW data_directory")[0], flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
        """
    )
    ended = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        cwd=server_module.TABLE_DDL.parents[1],
    )
    assert ended.stdout.startswith("postgresql://"), ended.stderr
    url, cluster = ended.stdout.split()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            Database(url).connect().close()
        except psycopg2.OperationalError as error:
            if "refused" in str(error):
                shutil.rmtree(Path(cluster).parent)  # nobody was left to do it
                return
        time.sleep(0.05)
    pytest.fail("the server still answers although its test process was killed")
