"""Fixtures of the texts' tests: settings from a file."""

from tests.fixtures.rollout_file import make_settings

__all__ = ["make_settings"]
