"""PostgreSQL as it is hosted: sockets, several hosts, poolers, replicas and what they refuse."""

import contextlib
import os
import socket
import time
from urllib.parse import quote, urlsplit

import psycopg2
import pytest
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from analysis.doctor.source_checks import check_source
from analysis.errors import RolloutError, WrongUse
from analysis.telemetry.engines.sqlalchemy import engine as sqlalchemy_engine
from analysis.telemetry.engines.sqlalchemy.errors import explain_error
from tests.fixtures.edge_case_calls import edge_case_calls
from tests.fixtures.opened_engines import one_value, open_url
from tests.fixtures.stores import POSTGRES_SOURCE, settings_of
from tests.fixtures.tcp_proxy import proxy_to

TABLE = '"AIInteraction"'


@pytest.fixture
def open_at(tmp_path, monkeypatch):
    """A function from a URL to the engine over it."""
    with contextlib.ExitStack() as engines:

        def open_it(url, **options):
            engine = open_url(monkeypatch, tmp_path, url, **options)
            engines.callback(engine.close)
            return engine

        yield open_it


@pytest.fixture
def doctor(tmp_path, monkeypatch):
    """A function from a URL to the checks of the source there: name -> check."""

    def check(url):
        monkeypatch.setenv("TEST_URL", url)
        return {one.name: one for one in check_source(settings_of(tmp_path, POSTGRES_SOURCE))}

    return check


@pytest.fixture
def role(database):
    """The name of a role with the password Reader-1, which may read the table."""
    name = f"reader_{os.getpid()}_{time.monotonic_ns()}"
    database.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'Reader-1'")
    database.execute(f"GRANT SELECT ON {TABLE} TO {name}")
    yield name
    database.execute(f"DROP OWNED BY {name}; DROP ROLE {name}")


def with_parts(url, **parts):
    return make_url(url).set(**parts).render_as_string(hide_password=False)


def closed_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


# ---- URLs that connect ------------------------------------------------------------------------
def test_a_socket_in_the_key_host_and_as_a_host(database, open_at, tmp_path):
    folder = tmp_path / "a:b:c"
    folder.mkdir()
    with proxy_to(database.url, folder) as proxy:
        place = f"@{quote(str(folder), safe='')}/"
        for url in (f"{proxy.url}?host={folder}", proxy.url.replace("@/", place)):
            assert one_value(open_at(url), "SELECT 1") == 1
        assert proxy.connections == 2


def test_the_second_of_several_hosts(database, open_at):
    parts = urlsplit(database.url)
    user, _, place = parts.netloc.rpartition("@")
    url = parts._replace(netloc=f"{user}@127.0.0.1:{closed_port()},{place}").geturl()
    assert one_value(open_at(url), "SELECT 1") == 1


@pytest.mark.parametrize("scheme", ["postgresql+asyncpg", "postgresql+psycopg", "postgis"])
def test_the_schemes_of_other_drivers(database, open_at, scheme):
    url = database.url.replace("postgresql://", f"{scheme}://")
    assert one_value(open_at(f'"{url}"'), "SELECT 1") == 1


def test_jdbc(database, open_at):
    parts = urlsplit(database.url)
    place = f"{parts.hostname}:{parts.port}{parts.path}"
    url = f"jdbc:postgresql://{place}?user={parts.username}&password={parts.password}&ssl=false"
    assert one_value(open_at(url), "SELECT 1") == 1


def test_a_password_that_should_be_escaped(database, role, open_at):
    password = "p@ss#w/o?r:d%"
    database.execute(f"ALTER ROLE {role} PASSWORD '{password}'")
    parts = urlsplit(database.url)
    url = f"postgresql://{role}:{password}@{parts.hostname}:{parts.port}{parts.path}"
    assert one_value(open_at(url), "SELECT CURRENT_USER") == role


