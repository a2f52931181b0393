"""What databases and networks do: each fault real, one line that says what to do, earlier results untouched, a second run that succeeds."""

import contextlib
import json
import os
import signal
import socket
import time
from urllib.parse import urlsplit

import psycopg2
import pytest
from sqlalchemy.engine import make_url

from analysis.telemetry.engines.sqlalchemy import transactions
from tests.faults.place import simple_calls, wait_for, write_calls
from tests.faults.proxy import proxy_to
from tests.fixtures import postgres_server as servers
from tests.fixtures.postgres_server import Database

pytestmark = pytest.mark.faults
VERDICTS = (0, 1, 3, 4)
SLOW = """ALTER TABLE "AIInteraction" RENAME TO fast;
CREATE VIEW "AIInteraction" AS SELECT fast.* FROM fast, LATERAL (SELECT pg_sleep(CASE WHEN fast."id" LIKE '%7' THEN 0.05 ELSE 0 END)) AS waits"""
FAST = 'DROP VIEW "AIInteraction"; ALTER TABLE fast RENAME TO "AIInteraction"'


@pytest.fixture
def calls(postgres_place, database, monkeypatch, rollout):
    """A rollout on PostgreSQL whose baseline is frozen, and whose first answer is known."""
    database.load_interactions(simple_calls())
    monkeypatch.setenv("DATABASE_URL", database.url)
    assert rollout(postgres_place, "compare", "--json").code in VERDICTS
    return database


@pytest.fixture
def meets(postgres_place, rollout, monkeypatch, tally, calls):
    """Run into a fault: meets(code, words, within_s=10, url=...); then mend it and run again."""

    def meet(code, *words, within_s=10, url=None, mended=calls.url, command=("compare", "--json")):
        before = postgres_place.whole_files()
        if url:
            monkeypatch.setenv("DATABASE_URL", url)
        began = time.monotonic()
        done = rollout(postgres_place, *command).is_told(code, *words)
        assert time.monotonic() - began < within_s
        assert json.loads(done.out)["exit_code"] == code
        assert all(
            secret not in done.err + done.out
            for secret in (urlsplit(calls.url).password, "127.0.0.1")
        )
        assert postgres_place.whole_files() == before
        if mended is not None:
            again(mended)

    def again(url):
        monkeypatch.setenv("DATABASE_URL", url)
        assert rollout(postgres_place, "compare", "--json").code in VERDICTS
        tally(faults=1)

    meet.again = again
    return meet


def changed(url, **parts):
    return make_url(url).set(**parts).render_as_string(hide_password=False)


# ---- refused ---------------------------------------------------------------------------------------------------------
def test_connection_refused(calls, meets):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    meets(
        2, "nothing listens", "start the server or mend the URL", url=changed(calls.url, port=port)
    )


def test_wrong_password(calls, meets):
    meets(
        2,
        "wrong user or password",
        "mend the variable",
        url=changed(calls.url, password="nothing-like-it"),
    )


def test_no_connection_free(calls, meets):
    name = f"crowd_{os.getpid()}_{time.monotonic_ns()}"
    calls.execute(
        f"CREATE ROLE {name} LOGIN PASSWORD 'Crowd-1' CONNECTION LIMIT 0; GRANT SELECT ON \"AIInteraction\" TO {name}"
    )
    try:
        meets(
            70,
            "no free connection; run again later",
            url=changed(calls.url, username=name, password="Crowd-1"),
            mended=None,
        )
        calls.execute(f"ALTER ROLE {name} CONNECTION LIMIT 5")
        meets.again(changed(calls.url, username=name, password="Crowd-1"))
    finally:
        calls.execute(f"DROP OWNED BY {name}; DROP ROLE {name}")


def test_a_grant_taken_away(calls, meets):
    name = f"reader_{os.getpid()}_{time.monotonic_ns()}"
    calls.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'Reader-1'")
    try:
        url = changed(calls.url, username=name, password="Reader-1")
        meets(2, "the role lacks SELECT on the table; grant it", url=url, mended=None)
        calls.execute(f'GRANT SELECT ON "AIInteraction" TO {name}')
        meets.again(url)
    finally:
        calls.execute(f"DROP OWNED BY {name}; DROP ROLE {name}")


