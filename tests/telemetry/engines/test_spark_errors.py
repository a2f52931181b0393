"""What Spark cannot read or reach, each in one sentence: a column, a row, a source, a server; and what is said where there is no Spark."""

import socket
import sys
import threading
import time
from contextlib import closing, suppress
from datetime import date, timedelta

import pyarrow as pa
import pytest

from analysis.errors import DataNotTrusted, RolloutError, WrongUse
from analysis.telemetry.engines import open_engine
from analysis.telemetry.engines.spark import session as connecting
from tests.fixtures.edge_case_calls import edge_case_calls, typed
from tests.fixtures.spark_sources import NASTY, spark_settings, write_calls
from tests.fixtures.stores import settings_of

spark_only = pytest.mark.spark


class Relay:
    """Stands before the server, so that it can go away while the real one goes on."""

    def __init__(self, remote: str) -> None:
        self._to = ("127.0.0.1", int(remote.rpartition(":")[2]))
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._open = [self._listening]
        self.address = f"sc://127.0.0.1:{self._listening.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        for each in self._open:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, server = self._listening.accept()[0], socket.create_connection(self._to)
                self._open += [client, server]
                for source, target in ((client, server), (server, client)):
                    threading.Thread(target=self._copy, args=(source, target), daemon=True).start()

    @staticmethod
    def _copy(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)


# ---- what goes wrong, in one sentence --------------------------------------------------------------------------------
@spark_only
@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"leave_out": ("featureId",)}, "has no column 'featureId'; the table needs id, clientId"),
        ({"latency": (date(2026, 1, 1),)}, "latencyMs is of type date, not a number"),
        ({"created": (1,), "created_type": pa.int32()}, "createdAt is of type int, not a time"),
    ],
)
def test_a_column_that_is_missing_or_of_another_kind_is_named(session, tmp_path, change, sentence):
    with pytest.raises(WrongUse, match=sentence):
        open_engine(spark_settings(tmp_path, write_calls(tmp_path, **change)), spark=session)


@spark_only
@pytest.mark.parametrize("bad", ["fast", "12.5", 12.5])
def test_a_latency_that_is_no_whole_number_is_exit_5_with_its_row(session, tmp_path, bad):
    source = write_calls(
        tmp_path, latency=(12.0, None, bad, 12.0) if bad == 12.5 else ("12", None, bad, "")
    )
    with pytest.raises(
        DataNotTrusted,
        match=r"latencyMs of row 3 of calls\.parquet is not a whole number of milliseconds; mend the row",
    ):
        open_engine(spark_settings(tmp_path, source), spark=session)
    session.read.parquet(str(tmp_path / "calls.parquet")).distinct().createOrReplaceTempView(
        "calls_with_bad_rows"
    )
    with pytest.raises(DataNotTrusted, match="latencyMs of one row is not"):
        open_engine(spark_settings(tmp_path, 'table = "calls_with_bad_rows"'), spark=session)


@spark_only
def test_a_time_that_is_no_time_is_exit_5(session, tmp_path):
    source = write_calls(tmp_path, created=("yesterday",), created_type=pa.string())
    with pytest.raises(DataNotTrusted, match=r"createdAt of row 1 of calls\.parquet is not a time"):
        open_engine(spark_settings(tmp_path, source), spark=session)


@spark_only
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
def test_a_source_that_is_not_there_is_one_sentence(remote, tmp_path, source, sentence):
    with pytest.raises(WrongUse, match=sentence) as caught:
        open_engine(spark_settings(tmp_path, source, remote))
    assert "\n" not in str(caught.value)
    assert "sc://" not in str(caught.value)


@spark_only
def test_a_delta_table_is_not_read_as_parquet(session, tmp_path):
    """Without Delta in the session its deleted rows would count."""
    (tmp_path / "_delta_log").mkdir()
    (tmp_path / "_delta_log" / "00000000000000000000.json").write_text("{}\n")
    write_calls(tmp_path)
    with pytest.raises(WrongUse, match="is a Delta table, and this Spark knows none"):
        open_engine(spark_settings(tmp_path, f'path = "{tmp_path}"'), spark=session)


@spark_only
def test_a_mapping_that_spark_cannot_run_is_named(session, nasty, tmp_path):
    columns = "\n".join(
        f"{name} = '\"{name}\"'"
        for name in typed(edge_case_calls().to_dict("records")).columns
        if name != "apiType"
    )
    (tmp_path / "own.toml").write_text(
        "[columns]\n" + columns.replace("""'"leadId"'""", "'function_of_nobody(\"leadId\")'")
    )
    with pytest.raises(WrongUse, match="knows no such function"):
        open_engine(
            spark_settings(tmp_path, f'path = "{nasty}/calls.parquet"\nmapping = "own.toml"'),
            spark=session,
        )


