"""Apache Spark against DuckDB: on a real Spark Connect server every query gives the same rows, every look the same result."""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlglot import parse_one

import analysis
from analysis.errors import DataNotTrusted, RolloutError, WrongUse
from analysis.telemetry.engines import open_engine
from analysis.telemetry.engines import spark_session as connecting
from analysis.telemetry.load import LIMIT_COLUMNS, Grid
from analysis.telemetry.queries import SQL_FOLDER, Relation
from analysis.telemetry.simulate import simulate_phase_94, write_sample
from analysis.telemetry.trust import load_trust
from analysis.telemetry.vocabulary import vocabulary
from analysis.window import Window
from tests.house_rules import header_of
from tests.spark_server import JAVA_OPTIONS, run_spark
from tests.telemetry.nasty_calls import DEPLOYED_AT, FEATURES, SOURCES, nasty_calls, typed
from tests.telemetry.stores import settings_of

spark_only = pytest.mark.spark
ROOT = Path(__file__).parents[2]
DEPLOY = DEPLOYED_AT.replace(tzinfo=UTC)
NASTY = (Grid(DEPLOY, timedelta(seconds=90), timedelta(minutes=5)), Window(DEPLOY - timedelta(hours=26), DEPLOY + timedelta(hours=26)))
SAMPLE_DEPLOY = datetime(2026, 2, 2, 23, 10, 16, tzinfo=UTC)
SAMPLE = (Grid(SAMPLE_DEPLOY, timedelta(seconds=90)), Window(SAMPLE_DEPLOY - timedelta(days=7), SAMPLE_DEPLOY + timedelta(days=1)))
QUERIES = sorted(path.stem for path in SQL_FOLDER.glob("*.sql") if path.stem != "calls" and "Spark" in header_of(path.read_text())["Engines"])
CLASSES = """
[[error_class]]
name = "quota"
contains = ["quota %(x)s ::text :bind"]
[[error_class]]
name = "not_english"
pattern = "^[^a-z]+$"
"""


@pytest.fixture(scope="session")
def remote() -> Iterator[str]:
    with run_spark() as address:
        yield address


@pytest.fixture(scope="session")
def session(remote):
    """A session as a user has it: with a zone, a catalog and views of its own."""
    from pyspark.sql.connect.session import SparkSession

    spark = SparkSession(connection=remote)
    yield spark
    spark.stop()


