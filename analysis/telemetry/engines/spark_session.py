"""Sessions of Apache Spark: Spark Connect behind an address, a Spark inside this process, or the one that the user has already."""

from __future__ import annotations

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

from analysis.errors import DataNotTrusted, RolloutError, WrongUse

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
    "spark.log.level": "ERROR",
}
_BY_CONDITION: tuple[tuple[str, type[RolloutError], str], ...] = (
    ("TABLE_OR_VIEW_NOT_FOUND", WrongUse, "found no such table; set [source].table to one that the session's catalog has"),
    ("SCHEMA_NOT_FOUND", WrongUse, "found no such schema; set [source].table to one that the session's catalog has"),
    ("PATH_NOT_FOUND", WrongUse, "found no such file; [source].path is one that Spark's own machines can read"),
    ("UNABLE_TO_INFER_SCHEMA", WrongUse, "found no file with rows under [source].path; name Parquet files or a Delta table"),
    ("CANNOT_READ_FILE_FOOTER", WrongUse, "met a file that is not Parquet; export it again"),
    ("FAILED_READ_FILE", WrongUse, "met a file that it cannot read; export it again"),
    ("CANNOT_MERGE", WrongUse, "met files whose columns have different types; export them again"),
    ("DATA_SOURCE_NOT_FOUND", WrongUse, "knows no Delta tables; pass a session that does, or name a catalog table"),
    ("UNSUPPORTED_DATASOURCE", WrongUse, "knows no Delta tables; pass a session that does, or name a catalog table"),
    ("UNRESOLVED_COLUMN", WrongUse, "found no such column; mend the mapping, or name the right table"),
    ("DATATYPE_MISMATCH", WrongUse, "met a column whose type does not fit; mend the mapping"),
    ("UNRESOLVED_ROUTINE", WrongUse, "knows no such function; write the mapping with functions of Spark, and dialect = \"spark\""),
    ("CAST_INVALID_INPUT", DataNotTrusted, "met a text where a number or a time belongs; mend the rows or the mapping"),
    ("OVERFLOW", DataNotTrusted, "met numbers too large to be milliseconds; run 'rollout doctor' for their unit"),
    ("OPERATION_CANCELED", WrongUse, "took longer than [source].timeout; raise it, or shorten the window"),
    ("INVALID_HANDLE", RolloutError, "lost its session: the server ended it; run again"),
    ("UNAUTHENTICATED", WrongUse, "was refused: the server does not know this user; mend the token of [source].remote"),
    ("PERMISSION_DENIED", WrongUse, "was refused: this user may not read the table; grant it"),
    ("INSUFFICIENT_PERMISSIONS", WrongUse, "was refused: this user may not read the table; grant it"),
)


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
            with self._turn, self._in_utc(), self._limited(late):
                yield self.spark
        except _library_errors() as error:
            raise _explained(error, doing, is_late=late.is_set()) from None

    def close(self) -> None:
        """Stop the session if it was made here."""
        if self.is_ours:
            with suppress(*_library_errors()):
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
            with suppress(*_library_errors()):
                self.spark.conf.set(_ZONE_SETTING, before)

    @contextmanager
    def _limited(self, late: threading.Event) -> Iterator[None]:
        tag = f"rollout-{uuid.uuid4().hex}"

        def interrupt() -> None:
            late.set()
            with suppress(*_library_errors()):
                self.spark.interruptTag(tag)

        timer = threading.Timer(self.timeout.total_seconds(), interrupt)
        timer.daemon = True
        self.spark.addTag(tag)
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            with suppress(*_library_errors()):
                self.spark.removeTag(tag)


