"""The format of a file of frozen counts: its facts, and its rows as Arrow tables.

Each row group holds rows of one table, with the columns of all tables.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any

import pandas as pd
import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from analysis.counting.arm import RowQuality
from analysis.counting.caps import LIMIT_COLUMNS
from analysis.counts import (
    TEXT_KEYS,
    CountTable,
    EventCounts,
    HourlyBins,
    HourlyCounts,
    LatencyCounts,
)

FORMAT = 3
FACTS, DIGEST = b"rollout", b"rollout-sha256"
"""Keys of the file's metadata."""
TABLES: dict[str, type[CountTable]] = {
    "latency": LatencyCounts,
    "hourly": HourlyCounts,
    "bins": HourlyBins,
    "events": EventCounts,
}
TABLE_COLUMNS = {
    **{name: kind.KEYS + kind.SUMS for name, kind in TABLES.items()},
    "limits": tuple(LIMIT_COLUMNS),
}
TEXTS = ("table", *TEXT_KEYS)
_ALL_COLUMNS = ("table", *(name for columns in TABLE_COLUMNS.values() for name in columns))
SCHEMA = pa.schema(
    [(name, pa.string() if name in TEXTS else pa.int64()) for name in dict.fromkeys(_ALL_COLUMNS)]
)


class FrozenFacts(BaseModel):
    """What a frozen file says of itself.

    Attributes
    ----------
    start, end, hours, excluded_hours, models, trust (its quality) : those of the arm.
    made_from, fingerprint : the inputs that decide the counts, and their fingerprint.
    rows : the fingerprint of the rows that were counted.
    row_groups : the tables in the order of the file, with their numbers of row groups.
    totals : per table the number of rows, under "", and the sum of each column of numbers.
    """

    model_config = ConfigDict(frozen=True)

    format: int
    start: datetime
    end: datetime
    hours: tuple[int, int]
    excluded_hours: tuple[int, ...]
    models: dict[str, str]
    trust: RowQuality
    made_from: dict[str, Any]
    fingerprint: str
    rows: str
    row_groups: tuple[tuple[str, int], ...]
    totals: dict[str, dict[str, int]]


def as_arrow(name: str, rows: pd.DataFrame, schema: pa.Schema) -> pa.Table:
    """Rows of one table with the columns of all."""
    n_rows = len(rows)
    columns = [
        pa.array(rows[field.name], from_pandas=True).cast(field.type)
        if field.name in rows
        else pa.nulls(n_rows, field.type)
        for field in schema
    ]
    columns[0] = pa.repeat(name, n_rows)
    return pa.table(columns, schema=schema)


def sum_columns(rows: pd.DataFrame) -> dict[str, int]:
    """The number of rows, and the sum of each column of numbers.

    Checksums of pages do not find damage in what says how to read them; these sums do.
    """
    numbers = rows.select_dtypes("number")
    sums = {
        str(name): int(column.fillna(0).to_numpy("int64").sum()) for name, column in numbers.items()
    }
    return {"": len(rows)} | sums


def digest(text: bytes) -> bytes:
    """The checksum of the facts as they are written."""
    return hashlib.sha256(text).hexdigest().encode()


def set_limit_types(limits: pd.DataFrame) -> pd.DataFrame:
    """Limits as they were made: whole numbers, with NA only in columns that miss one."""
    numbers = limits.columns.drop("feature")
    kinds = {name: "Int64" if limits[name].isna().any() else "int64" for name in numbers}
    return limits.astype({"feature": "str", **kinds})
