"""Real kernels: a whole run, and each way to fail with its own sentence."""

from datetime import timedelta

import nbformat
import pytest

from analysis.errors import DataNotTrusted, RolloutError, WrongUse
from analysis.report.notebook.failures import NotebookFailed, kernel_died
from analysis.report.notebook.runner import run_notebook
from tests.fixtures.small_notebooks import PUBLISH, write_notebook

PLACE = "in cell 5 ('Question 0')"
FIGURE = (
    "from IPython.display import publish_display_data\n"
    "mime = 'application/vnd.rollout.figures+json'\n"
    "publish_display_data({mime: {'cliff': '<svg/>'}, 'text/html': '<svg/>'})"
)


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "a {b} c"
    path.mkdir()
    return path


def failure_of(folder, *cells, limit=timedelta(minutes=2)):
    notebook = write_notebook(folder / "odd {x}.ipynb", *cells)
    with pytest.raises(RolloutError) as failed:
        run_notebook(notebook, {"window": "24h"}, folder=folder, limit=limit)
    return failed.value


def test_a_whole_run(folder, monkeypatch, capfd):
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    print_files = "import analysis, os\nprint(analysis.__version__, os.listdir('.'))"
    notebook = write_notebook(folder / "good.ipynb", print_files, FIGURE, PUBLISH)
    before = notebook.read_bytes()
    parameters = {"window": "24h", "start": ""}
    executed = run_notebook(notebook, parameters, folder=folder)
    assert notebook.read_bytes() == before
    assert executed.result == {"schema": 1, "window": "24h"}
    assert executed.figures == {"cliff": "<svg/>"}
    cells = executed.notebook.cells
    assert "good.ipynb" in cells[4].outputs[0].text  # the cells work in `folder`
    assert cells[2].source == '# Parameters\nwindow = "24h"\nstart = ""\n'
    assert dict(cells[6].outputs[0].data) == {"text/html": "<svg/>"}
    lines = [line.strip() for line in capfd.readouterr().err.splitlines()]
    assert lines == [  # and no warning of ipykernel or papermill
        "good: cell 2 of 9, Did it work?",
        "good: cell 3 of 9, Did it work?",
        "good: cell 5 of 9, Question 0",
        "good: cell 7 of 9, Question 1",
        "good: cell 9 of 9, Question 2",
    ]
    assert str(folder) not in nbformat.writes(executed.notebook)
    assert executed.notebook.metadata["rollout"] == {"status": "whole"}


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("bytearray(10**18)", "ran out of memory"),
        (
            "raise ImportError('libodd.so: failed to map segment from shared object')",
            "ran out of memory",
        ),
        ("raise OSError(12, 'Cannot allocate memory')", "ran out of memory"),
        ("import os\nos._exit(3)", "its kernel ended by itself with code 3"),
        (
            "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)",
            "its kernel was killed (signal 9)",
        ),
        ("import sys\nsys.exit(0)", "without its result"),
        ("import sys\nsys.exit(3)", "without its result"),
        ("x =", "met an error it does not know, SyntaxError"),
    ],
)
def test_a_cell_that_fails_is_named(folder, cell, words):
    failure = failure_of(folder, cell, PUBLISH)
    assert isinstance(failure, NotebookFailed)
    assert failure.exit_code == 70
    assert str(failure).startswith("notebook 'odd {x}'")
    assert words in str(failure)
    assert PLACE in str(failure)


@pytest.mark.parametrize(
    ("place", "code", "words"),
    [
        (None, 1, "ended by itself with code 1 before its first cell; memory may be short"),
        (PLACE, -11, "was ended by signal 11"),
        (PLACE, None, "did not answer"),
    ],
)
def test_other_ends_of_a_kernel(place, code, words):
    assert words in str(kernel_died("window", place, code))


@pytest.mark.parametrize("cells", [("x = 1",), (PUBLISH, "x = 1")])
def test_a_last_cell_without_the_result_is_a_failure(folder, cells):
    assert "ended early" in str(failure_of(folder, *cells))


def test_a_run_that_takes_too_long_is_stopped(folder):
    late = failure_of(folder, "import time\ntime.sleep(60)", PUBLISH, limit=timedelta(seconds=4))
    assert str(late).startswith(f"notebook 'odd {{x}}' was stopped after 4s {PLACE}")


def test_an_error_of_ours_comes_through(folder):
    cell = "from analysis.errors import DataNotTrusted\nraise DataNotTrusted('row 7:\\n wrong')"
    failure = failure_of(folder, cell, PUBLISH)
    assert type(failure) is DataNotTrusted
    assert (str(failure), failure.exit_code) == ("row 7: wrong", 5)
    assert failure.__notes__[-1].startswith("cell 5 (Question 0): stopped here")


def test_an_error_of_ours_with_its_own_exit_code_keeps_it(folder):
    cell = (
        "from analysis.errors import RolloutError\n"
        "class Odd(RolloutError):\n    exit_code = 42\nraise Odd('it is odd')"
    )
    failure = failure_of(folder, cell, PUBLISH)
    assert (str(failure), failure.exit_code) == ("it is odd", 42)


def test_the_log_of_an_unknown_error_shows_no_value(folder):
    prints = (
        "print('postgresql://anna:hunter2@db/app')\n"
        "print('see ' + '/home' + '/anna/x.py')\nprint('fine')"
    )
    failure = failure_of(folder, prints, "{}['secret of anna']", PUBLISH)
    assert "an error it does not know, KeyError in cell 7 ('Question 1')" in str(failure)
    log = "\n".join(failure.__notes__)
    for words in (
        "cell 5 (Question 0): done",
        "(hidden: URL with credentials)",
        "  see …/x.py",
        "  fine",
        "cell 7 (Question 1): stopped here",
    ):
        assert words in log
    assert not any(word in log for word in ("hunter2", "secret of anna", "/home", "Traceback"))


def test_an_error_inside_the_package_names_its_place(folder):
    cell = (
        "from analysis.clock import iso\nfrom datetime import datetime\niso(datetime(2026, 1, 1))"
    )
    assert "analysis/clock.py line" in failure_of(folder, cell, PUBLISH).__notes__[-1]


def test_nothing_starts_with_a_wrong_parameter(folder, capfd):
    notebook = write_notebook(folder / "good.ipynb", PUBLISH)
    with pytest.raises(WrongUse):
        run_notebook(notebook, {"windw": "24h"}, folder=folder)
    assert capfd.readouterr() == ("", "")


def test_a_folder_of_the_user_hides_no_package_of_ours(folder):
    (folder / "analysis").mkdir()
    for name in ("analysis/__init__.py", "pandas.py"):
        (folder / name).write_text("raise RuntimeError('the wrong one')")
    notebook = write_notebook(folder / "good.ipynb", "import analysis.errors, pandas", PUBLISH)
    assert run_notebook(notebook, {}, folder=folder).result["window"] == "4h"
