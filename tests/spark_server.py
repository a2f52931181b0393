"""A real Spark Connect server for the tests: the Spark inside the pyspark package, on a free port, gone when the tests end."""

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

START_SECONDS = 120
SETTINGS = {
    "spark.connect.grpc.binding.address": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.ui.enabled": "false",
    "spark.sql.shuffle.partitions": "2",
    "spark.log.level": "WARN",
    # Not UTC, with a clock change: a query that forgets its zone shows it here.
    "spark.sql.session.timeZone": "America/New_York",
}
# A server of a few minutes: compile quickly rather than well.
JAVA_OPTIONS = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -XX:-UsePerfData"
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


class SparkUnavailableError(RuntimeError):
    """Spark did not start, with the reason and its log."""


@contextlib.contextmanager
def run_spark() -> Iterator[str]:
    """Start a server, give its address, stop it and remove what it wrote."""
    with tempfile.TemporaryDirectory(prefix="rollout-spark-") as name:
        folder = Path(name)
        for attempt in range(3):  # another program may take the free port before the server does
            port, log = _find_free_port(), folder / f"server-{attempt}.log"
            process = _spawn(folder, port, log)
            try:
                if _wait_until_ready(process, port, log):
                    yield f"sc://127.0.0.1:{port}"
                    return
            finally:
                _stop(process)
        raise SparkUnavailableError(
            "Spark found no free port in three tries; see whether another program takes them all"
        )


def _spawn(folder: Path, port: int, log: Path) -> subprocess.Popen:
    spec = find_spec("pyspark")
    if spec is None or spec.origin is None:
        raise SparkUnavailableError(
            "the package pyspark is not installed; run these tests with `make test-spark`"
        )
    home = Path(spec.origin).parent
    settings = SETTINGS | {
        "spark.connect.grpc.binding.port": str(port),
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        "spark.local.dir": str(folder / "scratch"),
    }
    command = [
        str(home / "bin" / "spark-submit"),
        "--master",
        "local[2]",
        "--driver-memory",
        "1g",
        "--driver-java-options",
        JAVA_OPTIONS,
    ]
    for key, value in settings.items():
        command += ["--conf", f"{key}={value}"]
    command += ["--class", "org.apache.spark.sql.connect.service.SparkConnectServer"]
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith("SPARK_")
    } | {"SPARK_HOME": str(home)}
    with log.open("wb") as output:
        return subprocess.Popen(
            command,
            stdout=output,
            stderr=output,
            stdin=subprocess.DEVNULL,
            cwd=folder,
            env=environment,
            start_new_session=True,
            preexec_fn=_die_with_parent if _LIBC else None,
        )


def _wait_until_ready(process: subprocess.Popen, port: int, log: Path) -> bool:
    """Wait until the port answers; False when it was taken, an error with the log for anything else."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            text = log.read_text(encoding="utf-8", errors="replace")
            if "BindException" in text:
                return False
            raise SparkUnavailableError(
                f"Spark ended with {process.returncode} while starting:\n{text[-2000:]}"
            )
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
        time.sleep(0.1)
    raise SparkUnavailableError(
        f"Spark was not ready within {START_SECONDS} s:\n{log.read_text()[-2000:]}"
    )


def _stop(process: subprocess.Popen) -> None:
    for how in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, how)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=15)


def _find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _die_with_parent() -> None:
    """Ask Linux to end the server when the test process is killed (PR_SET_PDEATHSIG)."""
    _LIBC.prctl(1, signal.SIGTERM)
