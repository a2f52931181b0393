"""Fixtures of the history's tests: settings and a clock from files."""

from tests.fixtures.clock_file import clock_file
from tests.fixtures.rollout_file import make_settings

__all__ = ["clock_file", "make_settings"]
