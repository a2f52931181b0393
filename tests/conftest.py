"""Fixtures that any test may ask for."""

from collections.abc import Callable, Iterator

import pandas as pd
import pytest

from tests.fixtures.postgres_server import Database, PostgresServer, run_postgres


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A real PostgreSQL: the wheel's binaries, or TEST_DATABASE_URL; an error, never a skip, when it cannot start."""
    with run_postgres() as server:
        yield server


@pytest.fixture
def database(postgres_server: PostgresServer) -> Iterator[Database]:
    """A fresh database that holds an empty "AIInteraction", dropped after the test."""
    with postgres_server.fresh_database() as fresh:
        yield fresh


@pytest.fixture
def load_interactions(database: Database) -> Callable[[pd.DataFrame], int]:
    """Copy a frame of interactions into this test's `database`."""
    return database.load_interactions
