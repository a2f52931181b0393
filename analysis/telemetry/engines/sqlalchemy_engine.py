"""PostgreSQL (and other databases that SQLAlchemy and sqlglot both know), read inside read-only transactions with a time limit."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator, Sequence
from collections.abc import Mapping as Dictionary
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from functools import cached_property
from threading import Timer
from typing import TYPE_CHECKING, Any

import pandas as pd
import sqlalchemy
from sqlalchemy.exc import NoSuchModuleError, SQLAlchemyError
from sqlglot.dialects import Dialect

from analysis.errors import RolloutError, WrongUse
from analysis.telemetry.engines.database_url import (
    connect_arguments,
    driver_url,
    environment_url,
    search_path,
)
from analysis.telemetry.engines.listening import request_behind, try_for, while_listening
from analysis.telemetry.engines.refusals import explain_refusal
from analysis.telemetry.mapping import CANONICAL_COLUMNS, Mapping, load_mapping
from analysis.telemetry.queries import ErrorClass, Queries, Statement

if TYPE_CHECKING:
    from analysis.config import Settings

_DIALECTS = {
    "postgresql": "postgres",
    "cockroachdb": "postgres",
    "mariadb": "mysql",
    "mssql": "tsql",
}
"""SQLAlchemy's name of a dialect -> sqlglot's, where they differ."""
_WANTED_TYPES = (
    ("latencyMs", ("INT", "SMALLINT", "BIGINT"), "whole numbers"),
    ("createdAt", ("TIMESTAMP", "DATETIME"), "times"),
)
_IN_MEMORY = {"work_mem": "64MB", "enable_sort": "off", "jit": "off"}
"""PostgreSQL takes the reckoned start of a call for a rare condition, expects few rows, and sorts millions on disk; told not to sort, it
counts them in memory, in half the time. To compile a query takes longer than it saves."""
LONGEST_WAIT_FOR_A_LOCK = timedelta(seconds=10)
"""A migration or VACUUM FULL keeps everybody out of the table; a smaller piece would wait as long, so it is not taken for a slow query."""
GRACE_S = 10.0
CANCEL_S = 2.0
_BIND = re.compile(r"bound_parameter_(\w+?)_ends_here")


class SqlAlchemyEngine:
    """One database; every statement has its own transaction, read-only and limited in time where the database can."""

    calls_per_chunk = 10_000_000
    calls_per_hourly_chunk = 1_500_000
    prefers_name_codes = False

    def __init__(
        self,
        engine: sqlalchemy.Engine,
        queries: Queries,
        *,
        name: str,
        dialect: str,
        timeout: timedelta,
        schema: str | None,
    ) -> None:
        self._engine = engine
        self._timeout_s = timeout.total_seconds()
        self._settings = (
            _transaction_settings(timeout, schema, counts_in_memory=name == "postgres")
            if dialect == "postgres"
            else ()
        )
        self.name = name
        self.dialect = dialect
        self.queries = queries

    def fetch(self, statement: Statement) -> pd.DataFrame:
        """Run one SELECT in its own read-only transaction; raises RolloutError with one sentence, never with the URL."""
        text = _as_text(statement.sql(self.dialect, placeholder="bound_parameter_{}_ends_here"))
        with self._reading(f"the query {statement.name!r}") as connection:
            names, rows = while_listening(
                lambda: _answer(connection, text, statement.parameters),
                stop=lambda: _stop(connection),
            )
            return _in_utc(pd.DataFrame.from_records(rows, columns=names))

    def columns(self) -> dict[str, str]:
        """Column -> type of the store's table, as the catalog has them; empty when this role sees no such table."""
        schema, _, name = str(self.queries.mapping.table).rpartition(".")
        with self._reading("looking up the table") as connection:
            try:
                found = sqlalchemy.inspect(connection).get_columns(name, schema=schema or None)
            except sqlalchemy.exc.NoSuchTableError:
                return {}
        return {column["name"]: _type_of(column["type"]) for column in found}

    @cached_property
    def ids_are_unique(self) -> bool:
        """Whether the table's primary key is the id: then nothing needs to be counted."""
        mapping = self.queries.mapping
        schema, _, name = str(mapping.table).rpartition(".")
        with self._reading("looking up the primary key") as connection:
            keys = sqlalchemy.inspect(connection).get_pk_constraint(name, schema=schema or None)[
                "constrained_columns"
            ]
        return [dict(mapping.columns).get("id", "id").strip('"')] == keys

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    @contextmanager
    def _reading(self, doing: str) -> Iterator[sqlalchemy.Connection]:
        """A read-only transaction; what goes wrong in it becomes one sentence, and it never lasts much longer than the time limit."""
        given_up: list[bool] = []
        try:
            with (
                self._engine.connect() as connection,
                connection.begin(),
                self._patience(connection, given_up),
            ):
                for setting, value in self._settings:
                    connection.execute(sqlalchemy.text(setting), value)
                yield connection
        except SQLAlchemyError as error:
            if request := request_behind(error):
                raise request from None
            if given_up:
                raise RolloutError(
                    f"{doing} got no answer within [source].timeout; check the network, then run again"
                ) from None
            raise explain_refusal(error, doing) from None
        except ValueError as error:
            if "NUL" not in str(error):
                raise
            raise WrongUse(
                f"{doing} was given a text with a NUL character; take it out of rollout.toml or the argument"
            ) from None

    @contextmanager
    def _patience(self, connection: sqlalchemy.Connection, given_up: list[bool]) -> Iterator[None]:
        """Hang up when the server's own time limit has passed unheard: a network that is cut says nothing."""
        driver = connection.connection.driver_connection
        if not hasattr(driver, "fileno"):
            yield
            return

        def hang_up() -> None:
            given_up.append(True)
            _hang_up(driver)

        timer = Timer(self._timeout_s + GRACE_S, hang_up)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()


