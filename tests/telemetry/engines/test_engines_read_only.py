"""Engines read and never write: the databases themselves refuse, whatever text reaches them."""

import subprocess
import sys

import duckdb
import pytest

from analysis.errors import RolloutError
from analysis.telemetry import statements
from analysis.telemetry.engines import open_engine
from analysis.telemetry.engines.sqlalchemy import engine as sqlalchemy_engine
from analysis.telemetry.engines.sqlalchemy import transactions
from tests.fixtures.edge_case_calls import edge_case_calls
from tests.fixtures.opened_engines import (
    ALL_CALLS,
    GRID,
    UncheckedStatement,
    one_value,
    open_url,
)
from tests.fixtures.stores import FILES, store

DELETE = 'DELETE FROM "AIInteraction"'
CHECKSUM = """
SELECT COUNT(*), MD5(STRING_AGG(a::TEXT, ',' ORDER BY "id")) FROM "AIInteraction" AS a
"""


# ---- PostgreSQL ------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "text",
    [
        'INSERT INTO "AIInteraction" ("id") VALUES (\'x\')',
        'UPDATE "AIInteraction" SET "status" = \'x\'',
        DELETE,
        'TRUNCATE "AIInteraction"',
        'DROP TABLE "AIInteraction"',
        "CREATE TABLE other (a INT)",
        'ALTER TABLE "AIInteraction" ADD COLUMN z INT',
        "COPY \"AIInteraction\" FROM PROGRAM 'true'",
        "CREATE EXTENSION dblink",
        "SELECT nextval('numbers')",
        "SELECT lo_create(0)",
    ],
)
def test_postgres_refuses_to_write(postgres, database, text, monkeypatch):
    before = database.execute(CHECKSUM)
    errors, explain = [], transactions.explain_error

    def record_and_explain(error, subject):
        errors.append(error)
        return explain(error, subject)

    monkeypatch.setattr(transactions, "explain_error", record_and_explain)
    with pytest.raises(RolloutError, match="refused because the transaction is read-only"):
        postgres.fetch(UncheckedStatement(text))
    assert errors[0].orig.pgcode == "25006"  # read_only_sql_transaction: the server's own refusal
    assert database.execute(CHECKSUM) == before


def test_postgres_stays_read_only_when_the_start_up_option_is_lost(database, tmp_path, monkeypatch):
    """Behind a pooler the session is shared: each transaction makes itself read-only."""
    monkeypatch.setattr(sqlalchemy_engine, "connect_arguments", lambda url: {})
    engine = open_url(monkeypatch, tmp_path, database.url)
    with pytest.raises(RolloutError, match="read-only"):
        engine.fetch(UncheckedStatement(DELETE))
    assert one_value(engine, "SELECT current_setting('transaction_read_only')") == "on"
    engine.close()


def test_postgres_stays_read_only_by_the_start_up_option_alone(database, tmp_path, monkeypatch):
    monkeypatch.setattr(transactions, "transaction_settings", lambda *_, **__: [])
    engine = open_url(monkeypatch, tmp_path, database.url)
    with pytest.raises(RolloutError, match="read-only"):
        engine.fetch(UncheckedStatement(DELETE))
    engine.close()


# ---- DuckDB ----------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", FILES)
def test_duckdb_refuses_to_write(tmp_path, kind):
    settings = store(kind, edge_case_calls(), tmp_path)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    engine = open_engine(settings)
    texts = [
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
        texts += [
            'INSERT INTO attached."AIInteraction" SELECT * FROM attached."AIInteraction"',
            'DROP TABLE attached."AIInteraction"',
            'DELETE FROM attached."AIInteraction"',
            "CREATE TABLE attached.other (a INT)",
        ]
    refusals = "read-only mode|disabled by configuration|has been locked|Cannot change|disallowed"
    for text in texts:
        with pytest.raises(duckdb.Error, match=refusals):
            engine._connection.execute(text.format(tmp_path))
    engine.close()
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_duckdb_draws_no_progress_bar(tmp_path):
    """Where Python runs no script (a kernel, -c), the bar would be printed into pages and JSON."""
    settings = store("parquet", edge_case_calls(), tmp_path)
    program = """
import sys
from analysis.config import load_settings
from analysis.telemetry.engines import open_engine
connection = open_engine(load_settings(sys.argv[1]))._connection
print(connection.execute("SELECT current_setting('enable_progress_bar')").fetchone())
"""
    command = [sys.executable, "-c", program, str(settings.path)]
    assert subprocess.check_output(command, text=True) == "(False,)\n"


# ---- the parser, before both -----------------------------------------------------------------
class UnparsedText:
    """In the place of a syntax tree: any text."""

    def __init__(self, text):
        self.text = text

    def copy(self):
        return self

    def find_all(self, *_):
        return []

    def sql(self, **_):
        return self.text


@pytest.mark.parametrize(
    "text", ["DELETE FROM telemetry_source", "SELECT 1; SELECT 2", "COPY telemetry_source TO 'x'"]
)
def test_the_parser_refuses_before_the_database(tmp_path, text):
    engine = open_engine(store("parquet", edge_case_calls(), tmp_path))
    parameters = engine.queries.statement("latency_counts", GRID.parameters(ALL_CALLS)).parameters
    template = statements.Template("latency_counts", UnparsedText(text), {})
    with pytest.raises(PermissionError, match="only one SELECT"):
        engine.fetch(statements.Statement(template, parameters))
