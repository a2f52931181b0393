"""A scan of calls: counting queries over one engine, in chunks where there are many rows.

A row is written once, so it is in one chunk, and the sums over all chunks are the sums over all
rows. Two queries need more: cron minutes are put together in Python, and the query for recovered
failures also reads the successes that follow a chunk.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pandas as pd

from analysis.counting.grid import Grid
from analysis.counting.scans.chunks import ONE_CHUNK, ChunkPolicy
from analysis.counting.scans.name_codes import NO_CODES, NameCodes
from analysis.errors import TookTooLong
from analysis.telemetry.engines import Engine
from analysis.telemetry.queries import FEATURES
from analysis.telemetry.statements import Relation
from analysis.window import HOUR, Window

_CHUNK_PARAMETERS = ("written_from", "written_before", "failed_before")


@dataclass(frozen=True)
class Scan:
    """Where calls are counted, and how.

    Attributes
    ----------
    engine, grid : the database, and the hours that count from the deploy.
    chunks : how long scans are cut.
    names : codes of features and sources, used where they save time.
    previous : the window of an earlier look with the same start, whose calls are left out.
    """

    engine: Engine
    grid: Grid
    chunks: ChunkPolicy = ONE_CHUNK
    names: NameCodes = NO_CODES
    previous: Window | None = None

    def parameters(self, window: Window) -> dict[str, Any]:
        """Parameters of calls.sql for the calls that start in `window`."""
        return self.grid.parameters(window, previous=self.previous)

    def run(
        self,
        query: str,
        parameters: Mapping[str, Any],
        *,
        relations: Mapping[str, Relation] | None = None,
        followed_for: timedelta | None = None,
    ) -> Iterator[pd.DataFrame]:
        """The results of a query for the chunks of [written_from, written_before), one by one.

        With `followed_for` the query is about the rows before ``:failed_before`` and also reads
        the rows written that much later. A chunk that takes longer than the engine's time limit
        is halved, down to an hour; after that TookTooLong is raised.
        """
        chunks, start, end = self.chunks, parameters["written_from"], parameters["written_before"]
        length = chunks.length or max(end - start, HOUR)
        is_cut, is_done = length < end - start, False
        common = {key: value for key, value in parameters.items() if key not in _CHUNK_PARAMETERS}
        cache_key = {"parameters": common, "relations": relations or {}}
        while not is_done:
            cached = chunks.cache.find(query, cache_key, start) if chunks.cache and is_cut else None
            if cached is None:
                until = min(start + length, end)
                values = {**parameters, "written_from": start, "written_before": until}
                if followed_for is not None:
                    values["failed_before"] = until
                    values["written_before"] = min(until + followed_for, end)
                # Codes sort the same everywhere; names are sorted in Python.
                statement = self.engine.queries.statement(
                    query, values, relations=relations, ordered=FEATURES in values
                )
                try:
                    rows = self.engine.fetch(statement)
                except TookTooLong as error:
                    length, is_cut = _halve(min(length, end - start), query, error), True
                    chunks.on_progress(
                        f"{query}: took too long, continues in chunks of {_text(length)}"
                    )
                    continue
                if chunks.cache and is_cut:
                    chunks.cache.keep(query, cache_key, (start, until), rows)
            else:
                until, rows = cached
            start, is_done = until, until >= end
            if is_cut:
                chunks.on_progress(
                    f"{query}: counted up to {start:%Y-%m-%d %H:%M} of {end:%Y-%m-%d %H:%M}"
                )
            yield rows
            del rows  # frees the memory before the next chunk is read


def _halve(length: timedelta, query: str, error: TookTooLong) -> timedelta:
    if length <= HOUR:
        raise TookTooLong(
            f"the query {query!r} took longer than [source].timeout even for an hour of rows; "
            "raise the timeout, or find out what slows the database down"
        ) from error
    return max(HOUR, length // 2 // HOUR * HOUR)


def _text(length: timedelta) -> str:
    hours = length // HOUR
    if hours >= 48 and hours % 24 == 0:
        return f"{hours // 24} days"
    return f"{hours} hours" if hours > 1 else "an hour"
