"""The databases that calls are counted in, one module each; all of them read only, and answer a Statement with a DataFrame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import pandas as pd

from analysis.errors import WrongUse
from analysis.telemetry.origin import origin

if TYPE_CHECKING:
    from analysis.config import Settings
    from analysis.telemetry.queries import Queries, Statement


class Engine(Protocol):
    """What a database offers: the queries over its table, and the rows of one statement.

    Attributes
    ----------
    name : duckdb, postgres, spark, or SQLAlchemy's name of another database.
    calls_per_chunk : how many calls a query of a long scan reads at most, in whole days.
    calls_per_hourly_chunk : the same for a query that counts by the hour: days share no hour, so small pieces cost no time and save memory.
    ids_are_unique : whether the database itself sees to it that no id occurs twice.
    prefers_name_codes : whether counting gains by numbers in the place of features and sources.
    origin : what the rows come from, as it was when the engine was opened (`telemetry.origin`).
    """

    name: str
    calls_per_chunk: int
    calls_per_hourly_chunk: int
    ids_are_unique: bool
    prefers_name_codes: bool
    queries: Queries
    origin: dict[str, Any]

    def fetch(self, statement: Statement) -> pd.DataFrame:
        """Run one SELECT and return its rows; raises RolloutError with one sentence when the database cannot answer."""
        ...

    def close(self) -> None:
        """Let go of the connection; harmless when called twice."""
        ...


def open_engine(settings: Settings, *, spark: Any = None) -> Engine:
    """The engine of `[source]`, opened read-only; the library that an engine needs is loaded only when it is chosen.

    `spark` is a session of Apache Spark that the user has; WrongUse when the engine is another one.
    """
    name = settings.source.engine
    if spark is not None and name != "spark":
        raise WrongUse(
            f'a Spark session is given and [source] has engine {name!r}; write engine = "spark", or give no session'
        )
    found = origin(settings)  # before it is opened: what changes meanwhile is seen as changed
    engine = _opened(settings, spark)
    engine.origin = found
    return engine


def _opened(settings: Settings, spark: Any) -> Engine:
    name = settings.source.engine
    if name == "duckdb":
        from analysis.telemetry.engines.duckdb.engine import open_duckdb

        return open_duckdb(settings)
    if name in ("postgres", "sqlalchemy"):
        from analysis.telemetry.engines.sqlalchemy_engine import open_sqlalchemy

        return open_sqlalchemy(settings)
    if name == "spark":
        from analysis.telemetry.engines.spark.engine import open_spark

        return open_spark(settings, session=spark)
    raise WrongUse(f"engine {name!r} is not known; use duckdb, postgres, sqlalchemy or spark")
