"""benchmarks/report.py: its scripts import what exists; a ratio is the median over the pairs."""

import ast
import importlib

import pytest

from benchmarks import report


@pytest.mark.parametrize("script", [report.FIGURES, report.FOUR_REPORTS])
def test_the_scripts_import_names_that_exist(script):
    imports = [node for node in ast.parse(script).body if isinstance(node, ast.ImportFrom)]
    assert imports
    for node in imports:
        module = importlib.import_module(node.module)
        assert [alias.name for alias in node.names if not hasattr(module, alias.name)] == []


def test_a_row_holds_medians_and_the_median_ratio_with_its_range():
    cells = report.row("report", [2.0, 6.0, 3.0], "script", [1.0, 2.0, 2.0], "1.7")
    assert cells == ("report", "3.00", "script", "2.00", "2.00 (1.50 to 3.00)", "1.7")
