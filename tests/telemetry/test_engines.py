"""Engines read and never write: the database itself refuses, time is limited, and no error shows a URL."""

import os
import socket
import threading
import time
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import duckdb
import pandas as pd
import psycopg2
import pytest
import sqlalchemy
from sqlalchemy.engine import make_url

from analysis.errors import DataNotTrusted, RolloutError, WrongUse
from analysis.telemetry import queries
from analysis.telemetry.engines import database_url, open_engine, sqlalchemy_engine
from analysis.telemetry.load import Grid, load_latency_counts
from analysis.telemetry.trust import load_trust
from analysis.window import Window
from tests.telemetry.nasty_calls import DEPLOYED_AT, nasty_calls, typed
from tests.telemetry.stores import FILES, settings_of, store

DEPLOY = DEPLOYED_AT.replace(tzinfo=UTC)
GRID = Grid(DEPLOY, timedelta(seconds=90))
WIDE = Window(DEPLOY - timedelta(hours=26), DEPLOY + timedelta(hours=26))
PASSWORD = "s3cret-Pass"
WRITES = [
    'INSERT INTO "AIInteraction" ("id") VALUES (\'x\')', 'UPDATE "AIInteraction" SET "status" = \'x\'', 'DELETE FROM "AIInteraction"',
    'TRUNCATE "AIInteraction"', 'DROP TABLE "AIInteraction"', "CREATE TABLE other (a INT)", 'ALTER TABLE "AIInteraction" ADD COLUMN z INT',
    "COPY \"AIInteraction\" FROM PROGRAM 'true'", "CREATE EXTENSION dblink", "SELECT nextval('numbers')", "SELECT lo_create(0)",
]  # fmt: skip


class Raw:
    """A statement that never saw the parser's lock."""

    name, parameters = "raw", {}

    def __init__(self, text):
        self.text = text

    def sql(self, dialect, *, placeholder=None):
        return self.text


@pytest.fixture
def postgres(database, tmp_path, monkeypatch):
    database.execute("CREATE SEQUENCE numbers")
    engine = open_engine(store("postgres", nasty_calls(), tmp_path, database=database, monkeypatch=monkeypatch))
    yield engine
    engine.close()


def with_url(monkeypatch, tmp_path, url, *, more="", engine="postgres"):
    monkeypatch.setenv("TEST_URL", url)
    return open_engine(settings_of(tmp_path, f'engine = "{engine}"\nurl_env = "TEST_URL"\n{more}'))


def one(engine, text):
    return engine.fetch(Raw(text)).iloc[0, 0]


# ---- read only: the database's own refusal ---------------------------------------------------------------------------
@pytest.mark.parametrize("text", WRITES)
def test_postgres_refuses_to_write(postgres, database, text, monkeypatch):
    before = database.execute('SELECT count(*), md5(string_agg(a::text, \',\' ORDER BY "id")) FROM "AIInteraction" AS a')
    said = []
    explain = sqlalchemy_engine.explain_refusal
    monkeypatch.setattr(sqlalchemy_engine, "explain_refusal", lambda error, doing: said.append(error) or explain(error, doing))
    with pytest.raises(RolloutError, match="refused because the transaction is read-only"):
        postgres.fetch(Raw(text))
    assert said[0].orig.pgcode == "25006"  # read_only_sql_transaction, PostgreSQL's own words
    assert database.execute('SELECT count(*), md5(string_agg(a::text, \',\' ORDER BY "id")) FROM "AIInteraction" AS a') == before


def test_postgres_stays_read_only_when_the_start_up_option_is_lost(database, tmp_path, monkeypatch):
    """Behind a pooler the session is not ours: each transaction says it for itself."""
    monkeypatch.setattr(sqlalchemy_engine, "connect_arguments", lambda url: {})
    engine = with_url(monkeypatch, tmp_path, database.url)
    with pytest.raises(RolloutError, match="read-only"):
        engine.fetch(Raw('DELETE FROM "AIInteraction"'))
    assert one(engine, "SELECT current_setting('transaction_read_only')") == "on"
    engine.close()


def test_postgres_stays_read_only_by_the_start_up_option_alone(database, tmp_path, monkeypatch):
    monkeypatch.setattr(sqlalchemy_engine, "_transaction_settings", lambda *_, **__: ())
    engine = with_url(monkeypatch, tmp_path, database.url)
    with pytest.raises(RolloutError, match="read-only"):
        engine.fetch(Raw('DELETE FROM "AIInteraction"'))
    engine.close()


