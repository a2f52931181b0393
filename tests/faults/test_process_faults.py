"""Signals, kills, memory, clocks: what is asked to stop stops in order, what is killed leaves whole files, and a second run succeeds."""

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
from tests.faults.place import (
    CONFIG,
    POSTGRES,
    memory_limit,
    simple_calls,
    temporary_place,
    wait_for,
)
from tests.faults.test_database_faults import SLOW
from tests.faults.test_leaks import edited_notebook

pytestmark = pytest.mark.faults
VERDICTS = (0, 1, 3, 4)
SIGNALS = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}


@pytest.fixture(scope="module")
def whole_place(home):
    """A rollout whose baseline report is whole; each test leaves it so."""
    with temporary_place(home, rows=simple_calls()) as place:
        assert place.run("baseline").code == 0
        yield place


def check_in_order(place, done, code):
    """What every command that was asked to stop owes."""
    done.is_told(code, "stopped; what was written before is whole, run it again")
    assert place.nothing_left_in_tmp()
    check_nobody_is_left(place)


def check_nobody_is_left(place, *, within_s=10):
    """No kernel outlives its command."""
    ends_at = time.monotonic() + within_s
    while left := [
        pid for pid in Path("/proc").iterdir() if pid.name.isdigit() and works_in(pid, place)
    ]:
        assert time.monotonic() < ends_at, [
            (pid.name, (pid / "cmdline").read_bytes()) for pid in left
        ]
        time.sleep(0.05)


def works_in(pid, place):
    with contextlib.suppress(OSError):
        return str(place.folder).encode() in (pid / "cmdline").read_bytes() or (
            pid / "cwd"
        ).readlink().is_relative_to(place.folder)
    return False


# ---- asked to stop, in every phase -------------------------------------------------------------------------------------
PHASES = {
    "while it loads": ("import|analysis.report.reports|1|", signal.SIGINT),
    "while it reads rollout.toml": ("open|rollout.toml|1|", signal.SIGTERM),
    "while it starts the kernel": ("subprocess.Popen||1|", signal.SIGINT),
    "while it writes the page": ("open|.report.|1|", signal.SIGTERM),
    "while it replaces the old report": ("os.rename|result.json|1|", signal.SIGINT),
    "while it writes the index": ("os.rename|index.html|1|", signal.SIGHUP),
}


@pytest.mark.parametrize("phase", PHASES)
def test_asked_to_stop(whole_place, tally, phase):
    at, number = PHASES[phase]
    before = whole_place.whole_files()
    done = whole_place.run("baseline", fault=at + number.name)
    check_in_order(whole_place, done, SIGNALS[number])
    after = whole_place.whole_files()
    assert after.keys() == before.keys()
    if "replaces" not in phase and "index" not in phase:
        assert after == before
    tally(faults=1)


def test_asked_to_stop_while_the_cells_run_and_then_a_second_run(whole_place, tally):
    before = whole_place.whole_files()
    process = whole_place.start("baseline")
    while "cell 5" not in (line := process.stderr.readline()):
        assert line, process.communicate()
    process.send_signal(signal.SIGTERM)
    check_in_order(whole_place, wait_for(process, longest_s=20), 143)
    assert whole_place.whole_files() == before
    assert whole_place.run("baseline").code == 0
    tally(faults=1)


TOGETHER = """
from analysis.cli.gate import gated
from analysis.config import load_settings
from analysis.report.reports import run_window_reports
with gated():
    run_window_reports(load_settings("rollout.toml"), ["1h", "4h", "4h"])
"""


