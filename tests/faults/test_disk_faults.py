"""Faults of disks and files: full, read-only, deleted, damaged.

After each, earlier results are unchanged, one line says what to do, and a second run succeeds.
"""

import ctypes
import json
import random
import resource
import shutil
import subprocess
import sys

import pytest

from analysis.config import load_settings
from analysis.report.index import write_index
from tests.faults.workspace import file_size_limit, temporary_workspace, wait_for
from tests.fixtures.small_rollout import simple_calls

pytestmark = pytest.mark.faults
VERDICTS = (0, 1, 3, 4)
FULL = "free space or make the folder writable, then run again"
WHOLE = pytest.mark.whole_only


@pytest.fixture(scope="module")
def finished_workspace(home):
    """A rollout with a baseline report, a window's report and a ledger. No test changes it."""
    with temporary_workspace(home, rows=simple_calls()) as workspace:
        assert workspace.run("baseline").code == 0
        assert workspace.run("report", "--window", "4h").code in VERDICTS
        assert workspace.run("deploy", "--at", "2026-02-02T23:10:16Z").code == 0
        yield workspace


def check_nothing_lost(workspace, before):
    """Earlier results are unchanged, and nothing half-written is left."""
    assert workspace.complete_files() == before
    assert workspace.tmp_is_empty()


# ---- full disk ------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "name",
    [
        pytest.param("summary.md", marks=WHOLE),
        pytest.param("result.json", marks=WHOLE),
        "notebook.ipynb",
        "report.html",
    ],
)
def test_a_disk_that_is_full_at_some_point_of_a_report(finished_workspace, tally, name):
    """RLIMIT_FSIZE for the command and its kernel, lower than the size of this file."""
    before = finished_workspace.complete_files()
    limit = len(before[f"outputs/small/windows/4h/{name}"]) * 9 // 10
    done = finished_workspace.run(
        "report", "--window", "4h", limits=file_size_limit(limit)
    ).check_failure(70, "run again")
    assert "space" in done.last_line
    check_nothing_lost(finished_workspace, before)
    tally(faults=1)


def test_a_disk_that_is_full_while_the_baseline_is_frozen(workspace, tally):
    done = workspace.run("compare", limits=file_size_limit(2_000)).check_failure(
        70, "cannot write", FULL
    )
    assert "counts.parquet" in done.last_line
    assert workspace.complete_files() == {}
    assert workspace.run("compare").code in VERDICTS
    tally(faults=1)


def test_a_disk_that_is_full_while_the_ledger_is_written(finished_workspace, tally):
    before = finished_workspace.complete_files()
    ledger = before["outputs/small/ledger.jsonl"]
    finished_workspace.run(*AGAIN, limits=file_size_limit(len(ledger) + 9)).check_failure(
        70, "cannot write", FULL
    )
    assert (finished_workspace.outputs / "ledger.jsonl").read_bytes() == ledger
    assert finished_workspace.run(*AGAIN).code == 0
    lines = (finished_workspace.outputs / "ledger.jsonl").read_bytes().splitlines()
    assert json.loads(lines[-1])["event"] == "deploy"
    (finished_workspace.outputs / "ledger.jsonl").write_bytes(ledger)
    tally(faults=1)


@pytest.mark.parametrize(
    "arguments", [("compare",), ("compare", "--json"), ("sql", "coverage"), ("handoff", "--json")]
)
def test_output_that_cannot_be_written(finished_workspace, tally, arguments):
    """stdout is a full disk, which is a failure."""
    process = finished_workspace.start(*arguments, out="/dev/full")
    wait_for(process, longest_s=60).check_failure(70, "No space left on device")
    tally(faults=1)


# ---- read-only, deleted, name taken ---------------------------------------------------------
def without_the_rights_of_root():
    """Drop CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH and CAP_FOWNER, which let root write anywhere."""
    for capability in (1, 2, 3):
        ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)


