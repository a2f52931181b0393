"""PostgreSQL and other databases: schemas, time zones, limits, and errors without the URL."""

import os
import socket
import time
from urllib.parse import urlsplit

import pandas as pd
import pytest
import sqlalchemy
from sqlalchemy.engine import make_url

from analysis.counting.scans.count_tables import load_latency_counts
from analysis.counting.scans.scan import Scan
from analysis.counting.scans.written_rows import load_row_quality
from analysis.errors import DataNotTrusted, RolloutError, WrongUse
from analysis.telemetry.engines import open_engine
from analysis.telemetry.engines.sqlalchemy import transactions
from tests.fixtures.edge_case_calls import edge_case_calls, typed
from tests.fixtures.opened_engines import (
    ALL_CALLS,
    GRID,
    UncheckedStatement,
    one_value,
    open_url,
)
from tests.fixtures.single_calls import call
from tests.fixtures.stores import store
from tests.fixtures.tcp_proxy import proxy_to

PASSWORD = "s3cret-Pass"


@pytest.fixture
def open_at(tmp_path, monkeypatch):
    """A function from a URL to the engine over it; keywords: `more` of [source], `engine`."""
    engines = []

    def open_it(url, **options):
        engines.append(open_url(monkeypatch, tmp_path, url, **options))
        return engines[-1]

    yield open_it
    for engine in engines:
        engine.close()


def assert_shows_nothing_of(url, error):
    parts, chain = urlsplit(url), [error]
    while chain[-1].__cause__ is not None:
        chain.append(chain[-1].__cause__)
    text = " ".join(map(str, chain))
    secrets = (parts.password, parts.hostname, PASSWORD, parts.path.strip("/"))
    assert not [secret for secret in secrets if secret and secret in text]


# ---- where the table is, and its times -------------------------------------------------------
@pytest.mark.parametrize(
    ("schema", "keys"),
    [
        ("app", "schema=app"),
        ("app", "schema=app&pgbouncer=true&connection_limit=1&sslmode=disable"),
        ('we"ird One', 'schema=we"ird%20One'),
    ],
)
def test_a_prisma_url_names_the_schema(database, open_at, schema, keys):
    quoted = '"' + schema.replace('"', '""') + '"'
    table = '"AIInteraction"'
    database.execute(f"CREATE SCHEMA {quoted}; CREATE TABLE {quoted}.{table} (LIKE public.{table})")
    columns = '"id", "clientId", "featureId", "model", "apiType", "latencyMs", "status"'
    for place, n_rows in (("public", 1), (quoted, 2)):
        database.execute(f"""
            INSERT INTO {place}.{table} ({columns}, "createdAt")
            SELECT 'a' || n, 't', 'f', 'm', 'r', 5, 'success', '2026-02-03'
            FROM generate_series(1, {n_rows}) AS n""")
    engine = open_at(f"{database.url}?{keys}".replace("postgresql://", "postgres://"))
    assert load_row_quality(Scan(engine, GRID), ALL_CALLS).written_rows == 2


def test_a_table_is_named_with_its_schema(database, open_at):
    database.execute('CREATE SCHEMA app; CREATE TABLE app."Calls" (LIKE public."AIInteraction")')
    engine = open_at(database.url, more='table = "app.Calls"')
    assert load_row_quality(Scan(engine, GRID), ALL_CALLS).written_rows == 0


def test_the_session_s_zone_and_timestamptz_change_nothing(database, open_at, monkeypatch):
    database.load_interactions(edge_case_calls())
    monkeypatch.setenv("PGTZ", "America/New_York")

    def counts_and_quality():
        engine = open_at(database.url)
        counts = load_latency_counts(Scan(engine, GRID), [ALL_CALLS]).rows
        return counts, load_row_quality(Scan(engine, GRID), ALL_CALLS)

    counts, quality = counts_and_quality()
    database.execute(
        'ALTER TABLE "AIInteraction" ALTER "createdAt" TYPE TIMESTAMPTZ '
        """USING "createdAt" AT TIME ZONE 'UTC'"""
    )
    counts_with_zone, quality_with_zone = counts_and_quality()
    pd.testing.assert_frame_equal(counts, counts_with_zone)
    assert quality == quality_with_zone


def test_engine_sqlalchemy_over_postgres_is_postgres(database, open_at):
    engine = open_at(database.url, engine="sqlalchemy")
    assert (engine.name, engine._dialect) == ("postgres", "postgres")


# ---- limits of time --------------------------------------------------------------------------
def test_a_query_ends_at_the_time_limit(database, open_at):
    engine = open_at(database.url, more='timeout = "1s"')
    started = time.monotonic()
    with pytest.raises(WrongUse, match=r"took longer than \[source\].timeout"):
        engine.fetch(UncheckedStatement("SELECT pg_sleep(30)"))
    assert time.monotonic() - started < 5
    assert one_value(engine, "SELECT 1") == 1


def test_a_silent_network_is_given_up(database, open_at, monkeypatch):
    """Nothing reports that the server's own limit has passed."""
    monkeypatch.setattr(transactions, "GRACE_S", 0.5)
    with proxy_to(database.url) as proxy:
        engine = open_at(proxy.url, more='timeout = "1s"')
        assert one_value(engine, "SELECT 1") == 1
        proxy.silent.set()
        started = time.monotonic()
        with pytest.raises(RolloutError, match="got no answer within") as raised:
            engine.fetch(UncheckedStatement("SELECT 1"))
        assert time.monotonic() - started < 6
        assert_shows_nothing_of(proxy.url, raised.value)