def open_sqlalchemy(settings: Settings) -> SqlAlchemyEngine:
    """The database whose URL stands in the environment variable `[source].url_env`; its table is looked up once.

    Raises WrongUse when the variable, the table or a column is missing, or the dialect is not known.
    """
    source = settings.source
    url = environment_url(source.url_env, source.engine)
    mapping = load_mapping(source.mapping, folder=settings.folder, table=source.table)
    try:
        engine = sqlalchemy.create_engine(driver_url(url), connect_args=connect_arguments(url))
    except (NoSuchModuleError, ModuleNotFoundError):
        raise WrongUse(
            f"${source.url_env} names the database {url.drivername!r}, whose driver is not installed; install it"
        ) from None
    dialect = _DIALECTS.get(engine.dialect.name, engine.dialect.name)
    if Dialect.get(dialect) is None:
        raise WrongUse(
            f"${source.url_env} names the database {engine.dialect.name!r}, whose SQL is not known; use postgres or duckdb"
        )
    classes = tuple(
        ErrorClass(item.name, tuple(item.contains), item.pattern) for item in settings.error_classes
    )
    opened = SqlAlchemyEngine(
        engine,
        Queries(mapping, classes),
        name="postgres" if engine.dialect.name == "postgresql" else engine.dialect.name,
        dialect=dialect,
        timeout=source.timeout,
        schema=search_path(url),
    )
    try:
        _check_table(opened.columns(), mapping)
        if dialect != "postgres":
            _check_dialect(opened)
    except BaseException:
        opened.close()
        raise
    return opened


def _check_dialect(opened: SqlAlchemyEngine) -> None:
    """Other databases read the same SQL as far as sqlglot can carry it: try the shortest query, and say so when it does not run."""
    nothing = datetime(2000, 1, 1)
    statement = opened.queries.statement("completed", {"feature": "", "since": nothing})
    try:
        opened.fetch(statement)
    except RolloutError:
        raise WrongUse(
            f"the queries do not run on {opened.name}; use postgres, or export the calls to Parquet for duckdb"
        ) from None


