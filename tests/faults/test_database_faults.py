"""Faults of databases, networks and source files.

After each there is one line that says what to do, earlier results are unchanged, and a second run
succeeds.
"""

import contextlib
import json
import os
import signal
import socket
import threading
import time
from urllib.parse import urlsplit

import psycopg2
import pytest
from sqlalchemy.engine import make_url

from analysis.telemetry.engines.sqlalchemy import transactions
from tests.faults.workspace import FAST, SLOW, wait_for
from tests.fixtures import postgres_server as servers
from tests.fixtures.postgres_server import Database
from tests.fixtures.small_rollout import simple_calls, write_calls
from tests.fixtures.tcp_proxy import proxy_to

pytestmark = pytest.mark.faults
VERDICTS = (0, 1, 3, 4)
OURS = "FROM pg_stat_activity WHERE application_name = 'rollout'"
# the server shows the first 1,024 bytes of a query: this column is among them
COUNTING = "query LIKE '%bad_latency%'"
READING = f"SELECT 1 {OURS} AND state = 'active' AND {COUNTING}"


@pytest.fixture
def calls(postgres_workspace, database, monkeypatch, rollout):
    """The database of a rollout on PostgreSQL whose baseline is frozen."""
    database.load_interactions(simple_calls())
    monkeypatch.setenv("DATABASE_URL", database.url)
    assert rollout(postgres_workspace, "compare", "--json").code in VERDICTS
    return database


@pytest.fixture
def check_fault(postgres_workspace, rollout, monkeypatch, tally, calls):
    """Run with a fault, check the failure, then run again: check_fault(code, words, url=...)."""

    def check(code, *words, url=None, repaired_url=calls.url):
        before = postgres_workspace.complete_files()
        if url:
            monkeypatch.setenv("DATABASE_URL", url)
        began = time.monotonic()
        done = rollout(postgres_workspace, "compare", "--json").check_failure(code, *words)
        assert time.monotonic() - began < 10
        assert json.loads(done.out)["exit_code"] == code
        assert all(
            secret not in done.err + done.out
            for secret in (urlsplit(calls.url).password, "127.0.0.1")
        )
        assert postgres_workspace.complete_files() == before
        if repaired_url is not None:
            run_again(repaired_url)

    def run_again(url):
        monkeypatch.setenv("DATABASE_URL", url)
        assert rollout(postgres_workspace, "compare", "--json").code in VERDICTS
        tally(faults=1)

    check.run_again = run_again
    return check


def with_parts(url, **parts):
    return make_url(url).set(**parts).render_as_string(hide_password=False)


# ---- connection refused ---------------------------------------------------------------------
def test_connection_refused(calls, check_fault):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    check_fault(
        2,
        "nothing listens",
        "start the server",
        url=with_parts(calls.url, port=port),
    )


def test_wrong_password(calls, check_fault):
    check_fault(
        2,
        "wrong user or password",
        "[source].url_env",
        url=with_parts(calls.url, password="nothing-like-it"),
    )


def test_no_free_connection(calls, check_fault):
    name = f"limited_{os.getpid()}_{time.monotonic_ns()}"
    calls.execute(
        f"CREATE ROLE {name} LOGIN PASSWORD 'Limited-1' CONNECTION LIMIT 0; "
        f'GRANT SELECT ON "AIInteraction" TO {name}'
    )
    try:
        check_fault(
            70,
            "no free connection",
            "run again",
            url=with_parts(calls.url, username=name, password="Limited-1"),
            repaired_url=None,
        )
        calls.execute(f"ALTER ROLE {name} CONNECTION LIMIT 5")
        check_fault.run_again(with_parts(calls.url, username=name, password="Limited-1"))
    finally:
        calls.execute(f"DROP OWNED BY {name}; DROP ROLE {name}")


def test_a_revoked_grant(calls, check_fault):
    name = f"reader_{os.getpid()}_{time.monotonic_ns()}"
    calls.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'Reader-1'")
    try:
        url = with_parts(calls.url, username=name, password="Reader-1")
        check_fault(2, "SELECT on the table", url=url, repaired_url=None)
        calls.execute(f'GRANT SELECT ON "AIInteraction" TO {name}')
        check_fault.run_again(url)
    finally:
        calls.execute(f"DROP OWNED BY {name}; DROP ROLE {name}")


def test_a_pooler_that_refuses_start_up_options(calls, check_fault):
    """It is no fault: the connection is made again without them."""
    with proxy_to(calls.url) as proxy:
        proxy.refuses_options = True
        check_fault.run_again(proxy.url)
        assert proxy.connections >= 2


# ---- slow, and cut off ----------------------------------------------------------------------
def test_statement_timeout(calls, check_fault, postgres_workspace):
    postgres_workspace.config.write_text(
        postgres_workspace.config.read_text().replace('timeout = "5s"', 'timeout = "1s"')
    )
    calls.execute(SLOW.replace("%7", "%").replace("0.05", "1.5"))
    check_fault(
        2,
        "took longer than [source].timeout even for an hour of rows",
        repaired_url=None,
    )
    calls.execute(FAST)
    check_fault.run_again(calls.url)


def test_a_table_locked_by_a_migration(calls, check_fault):
    with contextlib.closing(psycopg2.connect(calls.url)) as migration, migration.cursor() as cursor:
        cursor.execute('LOCK TABLE "AIInteraction" IN ACCESS EXCLUSIVE MODE')
        check_fault(
            70,
            "lock on the table",
            "migration",
            repaired_url=None,
        )
    check_fault.run_again(calls.url)


def test_a_server_that_accepts_and_never_answers(calls, check_fault):
    with proxy_to(calls.url) as proxy:
        proxy.silent.set()
        check_fault(
            70,
            "no answer",
            "firewall",
            url=f"{proxy.url}?connect_timeout=2",
        )


