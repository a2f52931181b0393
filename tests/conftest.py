"""Fixtures for every room: a real PostgreSQL, and a fresh database in it."""

from collections.abc import Callable, Iterator

import pandas as pd
import pytest

from tests.fixtures.example_rollout import (  # noqa: F401  fixtures for several rooms
    example,
    example_folder,
    look,
    rollout,
    sections,
    written,
)
from tests.fixtures.postgres_server import Database, PostgresServer, run_postgres


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A running server: the wheel's binaries, or TEST_DATABASE_URL. It fails when none starts."""
    with run_postgres() as server:
        yield server


@pytest.fixture
def database(postgres_server: PostgresServer) -> Iterator[Database]:
    """A fresh database with an empty "AIInteraction" table, dropped after the test."""
    with postgres_server.fresh_database() as fresh:
        yield fresh


@pytest.fixture
def load_interactions(database: Database) -> Callable[[pd.DataFrame], int]:
    """A function that copies a frame of interactions into this test's `database`."""
    return database.load_interactions
