"""What Spark cannot read or reach, each in one sentence; and what is reported without Spark."""

import socket
import sys
import time
from contextlib import closing
from datetime import date, timedelta

import pyarrow as pa
import pytest

from analysis.errors import DataNotTrusted, RolloutError, WrongUse
from analysis.telemetry.engines import open_engine
from analysis.telemetry.engines.spark import connection
from analysis.telemetry.mapping import CANONICAL_COLUMNS
from tests.fixtures.spark_sources import spark_settings, write_calls, written_rows
from tests.fixtures.stores import PARQUET_SOURCE, settings_of
from tests.fixtures.tcp_proxy import proxy_to

needs_spark = pytest.mark.spark
ADDRESS = "sc://127.0.0.1:15002"


# ---- columns and values ----------------------------------------------------------------------
@needs_spark
@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"leave_out": "featureId"}, "has no column 'featureId'; it needs id, clientId"),
        ({"latency": (date(2026, 1, 1),)}, "latencyMs has type date, which is not read as"),
        ({"created": (1,), "created_type": pa.int32()}, "createdAt has type int, which is not"),
    ],
)
def test_a_column_that_is_missing_or_of_another_type(session, tmp_path, change, sentence):
    with pytest.raises(WrongUse, match=sentence):
        open_engine(spark_settings(tmp_path, write_calls(tmp_path, **change)), spark=session)


@needs_spark
@pytest.mark.parametrize("bad", ["fast", "12.5", 12.5, 1e30])
def test_a_latency_that_is_no_whole_number(session, tmp_path, bad):
    values = ("12", None, bad, "") if isinstance(bad, str) else (12.0, None, bad, 12.0)
    source = write_calls(tmp_path, latency=values)
    row = r"latencyMs of row 3 of calls\.parquet is not a whole number of milliseconds"
    with pytest.raises(DataNotTrusted, match=row):
        open_engine(spark_settings(tmp_path, source), spark=session)
    calls = session.read.parquet(str(tmp_path / "calls.parquet"))
    calls.distinct().createOrReplaceTempView("calls_with_bad_rows")  # a view has no row numbers
    with pytest.raises(DataNotTrusted, match="latencyMs of one row is not"):
        open_engine(spark_settings(tmp_path, 'table = "calls_with_bad_rows"'), spark=session)


@needs_spark
def test_a_text_that_is_no_time(session, tmp_path):
    source = write_calls(tmp_path, created=("yesterday",), created_type=pa.string())
    with pytest.raises(DataNotTrusted, match=r"createdAt of row 1 of calls\.parquet is not a time"):
        open_engine(spark_settings(tmp_path, source), spark=session)


# ---- sources ---------------------------------------------------------------------------------
@needs_spark
@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ('table = "no_such_table"', "found no such table"),
        ('table = "no.such.catalog.at_all"', "found no such"),
        ('path = "nothing/here/*.parquet"', "found no such file"),
        ('path = "rollout.toml"', "cannot read it as Parquet"),
        ('path = "calls.csv"', "neither Parquet nor Delta"),
    ],
)
def test_a_source_that_does_not_exist(remote, tmp_path, source, sentence):
    with pytest.raises(WrongUse, match=sentence) as caught:
        open_engine(spark_settings(tmp_path, source, remote))
    assert "\n" not in str(caught.value)
    assert "sc://" not in str(caught.value)


@needs_spark
def test_a_delta_table_is_not_read_as_parquet(session, tmp_path):
    """Without Delta in the session its deleted rows would count."""
    (tmp_path / "_delta_log").mkdir()
    (tmp_path / "_delta_log" / "00000000000000000000.json").write_text("{}\n")
    write_calls(tmp_path)
    with pytest.raises(WrongUse, match="is a Delta table, which this Spark cannot read"):
        open_engine(spark_settings(tmp_path, f'path = "{tmp_path}"'), spark=session)


@needs_spark
def test_a_mapping_that_spark_cannot_run(session, edge_cases, tmp_path):
    columns = {name: f'"{name}"' for name in CANONICAL_COLUMNS}
    columns["leadId"] = 'epoch_us("leadId")'
    lines = [f"{name} = '{sql}'" for name, sql in columns.items()]
    (tmp_path / "own.toml").write_text("\n".join(["[columns]", *lines]))
    source = f'path = "{edge_cases}/calls.parquet"\nmapping = "own.toml"'
    with pytest.raises(WrongUse, match="Spark has no such function"):
        open_engine(spark_settings(tmp_path, source), spark=session)


