"""A session of Spark in which queries run: one at a time, in UTC, with a time limit."""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from analysis.telemetry.engines.spark.errors import explain_error, library_errors

TIME_ZONE = "spark.sql.session.timeZone"
_ERROR_LOGGERS = ("SQLQueryContextLogger", "DataFrameQueryContextLogger")
"""Here pyspark logs every error with the query, its plan and the value that caused it."""


@dataclass(eq=False)
class Session:
    """A session of pyspark. Queries run one after the other, in UTC, limited in time.

    Attributes
    ----------
    spark : pyspark's session.
    is_ours : made here, so `close` stops it; the user's own gets its time zone back.
    timeout : the longest time that a query may take.
    """

    spark: Any
    is_ours: bool
    timeout: timedelta
    _turn: Any = field(default_factory=threading.RLock)

    @contextmanager
    def reading(self, subject: str) -> Iterator[Any]:
        """The session, in UTC; an error inside becomes one sentence about `subject`."""
        is_late = threading.Event()
        try:
            with self._turn, _without_error_log(), self._in_utc(), self._limited(is_late):
                yield self.spark
        except library_errors() as error:
            raise explain_error(error, subject, is_late=is_late.is_set()) from None

    def close(self) -> None:
        """Stop the session if it was made here."""
        if self.is_ours:
            with suppress(*library_errors()):
                self.spark.stop()

    @contextmanager
    def _in_utc(self) -> Iterator[None]:
        before = self.spark.conf.get(TIME_ZONE)
        if before == "UTC":
            yield
            return
        self.spark.conf.set(TIME_ZONE, "UTC")
        try:
            yield
        finally:
            with suppress(*library_errors()):
                self.spark.conf.set(TIME_ZONE, before)

    @contextmanager
    def _limited(self, is_late: threading.Event) -> Iterator[None]:
        """Interrupt what runs at the time limit, and every second after it.

        Spark does not see a query that is still being planned.
        """
        tag, done = f"rollout-{uuid.uuid4().hex}", threading.Event()

        def interrupt() -> None:
            wait_s = self.timeout.total_seconds()
            while not done.wait(wait_s):
                is_late.set()
                wait_s = 1.0
                with suppress(*library_errors()):
                    self.spark.interruptTag(tag)

        self.spark.addTag(tag)
        threading.Thread(target=interrupt, daemon=True).start()
        try:
            yield
        finally:
            done.set()
            with suppress(*library_errors()):
                self.spark.removeTag(tag)


@contextmanager
def _without_error_log() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in _ERROR_LOGGERS]
    before = [logger.disabled for logger in loggers]
    for logger in loggers:
        logger.disabled = True
    try:
        yield
    finally:
        for logger, disabled in zip(loggers, before, strict=True):
            logger.disabled = disabled