def test_asked_to_stop_while_two_reports_are_made(whole_place, tally):
    """Both kernels end at once, what waits for them is not begun, and nothing is told as failed that was only stopped."""
    before = whole_place.whole_files()
    process = whole_place.start(program=("-c", TOGETHER))
    while "cell 4" not in (line := process.stderr.readline()):
        assert line, process.communicate()
    process.send_signal(signal.SIGTERM)
    assert wait_for(process, longest_s=20).code == 143
    check_nobody_is_left(whole_place)
    assert whole_place.nothing_left_in_tmp()
    assert whole_place.whole_files() == before
    assert not list(whole_place.outputs.rglob("windows/*/failed.html"))
    tally(faults=1)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("engine", ["duckdb", "postgres"])
def test_asked_to_stop_in_mid_query(home, request, tally, engine, number):
    """A driver waits in C, where no signal is heard; the command hears it all the same, and the server's query is ended."""
    config = CONFIG.format(
        source=POSTGRES
        if engine == "postgres"
        else 'engine = "duckdb"\npath = "calls.parquet"\nmapping = "slow.toml"'
    )
    rows = (
        simple_calls() if engine == "postgres" else pd.concat([simple_calls()] * 400)
    )  # a query hears between two vectors of rows
    with temporary_place(
        home, config=config.replace('timeout = "5s"', 'timeout = "5m"'), rows=rows
    ) as place:
        if engine == "postgres":
            database = request.getfixturevalue("database")
            database.load_interactions(simple_calls())
            database.execute(SLOW.replace("0.05", "1"))
            process = place.start("compare", environment={"DATABASE_URL": database.url})
            running = "SELECT 1 FROM pg_stat_activity WHERE application_name = 'rollout' AND state = 'active' AND query LIKE '%written_rows%'"
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
            slow = '"latencyMs" + 0 * LIST_SUM(LIST_TRANSFORM(RANGE(CAST(5000 + "latencyMs" AS BIGINT)), x -> x % 7))'
            lines = [f"{name} = '\"{name}\"'" for name in names] + [f"latencyMs = '''{slow}'''"]
            (place.folder / "slow.toml").write_text(
                'dialect = "duckdb"\n[columns]\n' + "\n".join(lines)
            )
            process = place.start("compare")
            time.sleep(8)
            assert process.poll() is None, process.communicate()
        began = time.monotonic()
        process.send_signal(number)
        done = wait_for(process, longest_s=30)
        assert time.monotonic() - began < 10
        check_in_order(place, done, SIGNALS[number])
        if engine == "postgres":
            wait_until(lambda: not database.execute(running), None)
    tally(faults=1)


def wait_until(holds, process, *, longest_s=60):
    ends_at = time.monotonic() + longest_s
    while not holds():
        assert time.monotonic() < ends_at
        assert process is None or process.poll() is None, process.communicate()
        time.sleep(0.05)


def test_watch_asked_to_stop_while_it_waits(whole_place, tally):
    clock = whole_place.folder / "clock"
    clock.write_text("2026-02-02T23:20:00Z")
    process = whole_place.start("watch", environment={CLOCK_VARIABLE: str(clock)})
    wait_until((whole_place.outputs / ".watch.lock").exists, process)
    time.sleep(1)
    process.send_signal(signal.SIGTERM)
    check_in_order(whole_place, wait_for(process, longest_s=10), 143)
    tally(faults=1)


# ---- killed ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "at", ["os.rename|result.json|1|", "os.rename|report.html|1|", "os.rename|index.html|1|"]
)
def test_killed_while_it_writes(whole_place, tally, at):
    """Each file is the old one or the new one, whole; what is left over under temporary names harms nobody."""
    before = whole_place.whole_files()
    done = whole_place.run("baseline", fault=at + "SIGKILL")
    assert done.code == -signal.SIGKILL
    check_nobody_is_left(whole_place)
    for path in whole_place.outputs.rglob(".*.tmp*"):
        path.unlink()
    assert whole_place.whole_files().keys() == before.keys()
    json.loads((whole_place.outputs / "baseline" / "result.json").read_text())
    assert (
        (whole_place.outputs / "baseline" / "report.html").read_text().rstrip().endswith("</html>")
    )
    for left in (whole_place.folder / "tmp").iterdir():
        shutil.rmtree(left)
    tally(faults=1)


