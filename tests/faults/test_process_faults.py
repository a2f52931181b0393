"""Faults of processes: signals, kills, memory, clocks.

A command that is asked to stop cleans up, a killed one leaves complete files, and a second run
succeeds.
"""

import contextlib
import json
import os
import shutil
import signal
import time
from pathlib import Path

import pandas as pd
import pytest

from analysis.clock import CLOCK_VARIABLE
from tests.faults.workspace import (
    POSTGRES,
    SLOW,
    edited_notebook,
    memory_limit,
    temporary_workspace,
    wait_for,
)
from tests.fixtures.small_rollout import CONFIG, simple_calls

pytestmark = pytest.mark.faults
VERDICTS = (0, 1, 3, 4)
SIGNALS = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}


@pytest.fixture(scope="module")
def finished_workspace(home):
    """A rollout with a baseline report. No test changes it."""
    with temporary_workspace(home, rows=simple_calls()) as workspace:
        assert workspace.run("baseline").code == 0
        yield workspace


def check_stopped(workspace, done, code):
    """The command says that it stopped, and leaves no temporary file and no process."""
    done.check_failure(code, "stopped; what was written before is whole, run it again")
    assert workspace.tmp_is_empty()
    check_no_process_is_left(workspace)


def check_no_process_is_left(workspace, *, within_s=10):
    """No kernel runs longer than its command."""
    ends_at = time.monotonic() + within_s
    while left := [
        pid for pid in Path("/proc").iterdir() if pid.name.isdigit() and works_in(pid, workspace)
    ]:
        assert time.monotonic() < ends_at, [
            (pid.name, (pid / "cmdline").read_bytes()) for pid in left
        ]
        time.sleep(0.05)


def works_in(pid, workspace):
    with contextlib.suppress(OSError):
        return str(workspace.folder).encode() in (pid / "cmdline").read_bytes() or (
            pid / "cwd"
        ).readlink().is_relative_to(workspace.folder)
    return False


# ---- asked to stop, in every phase ----------------------------------------------------------
PHASES = {
    "while it loads": ("import|analysis.report.reports|1|", signal.SIGINT),
    "while it reads rollout.toml": ("open|rollout.toml|1|", signal.SIGTERM),
    "while it starts the kernel": ("subprocess.Popen||1|", signal.SIGINT),
    "while it writes the page": ("open|.report.|1|", signal.SIGTERM),
    "while it replaces the old report": ("os.rename|result.json|1|", signal.SIGINT),
    "while it writes the index": ("os.rename|index.html|1|", signal.SIGHUP),
}


@pytest.mark.parametrize("phase", PHASES)
def test_asked_to_stop(finished_workspace, tally, phase):
    at, number = PHASES[phase]
    before = finished_workspace.complete_files()
    done = finished_workspace.run("baseline", fault=at + number.name)
    check_stopped(finished_workspace, done, SIGNALS[number])
    after = finished_workspace.complete_files()
    assert after.keys() == before.keys()
    if "replaces" not in phase and "index" not in phase:
        assert after == before
    tally(faults=1)


def test_asked_to_stop_while_the_cells_run_and_then_a_second_run(finished_workspace, tally):
    before = finished_workspace.complete_files()
    process = finished_workspace.start("baseline")
    while "cell 5" not in (line := process.stderr.readline()):
        assert line, process.communicate()
    process.send_signal(signal.SIGTERM)
    check_stopped(finished_workspace, wait_for(process, longest_s=20), 143)
    assert finished_workspace.complete_files() == before
    assert finished_workspace.run("baseline").code == 0
    tally(faults=1)


TOGETHER = """
from analysis.cli.gate import gated
from analysis.config import load_settings
from analysis.report.reports import run_window_reports
with gated():
    run_window_reports(load_settings("rollout.toml"), ["1h", "4h", "4h"])
"""


def test_asked_to_stop_during_two_reports(finished_workspace, tally):
    """Both kernels end at once, no further report starts, and none is reported as failed."""
    before = finished_workspace.complete_files()
    process = finished_workspace.start(program=("-c", TOGETHER))
    while "cell 4" not in (line := process.stderr.readline()):
        assert line, process.communicate()
    process.send_signal(signal.SIGTERM)
    assert wait_for(process, longest_s=20).code == 143
    check_no_process_is_left(finished_workspace)
    assert finished_workspace.tmp_is_empty()
    assert finished_workspace.complete_files() == before
    assert not list(finished_workspace.outputs.rglob("windows/*/failed.html"))
    tally(faults=1)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("engine", ["duckdb", "postgres"])
