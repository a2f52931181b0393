"""Fixtures of the ledger's tests: those of the steps that write it."""

from tests.deployment.conftest import clock_file, make_settings

__all__ = ["clock_file", "make_settings"]
