"""Apache Spark against DuckDB: every query gives the same rows, every look the same result."""

import os
import re
import subprocess
import sys
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa
import pytest
from sqlglot import parse_one

import analysis
from analysis.counting.caps import LIMIT_COLUMNS
from analysis.counting.grid import Grid
from analysis.counting.scans.scan import Scan
from analysis.counting.scans.written_rows import load_row_quality
from analysis.errors import WrongUse
from analysis.outcomes import OUTCOME_CODES
from analysis.telemetry.engines import open_engine
from analysis.telemetry.engines.spark.session import Session
from analysis.telemetry.sql_files import SQL_FOLDER
from analysis.telemetry.statements import Relation
from analysis.telemetry.vocabulary import vocabulary
from analysis.window import DAY, HOUR, Window
from tests.fixtures.classified_texts import classified_texts
from tests.fixtures.edge_case_calls import FEATURES, SOURCES, typed
from tests.fixtures.opened_engines import DEPLOY, GRID, naive
from tests.fixtures.single_calls import call
from tests.fixtures.spark_server import JAVA_OPTIONS
from tests.fixtures.spark_sources import (
    EDGE_CASE_PARAMETERS,
    UTC_TIMES,
    WRITTEN_AT,
    plain_rows,
    spark_settings,
    write_calls,
    written_rows,
)
from tests.house.query_rules import header_of

pytestmark = pytest.mark.spark
ROOT = Path(__file__).parents[3]
SAMPLE_DEPLOY = datetime(2026, 2, 2, 23, 10, 16, tzinfo=UTC)
SAMPLE_PARAMETERS = Grid(SAMPLE_DEPLOY, timedelta(seconds=90)).parameters(
    Window(SAMPLE_DEPLOY - 7 * DAY, SAMPLE_DEPLOY + DAY)
)
SAMPLE_FEATURES = ("draft.verify.email.step3", "signature.context")
QUERIES = sorted(
    path.stem
    for path in SQL_FOLDER.glob("*.sql")
    if path.stem != "calls" and "Spark" in header_of(path.read_text())["Engines"]
)
TIME_ZONE, NEW_YORK = "spark.sql.session.timeZone", "America/New_York"


def sorted_rows(frame: pd.DataFrame) -> list[tuple]:
    return sorted(plain_rows(frame), key=lambda row: [(value is None, value) for value in row])


# ---- the same rows ---------------------------------------------------------------------------
@pytest.mark.parametrize("name", QUERIES)
@pytest.mark.parametrize(
    ("rows", "parameters", "features"),
    [
        ("edge_cases", EDGE_CASE_PARAMETERS, FEATURES),
        ("sample", SAMPLE_PARAMETERS, SAMPLE_FEATURES),
    ],
    ids=["edge_cases", "sample"],
)
def test_every_query_returns_the_rows_of_duckdb(both_engines, rows, parameters, features, name):
    limits = [
        (features[0], 20_000, 100, 19_999, 20_128, 99_999),
        (features[1], 4_502, 99, 101, 4_502, None),
    ]
    sources = (*SOURCES, "background-job/email-inbound-post-process")
    chosen = [(feature, source) for feature in features for source in sources]
    relations = {
        "limits": Relation(LIMIT_COLUMNS, limits),
        "chosen": Relation({"feature": "TEXT", "source": "TEXT"}, chosen),
        "vocabulary": vocabulary(),
    }
    text = (SQL_FOLDER / f"{name}.sql").read_text()
    joined = {
        key: relation for key, relation in relations.items() if re.search(rf"JOIN {key}\b", text)
    }
    since = {"feature": features[0], "since": parameters["start_at"]}
    by_spark, by_duckdb = (
        engine.fetch(engine.queries.statement(name, parameters | since, relations=joined))
        for engine in both_engines[rows]
    )
    assert list(by_spark) == list(by_duckdb)
    assert sorted_rows(by_spark) == sorted_rows(by_duckdb)
    assert len(by_duckdb) or name in ("signatures", "doctor_statuses")


def test_a_relation_without_rows_joins_nothing(both_engines):
    by_spark, by_duckdb = (
        engine.fetch(
            engine.queries.statement(
                "hourly_counts",
                EDGE_CASE_PARAMETERS,
                relations={"limits": Relation(LIMIT_COLUMNS, [])},
            )
        )
        for engine in both_engines["edge_cases"]
    )
    assert sorted_rows(by_spark) == sorted_rows(by_duckdb)


def test_compare_gives_the_same_result(remote, sample, tmp_path):
    example, results = (ROOT / "rollout.toml").read_text(encoding="utf-8"), {}
    for name, where in (("duckdb", ""), ("spark", f'remote = "{remote}"')):
        config = tmp_path / name / "rollout.toml"
        config.parent.mkdir()
        source = f'[source]\nengine = "{name}"\npath = "{sample}/*.parquet"\n{where}'
        config.write_text(re.sub(r"(?s)\[source\].*?(?=\n\[)", source, example, count=1))
        with analysis.open(config) as rollout:
            if name == "spark":  # here the counts grow from look to look, on DuckDB they do not
                rollout.look("4h")
                assert rollout.settings.paths.post_counts.exists()
            results[name] = rollout.look("24h").result.as_json()
    engines = {name: result.pop("provenance")["engine"] for name, result in results.items()}
    assert engines == {"duckdb": "duckdb", "spark": "spark"}
    assert results["spark"] == results["duckdb"]
    assert results["spark"]["verdict"] in ("improved", "sustained")


