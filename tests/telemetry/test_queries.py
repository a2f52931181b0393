"""The queries of sql/: the same rows printed and run, percentile_cont, indexes, one SELECT."""

import contextlib
import subprocess
import sys
from datetime import timedelta

import pandas as pd
import psycopg2
import pytest

from analysis.config.settings import ErrorClass
from analysis.counting.caps import LIMIT_COLUMNS
from analysis.counting.grid import Grid
from analysis.counting.query_text import NOT_ALONE, query_text
from analysis.counting.scans.baseline_tables import (
    errors_by_source,
    latency_distribution,
    published_window,
)
from analysis.counting.scans.count_tables import load_hourly_counts
from analysis.counting.scans.scan import Scan
from analysis.errors import WrongUse
from analysis.sample.simulate import simulate_phase_94
from analysis.telemetry.engines import open_engine
from analysis.telemetry.mapping import CANONICAL_COLUMNS, TableMapping
from analysis.telemetry.queries import Queries
from analysis.telemetry.sql_files import CALLS, SQL_FOLDER, sql_sha256
from analysis.telemetry.statements import Relation, check_one_select
from analysis.telemetry.vocabulary import vocabulary
from analysis.window import HOUR, Window
from tests.fixtures.edge_case_calls import DEPLOYED_AT, edge_case_calls, typed
from tests.fixtures.opened_engines import DEPLOY, GRID
from tests.fixtures.single_calls import call
from tests.fixtures.sql_rules import shared_sql_faults
from tests.fixtures.stores import POSTGRES_SOURCE, settings_of, store

CANONICAL = Queries(TableMapping("aiinteraction", "AIInteraction"))
PRINTED = sorted(path.stem for path in SQL_FOLDER.glob("*.sql") if path.stem not in NOT_ALONE)
FOUR_HOURS = Window(DEPLOY, DEPLOY + 4 * HOUR)
NO_LIMITS = Relation(LIMIT_COLUMNS, [])
RELATIONS = {
    "hourly_counts": {"limits": Relation(LIMIT_COLUMNS, [("f", *[1] * 5)])},
    "signatures": {"vocabulary": vocabulary()},
    "cron_minutes": {"chosen": Relation({"feature": "TEXT", "source": "TEXT"}, [("f", None)])},
}


@pytest.fixture
def in_postgres(database, tmp_path, monkeypatch):
    """A function from calls to the settings of a rollout over them."""

    def load(calls, **options):
        return store(
            "postgres", calls, tmp_path, database=database, monkeypatch=monkeypatch, **options
        )

    return load


# ---- as printed by `rollout sql` -------------------------------------------------------------
@pytest.mark.parametrize("name", PRINTED)
def test_a_printed_query_returns_what_the_engine_returns(in_postgres, database, name):
    settings = in_postgres(edge_case_calls())
    text = query_text(settings, DEPLOY, name, "4h")
    with contextlib.closing(psycopg2.connect(database.url)) as link, link.cursor() as cursor:
        cursor.execute(text)
        columns = [column.name for column in cursor.description]
        printed = pd.DataFrame(cursor.fetchall(), columns=columns)
    relations = RELATIONS.get(name) if name != "hourly_counts" else {"limits": NO_LIMITS}
    with contextlib.closing(open_engine(settings)) as engine:
        statement = engine.queries.statement(name, GRID.parameters(FOUR_HOURS), relations=relations)
        pd.testing.assert_frame_equal(printed, engine.fetch(statement))
    assert len(printed)


def test_a_printed_query_holds_the_user_s_error_classes(in_postgres, database):
    messages = ['It\'s 100%: "ODD"', "it's 100", "Request timed out."]
    calls = typed([call(60, ok=False, errorMessage=message) for message in messages])
    own = '[[error_class]]\nname = "odd"\ncontains = ["it\'s 100%: \\"odd\\""]\n'
    text = query_text(in_postgres(calls, more=own), DEPLOY, "error_classes", "1h")
    assert sorted(row[1] for row in database.execute(text)) == [1, 8, 100]


def test_printing_needs_no_connection(tmp_path):
    settings = settings_of(tmp_path, POSTGRES_SOURCE.replace("TEST_URL", "NOT_SET"))
    assert query_text(settings, DEPLOY, "coverage", None).endswith(";")


def test_an_unknown_query_names_the_known_ones(tmp_path):
    settings = settings_of(tmp_path, POSTGRES_SOURCE)
    known = r"there is no query 'error_by_source'; take one of .*errors_by_source"
    with pytest.raises(WrongUse, match=known):
        query_text(settings, DEPLOY, "error_by_source", None)


