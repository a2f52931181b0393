"""Sessions of Apache Spark: Spark Connect behind an address, a Spark inside this process, or the one that the user has already."""

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
from analysis.telemetry.engines.spark.refusals import explain_refusal, library_errors

if TYPE_CHECKING:
    from analysis.config.settings import Source

CONNECT_TIMEOUT_S = 10.0
OLDEST_VERSION = (4, 0)
_ZONE_SETTING = "spark.sql.session.timeZone"
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_INSTALL = "install them: uv pip install -r requirements-spark.lock"
_LOCAL_SETTINGS = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.shuffle.partitions": "4",
    "spark.driver.extraJavaOptions": f"-Dlog4j2.configurationFile={Path(__file__).with_name('spark_log4j2.properties').as_uri()}",
}
_LOGGERS = ("SQLQueryContextLogger", "DataFrameQueryContextLogger")
"""What pyspark writes every error to, with the query, the plan and the value that was met."""


@dataclass(eq=False)
class Session:
    """A session, and how queries run in it: in UTC, limited in time, one after the other.

    Attributes
    ----------
    spark : the session of pyspark.
    is_ours : made here, so closing stops it; a session of the user's stays, with its time zone put back after every query.
    timeout : the longest that a query may take.
    """

    spark: Any
    is_ours: bool
    timeout: timedelta
    _turn: Any = field(default_factory=threading.RLock)

    @contextmanager
    def reading(self, doing: str) -> Iterator[Any]:
        """The session, in UTC; what goes wrong inside becomes one sentence about `doing`."""
        late = threading.Event()
        try:
            with self._turn, _unlogged(), self._in_utc(), self._limited(late):
                yield self.spark
        except library_errors() as error:
            raise explain_refusal(error, doing, is_late=late.is_set()) from None

    def close(self) -> None:
        """Stop the session if it was made here."""
        if self.is_ours:
            with suppress(*library_errors()):
                self.spark.stop()

    @contextmanager
    def _in_utc(self) -> Iterator[None]:
        before = self.spark.conf.get(_ZONE_SETTING)
        if before == "UTC":
            yield
            return
        self.spark.conf.set(_ZONE_SETTING, "UTC")
        try:
            yield
        finally:
            with suppress(*library_errors()):
                self.spark.conf.set(_ZONE_SETTING, before)

    @contextmanager
    def _limited(self, late: threading.Event) -> Iterator[None]:
        """Interrupt what runs after the time limit, and again each second: a query that is still being planned is not seen yet."""
        tag, done = f"rollout-{uuid.uuid4().hex}", threading.Event()

        def watch() -> None:
            patience_s = self.timeout.total_seconds()
            while not done.wait(patience_s):
                late.set()
                patience_s = 1.0
                with suppress(*library_errors()):
                    self.spark.interruptTag(tag)

        self.spark.addTag(tag)
        threading.Thread(target=watch, daemon=True).start()
        try:
            yield
        finally:
            done.set()
            with suppress(*library_errors()):
                self.spark.removeTag(tag)


@contextmanager
def _unlogged() -> Iterator[None]:
    before = {name: logging.getLogger(name).disabled for name in _LOGGERS}
    try:
        for name in _LOGGERS:
            logging.getLogger(name).disabled = True
        yield
    finally:
        for name, disabled in before.items():
            logging.getLogger(name).disabled = disabled


