"""How a long scan is cut: each query reads the rows written in a few days."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from analysis.counting.storage.chunk_cache import ChunkCache
from analysis.window import DAY

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
        policy = self if self.length else ONE_CHUNK
        return policy.for_calls(calls, length, calls_per_chunk=calls_per_chunk)


ONE_CHUNK = ChunkPolicy()