def open_session(source: Source, *, given: Any = None) -> Session:
    """The session that is given, else one of `[source].remote` (Spark Connect), else one of `[source].master` in this process.

    Raises WrongUse when there is none of the three, when pyspark or Java is missing, or when no server answers.
    """
    warnings.filterwarnings("ignore", message="PySpark does not yet fully support pandas", category=FutureWarning)
    if given is not None:
        session = Session(given, is_ours=False, timeout=source.timeout)
    elif source.remote and source.master:
        raise WrongUse("[source] has both remote and master; remote names a server, master starts Spark here: keep one")
    elif source.remote:
        session = _connect(source.remote, source.timeout)
    elif source.master:
        session = _start(source.master, source.timeout)
    else:
        raise WrongUse('[source] has engine \'spark\' and neither remote nor master; add remote = "sc://host:15002"')
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
        raise WrongUse(f"engine 'spark' needs the packages of requirements-spark.txt; {_INSTALL}") from None
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
        raise WrongUse(f"no Spark Connect server at [source].remote: {why}; start it, or mend host, port and TLS of the address")


def _start(master: str, timeout: timedelta) -> Session:
    try:
        from pyspark.sql import SparkSession
    except ImportError:
        raise WrongUse(f"engine 'spark' needs the packages of requirements-spark.txt; {_INSTALL}") from None
    running = SparkSession.getActiveSession()
    if running is not None:
        return Session(running, is_ours=False, timeout=timeout)
    if not has_java():
        raise WrongUse("[source].master starts Spark here, which needs Java 17 or newer; install it, or give [source].remote")
    builder = SparkSession.builder.master(master).appName("rollout")
    for setting, value in _LOCAL_SETTINGS.items():
        builder = builder.config(setting, value)
    try:
        return Session(builder.getOrCreate(), is_ours=True, timeout=timeout)
    except _library_errors():
        raise WrongUse("Spark did not start for [source].master; check the master's name, its address and Java 17 or newer") from None


def has_java() -> bool:
    """Whether a Java is there for pyspark to start."""
    home = os.environ.get("JAVA_HOME")
    return shutil.which("java") is not None or (home is not None and (Path(home) / "bin" / "java").exists())


def _with_variables(remote: str) -> str:
    """The address with every ${NAME} taken from the environment, so that no token stands in the file."""
    missing = [name for name in _VARIABLE.findall(remote) if not os.environ.get(name)]
    if missing:
        raise WrongUse(f"the environment variable {missing[0]} of [source].remote is not set; export it")
    return _VARIABLE.sub(lambda found: os.environ[found[1]], remote)


def _check_version(session: Session) -> None:
    with session.reading("connecting to Spark") as spark:
        version = str(spark.version)
    numbers = tuple(int(part) for part in re.findall(r"\d+", version)[:2])
    if numbers < OLDEST_VERSION:
        raise WrongUse(f"this Spark is {version}; the queries need Spark {'.'.join(map(str, OLDEST_VERSION))} or newer")


def _library_errors() -> tuple[type[BaseException], ...]:
    """What pyspark, its Java bridge and gRPC raise; as many of them as are installed."""
    found: list[type[BaseException]] = [ConnectionError]
    with suppress(ImportError):
        from pyspark.errors import PySparkException

        found.append(PySparkException)
    with suppress(ImportError):
        from py4j.protocol import Py4JError

        found.append(Py4JError)
    with suppress(ImportError):
        import grpc

        found.append(grpc.RpcError)
    return tuple(found)


def _explained(error: BaseException, doing: str, *, is_late: bool) -> RolloutError:
    """One sentence by Spark's name of the error; its words are left out, for they may hold rows, paths and addresses."""
    condition = getattr(error, "getCondition", lambda: None)() or ""
    said = f"{condition} {error}" if type(error).__name__ != "SparkConnectGrpcException" or not condition else condition
    if is_late:
        condition = "OPERATION_CANCELED"
    for name, kind, sentence in _BY_CONDITION:
        if name in (condition or said):
            return kind(f"{doing}: Spark {sentence}")
    if "UNAVAILABLE" in said or isinstance(error, ConnectionError) or "Py4JNetworkError" in type(error).__name__:
        return RolloutError(f"{doing}: the Spark server went away; run again when it is back")
    return RolloutError(f"{doing} failed in Spark ({condition or type(error).__name__}); run 'rollout doctor'")