def test_a_pooler_that_refuses_start_up_options(calls, meets):
    with proxy_to(calls.url) as proxy:
        proxy.refuses_options = True
        meets(
            2,
            "a pooler refuses start-up options; add pgbouncer=true to the URL",
            url=proxy.url,
            mended=f"{proxy.url}?pgbouncer=true",
        )
        assert proxy.connections >= 2


# ---- slow and cut ----------------------------------------------------------------------------------------------------
def test_statement_timeout(calls, meets, postgres_place):
    postgres_place.config.write_text(
        postgres_place.config.read_text().replace('timeout = "5s"', 'timeout = "1s"')
    )
    calls.execute(SLOW.replace("%7", "%").replace("0.05", "1.5"))
    meets(
        2,
        "took longer than [source].timeout even for an hour of rows; raise it, or see what holds the database up",
        mended=None,
    )
    calls.execute(FAST)
    meets.again(calls.url)


def test_a_table_that_a_migration_holds(calls, meets):
    with contextlib.closing(psycopg2.connect(calls.url)) as migration, migration.cursor() as cursor:
        cursor.execute('LOCK TABLE "AIInteraction" IN ACCESS EXCLUSIVE MODE')
        meets(
            70,
            "waited in vain for a lock on the table, which a migration or VACUUM FULL holds",
            mended=None,
        )
    meets.again(calls.url)


def test_a_server_that_accepts_and_never_answers(calls, meets):
    with proxy_to(calls.url) as proxy:
        proxy.silent.set()
        meets(
            70,
            "no answer in time; check host, port and firewall",
            url=f"{proxy.url}?connect_timeout=2",
        )


def test_a_network_that_hangs_in_mid_query(calls, meets, postgres_place, monkeypatch):
    monkeypatch.setattr(transactions, "GRACE_S", 1.0)
    postgres_place.config.write_text(
        postgres_place.config.read_text().replace('timeout = "5s"', 'timeout = "1s"')
    )
    with proxy_to(calls.url) as proxy, once_it_reads(calls, proxy.silent.set):
        calls.execute(SLOW)
        meets(
            70,
            "got no answer within [source].timeout; check the network, then run again",
            url=proxy.url,
            mended=None,
        )
    calls.execute(FAST)
    meets.again(calls.url)


def test_a_connection_cut_in_mid_query(calls, meets):
    calls.execute(SLOW)
    with proxy_to(calls.url) as proxy, once_it_reads(calls, proxy.cut):
        meets(70, "was cut off by the server; run again", url=proxy.url, mended=None)
    calls.execute(FAST)
    meets.again(calls.url)


def test_a_backend_ended_by_the_administrator(calls, meets):
    calls.execute(SLOW)
    end = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'rollout'"
    )
    with once_it_reads(calls, lambda: calls.execute(end)):
        meets(70, "was cut off", "run again", mended=None)
    calls.execute(FAST)
    meets.again(calls.url)


@contextlib.contextmanager
def once_it_reads(database, then):
    """Do something as soon as a query of ours runs on the slow view."""
    import threading

    over = threading.Event()

    def look():
        running = "SELECT 1 FROM pg_stat_activity WHERE application_name = 'rollout' AND state = 'active' AND query LIKE '%outcome%'"
        while not over.wait(0.02):
            if database.execute(running):
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


# ---- a server of its own ---------------------------------------------------------------------------------------------
@pytest.fixture
def own_server(postgres_place, monkeypatch, rollout):
    """A server that may be killed; (folder, database)."""
    monkeypatch.delenv("TEST_DATABASE_URL", raising=False)
    with servers._make_folder() as folder, servers._start(folder) as url:
        database = Database(url)
        database.execute(servers.TABLE_DDL.read_text(encoding="utf-8"))
        database.load_interactions(simple_calls())
        monkeypatch.setenv("DATABASE_URL", url)
        assert rollout(postgres_place, "compare", "--json").code in VERDICTS
        yield folder, database