@pytest.mark.parametrize("kind", FILES)
def test_duckdb_refuses_to_write(tmp_path, kind):
    settings = store(kind, nasty_calls(), tmp_path)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    engine = open_engine(settings)
    refused = ["COPY telemetry_source TO '{0}/stolen.csv'", "COPY (SELECT 1) TO '{0}/calls.parquet'", "ATTACH '{0}/new.duckdb'",
               "EXPORT DATABASE '{0}/all'", "SELECT * FROM read_text('/etc/hostname')", "SET enable_external_access = true",
               "SET allowed_paths = ['/']", "INSTALL httpfs"]  # fmt: skip
    if kind == "duckdb":
        refused += ['INSERT INTO attached."AIInteraction" SELECT * FROM attached."AIInteraction"', 'DROP TABLE attached."AIInteraction"',
                    'DELETE FROM attached."AIInteraction"', "CREATE TABLE attached.other (a INT)"]  # fmt: skip
    for text in refused:
        with pytest.raises(duckdb.Error, match=r"read-only mode|disabled by configuration|has been locked|Cannot change|disallowed"):
            engine._connection.execute(text.format(tmp_path))
    engine.close()
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


@pytest.mark.parametrize("text", ["DELETE FROM telemetry_source", "SELECT 1; SELECT 2", "COPY telemetry_source TO 'x'"])
def test_the_parser_s_lock_stands_before_both(tmp_path, text):
    engine = open_engine(store("parquet", nasty_calls(), tmp_path))
    statement = engine.queries.statement("span", GRID.parameters(WIDE))
    broken = queries.Template("span", _NotAQuery(text), {})
    with pytest.raises(PermissionError, match="only one SELECT"):
        engine.fetch(queries.Statement(broken, statement.parameters))


class _NotAQuery:
    def __init__(self, text):
        self.text = text

    def copy(self):
        return self

    def find_all(self, *_):
        return []

    def sql(self, **_):
        return self.text


# ---- limits of time --------------------------------------------------------------------------------------------------
def test_postgres_ends_a_query_at_the_time_limit(database, tmp_path, monkeypatch):
    engine = with_url(monkeypatch, tmp_path, database.url, more='timeout = "1s"')
    started = time.monotonic()
    with pytest.raises(WrongUse, match=r"the query 'raw' took longer than \[source\].timeout"):
        engine.fetch(Raw("SELECT pg_sleep(30)"))
    assert time.monotonic() - started < 5
    assert one(engine, "SELECT 1") == 1  # and goes on afterwards
    engine.close()


def test_duckdb_ends_a_query_at_the_time_limit(tmp_path):
    settings = store("parquet", nasty_calls(), tmp_path)
    engine = open_engine(settings)
    engine._timeout = timedelta(seconds=0.5)
    started = time.monotonic()
    with pytest.raises(WrongUse, match=r"took longer than \[source\].timeout"):
        engine.fetch(Raw("SELECT SUM(a.range * b.range % 7) FROM range(10000000) AS a, range(100000) AS b"))
    assert time.monotonic() - started < 10
    assert one(engine, "SELECT 1") == 1
    engine.close()


def test_a_cut_network_is_given_up(database, tmp_path, monkeypatch):
    """A proxy that forwards until it is told to fall silent: the server's own limit is never heard."""
    monkeypatch.setattr(sqlalchemy_engine, "GRACE_S", 0.5)
    target = urlsplit(database.url)
    with Proxy(target.hostname, target.port) as proxy:
        url = database.url.replace(f":{target.port}/", f":{proxy.port}/")
        engine = with_url(monkeypatch, tmp_path, url, more='timeout = "1s"')
        assert one(engine, "SELECT 1") == 1
        proxy.silent.set()
        started = time.monotonic()
        with pytest.raises(RolloutError, match="got no answer within") as raised:
            engine.fetch(Raw("SELECT 1"))
        assert time.monotonic() - started < 6
        _shows_nothing_of(url, raised.value)
        engine.close()


class Proxy:
    """One TCP proxy on a free port; `silent` set, it swallows everything."""

    def __init__(self, host, port):
        self.target, self.silent = (host, port), threading.Event()
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listening.close()

    def _accept(self):
        while True:
            try:
                client, _ = self.listening.accept()
            except OSError:
                return
            server = socket.create_connection(self.target)
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=self._forward, args=(source, sink), daemon=True).start()

    def _forward(self, source, sink):
        try:
            while data := source.recv(65536):
                if not self.silent.is_set():
                    sink.sendall(data)
        except OSError:
            pass