def open_session(source: Source, *, given: Any = None) -> Session:
    """The session that is given, else one of `[source].remote` (Spark Connect), else one of `[source].master` in this process.

    Raises WrongUse when there is none of the three, when pyspark or Java is missing, or when no server answers.
    """
    for said in (
        "PySpark does not yet fully support pandas",
        r"\[RETRIES_EXCEEDED\]",
    ):  # values go by Arrow, errors by sentences
        warnings.filterwarnings("ignore", message=said)
    if given is not None:
        session = Session(given, is_ours=False, timeout=source.timeout)
    elif source.remote and source.master:
        raise WrongUse(
            "[source] has both remote and master; remote names a server, master starts Spark here: keep one"
        )
    elif source.remote:
        session = _connect(source.remote, source.timeout)
    elif source.master:
        session = _start(source.master, source.timeout)
    else:
        raise WrongUse(
            "[source] has engine 'spark' and neither remote nor master; add remote = \"sc://host:15002\""
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
        raise WrongUse(
            f"engine 'spark' needs the packages of requirements-spark.txt; {_INSTALL}"
        ) from None
    try:
        builder = DefaultChannelBuilder(address)
    except (PySparkException, ValueError):
        raise WrongUse("[source].remote is no address such as sc://host:15002; mend it") from None
    _wait_for_server(builder)
    spark = SparkSession(connection=builder)
    spark.client.set_retry_policies([DefaultPolicy(max_retries=5, max_backoff=2000)])
    return Session(spark, is_ours=True, timeout=timeout)


def _wait_for_server(builder: Any) -> None:
    """A server that does not answer is named within seconds; pyspark itself would try for ten minutes."""
    import grpc

    channel, settled, states = builder.toChannel(), threading.Event(), []

    def note(state: Any) -> None:
        if state in (grpc.ChannelConnectivity.READY, grpc.ChannelConnectivity.TRANSIENT_FAILURE):
            states.append(state)
            settled.set()

    channel.subscribe(note, try_to_connect=True)
    settled.wait(CONNECT_TIMEOUT_S)
    channel.unsubscribe(note)
    channel.close()
    if grpc.ChannelConnectivity.READY not in states:
        why = "nothing listens there" if states else f"no answer within {CONNECT_TIMEOUT_S:.0f} s"
        raise WrongUse(
            f"no Spark Connect server at [source].remote: {why}; start it, or mend host, port and TLS of the address"
        )


def _start(master: str, timeout: timedelta) -> Session:
    try:
        from pyspark.sql import SparkSession
    except ImportError:
        raise WrongUse(
            f"engine 'spark' needs the packages of requirements-spark.txt; {_INSTALL}"
        ) from None
    running = SparkSession.getActiveSession()
    if running is not None:
        return Session(running, is_ours=False, timeout=timeout)
    if not has_java():
        raise WrongUse(
            "[source].master starts Spark here, which needs Java 17 or newer; install it, or give [source].remote"
        )
    builder = SparkSession.builder.master(master).appName("rollout")
    for setting, value in _LOCAL_SETTINGS.items():
        builder = builder.config(setting, value)
    try:
        return Session(builder.getOrCreate(), is_ours=True, timeout=timeout)
    except library_errors():
        raise WrongUse(
            "Spark did not start for [source].master; check the master's name, its address and Java 17 or newer"
        ) from None


def has_java() -> bool:
    """Whether a Java is there for pyspark to start."""
    home = os.environ.get("JAVA_HOME")
    return shutil.which("java") is not None or (
        home is not None and (Path(home) / "bin" / "java").exists()
    )


def _with_variables(remote: str) -> str:
    """The address with every ${NAME} taken from the environment, so that no token stands in the file."""
    missing = [name for name in _VARIABLE.findall(remote) if not os.environ.get(name)]
    if missing:
        raise WrongUse(
            f"the environment variable {missing[0]} of [source].remote is not set; export it"
        )
    return _VARIABLE.sub(lambda found: os.environ[found[1]], remote)


def _check_version(session: Session) -> None:
    with session.reading("connecting to Spark") as spark:
        version = str(spark.version)
    numbers = tuple(int(part) for part in re.findall(r"\d+", version)[:2])
    if numbers < OLDEST_VERSION:
        raise WrongUse(
            f"this Spark is {version}; the queries need Spark {'.'.join(map(str, OLDEST_VERSION))} or newer"
        )
