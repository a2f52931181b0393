"""Real kernels: a run that is whole, and every way to fail told apart from the others."""

from datetime import timedelta

import nbformat
import pytest

from analysis.errors import DataNotTrusted, RolloutError, WrongUse
from analysis.report.notebook.failures import CellFailed, EndedEarly, KernelDied, TookTooLong
from analysis.report.notebook.runner import run_notebook
from tests.report.notebooks import PUBLISH, write_notebook

QUIET = {"on_progress": lambda line: None}


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "a {b} c"
    path.mkdir()
    return path


def fail(folder, *cells, limit=timedelta(minutes=2)):
    notebook = write_notebook(folder / "odd {x}.ipynb", *cells)
    with pytest.raises(RolloutError) as failed:
        run_notebook(notebook, {"window": "24h"}, folder=folder, limit=limit, **QUIET)
    return failed.value


def test_a_whole_run(folder, monkeypatch, capfd):
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    lines = []
    notebook = write_notebook(
        folder / "good.ipynb",
        "import analysis, os\nprint(analysis.__version__, os.listdir('.'))",
        PUBLISH,
    )
    before = notebook.read_bytes()
    executed = run_notebook(
        notebook, {"window": "24h", "fast": True}, folder=folder, on_progress=lines.append
    )
    assert executed.result == {"schema": 1, "window": "24h"}
    assert notebook.read_bytes() == before
    assert "good.ipynb" in executed.notebook.cells[4].outputs[0].text  # the cells work in `folder`
    assert executed.notebook.cells[2].source == '# Parameters\nwindow = "24h"\nfast = True\n'
    assert lines == [
        "good: cell 2 of 7, Did it work?",
        "good: cell 3 of 7, Did it work?",
        "good: cell 5 of 7, Question 0",
        "good: cell 7 of 7, Question 1",
    ]
    text = nbformat.writes(executed.notebook)
    assert str(folder) not in text
    assert executed.notebook.metadata["rollout"] == {"status": "whole"}
    assert capfd.readouterr() == ("", "")  # no warning of ipykernel or papermill


@pytest.mark.parametrize(
    "cell",
    [
        "bytearray(10**18)",
        "raise ImportError('libodd.so: failed to map segment from shared object')",
        "raise OSError(12, 'Cannot allocate memory')",
    ],
)
def test_memory_that_is_short_is_told_however_it_is_said(folder, cell):
    short = fail(folder, cell, PUBLISH)
    assert (str(short), short.exit_code) == (
        "notebook 'odd {x}' ran out of memory in cell 5 ('Question 0'); free some, or choose a shorter window, and run again",
        70,
    )


def test_an_exit_code_is_told(folder):
    died = fail(folder, "import os\nos._exit(3)", PUBLISH)
    assert isinstance(died, KernelDied)
    assert died.exit_code == 70
    assert str(died) == (
        "notebook 'odd {x}': its kernel ended by itself with code 3 in cell 5 ('Question 0'); run it again, and report it with failed.html if it comes back"
    )


def test_a_killed_kernel_is_told(folder):
    died = fail(folder, "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", PUBLISH)
    assert isinstance(died, KernelDied)
    assert "was killed (signal 9) in cell 5 ('Question 0'); memory may have run out" in str(died)


@pytest.mark.parametrize("code", ["0", "3", ""])
def test_sys_exit_is_no_success(folder, code):
    ended = fail(folder, f"import sys\nsys.exit({code})", PUBLISH)
    assert isinstance(ended, EndedEarly)
    assert str(ended).startswith(
        "notebook 'odd {x}' ended early, in cell 5 ('Question 0'), without its result"
    )


def test_a_last_cell_without_a_result_is_no_success(folder):
    assert isinstance(fail(folder, "x = 1"), EndedEarly)


def test_a_result_in_an_earlier_cell_does_not_count(folder):
    assert isinstance(fail(folder, PUBLISH, "x = 1"), EndedEarly)


def test_a_cell_that_takes_too_long_is_stopped(folder):
    late = fail(folder, "import time\ntime.sleep(60)", PUBLISH, limit=timedelta(seconds=4))
    assert isinstance(late, TookTooLong)
    assert (
        str(late)
        == "notebook 'odd {x}' was stopped after 4s in cell 5 ('Question 0'); is the database slow, or the window very long?"
    )


def test_an_error_of_ours_comes_through(folder):
    failed = fail(
        folder,
        "from analysis.errors import DataNotTrusted\nraise DataNotTrusted('row 7 is odd;\\n mend it')",
        PUBLISH,
    )
    assert type(failed) is DataNotTrusted
    assert (str(failed), failed.exit_code) == ("row 7 is odd; mend it", 5)
    assert failed.log[-1].startswith("cell 5 (Question 0): stopped here")


def test_an_error_of_ours_with_a_name_of_its_own_keeps_its_exit_code(folder):
    failed = fail(
        folder,
        "from analysis.errors import RolloutError\nclass Odd(RolloutError):\n    exit_code = 42\nraise Odd('it is odd')",
        PUBLISH,
    )
    assert (str(failed), failed.exit_code) == ("it is odd", 42)


def test_an_unknown_error_is_told_by_kind_and_place_only(folder):
    failed = fail(
        folder,
        "print('postgresql://anna:hunter2@db/app')\nprint('see ' + '/home' + '/anna/x.py')\nprint('fine')",
        "{}['secret of anna']",
        PUBLISH,
    )
    assert isinstance(failed, CellFailed)
    assert (
        str(failed)
        == "notebook 'odd {x}' met an error it does not know, KeyError in cell 7 ('Question 1'); please report it with failed.html"
    )
    assert failed.exit_code == 70
    log = "\n".join(failed.log)
    assert "cell 5 (Question 0): done" in log
    assert "cell 7 (Question 1): stopped here" in log
    assert "(hidden: URL with credentials)" in log
    assert "  see …/x.py" in log
    assert "  fine" in log
    assert not any(word in log for word in ("hunter2", "secret of anna", "/home", "Traceback"))


def test_a_syntax_error_is_told(folder):
    assert "SyntaxError in cell 5" in str(fail(folder, "x =", PUBLISH))


def test_an_error_inside_the_package_names_its_place(folder):
    failed = fail(
        folder,
        "from analysis.clock import iso\nfrom datetime import datetime\niso(datetime(2026, 1, 1))",
        PUBLISH,
    )
    assert any("analysis/clock.py line" in line for line in failed.log)


def test_nothing_starts_with_a_wrong_parameter(folder):
    notebook = write_notebook(folder / "good.ipynb", PUBLISH)
    with pytest.raises(WrongUse):
        run_notebook(notebook, {"windw": "24h"}, folder=folder, **QUIET)


def test_a_folder_of_the_user_hides_no_package_of_ours(folder):
    (folder / "analysis").mkdir()
    (folder / "analysis" / "__init__.py").write_text("raise RuntimeError('the wrong one')")
    (folder / "pandas.py").write_text("raise RuntimeError('the wrong one')")
    notebook = write_notebook(folder / "good.ipynb", "import analysis.errors, pandas", PUBLISH)
    assert run_notebook(notebook, {}, folder=folder, **QUIET).result["window"] == "4h"
