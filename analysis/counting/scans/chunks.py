"""Long scans in chunks: each query reads the rows written in a few days, and counts are added.

A row is written once, so it is in one chunk, and the sums over all chunks are the sums over all
rows. Two queries need more: cron minutes are put together in Python, and the query for recovered
failures also reads the successes that follow a chunk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pandas as pd

from analysis.counting.storage.chunk_cache import ChunkCache
from analysis.errors import TookTooLong
from analysis.telemetry.engines import Engine
from analysis.telemetry.queries import FEATURES
from analysis.telemetry.statements import Relation
from analysis.window import DAY, HOUR

OnProgress = Callable[[str], None]


def ignore_progress(line: str) -> None:
    """Report progress to nobody."""


@dataclass(frozen=True)
class ChunkPolicy:
    """How a scan is cut into chunks.

    Attributes
    ----------
    length : the time of writing that one query reads; None for the whole scan.
    on_progress : receives a line after each chunk of a scan with several.
    cache : keeps the finished chunks of such a scan; None to keep nothing.
    """

    length: timedelta | None = None
    on_progress: OnProgress = ignore_progress
    cache: ChunkCache | None = None

    def for_calls(self, calls: int, length: timedelta, *, calls_per_chunk: int) -> ChunkPolicy:
        """Chunks of whole days with about `calls_per_chunk` of the `calls` in `length` each.

        The policy stays as it is when one chunk can hold them all.
        """
        if calls <= calls_per_chunk or length <= DAY:
            return self
        days = int(calls_per_chunk / calls * (length / DAY))
        return replace(self, length=max(1, days) * DAY)

    def finer(self, calls: int, length: timedelta, *, calls_per_chunk: int) -> ChunkPolicy:
        """Smaller chunks, to save memory.

        They are neither reported nor cached when the scan itself was not cut: it is short.
        """
        policy = self if self.length else ChunkPolicy()
        return policy.for_calls(calls, length, calls_per_chunk=calls_per_chunk)


ONE_CHUNK = ChunkPolicy()
_CHUNK_PARAMETERS = ("written_from", "written_before", "failed_before")


def scan_in_chunks(
    engine: Engine,
    query: str,
    parameters: Mapping[str, Any],
    *,
    relations: Mapping[str, Relation] | None = None,
    chunks: ChunkPolicy = ONE_CHUNK,
    followed_for: timedelta | None = None,
) -> Iterator[pd.DataFrame]:
    """The results of a query for the chunks of [written_from, written_before), one by one.

    With `followed_for` the query is about the rows before ``:failed_before`` and also reads the
    rows written that much later. A chunk that takes longer than the engine's time limit is
    halved, down to an hour; after that TookTooLong is raised.
    """
    start, end = parameters["written_from"], parameters["written_before"]
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
            statement = engine.queries.statement(
                query,
                values,
                relations=relations,
                ordered=FEATURES in values,  # codes sort alike everywhere, names do not
            )
            try:
                rows = engine.fetch(statement)
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
