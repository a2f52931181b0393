"""Parameters are checked before anything starts, and a value is never shown."""

import pytest

from analysis.errors import WrongUse
from analysis.report.notebook.parameters import check_parameters, declared_parameters
from tests.fixtures.small_notebooks import write_notebook


@pytest.fixture
def notebook(tmp_path):
    return write_notebook(tmp_path / "window.ipynb")


def test_names_are_read_and_good_values_pass(notebook):
    assert declared_parameters(notebook) == ["window", "start"]
    for values in ({}, {"window": "24h"}, {"window": "007", "start": ""}):
        check_parameters(notebook, values)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (
            {"windw": "4h"},
            "notebook 'window.ipynb' has no parameter 'windw'; did you mean 'window'?",
        ),
        ({"window": "postgresql://anna:hunter2@db.example/app"}, "url_env"),
        ({"window": "https://db.example"}, "url_env"),
        ({"window": "Bearer abcdef0123456789"}, "url_env"),
        ({"window": "anna@example.com"}, "url_env"),
        ({"postgresql://anna:hunter2@db.example/app": "x"}, "has no parameter"),
    ],
)
def test_a_wrong_one_is_refused_without_its_value(notebook, values, sentence):
    with pytest.raises(WrongUse) as refused:
        check_parameters(notebook, values)
    assert sentence in str(refused.value)
    for secret in ("hunter2", "db.example", "anna", "abcdef0123456789"):
        assert secret not in str(refused.value)


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        (None, "has 0 cells tagged 'parameters' instead of one"),
        ("window = '4h'", "line 1 of the parameters of notebook 'odd.ipynb' is not"),
        ("window: str", "is not 'name: str = "),
        ("window: list = []", "is not 'name: str = "),
        ("window: str = open('x')", "is not 'name: str = "),
        ("window: str = ", "is not 'name: str = "),
    ],
)
def test_a_notebook_without_proper_parameters_is_refused(tmp_path, parameters, words):
    notebook = write_notebook(tmp_path / "odd.ipynb", "1", parameters=parameters)
    with pytest.raises(WrongUse) as refused:
        check_parameters(notebook, {"window": "4h"})
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "cannot be read"),
        ("[]", "has no cells"),
        ("{}", "has no cells"),
        (None, "is not there"),
    ],
)
def test_a_file_that_is_no_notebook_is_refused(tmp_path, text, words):
    path = tmp_path / "odd.ipynb"
    if text is not None:
        path.write_text(text)
    with pytest.raises(WrongUse, match=words):
        check_parameters(path, {})
