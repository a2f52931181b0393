"""The queries of sql/: one SELECT each, the same rows by hand as by the engine, percentiles as percentile_cont, the index used."""

import contextlib
import subprocess
import sys
from datetime import UTC, timedelta

import pandas as pd
import psycopg2
import pytest

from analysis.config.settings import ErrorClass
from analysis.counting.baseline_tables import (
    errors_by_source,
    latency_distribution,
    published_window,
)
from analysis.counting.caps import LIMIT_COLUMNS
from analysis.counting.grid import Grid
from analysis.counting.query_text import NOT_ALONE, query_text
from analysis.counting.scanning.count_tables import load_hourly_counts
from analysis.errors import WrongUse
from analysis.judge import Rollout
from analysis.sample.simulate import simulate_phase_94
from analysis.telemetry.engines import open_engine
from analysis.telemetry.mapping import TableMapping
from analysis.telemetry.queries import Queries
from analysis.telemetry.sql_files import SQL_FOLDER
from analysis.telemetry.statements import Relation, check_one_select
from analysis.telemetry.vocabulary import vocabulary
from analysis.window import Window
from tests.fixtures.edge_case_calls import DEPLOYED_AT, edge_case_calls
from tests.fixtures.stores import settings_of, store

DEPLOY = DEPLOYED_AT.replace(tzinfo=UTC)
GRID = Grid(DEPLOY, timedelta(seconds=90))
BY_HAND = sorted(path.stem for path in SQL_FOLDER.glob("*.sql") if path.stem not in NOT_ALONE)
CANONICAL = Queries(TableMapping("aiinteraction", "AIInteraction"))


@pytest.fixture
def nasty_postgres(database, tmp_path, monkeypatch):
    return store(
        "postgres", edge_case_calls(), tmp_path, database=database, monkeypatch=monkeypatch
    )