# ---- errors, without the URL -----------------------------------------------------------------
def with_closed_port(url):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return url.set(port=probe.getsockname()[1], password=PASSWORD)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda url: url.set(password=PASSWORD), "wrong user or password"),
        (lambda url: url.set(username="nobody-here", password=PASSWORD), "wrong user or password"),
        (with_closed_port, "nothing listens at the host and port"),
        (lambda url: url.set(host="no-such-host.invalid", password=PASSWORD), "host is unknown"),
        (lambda url: url.set(database="no-such-database"), "does not exist; check the URL"),
        (lambda url: url.update_query_dict({"sslmode": "require"}), "the server has no TLS"),
    ],
)
def test_a_connection_that_fails(database, open_at, change, sentence):
    url = change(make_url(database.url)).render_as_string(hide_password=False)
    with pytest.raises(WrongUse, match=sentence) as raised:
        open_at(url)
    assert_shows_nothing_of(url, raised.value)


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("", "the environment variable TEST_URL of .* is not set"),
        (PASSWORD, "TEST_URL holds no database URL"),
        (f"http://u:{PASSWORD}@h/d", "holds no PostgreSQL URL"),
        (f"mysql://u:{PASSWORD}@h/d", "holds no PostgreSQL URL"),
        (f"postgresql://u:{PASSWORD}@h:notaport/d", "holds no database URL"),
        (f"postgresql://u:{PASSWORD}@[::1/d", "no database URL|host is unknown|nothing listens"),
    ],
)
def test_a_variable_without_a_url(open_at, url, sentence):
    with pytest.raises(WrongUse, match=sentence) as raised:
        open_at(url)
    assert PASSWORD not in str(raised.value)
    assert raised.value.__cause__ is None


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        (f"prisma://u:{PASSWORD}@h/d", "holds a URL of Prisma Accelerate"),
        (f"oracle://u:{PASSWORD}@h/d", "whose driver is not installed|not supported"),
        ("sqlite://", "no table 'AIInteraction'"),
    ],
)
def test_another_database_that_does_not_open(open_at, url, sentence):
    with pytest.raises(WrongUse, match=sentence) as raised:
        open_at(url, engine="sqlalchemy")
    assert PASSWORD not in str(raised.value)


def test_a_database_that_cannot_run_the_queries(tmp_path, open_at):
    url = f"sqlite:///{tmp_path}/calls.sqlite"
    writer = sqlalchemy.create_engine(url)
    edge_case_calls().to_sql("AIInteraction", writer, index=False)
    writer.dispose()
    with pytest.raises(WrongUse, match="the queries do not run on sqlite; use postgres, or export"):
        open_at(url, engine="sqlalchemy")


def test_select_on_the_table_is_needed_and_is_enough(database, open_at):
    name = f"reader_{os.getpid()}_{time.monotonic_ns()}"
    database.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}'")
    try:
        url = make_url(database.url).set(username=name, password=PASSWORD)
        engine = open_at(url.render_as_string(hide_password=False))  # every role sees the catalog
        with pytest.raises(WrongUse, match="the role lacks SELECT on the table; grant it"):
            load_row_quality(Scan(engine, GRID), ALL_CALLS)
        database.execute(f'GRANT SELECT ON "AIInteraction" TO {name}')
        assert load_row_quality(Scan(engine, GRID), ALL_CALLS).written_rows == 0
        engine.close()
    finally:
        database.execute(f"DROP OWNED BY {name}; DROP ROLE {name}")


def test_a_connection_that_the_server_closes(postgres, database):
    one_value(postgres, "SELECT 1")
    database.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'rollout'"
    )
    with pytest.raises(RolloutError, match="closed the connection") as raised:
        postgres.fetch(UncheckedStatement("SELECT 1"))
    assert_shows_nothing_of(database.url, raised.value)
    assert one_value(postgres, "SELECT 1") == 1  # the next query connects again


# ---- tables that do not fit ------------------------------------------------------------------
@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ('DROP TABLE "AIInteraction"', "this role can see no table 'AIInteraction'"),
        ('ALTER TABLE "AIInteraction" DROP "leadId"', "has no column 'leadId'; it needs id"),
        (
            'ALTER TABLE "AIInteraction" ALTER "latencyMs" TYPE TEXT',
            "latencyMs has type TEXT, which is not read as a whole number",
        ),
        (
            'ALTER TABLE "AIInteraction" ALTER "latencyMs" TYPE FLOAT8',
            "latencyMs has type DOUBLE PRECISION",
        ),
        (
            'ALTER TABLE "AIInteraction" ALTER "createdAt" DROP DEFAULT, '
            'ALTER "createdAt" TYPE TEXT',
            "createdAt has type TEXT, which is not read as a time",
        ),
    ],
)
def test_a_table_that_does_not_fit(database, open_at, change, sentence):
    database.execute(change)
    with pytest.raises(WrongUse, match=sentence):
        open_at(database.url)


@pytest.mark.parametrize("kind", ["parquet", "postgres"])
def test_numbers_too_large_to_be_milliseconds(database, tmp_path, monkeypatch, kind):
    """Nanoseconds in latencyMs give an error, neither a traceback nor a wrong sum."""
    rows = typed([call(60 * n, ms=2_000_000_000_000_000_000) for n in range(9)])
    database.execute('ALTER TABLE "AIInteraction" ALTER "latencyMs" TYPE BIGINT')
    engine = open_engine(store(kind, rows, tmp_path, database=database, monkeypatch=monkeypatch))
    with pytest.raises(DataNotTrusted, match="numbers too large to be milliseconds"):
        load_latency_counts(Scan(engine, GRID), [ALL_CALLS])
    engine.close()
