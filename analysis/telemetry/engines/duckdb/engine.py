"""DuckDB inside the process, over Parquet, CSV or a .duckdb file: the default, no server needed."""

from __future__ import annotations

from collections.abc import Mapping as Dictionary
from functools import partial
from threading import Timer
from typing import TYPE_CHECKING, Any

import duckdb
import pandas as pd

from analysis.errors import DataNotTrusted, RolloutError, TookTooLong, WrongUse
from analysis.telemetry.engines.duckdb.source import SOURCE_VIEW, STORED_VIEW, open_source
from analysis.telemetry.engines.listening import while_listening
from analysis.telemetry.mapping import Mapping, load_mapping
from analysis.telemetry.queries import ErrorClass, Queries, Statement
from analysis.telemetry.source_files import find_source_files
from analysis.window import format_duration

if TYPE_CHECKING:
    from datetime import timedelta

    from analysis.config import Settings

_IN_LITTLE_MEMORY = {"integer_object_nulls": False, "split_blocks": True, "self_destruct": True}
"""From Arrow to pandas column by column, each let go when it is copied."""
_SETTINGS = {
    "temp_directory": "",
    "autoinstall_known_extensions": "false",
    "allocator_bulk_deallocation_flush_threshold": "2MB",
}


class DuckDBEngine:
    """A connection in memory that sees the source as one view and, once open, may touch no other file."""

    name = "duckdb"
    calls_per_chunk = 200_000_000
    calls_per_hourly_chunk = 5_000_000
    ids_are_unique = False
    prefers_name_codes = True

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, queries: Queries, *, timeout: timedelta
    ) -> None:
        self._connection = connection
        self._timeout = timeout
        self.queries = queries

    def fetch(self, statement: Statement) -> pd.DataFrame:
        """Run one SELECT; raises RolloutError with the query's name when DuckDB cannot answer it."""
        text = statement.sql("duckdb")
        timer = Timer(self._timeout.total_seconds(), self._connection.interrupt)
        timer.daemon = True
        timer.start()
        try:
            if [parsed.type for parsed in self._connection.extract_statements(text)] != [
                duckdb.StatementType.SELECT
            ]:
                raise PermissionError(
                    "only one SELECT at a time is sent to the database"
                )  # COPY could write over the source itself
            return while_listening(
                lambda: self._answer(text, statement.parameters), stop=self._connection.interrupt
            )
        except duckdb.Error as error:
            raise self._explained(error, f"the query {statement.name!r}") from None
        finally:
            timer.cancel()

    def _answer(self, text: str, parameters: Dictionary[str, Any]) -> pd.DataFrame:
        """The rows by way of Arrow, whose texts pandas takes over as they are."""
        return (
            self._connection.sql(text, params=dict(parameters))
            .to_arrow_table()
            .to_pandas(**_IN_LITTLE_MEMORY)
        )

    def columns(self) -> dict[str, str]:
        """Column -> type of the source as it is stored."""
        described = self._connection.execute(f"DESCRIBE SELECT * FROM {STORED_VIEW}").fetchall()
        return {row[0]: row[1] for row in described}

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _explained(self, error: duckdb.Error, doing: str) -> RolloutError:
        if isinstance(error, duckdb.InterruptException):
            took = f"{doing} took longer than [source].timeout = {format_duration(self._timeout)}"
            return TookTooLong(f"{took}; raise it, or shorten the window")
        if isinstance(error, duckdb.OutOfMemoryException):
            return RolloutError(
                f"{doing} needs more memory than there is; shorten the baseline or use PostgreSQL"
            )
        if "out of range" in str(error).lower():
            return DataNotTrusted(
                f"{doing} met numbers too large to be milliseconds; run 'rollout doctor' for their unit"
            )
        if isinstance(error, duckdb.IOException):
            return RolloutError(
                f"{doing} could not read the file of [source].path any more; see whether it is still there"
            )
        if isinstance(error, (duckdb.BinderException, duckdb.CatalogException)):
            return WrongUse(
                f"{doing} does not fit the table ({type(error).__name__}); run 'rollout doctor' to see why"
            )
        return RolloutError(
            f"DuckDB could not run {doing} ({type(error).__name__}); run 'rollout doctor' to check the source"
        )


def open_duckdb(settings: Settings) -> DuckDBEngine:
    """The files of `[source].path` as the telemetry table.

    Raises WrongUse when a file or a column is missing or the file is not of its kind, DataNotTrusted when a latency or
    a time cannot be read (with the position of the row).
    """
    files = find_source_files(settings.folder, settings.source.path)
    mapping = load_mapping(
        settings.source.mapping, folder=settings.folder, table=settings.source.table
    )
    connection = duckdb.connect(config=_SETTINGS)
    try:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(
            "SET enable_progress_bar = false"
        )  # drawn on stdout where Python runs no script: in a notebook
        opening = partial(open_source, connection, files, mapping, shown=str(settings.source.path))
        while_listening(
            opening, stop=connection.interrupt
        )  # it reads a CSV whole, and looks through other columns for what is no number
    except BaseException:
        connection.close()
        raise
    classes = tuple(
        ErrorClass(item.name, tuple(item.contains), item.pattern) for item in settings.error_classes
    )
    view = Mapping(mapping.name, SOURCE_VIEW, notes=mapping.notes)
    return DuckDBEngine(connection, Queries(view, classes), timeout=settings.source.timeout)
