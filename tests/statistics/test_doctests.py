"""The worked examples of every docstring are true."""

import doctest
import importlib
import pkgutil

import pytest

import analysis.statistics

MODULES = [module.name for module in pkgutil.iter_modules(analysis.statistics.__path__)]


@pytest.mark.parametrize("name", MODULES)
def test_examples_hold(name):
    found = doctest.testmod(importlib.import_module(f"analysis.statistics.{name}"))
    assert found.failed == 0
