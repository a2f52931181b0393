"""The engine over Spark: nothing is created in the session, every statement is one SELECT."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pandas as pd
from sqlglot import exp

from analysis.telemetry.engines.engine import Engine
from analysis.telemetry.engines.spark.connection import open_session
from analysis.telemetry.engines.spark.session import Session
from analysis.telemetry.engines.spark.source import SparkSource, open_source
from analysis.telemetry.mapping_file import source_mapping
from analysis.telemetry.queries import Queries
from analysis.telemetry.statements import Statement

if TYPE_CHECKING:
    from analysis.config import Settings


class SparkEngine(Engine):
    """A session that sees the source as one relation."""

    name = "spark"
    calls_per_chunk = 300_000_000
    calls_per_hourly_chunk = 300_000_000

    def __init__(
        self, session: Session, source: SparkSource, queries: Queries, *, origin: Mapping[str, Any]
    ) -> None:
        self._session = session
        self._columns = source.columns
        self.source = source.where
        self.queries = queries
        self.origin = origin

    def fetch(self, statement: Statement) -> pd.DataFrame:
        """Run one SELECT in UTC."""
        values = statement.parameters
        times = frozenset(key for key in values if isinstance(values[key], datetime))
        text = statement.sql("spark", rewrite=_ForSpark(times))
        arguments = {
            key: value.isoformat(sep=" ") if isinstance(value, datetime) else value
            for key, value in values.items()
        }
        with self._session.reading(f"the query {statement.name!r}") as spark:
            table = spark.sql(text, args=arguments).toArrow()
        return _in_utc(table.to_pandas(integer_object_nulls=False))

    def columns(self) -> dict[str, str]:
        """Column -> type, as Spark reads them."""
        return self._columns

    def close(self) -> None:
        """Stop the session if it was made here; the user's own stays as it was."""
        self._session.close()


def source_origin(settings: Settings) -> dict[str, Any]:
    """The path: Spark's machines read the files, so their times are not known here."""
    return {"path": settings.source.path}


def open_engine(settings: Settings, origin: Mapping[str, Any], session: Any) -> SparkEngine:
    """The table in `session`, else at [source].remote or under [source].master."""
    mapping = source_mapping(settings)
    opened = open_session(settings.source, given=session)
    try:
        found = open_source(opened, settings, mapping)
    except BaseException:
        opened.close()
        raise
    return SparkEngine(opened, found, Queries(found.mapping, settings.error_classes), origin=origin)


@dataclass(frozen=True)
class _ForSpark:
    """What pyspark and Java do differently; `times` are the parameters that hold a time.

    pyspark moves times by the client's time zone, so they are sent as text and cast. (?d) in front
    of a pattern leaves it one kind of line end.
    """

    times: frozenset[str]

    def __call__(self, query: exp.Select) -> exp.Select:
        query = query.copy()
        for node in list(query.find_all(exp.Placeholder)):
            if node.name in self.times:
                node.replace(exp.cast(exp.Placeholder(this=node.name), "TIMESTAMPNTZ"))
        for match in query.find_all(exp.RegexpLike):
            prefix, pattern = exp.Literal.string("(?d)"), match.expression.copy()
            match.set("expression", exp.func("CONCAT", prefix, pattern))
        return query


def _in_utc(rows: pd.DataFrame) -> pd.DataFrame:
    for column in rows:
        if isinstance(rows[column].dtype, pd.DatetimeTZDtype):
            rows[column] = rows[column].dt.tz_convert("UTC").dt.tz_localize(None)
    return rows
