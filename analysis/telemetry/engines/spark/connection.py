"""Opening a Spark session: at an address, in this process, or the one that the user has."""

from __future__ import annotations

import os
import re
import shutil
import threading
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.errors import RolloutError, WrongUse
from analysis.telemetry.engines.spark.errors import library_errors
from analysis.telemetry.engines.spark.session import TIME_ZONE, Session

if TYPE_CHECKING:
    from analysis.config.settings import Source

CONNECT_TIMEOUT_S = 10.0
OLDEST_VERSION = (4, 0)
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_LOG_SETTINGS = Path(__file__).with_name("spark_log4j2.properties")
_LOCAL_SETTINGS = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    TIME_ZONE: "UTC",
    "spark.sql.shuffle.partitions": "4",
    "spark.driver.extraJavaOptions": f"-Dlog4j2.configurationFile={_LOG_SETTINGS.as_uri()}",
}
_NEEDLESS_WARNINGS = ("PySpark does not yet fully support pandas", r"\[RETRIES_EXCEEDED\]")
"""Values travel as Arrow, and errors become sentences."""


def open_session(source: Source, *, given: Any = None) -> Session:
    """The session `given`, else one at [source].remote, else one under [source].master here.

    Raises WrongUse when there is none of the three, when pyspark or Java is missing, or when no
    server answers.
    """
    for message in _NEEDLESS_WARNINGS:
        warnings.filterwarnings("ignore", message=message)
    try:
        spark, is_ours = (given, False) if given is not None else _open(source)
    except ImportError:
        raise WrongUse(
            "engine 'spark' needs the packages of requirements-spark.txt; "
            "install them: uv pip install -r requirements-spark.lock"
        ) from None
    session = Session(spark, is_ours=is_ours, timeout=source.timeout)
    try:
        _check_version(session)
    except RolloutError:
        session.close()
        raise
    return session


def _open(source: Source) -> tuple[Any, bool]:
    """A session of pyspark, and whether it was made here."""
    if source.remote and source.master:
        raise WrongUse(
            "[source] has both remote, a server's address, and master, which starts Spark here; "
            "remove one of them"
        )
    if source.remote:
        return _connect(_with_variables(source.remote)), True
    if source.master:
        return _start(source.master)
    raise WrongUse(
        "[source] has engine = 'spark' and neither remote nor master; "
        'add remote = "sc://host:15002"'
    )


def _connect(address: str) -> Any:
    from pyspark.errors import PySparkException
    from pyspark.sql.connect.client import DefaultChannelBuilder
    from pyspark.sql.connect.client.retries import DefaultPolicy
    from pyspark.sql.connect.session import SparkSession

    try:
        builder = DefaultChannelBuilder(address)
    except (PySparkException, ValueError):
        raise WrongUse(
            "[source].remote is no address of Spark Connect; its form is sc://host:15002"
        ) from None
    _wait_for_server(builder)
    spark = SparkSession(connection=builder)
    spark.client.set_retry_policies([DefaultPolicy(max_retries=5, max_backoff=2000)])
    return spark


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


def _start(master: str) -> tuple[Any, bool]:
    from pyspark.sql import SparkSession

    running = SparkSession.getActiveSession()
    if running is not None:
        return running, False
    if not has_java():
        raise WrongUse(
            "[source].master starts Spark here, which needs Java 17 or newer; "
            "install it, or use [source].remote"
        )
    builder = SparkSession.builder.master(master).appName("rollout")
    for setting, value in _LOCAL_SETTINGS.items():
        builder = builder.config(setting, value)
    try:
        return builder.getOrCreate(), True
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