EXPRESSIONS = (
    "MD5('Ténant ''two'' 🙂')",
    "MD5(CAST(NULL AS TEXT))",
    "LEAST(3, CAST(NULL AS INTEGER), 2)",
    "GREATEST(CAST(NULL AS INTEGER), CAST(NULL AS INTEGER))",
    "GREATEST(DATE_TRUNC('hour', TIMESTAMP '2026-03-08 02:30:00.999'), CAST(NULL AS TIMESTAMP))",
    "DATE_TRUNC('hour', TIMESTAMP '2026-03-08 02:59:59.999')",  # an hour missing in New York
    "DATE_TRUNC('minute', TIMESTAMP '2026-11-01 01:59:59.999') - 86400 * INTERVAL '1 second'",
    "DATE_TRUNC('day', TIMESTAMP '2026-11-01 05:30:00') + 1 * INTERVAL '1 millisecond'",
    "TIMESTAMP '2026-03-08 07:00:00.001' - 1 * INTERVAL '1 millisecond'",
    "SPLIT_PART('a meta={b meta={c', ' meta={', 1)",
    "LOWER('REQUEST Timed OUT') LIKE '%request timed out%'",
    "'max_output_tokens' LIKE 'max%tok_ns'",
    "'x 500' ~ '(^|[^a-z])500$'",
    "STRPOS('quota exceeded', 'exceeded')",
    "MOD(1234567, 10000)",
    "1 IS NOT DISTINCT FROM NULL",
)


def test_the_expressions_of_the_queries_mean_the_same(session):
    columns = ", ".join(f"{sql} AS value_{number}" for number, sql in enumerate(EXPRESSIONS))
    query = parse_one(f"SELECT {columns}", read="postgres")
    with Session(session, is_ours=False, timeout=timedelta(minutes=1)).reading("them") as spark:
        (row,) = spark.sql(query.sql(dialect="spark")).toArrow().to_pylist()
    found = [naive(value) if isinstance(value, datetime) else value for value in row.values()]
    expected = duckdb.connect().execute(query.sql(dialect="duckdb")).fetchone()
    for sql, ours, theirs in zip(EXPRESSIONS, found, expected, strict=True):
        assert ours == theirs, sql


# ---- what it reads ---------------------------------------------------------------------------
def open_source(session, folder, source):
    return closing(open_engine(spark_settings(folder, source), spark=session))


@pytest.mark.parametrize(
    ("created", "kind"),
    [
        (WRITTEN_AT, UTC_TIMES),
        (WRITTEN_AT, pa.timestamp("ms")),
        ("2026-02-03 00:10:16", pa.string()),
        ("2026-02-03T00:10:16.000Z", pa.string()),
        ("2026-02-02 19:10:16-05:00", pa.string()),
    ],
)
def test_created_at_is_utc_whatever_its_type_and_the_session_s_zone(
    session, tmp_path, created, kind
):
    source = write_calls(tmp_path, created=(created,), created_type=kind)
    with open_source(session, tmp_path, source) as engine:
        quality = load_row_quality(Scan(engine, GRID), Window(DEPLOY, DEPLOY + 4 * HOUR))
    assert quality.first_written_at == WRITTEN_AT.replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("latency", "kind"),
    [
        (20_128, pa.int16()),
        (20_128.0, pa.float64()),
        (Decimal(20_128), pa.decimal128(20, 3)),
        ("20128", pa.string()),
    ],
)
def test_a_latency_is_a_number_of_any_type(session, tmp_path, latency, kind):
    source = write_calls(tmp_path, latency=(latency,), latency_type=kind)
    with open_source(session, tmp_path, source) as engine:
        counted = engine.fetch(engine.queries.statement("latency_counts", EDGE_CASE_PARAMETERS))
    assert plain_rows(counted[["outcome", "latency_ms", "calls"]]) == [(0, 20128, 1)]


@pytest.mark.parametrize("name", ["spark_catalog.default.calls_of_ours", "calls_in_view"])
def test_a_catalog_table_and_a_view_are_read(session, tmp_path, name):
    write_calls(tmp_path)
    calls = session.read.parquet(str(tmp_path / "calls.parquet"))
    calls.write.saveAsTable("default.calls_of_ours", mode="overwrite")
    calls.createOrReplaceTempView("calls_in_view")
    with open_source(session, tmp_path, f'table = "{name}"') as engine:
        assert written_rows(engine) == 1
        assert engine.columns()["latencyMs"] == "bigint"


