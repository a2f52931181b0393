"""The engine over DuckDB: a connection in memory that sees the source as one view."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import timedelta
from threading import Timer
from typing import TYPE_CHECKING, Any

import duckdb
import pandas as pd

from analysis.errors import DataNotTrusted, RolloutError, TookTooLong, WrongUse
from analysis.leaks import quote
from analysis.telemetry.engines.duckdb.files import find_source_files
from analysis.telemetry.engines.duckdb.microseconds import in_microseconds
from analysis.telemetry.engines.duckdb.source_view import SOURCE_VIEW, STORED_VIEW, open_source
from analysis.telemetry.engines.engine import Engine
from analysis.telemetry.engines.interruption import run_interruptible
from analysis.telemetry.mapping import TableMapping
from analysis.telemetry.mapping_file import source_mapping
from analysis.telemetry.queries import Queries
from analysis.telemetry.statements import Statement
from analysis.window import format_duration

if TYPE_CHECKING:
    from analysis.config import Settings

_CONFIGURATION: dict[str, str | bool | int | float | list[str]] = {
    "temp_directory": "",
    "autoinstall_known_extensions": "false",
    "allocator_bulk_deallocation_flush_threshold": "2MB",
}
_DOES_NOT_FIT = "does not fit the table; run 'rollout doctor' to see its columns"
_ERRORS: dict[type[duckdb.Error], tuple[type[RolloutError], str]] = {
    duckdb.OutOfMemoryException: (
        RolloutError,
        "needs more memory than this machine has; shorten the baseline or use PostgreSQL",
    ),
    duckdb.IOException: (
        RolloutError,
        "could not read the file of [source].path; check that it still exists",
    ),
    duckdb.BinderException: (WrongUse, _DOES_NOT_FIT),
    duckdb.CatalogException: (WrongUse, _DOES_NOT_FIT),
}
"""DuckDB's own words may contain values, so they are not shown."""


class DuckDBEngine(Engine):
    """A connection that has the source as one view and can open no other file."""

    name = "duckdb"
    calls_per_chunk = 200_000_000
    calls_per_hourly_chunk = 5_000_000
    prefers_name_codes = True

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        queries: Queries,
        *,
        source: str,
        origin: Mapping[str, Any],
        timeout: timedelta,
    ) -> None:
        self._connection = connection
        self._timeout = timeout
        self.queries = queries
        self.source = source
        self.origin = origin

    def fetch(self, statement: Statement) -> pd.DataFrame:
        """Run one SELECT; a timer interrupts it at the time limit."""
        text = statement.sql("duckdb", rewrite=in_microseconds)
        timer = Timer(self._timeout.total_seconds(), self._connection.interrupt)
        timer.daemon = True
        timer.start()
        try:
            self._check_is_select(text)
            return run_interruptible(
                lambda: self._rows(text, statement.parameters), cancel=self._connection.interrupt
            )
        except duckdb.Error as error:
            raise self._as_rollout_error(error, f"the query {statement.name!r}") from None
        finally:
            timer.cancel()

    def columns(self) -> dict[str, str]:
        """Column -> type, as the files have them."""
        rows = self._connection.execute(f"DESCRIBE SELECT * FROM {STORED_VIEW}").fetchall()
        return {row[0]: row[1] for row in rows}

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _check_is_select(self, text: str) -> None:
        """DuckDB's own parser as a second lock: COPY could write over the source itself."""
        kinds = [statement.type for statement in self._connection.extract_statements(text)]
        if kinds != [duckdb.StatementType.SELECT]:
            raise PermissionError("only one SELECT at a time is sent to the database")

    def _rows(self, text: str, parameters: Mapping[str, Any]) -> pd.DataFrame:
        """The rows, from Arrow to pandas one column at a time: less memory at the peak."""
        table = self._connection.sql(text, params=dict(parameters)).to_arrow_table()
        frame: pd.DataFrame = table.to_pandas(
            integer_object_nulls=False, split_blocks=True, self_destruct=True
        )
        return frame

    def _as_rollout_error(self, error: duckdb.Error, subject: str) -> RolloutError:
        if isinstance(error, duckdb.InterruptException):
            limit = format_duration(self._timeout)
            return TookTooLong(
                f"{subject} took longer than [source].timeout = {limit}; "
                "raise the timeout, or shorten the window"
            )
        if "out of range" in str(error).lower():
            return DataNotTrusted(
                f"{subject} found numbers too large to be milliseconds; "
                "run 'rollout doctor' to check their unit"
            )
        failed = (
            f"failed in DuckDB ({type(error).__name__}); run 'rollout doctor' to check the source"
        )
        kind, sentence = _ERRORS.get(type(error), (RolloutError, failed))
        return kind(f"{subject} {sentence}")


def source_origin(settings: Settings) -> dict[str, Any]:
    """The files with their sizes and times: a file that was written again is another origin."""
    stats = [
        (os.path.relpath(file, settings.folder), file.stat())
        for file in find_source_files(settings)
    ]
    return {"files": [(name, stat.st_size, stat.st_mtime_ns) for name, stat in stats]}


def open_engine(settings: Settings, origin: Mapping[str, Any], session: Any) -> DuckDBEngine:
    """The files of [source].path as the telemetry table; DuckDB has no use for a session."""
    source = settings.source
    files = find_source_files(settings)
    mapping = source_mapping(settings)
    path = f"[source].path {quote(source.path)}"
    connection = duckdb.connect(config=_CONFIGURATION)
    try:
        connection.execute("SET TimeZone = 'UTC'")
        # DuckDB draws the bar on stdout where Python runs no script, as in a notebook.
        connection.execute("SET enable_progress_bar = false")
        # It reads a CSV file whole, and other files in search of a latency that is no number.
        run_interruptible(
            lambda: open_source(connection, files, mapping, where=path),
            cancel=connection.interrupt,
        )
    except BaseException:
        connection.close()
        raise
    view = TableMapping(mapping.name, SOURCE_VIEW, notes=mapping.notes)
    return DuckDBEngine(
        connection,
        Queries(view, settings.error_classes),
        source="the files of [source].path",
        origin=origin,
        timeout=source.timeout,
    )
