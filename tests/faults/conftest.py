"""Workspaces to break things in, and the table of what was tried."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.workspace import POSTGRES, Done, Workspace, temporary_workspace
from tests.fixtures.small_rollout import CONFIG, simple_calls

AREAS = {
    "test_leaks_in_outputs": "no personal data in outputs",
    "test_three_locks": "read-only by three locks",
    "test_mutations": "a removed safety measure is noticed",
    "test_database_faults": "database and network",
    "test_disk_faults": "disk and files",
    "test_process_faults": "processes, signals, clock",
    "test_generated_input": "bad input",
    "test_large_load": "load",
}
COUNTED = ("faults", "inputs", "planted", "leaks")


@pytest.fixture
def tally(record_property: Callable[[str, object], None]) -> Callable[..., None]:
    """Count for the table: tally(faults=1), tally(planted=300, leaks=0), tally(inputs=100).

    tally(measured="...") adds a line below it.
    """

    def count(**counts: object) -> None:
        for name, number in counts.items():
            record_property(name, number)

    return count


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home folder of the user who runs the commands."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def workspace(home: Path) -> Iterator[Workspace]:
    """A rollout on a Parquet file."""
    with temporary_workspace(home, rows=simple_calls()) as workspace:
        yield workspace


@pytest.fixture
def postgres_workspace(home: Path) -> Iterator[Workspace]:
    """A rollout on the database of the variable DATABASE_URL, which the test sets."""
    with temporary_workspace(home, config=CONFIG.format(source=POSTGRES)) as workspace:
        yield workspace


@pytest.fixture
def rollout(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Done]:
    """Run a command in this process: rollout(workspace, "compare", "--json")."""
    from analysis.cli import main

    def run(workspace: Workspace, *arguments: str) -> Done:
        monkeypatch.chdir(workspace.folder)
        monkeypatch.setattr(sys, "argv", ["rollout", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return Done(ended.value.code, *capfd.readouterr(), seconds=0.0)

    return run


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table of what was tried, by area."""
    rows: dict[str, dict[str, float]] = {}
    measured: list[str] = []
    for outcome in ("passed", "failed"):
        for report in terminalreporter.stats.get(outcome, ()):
            module = Path(report.nodeid.partition("::")[0]).stem
            if report.when != "call" or "tests/faults/" not in report.nodeid or module not in AREAS:
                continue
            row = rows.setdefault(
                AREAS[module], dict.fromkeys((*COUNTED, "survived", "seconds"), 0)
            )
            row["seconds"] += report.duration
            for name, value in report.user_properties:
                if name in COUNTED:
                    row[name] += value
                    row["survived"] += value if name == "faults" and outcome == "passed" else 0
                elif name == "measured":
                    measured.append(str(value))
    if not rows:
        return
    names = ("faults", "survived", "inputs", "planted", "leaks", "seconds")
    heads = ("faults tried", "survived", "inputs tried", "values planted", "leaks found", "seconds")
    rows["all"] = {name: sum(row[name] for row in rows.values()) for name in names}
    lines = ["| area | " + " | ".join(heads) + " |", "|---|" + "---:|" * len(heads)]
    lines += [
        f"| {area} | " + " | ".join(f"{row[name]:,.0f}" for name in names) + " |"
        for area, row in rows.items()
    ]
    terminalreporter.write_line("")
    for line in (*lines, "", *sorted(measured)):
        terminalreporter.write_line(line)