def test_killed_while_it_writes_the_ledger(whole_place, tally):
    """The line is there or not; the next command appends after it, and reads all."""
    lines = (
        (whole_place.outputs / "ledger.jsonl").read_bytes()
        if (whole_place.outputs / "ledger.jsonl").exists()
        else b""
    )
    at = ("deploy", "--at", "2026-02-02T23:10:16Z")
    assert whole_place.run(*at, fault="open|ledger.jsonl|2|SIGKILL").code == -signal.SIGKILL
    assert whole_place.run(*at).code == 0
    written = (whole_place.outputs / "ledger.jsonl").read_bytes()
    assert written.startswith(lines)
    assert all(json.loads(line) for line in written.splitlines())
    tally(faults=1)


def test_the_kernel_is_killed(whole_place, tally):
    before = whole_place.whole_files()
    process = whole_place.start("baseline")
    while "cell 3" not in (line := process.stderr.readline()):
        assert line, process.communicate()
    kernels = [
        pid
        for pid in Path("/proc").iterdir()
        if pid.name.isdigit() and is_kernel_of(pid, whole_place)
    ]
    assert len(kernels) == 1
    os.kill(int(kernels[0].name), signal.SIGKILL)
    wait_for(process, longest_s=30).is_told(70, "its kernel was killed (signal 9)", "free some")
    assert whole_place.whole_files() == before
    assert (whole_place.outputs / "baseline" / "failed.html").is_file()
    assert whole_place.nothing_left_in_tmp()
    tally(faults=1)


def is_kernel_of(pid, place):
    with contextlib.suppress(OSError):
        return (
            f"analysis.report.notebook.kernel\0-f\0{place.folder}" in (pid / "cmdline").read_text()
        )
    return False


@pytest.mark.parametrize("megabytes", [1_500, 1_100, 800])
def test_out_of_memory(whole_place, tally, megabytes):
    """RLIMIT_AS for the command and its kernel: it works, or says that memory is short; never a traceback, never half a report."""
    before = whole_place.whole_files()
    done = whole_place.run("baseline", limits=memory_limit(megabytes * 1_000_000))
    if done.code != 0:
        done.is_told(70)
        assert whole_place.whole_files() == before
    tally(
        faults=1,
        measured=f"baseline within {megabytes} MB of address space: {'whole' if done.code == 0 else done.last_line}",
    )


READS = """
import os, resource
from pathlib import Path
import analysis.counting.baseline
from analysis.counting.frozen import FrozenCounts
in_use = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
for more in range(0, 240, 4):
    if os.fork():
        os.wait()
        continue
    resource.setrlimit(resource.RLIMIT_AS, (in_use + more * 1_000_000,) * 2)
    try:
        told = "read" if FrozenCounts(Path("outputs/small/baseline/counts.parquet")).arm() else ""
    except BaseException as error:
        told = f"{type(error).__name__}: {error}"
    os.write(1, (told + "\\n").encode())
    os._exit(0)
"""


def test_short_memory_never_makes_a_frozen_baseline_a_damaged_one(whole_place, tally):
    """Who is told that it is damaged deletes it, and it cannot be made again."""
    told = whole_place.run(program=("-c", READS)).out.splitlines()
    short = "RolloutError: there is not enough memory to read the frozen baseline baseline/counts.parquet; free some, then run again"
    assert set(told) <= {"read", short}, set(told)
    assert len(told) > 30  # with too little, pyarrow ends the process itself
    assert short in told
    assert told[-1] == "read"
    tally(faults=len(told))


