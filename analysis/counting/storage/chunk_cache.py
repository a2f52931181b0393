"""Counted chunks of a long scan on disk, so that an interrupted scan continues where it was."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from analysis.files import atomic_write, refuse_leaks

_KEY = b"rollout"
_TEXTS = ("feature", "source", "model")


class ChunkCache:
    """A folder of counted chunks; `inputs` identifies what they are counted from."""

    def __init__(self, folder: Path, *, inputs: str) -> None:
        self._folder = folder
        self._inputs = inputs

    def find(
        self, query: str, key: Mapping[str, Any], written_from: datetime
    ) -> tuple[datetime, pd.DataFrame] | None:
        """The chunk that begins there: its end, and its rows. None if it is not there or damaged.

        `key` holds everything else that decides the rows.
        """
        path = self._path(query, key, written_from)
        with suppress(OSError, pa.ArrowException, LookupError, TypeError, ValueError):
            table = pq.ParquetFile(path, page_checksum_verification=True).read()
            until = datetime.fromisoformat(json.loads(table.schema.metadata[_KEY])["until"])
            return until, table.replace_schema_metadata(None).to_pandas(integer_object_nulls=False)
        return None

    def keep(
        self,
        query: str,
        key: Mapping[str, Any],
        written: tuple[datetime, datetime],
        rows: pd.DataFrame,
    ) -> None:
        """Keep the rows of the chunk [from, until). Raises LeakRefused for a forbidden name."""
        path = self._path(query, key, written[0])
        names = (str(one) for key in _TEXTS if key in rows for one in rows[key].dropna().unique())
        refuse_leaks(path, names)
        facts = {_KEY: json.dumps({"until": written[1].isoformat()}).encode()}
        table = pa.Table.from_pandas(rows, preserve_index=False).replace_schema_metadata(facts)
        with atomic_write(path) as temporary:
            pq.write_table(table, temporary, compression="zstd", write_page_checksum=True)

    def clear(self) -> None:
        """Remove every chunk: the scan is complete."""
        for path in self._folder.glob("*.parquet"):
            path.unlink(missing_ok=True)
        with suppress(OSError):
            self._folder.rmdir()

    def _path(self, query: str, key: Mapping[str, Any], written_from: datetime) -> Path:
        inputs = json.dumps([self._inputs, key], sort_keys=True, default=str)
        digest = hashlib.sha256(inputs.encode()).hexdigest()[:16]
        return self._folder / f"{query}-{digest}-{written_from:%Y%m%dT%H%M%S}.parquet"
