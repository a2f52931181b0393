"""Read-only transactions that end: limits on the server, and a connection closed if it hangs."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from threading import Event, Timer
from typing import Any

import sqlalchemy
from sqlalchemy.exc import SQLAlchemyError

from analysis.errors import RolloutError, WrongUse
from analysis.telemetry.engines.interruption import finishes_within, interruption_behind
from analysis.telemetry.engines.sqlalchemy.errors import explain_error

MAX_LOCK_WAIT = timedelta(seconds=10)
"""A migration or VACUUM FULL locks the table for everybody. A smaller chunk would wait as long, so
this wait must not look like a slow query."""
GRACE_S = 10.0
"""How long after the server's own limit a silent connection is closed."""
CANCEL_S = 2.0
_PLANNER = {"work_mem": "64MB", "enable_sort": "off", "jit": "off"}
"""PostgreSQL underestimates the rows that a condition on a computed start selects and sorts
millions of them on disk. Without sorting it counts in memory, in half the time; compiling the
query (jit) takes longer than it saves."""


class Transactions:
    """Where statements run: each in a transaction of its own, read-only and limited in time.

    The settings are made in each transaction, since a pooler shares sessions between clients.
    """

    def __init__(
        self,
        pool: sqlalchemy.Engine,
        dialect: str,
        *,
        timeout: timedelta,
        schema: str | None,
        more: Mapping[str, str] | None = None,
    ) -> None:
        self._pool = pool
        self._limit_s = timeout.total_seconds()
        self._settings = (
            transaction_settings(
                timeout, schema, planner=pool.dialect.name == "postgresql", more=more or {}
            )
            if dialect == "postgres"
            else []
        )

    @contextmanager
    def begin(self, subject: str) -> Iterator[sqlalchemy.Connection]:
        """A connection in a read-only transaction; an error becomes one sentence on `subject`."""
        is_closed = Event()
        try:
            with (
                self._pool.connect() as connection,
                connection.begin(),
                self._closed_if_silent(connection, is_closed),
            ):
                for setting, values in self._settings:
                    connection.execute(sqlalchemy.text(setting), values)
                yield connection
        except SQLAlchemyError as error:
            if interruption := interruption_behind(error):
                raise interruption from None
            if is_closed.is_set():
                raise RolloutError(
                    f"{subject} got no answer within [source].timeout; "
                    "check the network, then run again"
                ) from None
            raise explain_error(error, subject) from None
        except ValueError as error:
            if "NUL" not in str(error):
                raise
            raise WrongUse(
                f"{subject} contains a NUL character; remove it from rollout.toml or the argument"
            ) from None

    def close(self) -> None:
        """Close every connection."""
        self._pool.dispose()

    @contextmanager
    def _closed_if_silent(
        self, connection: sqlalchemy.Connection, is_closed: Event
    ) -> Iterator[None]:
        """Close the connection some time after the limit: a cut network reports nothing."""
        driver = connection.connection.driver_connection
        if not hasattr(driver, "fileno"):
            yield
            return

        def close() -> None:
            is_closed.set()
            _shut_down(driver)

        timer = Timer(self._limit_s + GRACE_S, close)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()


def transaction_settings(
    timeout: timedelta, schema: str | None, *, planner: bool, more: Mapping[str, str]
) -> list[tuple[str, dict[str, str]]]:
    """The statements, with their values, that open every transaction on PostgreSQL.

    `more` are the settings of the URL; they do not replace the limits.
    """
    limits = {
        "statement_timeout": _milliseconds(timeout),
        "lock_timeout": _milliseconds(min(timeout / 2, MAX_LOCK_WAIT)),
        "TimeZone": "UTC",
    }
    values = (_PLANNER if planner else {}) | dict(more) | limits
    settings: list[tuple[str, dict[str, str]]] = [("SET TRANSACTION READ ONLY", {})]
    settings += [
        ("SELECT set_config(:name, :value, true)", {"name": name, "value": value})
        for name, value in values.items()
    ]
    if schema:
        path = "SELECT set_config('search_path', quote_ident(:value), true)"
        settings.append((path, {"value": schema}))
    return settings


def cancel_query(connection: sqlalchemy.Connection) -> None:
    """Ask the server to end the query; close the connection when the server does not react."""
    driver: Any = connection.connection.driver_connection
    if not (hasattr(driver, "cancel") and finishes_within(driver.cancel, seconds=CANCEL_S)):
        _shut_down(driver)


def _shut_down(driver: Any) -> None:
    with suppress(Exception), socket.socket(fileno=os.dup(driver.fileno())) as line:
        line.shutdown(socket.SHUT_RDWR)


def _milliseconds(length: timedelta) -> str:
    return str(length // timedelta(milliseconds=1))
