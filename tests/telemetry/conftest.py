"""Stores that several files read: PostgreSQL behind an engine."""

import pytest

from analysis.telemetry.engines import open_engine
from tests.telemetry.nasty_calls import nasty_calls
from tests.telemetry.stores import store


@pytest.fixture
def postgres(database, tmp_path, monkeypatch):
    database.execute("CREATE SEQUENCE numbers")
    engine = open_engine(store("postgres", nasty_calls(), tmp_path, database=database, monkeypatch=monkeypatch))
    yield engine
    engine.close()
