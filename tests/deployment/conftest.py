"""Fixtures of the deployment's tests: settings from a real file, a clock that is a file, a server that answers as told, an application."""

import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from analysis.clock import CLOCK_VARIABLE, iso, parse_instant
from analysis.config import Settings, load_settings
from analysis.deployment import smoke
from tests.deployment.application import SECRET, Application, run_application
from tests.deployment.local_server import LocalServer, run_server
from tests.deployment.npm_project import make_project
from tests.fixtures.postgres_server import Database

TOML = """
[rollout]
name = "phase"
title = "A phase"
{deployed_at}

[source]
engine = "postgres"
url_env = "TEST_SOURCE_URL"

[monitoring]
windows = ["1h", "4h", "24h"]
settle = "90s"

[[expectation]]
name = "timeouts drop"
feature = "draft.verify"
metric = "timeout_rate"
claim = "falls"

[[guardrail]]
name = "cron ends in time"
source = "background-job/*"
metric = "cron_over_budget_rate"
claim = "below"
limit = 0.05
critical = true

{more}
"""


class ClockFile:
    """The clock of a test: ROLLOUT_CLOCK names its file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()

    def set(self, instant: str | datetime) -> None:
        with self._lock:
            text = instant if isinstance(instant, str) else iso(instant)
            fresh = self.path.with_suffix(".new")
            fresh.write_text(text, encoding="utf-8")
            fresh.replace(self.path)

    def now(self) -> datetime:
        return parse_instant(self.path.read_text(encoding="utf-8"))

    def advance(self, length: timedelta) -> None:
        with self._lock:
            self.set(self.now() + length)


@pytest.fixture
def clock_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ClockFile:
    clock = ClockFile(tmp_path / "clock.txt")
    clock.set("2026-02-02T23:10:16Z")
    monkeypatch.setenv(CLOCK_VARIABLE, str(clock.path))
    return clock


@pytest.fixture
def make_settings(tmp_path: Path) -> Callable[..., Settings]:
    def make(more: str = "", *, deployed_at: str | None = None) -> Settings:
        path = tmp_path / "rollout.toml"
        line = f"deployed_at = {deployed_at}" if deployed_at else ""
        path.write_text(TOML.format(deployed_at=line, more=more), encoding="utf-8")
        return load_settings(path)

    return make


@pytest.fixture
def server() -> Iterator[LocalServer]:
    with run_server() as running:
        yield running


@pytest.fixture
def application(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Application]:
    """The application behind a server, and the variables that its smoke checks name."""
    with run_application(database) as running:
        monkeypatch.setenv("APP_URL", running.url)
        monkeypatch.setenv("CRON_SECRET", SECRET)
        monkeypatch.setenv("TRACE", "planted-trace-3Wz")
        monkeypatch.setenv("TEST_SOURCE_URL", database.url)
        monkeypatch.setattr(smoke, "POLL_S", 0.05)
        yield running


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(
        "NPM_CONFIG_USERCONFIG", str(tmp_path / "npmrc")
    )  # npm warns of what stands in the desk's own
    return make_project(tmp_path)