@spark_only
def test_a_query_over_the_time_limit_is_stopped(remote, nasty, tmp_path):
    settings = spark_settings(tmp_path, f'path = "{nasty}/calls.parquet"', remote)
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
        assert (
            engine.fetch(engine.queries.statement("written", NASTY[0].parameters(NASTY[1])))[
                "written_rows"
            ].sum()
            > 100
        )


@spark_only
def test_a_server_that_is_not_there_is_named_at_once(tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    began = time.monotonic()
    with pytest.raises(
        WrongUse, match=r"no Spark Connect server at \[source\].remote: nothing listens there"
    ):
        open_engine(spark_settings(tmp_path, 'table = "calls"', f"sc://127.0.0.1:{port}"))
    assert time.monotonic() - began < 5


@spark_only
def test_a_server_that_says_nothing_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(connecting, "CONNECT_TIMEOUT_S", 1.0)
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        pytest.raises(WrongUse, match="no answer within 1 s"),
    ):
        open_engine(
            spark_settings(tmp_path, 'table = "calls"', f"sc://127.0.0.1:{silent.getsockname()[1]}")
        )


@spark_only
def test_a_server_that_goes_away_is_one_sentence(remote, nasty, tmp_path):
    relay = Relay(remote)
    with closing(
        open_engine(spark_settings(tmp_path, f'path = "{nasty}/calls.parquet"', relay.address))
    ) as engine:
        relay.cut()
        began = time.monotonic()
        with pytest.raises(
            RolloutError, match="the Spark server went away; run again when it is back"
        ):
            engine.fetch(engine.queries.statement("written", NASTY[0].parameters(NASTY[1])))
    assert time.monotonic() - began < 60


@spark_only
def test_an_address_that_is_none_is_named_without_being_shown(tmp_path):
    with pytest.raises(WrongUse, match="is no address such as sc://host:15002") as caught:
        open_engine(spark_settings(tmp_path, 'table = "calls"', "https://host/secret-path"))
    assert "secret-path" not in str(caught.value)


# ---- without Spark ---------------------------------------------------------------------------------------------------
def test_without_remote_and_master_both_ways_are_offered(tmp_path):
    with pytest.raises(WrongUse, match='neither remote nor master; add remote = "sc://host:15002"'):
        open_engine(spark_settings(tmp_path, 'table = "calls"'))


def test_remote_and_master_together_are_refused(tmp_path):
    with pytest.raises(WrongUse, match="both remote, a server's address, and master"):
        open_engine(
            spark_settings(tmp_path, 'table = "calls"\nmaster = "local[2]"', "sc://127.0.0.1:15002")
        )


@pytest.mark.parametrize("place", ['master = "local[2]"', 'remote = "sc://127.0.0.1:15002"'])
def test_without_pyspark_the_lock_is_named(tmp_path, monkeypatch, place):
    for name in [name for name in sys.modules if name.partition(".")[0] == "pyspark"] + ["pyspark"]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(WrongUse, match="needs the packages of requirements-spark"):
        open_engine(spark_settings(tmp_path, f'table = "calls"\n{place}'))


def test_an_address_takes_its_token_from_the_environment(tmp_path, monkeypatch):
    monkeypatch.delenv("SPARK_TOKEN_OF_TEST", raising=False)
    with pytest.raises(WrongUse, match="the environment variable SPARK_TOKEN_OF_TEST of"):
        open_engine(
            spark_settings(
                tmp_path, 'table = "calls"', "sc://127.0.0.1:15002/;token=${SPARK_TOKEN_OF_TEST}"
            )
        )
    monkeypatch.setenv("SPARK_TOKEN_OF_TEST", "abc")
    assert connecting._with_variables("sc://h/;token=${SPARK_TOKEN_OF_TEST}") == "sc://h/;token=abc"


def test_a_session_for_another_engine_is_refused(tmp_path):
    with pytest.raises(WrongUse, match="a Spark session was passed, but"):
        open_engine(
            settings_of(tmp_path, 'engine = "duckdb"\npath = "calls.parquet"'), spark=object()
        )


@spark_only
def test_master_without_java_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(connecting, "has_java", lambda: False)
    with pytest.raises(WrongUse, match="needs Java 17 or newer; install it"):
        open_engine(spark_settings(tmp_path, 'table = "calls"\nmaster = "local[2]"'))
