"""The application of the tests: a cron route behind a PostgreSQL advisory lock, and a route that regenerates a draft."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import psycopg2

from analysis import clock
from tests.deployment.local_server import Asked, LocalServer, Reply, run_server
from tests.fixtures.postgres_server import Database

LOCK = 94
SECRET = "planted-cron-8Kq3VnT5"


@dataclass
class Application:
    """A running application.

    Attributes
    ----------
    work_s : how long a cron run takes.
    lock : "advisory", "broken" (two runs at once), "session" (held by somebody else).
    asks_for_secret : False answers 200 without one.
    """

    database: Database
    server: LocalServer
    work_s: float = 0.3
    lock: str = "advisory"
    asks_for_secret: bool = True
    dispatch_only: bool = False
    feature: str = "draft.verify.email.step3"
    runs: list[float] = field(default_factory=list)

    @property
    def url(self) -> str:
        return self.server.url

    def answer(self, asked: Asked) -> Reply:
        if self.asks_for_secret and asked.headers.get("Authorization") != f"Bearer {SECRET}":
            return Reply(401, {"error": "unauthorized", "hint": SECRET})
        if asked.path == "/api/cron/background-jobs":
            return self._run_cron()
        if asked.path == "/api/drafts/regenerate":
            threading.Thread(target=self._regenerate, args=(clock.now(),), daemon=True).start()
            return Reply(202, {"success": True})
        return Reply(404, {"error": "not found"})

    def _run_cron(self) -> Reply:
        with (
            contextlib.closing(self.database.connect()) as connection,
            connection.cursor() as cursor,
        ):
            if self.lock != "broken" and not _try_lock(cursor):
                return Reply(
                    content={
                        "success": True,
                        "skipped": True,
                        "reason": "locked",
                        "timestamp": "2026-02-02T23:11:00Z",
                    }
                )
            self.runs.append(time.monotonic())
            time.sleep(self.work_s)
            if self.dispatch_only:
                return Reply(202, {"success": True, "mode": "dispatch-only", "enqueued": True})
            return Reply(content={"success": True, "processed": 3, "note": SECRET})

    def _regenerate(self, asked_at: datetime) -> None:
        """Write the row of a call that began after the request came, whatever clock the test runs on."""
        time.sleep(0.3)
        with contextlib.suppress(psycopg2.OperationalError):  # the test may be over
            self.write_call(
                status="success", latency_ms=50, ended_at=asked_at + timedelta(seconds=0.3)
            )

    def write_call(
        self,
        *,
        status: str,
        latency_ms: int,
        feature: str | None = None,
        ago_s: float = 0.0,
        ended_at: datetime | None = None,
    ) -> None:
        ended_at = (ended_at or clock.now()).replace(tzinfo=None)
        self.database.execute(
            'INSERT INTO "AIInteraction" ("id", "clientId", "featureId", "model", "apiType", "latencyMs", "status", "createdAt")'
            " VALUES (md5(random()::text), 't', %s, 'gpt-5-mini', 'responses', %s, %s, %s::timestamp - %s * interval '1 second')",
            (feature or self.feature, latency_ms, status, ended_at, ago_s),
        )


def _try_lock(cursor: Any) -> bool:
    """Take the lock until the connection closes, as the application does."""
    cursor.execute("SELECT pg_try_advisory_lock(%s)", (LOCK,))
    return bool(cursor.fetchone()[0])


@contextlib.contextmanager
def run_application(database: Database) -> Iterator[Application]:
    with run_server() as server:
        application = Application(database, server)
        server.answer = application.answer
        yield application


@contextlib.contextmanager
def somebody_holds_the_lock(database: Database) -> Iterator[None]:
    with (
        contextlib.closing(psycopg2.connect(database.url)) as connection,
        connection.cursor() as cursor,
    ):
        assert _try_lock(cursor)
        yield
