"""What a database does wrong, in one sentence without the URL: too slow, cut off, not reached, a role or a table that does not fit."""

import os
import socket
import threading
import time
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
import sqlalchemy
from sqlalchemy.engine import make_url

from analysis.counting.scanning.count_tables import load_latency_counts
from analysis.counting.scanning.written_rows import load_row_quality
from analysis.errors import DataNotTrusted, RolloutError, WrongUse
from analysis.telemetry.engines import open_engine
from analysis.telemetry.engines.sqlalchemy import transactions
from tests.fixtures.edge_case_calls import DEPLOYED_AT, edge_case_calls, typed
from tests.fixtures.opened_engines import GRID, WIDE, Raw, one, with_url
from tests.fixtures.stores import store

PASSWORD = "s3cret-Pass"


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
    settings = store("parquet", edge_case_calls(), tmp_path)
    engine = open_engine(settings)
    engine._timeout = timedelta(seconds=0.5)
    started = time.monotonic()
    with pytest.raises(WrongUse, match=r"took longer than \[source\].timeout"):
        engine.fetch(
            Raw("SELECT SUM(a.range * b.range % 7) FROM range(10000000) AS a, range(100000) AS b")
        )
    assert time.monotonic() - started < 10
    assert one(engine, "SELECT 1") == 1
    engine.close()


def test_a_cut_network_is_given_up(database, tmp_path, monkeypatch):
    """A proxy that forwards until it is told to fall silent: the server's own limit is never heard."""
    monkeypatch.setattr(transactions, "GRACE_S", 0.5)
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


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda url: url.set(password=PASSWORD), "wrong user or password"),
        (
            lambda url: url.set(username="nobody-here", password=PASSWORD),
            "wrong user or password",
        ),
        (
            lambda url: url.set(port=_closed_port(), password=PASSWORD),
            "nothing listens at the URL's host and port",
        ),
        (
            lambda url: url.set(host="no-such-host.invalid", password=PASSWORD),
            "the host is unknown",
        ),
        (lambda url: url.set(database="no-such-database"), "does not exist; check the URL"),
        (lambda url: url.update_query_dict({"sslmode": "require"}), "the server has no TLS"),
    ],
)
def test_a_connection_that_fails(database, tmp_path, monkeypatch, change, sentence):
    url = change(make_url(database.url)).render_as_string(hide_password=False)
    with pytest.raises(WrongUse, match=sentence) as raised:
        with_url(monkeypatch, tmp_path, url)
    _shows_nothing_of(url, raised.value)


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("", "the environment variable TEST_URL of .* is not set"),
        (PASSWORD, "TEST_URL holds no database URL"),
        (f"http://u:{PASSWORD}@h/d", "holds no PostgreSQL URL"),
        (f"mysql://u:{PASSWORD}@h/d", "holds no PostgreSQL URL"),
        (f"postgresql://u:{PASSWORD}@h:notaport/d", "holds no database URL"),
        (
            f"postgresql://u:{PASSWORD}@[::1/d",
            "holds no database URL|host is not known|nothing listens",
        ),
    ],
)
def test_a_variable_that_holds_no_url(tmp_path, monkeypatch, url, sentence):
    with pytest.raises(WrongUse, match=sentence) as raised:
        with_url(monkeypatch, tmp_path, url)
    assert PASSWORD not in str(raised.value)
    assert raised.value.__cause__ is None


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        (f"prisma://u:{PASSWORD}@h/d", "whose driver is not installed"),
        (f"oracle://u:{PASSWORD}@h/d", "whose driver is not installed|not known"),
        ("sqlite://", "no table 'AIInteraction'"),
    ],
)
def test_other_databases_by_sqlalchemy(tmp_path, monkeypatch, url, sentence):
    with pytest.raises(WrongUse, match=sentence) as raised:
        with_url(monkeypatch, tmp_path, url, engine="sqlalchemy")
    assert PASSWORD not in str(raised.value)


