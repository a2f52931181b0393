"""Pieces of a long scan that are counted already, kept until the baseline is whole: an interrupted scan goes on where it was."""

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

from analysis.files import LeakRefused, atomic_write
from analysis.leaks import find_leak

_KEY = b"rollout"
_TEXTS = ("feature", "source", "model")


class Partial:
    """A folder of counted pieces, each with what it was counted from; pieces of anything else are not found."""

    def __init__(self, folder: Path, *, made_from: str) -> None:
        self._folder = folder
        self._made_from = made_from

    def find(
        self, name: str, asked: Mapping[str, Any], written_from: datetime
    ) -> tuple[datetime, pd.DataFrame] | None:
        """The piece of that query that begins there: until when it goes, and its rows. A damaged one is counted anew."""
        path = self._path(name, asked, written_from)
        with suppress(OSError, pa.ArrowException, LookupError, TypeError, ValueError):
            table = pq.ParquetFile(path, page_checksum_verification=True).read()
            until = datetime.fromisoformat(json.loads(table.schema.metadata[_KEY])["until"])
            return until, table.replace_schema_metadata(None).to_pandas(integer_object_nulls=False)
        return None

    def keep(
        self,
        name: str,
        asked: Mapping[str, Any],
        written: tuple[datetime, datetime],
        rows: pd.DataFrame,
    ) -> None:
        """Keep a piece; LeakRefused for a name in it that the last gate refuses."""
        path = self._path(name, asked, written[0])
        for column in rows.columns.intersection(_TEXTS):
            for text in rows[column].dropna().unique():
                if rule := find_leak(str(text)):
                    raise LeakRefused(path, rule)
        table = pa.Table.from_pandas(rows, preserve_index=False)
        table = table.replace_schema_metadata(
            {_KEY: json.dumps({"until": written[1].isoformat()}).encode()}
        )
        with atomic_write(path) as temporary:
            pq.write_table(table, temporary, compression="zstd", write_page_checksum=True)

    def clear(self) -> None:
        """Remove every piece: the counts are whole."""
        for path in self._folder.glob("*.parquet"):
            path.unlink(missing_ok=True)
        with suppress(OSError):
            self._folder.rmdir()

    def _path(self, name: str, asked: Mapping[str, Any], written_from: datetime) -> Path:
        made_from = json.dumps([self._made_from, asked], sort_keys=True, default=_plain)
        digest = hashlib.sha256(made_from.encode()).hexdigest()[:16]
        return self._folder / f"{name}-{digest}-{written_from:%Y%m%dT%H%M%S}.parquet"


def _plain(value: Any) -> Any:
    """A time, or the few rows that a query joins, as JSON has it."""
    return [dict(value.columns), list(value.rows)] if hasattr(value, "rows") else str(value)