# ---- start-up options that are refused --------------------------------------------------------
@pytest.mark.parametrize(
    "refusal",
    [
        "unsupported startup parameter: options",
        "unsupported startup parameter in options: default_transaction_read_only",
        "Feature not supported: RDS Proxy currently doesn't support command-line options.",
    ],
)
def test_refused_options_are_set_in_each_transaction(database, open_at, refusal):
    database.execute("CREATE SCHEMA app")
    database.execute(f"CREATE TABLE app.{TABLE} (LIKE public.{TABLE})")
    with proxy_to(database.url) as proxy:
        proxy.refuses_options, proxy.refusal = True, refusal
        engine = open_at(f"{proxy.url}?options=-c%20search_path%3Dapp%20-c%20work_mem%3D3MB")
        assert proxy.connections == 2  # with the options, then without them
        assert one_value(engine, f"SELECT CAST('{TABLE}' AS REGCLASS)::TEXT") == TABLE
        assert one_value(engine, "SELECT CURRENT_SCHEMA") == "app"
        assert one_value(engine, "SELECT CURRENT_SETTING('work_mem')") == "3MB"
        assert one_value(engine, "SELECT CURRENT_SETTING('transaction_read_only')") == "on"
        proxy.cut()
        with pytest.raises(RolloutError, match="closed the connection"):
            one_value(engine, "SELECT 1")
        assert one_value(engine, "SELECT 1") == 1
        assert proxy.connections == 3  # the options are not tried again


# ---- a replica --------------------------------------------------------------------------------
CONFLICTS = """
CREATE FUNCTION conflict(times INT) RETURNS INT LANGUAGE plpgsql AS $$
DECLARE before INT;
BEGIN
    SELECT COUNT(*) INTO before FROM pg_locks
    WHERE locktype = 'advisory' AND pid = PG_BACKEND_PID();
    IF before < times THEN
        -- A lock of the session: it outlives the transaction.
        PERFORM PG_ADVISORY_LOCK(PG_BACKEND_PID(), before);
        RAISE 'canceling statement due to conflict with recovery' USING ERRCODE = '40001';
    END IF;
    RETURN before;
END $$
"""


def test_a_query_that_a_replica_cancels_is_tried_again(database, open_at, monkeypatch):
    monkeypatch.setattr(sqlalchemy_engine, "REPLICA_PAUSES_S", (0.0, 0.0))
    database.execute(CONFLICTS)
    assert one_value(open_at(database.url), "SELECT conflict(2)") == 2
    with pytest.raises(RolloutError) as raised:
        one_value(open_at(database.url), "SELECT conflict(3)")
    assert str(raised.value) == (
        "the query 'unchecked' was canceled by the replica, which applied changes of the primary; "
        "run again, use the primary, or let an administrator set hot_standby_feedback = on"
    )


# ---- sentences --------------------------------------------------------------------------------
def test_a_missing_database(database, doctor):
    check = doctor(with_parts(database.url, database="other"))["connection"]
    assert check.state == "error"
    assert check.detail == (
        "looking up the table failed: the database of the URL does not exist; check the URL"
    )


def test_a_role_that_may_not_log_in(database, role, open_at):
    database.execute(f"ALTER ROLE {role} NOLOGIN")
    with pytest.raises(WrongUse) as raised:
        open_at(with_parts(database.url, username=role, password="Reader-1"))
    assert str(raised.value) == (
        "looking up the table failed: the role may not log in; "
        "ALTER ROLE ... LOGIN, or use another role in the URL"
    )


def test_a_socket_that_is_missing(open_at, tmp_path):
    with pytest.raises(WrongUse) as raised:
        open_at(f"postgresql://u:s3cret@/d?host={tmp_path}")
    assert str(raised.value) == (
        "looking up the table failed: no server has its socket in the folder of the key host; "
        "start the server or its proxy, or correct the folder in the URL"
    )


