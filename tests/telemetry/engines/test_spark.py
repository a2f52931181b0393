"""Apache Spark against DuckDB: on a real Spark Connect server every query gives the same rows, every look the same result."""

import os
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
from analysis.counting.scans.written_rows import load_row_quality
from analysis.errors import WrongUse
from analysis.telemetry.engines import open_engine
from analysis.telemetry.engines.spark import session as connecting
from analysis.telemetry.sql_files import SQL_FOLDER
from analysis.telemetry.statements import Relation
from analysis.telemetry.vocabulary import vocabulary
from analysis.window import Window
from tests.fixtures.edge_case_calls import FEATURES, SOURCES
from tests.fixtures.spark_server import JAVA_OPTIONS
from tests.fixtures.spark_sources import (
    DEPLOY,
    LATE,
    NASTY,
    UTC_TIMES,
    plain_rows,
    spark_settings,
    write_calls,
)
from tests.house.query_rules import header_of

spark_only = pytest.mark.spark
ROOT = Path(__file__).parents[2]
SAMPLE_DEPLOY = datetime(2026, 2, 2, 23, 10, 16, tzinfo=UTC)
SAMPLE = (
    Grid(SAMPLE_DEPLOY, timedelta(seconds=90)),
    Window(SAMPLE_DEPLOY - timedelta(days=7), SAMPLE_DEPLOY + timedelta(days=1)),
)
QUERIES = sorted(
    path.stem
    for path in SQL_FOLDER.glob("*.sql")
    if path.stem != "calls" and "Spark" in header_of(path.read_text())["Engines"]
)


def in_python_order(frame: pd.DataFrame) -> list[tuple]:
    return sorted(plain_rows(frame), key=lambda row: [(value is None, value) for value in row])


# ---- the same rows ---------------------------------------------------------------------------------------------------
@spark_only
@pytest.mark.parametrize("name", QUERIES)
@pytest.mark.parametrize(
    ("rows", "grid", "window"), [("nasty", *NASTY), ("sample", *SAMPLE)], ids=["nasty", "sample"]
)
def test_every_query_gives_the_rows_that_duckdb_gives(both, rows, grid, window, name):
    spark, embedded = both[rows]
    features = FEATURES if rows == "nasty" else ("draft.verify.email.step3", "signature.context")
    limits = [
        (features[0], 20_000, 100, 19_999, 20_128, 99_999),
        (features[1], 4_502, 99, 101, 4_502, None),
    ]
    chosen = [
        (feature, source)
        for feature in features
        for source in (*SOURCES, "background-job/email-inbound-post-process")
    ]
    relations = {
        "limits": Relation(LIMIT_COLUMNS, limits),
        "chosen": Relation({"feature": "TEXT", "source": "TEXT"}, chosen),
        "vocabulary": vocabulary(),
    }
    joined = {
        key: relation
        for key, relation in relations.items()
        if key in (SQL_FOLDER / f"{name}.sql").read_text()
    }
    parameters = grid.parameters(window) | {
        "budget_ms": 20_000,
        "feature": features[0],
        "since": grid.deployed_at.replace(tzinfo=None),
    }
    by_spark, by_duckdb = (
        engine.fetch(engine.queries.statement(name, parameters, relations=joined))
        for engine in (spark, embedded)
    )
    assert list(by_spark) == list(by_duckdb)
    assert in_python_order(by_spark) == in_python_order(by_duckdb)
    assert len(by_duckdb) or (rows, name) == ("sample", "signatures")


@spark_only
def test_relations_without_rows_join_nothing(both):
    grid, window = NASTY
    spark, embedded = both["nasty"]
    statement = ("hourly_counts", grid.parameters(window))
    counted = [
        engine.fetch(
            engine.queries.statement(*statement, relations={"limits": Relation(LIMIT_COLUMNS, [])})
        )
        for engine in (spark, embedded)
    ]
    assert in_python_order(counted[0]) == in_python_order(counted[1])


