"""The worked example of every docstring holds."""

import doctest
import importlib
import pkgutil

import pytest

import analysis.statistics

MODULES = [
    module.name
    for module in pkgutil.walk_packages(analysis.statistics.__path__, "analysis.statistics.")
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_hold(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0
