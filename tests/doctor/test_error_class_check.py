"""The errors that each class takes, as `rollout doctor --classes` shows them."""

import json

import pytest
from typer.testing import CliRunner

from analysis.cli.app import app
from analysis.doctor.error_class_check import class_lines, try_classes
from tests.fixtures.edge_case_calls import typed
from tests.fixtures.single_calls import call
from tests.fixtures.stores import store

OWN = """
[[error_class]]
name = "tool_loop"
contains = ["tool loop"]
[[error_class]]
name = "no_draft"
pattern = "^draft [0-9]+ missing"
"""
MESSAGES = [
    *["Stopped in a tool loop of jane.exemplar@example.com"] * 3,
    *["Request timed out."] * 2,
    *["Header missing for Jane Exemplar"] * 4,
    "Error code: 503 - {}",
]


@pytest.fixture(params=["parquet", "postgres"])
def settings(request, tmp_path, monkeypatch):
    database = request.getfixturevalue("database") if request.param == "postgres" else None
    rows = [
        call(60 * (number + 1), ok=False, errorMessage=message)
        for number, message in enumerate(MESSAGES)
    ]
    place = {"database": database, "monkeypatch": monkeypatch}
    return store(request.param, typed(rows), tmp_path, more=OWN, **place)


def test_each_class_is_counted_and_what_is_left(settings):
    counts = try_classes(settings)
    assert {name: errors for name, errors in counts.errors.items() if errors} == {
        "tool_loop": 3,
        "timeout": 2,
        "http_5xx": 1,
        "other": 4,
    }
    assert list(counts.errors)[:2] == ["tool_loop", "no_draft"]
    assert counts.signatures == {"header … missing": 4}


def test_the_lines_show_the_user_s_classes_and_no_message(settings):
    lines = list(class_lines(try_classes(settings), settings.class_names))
    assert lines[0].split() == ["tool_loop", "3", "30.0", "%", "(yours)"]
    assert "it takes no error" in lines[1]
    assert lines[-2].split()[:5] == ["no", "known", "class", "4", "40.0"]
    assert lines[-1].split() == ["4", "header", "…", "missing"]
    assert "Jane" not in "".join(lines)
    assert "jane" not in "".join(lines)


def test_the_command_prints_the_counts(settings):
    done = CliRunner().invoke(
        app, ["doctor", "--classes", "--json", "--config", str(settings.path)]
    )
    assert done.exit_code == 0, done.output
    assert json.loads(done.output)["errors"]["tool_loop"] == 3
