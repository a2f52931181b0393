"""Parameters are checked before anything starts, and a value is never shown."""

import pytest

from analysis.errors import WrongUse
from analysis.report.notebook.parameters import check_parameters, declared_parameters
from tests.fixtures.small_notebooks import write_notebook


@pytest.fixture
def notebook(tmp_path):
    return write_notebook(tmp_path / "window.ipynb")


def test_names_and_types_are_read(notebook):
    types = {"window": "str", "limit": "int", "fast": "bool", "share": "float"}
    assert declared_parameters(notebook) == types


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"window": "24h"},
        {"limit": 7, "fast": True},
        {"share": 1},
        {"share": -0.5},
        {"window": "007"},
    ],
)
def test_good_values_pass(notebook, values):
    check_parameters(notebook, values)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (
            {"windw": "4h"},
            "notebook 'window.ipynb' has no parameter 'windw'; did you mean 'window'?",
        ),
        ({"window": 4}, "parameter 'window' must be of type str, not int"),
        ({"limit": "3"}, "parameter 'limit' must be of type int, not str"),
        ({"limit": True}, "parameter 'limit' must be of type int, not bool"),
        ({"limit": 3.0}, "parameter 'limit' must be of type int, not float"),
        ({"fast": "false"}, "parameter 'fast' must be of type bool, not str"),
        ({"fast": 1}, "parameter 'fast' must be of type bool, not int"),
        ({"window": None}, "parameter 'window' must be of type str, not NoneType"),
    ],
)
def test_a_wrong_one_is_refused(notebook, values, sentence):
    with pytest.raises(WrongUse) as refused:
        check_parameters(notebook, values)
    assert str(refused.value) == sentence


@pytest.mark.parametrize(
    "value",
    [
        "postgresql://anna:hunter2@db.example/app",
        "https://db.example",
        "duckdb:///x",
        "Bearer abcdef0123456789",
        "anna@example.com",
    ],
)
def test_a_secret_or_url_is_refused_without_its_value(notebook, value):
    with pytest.raises(WrongUse) as refused:
        check_parameters(notebook, {"window": value})
    assert "url_env" in str(refused.value)
    assert all(
        piece not in str(refused.value)
        for piece in ("hunter2", "db.example", "anna", "abcdef0123456789")
    )


def test_a_secret_as_a_name_is_hidden(notebook):
    with pytest.raises(WrongUse) as refused:
        check_parameters(notebook, {"postgresql://anna:hunter2@db/app": "x"})
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    ("parameters", "word"),
    [
        (None, "has 0 cells tagged 'parameters' instead of one"),
        (
            "window = '4h'",
            "line 1 of the parameters of notebook 'odd.ipynb' is not 'name: type = value'",
        ),
        ("window: str", "is not 'name: type = value'"),
        ("window: list = []", "with a type of str, int, float, bool"),
        ("window: str = open('x')", "is not 'name: type = value'"),
        ("window: str = ", "are not plain Python"),
    ],
)
def test_a_notebook_without_proper_parameters_is_refused(tmp_path, parameters, word):
    notebook = write_notebook(tmp_path / "odd.ipynb", "1", parameters=parameters)
    with pytest.raises(WrongUse, match=r".") as refused:
        check_parameters(notebook, {"window": "4h"})
    assert word in str(refused.value)


def test_a_file_that_is_no_notebook_is_refused(tmp_path):
    for text, word in (("{", "cannot be read"), ("[]", "has no cells"), ("{}", "has no cells")):
        path = tmp_path / "odd.ipynb"
        path.write_text(text)
        with pytest.raises(WrongUse, match=word):
            check_parameters(path, {})
    with pytest.raises(WrongUse, match="is not there"):
        check_parameters(tmp_path / "gone.ipynb", {})