def test_asked_to_stop_in_mid_query(home, request, tally, engine, number):
    """The driver waits in C code; the command still stops, and the server ends its query."""
    config = CONFIG.format(
        source=POSTGRES
        if engine == "postgres"
        else 'engine = "duckdb"\npath = "calls.parquet"\nmapping = "slow.toml"'
    )
    # DuckDB checks for an interrupt between two vectors of rows, so it needs many
    rows = simple_calls() if engine == "postgres" else pd.concat([simple_calls()] * 400)
    with temporary_workspace(
        home, config=config.replace('timeout = "5s"', 'timeout = "5m"'), rows=rows
    ) as workspace:
        if engine == "postgres":
            database = request.getfixturevalue("database")
            database.load_interactions(simple_calls())
            database.execute(SLOW.replace("0.05", "1"))
            process = workspace.start("compare", environment={"DATABASE_URL": database.url})
            running = (
                "SELECT 1 FROM pg_stat_activity WHERE application_name = 'rollout' "
                "AND state = 'active' AND query LIKE '%written_rows%'"
            )
            wait_until(lambda: database.execute(running), process)
        else:
            names = (
                "id",
                "clientId",
                "leadId",
                "source",
                "featureId",
                "model",
                "status",
                "errorMessage",
                "outputTokens",
                "totalTokens",
                "createdAt",
            )
            long_text = "LPAD(\"id\", 9000, 'ab')"
            slow = f"\"latencyMs\" + 0 * LENGTH(REGEXP_REPLACE({long_text}, '(a|b)', 'c', 'g'))"
            lines = [f"{name} = '\"{name}\"'" for name in names] + [f"latencyMs = '''{slow}'''"]
            (workspace.folder / "slow.toml").write_text(
                'dialect = "duckdb"\n[columns]\n' + "\n".join(lines)
            )
            process = workspace.start("compare")
            time.sleep(8)
            assert process.poll() is None, process.communicate()
        began = time.monotonic()
        process.send_signal(number)
        done = wait_for(process, longest_s=30)
        assert time.monotonic() - began < 10
        check_stopped(workspace, done, SIGNALS[number])
        if engine == "postgres":
            wait_until(lambda: not database.execute(running), None)
    tally(faults=1)


def wait_until(holds, process, *, longest_s=60):
    ends_at = time.monotonic() + longest_s
    while not holds():
        assert time.monotonic() < ends_at
        assert process is None or process.poll() is None, process.communicate()
        time.sleep(0.05)


def test_watch_asked_to_stop_while_it_waits(finished_workspace, tally):
    clock = finished_workspace.folder / "clock"
    clock.write_text("2026-02-02T23:20:00Z")
    process = finished_workspace.start("watch", environment={CLOCK_VARIABLE: str(clock)})
    wait_until((finished_workspace.outputs / ".watch.lock").exists, process)
    time.sleep(1)
    process.send_signal(signal.SIGTERM)
    check_stopped(finished_workspace, wait_for(process, longest_s=10), 143)
    tally(faults=1)


# ---- killed ---------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "at", ["os.rename|result.json|1|", "os.rename|report.html|1|", "os.rename|index.html|1|"]
)
def test_killed_while_it_writes(finished_workspace, tally, at):
    """Each file is completely old or completely new; temporary files do no harm."""
    before = finished_workspace.complete_files()
    done = finished_workspace.run("baseline", fault=at + "SIGKILL")
    assert done.code == -signal.SIGKILL
    check_no_process_is_left(finished_workspace)
    for path in finished_workspace.outputs.rglob(".*.tmp*"):
        path.unlink()
    assert finished_workspace.complete_files().keys() == before.keys()
    json.loads((finished_workspace.outputs / "baseline" / "result.json").read_text())
    assert (
        (finished_workspace.outputs / "baseline" / "report.html")
        .read_text()
        .rstrip()
        .endswith("</html>")
    )
    for left in (finished_workspace.folder / "tmp").iterdir():
        shutil.rmtree(left)
    tally(faults=1)