# ---- time and servers ------------------------------------------------------------------------
@needs_spark
def test_a_query_over_the_time_limit_is_stopped(remote, edge_cases, tmp_path):
    settings = spark_settings(tmp_path, f'path = "{edge_cases}/calls.parquet"', remote)
    with closing(open_engine(settings)) as engine:
        engine._session.timeout = timedelta(seconds=1)
        began = time.monotonic()
        with (
            pytest.raises(WrongUse, match=r"took longer than \[source\].timeout"),
            engine._session.reading("a slow query") as spark,
        ):
            spark.sql("SELECT COUNT(*) FROM RANGE(100000000000) WHERE SIN(id) > 2").toArrow()
        assert time.monotonic() - began < 20
        engine._session.timeout = timedelta(minutes=1)
        assert written_rows(engine) > 100


@needs_spark
def test_a_server_that_does_not_exist_is_reported_at_once(tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    began = time.monotonic()
    with pytest.raises(WrongUse, match=r"no Spark Connect server at .*: nothing listens there"):
        open_engine(spark_settings(tmp_path, 'table = "calls"', f"sc://127.0.0.1:{port}"))
    assert time.monotonic() - began < 5


@needs_spark
def test_a_silent_server_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(connection, "CONNECT_TIMEOUT_S", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"sc://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(WrongUse, match="no answer within 1 s"):
            open_engine(spark_settings(tmp_path, 'table = "calls"', address))


@needs_spark
def test_a_server_that_goes_away(remote, edge_cases, tmp_path):
    with proxy_to(remote) as proxy:
        settings = spark_settings(tmp_path, f'path = "{edge_cases}/calls.parquet"', proxy.url)
        with closing(open_engine(settings)) as engine:
            proxy.close()
            began = time.monotonic()
            with pytest.raises(RolloutError, match="the Spark server went away; run again when"):
                written_rows(engine)
    assert time.monotonic() - began < 60


@needs_spark
def test_another_address_is_refused_without_being_shown(tmp_path):
    with pytest.raises(WrongUse, match="its form is sc://host:15002") as caught:
        open_engine(spark_settings(tmp_path, 'table = "calls"', "https://host/secret-path"))
    assert "secret-path" not in str(caught.value)


@needs_spark
def test_a_master_without_java(tmp_path, monkeypatch):
    monkeypatch.setattr(connection, "has_java", lambda: False)
    with pytest.raises(WrongUse, match="needs Java 17 or newer; install it"):
        open_engine(spark_settings(tmp_path, 'table = "calls"\nmaster = "local[2]"'))


# ---- without Spark ---------------------------------------------------------------------------
def test_remote_or_master_is_needed(tmp_path):
    with pytest.raises(WrongUse, match='neither remote nor master; add remote = "sc://host:15002"'):
        open_engine(spark_settings(tmp_path, 'table = "calls"'))


def test_remote_and_master_exclude_each_other(tmp_path):
    source = 'table = "calls"\nmaster = "local[2]"'
    with pytest.raises(WrongUse, match="both remote, a server's address, and master"):
        open_engine(spark_settings(tmp_path, source, ADDRESS))


@pytest.mark.parametrize("where", ['master = "local[2]"', f'remote = "{ADDRESS}"'])
def test_without_pyspark_the_requirements_are_named(tmp_path, monkeypatch, where):
    for name in [name for name in sys.modules if name.partition(".")[0] == "pyspark"] + ["pyspark"]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(WrongUse, match="needs the packages of requirements-spark"):
        open_engine(spark_settings(tmp_path, f'table = "calls"\n{where}'))


def test_an_address_takes_its_token_from_the_environment(tmp_path, monkeypatch):
    monkeypatch.delenv("SPARK_TOKEN_OF_TEST", raising=False)
    address = ADDRESS + "/;token=${SPARK_TOKEN_OF_TEST}"
    with pytest.raises(WrongUse, match="the environment variable SPARK_TOKEN_OF_TEST of"):
        open_engine(spark_settings(tmp_path, 'table = "calls"', address))
    monkeypatch.setenv("SPARK_TOKEN_OF_TEST", "abc")
    assert connection._with_variables(address) == f"{ADDRESS}/;token=abc"


def test_a_session_for_another_engine_is_refused(tmp_path):
    with pytest.raises(WrongUse, match="a Spark session was passed, but"):
        open_engine(settings_of(tmp_path, PARQUET_SOURCE), spark=object())
