"""Disks and files: full, read-only, gone meanwhile, damaged. What was written before stays, one line says what to do, a second run works."""

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
from tests.faults.place import file_size_limit, simple_calls, temporary_place, wait_for

pytestmark = pytest.mark.faults
VERDICTS = (0, 1, 3, 4)
FULL = "free space or make the folder writable, then run again"
WHOLE = pytest.mark.whole_only


@pytest.fixture(scope="module")
def whole_place(home):
    """A rollout with a baseline report, a window's report and a ledger; each test leaves it so."""
    with temporary_place(home, rows=simple_calls()) as place:
        assert place.run("baseline").code == 0
        assert place.run("report", "--window", "4h").code in VERDICTS
        assert place.run("deploy", "--at", "2026-02-02T23:10:16Z").code == 0
        yield place


def check_nothing_lost(place, before):
    """Earlier results are byte for byte what they were, and nothing half-written is left."""
    assert place.whole_files() == before
    assert place.nothing_left_in_tmp()


# ---- full ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "name",
    [
        pytest.param("summary.md", marks=WHOLE),
        pytest.param("result.json", marks=WHOLE),
        "notebook.ipynb",
        "report.html",
    ],
)
def test_a_disk_that_is_full_at_some_point_of_a_report(whole_place, tally, name):
    """RLIMIT_FSIZE for the command and its kernel, so low that this file no longer fits."""
    before = whole_place.whole_files()
    limit = len(before[f"outputs/small/windows/4h/{name}"]) * 9 // 10
    done = whole_place.run("report", "--window", "4h", limits=file_size_limit(limit)).is_told(
        70, "run again"
    )
    assert any(words in done.last_line for words in (FULL, "free space", "see to it")), (
        done.last_line
    )
    check_nothing_lost(whole_place, before)
    tally(faults=1)


def test_a_disk_that_is_full_while_the_baseline_is_frozen(place, tally):
    done = place.run("compare", limits=file_size_limit(2_000)).is_told(70, "cannot write", FULL)
    assert "counts.parquet" in done.last_line
    assert place.whole_files() == {}
    assert place.run("compare").code in VERDICTS
    tally(faults=1)


def test_a_disk_that_is_full_while_the_ledger_is_written(whole_place, tally):
    before = whole_place.whole_files()
    ledger = before["outputs/small/ledger.jsonl"]
    whole_place.run(*AGAIN, limits=file_size_limit(len(ledger) + 9)).is_told(
        70, "cannot write", FULL
    )
    assert (whole_place.outputs / "ledger.jsonl").read_bytes() == ledger
    assert whole_place.run(*AGAIN).code == 0
    lines = (whole_place.outputs / "ledger.jsonl").read_bytes().splitlines()
    assert json.loads(lines[-1])["event"] == "deploy"
    (whole_place.outputs / "ledger.jsonl").write_bytes(ledger)
    tally(faults=1)


@pytest.mark.parametrize(
    "arguments", [("compare",), ("compare", "--json"), ("sql", "coverage"), ("handoff", "--json")]
)
def test_an_answer_that_cannot_be_written(whole_place, tally, arguments):
    """stdout is a full disk: that is no success."""
    process = whole_place.start(*arguments, out="/dev/full")
    wait_for(process, longest_s=60).is_told(70, "No space left on device")
    tally(faults=1)


# ---- read-only, gone, in the way ---------------------------------------------------------------------------------------
def without_the_rights_of_root():
    """Root may write into every folder; without CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH and CAP_FOWNER it is a user like others."""
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
def test_an_output_folder_that_is_read_only(whole_place, tally, name):
    before, paths = whole_place.whole_files(), list((whole_place.folder / "outputs").rglob("*"))
    for path in paths:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        whole_place.run(*COMMANDS[name], limits=without_the_rights_of_root).is_told(70, "writable")
    finally:
        for path in paths:
            path.chmod(0o755 if path.is_dir() else 0o644)
    check_nothing_lost(whole_place, before)
    assert whole_place.run(*AGAIN).code == 0
    (whole_place.outputs / "ledger.jsonl").write_bytes(before["outputs/small/ledger.jsonl"])
    tally(faults=1)