# ---- the URL ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("given", "driver", "query"), [
    ("postgres://u@h/d", "postgresql+psycopg2", {}),
    ("postgresql://u@h/d?schema=app&pgbouncer=true&connection_limit=1&pool_timeout=5&statement_cache_size=0&sslaccept=strict", "postgresql+psycopg2", {}),
    ("postgresql://u@h/d?sslmode=require&application_name=x&connect_timeout=3&target_session_attrs=any", "postgresql+psycopg2",
     {"sslmode": "require", "application_name": "x", "connect_timeout": "3", "target_session_attrs": "any"}),
    ("postgresql+psycopg2://u@h/d?options=-c%20x%3D1", "postgresql+psycopg2", {}),  # options travel beside the URL
    ("mysql+pymysql://u@h/d?charset=utf8", "mysql+pymysql", {"charset": "utf8"}),
])  # fmt: skip
def test_what_the_driver_gets(given, driver, query):
    url = database_url.driver_url(make_url(given))
    assert (url.drivername, dict(url.query)) == (driver, query)


@pytest.mark.parametrize(("given", "arguments"), [
    ("postgres://u@h/d", {"application_name": "rollout", "connect_timeout": 10, "options": "-c default_transaction_read_only=on"}),
    ("postgres://u@h:6543/d", {"application_name": "rollout", "connect_timeout": 10}),
    ("postgres://u@h:6543/d?connect_timeout=0", {"application_name": "rollout", "connect_timeout": 10}),  # 0 would wait for ever
    ("postgres://u@h:7000/d?pgbouncer=true", {"application_name": "rollout", "connect_timeout": 10}),
    ("postgres://u@h/d?connect_timeout=3&options=-c%20work_mem%3D64MB", {"application_name": "rollout", "options": "-c work_mem=64MB -c default_transaction_read_only=on"}),
    ("mysql://u@h/d", {}),
])  # fmt: skip
def test_what_goes_beside_the_url(given, arguments):
    assert database_url.connect_arguments(make_url(given)) == arguments


@pytest.mark.parametrize("keys", ["schema=app", "schema=app&pgbouncer=true&connection_limit=1&sslmode=disable", "schema=we\"ird%20One"])
def test_a_prisma_url_reads_its_own_schema(database, tmp_path, monkeypatch, keys):
    schema = "app" if "app" in keys else 'we"ird One'
    quoted = '"' + schema.replace('"', '""') + '"'
    database.execute(f'CREATE SCHEMA {quoted}; CREATE TABLE {quoted}."AIInteraction" (LIKE public."AIInteraction")')
    for number, where in enumerate(("public", quoted)):
        database.execute(f"""INSERT INTO {where}."AIInteraction" ("id", "clientId", "featureId", "model", "apiType", "latencyMs", "status", "createdAt")
            SELECT 'a' || n, 't', 'f', 'm', 'r', 5, 'success', '2026-02-03' FROM generate_series(1, {number + 1}) AS n""")
    engine = with_url(monkeypatch, tmp_path, f"{database.url}?{keys}".replace("postgresql://", "postgres://"))
    assert load_trust(engine, GRID, WIDE)["written_rows"] == 2
    engine.close()


def test_a_table_in_a_schema_by_its_name(database, tmp_path, monkeypatch):
    database.execute('CREATE SCHEMA app; CREATE TABLE app."Calls" (LIKE public."AIInteraction")')
    engine = with_url(monkeypatch, tmp_path, database.url, more='table = "app.Calls"')
    assert load_trust(engine, GRID, WIDE)["written_rows"] == 0
    engine.close()


def test_the_session_s_zone_and_timestamptz_do_not_matter(database, tmp_path, monkeypatch):
    calls = nasty_calls()
    database.load_interactions(calls)
    monkeypatch.setenv("PGTZ", "America/New_York")
    plain = with_url(monkeypatch, tmp_path, database.url)
    as_stored = load_latency_counts(plain, GRID, [WIDE]), load_trust(plain, GRID, WIDE)
    plain.close()
    database.execute("""ALTER TABLE "AIInteraction" ALTER "createdAt" TYPE TIMESTAMPTZ USING "createdAt" AT TIME ZONE 'UTC'""")
    zoned = with_url(monkeypatch, tmp_path, database.url)
    with_zone = load_latency_counts(zoned, GRID, [WIDE]), load_trust(zoned, GRID, WIDE)
    zoned.close()
    pd.testing.assert_frame_equal(as_stored[0].rows, with_zone[0].rows)
    assert as_stored[1] == with_zone[1]