def test_killed_while_it_writes_the_ledger(finished_workspace, tally):
    """The line is complete or missing, and the next command appends after it."""
    lines = (
        (finished_workspace.outputs / "ledger.jsonl").read_bytes()
        if (finished_workspace.outputs / "ledger.jsonl").exists()
        else b""
    )
    at = ("deploy", "--at", "2026-02-02T23:10:16Z")
    assert finished_workspace.run(*at, fault="open|ledger.jsonl|2|SIGKILL").code == -signal.SIGKILL
    assert finished_workspace.run(*at).code == 0
    written = (finished_workspace.outputs / "ledger.jsonl").read_bytes()
    assert written.startswith(lines)
    assert all(json.loads(line) for line in written.splitlines())
    tally(faults=1)


def test_the_kernel_is_killed(finished_workspace, tally):
    before = finished_workspace.complete_files()
    process = finished_workspace.start("baseline")
    while "cell 3" not in (line := process.stderr.readline()):
        assert line, process.communicate()
    kernels = [
        pid
        for pid in Path("/proc").iterdir()
        if pid.name.isdigit() and is_kernel_of(pid, finished_workspace)
    ]
    assert len(kernels) == 1
    os.kill(int(kernels[0].name), signal.SIGKILL)
    wait_for(process, longest_s=30).check_failure(
        70, "its kernel was killed (signal 9)", "free some"
    )
    assert finished_workspace.complete_files() == before
    assert (finished_workspace.outputs / "baseline" / "failed.html").is_file()
    assert finished_workspace.tmp_is_empty()
    tally(faults=1)


def is_kernel_of(pid, workspace):
    with contextlib.suppress(OSError):
        return (
            f"analysis.report.notebook.kernel\0-f\0{workspace.folder}"
            in (pid / "cmdline").read_text()
        )
    return False


@pytest.mark.parametrize("megabytes", [1_500, 1_100, 800])
def test_out_of_memory(finished_workspace, tally, megabytes):
    """RLIMIT_AS for the command and its kernel: it succeeds, or fails with one line."""
    before = finished_workspace.complete_files()
    done = finished_workspace.run("baseline", limits=memory_limit(megabytes * 1_000_000))
    if done.code != 0:
        done.check_failure(70)
        assert finished_workspace.complete_files() == before
    outcome = "complete" if done.code == 0 else done.last_line
    tally(faults=1, measured=f"baseline within {megabytes} MB of address space: {outcome}")


READS = """
import os, resource
from pathlib import Path
import analysis.counting.baseline
from analysis.counting.storage.frozen import FrozenCounts
in_use = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
for more in range(0, 240, 4):
    if os.fork():
        os.wait()
        continue
    resource.setrlimit(resource.RLIMIT_AS, (in_use + more * 1_000_000,) * 2)
    try:
        frozen = FrozenCounts(Path("outputs/small/baseline/counts.parquet"))
        outcome = "read" if frozen.arm() else ""
    except BaseException as error:
        outcome = f"{type(error).__name__}: {error}"
    os.write(1, (outcome + "\\n").encode())
    os._exit(0)
"""


def test_low_memory_is_not_reported_as_a_damaged_baseline(finished_workspace, tally):
    """A user would delete a damaged baseline, which cannot be made again."""
    outcomes = finished_workspace.run(program=("-c", READS)).out.splitlines()
    low_memory = (
        "RolloutError: there is not enough memory to read the frozen baseline "
        "baseline/counts.parquet; free some, then run again"
    )
    assert set(outcomes) <= {"read", low_memory}
    assert len(outcomes) > 30  # with too little, pyarrow ends the process itself
    assert low_memory in outcomes
    assert outcomes[-1] == "read"
    tally(faults=len(outcomes))


# ---- two commands at once -------------------------------------------------------------------
def test_two_runs_for_the_same_window(finished_workspace, tally):
    first = finished_workspace.start("baseline", fault="open|.report.|1|pause")
    finished_workspace.wait_until_paused(first)
    second = finished_workspace.run("baseline")
    running = "another 'rollout report' of baseline of small is running; wait until it ends"
    second.check_failure(3, running)
    finished_workspace.resume()
    assert wait_for(first, longest_s=60).code == 0
    finished_workspace.complete_files()
    tally(faults=1)