# ---- by hand ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", BY_HAND)
def test_rollout_sql_prints_what_runs_in_postgres_with_the_same_rows(
    nasty_postgres, database, name
):
    text = query_text(nasty_postgres, DEPLOY, name, "4h")
    with (
        contextlib.closing(psycopg2.connect(database.url)) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(text)
        by_hand = pd.DataFrame(
            cursor.fetchall(), columns=[column.name for column in cursor.description]
        )
    engine = open_engine(nasty_postgres)
    relations = {
        "hourly_counts": {"limits": Relation(LIMIT_COLUMNS, [])},
        "signatures": {"vocabulary": vocabulary()},
    }.get(name)
    by_engine = engine.fetch(
        engine.queries.statement(
            name, GRID.parameters(Window(DEPLOY, DEPLOY + timedelta(hours=4))), relations=relations
        )
    )
    engine.close()
    pd.testing.assert_frame_equal(by_hand, by_engine)
    assert len(by_hand)


def test_the_user_s_classes_stand_in_the_text_by_hand(database, tmp_path, monkeypatch):
    more = '[[error_class]]\nname = "odd"\ncontains = ["it\'s 100%: \\"odd\\""]\n'
    rows = edge_case_calls().head(3)
    rows = rows.assign(
        status="error",
        errorMessage=['It\'s 100%: "ODD"', "it's 100", "Request timed out."],
        createdAt=pd.Timestamp(DEPLOYED_AT) + pd.Timedelta("1min"),
        latencyMs=1,
    )
    settings = store(
        "postgres", rows, tmp_path, database=database, monkeypatch=monkeypatch, more=more
    )
    found = database.execute(query_text(settings, DEPLOY, "error_classes", "1h"))
    assert sorted(row[1] for row in found) == [1, 8, 100]


def test_an_unknown_query_is_refused_with_the_known_ones(tmp_path):
    settings = settings_of(tmp_path, 'engine = "duckdb"\npath = "calls.csv"')
    with pytest.raises(
        WrongUse, match=r"there is no query 'error_by_source'; take one of .*errors_by_source"
    ):
        query_text(settings, DEPLOY, "error_by_source", None)


def test_the_queries_that_stand_alone_are_listed_with_what_they_count():
    ran = subprocess.run(
        [sys.executable, "-m", "analysis", "sql"],
        capture_output=True,
        text=True,
        check=True,
        cwd=SQL_FOLDER.parent,
    )
    assert [line.split()[0] for line in ran.stdout.splitlines()] == BY_HAND
    assert "errors_by_source      which errors each feature has" in ran.stdout


# ---- against PostgreSQL's own percentiles ----------------------------------------------------------------------------
def test_the_tables_of_phase_94a_equal_postgres_on_rows(database, tmp_path, monkeypatch):
    sample = simulate_phase_94()
    sample = sample[sample["createdAt"].between("2026-02-01 20:00", "2026-02-03 02:00")]
    settings = store("postgres", sample, tmp_path, database=database, monkeypatch=monkeypatch)
    deployed_at = DEPLOY.replace(microsecond=0)
    engine, grid, window = (
        open_engine(settings),
        Grid(deployed_at, timedelta(seconds=90)),
        published_window(deployed_at),
    )
    rows = database.execute("""
        SELECT "featureId", "source", "status", count(*), avg("latencyMs")::float8,
            percentile_cont(ARRAY[0.5, 0.9, 0.95]) WITHIN GROUP (ORDER BY "latencyMs"), max("latencyMs")
        FROM "AIInteraction" WHERE "createdAt" >= '2026-02-01 23:10:16' AND "createdAt" < '2026-02-02 23:10:16'
        GROUP BY 1, 2, 3""")
    expected = {row[:3]: (row[3], row[4], *row[5], row[6]) for row in rows}
    names = ("calls", "avg_ms", "p50_ms", "p90_ms", "p95_ms", "max_ms")
    found = {
        (row["feature"], row["source"], row["status"]): tuple(row[name] for name in names)
        for row in latency_distribution(engine, grid, window)
    }
    assert found.keys() == expected.keys()
    for key, numbers in found.items():
        assert numbers == pytest.approx(expected[key], rel=1e-12), key
    rows = database.execute("""
        SELECT "featureId", "source", count(*), avg("latencyMs")::float8, max("latencyMs") FROM "AIInteraction"
        WHERE "status" = 'error' AND "createdAt" >= '2026-02-01 23:10:16' AND "createdAt" < '2026-02-02 23:10:16'
            AND "errorMessage" LIKE 'Request timed out%' GROUP BY 1, 2""")
    timeouts = [
        row for row in errors_by_source(engine, grid, window) if row["error_class"] == "timeout"
    ]
    assert {
        (row["feature"], row["source"]): (row["errors"], row["max_ms"]) for row in timeouts
    } == {row[:2]: (row[2], row[4]) for row in rows}
    engine.close()


def test_a_window_is_looked_up_by_the_index_on_createdat(database):
    database.execute("""
        INSERT INTO "AIInteraction" ("id", "clientId", "featureId", "model", "apiType", "latencyMs", "status", "createdAt")
        SELECT 'id-' || n, 't', 'f' || n % 7, 'm', 'r', n % 1000, 'success', TIMESTAMP '2026-01-04 00:00:00' + n * INTERVAL '52 seconds'
        FROM generate_series(1, 50000) AS n""")
    database.execute('ANALYZE "AIInteraction"')
    window = GRID.parameters(Window(DEPLOY, DEPLOY + timedelta(hours=4)))
    for name in ("hourly_counts", "latency_counts", "written", "errors_by_source", "recovered"):
        relations = {"limits": Relation(LIMIT_COLUMNS, [])} if name == "hourly_counts" else None
        text = CANONICAL.statement(name, window, relations=relations).text_with_values()
        plan = "\n".join(row[0] for row in database.execute("EXPLAIN " + text))
        assert "AIInteraction_createdAt_idx" in plan, f"{name}\n{plan}"
        assert "Seq Scan" not in plan, f"{name}\n{plan}"


# ---- laws ------------------------------------------------------------------------------------------------------------
def test_a_query_is_worked_out_once_and_its_values_are_new_each_time():
    first = CANONICAL.statement(
        "latency_counts", GRID.parameters(Window(DEPLOY, DEPLOY + timedelta(hours=1)))
    )
    other = Queries(TableMapping("aiinteraction", "AIInteraction")).statement(
        "latency_counts", GRID.parameters(Window(DEPLOY, DEPLOY + timedelta(hours=9)))
    )
    assert first.template is other.template
    assert first.parameters["end_before"] + timedelta(hours=8) == other.parameters["end_before"]
    classed = Queries(
        TableMapping("aiinteraction", "AIInteraction"), (ErrorClass(name="mine", contains=["a"]),)
    ).statement("latency_counts", first.parameters)
    assert classed.template is not first.template


def test_no_value_is_pasted_into_the_text():
    secret = "'; DROP TABLE x; --"
    statement = Queries(
        TableMapping("m", "AIInteraction"),
        (ErrorClass(name="c", contains=[secret], pattern=secret),),
    ).statement(
        "cron_minutes",
        GRID.parameters(Window(DEPLOY, DEPLOY + timedelta(hours=1))) | {"budget_ms": 1},
        relations={
            "chosen": Relation(
                {"feature": "TEXT", "source": "TEXT"}, [(secret, secret), ("f", None)]
            )
        },
    )
    for dialect, placeholder in (("duckdb", None), ("postgres", ":{}"), ("spark", ":{}")):
        assert "DROP" not in statement.sql(dialect, placeholder=placeholder)
    assert [
        value.lower() for value in statement.parameters.values() if isinstance(value, str)
    ].count(secret.lower()) == 4
    assert statement.text_with_values().lower().count("''; drop table x; --'") == 4


@pytest.mark.parametrize(
    "table", ['AI"; DROP TABLE x; --', "schema.table", 'sch"ema.ta ble', "a.b.c;"]
)
def test_a_table_s_name_is_quoted(table):
    text = (
        Queries(TableMapping("m", table))
        .statement("latency_counts", GRID.parameters(Window(DEPLOY, DEPLOY + timedelta(hours=1))))
        .sql("postgres")
    )
    check_one_select(text, "postgres")
    name = table.rpartition(".")[2]
    assert '"' + name.replace('"', '""') + '" AS "AIInteraction"' in text


# ---- the parser's lock -----------------------------------------------------------------------------------------------
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
@pytest.mark.parametrize("dialect", ["postgres", "duckdb"])
def test_only_one_select_passes(text, dialect):
    with pytest.raises(PermissionError, match="only one SELECT"):
        check_one_select(text, dialect)


def test_every_query_of_the_house_passes_in_every_dialect():
    hour = timedelta(hours=1)
    window, seen = Window(DEPLOY, DEPLOY + 4 * hour), Window(DEPLOY, DEPLOY + hour)
    parameters = GRID.parameters(window, previous=seen) | {
        "budget_ms": 1,
        "feature": "f",
        "since": DEPLOYED_AT,
        "table": "x",
    }
    relations = {
        "limits": Relation(LIMIT_COLUMNS, [("f", *[1] * 5)]),
        "vocabulary": vocabulary(),
        "chosen": Relation({"feature": "TEXT", "source": "TEXT"}, [("f", None)]),
    }
    for path in sorted(SQL_FOLDER.glob("*.sql")):
        joined = {
            key: relation
            for key, relation in relations.items()
            if f"JOIN {key} " in path.read_text(encoding="utf-8")
        }
        statement = CANONICAL.statement(path.stem, parameters, relations=joined)
        for dialect in ("postgres", "duckdb", "spark"):
            check_one_select(statement.sql(dialect), dialect)


# ---- edges -----------------------------------------------------------------------------------------------------------
def test_a_colon_in_a_mapping_is_no_parameter(database, tmp_path, monkeypatch):
    mapping = tmp_path / "own.toml"
    columns = [
        "id",
        "clientId",
        "leadId",
        "featureId",
        "model",
        "latencyMs",
        "status",
        "errorMessage",
        "outputTokens",
        "totalTokens",
        "createdAt",
    ]
    lines = [f"{name} = '\"{name}\"'" for name in columns] + [
        'source = "COALESCE(\\"source\\", \'none :x ::y 100%\')"'
    ]
    mapping.write_text("[columns]\n" + "\n".join(lines), encoding="utf-8")
    database.load_interactions(edge_case_calls())
    monkeypatch.setenv("TEST_URL", database.url)
    engine = open_engine(
        settings_of(tmp_path, 'engine = "postgres"\nurl_env = "TEST_URL"\nmapping = "own.toml"')
    )
    hourly = load_hourly_counts(
        engine,
        GRID,
        Window(DEPLOY, DEPLOY + timedelta(hours=4)),
        pd.DataFrame(columns=list(LIMIT_COLUMNS)),
    )
    engine.close()
    assert "none :x ::y 100%" in set(hourly.rows["source"])
    assert hourly.rows["source"].notna().all()


def test_rollout_sql_needs_no_connection(tmp_path):
    settings = settings_of(tmp_path, 'engine = "postgres"\nurl_env = "NOT_SET"')
    rollout = Rollout(settings)
    assert query_text(settings, rollout.deployed_at, "coverage", None).endswith(";")
