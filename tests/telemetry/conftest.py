"""Stores that several files read: PostgreSQL behind an engine, and one Spark Connect server with the engines over it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from analysis.sample.simulate import simulate_phase_94, write_sample
from analysis.telemetry.engines import open_engine
from tests.fixtures.edge_case_calls import edge_case_calls
from tests.fixtures.spark_server import run_spark
from tests.fixtures.stores import settings_of, store

CLASSES = """
[[error_class]]
name = "quota"
contains = ["quota %(x)s ::text :bind"]
[[error_class]]
name = "not_english"
pattern = "^[^a-z]+$"
"""


@pytest.fixture
def postgres(database, tmp_path, monkeypatch):
    database.execute("CREATE SEQUENCE numbers")
    engine = open_engine(
        store("postgres", edge_case_calls(), tmp_path, database=database, monkeypatch=monkeypatch)
    )
    yield engine
    engine.close()


@pytest.fixture(scope="session")
def remote() -> Iterator[str]:
    with run_spark() as address:
        yield address


@pytest.fixture(scope="session")
def session(remote):
    """A session as a user has it: with a zone, a catalog and views of its own."""
    from pyspark.sql.connect.session import SparkSession

    spark = SparkSession(connection=remote)
    yield spark
    spark.stop()


@pytest.fixture(scope="session")
def sample(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("sample")
    write_sample(simulate_phase_94(), folder)
    return folder


@pytest.fixture(scope="session")
def nasty(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("nasty")
    edge_case_calls().to_parquet(folder / "calls.parquet", index=False)
    return folder


@pytest.fixture(scope="session")
def both(remote, sample, nasty, tmp_path_factory):
    """name of the rows -> the engines over them: Spark, DuckDB; opened once, for a session takes a second."""
    opened = {}
    for name, rows in (("sample", sample), ("nasty", nasty)):
        for engine, where in (("spark", f'remote = "{remote}"'), ("duckdb", "")):
            folder = tmp_path_factory.mktemp(f"{name}-{engine}")
            settings = settings_of(
                folder, f'engine = "{engine}"\npath = "{rows}/*.parquet"\n{where}', more=CLASSES
            )
            opened.setdefault(name, []).append(open_engine(settings))
    yield opened
    for engine in (engine for pair in opened.values() for engine in pair):
        engine.close()