@pytest.fixture(scope="session")
def sample(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("sample")
    write_sample(simulate_phase_94(), folder)
    return folder


@pytest.fixture(scope="session")
def nasty(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("nasty")
    nasty_calls().to_parquet(folder / "calls.parquet", index=False)
    return folder


@pytest.fixture(scope="session")
def both(remote, sample, nasty, tmp_path_factory):
    """name of the rows -> the engines over them: Spark, DuckDB; opened once, for a session takes a second."""
    opened = {}
    for name, rows in (("sample", sample), ("nasty", nasty)):
        for engine, where in (("spark", f'remote = "{remote}"'), ("duckdb", "")):
            folder = tmp_path_factory.mktemp(f"{name}-{engine}")
            settings = settings_of(folder, f'engine = "{engine}"\npath = "{rows}/*.parquet"\n{where}', more=CLASSES)
            opened.setdefault(name, []).append(open_engine(settings))
    yield opened
    for engine in (engine for pair in opened.values() for engine in pair):
        engine.close()


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


def spark_settings(folder, source, remote="", *, more=""):
    return settings_of(folder, f'engine = "spark"\n{source}\n' + (f'remote = "{remote}"' if remote else ""), more=more)


def plain_rows(frame: pd.DataFrame) -> list[tuple]:
    """Rows as tuples of plain values, in the order that they came."""
    return [tuple(None if pd.isna(value) else value for value in row) for row in frame.astype(object).itertuples(index=False)]


def in_python_order(frame: pd.DataFrame) -> list[tuple]:
    return sorted(plain_rows(frame), key=lambda row: [(value is None, value) for value in row])


# ---- the same rows ---------------------------------------------------------------------------------------------------
@spark_only
@pytest.mark.parametrize("name", QUERIES)
@pytest.mark.parametrize(("rows", "grid", "window"), [("nasty", *NASTY), ("sample", *SAMPLE)], ids=["nasty", "sample"])
def test_every_query_gives_the_rows_that_duckdb_gives(both, rows, grid, window, name):
    spark, embedded = both[rows]
    features = FEATURES if rows == "nasty" else ("draft.verify.email.step3", "signature.context")
    limits = [(features[0], 20_000, 100, 19_999, 20_128, 99_999), (features[1], 4_502, 99, 101, 4_502, None)]
    chosen = [(feature, source) for feature in features for source in (*SOURCES, "background-job/email-inbound-post-process")]
    relations = {
        "limits": Relation(LIMIT_COLUMNS, limits),
        "chosen": Relation({"feature": "TEXT", "source": "TEXT"}, chosen),
        "vocabulary": vocabulary(),
    }
    joined = {key: relation for key, relation in relations.items() if key in (SQL_FOLDER / f"{name}.sql").read_text()}
    parameters = grid.parameters(window) | {"budget_ms": 20_000, "feature": features[0], "since": grid.deployed_at.replace(tzinfo=None)}
    by_spark, by_duckdb = (engine.fetch(engine.queries.statement(name, parameters, relations=joined)) for engine in (spark, embedded))
    assert list(by_spark) == list(by_duckdb)
    assert in_python_order(by_spark) == in_python_order(by_duckdb)
    assert len(by_duckdb) or (rows, name) == ("sample", "signatures")


@spark_only
def test_relations_without_rows_join_nothing(both):
    grid, window = NASTY
    spark, embedded = both["nasty"]
    statement = ("hourly_counts", grid.parameters(window))
    counted = [engine.fetch(engine.queries.statement(*statement, relations={"limits": Relation(LIMIT_COLUMNS, [])})) for engine in (spark, embedded)]
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
        config.write_text(head + "[source]\n" + source + "[baseline]" + rest.split("[baseline]", 1)[1], encoding="utf-8")
        with analysis.open(config) as rollout:
            results[name] = rollout.look("24h").result
    assert {name: result.pop("provenance")["engine"] for name, result in results.items()} == {"duckdb": "duckdb", "spark": "spark"}
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
    query = parse_one("SELECT " + ", ".join(f"{sql} AS value_{at}" for at, sql in enumerate(EXPRESSIONS)), read="postgres")
    ours = connecting.Session(session, is_ours=False, timeout=timedelta(minutes=1))
    with ours.reading("the expressions") as spark:
        found = list(spark.sql(query.sql(dialect="spark")).toArrow().to_pylist()[0].values())
    expected = duckdb.connect().execute(query.sql(dialect="duckdb")).fetchone()
    without_zone = [value.replace(tzinfo=None) if isinstance(value, datetime) else value for value in found]
    assert dict(zip(EXPRESSIONS, without_zone, strict=True)) == dict(zip(EXPRESSIONS, expected, strict=True))


# ---- what it reads ---------------------------------------------------------------------------------------------------
LATE = datetime(2026, 2, 3, 0, 10, 16)
UTC_TIMES = pa.timestamp("us", tz="UTC")


def write_calls(folder: Path, *, created=(LATE,), created_type=UTC_TIMES, latency=(20_128,), latency_type=None, leave_out=()) -> str:
    """A few calls as a Parquet file, with columns of any type; the line for [source]."""
    n = max(len(created), len(latency))
    columns = {
        "id": [f"call {at}" for at in range(n)], "clientId": ["t"] * n, "leadId": ["lead"] * n, "source": ["s"] * n,
        "featureId": ["draft.verify"] * n, "model": ["gpt-5-mini"] * n, "status": ["success"] * n, "outputTokens": [1] * n, "totalTokens": [2] * n,
    }  # fmt: skip
    columns["errorMessage"] = pa.nulls(n, pa.string())
    columns["createdAt"] = pa.array(created * (n // len(created)), created_type)
    columns["latencyMs"] = pa.array(latency * (n // len(latency)), latency_type)
    pq.write_table(pa.table({name: values for name, values in columns.items() if name not in leave_out}), folder / "calls.parquet")
    return f'path = "{folder}/calls.parquet"'


def trust(engine) -> dict:
    with closing(engine):
        return load_trust(engine, Grid(DEPLOY, timedelta(seconds=90)), Window(DEPLOY, DEPLOY + timedelta(hours=4)))


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
def test_createdat_is_utc_whatever_its_type_and_the_session_s_zone(session, tmp_path, created, kind):
    source = write_calls(tmp_path, created=(created,), created_type=kind)
    engine = open_engine(spark_settings(tmp_path, source), spark=session)
    assert trust(engine)["first_written_at"] == LATE.replace(tzinfo=UTC)


@spark_only
@pytest.mark.parametrize(
    ("latency", "kind"), [(20_128, pa.int16()), (20_128.0, pa.float64()), (Decimal(20_128), pa.decimal128(20, 3)), ("20128", pa.string())]
)
def test_a_latency_is_a_number_of_any_type(session, tmp_path, latency, kind):
    source = write_calls(tmp_path, latency=(latency,), latency_type=kind)
    engine = open_engine(spark_settings(tmp_path, source), spark=session)
    counted = engine.fetch(engine.queries.statement("latency_counts", NASTY[0].parameters(NASTY[1])))
    assert plain_rows(counted[["outcome", "latency_ms", "calls"]]) == [(0, 20128, 1)]


@spark_only
def test_a_catalog_table_and_a_view_of_the_session_are_read(session, tmp_path):
    write_calls(tmp_path)
    calls = session.read.parquet(str(tmp_path / "calls.parquet"))
    calls.write.saveAsTable("default.calls_of_ours", mode="overwrite")
    calls.createOrReplaceTempView("calls_in_view")
    for name in ("spark_catalog.default.calls_of_ours", "calls_in_view"):
        assert trust(open_engine(spark_settings(tmp_path, f'table = "{name}"'), spark=session))["written_rows"] == 1


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
    own = 'dialect = "spark"\nlatency_unit = "s"\n[columns]\n' + "\n".join(f'{name} = "{sql}"' for name, sql in columns.items())
    (tmp_path / "own.toml").write_text(own, encoding="utf-8")
    engine = open_engine(spark_settings(tmp_path, source + '\nmapping = "own.toml"'), spark=session)
    counted = engine.fetch(engine.queries.statement("latency_counts", NASTY[0].parameters(NASTY[1])))
    assert plain_rows(counted) == [("DRAFT.VERIFY", "s", 0, 20128, 1)]


# ---- the user's session ----------------------------------------------------------------------------------------------
@spark_only
def test_a_session_that_is_passed_stays_as_it_was(session, nasty, tmp_path):
    assert session.conf.get("spark.sql.session.timeZone") == "America/New_York"
    before = [table.name for table in session.catalog.listTables()]
    settings = spark_settings(tmp_path, f'path = "{nasty}/calls.parquet"')
    with analysis.open(settings.path, spark=session) as rollout:
        assert rollout.engine.fetch(rollout.engine.queries.statement("span", NASTY[0].parameters(NASTY[1])))["calls"][0] > 100
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
    counted = engine.fetch(engine.queries.statement("coverage", Grid(midnight, timedelta(0)).parameters(Window(midnight, midnight + timedelta(days=1)))))
    assert list(counted["hour_at"]) == [pd.Timestamp(2026, 11, 1, hour) for hour in (4, 5, 6, 7)]


@spark_only
def test_a_client_that_is_not_in_utc_counts_the_same(both, monkeypatch):
    """pyspark sends a time without zone as one of the client's own zone."""
    grid, window = NASTY
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        spans = [plain_rows(engine.fetch(engine.queries.statement("span", grid.parameters(window)))) for engine in both["nasty"]]
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
        "    statement = rollout.engine.queries.statement('span', NASTY[0].parameters(NASTY[1]))\n"
        "    print(rollout.engine.fetch(statement).to_csv())"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "rollout.toml")]
    environment = os.environ | {"JDK_JAVA_OPTIONS": JAVA_OPTIONS}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=250)
    embedded = both["nasty"][1]
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == embedded.fetch(embedded.queries.statement("span", NASTY[0].parameters(NASTY[1]))).to_csv().strip()
    assert "Traceback" not in done.stderr


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
    source = write_calls(tmp_path, latency=(12.0, None, bad, 12.0) if bad == 12.5 else ("12", None, bad, ""))
    with pytest.raises(DataNotTrusted, match=r"latencyMs of row 3 of calls\.parquet is not a whole number of milliseconds; mend the row"):
        open_engine(spark_settings(tmp_path, source), spark=session)
    session.read.parquet(str(tmp_path / "calls.parquet")).distinct().createOrReplaceTempView("calls_with_bad_rows")
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
    columns = "\n".join(f'{name} = \'"{name}"\'' for name in typed(nasty_calls().to_dict("records")).columns if name != "apiType")
    (tmp_path / "own.toml").write_text("[columns]\n" + columns.replace("""'"leadId"'""", "'pg_only_function(\"leadId\")'"))
    with pytest.raises(WrongUse, match="knows no such function"):
        open_engine(spark_settings(tmp_path, f'path = "{nasty}/calls.parquet"\nmapping = "own.toml"'), spark=session)


@spark_only
def test_a_query_over_the_time_limit_is_stopped(remote, nasty, tmp_path):
    settings = spark_settings(tmp_path, f'path = "{nasty}/calls.parquet"', remote)
    with closing(open_engine(settings)) as engine:
        engine._session.timeout = timedelta(seconds=1)
        began = time.monotonic()
        with pytest.raises(WrongUse, match=r"took longer than \[source\].timeout"), engine._session.reading("a slow query") as spark:
            spark.sql("SELECT COUNT(*) FROM RANGE(100000000000) WHERE SIN(id) > 2").toArrow()
        assert time.monotonic() - began < 20
        engine._session.timeout = timedelta(minutes=1)
        assert engine.fetch(engine.queries.statement("span", NASTY[0].parameters(NASTY[1])))["calls"][0] > 100


@spark_only
def test_a_server_that_is_not_there_is_named_at_once(tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    began = time.monotonic()
    with pytest.raises(WrongUse, match=r"no Spark Connect server at \[source\].remote: nothing listens there"):
        open_engine(spark_settings(tmp_path, 'table = "calls"', f"sc://127.0.0.1:{port}"))
    assert time.monotonic() - began < 5


@spark_only
def test_a_server_that_says_nothing_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(connecting, "CONNECT_TIMEOUT_S", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(WrongUse, match="no answer within 1 s"):
        open_engine(spark_settings(tmp_path, 'table = "calls"', f"sc://127.0.0.1:{silent.getsockname()[1]}"))


@spark_only
def test_a_server_that_goes_away_is_one_sentence(remote, nasty, tmp_path):
    relay = Relay(remote)
    with closing(open_engine(spark_settings(tmp_path, f'path = "{nasty}/calls.parquet"', relay.address))) as engine:
        relay.cut()
        began = time.monotonic()
        with pytest.raises(RolloutError, match="the Spark server went away; run again when it is back"):
            engine.fetch(engine.queries.statement("span", NASTY[0].parameters(NASTY[1])))
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
    with pytest.raises(WrongUse, match="both remote and master"):
        open_engine(spark_settings(tmp_path, 'table = "calls"\nmaster = "local[2]"', "sc://127.0.0.1:15002"))


@pytest.mark.parametrize("place", ['master = "local[2]"', 'remote = "sc://127.0.0.1:15002"'])
def test_without_pyspark_the_lock_is_named(tmp_path, monkeypatch, place):
    for name in [name for name in sys.modules if name.partition(".")[0] == "pyspark"] + ["pyspark"]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(WrongUse, match="needs the packages of requirements-spark"):
        open_engine(spark_settings(tmp_path, f'table = "calls"\n{place}'))


def test_an_address_takes_its_token_from_the_environment(tmp_path, monkeypatch):
    monkeypatch.delenv("SPARK_TOKEN_OF_TEST", raising=False)
    with pytest.raises(WrongUse, match="the environment variable SPARK_TOKEN_OF_TEST of"):
        open_engine(spark_settings(tmp_path, 'table = "calls"', "sc://127.0.0.1:15002/;token=${SPARK_TOKEN_OF_TEST}"))
    monkeypatch.setenv("SPARK_TOKEN_OF_TEST", "abc")
    assert connecting._with_variables("sc://h/;token=${SPARK_TOKEN_OF_TEST}") == "sc://h/;token=abc"


def test_a_session_for_another_engine_is_refused(tmp_path):
    with pytest.raises(WrongUse, match="a Spark session is given and"):
        open_engine(settings_of(tmp_path, 'engine = "duckdb"\npath = "calls.parquet"'), spark=object())


@spark_only
def test_master_without_java_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(connecting, "has_java", lambda: False)
    with pytest.raises(WrongUse, match="needs Java 17 or newer; install it"):
        open_engine(spark_settings(tmp_path, 'table = "calls"\nmaster = "local[2]"'))