def test_a_mapping_in_spark_s_own_sql_with_seconds(session, tmp_path):
    source = write_calls(tmp_path, latency=(20.128,))
    same = ("clientId", "leadId", "source", "model", "latencyMs", "outputTokens", "totalTokens")
    columns = {name: name for name in same} | {
        "id": "md5(concat(clientId, featureId))",
        "featureId": "upper(featureId)",
        "status": "if(status = 'success', 'success', 'error')",
        "errorMessage": "NULL",
        "createdAt": "timestampadd(MILLISECOND, 128, createdAt)",
    }
    lines = [f'{name} = "{sql}"' for name, sql in columns.items()]
    head = ['dialect = "spark"', 'latency_unit = "s"', "[columns]"]
    (tmp_path / "own.toml").write_text("\n".join([*head, *lines]), encoding="utf-8")
    with open_source(session, tmp_path, f'{source}\nmapping = "own.toml"') as engine:
        counted = engine.fetch(engine.queries.statement("latency_counts", EDGE_CASE_PARAMETERS))
    assert plain_rows(counted) == [("DRAFT.VERIFY", "s", 0, 20128, 1)]


# ---- the user's session ----------------------------------------------------------------------
def test_the_user_s_session_stays_as_it_was(session, edge_cases, tmp_path):
    assert session.conf.get(TIME_ZONE) == NEW_YORK
    before = [table.name for table in session.catalog.listTables()]
    settings = spark_settings(tmp_path, f'path = "{edge_cases}/calls.parquet"')
    with analysis.open(settings.path, spark=session) as rollout:
        assert written_rows(rollout.engine) > 100
        assert session.conf.get(TIME_ZONE) == NEW_YORK
    assert [table.name for table in session.catalog.listTables()] == before
    assert not session.getTags()
    assert session.sql("SELECT 1 AS still").toArrow().to_pylist() == [{"still": 1}]


def test_the_time_zone_is_restored_after_a_failed_query(session, tmp_path):
    with pytest.raises(WrongUse):
        open_engine(spark_settings(tmp_path, 'table = "nowhere.to_be_found"'), spark=session)
    assert session.conf.get(TIME_ZONE) == NEW_YORK


def test_hours_at_a_clock_change_stay_apart(session, tmp_path):
    """01:30 in New York occurs twice on 1 November: at 05:30 and 06:30 UTC."""
    hours = (4, 5, 6, 7)
    created = tuple(datetime(2026, 11, 1, hour, 30) for hour in hours)
    source, midnight = (
        write_calls(tmp_path, created=created, latency=(0,) * 4),
        datetime(2026, 11, 1, tzinfo=UTC),
    )
    parameters = Grid(midnight, timedelta(0)).parameters(Window(midnight, midnight + DAY))
    with open_source(session, tmp_path, source) as engine:
        counted = engine.fetch(engine.queries.statement("coverage", parameters))
    assert list(counted["hour_at"]) == [pd.Timestamp(2026, 11, 1, hour) for hour in hours]


def test_a_client_in_another_time_zone_counts_the_same(both_engines, monkeypatch):
    """pyspark sends a time without zone as one of the client's own zone."""
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        by_spark, by_duckdb = (
            plain_rows(engine.fetch(engine.queries.statement("written", EDGE_CASE_PARAMETERS)))
            for engine in both_engines["edge_cases"]
        )
    finally:
        monkeypatch.undo()
        time.tzset()
    assert by_spark == by_duckdb


def test_a_master_starts_spark_in_the_process(both_engines, edge_cases, tmp_path):
    """In a process of its own, since a process can hold one Spark only."""
    spark_settings(tmp_path, f'path = "{edge_cases}/*.parquet"\nmaster = "local[1]"')
    program = """
import sys, analysis
from tests.fixtures.spark_sources import written_rows
with analysis.open(sys.argv[1]) as rollout:
    print(written_rows(rollout.engine))
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "rollout.toml")],
        cwd=ROOT,
        env=os.environ | {"JDK_JAVA_OPTIONS": JAVA_OPTIONS},
        capture_output=True,
        text=True,
        timeout=250,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == written_rows(both_engines["edge_cases"][1])
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["published_errors", "sdk_errors"])
def test_errors_get_the_class_an_expert_gives(remote, tmp_path, name):
    texts = classified_texts(name)
    rows = [
        call(60 * (number + 1), featureId=str(number), ok=False, errorMessage=text)
        for number, (text, _) in enumerate(texts)
    ]
    typed(rows).to_parquet(tmp_path / "calls.parquet", index=False)
    settings = spark_settings(tmp_path, f'path = "{tmp_path}/calls.parquet"', remote)
    names = {code: outcome for outcome, code in OUTCOME_CODES.items()}
    with closing(open_engine(settings)) as engine:
        statement = engine.queries.statement(
            "error_classes", GRID.parameters(Window(DEPLOY, DEPLOY + DAY))
        )
        counted = {
            int(row.feature): names[row.outcome] for row in engine.fetch(statement).itertuples()
        }
    wrong = [
        (text, classes, counted[number])
        for number, (text, classes) in enumerate(texts)
        if counted[number] not in classes
    ]
    assert wrong == []