# ---- what goes wrong, in one sentence without the URL ----------------------------------------------------------------
def _shows_nothing_of(url, error):
    parts = urlsplit(url)
    chain = [error]
    while chain[-1].__cause__ is not None:
        chain.append(chain[-1].__cause__)
    told = " ".join(str(one) for one in chain)
    for secret in filter(None, (parts.password, parts.hostname, PASSWORD, parts.path.strip("/"))):
        assert secret not in told, told


def _closed_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.mark.parametrize(("change", "sentence"), [
    (lambda url: url.set(password=PASSWORD), "wrong user or password in the URL"),
    (lambda url: url.set(username="nobody-here", password=PASSWORD), "wrong user or password in the URL"),
    (lambda url: url.set(port=_closed_port(), password=PASSWORD), "nothing listens at the URL's host and port"),
    (lambda url: url.set(host="no-such-host.invalid", password=PASSWORD), "the URL's host is not known"),
    (lambda url: url.set(database="no-such-database"), "does not exist; check the URL"),
    (lambda url: url.update_query_dict({"sslmode": "require"}), "the server has no TLS"),
])  # fmt: skip
def test_a_connection_that_fails(database, tmp_path, monkeypatch, change, sentence):
    url = change(make_url(database.url)).render_as_string(hide_password=False)
    with pytest.raises(WrongUse, match=sentence) as raised:
        with_url(monkeypatch, tmp_path, url)
    _shows_nothing_of(url, raised.value)


@pytest.mark.parametrize(("url", "sentence"), [
    ("", "the environment variable TEST_URL of .* is not set"),
    (PASSWORD, "TEST_URL holds no database URL"),
    (f"http://u:{PASSWORD}@h/d", "holds no PostgreSQL URL"),
    (f"mysql://u:{PASSWORD}@h/d", "holds no PostgreSQL URL"),
    (f"postgresql://u:{PASSWORD}@h:notaport/d", "holds no database URL"),
    (f"postgresql://u:{PASSWORD}@[::1/d", "holds no database URL|host is not known|nothing listens"),
])  # fmt: skip
def test_a_variable_that_holds_no_url(tmp_path, monkeypatch, url, sentence):
    with pytest.raises(WrongUse, match=sentence) as raised:
        with_url(monkeypatch, tmp_path, url)
    assert PASSWORD not in str(raised.value)
    assert raised.value.__cause__ is None


@pytest.mark.parametrize(("url", "sentence"), [
    (f"prisma://u:{PASSWORD}@h/d", "whose driver is not installed"),
    (f"oracle://u:{PASSWORD}@h/d", "whose driver is not installed|not known"),
    ("sqlite://", "no table 'AIInteraction'"),
])  # fmt: skip
def test_other_databases_by_sqlalchemy(tmp_path, monkeypatch, url, sentence):
    with pytest.raises(WrongUse, match=sentence) as raised:
        with_url(monkeypatch, tmp_path, url, engine="sqlalchemy")
    assert PASSWORD not in str(raised.value)


def test_a_database_that_cannot_run_the_queries_says_so(tmp_path, monkeypatch):
    file = tmp_path / "calls.sqlite"
    made = sqlalchemy.create_engine(f"sqlite:///{file}")
    nasty_calls().to_sql("AIInteraction", made, index=False)
    made.dispose()
    with pytest.raises(WrongUse, match="the queries do not run on sqlite; use postgres, or export"):
        with_url(monkeypatch, tmp_path, f"sqlite:///{file}", engine="sqlalchemy")


def test_postgres_by_the_name_sqlalchemy_is_the_same(database, tmp_path, monkeypatch):
    engine = with_url(monkeypatch, tmp_path, database.url, engine="sqlalchemy")
    assert (engine.name, engine.dialect) == ("postgres", "postgres")
    engine.close()


def test_a_role_without_select_and_one_with_it_alone(database, tmp_path, monkeypatch):
    name = f"reader_{os.getpid()}_{time.monotonic_ns()}"
    database.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}'")
    try:
        url = make_url(database.url).set(username=name, password=PASSWORD).render_as_string(hide_password=False)
        engine = with_url(monkeypatch, tmp_path, url)  # the catalog is open to all
        with pytest.raises(WrongUse, match="the role lacks SELECT on the table; grant it"):
            load_trust(engine, GRID, WIDE)
        database.execute(f'GRANT SELECT ON "AIInteraction" TO {name}')
        assert load_trust(engine, GRID, WIDE)["written_rows"] == 0
        engine.close()
    finally:
        database.execute(f"DROP OWNED BY {name}; DROP ROLE {name}")


