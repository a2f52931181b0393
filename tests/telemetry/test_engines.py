"""Engines read and never write: the database itself refuses; and what of a URL reaches the driver."""

import subprocess
import sys
from datetime import datetime

import duckdb
import pandas as pd
import psycopg2
import pytest
from sqlalchemy.engine import make_url

from analysis.counting.scanning.count_tables import load_latency_counts
from analysis.counting.scanning.written_rows import load_row_quality
from analysis.errors import RolloutError
from analysis.telemetry import statements
from analysis.telemetry.engines import open_engine
from analysis.telemetry.engines.sqlalchemy import database_url, transactions
from analysis.telemetry.engines.sqlalchemy import engine as sqlalchemy_engine
from tests.fixtures.edge_case_calls import edge_case_calls
from tests.fixtures.opened_engines import GRID, WIDE, Raw, one, with_url
from tests.fixtures.stores import FILES, store

WRITES = [
    'INSERT INTO "AIInteraction" ("id") VALUES (\'x\')',
    'UPDATE "AIInteraction" SET "status" = \'x\'',
    'DELETE FROM "AIInteraction"',
    'TRUNCATE "AIInteraction"',
    'DROP TABLE "AIInteraction"',
    "CREATE TABLE other (a INT)",
    'ALTER TABLE "AIInteraction" ADD COLUMN z INT',
    "COPY \"AIInteraction\" FROM PROGRAM 'true'",
    "CREATE EXTENSION dblink",
    "SELECT nextval('numbers')",
    "SELECT lo_create(0)",
]


