"""PostgreSQL behind an engine, and one Spark Connect server with the engines over it."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from analysis.sample.simulate import simulate_phase_94, write_sample
from analysis.telemetry.engines import open_engine
from tests.fixtures.edge_case_calls import edge_case_calls
from tests.fixtures.spark_server import run_spark
from tests.fixtures.stores import settings_of, store

CLASSES = """
[[error_class]]
name = "quota_gone"
contains = ["quota %(x)s ::text :bind"]
[[error_class]]
name = "not_english"
pattern = "^[^a-z]+$"
"""


@pytest.fixture
def postgres(database, tmp_path, monkeypatch):
    """The engine over the edge cases in PostgreSQL; the database has a sequence `numbers`."""
    database.execute("CREATE SEQUENCE numbers")
    settings = store(
        "postgres", edge_case_calls(), tmp_path, database=database, monkeypatch=monkeypatch
    )
    with closing(open_engine(settings)) as engine:
        yield engine


@pytest.fixture(scope="session")
def remote() -> Iterator[str]:
    """The address of a Spark Connect server."""
    with run_spark() as address:
        yield address


@pytest.fixture(scope="session")
def session(remote):
    """A session as a user has it: with a time zone, a catalog and views of its own."""
    from pyspark.sql.connect.session import SparkSession

    spark = SparkSession(connection=remote)
    yield spark
    spark.stop()


@pytest.fixture(scope="session")
def sample(tmp_path_factory) -> Path:
    """A folder with the example's calls."""
    folder = tmp_path_factory.mktemp("sample")
    write_sample(simulate_phase_94(), folder)
    return folder


@pytest.fixture(scope="session")
def edge_cases(tmp_path_factory) -> Path:
    """A folder with the edge cases."""
    folder = tmp_path_factory.mktemp("edge_cases")
    edge_case_calls().to_parquet(folder / "calls.parquet", index=False)
    return folder


@pytest.fixture(scope="session")
def both_engines(remote, sample, edge_cases, tmp_path_factory):
    """Name of the rows -> (Spark, DuckDB) over them, opened once: a session takes a second."""
    opened = {}
    for name, rows in (("sample", sample), ("edge_cases", edge_cases)):
        for engine, where in (("spark", f'remote = "{remote}"'), ("duckdb", "")):
            folder = tmp_path_factory.mktemp(f"{name}-{engine}")
            source = f'engine = "{engine}"\npath = "{rows}/*.parquet"\n{where}'
            opened.setdefault(name, []).append(
                open_engine(settings_of(folder, source, more=CLASSES))
            )
    yield opened
    for pair in opened.values():
        for engine in pair:
            engine.close()