def test_a_server_that_cuts_the_connection(postgres, database):
    one(postgres, "SELECT 1")
    database.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'rollout'")
    with pytest.raises(RolloutError, match="was cut off") as raised:
        postgres.fetch(Raw("SELECT 1"))
    _shows_nothing_of(database.url, raised.value)
    assert one(postgres, "SELECT 1") == 1  # the next query connects anew


@pytest.mark.parametrize(("change", "error", "sentence"), [
    ('DROP TABLE "AIInteraction"', WrongUse, "the database has no table 'AIInteraction' that this role can see"),
    ('ALTER TABLE "AIInteraction" DROP "leadId"', WrongUse, "table 'AIInteraction' has no column 'leadId'"),
    ('ALTER TABLE "AIInteraction" ALTER "latencyMs" TYPE TEXT', WrongUse, "latencyMs is of type TEXT, which does not hold whole numbers"),
    ('ALTER TABLE "AIInteraction" ALTER "latencyMs" TYPE FLOAT8', WrongUse, "latencyMs is of type DOUBLE PRECISION"),
    ('ALTER TABLE "AIInteraction" ALTER "createdAt" DROP DEFAULT, ALTER "createdAt" TYPE TEXT', WrongUse, "createdAt is of type TEXT, which does not hold times"),
])  # fmt: skip
def test_a_table_that_does_not_fit(database, tmp_path, monkeypatch, change, error, sentence):
    database.execute(change)
    with pytest.raises(error, match=sentence):
        with_url(monkeypatch, tmp_path, database.url)


def test_numbers_too_large_to_be_milliseconds(database, tmp_path, monkeypatch):
    """Nanoseconds in latencyMs: no traceback, no wrong sum."""
    rows = typed([{"id": str(n), "clientId": "t", "leadId": None, "source": "s", "featureId": "f", "model": "m", "apiType": "r", "outputTokens": None,
                   "totalTokens": None, "latencyMs": 2_000_000_000_000_000_000, "status": "success", "errorMessage": None,
                   "createdAt": DEPLOYED_AT + timedelta(minutes=n)} for n in range(9)])  # fmt: skip
    database.execute('ALTER TABLE "AIInteraction" ALTER "latencyMs" TYPE BIGINT')
    for kind in ("parquet", "postgres"):
        engine = open_engine(store(kind, rows, tmp_path, database=database, monkeypatch=monkeypatch))
        with pytest.raises(DataNotTrusted, match="numbers too large to be milliseconds"):
            load_latency_counts(engine, GRID, [WIDE])
        engine.close()


# ---- files -----------------------------------------------------------------------------------------------------------
HEADER = "id,clientId,leadId,source,featureId,model,latencyMs,status,errorMessage,outputTokens,totalTokens,createdAt\n"
ROW = "1,t,,s,f,m,{ms},success,,1,2,{at}\n"


@pytest.mark.parametrize(("ms", "at", "error"), [
    ("fast", "2026-02-03", "latencyMs of row 2"), ("1200.5", "2026-02-03", "latencyMs of row 2"), ("0x10", "2026-02-03", "latencyMs of row 2"),
    ("1e3", "2026-02-03", "latencyMs of row 2"), ("1_000", "2026-02-03", "latencyMs of row 2"), ("99999999999999999999", "2026-02-03", "latencyMs of row 2"),
    ("NaN", "2026-02-03", "latencyMs of row 2"), ("12", "yesterday", "createdAt of row 2"), ("12", "", "createdAt of row 2"),
    ("12", "2026-13-01 00:00:00", "createdAt of row 2"), ("12", "2026-02-03 00:00:00 CEST", "createdAt of row 2"),
])  # fmt: skip
def test_a_value_that_cannot_be_read_is_named_by_its_row(tmp_path, ms, at, error):
    (tmp_path / "calls.csv").write_text(HEADER + ROW.format(ms="5", at="2026-02-03") + ROW.format(ms=ms, at=at), encoding="utf-8")
    with pytest.raises(DataNotTrusted, match=error + r" \(the header not counted\)"):
        open_engine(settings_of(tmp_path, 'engine = "duckdb"\npath = "calls.csv"'))


