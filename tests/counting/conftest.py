"""Calls in files and in PostgreSQL, and looks at calls that grow from hour to hour."""

import contextlib

import pytest

from analysis.telemetry.engines import open_engine
from tests.fixtures.growing_looks import EVENT_CLAIMS, Looks, growing_calls
from tests.fixtures.stores import store


@pytest.fixture
def file_looks(tmp_path):
    return Looks(store("parquet", growing_calls(1), tmp_path, more=EVENT_CLAIMS))


@pytest.fixture
def database_looks(database, tmp_path, monkeypatch):
    """A function from calls to looks at them in PostgreSQL."""
    place = {"database": database, "monkeypatch": monkeypatch, "more": EVENT_CLAIMS}
    return lambda calls: Looks(store("postgres", calls, tmp_path, **place))


@pytest.fixture(params=["parquet", "postgres"])
def open_store(request, tmp_path, monkeypatch):
    """A function from calls to an engine over them, of either kind."""
    engines = contextlib.ExitStack()

    def open_with(calls):
        database = None
        if request.param == "postgres":
            database = request.getfixturevalue("database")
            database.execute('TRUNCATE "AIInteraction"')
        settings = store(request.param, calls, tmp_path, database=database, monkeypatch=monkeypatch)
        return engines.enter_context(contextlib.closing(open_engine(settings)))

    with engines:
        yield open_with