def _transaction_settings(
    timeout: timedelta, schema: str | None, *, counts_in_memory: bool
) -> tuple[tuple[str, dict[str, str]], ...]:
    """What each transaction sets for itself: it works behind a pooler too, where a session is shared."""
    settings = [
        ("SET TRANSACTION READ ONLY", {}),
        ("SELECT set_config('statement_timeout', :value, true)", {"value": _milliseconds(timeout)}),
        (
            "SELECT set_config('lock_timeout', :value, true)",
            {"value": _milliseconds(min(timeout / 2, LONGEST_WAIT_FOR_A_LOCK))},
        ),
        ("SELECT set_config('TimeZone', 'UTC', true)", {}),
    ]
    if counts_in_memory:
        settings += [
            ("SELECT set_config(:name, :value, true)", {"name": name, "value": value})
            for name, value in _IN_MEMORY.items()
        ]
    if schema:
        settings.append(
            ("SELECT set_config('search_path', quote_ident(:value), true)", {"value": schema})
        )
    return tuple(settings)


def _milliseconds(length: timedelta) -> str:
    return str(length // timedelta(milliseconds=1))


def _type_of(kind: sqlalchemy.types.TypeEngine) -> str:
    zone = " WITH TIME ZONE" if getattr(kind, "timezone", False) else ""
    return f"{kind}{zone}"


def _answer(
    connection: sqlalchemy.Connection, text: sqlalchemy.TextClause, parameters: Dictionary[str, Any]
) -> tuple[list[str], Sequence[Any]]:
    """Names and rows of one query; the rows as the driver has them, for each that SQLAlchemy wraps costs as much again."""
    with connection.execute(text, dict(parameters)) as result:
        return list(result.keys()), result.cursor.fetchall()


def _stop(connection: sqlalchemy.Connection) -> None:
    """Ask the server to end the query; hang up when it does not hear."""
    driver = connection.connection.driver_connection
    if not (hasattr(driver, "cancel") and try_for(driver.cancel, seconds=CANCEL_S)):
        _hang_up(driver)


def _hang_up(driver: Any) -> None:
    with suppress(Exception), socket.socket(fileno=os.dup(driver.fileno())) as line:
        line.shutdown(socket.SHUT_RDWR)


def _as_text(sql: str) -> sqlalchemy.TextClause:
    """SQLAlchemy's text with its parameters; a colon inside a literal or a name is no parameter."""
    return sqlalchemy.text(_BIND.sub(r":\1", sql.replace(":", r"\:")))


def _in_utc(rows: pd.DataFrame) -> pd.DataFrame:
    """Times with a zone, of a column TIMESTAMPTZ, as UTC without one, like all others."""
    for name in rows.columns:
        values = rows[name].dropna()
        if len(values) and getattr(values.iloc[0], "tzinfo", None) is not None:
            rows[name] = pd.to_datetime(rows[name], utc=True).dt.tz_localize(None)
    return rows


def _check_table(columns: dict[str, str], mapping: Mapping) -> None:
    table = str(mapping.table)
    if not columns:
        raise WrongUse(
            f"the database has no table {table!r} that this role can see; set [source].table or grant SELECT on it"
        )
    if mapping.columns:
        mapping.check_fits(columns, f"table {table!r}")
        return
    missing = [column for column in CANONICAL_COLUMNS if column not in columns]
    if missing:
        raise WrongUse(
            f"table {table!r} has no column {missing[0]!r}; it needs {', '.join(CANONICAL_COLUMNS)} (or write a mapping)"
        )
    for column, kinds, wanted in _WANTED_TYPES:
        if not (kind := columns[column]).upper().startswith(kinds):
            raise WrongUse(
                f"table {table!r}: {column} is of type {kind}, which does not hold {wanted}; write a mapping that casts it"
            )