# ---- two at once -------------------------------------------------------------------------------------------------------
def test_two_runs_into_the_same_window(whole_place, tally):
    first = whole_place.start("baseline", fault="open|.report.|1|pause")
    whole_place.wait_until_paused(first)
    second = whole_place.run("baseline")
    second.is_told(
        3, "another 'rollout report' of baseline of small is running; let it work, or stop it first"
    )
    whole_place.go_on()
    assert wait_for(first, longest_s=60).code == 0
    whole_place.whole_files()
    tally(faults=1)


def test_two_comparisons_freeze_the_same_baseline(place, tally):
    first = place.start("compare", "--json", fault="os.rename|counts.parquet|1|pause")
    place.wait_until_paused(first)
    second = place.run("compare", "--json")
    place.go_on()
    answers = [json.loads(done.out) for done in (wait_for(first, longest_s=60), second)]
    assert answers[0] == answers[1]
    place.whole_files()
    tally(faults=1)


# ---- clocks ------------------------------------------------------------------------------------------------------------
def test_a_clock_that_is_set_back(place, rollout, monkeypatch, tally):
    """Before the deploy, before the window's end, and back again: told as it is, and nothing is lost."""
    clock = place.folder / "clock"
    monkeypatch.setenv(CLOCK_VARIABLE, str(clock))
    clock.write_text("2026-02-03T10:00:00Z")
    assert rollout(place, "compare", "--window", "4h").code in VERDICTS
    before = place.whole_files()
    for instant, code, words in (
        ("2026-02-03T01:00:00Z", 3, "window 4h is due at"),
        ("2026-02-01T00:00:00Z", 2, "lies in the future; mend [rollout].deployed_at"),
    ):
        clock.write_text(instant)
        rollout(place, "compare", "--window", "4h").is_told(code, words)
        assert place.whole_files() == before
    clock.write_text("2026-02-03T10:00:00Z")
    assert rollout(place, "compare", "--window", "4h").code in VERDICTS
    tally(faults=2)


def test_a_ledger_written_by_a_clock_that_was_ahead(place, rollout, monkeypatch, tally):
    clock = place.folder / "clock"
    monkeypatch.setenv(CLOCK_VARIABLE, str(clock))
    clock.write_text("2027-01-01T00:00:00Z")
    assert rollout(place, "deploy", "--at", "2026-02-02T23:10:16Z").code == 0
    clock.write_text("2026-02-03T10:00:00Z")
    assert rollout(place, "deploy", "--at", "2026-02-02T23:10:16Z").code == 0
    assert rollout(place, "handoff", "--json").code in (*VERDICTS, 5)
    assert rollout(place, "compare").code in VERDICTS
    tally(faults=1)


# ---- a notebook that the user edited -----------------------------------------------------------------------------------
def test_a_notebook_that_ends_early_fails_or_prints_a_secret(whole_place, tally):
    before = whole_place.whole_files()
    key = "sk-" + "proj-" + "a1" * 16
    cases = {
        "import sys; sys.exit(0)": "ended early",
        "1 / 0": "met an error it does not know, ZeroDivisionError",
        f"print({key[:5]!r} + {key[5:]!r})": "(rule: key)",
    }
    for source, words in cases.items():
        done = whole_place.run(
            "baseline", program=("-c", edited_notebook(whole_place, "baseline", source))
        )
        done.is_told(70, words)
        assert whole_place.whole_files() == before
        assert key not in (whole_place.outputs / "baseline" / "failed.html").read_text() + done.err
        shutil.rmtree(whole_place.folder / "notebooks")
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
def test_a_notebook_that_is_none_any_more(place, rollout, monkeypatch, tally, content, words):
    from analysis.report import reports

    shutil.copytree(reports.NOTEBOOKS, place.folder / "notebooks")
    monkeypatch.setattr(reports, "NOTEBOOKS", place.folder / "notebooks")
    path = place.folder / "notebooks" / "baseline.ipynb"
    path.unlink()
    if content is not None:
        path.write_text(content)
    rollout(place, "baseline").is_told(2, words)
    tally(faults=1)