def test_a_database_that_cannot_run_the_queries_says_so(tmp_path, monkeypatch):
    file = tmp_path / "calls.sqlite"
    made = sqlalchemy.create_engine(f"sqlite:///{file}")
    edge_case_calls().to_sql("AIInteraction", made, index=False)
    made.dispose()
    with pytest.raises(WrongUse, match="the queries do not run on sqlite; use postgres, or export"):
        with_url(monkeypatch, tmp_path, f"sqlite:///{file}", engine="sqlalchemy")


def test_postgres_by_the_name_sqlalchemy_is_the_same(database, tmp_path, monkeypatch):
    engine = with_url(monkeypatch, tmp_path, database.url, engine="sqlalchemy")
    assert (engine.name, engine._dialect) == ("postgres", "postgres")
    engine.close()


def test_a_role_without_select_and_one_with_it_alone(database, tmp_path, monkeypatch):
    name = f"reader_{os.getpid()}_{time.monotonic_ns()}"
    database.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}'")
    try:
        url = (
            make_url(database.url)
            .set(username=name, password=PASSWORD)
            .render_as_string(hide_password=False)
        )
        engine = with_url(monkeypatch, tmp_path, url)  # the catalog is open to all
        with pytest.raises(WrongUse, match="the role lacks SELECT on the table; grant it"):
            load_row_quality(engine, GRID, WIDE)
        database.execute(f'GRANT SELECT ON "AIInteraction" TO {name}')
        assert load_row_quality(engine, GRID, WIDE).written_rows == 0
        engine.close()
    finally:
        database.execute(f"DROP OWNED BY {name}; DROP ROLE {name}")


def test_a_server_that_cuts_the_connection(postgres, database):
    one(postgres, "SELECT 1")
    database.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'rollout'"
    )
    with pytest.raises(RolloutError, match="closed the connection") as raised:
        postgres.fetch(Raw("SELECT 1"))
    _shows_nothing_of(database.url, raised.value)
    assert one(postgres, "SELECT 1") == 1  # the next query connects anew


@pytest.mark.parametrize(
    ("change", "error", "sentence"),
    [
        (
            'DROP TABLE "AIInteraction"',
            WrongUse,
            "this role can see no table 'AIInteraction'",
        ),
        (
            'ALTER TABLE "AIInteraction" DROP "leadId"',
            WrongUse,
            "table 'AIInteraction' has no column 'leadId'",
        ),
        (
            'ALTER TABLE "AIInteraction" ALTER "latencyMs" TYPE TEXT',
            WrongUse,
            "latencyMs has type TEXT, which is not read as a whole number",
        ),
        (
            'ALTER TABLE "AIInteraction" ALTER "latencyMs" TYPE FLOAT8',
            WrongUse,
            "latencyMs has type DOUBLE PRECISION",
        ),
        (
            'ALTER TABLE "AIInteraction" ALTER "createdAt" DROP DEFAULT, ALTER "createdAt" TYPE TEXT',
            WrongUse,
            "createdAt has type TEXT, which is not read as a time",
        ),
    ],
)
def test_a_table_that_does_not_fit(database, tmp_path, monkeypatch, change, error, sentence):
    database.execute(change)
    with pytest.raises(error, match=sentence):
        with_url(monkeypatch, tmp_path, database.url)


def test_numbers_too_large_to_be_milliseconds(database, tmp_path, monkeypatch):
    """Nanoseconds in latencyMs: no traceback, no wrong sum."""
    rows = typed(
        [
            {
                "id": str(n),
                "clientId": "t",
                "leadId": None,
                "source": "s",
                "featureId": "f",
                "model": "m",
                "apiType": "r",
                "outputTokens": None,
                "totalTokens": None,
                "latencyMs": 2_000_000_000_000_000_000,
                "status": "success",
                "errorMessage": None,
                "createdAt": DEPLOYED_AT + timedelta(minutes=n),
            }
            for n in range(9)
        ]
    )
    database.execute('ALTER TABLE "AIInteraction" ALTER "latencyMs" TYPE BIGINT')
    for kind in ("parquet", "postgres"):
        engine = open_engine(
            store(kind, rows, tmp_path, database=database, monkeypatch=monkeypatch)
        )
        with pytest.raises(DataNotTrusted, match="numbers too large to be milliseconds"):
            load_latency_counts(engine, GRID, [WIDE])
        engine.close()
