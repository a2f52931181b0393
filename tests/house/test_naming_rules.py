"""The rules of names and of the layout of tests/ find what they forbid, and nothing else."""

import pytest

from tests.house.layout_rules import doubled_names, faults_of_test_file, mirror_faults
from tests.house.naming_rules import crowded_rooms, naming_faults


@pytest.mark.parametrize(
    "name",
    [
        "analysis/utils.py",
        "analysis/plot_helpers.py",
        "analysis/core/x.py",
        "analysis/decision/known.py",
        "analysis/decision/lasting.py",
        "analysis/decision/foresight.py",
        "tests/decision/test_by_hand.py",
        "analysis/report/prepared/claims.py",
    ],
)
def test_a_name_that_says_nothing_is_found(name):
    assert naming_faults(name)


@pytest.mark.parametrize(
    "name",
    ["analysis/counting/grid.py", "analysis/decision/sustained.py", "benchmarks/speed.py"],
)
def test_a_name_that_says_what_is_in_it_is_fine(name):
    assert naming_faults(name) == []


def test_a_crowded_room_is_found_without_its_sub_rooms():
    modules = [f"analysis/decision/m{number}.py" for number in range(13)]
    assert crowded_rooms(modules) == {"analysis/decision": 13}
    assert crowded_rooms([*modules[1:], "analysis/decision/controls/drift.py"]) == {}


def test_tests_beside_the_rooms_are_found():
    modules = ["analysis/counts.py", "analysis/config/__init__.py"]
    fine = ["tests/test_counts.py", "tests/config/test_rules.py", "tests/fixtures/calls.py"]
    assert mirror_faults(fine, modules) == []
    assert mirror_faults(["tests/test_other.py"], modules)
    assert mirror_faults(["tests/settings/test_rules.py"], modules)
    assert doubled_names(["tests/a/test_x.py", "tests/b/test_x.py", "tests/b/conftest.py"]) == [
        "test_x.py"
    ]


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        ("tests/test_a.py", "from tests.test_b import rows", "imports a test module"),
        ("tests/fixtures/rows.py", "x = 1", "no docstring"),
        ("tests/test_a.py", "def test_it():\n    run()", "checks nothing"),
        ("tests/test_a.py", "def ask(): run()\ndef test_it():\n    ask()", "checks nothing"),
    ],
)
def test_a_faulty_test_file_is_found(name, text, fault):
    assert fault in " ".join(faults_of_test_file(name, text))


@pytest.mark.parametrize(
    "body",
    [
        "assert run()",
        "pytest.raises(ValueError, run)",
        "assert_same(a, b)",
        "ask()\ndef ask():\n    assert run()",
    ],
)
def test_a_test_that_checks_is_fine(body):
    first, *others = body.split("\n", 1)
    assert (
        faults_of_test_file("tests/test_a.py", "\n".join([f"def test_it(): {first}", *others]))
        == []
    )