AGAIN = ("deploy", "--at", "2026-02-02T23:10:16Z", "--correct")
COMMANDS = {
    "baseline": ("baseline",),
    "report": ("report", "--window", "4h"),
    "ledger": AGAIN,
    "handoff": ("handoff",),
}


@pytest.mark.parametrize(
    "name", [pytest.param("baseline", marks=WHOLE), "report", "ledger", "handoff"]
)
def test_an_output_folder_that_is_read_only(finished_workspace, tally, name):
    before, paths = (
        finished_workspace.complete_files(),
        list((finished_workspace.folder / "outputs").rglob("*")),
    )
    for path in paths:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        finished_workspace.run(*COMMANDS[name], limits=without_the_rights_of_root).check_failure(
            70, "writable"
        )
    finally:
        for path in paths:
            path.chmod(0o755 if path.is_dir() else 0o644)
    check_nothing_lost(finished_workspace, before)
    assert finished_workspace.run(*AGAIN).code == 0
    (finished_workspace.outputs / "ledger.jsonl").write_bytes(before["outputs/small/ledger.jsonl"])
    tally(faults=1)


@pytest.mark.parametrize("name", ["rollout.toml", "calls.parquet"])
def test_an_input_without_read_permission(finished_workspace, tally, name):
    before, file = finished_workspace.complete_files(), finished_workspace.folder / name
    file.chmod(0)
    try:
        done = finished_workspace.run(
            "compare", "--window", "1h", limits=without_the_rights_of_root
        )
        done.check_failure(2, name)
    finally:
        file.chmod(0o644)
    check_nothing_lost(finished_workspace, before)
    assert finished_workspace.run("compare", "--window", "1h").code in VERDICTS
    tally(faults=1)


@pytest.mark.parametrize(
    "at",
    [
        "open|.report.|1|",
        *(
            pytest.param(at, marks=WHOLE)
            for at in (
                "os.rename|report.html|1|",
                "os.rename|index.html|1|",
                "subprocess.Popen||1|",
            )
        ),
    ],
)
def test_the_output_folder_is_deleted_meanwhile(home, tally, at):
    """The command succeeds or fails with one line; the next run writes everything."""
    with temporary_workspace(home, rows=simple_calls()) as workspace:
        assert workspace.run("compare").code in VERDICTS
        done = workspace.run("baseline", fault=at + str(workspace.outputs))
        if done.code != 0:
            done.check_failure(70)
            assert "run again" in done.last_line
        workspace.complete_files()
        assert workspace.tmp_is_empty()
        assert workspace.run("baseline").code == 0
        assert {"report.html", "result.json", "notebook.ipynb", "counts.parquet"} <= {
            path.name for path in (workspace.outputs / "baseline").iterdir()
        }
    tally(faults=1)


@pytest.mark.parametrize(
    "name",
    [
        "outputs",
        "outputs/small",
        "outputs/small/baseline",
        "outputs/small/.ledger.jsonl.lock",
        "outputs/small/ledger.jsonl",
    ],
)
def test_a_name_is_taken(workspace, tally, name):
    """A file where a folder belongs, or a folder where a file belongs."""
    taken = workspace.folder / name
    taken.parent.mkdir(parents=True, exist_ok=True)
    taken.mkdir() if name.endswith(("jsonl", "lock")) else taken.write_text("a file")
    command = ("deploy", "--at", "2026-02-02T23:10:16Z") if "ledger" in name else ("compare",)
    done = workspace.run(*command)
    done.check_failure(done.code)
    assert done.code in (2, 70)
    shutil.rmtree(taken) if taken.is_dir() else taken.unlink()
    assert workspace.run(*command).code in (0, *VERDICTS)
    tally(faults=1)


