"""Frozen counts: all counts of an arm in one Parquet file that says what they were made from.

The application deletes rows after 30 days; frozen counts stay. Each row group holds rows of one
table, with the columns of all tables. Pages have checksums, and the facts have a digest.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict

from analysis.counting.arm import Arm, RowQuality
from analysis.counting.caps import LIMIT_COLUMNS
from analysis.counting.inputs import Inputs, fingerprint
from analysis.counts import (
    TEXT_KEYS,
    CountTable,
    EventCounts,
    HourlyBins,
    HourlyCounts,
    LatencyCounts,
    set_types,
)
from analysis.errors import DataNotTrusted, RolloutError, WrongUse
from analysis.files import WriteFailed, atomic_write, refuse_leaks
from analysis.window import Window

FORMAT = 2
ROWS_PER_GROUP = 200_000
TABLES: dict[str, type[CountTable]] = {
    "latency": LatencyCounts,
    "hourly": HourlyCounts,
    "bins": HourlyBins,
    "events": EventCounts,
}
_COLUMNS = {name: kind.KEYS + kind.SUMS for name, kind in TABLES.items()}
_COLUMNS["limits"] = tuple(LIMIT_COLUMNS)
_TEXTS = ("table", *TEXT_KEYS)
_SCHEMA = pa.schema(
    [
        (name, pa.string() if name in _TEXTS else pa.int64())
        for name in dict.fromkeys(["table", *(one for all_ in _COLUMNS.values() for one in all_)])
    ]
)
_FACTS, _DIGEST = b"rollout", b"rollout-sha256"
_OPTIONS = {
    "compression": "zstd",
    "write_page_checksum": True,
    "write_statistics": False,  # the file is always read whole
    "use_dictionary": [*_TEXTS, "hour", "lag_hours", "outcome", "calls"],  # few values each
}


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


def write_frozen(path: Path, arm: Arm, *, made_from: Inputs, rows: str = "") -> None:
    """Write the counts of an arm; an old file stays until the new one is complete.

    `rows` is the fingerprint of the rows that were counted. Raises LeakRefused for a name that
    must not be written, WriteFailed when the operating system does not let the file be written.
    """
    tables: dict[str, pd.DataFrame] = {name: getattr(arm, name).rows for name in TABLES}
    tables["limits"] = arm.limits
    refuse_leaks(path, (*arm.models.values(), *_find_names(tables)))
    facts = FrozenFacts(
        format=FORMAT,
        start=arm.window.start,
        end=arm.window.end,
        hours=arm.hours,
        excluded_hours=tuple(sorted(arm.excluded_hours)),
        models=dict(sorted(arm.models.items())),
        trust=arm.quality,
        made_from=dict(made_from),
        fingerprint=fingerprint(made_from),
        rows=rows,
        row_groups=tuple(
            (name, -(-len(table) // ROWS_PER_GROUP)) for name, table in tables.items()
        ),
        totals={name: _totals(table) for name, table in tables.items()},
    )
    text = facts.model_dump_json().encode()
    schema = _SCHEMA.with_metadata({_FACTS: text, _DIGEST: _digest(text)})
    try:
        with (
            atomic_write(path) as temporary,
            pq.ParquetWriter(temporary, schema, **_OPTIONS) as writer,
        ):
            for name, table in tables.items():
                for first in range(0, len(table), ROWS_PER_GROUP):
                    writer.write(
                        _as_arrow(name, table.iloc[first : first + ROWS_PER_GROUP], schema)
                    )
    except OSError as reason:  # pyarrow's text is long and does not name the file
        plain = OSError(reason.errno, os.strerror(reason.errno)) if reason.errno else reason
        raise WriteFailed(path, plain) from None


class FrozenCounts:
    """An open file of frozen counts; replacing the file does not change what is read.

    Raises DataNotTrusted when it is damaged or of another version, RolloutError when it cannot be
    read at the moment.

    Attributes
    ----------
    facts : what the file says of itself.
    name : the file as messages name it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.name = f"{path.parent.name}/{path.name}"
        with self._reading():
            self._file = pq.ParquetFile(
                path, page_checksum_verification=True, read_dictionary=list(_TEXTS)
            )
        try:
            self.facts = self._read_facts()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> FrozenCounts:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    @property
    def window(self) -> Window:
        """The window of the arm."""
        return Window(self.facts.start, self.facts.end)

    def arm(self) -> Arm:
        """The arm that was written. Raises DataNotTrusted when the counts are damaged."""
        facts = self.facts
        with self._reading():
            tables = self._read_tables()
            if {name: _totals(rows) for name, rows in tables.items()} != facts.totals:
                raise self._damaged()
            return Arm(
                window=self.window,
                hours=facts.hours,
                latency=LatencyCounts(set_types(tables.pop("latency"))),
                hourly=HourlyCounts(set_types(tables.pop("hourly"))),
                bins=HourlyBins(set_types(tables.pop("bins"))),
                events=EventCounts(set_types(tables.pop("events"))),
                limits=_typed_limits(tables["limits"]),
                quality=facts.trust,
                excluded_hours=frozenset(facts.excluded_hours),
                models=facts.models,
            )

    def _read_facts(self) -> FrozenFacts:
        with self._reading():
            metadata = self._file.schema_arrow.metadata or {}
            text = metadata[_FACTS]
            facts = json.loads(text)
            if not isinstance(facts, dict) or facts.get("format") != FORMAT:
                raise DataNotTrusted(
                    f"the frozen baseline {self.name} was written by another version; "
                    "delete it while the rows exist, and run again"
                )
            if metadata.get(_DIGEST) != _digest(text):
                raise self._damaged()
            return FrozenFacts.model_validate(facts)

    def _read_tables(self) -> dict[str, pd.DataFrame]:
        tables, first = {}, 0
        for name, n_groups in self.facts.row_groups:
            groups, columns = list(range(first, first + n_groups)), list(_COLUMNS[name])
            # The column "table" is read so that damage in it is found too.
            read = self._file.read_row_groups(groups, columns=["table", *columns])
            tables[name] = read.select(columns).to_pandas(
                integer_object_nulls=False, split_blocks=True
            )
            first += n_groups
        return tables

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Distinguish a damaged file from one that cannot be read now: only the first may go."""
        try:
            yield
        except (
            MemoryError,
            pa.ArrowException,
            LookupError,
            TypeError,
            ValueError,
            AttributeError,
            OSError,
            WrongUse,
        ) as error:
            has_no_thread = type(error) is pa.ArrowException
            if isinstance(error, MemoryError) or has_no_thread or "alloc" in str(error).lower():
                raise RolloutError(
                    f"there is not enough memory to read the frozen baseline {self.name}; "
                    "free some, then run again"
                ) from None
            if isinstance(error, OSError) and error.errno:
                raise RolloutError(
                    f"the frozen baseline {self.name} cannot be read ({error.strerror}); "
                    "make it readable, then run again"
                ) from None
            raise self._damaged() from None

    def _damaged(self) -> DataNotTrusted:
        return DataNotTrusted(
            f"the frozen baseline {self.name} is damaged; delete it while the rows exist, "
            "and run again"
        )


def read_facts(path: Path) -> FrozenFacts:
    """What a frozen file says of itself."""
    with FrozenCounts(path) as frozen:
        return frozen.facts


def _find_names(tables: Mapping[str, pd.DataFrame]) -> Iterator[str]:
    """The features and sources of the tables, which the scan for leaks cannot read in Parquet."""
    for table in tables.values():
        for key in table.columns.intersection(["feature", "source"]):
            yield from map(str, table[key].dropna().unique())


def _as_arrow(name: str, rows: pd.DataFrame, schema: pa.Schema) -> pa.Table:
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


def _totals(rows: pd.DataFrame) -> dict[str, int]:
    """The number of rows, and the sum of each column of numbers.

    Checksums of pages do not find damage in what says how to read them; these sums do.
    """
    numbers = rows.select_dtypes("number")
    sums = {
        str(name): int(column.fillna(0).to_numpy("int64").sum()) for name, column in numbers.items()
    }
    return {"": len(rows)} | sums


def _digest(text: bytes) -> bytes:
    return hashlib.sha256(text).hexdigest().encode()


def _typed_limits(limits: pd.DataFrame) -> pd.DataFrame:
    """Limits as they were made: whole numbers, with NA only in columns that miss one."""
    numbers = limits.columns.drop("feature")
    kinds = {name: "Int64" if limits[name].isna().any() else "int64" for name in numbers}
    return limits.astype({"feature": "str", **kinds})