def test_rollout_sql_lists_the_queries_with_what_they_count():
    command = [sys.executable, "-m", "analysis", "sql"]
    listed = subprocess.check_output(command, text=True, cwd=SQL_FOLDER.parent)
    assert [line.split()[0] for line in listed.splitlines()] == PRINTED
    assert "errors_by_source      errors of each feature" in listed


# ---- against PostgreSQL's own percentiles ----------------------------------------------------
PUBLISHED_DAY = """
    "createdAt" >= '2026-02-01 23:10:16' AND "createdAt" < '2026-02-02 23:10:16'
"""


def test_the_published_tables_equal_percentile_cont(in_postgres, database):
    sample = simulate_phase_94()
    sample = sample[sample["createdAt"].between("2026-02-01 20:00", "2026-02-03 02:00")]
    deployed_at = DEPLOY.replace(microsecond=0)
    grid, window = Grid(deployed_at, timedelta(seconds=90)), published_window(deployed_at)
    with contextlib.closing(open_engine(in_postgres(sample))) as engine:
        distribution = latency_distribution(engine, grid, window)
        errors = errors_by_source(engine, grid, window)
    expected = {
        row[:3]: (row[3], row[4], *row[5], row[6])
        for row in database.execute(f"""
            SELECT
                "featureId", "source", "status", COUNT(*), AVG("latencyMs")::FLOAT8,
                PERCENTILE_CONT(ARRAY[0.5, 0.9, 0.95]) WITHIN GROUP (ORDER BY "latencyMs"),
                MAX("latencyMs")
            FROM "AIInteraction" WHERE {PUBLISHED_DAY} GROUP BY 1, 2, 3""")
    }
    names = ("calls", "avg_ms", "p50_ms", "p90_ms", "p95_ms", "max_ms")
    found = {
        (row["feature"], row["source"], row["status"]): tuple(row[name] for name in names)
        for row in distribution
    }
    assert found.keys() == expected.keys()
    for key, numbers in found.items():
        assert numbers == pytest.approx(expected[key], rel=1e-12), key
    timeouts = {
        (row["feature"], row["source"], row["errors"], row["max_ms"])
        for row in errors
        if row["error_class"] == "timeout"
    }
    assert timeouts == set(
        database.execute(f"""
            SELECT "featureId", "source", COUNT(*), MAX("latencyMs") FROM "AIInteraction"
            WHERE "status" = 'error' AND "errorMessage" LIKE 'Request timed out%'
                AND {PUBLISHED_DAY}
            GROUP BY 1, 2""")
    )


def test_a_window_is_found_by_the_index_on_created_at(database):
    database.execute("""
        INSERT INTO "AIInteraction" (
            "id", "clientId", "featureId", "model", "apiType", "latencyMs", "status", "createdAt"
        )
        SELECT
            'id-' || n, 't', 'f' || n % 7, 'm', 'r', n % 1000, 'success',
            TIMESTAMP '2026-01-04 00:00:00' + n * INTERVAL '52 seconds'
        FROM generate_series(1, 50000) AS n""")
    database.execute('ANALYZE "AIInteraction"')
    for name in ("hourly_counts", "latency_counts", "written", "errors_by_source", "recovered"):
        relations = {"limits": NO_LIMITS} if name == "hourly_counts" else None
        statement = CANONICAL.statement(name, GRID.parameters(FOUR_HOURS), relations=relations)
        rows = database.execute(f"EXPLAIN {statement.text_with_values()}")
        plan = "\n".join(row[0] for row in rows)
        assert "AIInteraction_createdAt_idx" in plan, f"{name}\n{plan}"
        assert "Seq Scan" not in plan, f"{name}\n{plan}"


# ---- laws ------------------------------------------------------------------------------------
def test_a_template_is_made_once_and_filled_with_new_values():
    other = Queries(TableMapping("aiinteraction", "AIInteraction"))
    own = Queries(other.mapping, (ErrorClass(name="mine", contains=["a"]),))
    first, second, third = (
        queries.statement("latency_counts", GRID.parameters(Window(DEPLOY, DEPLOY + hours * HOUR)))
        for queries, hours in ((CANONICAL, 1), (other, 9), (own, 1))
    )
    assert first.template is second.template
    assert first.parameters["end_before"] + 8 * HOUR == second.parameters["end_before"]
    assert third.template is not first.template