def test_a_network_that_hangs_in_mid_query(calls, check_fault, postgres_workspace, monkeypatch):
    monkeypatch.setattr(transactions, "GRACE_S", 1.0)
    postgres_workspace.config.write_text(
        postgres_workspace.config.read_text().replace('timeout = "5s"', 'timeout = "1s"')
    )
    with proxy_to(calls.url) as proxy, when_it_reads(calls, proxy.silent.set):
        calls.execute(SLOW)
        check_fault(
            70,
            "no answer within [source].timeout",
            "network",
            url=proxy.url,
            repaired_url=None,
        )
    calls.execute(FAST)
    check_fault.run_again(calls.url)


def test_a_connection_cut_in_mid_query(calls, check_fault):
    calls.execute(SLOW)
    with proxy_to(calls.url) as proxy, when_it_reads(calls, proxy.cut):
        check_fault(70, "closed the connection", "run again", url=proxy.url, repaired_url=None)
    calls.execute(FAST)
    check_fault.run_again(calls.url)


def test_a_backend_ended_by_the_administrator(calls, check_fault):
    calls.execute(SLOW)
    end = f"SELECT pg_terminate_backend(pid) {OURS}"
    with when_it_reads(calls, lambda: calls.execute(end)):
        check_fault(70, "closed the connection", "run again", repaired_url=None)
    calls.execute(FAST)
    check_fault.run_again(calls.url)


@contextlib.contextmanager
def when_it_reads(database, then):
    """Call `then` when a query of ours runs on the slow view."""
    over = threading.Event()

    def look():
        while not over.wait(0.02):
            if database.execute(READING):
                then()
                return

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield
        assert not thread.is_alive() or thread.join(timeout=5) is None
    finally:
        over.set()
        thread.join(timeout=5)


# ---- a separate server ----------------------------------------------------------------------
@pytest.fixture
def own_server(postgres_workspace, monkeypatch, rollout):
    """A server that may be killed: its folder and database."""
    monkeypatch.delenv("TEST_DATABASE_URL", raising=False)
    with servers.server_folder() as folder, servers.new_server(folder) as url:
        database = Database(url)
        database.execute(servers.TABLE_DDL.read_text(encoding="utf-8"))
        database.load_interactions(simple_calls())
        monkeypatch.setenv("DATABASE_URL", url)
        assert rollout(postgres_workspace, "compare", "--json").code in VERDICTS
        yield folder, database


def test_a_server_killed_in_mid_query(postgres_workspace, rollout, own_server, tally):
    folder, database = own_server
    postmaster = int(
        database.execute("SELECT pg_read_file('postmaster.pid')")[0][0].splitlines()[0]
    )
    database.execute(SLOW)
    before = postgres_workspace.complete_files()
    process = postgres_workspace.start("compare", environment={"DATABASE_URL": database.url})
    ends_at = time.monotonic() + 60
    while not database.execute(f"SELECT 1 {OURS} AND {COUNTING}"):
        assert time.monotonic() < ends_at
        time.sleep(0.02)
    backends = [pid for (pid,) in database.execute(f"SELECT pid {OURS}")]
    for pid in (*backends, postmaster):
        os.kill(pid, signal.SIGKILL)
    os.waitpid(postmaster, 0)
    wait_for(process, longest_s=30).check_failure(70, "closed the connection", "run again")
    rollout(postgres_workspace, "compare").check_failure(2, "nothing listens")
    assert postgres_workspace.complete_files() == before
    with servers.restarted_server(folder, database.url):
        database.execute(FAST)
        assert rollout(postgres_workspace, "compare").code in VERDICTS
    tally(faults=2)


def test_a_server_that_requires_tls(postgres_workspace, rollout, own_server, tally):
    folder, database = own_server
    rules = folder / "cluster" / "pg_hba.conf"
    old, before = rules.read_text(), postgres_workspace.complete_files()
    rules.write_text("hostssl all all all scram-sha-256\n")
    database.execute("SELECT pg_reload_conf()")
    time.sleep(0.3)
    rollout(postgres_workspace, "compare").check_failure(
        2, "TLS", "add ?sslmode=require to the URL"
    )
    rules.write_text(old)
    postmaster = int((folder / "cluster" / "postmaster.pid").read_text().splitlines()[0])
    os.kill(postmaster, signal.SIGHUP)
    time.sleep(0.3)
    assert rollout(postgres_workspace, "compare").code in VERDICTS
    assert postgres_workspace.complete_files() == before
    tally(faults=1)


# ---- files instead of a server --------------------------------------------------------------
@pytest.mark.parametrize(
    "damage",
    ["deleted", "truncated", "another kind", "zeros in it"],
)
def test_a_source_file_that_is_damaged(workspace, rollout, tally, damage):
    file, rows = workspace.folder / "calls.parquet", simple_calls()
    assert rollout(workspace, "compare").code in VERDICTS
    before, content = workspace.complete_files(), file.read_bytes()
    if damage == "deleted":
        file.unlink()
    elif damage == "truncated":
        file.write_bytes(content[: len(content) // 2])
    elif damage == "another kind":
        file.write_text("id,clientId\n1,2\n")
    else:
        file.write_bytes(content[:200] + bytes(len(content) - 1200) + content[-1000:])
    done = rollout(workspace, "compare")
    assert done.code in (2, 70)
    done.check_failure(done.code, *([] if damage == "zeros in it" else ["[source].path"]))
    assert workspace.complete_files() == before
    write_calls(file, rows)
    assert rollout(workspace, "compare").code in VERDICTS
    tally(faults=1)