@pytest.mark.parametrize("ms", ["5", " 5 ", "5.0", "5.000", "+5", ""])
def test_a_latency_as_tools_write_it(tmp_path, ms):
    (tmp_path / "calls.csv").write_text(HEADER + ROW.format(ms=ms, at="2026-02-03T00:00:00Z"), encoding="utf-8")
    engine = open_engine(settings_of(tmp_path, 'engine = "duckdb"\npath = "calls.csv"'))
    assert list(load_latency_counts(engine, GRID, [WIDE]).rows["latency_ms"]) == ([5] if ms else [])


@pytest.mark.parametrize(("name", "content", "sentence"), [
    ("calls.csv", b"", "calls.csv is empty; it needs a header row"),
    ("calls.csv", HEADER.replace("leadId", "lead").encode(), "has no column 'leadId'"),
    ("calls.csv", HEADER.replace("leadId", "clientId").encode(), "named twice"),
    ("calls.csv", (HEADER + "1,2,3\n").encode(), "cannot be read as CSV: line 2 has too few or too many columns"),
    ("calls.csv", (HEADER + '1,t,,s,f,m,5,error,"open quote,1,2,2026-02-03\n').encode(), "cannot be read as CSV: line 2"),
    ("calls.csv", (HEADER + "1,t,,s,\xe9,m,5,success,,1,2,2026-02-03\n").encode("latin-1"), "cannot be read as CSV"),
    ("calls.csv.gz", b"not packed", "cannot be read as CSV"),
    ("calls.parquet", b"PAR1 but not really", "cannot be read as Parquet"),
    ("calls.duckdb", b"no database", "cannot be read as a DuckDB file"),
    ("calls.xlsx", b"PK", "ends neither in .parquet"),
])  # fmt: skip
def test_a_file_that_cannot_be_read(tmp_path, name, content, sentence):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(WrongUse, match=sentence) as raised:
        open_engine(settings_of(tmp_path, f'engine = "duckdb"\npath = "{name}"'))
    assert str(tmp_path) not in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(WrongUse, match=r"\[source\].path 'calls-\*.csv' matches no file"):
        open_engine(settings_of(tmp_path, 'engine = "duckdb"\npath = "calls-*.csv"'))


def test_a_duckdb_file_without_the_table(tmp_path):
    duckdb.connect(str(tmp_path / "calls.duckdb")).execute("CREATE TABLE other (a INT)").close()
    with pytest.raises(WrongUse, match="holds no table 'AIInteraction'"):
        open_engine(settings_of(tmp_path, 'engine = "duckdb"\npath = "calls.duckdb"'))


def test_names_with_brackets_stars_and_quotes_are_only_names(tmp_path):
    folder = tmp_path / "it's [odd] ?"
    folder.mkdir()
    store("parquet", nasty_calls(), folder)
    (folder / "calls.parquet").rename(folder / "ca'lls [1].parquet")
    engine = open_engine(settings_of(tmp_path, 'engine = "duckdb"\npath = "it\'s [odd] ?/ca\'lls [1].parquet"'))
    assert len(load_latency_counts(engine, GRID, [WIDE]).rows)


def test_parquet_with_other_types(tmp_path):
    calls = nasty_calls()
    as_floats = calls.assign(latencyMs=calls["latencyMs"].astype("float64"), createdAt=calls["createdAt"].dt.tz_localize("UTC").dt.tz_convert("Asia/Tokyo"))
    found = []
    for number, rows in enumerate((calls, as_floats)):
        folder = tmp_path / str(number)
        folder.mkdir()
        found.append(load_latency_counts(open_engine(store("parquet", rows, folder)), GRID, [WIDE]).rows)
    pd.testing.assert_frame_equal(*found)
    halves = calls.assign(latencyMs=calls["latencyMs"].astype("float64") + 0.5)
    with pytest.raises(DataNotTrusted, match="latencyMs of row 1 is not a whole number"):
        open_engine(store("parquet", halves, tmp_path))
    with pytest.raises(WrongUse, match="createdAt is of type BIGINT, not a time"):
        open_engine(store("parquet", calls.assign(createdAt=range(len(calls))), tmp_path))


def test_the_test_server_really_runs(database):
    assert isinstance(database.execute("SELECT now()")[0][0], datetime)
    assert issubclass(psycopg2.errors.ReadOnlySqlTransaction, psycopg2.Error)