def test_values_travel_as_parameters():
    secret = "'; drop table x; --"
    own = ErrorClass(name="c", contains=[secret], pattern=secret)
    chosen = Relation({"feature": "TEXT", "source": "TEXT"}, [(secret, secret), ("f", None)])
    statement = Queries(TableMapping("m", "AIInteraction"), (own,)).statement(
        "cron_minutes", GRID.parameters(FOUR_HOURS), relations={"chosen": chosen}
    )
    for dialect, placeholder in (("duckdb", None), ("postgres", ":{}"), ("spark", ":{}")):
        assert "drop table" not in statement.sql(dialect, placeholder=placeholder).lower()
    assert list(statement.parameters.values()).count(secret) == 4
    assert statement.text_with_values().count("''; drop table x; --'") == 4


@pytest.mark.parametrize(
    "table", ['AI"; DROP TABLE x; --', "schema.table", 'sch"ema.ta ble', "a.b.c;"]
)
def test_the_name_of_a_table_is_quoted(table):
    queries = Queries(TableMapping("m", table))
    text = queries.statement("latency_counts", GRID.parameters(FOUR_HOURS)).sql("postgres")
    check_one_select(text, "postgres")
    name = table.rpartition(".")[2].replace('"', '""')
    assert f'"{name}" AS "AIInteraction"' in text


def test_the_fingerprint_covers_the_rules_for_error_classes(monkeypatch):
    before, other = sql_sha256([CALLS]), sql_sha256(["written"])
    monkeypatch.setattr("analysis.telemetry.sql_files.SHIPPED_RULES", ())
    assert sql_sha256([CALLS]) != before
    assert sql_sha256(["written"]) == other


def test_a_colon_in_a_mapping_is_no_parameter(database, tmp_path, monkeypatch):
    columns = {name: f'"{name}"' for name in CANONICAL_COLUMNS}
    columns["source"] = """COALESCE("source", 'none :x ::y 100%')"""
    lines = [f"{name} = '''{sql}'''" for name, sql in columns.items()]
    (tmp_path / "own.toml").write_text("\n".join(["[columns]", *lines]), encoding="utf-8")
    database.load_interactions(edge_case_calls())
    monkeypatch.setenv("TEST_URL", database.url)
    settings = settings_of(tmp_path, f'{POSTGRES_SOURCE}\nmapping = "own.toml"')
    with contextlib.closing(open_engine(settings)) as engine:
        limits = pd.DataFrame(columns=list(LIMIT_COLUMNS))
        sources = load_hourly_counts(Scan(engine, GRID), FOUR_HOURS, limits).rows["source"]
    assert "none :x ::y 100%" in set(sources)
    assert sources.notna().all()


# ---- one SELECT ------------------------------------------------------------------------------
@pytest.mark.parametrize("dialect", ["postgres", "duckdb"])
@pytest.mark.parametrize(
    "text",
    [
        "",
        "SELECT 1; SELECT 2",
        "SELECT 1; DROP TABLE x",
        "DROP TABLE x",
        "DELETE FROM x",
        "UPDATE x SET a = 1",
        "INSERT INTO x VALUES (1)",
        "WITH gone AS (DELETE FROM x RETURNING *) SELECT * FROM gone",
        "SELECT * INTO y FROM x",
        "SELECT * FROM x FOR UPDATE",
        "CREATE TABLE y AS SELECT 1",
        "COPY x TO '/tmp/y'",
        "COPY (SELECT 1) TO PROGRAM 'sh'",
        "TRUNCATE x",
        "VACUUM",
        "SET x = 1",
        "CALL f()",
        "EXPLAIN ANALYZE DELETE FROM x",
        "ATTACH 'y.duckdb'",
        "PRAGMA database_list",
        "INSTALL httpfs",
        "SELECT (",
        "MERGE INTO x USING y ON TRUE WHEN MATCHED THEN DELETE",
        "BEGIN",
        "GRANT ALL ON x TO y",
        "ALTER TABLE x ADD y INT",
        "VALUES (1)",
        "DO $$ BEGIN END $$",
        "LOCK TABLE x",
    ],
)
def test_only_one_select_passes(text, dialect):
    with pytest.raises(PermissionError, match="only one SELECT"):
        check_one_select(text, dialect)


@pytest.mark.parametrize("name", sorted(path.stem for path in SQL_FOLDER.glob("*.sql")))
def test_every_query_is_one_select_in_every_dialect(name):
    window = GRID.parameters(FOUR_HOURS, previous=Window(DEPLOY, DEPLOY + HOUR))
    parameters = window | {"feature": "f", "since": DEPLOYED_AT, "table": "x"}
    statement = CANONICAL.statement(name, parameters, relations=RELATIONS.get(name))
    for dialect in ("postgres", "duckdb", "spark"):
        check_one_select(statement.sql(dialect), dialect)
    if name not in ("doctor_policies", "doctor_privileges"):  # PostgreSQL only
        assert shared_sql_faults(statement.template.query) == []
