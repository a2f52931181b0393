"""Every file is written as a whole or not at all, and holds no secret."""

import errno
import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from analysis import files
from analysis.files import (
    LeakRefused,
    WriteFailed,
    append_line,
    atomic_write,
    refuse_leaks,
    write_json,
    write_text,
)
from tests.fixtures.planted_secrets import CASES, page

ROOT = Path(__file__).parents[1]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*"))


def run_program(program, path):
    return subprocess.run(
        [sys.executable, "-B", "-c", program, str(path)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )


# ---- whole -------------------------------------------------------------------------------------
def test_texts_bytes_and_json_are_written_and_folders_made(tmp_path):
    write_text(tmp_path / "a" / "b.html", "größer ≥ 1\r\n")
    with atomic_write(tmp_path / "a" / "c.bin") as temporary:
        temporary.write_bytes(b"\x00\xff")
    write_json(
        tmp_path / "d.json",
        {"at": datetime(2026, 2, 2, tzinfo=UTC), "path": Path("a/b"), "none": None, "ü": 0.1},
    )
    assert (tmp_path / "a" / "b.html").read_bytes() == "größer ≥ 1\r\n".encode()
    assert (tmp_path / "a" / "c.bin").read_bytes() == b"\x00\xff"
    assert json.loads((tmp_path / "d.json").read_text()) == {
        "at": "2026-02-02T00:00:00Z",
        "path": "a/b",
        "none": None,
        "ü": 0.1,
    }
    assert names(tmp_path) == ["a", "b.html", "c.bin", "d.json"]


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_number_that_does_not_exist_is_not_written(tmp_path, number):
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "x.json", {"value": number})
    assert names(tmp_path) == []


def test_a_lone_surrogate_does_not_stop_a_page(tmp_path):
    write_text(tmp_path / "x.html", "a\ud800b")
    assert (tmp_path / "x.html").read_text() == "a\\ud800b"


@pytest.mark.parametrize("failure", [ValueError("broken"), KeyboardInterrupt(), SystemExit(0)])
def test_a_failing_block_leaves_the_old_file_and_no_temporary(tmp_path, failure):
    path = tmp_path / "report.html"
    write_text(path, "old")

    def fail():
        with atomic_write(path) as temporary:
            temporary.write_text("half")
            raise failure

    with pytest.raises(type(failure)):
        fail()
    assert (path.read_text(), names(tmp_path)) == ("old", ["report.html"])


def test_an_error_of_the_block_about_another_file_stays_what_it_is(tmp_path):
    with pytest.raises(FileNotFoundError, match="elsewhere"), atomic_write(tmp_path / "x.html"):
        (tmp_path / "elsewhere").read_text()


def test_nobody_sees_half_a_file(tmp_path):
    path = tmp_path / "report.html"
    with atomic_write(path) as temporary:
        assert (temporary.parent, temporary.suffix) == (path.parent, path.suffix)
        temporary.write_text("half")
        assert not path.exists()
        temporary.write_text("whole")
    assert (path.read_text(), names(tmp_path)) == ("whole", ["report.html"])


def test_a_killed_writer_leaves_the_old_file(tmp_path):
    path = tmp_path / "report.html"
    write_text(path, "old")
    program = """
import os, sys
from pathlib import Path
from analysis.files import atomic_write
with atomic_write(Path(sys.argv[1])) as temporary:
    temporary.write_text("half")
    os.kill(os.getpid(), 9)
"""
    done = run_program(program, path)
    assert done.returncode == -9
    assert path.read_text() == "old"


def test_a_block_that_wrote_nothing_is_an_error(tmp_path):
    with pytest.raises(WriteFailed, match="No such file"), atomic_write(tmp_path / "x.html"):
        pass
    assert names(tmp_path) == []


# ---- clean -------------------------------------------------------------------------------------
@pytest.mark.parametrize(("rule", "planted"), CASES)
def test_a_planted_secret_is_refused_by_every_way_of_writing(tmp_path, rule, planted):
    old = tmp_path / "old.html"
    write_text(old, "old")
    ways = {
        "old.html": lambda path: write_text(path, f"<p>{planted}</p>"),
        "new.html": lambda path: write_text(path, f"<p>{planted}</p>"),
        "new.json": lambda path: write_json(path, {"feature": planted}),
        "new.jsonl": lambda path: append_line(path, json.dumps({"feature": planted})),
    }
    for name, write in ways.items():
        with pytest.raises(LeakRefused) as refused:
            write(tmp_path / name)
        assert refused.value.rule == rule
        assert planted not in str(refused.value)
        assert f"(rule: {rule})" in str(refused.value)
    assert (old.read_text(), names(tmp_path)) == ("old", ["old.html"])


def test_a_secret_in_a_file_name_is_refused(tmp_path):
    for write in (lambda path: write_text(path, "x"), lambda path: append_line(path, "x")):
        with pytest.raises(LeakRefused) as refused:
            write(tmp_path / "anna@example.com.html")
        assert "anna" not in str(refused.value)
    assert names(tmp_path) == []


def test_kinds_without_text_are_not_scanned(tmp_path):
    with atomic_write(tmp_path / "x.png") as temporary:
        temporary.write_bytes(b"anna@example.com")
    assert names(tmp_path) == ["x.png"]


