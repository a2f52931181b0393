"""Whole rollouts by the commands themselves: processes, exit codes, files, real notebooks."""

import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from analysis.clock import iso
from tests.fixtures.application_with_lock import SECRET
from tests.fixtures.calls_over_time import FEATURE, GrowingTable, make_rows
from tests.fixtures.clock_file import DEPLOYED_AT, HOUR
from tests.fixtures.rollout_steps import WHOLE_ROLLOUT

ROOT = Path(__file__).parents[2]
DELAY = timedelta(seconds=90)
pytestmark = pytest.mark.timeout(900)


class Terminal:
    """A folder in which commands are run, and everything they printed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.printed = ""

    def run(self, *arguments: str, ends_with: int | tuple[int, ...] = 0) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "analysis", *arguments],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=240,
        )
        self.printed += done.stdout + done.stderr
        expected = (ends_with,) if isinstance(ends_with, int) else ends_with
        ended = f"rollout {' '.join(arguments)} ended with {done.returncode}"
        assert done.returncode in expected, f"{ended}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        return done.stdout


@pytest.fixture
def terminal(make_settings, application, project, monkeypatch) -> Terminal:
    monkeypatch.setattr(application, "feature", FEATURE)
    return Terminal(make_settings(WHOLE_ROLLOUT).folder)


def plan_windows(terminal: Terminal, windows: str) -> None:
    """Plan fewer looks, because every report is a notebook that runs."""
    config = terminal.folder / "rollout.toml"
    planned = 'windows = ["1h", "4h", "24h"]'
    config.write_text(config.read_text().replace(planned, f"windows = {windows}"))


def begin(terminal: Terminal, table: GrowingTable) -> None:
    table.advance_to(DEPLOYED_AT - HOUR)
    terminal.run("preflight")
    terminal.run("baseline")
    table.advance_to(DEPLOYED_AT + timedelta(minutes=2))
    terminal.run("deploy", "--at", iso(DEPLOYED_AT))
    terminal.run("smoke")


def test_a_good_rollout_by_commands(terminal, clock_file, database):
    table = GrowingTable(database, clock_file, make_rows())
    begin(terminal, table)
    terminal.run("report", "--due", ends_with=3)
    table.advance_to(DEPLOYED_AT + HOUR + DELAY)
    terminal.run("report", "--due", ends_with=(0, 3))
    table.advance_to(DEPLOYED_AT + 4 * HOUR + DELAY)
    result = json.loads(terminal.run("report", "--due", "--json", ends_with=(0, 3)))
    assert result["verdict"] in ("keep_watching", "improved")
    table.advance_to(DEPLOYED_AT + 24 * HOUR + DELAY)
    assert terminal.run("watch").startswith("verdict: sustained")
    handoff = json.loads(terminal.run("handoff", "--json"))
    assert (handoff["is_complete"], handoff["missing"]) == (True, [])
    assert handoff["verdict"] == "sustained"
    outputs = terminal.folder / "outputs" / "phase"
    pages = [f"windows/{label}/report.html" for label in ("1h", "4h", "24h")]
    for page in (*pages, "index.html", "handoff.html"):
        assert (outputs / page).exists()
    files = [path for path in outputs.rglob("*") if path.is_file()]
    kept = "".join(path.read_text(errors="replace") for path in files)
    for planted in (SECRET, database.url, "planted"):
        assert planted not in kept + terminal.printed


def test_a_bad_one_by_commands(terminal, clock_file, database):
    plan_windows(terminal, '["4h", "24h"]')
    table = GrowingTable(database, clock_file, make_rows(slow_cron=(1, 5)))
    begin(terminal, table)
    table.advance_to(DEPLOYED_AT + 4 * HOUR + DELAY)
    terminal.run("report", "--due", ends_with=1)
    handoff = terminal.run("handoff", ends_with=1)
    assert "turn BACKGROUND_JOB_CRON_LIMIT from 20 to 10" in handoff
    table.advance_to(DEPLOYED_AT + 4 * HOUR + timedelta(minutes=30))
    terminal.run("knob", "set", "BACKGROUND_JOB_CRON_LIMIT", "10")
    table.advance_to(DEPLOYED_AT + 29 * HOUR + DELAY)
    assert terminal.run("watch").startswith("verdict: sustained")
    result = terminal.folder / "outputs" / "phase" / "stage-2" / "windows" / "24h" / "result.json"
    assert json.loads(result.read_text())["look"]["start"] == iso(DEPLOYED_AT + 5 * HOUR)
    assert "stage 2 (BACKGROUND_JOB_CRON_LIMIT 20 -> 10), sustained" in terminal.run("handoff")
