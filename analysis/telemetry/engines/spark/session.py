"""Spark sessions: behind an address, inside this process, or the one that the user has already."""

from __future__ import annotations

import logging
import os
import re
import shutil
import threading
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.errors import RolloutError, WrongUse
from analysis.telemetry.engines.spark.errors import explain_error, library_errors

if TYPE_CHECKING:
    from analysis.config.settings import Source

CONNECT_TIMEOUT_S = 10.0
OLDEST_VERSION = (4, 0)
_TIME_ZONE = "spark.sql.session.timeZone"
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_NOT_INSTALLED = (
    "engine 'spark' needs the packages of requirements-spark.txt; "
    "install them: uv pip install -r requirements-spark.lock"
)
_LOG_SETTINGS = Path(__file__).with_name("spark_log4j2.properties")
_LOCAL_SETTINGS = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    _TIME_ZONE: "UTC",
    "spark.sql.shuffle.partitions": "4",
    "spark.driver.extraJavaOptions": f"-Dlog4j2.configurationFile={_LOG_SETTINGS.as_uri()}",
}
_ERROR_LOGGERS = ("SQLQueryContextLogger", "DataFrameQueryContextLogger")
"""Here pyspark logs every error with the query, its plan and the value that caused it."""
_NEEDLESS_WARNINGS = ("PySpark does not yet fully support pandas", r"\[RETRIES_EXCEEDED\]")
"""Values travel as Arrow, and errors become sentences."""


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
        before = self.spark.conf.get(_TIME_ZONE)
        if before == "UTC":
            yield
            return
        self.spark.conf.set(_TIME_ZONE, "UTC")
        try:
            yield
        finally:
            with suppress(*library_errors()):
                self.spark.conf.set(_TIME_ZONE, before)

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


def open_session(source: Source, *, given: Any = None) -> Session:
    """The session `given`, else one at [source].remote, else one under [source].master here.

    Raises WrongUse when there is none of the three, when pyspark or Java is missing, or when no
    server answers.
    """
    for message in _NEEDLESS_WARNINGS:
        warnings.filterwarnings("ignore", message=message)
    if given is not None:
        session = Session(given, is_ours=False, timeout=source.timeout)
    elif source.remote and source.master:
        raise WrongUse(
            "[source] has both remote, a server's address, and master, which starts Spark here; "
            "remove one of them"
        )
    elif source.remote:
        session = _connect(source.remote, source.timeout)
    elif source.master:
        session = _start(source.master, source.timeout)
    else:
        raise WrongUse(
            "[source] has engine = 'spark' and neither remote nor master; "
            'add remote = "sc://host:15002"'
        )
    try:
        _check_version(session)
    except RolloutError:
        session.close()
        raise
    return session


def _connect(remote: str, timeout: timedelta) -> Session:
    address = _with_variables(remote)
    try:
        from pyspark.errors import PySparkException
        from pyspark.sql.connect.client import DefaultChannelBuilder
        from pyspark.sql.connect.client.retries import DefaultPolicy
        from pyspark.sql.connect.session import SparkSession
    except ImportError:
        raise WrongUse(_NOT_INSTALLED) from None
    try:
        builder = DefaultChannelBuilder(address)
    except (PySparkException, ValueError):
        raise WrongUse(
            "[source].remote is no address of Spark Connect; its form is sc://host:15002"
        ) from None
    _wait_for_server(builder)
    spark = SparkSession(connection=builder)
    spark.client.set_retry_policies([DefaultPolicy(max_retries=5, max_backoff=2000)])
    return Session(spark, is_ours=True, timeout=timeout)


def _wait_for_server(builder: Any) -> None:
    """Fail within seconds when no server answers; pyspark itself would try for ten minutes."""
    import grpc

    ready, failed = grpc.ChannelConnectivity.READY, grpc.ChannelConnectivity.TRANSIENT_FAILURE
    channel, settled, states = builder.toChannel(), threading.Event(), []

    def note(state: Any) -> None:
        if state in (ready, failed):
            states.append(state)
            settled.set()

    channel.subscribe(note, try_to_connect=True)
    settled.wait(CONNECT_TIMEOUT_S)
    channel.unsubscribe(note)
    channel.close()
    if ready not in states:
        reason = (
            "nothing listens there" if states else f"no answer within {CONNECT_TIMEOUT_S:.0f} s"
        )
        raise WrongUse(
            f"no Spark Connect server at [source].remote: {reason}; "
            "start it, or correct host, port and TLS of the address"
        )


def _start(master: str, timeout: timedelta) -> Session:
    try:
        from pyspark.sql import SparkSession
    except ImportError:
        raise WrongUse(_NOT_INSTALLED) from None
    running = SparkSession.getActiveSession()
    if running is not None:
        return Session(running, is_ours=False, timeout=timeout)
    if not has_java():
        raise WrongUse(
            "[source].master starts Spark here, which needs Java 17 or newer; "
            "install it, or use [source].remote"
        )
    builder = SparkSession.builder.master(master).appName("rollout")
    for setting, value in _LOCAL_SETTINGS.items():
        builder = builder.config(setting, value)
    try:
        return Session(builder.getOrCreate(), is_ours=True, timeout=timeout)
    except library_errors():
        raise WrongUse(
            "Spark did not start for [source].master; check its address, and Java 17 or newer"
        ) from None


def has_java() -> bool:
    """Whether pyspark can find a Java."""
    home = os.environ.get("JAVA_HOME")
    in_home = home is not None and (Path(home) / "bin" / "java").exists()
    return in_home or shutil.which("java") is not None


def _with_variables(remote: str) -> str:
    """The address with every ${NAME} from the environment, so that the file holds no token."""
    missing = [name for name in _VARIABLE.findall(remote) if not os.environ.get(name)]
    if missing:
        raise WrongUse(
            f"the environment variable {missing[0]} of [source].remote is not set; "
            f"run: export {missing[0]}=<value>"
        )
    return _VARIABLE.sub(lambda found: os.environ[found[1]], remote)


def _check_version(session: Session) -> None:
    with session.reading("connecting to Spark") as spark:
        version = str(spark.version)
    if tuple(int(part) for part in re.findall(r"\d+", version)[:2]) < OLDEST_VERSION:
        oldest = ".".join(map(str, OLDEST_VERSION))
        raise WrongUse(f"this is Spark {version}; use Spark {oldest} or newer")