def test_a_secret_among_the_texts_of_a_binary_file_is_refused(tmp_path):
    refuse_leaks(tmp_path / "x.parquet", ["draft.verify", "gpt-5"])
    with pytest.raises(LeakRefused, match="e-mail address"):
        refuse_leaks(tmp_path / "x.parquet", ["draft.verify", "anna@example.com"])


@pytest.mark.parametrize("shift", [-20, -8, -1, 0, 1])
def test_a_secret_across_two_pieces_of_a_large_file_is_found(tmp_path, monkeypatch, shift):
    monkeypatch.setattr(files, "_PIECE", 20_000)
    with pytest.raises(LeakRefused):
        write_text(
            tmp_path / "x.html", " " * (20_000 + shift) + "anna.schmidt@example.com" + " " * 30_000
        )


def test_a_whole_page_is_written(tmp_path):
    write_text(tmp_path / "report.html", page(0.5))
    assert names(tmp_path) == ["report.html"]


# ---- lines -------------------------------------------------------------------------------------
def test_lines_are_appended_and_a_torn_one_is_kept(tmp_path):
    path = tmp_path / "ledger.jsonl"
    append_line(path, '{"n": 1}')
    path.write_bytes(path.read_bytes() + b'{"n": 2')
    append_line(path, '{"n": 3}')
    append_line(path, '{"n": 4}')
    assert path.read_text() == '{"n": 1}\n{"n": 2\n{"n": 3}\n{"n": 4}\n'


def test_one_line_is_one_line(tmp_path):
    with pytest.raises(ValueError, match="one line"):
        append_line(tmp_path / "ledger.jsonl", "a\nb")


# ---- no place to write -------------------------------------------------------------------------
def test_a_folder_that_is_a_file_is_an_error(tmp_path):
    (tmp_path / "outputs").write_text("in the way")
    for write in (lambda path: write_text(path, "x"), lambda path: append_line(path, "x")):
        with pytest.raises(WriteFailed) as failed:
            write(tmp_path / "outputs" / "report.html")
        assert str(failed.value).startswith(f"cannot write '{tmp_path}/outputs/report.html': ")
        assert "make the folder writable, then run again" in str(failed.value)


def run_with_file_size_limit(limit, statement, path):
    """What the statement prints as its WriteFailed; the limit acts like a full disk."""
    program = f"""
import resource, signal, sys
from pathlib import Path
from analysis.files import WriteFailed, append_line, write_text
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
try:
    {statement}
except WriteFailed as failed:
    print(failed)
"""
    return run_program(program, path).stdout.strip()


def test_a_full_disk_leaves_the_old_file(tmp_path):
    path = tmp_path / "report.html"
    write_text(path, "old")
    message = run_with_file_size_limit(1000, "write_text(Path(sys.argv[1]), 'x' * 5000)", path)
    assert message == (
        f"cannot write '{path}': {os.strerror(errno.EFBIG)}; "
        "free space or make the folder writable, then run again"
    )
    assert (path.read_text(), names(tmp_path)) == ("old", ["report.html"])


def test_a_disk_that_takes_half_a_line_leaves_none(tmp_path):
    """The operating system writes what fits and reports no error."""
    path = tmp_path / "ledger.jsonl"
    append_line(path, '{"n": 1}')
    message = run_with_file_size_limit(20, "append_line(Path(sys.argv[1]), 'x' * 500)", path)
    assert message.startswith(f"cannot write '{path}': {os.strerror(errno.ENOSPC)}; free space")
    assert path.read_text() == '{"n": 1}\n'
    append_line(path, '{"n": 2}')
    assert path.read_text() == '{"n": 1}\n{"n": 2}\n'


def test_a_deleted_folder_is_made_again(tmp_path):
    (tmp_path / "outputs").mkdir()
    (tmp_path / "outputs").rmdir()
    write_text(tmp_path / "outputs" / "report.html", "x")
    assert names(tmp_path) == ["outputs", "report.html"]


# ---- several that belong together --------------------------------------------------------------
def test_texts_that_belong_together_are_replaced_in_their_order(tmp_path, monkeypatch):
    replaced = []
    replace = Path.replace
    monkeypatch.setattr(
        Path, "replace", lambda self, path: replaced.append(path.name) or replace(self, path)
    )
    files.write_texts(tmp_path, {"figures/a.svg": "a", "result.json": "{}", "report.html": "page"})
    assert replaced == ["a.svg", "result.json", "report.html"]
    assert names(tmp_path) == ["a.svg", "figures", "report.html", "result.json"]


def test_one_that_cannot_be_written_leaves_all_the_old_ones(tmp_path):
    files.write_texts(tmp_path, {"result.json": "old", "report.html": "old"})
    with pytest.raises(LeakRefused):
        files.write_texts(tmp_path, {"result.json": "new", "report.html": "anna@example.com"})
    with pytest.raises(WriteFailed):
        files.write_texts(
            tmp_path, {"result.json": "new", "report.html": "new", "report.html/below": "x"}
        )
    assert [(tmp_path / name).read_text() for name in ("result.json", "report.html")] == [
        "old",
        "old",
    ]
    assert names(tmp_path) == ["report.html", "result.json"]
