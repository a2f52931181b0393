"""The tree keeps every rule of the house."""

import pytest

from tests.house.naming_rules import ALLOWED_FOLDERS, REQUIRED_FOLDERS
from tests.house.source_tree import files_of, project_files
from tests.house.tree_faults import NOT_YET, RULES, faults_of


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_tree_keeps_the_rule(rule):
    exempt = NOT_YET.get(rule.__name__, ())
    assert {
        name: faults for name, faults in faults_of(rule).items() if not name.startswith(exempt)
    } == {}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_an_exemption_goes_when_it_is_not_needed(rule):
    found = faults_of(rule)
    for prefix in NOT_YET.get(rule.__name__, ()):
        assert any(name.startswith(prefix) for name in found), f"take out {prefix}"


def test_the_folders_are_those_of_the_design():
    folders = {name.split("/")[0] for name in project_files() if "/" in name}
    assert REQUIRED_FOLDERS - folders == set(), "missing"
    assert folders - ALLOWED_FOLDERS == set(), "unknown"


def test_there_are_modules_queries_and_notebooks():
    assert files_of("analysis", ".py")
    assert files_of("sql", ".sql")
    assert files_of("notebooks", ".ipynb")