def test_two_comparisons_freeze_the_same_baseline(workspace, tally):
    first = workspace.start("compare", "--json", fault="os.rename|counts.parquet|1|pause")
    workspace.wait_until_paused(first)
    second = workspace.run("compare", "--json")
    workspace.resume()
    answers = [json.loads(done.out) for done in (wait_for(first, longest_s=60), second)]
    assert answers[0] == answers[1]
    workspace.complete_files()
    tally(faults=1)


# ---- clocks ---------------------------------------------------------------------------------
def test_a_clock_that_is_set_back(workspace, rollout, monkeypatch, tally):
    """Before the deploy, before the window's end, and forward again; nothing is lost."""
    clock = workspace.folder / "clock"
    monkeypatch.setenv(CLOCK_VARIABLE, str(clock))
    clock.write_text("2026-02-03T10:00:00Z")
    assert rollout(workspace, "compare", "--window", "4h").code in VERDICTS
    before = workspace.complete_files()
    for instant, code, words in (
        ("2026-02-03T01:00:00Z", 3, "window 4h is due at"),
        ("2026-02-01T00:00:00Z", 2, "lies in the future; correct [rollout].deployed_at"),
    ):
        clock.write_text(instant)
        rollout(workspace, "compare", "--window", "4h").check_failure(code, words)
        assert workspace.complete_files() == before
    clock.write_text("2026-02-03T10:00:00Z")
    assert rollout(workspace, "compare", "--window", "4h").code in VERDICTS
    tally(faults=2)


def test_a_ledger_written_by_a_clock_that_was_ahead(workspace, rollout, monkeypatch, tally):
    clock = workspace.folder / "clock"
    monkeypatch.setenv(CLOCK_VARIABLE, str(clock))
    clock.write_text("2027-01-01T00:00:00Z")
    assert rollout(workspace, "deploy", "--at", "2026-02-02T23:10:16Z").code == 0
    clock.write_text("2026-02-03T10:00:00Z")
    assert rollout(workspace, "deploy", "--at", "2026-02-02T23:10:16Z").code == 0
    assert rollout(workspace, "handoff", "--json").code in (*VERDICTS, 5)
    assert rollout(workspace, "compare").code in VERDICTS
    tally(faults=1)


# ---- a notebook that the user edited --------------------------------------------------------
def test_a_notebook_that_ends_early_fails_or_prints_a_secret(finished_workspace, tally):
    before = finished_workspace.complete_files()
    key = "sk-" + "proj-" + "a1" * 16
    cases = {
        "import sys; sys.exit(0)": "ended early",
        "1 / 0": "met an error it does not know, ZeroDivisionError",
        f"print({key[:5]!r} + {key[5:]!r})": "(rule: key)",
    }
    for source, words in cases.items():
        done = finished_workspace.run(
            "baseline", program=("-c", edited_notebook(finished_workspace, "baseline", source))
        )
        done.check_failure(70, words)
        assert finished_workspace.complete_files() == before
        assert (
            key
            not in (finished_workspace.outputs / "baseline" / "failed.html").read_text() + done.err
        )
        shutil.rmtree(finished_workspace.folder / "notebooks")
    tally(faults=len(cases))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{}", "has no cells; restore it"),
        ("not a notebook", "cannot be read as a notebook; restore it"),
        (
            json.dumps({"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}),
            "0 cells tagged 'parameters'",
        ),
        (None, "is not there"),
    ],
)
def test_an_invalid_notebook(workspace, rollout, monkeypatch, tally, content, words):
    from analysis.report import reports

    shutil.copytree(reports.NOTEBOOKS, workspace.folder / "notebooks")
    monkeypatch.setattr(reports, "NOTEBOOKS", workspace.folder / "notebooks")
    path = workspace.folder / "notebooks" / "baseline.ipynb"
    path.unlink()
    if content is not None:
        path.write_text(content)
    rollout(workspace, "baseline").check_failure(2, words)
    tally(faults=1)