def test_a_server_killed_in_mid_query(postgres_place, rollout, own_server, tally):
    folder, database = own_server
    postmaster = int(
        database.execute("SELECT pg_read_file('postmaster.pid')")[0][0].splitlines()[0]
    )
    database.execute(SLOW)
    before = postgres_place.whole_files()
    process = postgres_place.start("compare", environment={"DATABASE_URL": database.url})
    ends_at = time.monotonic() + 60
    while not database.execute(
        "SELECT 1 FROM pg_stat_activity WHERE application_name = 'rollout' AND query LIKE '%outcome%'"
    ):
        assert time.monotonic() < ends_at
        time.sleep(0.02)
    backends = [
        pid
        for (pid,) in database.execute(
            "SELECT pid FROM pg_stat_activity WHERE application_name = 'rollout'"
        )
    ]
    for pid in (*backends, postmaster):
        os.kill(pid, signal.SIGKILL)
    os.waitpid(postmaster, 0)
    wait_for(process, longest_s=30).is_told(70, "cut off", "run again")
    rollout(postgres_place, "compare").is_told(2, "nothing listens")
    assert postgres_place.whole_files() == before
    again = start_again(folder, database.url)
    try:
        database.execute(FAST)
        assert rollout(postgres_place, "compare").code in VERDICTS
    finally:
        servers._stop(again)
    tally(faults=2)


def start_again(folder, url):
    """Start the server on its files once more; what the killed one left in memory may take a moment to go."""
    for attempt in range(20):
        log = folder / f"again-{attempt}.log"
        process = servers._spawn(
            servers._find_binaries(), folder / "cluster", urlsplit(url).port, log
        )
        try:
            if servers._wait_until_ready(process, url, log):
                return process
        except servers.PostgresUnavailableError:
            time.sleep(0.5)
    raise AssertionError(log.read_text())


def test_a_server_that_asks_for_tls(postgres_place, rollout, own_server, tally):
    folder, database = own_server
    rules = folder / "cluster" / "pg_hba.conf"
    old, before = rules.read_text(), postgres_place.whole_files()
    rules.write_text("hostssl all all all scram-sha-256\n")
    database.execute("SELECT pg_reload_conf()")
    time.sleep(0.3)
    rollout(postgres_place, "compare").is_told(
        2, "the server asks for TLS; add ?sslmode=require to the URL"
    )
    rules.write_text(old)
    postmaster = int((folder / "cluster" / "postmaster.pid").read_text().splitlines()[0])
    os.kill(postmaster, signal.SIGHUP)
    time.sleep(0.3)
    assert rollout(postgres_place, "compare").code in VERDICTS
    assert postgres_place.whole_files() == before
    tally(faults=1)


# ---- files instead of a server -----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "damage",
    ["gone", "cut short", "another kind", "not readable as Parquet any more, while it is read"],
)
def test_a_source_file_that_is_damaged(place, rollout, tally, damage):
    file, rows = place.folder / "calls.parquet", simple_calls()
    assert rollout(place, "compare").code in VERDICTS
    before, content = place.whole_files(), file.read_bytes()
    if damage == "gone":
        file.unlink()
    elif damage == "cut short":
        file.write_bytes(content[: len(content) // 2])
    elif damage == "another kind":
        file.write_text("id,clientId\n1,2\n")
    else:
        file.write_bytes(content[:200] + bytes(len(content) - 1200) + content[-1000:])
    done = rollout(place, "compare")
    done.is_told(
        done.code, "[source].path"
    ) if damage != "not readable as Parquet any more, while it is read" else done.is_told(done.code)
    assert done.code in (2, 70)
    assert place.whole_files() == before
    write_calls(file, rows)
    assert rollout(place, "compare").code in VERDICTS
    tally(faults=1)
