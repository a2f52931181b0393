"""Fixtures of the commands' tests: settings and a clock from files, an application, a checkout."""

from tests.fixtures.application_with_lock import application
from tests.fixtures.clock_file import clock_file
from tests.fixtures.npm_project import project
from tests.fixtures.rollout_file import make_settings

__all__ = ["application", "clock_file", "make_settings", "project"]