def test_duckdb_draws_no_progress_into_a_notebook(tmp_path):
    """Where Python runs no script (a kernel, -c) DuckDB shows a bar on stdout for a query of two seconds: it would stand in pages and --json."""
    settings = store("parquet", edge_case_calls(), tmp_path)
    program = """
import sys
from analysis.config import load_settings
from analysis.telemetry.engines import open_engine
print(open_engine(load_settings(sys.argv[1]))._connection.execute("SELECT current_setting('enable_progress_bar')").fetchone())
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(settings.path)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "(False,)\n"


# ---- read only: the database's own refusal ---------------------------------------------------------------------------
@pytest.mark.parametrize("text", WRITES)
def test_postgres_refuses_to_write(postgres, database, text, monkeypatch):
    before = database.execute(
        'SELECT count(*), md5(string_agg(a::text, \',\' ORDER BY "id")) FROM "AIInteraction" AS a'
    )
    said = []
    explain = transactions.explain_error
    monkeypatch.setattr(
        transactions,
        "explain_error",
        lambda error, doing: said.append(error) or explain(error, doing),
    )
    with pytest.raises(RolloutError, match="refused because the transaction is read-only"):
        postgres.fetch(Raw(text))
    assert said[0].orig.pgcode == "25006"  # read_only_sql_transaction, PostgreSQL's own words
    assert (
        database.execute(
            'SELECT count(*), md5(string_agg(a::text, \',\' ORDER BY "id")) FROM "AIInteraction" AS a'
        )
        == before
    )


def test_postgres_stays_read_only_when_the_start_up_option_is_lost(database, tmp_path, monkeypatch):
    """Behind a pooler the session is not ours: each transaction says it for itself."""
    monkeypatch.setattr(sqlalchemy_engine, "connect_arguments", lambda url: {})
    engine = with_url(monkeypatch, tmp_path, database.url)
    with pytest.raises(RolloutError, match="read-only"):
        engine.fetch(Raw('DELETE FROM "AIInteraction"'))
    assert one(engine, "SELECT current_setting('transaction_read_only')") == "on"
    engine.close()


def test_postgres_stays_read_only_by_the_start_up_option_alone(database, tmp_path, monkeypatch):
    monkeypatch.setattr(transactions, "transaction_settings", lambda *_, **__: ())
    engine = with_url(monkeypatch, tmp_path, database.url)
    with pytest.raises(RolloutError, match="read-only"):
        engine.fetch(Raw('DELETE FROM "AIInteraction"'))
    engine.close()


@pytest.mark.parametrize("kind", FILES)
def test_duckdb_refuses_to_write(tmp_path, kind):
    settings = store(kind, edge_case_calls(), tmp_path)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    engine = open_engine(settings)
    refused = [
        "COPY telemetry_source TO '{0}/stolen.csv'",
        "COPY (SELECT 1) TO '{0}/calls.parquet'",
        "ATTACH '{0}/new.duckdb'",
        "EXPORT DATABASE '{0}/all'",
        "SELECT * FROM read_text('/etc/hostname')",
        "SET enable_external_access = true",
        "SET allowed_paths = ['/']",
        "INSTALL httpfs",
    ]
    if kind == "duckdb":
        refused += [
            'INSERT INTO attached."AIInteraction" SELECT * FROM attached."AIInteraction"',
            'DROP TABLE attached."AIInteraction"',
            'DELETE FROM attached."AIInteraction"',
            "CREATE TABLE attached.other (a INT)",
        ]
    for text in refused:
        with pytest.raises(
            duckdb.Error,
            match=r"read-only mode|disabled by configuration|has been locked|Cannot change|disallowed",
        ):
            engine._connection.execute(text.format(tmp_path))
    engine.close()
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    "text", ["DELETE FROM telemetry_source", "SELECT 1; SELECT 2", "COPY telemetry_source TO 'x'"]
)
def test_the_parser_s_lock_stands_before_both(tmp_path, text):
    engine = open_engine(store("parquet", edge_case_calls(), tmp_path))
    statement = engine.queries.statement("latency_counts", GRID.parameters(WIDE))
    broken = statements.Template("latency_counts", _NotAQuery(text), {})
    with pytest.raises(PermissionError, match="only one SELECT"):
        engine.fetch(statements.Statement(broken, statement.parameters))


class _NotAQuery:
    def __init__(self, text):
        self.text = text

    def copy(self):
        return self

    def find_all(self, *_):
        return []

    def sql(self, **_):
        return self.text


def test_the_test_server_really_runs(database):
    assert isinstance(database.execute("SELECT now()")[0][0], datetime)
    assert issubclass(psycopg2.errors.ReadOnlySqlTransaction, psycopg2.Error)


# ---- the URL ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("given", "driver", "query"),
    [
        ("postgres://u@h/d", "postgresql+psycopg2", {}),
        (
            "postgresql://u@h/d?schema=app&pgbouncer=true&connection_limit=1&pool_timeout=5&statement_cache_size=0&sslaccept=strict",
            "postgresql+psycopg2",
            {},
        ),
        (
            "postgresql://u@h/d?sslmode=require&application_name=x&connect_timeout=3&target_session_attrs=any",
            "postgresql+psycopg2",
            {
                "sslmode": "require",
                "application_name": "x",
                "connect_timeout": "3",
                "target_session_attrs": "any",
            },
        ),
        (
            "postgresql+psycopg2://u@h/d?options=-c%20x%3D1",
            "postgresql+psycopg2",
            {},
        ),  # options travel beside the URL
        ("mysql+pymysql://u@h/d?charset=utf8", "mysql+pymysql", {"charset": "utf8"}),
    ],
)
def test_what_the_driver_gets(given, driver, query):
    url = database_url.driver_url(make_url(given))
    assert (url.drivername, dict(url.query)) == (driver, query)


@pytest.mark.parametrize(
    ("given", "arguments"),
    [
        (
            "postgres://u@h/d",
            {
                "application_name": "rollout",
                "connect_timeout": 10,
                "options": "-c default_transaction_read_only=on",
            },
        ),
        ("postgres://u@h:6543/d", {"application_name": "rollout", "connect_timeout": 10}),
        (
            "postgres://u@h:6543/d?connect_timeout=0",
            {"application_name": "rollout", "connect_timeout": 10},
        ),  # 0 would wait for ever
        (
            "postgres://u@h:7000/d?pgbouncer=true",
            {"application_name": "rollout", "connect_timeout": 10},
        ),
        (
            "postgres://u@h/d?connect_timeout=3&options=-c%20work_mem%3D64MB",
            {
                "application_name": "rollout",
                "options": "-c work_mem=64MB -c default_transaction_read_only=on",
            },
        ),
        ("mysql://u@h/d", {}),
    ],
)
def test_what_goes_beside_the_url(given, arguments):
    assert database_url.connect_arguments(make_url(given)) == arguments


@pytest.mark.parametrize(
    "keys",
    [
        "schema=app",
        "schema=app&pgbouncer=true&connection_limit=1&sslmode=disable",
        'schema=we"ird%20One',
    ],
)
def test_a_prisma_url_reads_its_own_schema(database, tmp_path, monkeypatch, keys):
    schema = "app" if "app" in keys else 'we"ird One'
    quoted = '"' + schema.replace('"', '""') + '"'
    database.execute(
        f'CREATE SCHEMA {quoted}; CREATE TABLE {quoted}."AIInteraction" (LIKE public."AIInteraction")'
    )
    for number, where in enumerate(("public", quoted)):
        database.execute(f"""INSERT INTO {where}."AIInteraction" ("id", "clientId", "featureId", "model", "apiType", "latencyMs", "status", "createdAt")
            SELECT 'a' || n, 't', 'f', 'm', 'r', 5, 'success', '2026-02-03' FROM generate_series(1, {number + 1}) AS n""")
    engine = with_url(
        monkeypatch, tmp_path, f"{database.url}?{keys}".replace("postgresql://", "postgres://")
    )
    assert load_row_quality(engine, GRID, WIDE).written_rows == 2
    engine.close()


def test_a_table_in_a_schema_by_its_name(database, tmp_path, monkeypatch):
    database.execute('CREATE SCHEMA app; CREATE TABLE app."Calls" (LIKE public."AIInteraction")')
    engine = with_url(monkeypatch, tmp_path, database.url, more='table = "app.Calls"')
    assert load_row_quality(engine, GRID, WIDE).written_rows == 0
    engine.close()


def test_the_session_s_zone_and_timestamptz_do_not_matter(database, tmp_path, monkeypatch):
    calls = edge_case_calls()
    database.load_interactions(calls)
    monkeypatch.setenv("PGTZ", "America/New_York")
    plain = with_url(monkeypatch, tmp_path, database.url)
    as_stored = load_latency_counts(plain, GRID, [WIDE]), load_row_quality(plain, GRID, WIDE)
    plain.close()
    database.execute(
        """ALTER TABLE "AIInteraction" ALTER "createdAt" TYPE TIMESTAMPTZ USING "createdAt" AT TIME ZONE 'UTC'"""
    )
    zoned = with_url(monkeypatch, tmp_path, database.url)
    with_zone = load_latency_counts(zoned, GRID, [WIDE]), load_row_quality(zoned, GRID, WIDE)
    zoned.close()
    pd.testing.assert_frame_equal(as_stored[0].rows, with_zone[0].rows)
    assert as_stored[1] == with_zone[1]
