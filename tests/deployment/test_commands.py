"""The story told by the commands themselves: processes, exit codes, files; reports are the real notebooks."""

import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from analysis.clock import iso
from tests.deployment.application import SECRET, run_application
from tests.deployment.test_story import DUE, STORY
from tests.deployment.world import DEPLOY, FEATURE, HOUR, World, make_rows

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.timeout(900)


@pytest.fixture
def application(database, monkeypatch):
    with run_application(database) as running:
        monkeypatch.setenv("APP_URL", running.url)
        monkeypatch.setenv("CRON_SECRET", SECRET)
        monkeypatch.setenv("TEST_SOURCE_URL", database.url)
        monkeypatch.setattr(running, "feature", FEATURE)
        yield running


class Desk:
    """Somebody who types commands."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.printed = ""

    def rollout(self, *arguments: str, ends_with: int | tuple[int, ...] = 0) -> str:
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [sys.executable, "-m", "analysis", *arguments],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=240,
        )
        self.printed += done.stdout + done.stderr
        expected = (ends_with,) if isinstance(ends_with, int) else ends_with
        told = f"rollout {' '.join(arguments)} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert done.returncode in expected, told
        assert "Traceback" not in done.stderr
        return done.stdout


@pytest.fixture
def desk(make_settings, project) -> Desk:
    return Desk(make_settings(STORY).folder)


def take_windows(desk: Desk, windows: str) -> None:
    """Plan fewer looks, because every report is a notebook that runs."""
    config = desk.folder / "rollout.toml"
    config.write_text(
        config.read_text().replace('windows = ["1h", "4h", "24h"]', f"windows = {windows}")
    )


def begin(desk: Desk, world: World) -> None:
    world.advance_to(DEPLOY - HOUR)
    desk.rollout("preflight")
    desk.rollout("baseline")
    world.advance_to(DEPLOY + timedelta(minutes=2))
    desk.rollout("deploy", "--at", iso(DEPLOY))
    desk.rollout("smoke")


def test_a_good_rollout_by_commands(desk, clock_file, database, application):
    world = World(database, clock_file, make_rows())
    begin(desk, world)
    desk.rollout("report", "--due", ends_with=3)
    world.advance_to(DEPLOY + HOUR + DUE)
    desk.rollout("report", "--due", ends_with=(0, 3))
    world.advance_to(DEPLOY + 4 * HOUR + DUE)
    assert json.loads(desk.rollout("report", "--due", "--json", ends_with=(0, 3)))["verdict"] in (
        "keep_watching",
        "improved",
    )
    world.advance_to(DEPLOY + 24 * HOUR + DUE)
    assert desk.rollout("watch").startswith("verdict: sustained")
    handoff = json.loads(desk.rollout("handoff", "--json"))
    assert (handoff["is_complete"], handoff["missing"], handoff["verdict"]) == (
        True,
        [],
        "sustained",
    )
    outputs = desk.folder / "outputs" / "phase"
    for label in ("1h", "4h", "24h"):
        assert (outputs / "windows" / label / "report.html").exists()
    assert (outputs / "index.html").exists()
    assert (outputs / "handoff.html").exists()
    kept = "".join(
        path.read_text(errors="replace") for path in outputs.rglob("*") if path.is_file()
    )
    for planted in (SECRET, database.url, "planted"):
        assert planted not in kept + desk.printed


def test_a_bad_one_by_commands(desk, clock_file, database, application):
    take_windows(desk, '["4h", "24h"]')
    world = World(database, clock_file, make_rows(slow_cron=(1, 5)))
    begin(desk, world)
    world.advance_to(DEPLOY + 4 * HOUR + DUE)
    desk.rollout("report", "--due", ends_with=1)
    told = desk.rollout("handoff", ends_with=1)
    assert "turn BACKGROUND_JOB_CRON_LIMIT from 20 to 10" in told
    world.advance_to(DEPLOY + 4 * HOUR + timedelta(minutes=30))
    desk.rollout("knob", "set", "BACKGROUND_JOB_CRON_LIMIT", "10")
    world.advance_to(DEPLOY + 29 * HOUR + DUE)
    assert desk.rollout("watch").startswith("verdict: sustained")
    outputs = desk.folder / "outputs" / "phase"
    result = json.loads((outputs / "stage-2" / "windows" / "24h" / "result.json").read_text())
    assert result["look"]["start"] == iso(DEPLOY + 5 * HOUR)
    assert "stage 2 (BACKGROUND_JOB_CRON_LIMIT 20 -> 10), sustained" in desk.rollout("handoff")
