"""The rules of notebooks find what they forbid, and nothing else."""

import pytest

from tests.house.notebook_rules import code_faults, notebook_faults


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("def f(): ...", "FunctionDef"),
        ("class C: ...", "ClassDef"),
        ("for row in rows: print(row)", "For"),
        ("while True: pass", "While"),
        ("load('SELECT a\\nFROM calls')", "SQL"),
        ("open(path)", "open"),
        ("frame.to_csv('x.csv')", "to_csv"),
        ("figure.savefig('x.svg')", "savefig"),
        ("calls > 100", "thresholds"),
        ("plt.rcParams", "styles"),
        ("import duckdb", "imports duckdb"),
        ("%matplotlib inline", "not plain Python"),
    ],
)
def test_a_cell_that_breaks_a_rule_is_found(source, fault):
    assert fault in " ".join(code_faults(source))


def test_a_notebook_that_breaks_a_rule_is_found():
    heading = {"cell_type": "markdown", "metadata": {}, "source": ["# Did it help?"]}
    parameters = {
        "cell_type": "code",
        "metadata": {"tags": ["parameters"]},
        "outputs": [],
        "source": ["window: str = '4h'  # which look"],
    }
    call = {
        "cell_type": "code",
        "metadata": {},
        "outputs": [],
        "execution_count": None,
        "source": ["show(window)"],
    }
    assert notebook_faults({"cells": [heading, parameters, call]}) == []
    assert "begin with a heading" in notebook_faults({"cells": [parameters, heading]})[0]
    assert "0 cells tagged" in notebook_faults({"cells": [heading, call]})[0]
    assert (
        "saved output"
        in notebook_faults({"cells": [heading, parameters, call | {"outputs": [{}]}]})[0]
    )
    assert (
        "12 lines"
        in notebook_faults({"cells": [heading, parameters, call | {"source": ["show()\n"] * 13}]})[
            0
        ]
    )
    assert (
        "name: type"
        in notebook_faults({"cells": [heading, parameters | {"source": ["window = '4h'"]}]})[0]
    )