@pytest.mark.parametrize("name", ["rollout.toml", "calls.parquet"])
def test_an_input_that_may_not_be_read(whole_place, tally, name):
    before, file = whole_place.whole_files(), whole_place.folder / name
    file.chmod(0)
    try:
        done = whole_place.run("compare", "--window", "1h", limits=without_the_rights_of_root)
        done.is_told(2, name)
    finally:
        file.chmod(0o644)
    check_nothing_lost(whole_place, before)
    assert whole_place.run("compare", "--window", "1h").code in VERDICTS
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
    """The report is made again, or it is told; nothing is half there, and the next run makes everything."""
    with temporary_place(home, rows=simple_calls()) as place:
        assert place.run("compare").code in VERDICTS
        done = place.run("baseline", fault=at + str(place.outputs))
        if done.code != 0:
            done.is_told(70)
            assert "run again" in done.last_line
        place.whole_files()
        assert place.nothing_left_in_tmp()
        assert place.run("baseline").code == 0
        assert {"report.html", "result.json", "notebook.ipynb", "counts.parquet"} <= {
            path.name for path in (place.outputs / "baseline").iterdir()
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
def test_something_is_in_the_way(place, tally, name):
    """A file where a folder belongs, or a folder where a file belongs."""
    there = place.folder / name
    there.parent.mkdir(parents=True, exist_ok=True)
    there.mkdir() if name.endswith(("jsonl", "lock")) else there.write_text("in the way")
    command = ("deploy", "--at", "2026-02-02T23:10:16Z") if "ledger" in name else ("compare",)
    done = place.run(*command)
    done.is_told(done.code)
    assert done.code in (2, 70)
    shutil.rmtree(there) if there.is_dir() else there.unlink()
    assert place.run(*command).code in (0, *VERDICTS)
    tally(faults=1)


@WHOLE
def test_no_more_files_may_be_open(whole_place, tally):
    before = whole_place.whole_files()
    for most in (64, 24):
        done = whole_place.run(
            "report",
            "--window",
            "4h",
            limits=lambda most=most: resource.setrlimit(resource.RLIMIT_NOFILE, (most, most)),
        )
        if done.code not in VERDICTS:
            done.is_told(70)
            check_nothing_lost(whole_place, before)
    tally(faults=2)


# ---- damaged ---------------------------------------------------------------------------------------------------------
def damages(content):
    """A frozen baseline as disks and people damage it."""
    draw = random.Random(8)
    yield "empty", b""
    yield "cut in half", content[: len(content) // 2]
    yield "without its end", content[:-1]
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


def test_a_frozen_baseline_that_is_damaged(whole_place, rollout, tally):
    """It is told with what to do, or the answer is the same as before: never another answer."""
    file = whole_place.outputs / "baseline" / "counts.parquet"
    content = file.read_bytes()
    right = rollout(whole_place, "compare", "--json")
    assert right.code in VERDICTS
    tried = told = 0
    try:
        for what, damaged in damages(content):
            file.write_bytes(damaged)
            done = rollout(whole_place, "compare", "--json")
            tried += 1
            if done.out != right.out:
                done.is_told(
                    5,
                    "the frozen baseline baseline/counts.parquet",
                    "delete it while the rows exist, and run again",
                )
                assert file.read_bytes() == damaged, what  # nobody but the user deletes a baseline
                told += 1
    finally:
        file.unlink()
    again = rollout(whole_place, "compare", "--json")
    assert json.loads(again.out)["expectations"] == json.loads(right.out)["expectations"]
    assert told >= 8
    file.write_bytes(content)
    tally(faults=tried)


def test_a_result_or_a_ledger_that_is_damaged(whole_place, tally):
    """An index and a hand-over are made all the same, and say what could not be read."""
    before = whole_place.whole_files()
    result, ledger = (
        whole_place.outputs / "windows" / "4h" / "result.json",
        whole_place.outputs / "ledger.jsonl",
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
        done = whole_place.run("handoff", "--json")
        assert "Traceback" not in done.err
        assert "internal error" not in done.err, done.err
        assert json.loads(done.out)
        write_index(load_settings(whole_place.config))
        assert (
            "its result cannot be read; run the report again"
            in (whole_place.outputs / "index.html").read_text()
        )
        tried += 1
    ledger.write_bytes(before["outputs/small/ledger.jsonl"])
    assert whole_place.run("report", "--window", "4h").code in VERDICTS
    assert json.loads(result.read_text())["verdict"]
    tally(faults=tried)


def test_the_command_is_killed_by_its_reader(whole_place, tally):
    """`rollout compare | head -c 1`: the end of a pipe is no error, and nothing is said about it."""
    environment = whole_place.environment_of()
    shell = f"{sys.executable} -m analysis sql hourly_counts | head -c 1"
    done = subprocess.run(
        ["sh", "-c", shell],
        cwd=whole_place.folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr, len(done.stdout)) == (0, "", 1)
    tally(faults=1)
