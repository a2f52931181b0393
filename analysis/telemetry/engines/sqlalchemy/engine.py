"""The engine over SQLAlchemy: every statement in a read-only transaction with a time limit."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pandas as pd
import sqlalchemy
from sqlalchemy.exc import NoSuchModuleError, NoSuchTableError
from sqlglot import exp, parse_one
from sqlglot.dialects import Dialect

from analysis.errors import RolloutError, WrongUse
from analysis.telemetry.engines.canonical_columns import check_types
from analysis.telemetry.engines.engine import Engine, TablePrivileges
from analysis.telemetry.engines.interruption import run_interruptible
from analysis.telemetry.engines.sqlalchemy.database_url import (
    connect_arguments,
    driver_url,
    environment_url,
    search_path,
    start_up_settings,
)
from analysis.telemetry.engines.sqlalchemy.errors import ReplicaConflict
from analysis.telemetry.engines.sqlalchemy.start_up_options import StartUpOptions
from analysis.telemetry.engines.sqlalchemy.text_columns import canonical_mapping
from analysis.telemetry.engines.sqlalchemy.transactions import Transactions, cancel_query
from analysis.telemetry.mapping import as_table
from analysis.telemetry.mapping_file import source_mapping
from analysis.telemetry.queries import Queries
from analysis.telemetry.statements import Statement

if TYPE_CHECKING:
    from analysis.config import Settings

_SQLGLOT_DIALECTS = {
    "postgresql": "postgres",
    "cockroachdb": "postgres",
    "mariadb": "mysql",
    "mssql": "tsql",
}
"""SQLAlchemy's name of a dialect -> sqlglot's, where they differ."""
_LATENCY_TYPES = ("INT", "SMALLINT", "BIGINT")
_TIME_TYPES = ("TIMESTAMP", "DATETIME")
REPLICA_PAUSES_S = (1.0, 5.0)
"""Waits before a query that a replica canceled is tried again."""
_MARKER = "bound_parameter_{}_ends_here"
_MARKED = re.compile(_MARKER.format(r"(\w+?)"))


class SqlAlchemyEngine(Engine):
    """One database, read through SQLAlchemy."""

    calls_per_chunk = 10_000_000
    calls_per_hourly_chunk = 1_500_000

    def __init__(
        self,
        transactions: Transactions,
        queries: Queries,
        *,
        name: str,
        dialect: str,
        origin: Mapping[str, Any],
    ) -> None:
        self._transactions = transactions
        self._dialect = dialect
        self._schema, _, self._table = str(queries.mapping.table).rpartition(".")
        self.name = name
        self.source = f"table {str(queries.mapping.table)!r}"
        self.queries = queries
        self.origin = origin

    def fetch(self, statement: Statement) -> pd.DataFrame:
        """Run one SELECT in a transaction of its own; an error never contains the URL.

        A replica cancels queries to apply changes of its primary: they are tried again.
        """
        for pause_s in REPLICA_PAUSES_S:
            try:
                return self._fetch_once(statement)
            except ReplicaConflict:
                time.sleep(pause_s)
        return self._fetch_once(statement)

    def _fetch_once(self, statement: Statement) -> pd.DataFrame:
        text = _as_text(statement.sql(self._dialect, placeholder=_MARKER))
        with self._transactions.begin(f"the query {statement.name!r}") as connection:
            names, rows = run_interruptible(
                lambda: _names_and_rows(connection, text, statement.parameters),
                cancel=lambda: cancel_query(connection),
            )
            return _in_utc(pd.DataFrame.from_records(rows, columns=names))

    def columns(self) -> dict[str, str]:
        """Column -> type in the catalog; empty when this role sees no such table."""
        with self._transactions.begin("looking up the table") as connection:
            inspector = sqlalchemy.inspect(connection)
            try:
                columns = inspector.get_columns(self._table, schema=self._schema or None)
            except NoSuchTableError:
                return {}
        return {column["name"]: _type_name(column["type"]) for column in columns}

    @cached_property
    def ids_are_unique(self) -> bool:
        """Whether the primary key of the table is the id, so that nothing has to be counted."""
        with self._transactions.begin("looking up the primary key") as connection:
            inspector = sqlalchemy.inspect(connection)
            key = inspector.get_pk_constraint(self._table, schema=self._schema or None)
        id_sql = parse_one(dict(self.queries.mapping.columns).get("id", '"id"'), read="postgres")
        id_column = (id_sql.this if isinstance(id_sql, exp.Cast) else id_sql).name
        return key["constrained_columns"] == [id_column]

    def privileges(self) -> TablePrivileges | None:
        """What the role may do, as PostgreSQL says; other databases are not asked."""
        if self.name != "postgres":
            return None
        name = as_table(self.queries.mapping.table).sql("postgres")
        row = self.fetch(self.queries.statement("doctor_privileges", {"table": name})).iloc[0]
        schema, table = (
            exp.to_identifier(part, quoted=True).sql("postgres")
            for part in (row["schema"], self._table)
        )
        return TablePrivileges(schema, table, may_write=bool(row["may_write"]))

    def row_policies(self) -> list[str] | None:
        """The names of the policies that decide what this role reads, as PostgreSQL says."""
        if self.name != "postgres":
            return None
        name = as_table(self.queries.mapping.table).sql("postgres")
        rows = self.fetch(self.queries.statement("doctor_policies", {"table": name}))
        return None if rows.empty else list(rows["policy"].dropna())

    def close(self) -> None:
        """Close every connection."""
        self._transactions.close()


def source_origin(settings: Settings) -> dict[str, Any]:
    """The name of the variable with the URL: the database behind it counts as the same one."""
    return {"url_env": settings.source.url_env}


def open_engine(settings: Settings, origin: Mapping[str, Any], session: Any) -> SqlAlchemyEngine:
    """The database behind [source].url_env; SQLAlchemy makes its own sessions."""
    source = settings.source
    variable = str(source.url_env)
    url = environment_url(variable, source.engine)
    mapping = source_mapping(settings)
    try:
        pool = sqlalchemy.create_engine(driver_url(url), connect_args=connect_arguments(url))
    except (NoSuchModuleError, ModuleNotFoundError):
        raise WrongUse(
            f"${variable} names the database {url.drivername!r}, whose driver is not installed; "
            "install it"
        ) from None
    if pool.dialect.name == "postgresql":
        sqlalchemy.event.listen(pool, "do_connect", StartUpOptions())
    dialect = _SQLGLOT_DIALECTS.get(pool.dialect.name, pool.dialect.name)
    if Dialect.get(dialect) is None:
        raise WrongUse(
            f"${variable} names the database {pool.dialect.name!r}, whose SQL is not supported; "
            "use postgres or duckdb"
        )
    engine = SqlAlchemyEngine(
        Transactions(
            pool,
            dialect,
            timeout=source.timeout,
            schema=search_path(url),
            more=start_up_settings(url),
        ),
        Queries(mapping, settings.error_classes),
        name="postgres" if pool.dialect.name == "postgresql" else pool.dialect.name,
        dialect=dialect,
        origin=origin,
    )
    try:
        _check_table(engine)
        if dialect == "postgres":
            canonical = canonical_mapping(mapping, engine.columns())
            engine.queries = Queries(canonical, settings.error_classes)
        else:
            _check_dialect(engine)
    except BaseException:
        engine.close()
        raise
    return engine


def _check_table(engine: SqlAlchemyEngine) -> None:
    types, mapping = engine.columns(), engine.queries.mapping
    if not types:
        raise WrongUse(
            f"this role can see no {engine.source} in the database; "
            "set [source].table, or grant SELECT on it"
        )
    if mapping.columns:
        mapping.check_fits(types, engine.source)
    else:
        check_types(types, engine.source, latency=_LATENCY_TYPES, created=_TIME_TYPES)


def _check_dialect(engine: SqlAlchemyEngine) -> None:
    """Run the shortest query: sqlglot cannot translate the SQL for every database."""
    parameters = {"feature": "", "since": datetime(2000, 1, 1)}
    try:
        engine.fetch(engine.queries.statement("successes_since", parameters))
    except RolloutError:
        raise WrongUse(
            f"the queries do not run on {engine.name}; "
            "use postgres, or export the calls to Parquet for duckdb"
        ) from None


def _names_and_rows(
    connection: sqlalchemy.Connection, text: sqlalchemy.TextClause, parameters: Mapping[str, Any]
) -> tuple[list[str], Sequence[Any]]:
    """The rows as the driver has them: SQLAlchemy's wrapper of each costs as much as its query."""
    with connection.execute(text, dict(parameters)) as result:
        return list(result.keys()), result.cursor.fetchall()


def _as_text(sql: str) -> sqlalchemy.TextClause:
    """The text with its parameters; any other colon is escaped."""
    return sqlalchemy.text(_MARKED.sub(r":\1", sql.replace(":", r"\:")))


def _in_utc(rows: pd.DataFrame) -> pd.DataFrame:
    """Times of a column with time zone as UTC without one."""
    for name in rows.columns:
        values = rows[name].dropna()
        if len(values) and isinstance(values.iloc[0], datetime) and values.iloc[0].tzinfo:
            rows[name] = pd.to_datetime(rows[name], utc=True).dt.tz_localize(None)
    return rows


def _type_name(kind: sqlalchemy.types.TypeEngine[Any]) -> str:
    has_zone = isinstance(kind, sqlalchemy.DateTime | sqlalchemy.Time) and kind.timezone
    return f"{kind}{' WITH TIME ZONE' if has_zone else ''}"