@WHOLE
def test_too_many_open_files(finished_workspace, tally):
    before = finished_workspace.complete_files()
    for most in (64, 24):
        done = finished_workspace.run(
            "report",
            "--window",
            "4h",
            limits=lambda most=most: resource.setrlimit(resource.RLIMIT_NOFILE, (most, most)),
        )
        if done.code not in VERDICTS:
            done.check_failure(70)
            check_nothing_lost(finished_workspace, before)
    tally(faults=2)


# ---- damaged --------------------------------------------------------------------------------
def damages(content):
    """A frozen baseline, damaged in eighteen ways."""
    draw = random.Random(8)
    yield "empty", b""
    yield "truncated", content[: len(content) // 2]
    yield "without the last byte", content[:-1]
    yield (
        "zeros in it",
        content[: len(content) // 3] + bytes(500) + content[len(content) // 3 + 500 :],
    )
    yield "another file", b"PAR1 but not really PAR1"
    yield "a text", b'{"format": 1}'
    for number in range(12):
        at = draw.randrange(len(content))
        yield (
            f"a flipped bit ({number})",
            content[:at] + bytes([content[at] ^ 1 << draw.randrange(8)]) + content[at + 1 :],
        )


def test_a_frozen_baseline_that_is_damaged(finished_workspace, rollout, tally):
    """The command says what to do, or the result is the same. It is never another result."""
    file = finished_workspace.outputs / "baseline" / "counts.parquet"
    content = file.read_bytes()
    intact = rollout(finished_workspace, "compare", "--json")
    assert intact.code in VERDICTS
    tried = refused = 0
    try:
        for what, damaged in damages(content):
            file.write_bytes(damaged)
            done = rollout(finished_workspace, "compare", "--json")
            tried += 1
            if done.out != intact.out:
                done.check_failure(
                    5,
                    "the frozen baseline baseline/counts.parquet",
                    "delete it while the rows exist, and run again",
                )
                assert file.read_bytes() == damaged, what  # only the user may delete a baseline
                refused += 1
    finally:
        file.unlink()
    again = rollout(finished_workspace, "compare", "--json")
    assert json.loads(again.out)["expectations"] == json.loads(intact.out)["expectations"]
    assert refused >= 8
    file.write_bytes(content)
    tally(faults=tried)


def test_a_result_or_a_ledger_that_is_damaged(finished_workspace, tally):
    """Index and hand-over are written, and say what could not be read."""
    before = finished_workspace.complete_files()
    result, ledger = (
        finished_workspace.outputs / "windows" / "4h" / "result.json",
        finished_workspace.outputs / "ledger.jsonl",
    )
    tried = 0
    (result.parent / "failed.html").unlink(missing_ok=True)
    for damaged in (
        b"",
        b"[1, 2]",
        b"\xff\xfe\x00",
        b"[" * 100_000,
        before["outputs/small/windows/4h/result.json"][:2000],
    ):
        result.write_bytes(damaged)
        ledger.write_bytes(
            before["outputs/small/ledger.jsonl"] + damaged.replace(b"\n", b" ") + b"\n"
        )
        done = finished_workspace.run("handoff", "--json")
        assert "Traceback" not in done.err
        assert "internal error" not in done.err, done.err
        assert json.loads(done.out)
        write_index(load_settings(finished_workspace.config))
        assert (
            "its result cannot be read; run the report again"
            in (finished_workspace.outputs / "index.html").read_text()
        )
        tried += 1
    ledger.write_bytes(before["outputs/small/ledger.jsonl"])
    assert finished_workspace.run("report", "--window", "4h").code in VERDICTS
    assert json.loads(result.read_text())["verdict"]
    tally(faults=tried)


def test_a_reader_that_closes_the_pipe(finished_workspace, tally):
    """`rollout sql | head -c 1` is no error and prints nothing on stderr."""
    environment = finished_workspace.environment_of()
    shell = f"{sys.executable} -m analysis sql hourly_counts | head -c 1"
    done = subprocess.run(
        ["sh", "-c", shell],
        cwd=finished_workspace.folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr, len(done.stdout)) == (0, "", 1)
    tally(faults=1)