def test_a_setting_of_the_url_that_does_not_exist(database, open_at):
    with pytest.raises(RolloutError) as raised:
        open_at(f"{database.url}?options=endpoint%3Dep-s3cret")
    assert str(raised.value) == (
        "looking up the table failed: the server or its pooler refuses the key options of the "
        "URL; remove it"
    )


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("FATAL:  Tenant or user not found", "failed: the pooler knows no such project or user"),
        ("FATAL:  (ENOTFOUND) tenant/user postgres.x not found", "failed: the pooler knows no"),
        ("Network is unreachable\n\tIs the server running", "a host with IPv6 only, such"),
        ('could not translate host name "h" to address: No address associated', "IPv6 only"),
        ('could not translate host name "h" to address: Name or service', "the host is unknown"),
        ("ERROR:  Endpoint ID is not specified. Either please", "Neon needs the name of the end"),
        ('FATAL:  password authentication failed for user "u"', "wrong user or password"),
        ("FATAL:  SASL authentication failed", "wrong user or password"),
        ('FATAL:  PAM authentication failed for user "u"', "wrong user or password"),
        ('FATAL:  role "u" does not exist', "the role of the URL does not exist"),
        ('FATAL:  database "d" does not exist', "the database of the URL does not exist"),
        ("FATAL:  no such database: d", "the database of the URL does not exist"),
        ('FATAL:  permission denied for database "d"', "the role lacks CONNECT on the database"),
        ('FATAL:  no pg_hba.conf entry for host "1.2.3.4", no encryption', "the server needs TLS"),
        ('FATAL:  no pg_hba.conf entry for host "1.2.3.4", SSL encryption', "in pg_hba.conf"),
        ("FATAL:  MaxClientsInSessionMode: max clients reached", "has no free connection"),
        ("FATAL:  the database system is starting up", "the server starts, stops or recovers"),
        ('invalid sslmode value: "x"', "a key of the URL has a value that PostgreSQL does not"),
        ("ERROR:  canceling statement due to conflict with recovery", "canceled by the replica"),
    ],
)
def test_words_of_servers_and_poolers(words, sentence):
    text = f'connection to server at "s3cret" (1.2.3.4), port 5432 failed: {words}'
    error = OperationalError("SELECT 1", {}, psycopg2.OperationalError(text))
    found = str(explain_error(error, "the query"))
    assert sentence in found
    assert "s3cret" not in found
    assert "1.2.3.4" not in found


# ---- doctor -----------------------------------------------------------------------------------
def test_row_level_security_is_reported_with_its_policy(database, role, doctor):
    database.load_interactions(edge_case_calls())
    url = with_parts(database.url, username=role, password="Reader-1")
    assert "row level security" not in doctor(url)
    database.execute(f"ALTER TABLE {TABLE} ENABLE ROW LEVEL SECURITY")
    checks = doctor(url)
    assert checks["row level security"].state == "warning"
    advice = (
        "without an error; let the role see every row: ALTER ROLE ... BYPASSRLS, "
        "or CREATE POLICY ... FOR SELECT TO ... USING (true)"
    )
    assert checks["row level security"].detail == (
        f"it is active for this role: no policy shows this role any row {advice}"
    )
    assert checks["rows"].state == "error"  # it looks empty
    database.execute(f"CREATE POLICY own_tenant ON {TABLE} FOR SELECT USING (\"clientId\" = 't')")
    database.execute(f"CREATE POLICY own_writes ON {TABLE} FOR INSERT WITH CHECK (true)")
    assert doctor(url)["row level security"].detail == (
        f"it is active for this role: policy 'own_tenant' may hide rows {advice}"
    )
    assert "row level security" not in doctor(database.url)  # the owner sees every row


def test_doctor_does_not_send_to_doctor(database, doctor):
    database.load_interactions(edge_case_calls())
    database.execute(f'ALTER TABLE {TABLE} ALTER "leadId" TYPE BYTEA USING NULL')
    database.execute(f'ALTER TABLE {TABLE} ALTER "status" TYPE INT USING 1')
    details = [check.detail for check in doctor(database.url).values()]
    assert not [detail for detail in details if "run 'rollout doctor'" in detail]
