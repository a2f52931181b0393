"""Calls that grow from hour to hour, in files and in PostgreSQL."""

import pytest

from tests.decision.growing import MORE, Looks, growing_calls
from tests.fixtures.stores import store


@pytest.fixture(params=["parquet", "postgres"])
def looks(request, tmp_path, monkeypatch):
    database = request.getfixturevalue("database") if request.param == "postgres" else None
    return Looks(
        store(
            request.param,
            growing_calls(1),
            tmp_path,
            database=database,
            monkeypatch=monkeypatch,
            more=MORE,
        )
    )


@pytest.fixture
def files(tmp_path):
    return Looks(store("parquet", growing_calls(1), tmp_path, more=MORE))