@spark_only
def test_compare_gives_the_same_result(remote, sample, tmp_path):
    text = (ROOT / "rollout.toml").read_text(encoding="utf-8")
    results = {}
    for name, where in (("duckdb", ""), ("spark", f'remote = "{remote}"')):
        config = tmp_path / name / "rollout.toml"
        config.parent.mkdir()
        source = f'engine = "{name}"\npath = "{sample}/*.parquet"\n{where}\n'
        head, rest = text.split("[source]\n")
        config.write_text(
            head + "[source]\n" + source + "[baseline]" + rest.split("[baseline]", 1)[1],
            encoding="utf-8",
        )
        with analysis.open(config) as rollout:
            if name == "spark":  # it grows there, and is counted in one go on DuckDB
                rollout.look("4h")
                assert (rollout.settings.outputs / "post" / "counts.parquet").exists()
            results[name] = rollout.look("24h").result
    assert {name: result.pop("provenance")["engine"] for name, result in results.items()} == {
        "duckdb": "duckdb",
        "spark": "spark",
    }
    assert results["spark"] == results["duckdb"]
    assert results["spark"]["verdict"] in ("improved", "sustained")


EXPRESSIONS = (
    "MD5('Ténant ''two'' 🙂')",
    "MD5(CAST(NULL AS TEXT))",
    "LEAST(3, CAST(NULL AS INTEGER), 2)",
    "GREATEST(CAST(NULL AS INTEGER), CAST(NULL AS INTEGER))",
    "GREATEST(DATE_TRUNC('hour', TIMESTAMP '2026-03-08 02:30:00.999'), CAST(NULL AS TIMESTAMP))",
    "DATE_TRUNC('hour', TIMESTAMP '2026-03-08 02:59:59.999')",  # an hour that New York does not have
    "DATE_TRUNC('minute', TIMESTAMP '2026-11-01 01:59:59.999') - 86400000 * INTERVAL '1 millisecond'",
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


@spark_only
def test_what_the_queries_are_built_of_means_the_same(session):
    query = parse_one(
        "SELECT " + ", ".join(f"{sql} AS value_{at}" for at, sql in enumerate(EXPRESSIONS)),
        read="postgres",
    )
    ours = connecting.Session(session, is_ours=False, timeout=timedelta(minutes=1))
    with ours.reading("the expressions") as spark:
        found = list(spark.sql(query.sql(dialect="spark")).toArrow().to_pylist()[0].values())
    expected = duckdb.connect().execute(query.sql(dialect="duckdb")).fetchone()
    without_zone = [
        value.replace(tzinfo=None) if isinstance(value, datetime) else value for value in found
    ]
    assert dict(zip(EXPRESSIONS, without_zone, strict=True)) == dict(
        zip(EXPRESSIONS, expected, strict=True)
    )


# ---- what it reads ---------------------------------------------------------------------------------------------------


def quality(engine):
    with closing(engine):
        return load_row_quality(
            engine, Grid(DEPLOY, timedelta(seconds=90)), Window(DEPLOY, DEPLOY + timedelta(hours=4))
        )


@spark_only
@pytest.mark.parametrize(
    ("created", "kind"),
    [
        (LATE, UTC_TIMES),
        (LATE, pa.timestamp("ms")),
        ("2026-02-03 00:10:16", pa.string()),
        ("2026-02-03T00:10:16.000Z", pa.string()),
        ("2026-02-02 19:10:16-05:00", pa.string()),
    ],
)
def test_createdat_is_utc_whatever_its_type_and_the_session_s_zone(
    session, tmp_path, created, kind
):
    source = write_calls(tmp_path, created=(created,), created_type=kind)
    engine = open_engine(spark_settings(tmp_path, source), spark=session)
    assert quality(engine).first_written_at == LATE.replace(tzinfo=UTC)


@spark_only
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
    engine = open_engine(spark_settings(tmp_path, source), spark=session)
    counted = engine.fetch(
        engine.queries.statement("latency_counts", NASTY[0].parameters(NASTY[1]))
    )
    assert plain_rows(counted[["outcome", "latency_ms", "calls"]]) == [(0, 20128, 1)]


@spark_only
def test_a_catalog_table_and_a_view_of_the_session_are_read(session, tmp_path):
    write_calls(tmp_path)
    calls = session.read.parquet(str(tmp_path / "calls.parquet"))
    calls.write.saveAsTable("default.calls_of_ours", mode="overwrite")
    calls.createOrReplaceTempView("calls_in_view")
    for name in ("spark_catalog.default.calls_of_ours", "calls_in_view"):
        assert (
            quality(
                open_engine(spark_settings(tmp_path, f'table = "{name}"'), spark=session)
            ).written_rows
            == 1
        )


@spark_only
def test_a_mapping_in_spark_s_own_sql_with_seconds(session, tmp_path):
    source = write_calls(tmp_path, latency=(20.128,))
    columns = {
        "id": "uuid()",
        "clientId": "clientId",
        "leadId": "leadId",
        "source": "source",
        "featureId": "upper(featureId)",
        "model": "model",
        "latencyMs": "latencyMs",
        "status": "if(status = 'success', 'success', 'error')",
        "errorMessage": "NULL",
        "outputTokens": "outputTokens",
        "totalTokens": "totalTokens",
        "createdAt": "timestampadd(MILLISECOND, 128, createdAt)",
    }
    own = 'dialect = "spark"\nlatency_unit = "s"\n[columns]\n' + "\n".join(
        f'{name} = "{sql}"' for name, sql in columns.items()
    )
    (tmp_path / "own.toml").write_text(own, encoding="utf-8")
    engine = open_engine(spark_settings(tmp_path, source + '\nmapping = "own.toml"'), spark=session)
    counted = engine.fetch(
        engine.queries.statement("latency_counts", NASTY[0].parameters(NASTY[1]))
    )
    assert plain_rows(counted) == [("DRAFT.VERIFY", "s", 0, 20128, 1)]


# ---- the user's session ----------------------------------------------------------------------------------------------
@spark_only
def test_a_session_that_is_passed_stays_as_it_was(session, nasty, tmp_path):
    assert session.conf.get("spark.sql.session.timeZone") == "America/New_York"
    before = [table.name for table in session.catalog.listTables()]
    settings = spark_settings(tmp_path, f'path = "{nasty}/calls.parquet"')
    with analysis.open(settings.path, spark=session) as rollout:
        assert (
            rollout.engine.fetch(
                rollout.engine.queries.statement("written", NASTY[0].parameters(NASTY[1]))
            )["written_rows"].sum()
            > 100
        )
        assert session.conf.get("spark.sql.session.timeZone") == "America/New_York"
    assert [table.name for table in session.catalog.listTables()] == before
    assert not session.getTags()
    assert session.sql("SELECT 1 AS still").toArrow().to_pylist() == [{"still": 1}]


@spark_only
def test_the_zone_is_put_back_after_a_query_that_fails(session, tmp_path):
    with pytest.raises(WrongUse):
        open_engine(spark_settings(tmp_path, 'table = "nowhere.to_be_found"'), spark=session)
    assert session.conf.get("spark.sql.session.timeZone") == "America/New_York"


@spark_only
def test_hours_at_a_clock_change_stay_apart(session, tmp_path):
    """01:30 in New York comes twice on 1 November: 05:30 and 06:30 UTC."""
    hours = tuple(datetime(2026, 11, 1, hour, 30) for hour in (4, 5, 6, 7))
    source = write_calls(tmp_path, created=hours, latency=(0,) * 4)
    engine = open_engine(spark_settings(tmp_path, source), spark=session)
    midnight = datetime(2026, 11, 1, tzinfo=UTC)
    counted = engine.fetch(
        engine.queries.statement(
            "coverage",
            Grid(midnight, timedelta(0)).parameters(Window(midnight, midnight + timedelta(days=1))),
        )
    )
    assert list(counted["hour_at"]) == [pd.Timestamp(2026, 11, 1, hour) for hour in (4, 5, 6, 7)]


@spark_only
def test_a_client_that_is_not_in_utc_counts_the_same(both, monkeypatch):
    """pyspark sends a time without zone as one of the client's own zone."""
    grid, window = NASTY
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        spans = [
            plain_rows(engine.fetch(engine.queries.statement("written", grid.parameters(window))))
            for engine in both["nasty"]
        ]
    finally:
        monkeypatch.undo()
        time.tzset()
    assert spans[0] == spans[1]


@spark_only
def test_a_master_starts_spark_in_the_process(both, nasty, tmp_path):
    """In a process of its own: one process holds one Spark."""
    spark_settings(tmp_path, f'path = "{nasty}/*.parquet"\nmaster = "local[1]"')
    program = (
        "import sys, analysis\nfrom tests.telemetry.test_spark import NASTY\n"
        "with analysis.open(sys.argv[1]) as rollout:\n"
        "    statement = rollout.engine.queries.statement('written', NASTY[0].parameters(NASTY[1]))\n"
        "    print(rollout.engine.fetch(statement).to_csv())"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "rollout.toml")]
    environment = os.environ | {"JDK_JAVA_OPTIONS": JAVA_OPTIONS}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=250
    )
    embedded = both["nasty"][1]
    assert done.returncode == 0, done.stderr
    assert (
        done.stdout.strip()
        == embedded.fetch(embedded.queries.statement("written", NASTY[0].parameters(NASTY[1])))
        .to_csv()
        .strip()
    )
    assert "Traceback" not in done.stderr
