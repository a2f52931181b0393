"""A frozen baseline: the counts of an arm in one Parquet file, so that a report needs only its own window's rows.

The application deletes rows after thirty days; what is frozen stays. The file says what it was made from: a fingerprint of the
queries, the mapping, the window, the exclusions and the classes.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from analysis.clock import iso, parse_instant
from analysis.counting.load import LIMIT_COLUMNS, Arm
from analysis.counts import (
    TEXT_KEYS,
    CountTable,
    EventCounts,
    HourlyBins,
    HourlyCounts,
    LatencyCounts,
    typed,
)
from analysis.errors import DataNotTrusted, RolloutError, WrongUse
from analysis.files import LeakRefused, WriteFailed, atomic_write
from analysis.leaks import find_leak
from analysis.window import Window

FORMAT = 2
ROWS_A_GROUP = 200_000
TABLES: dict[str, type[CountTable]] = {
    "latency": LatencyCounts,
    "hourly": HourlyCounts,
    "bins": HourlyBins,
    "events": EventCounts,
}
_KEY, _DIGEST = b"rollout", b"rollout-sha256"
_FEW_VALUES = ["table", *TEXT_KEYS, "hour", "lag_hours", "outcome", "calls"]
_OPTIONS = {
    "compression": "zstd",
    "write_page_checksum": True,
    "write_statistics": False,
    "use_dictionary": _FEW_VALUES,
}
"""Whoever reads the file reads all of it and skips nothing by statistics; a dictionary of sums would be as long as the sums."""


def fingerprint(**made_from: Any) -> str:
    """One short text for all that decides what the counts are; equal texts, equal counts (while the rows are the same)."""
    return hashlib.sha256(json.dumps(made_from, sort_keys=True, default=str).encode()).hexdigest()[
        :16
    ]


def write_frozen(path: Path, arm: Arm, *, made_from: dict[str, Any], rows: str = "") -> None:
    """Write the counts of an arm; the old file stays until the new one is whole.

    LeakRefused for a name that the last gate refuses, WriteFailed when the system does not let it be written.

    `made_from` decides what the counts are; `rows` is the fingerprint of the rows that they were counted from.
    """
    _check_names(path, arm)
    tables = {name: getattr(arm, name).rows for name in TABLES}
    tables["limits"] = arm.limits.astype(
        {"feature": "str"} | dict.fromkeys(list(LIMIT_COLUMNS)[1:], "Int64")
    )
    facts = {
        "format": FORMAT,
        "start": iso(arm.window.start),
        "end": iso(arm.window.end),
        "hours": list(arm.hours),
        "excluded_hours": sorted(arm.excluded_hours),
        "models": dict(sorted(arm.models.items())),
        "trust": {
            key: iso(value) if hasattr(value, "tzinfo") else value
            for key, value in arm.trust.items()
        },
        "made_from": made_from,
        "fingerprint": fingerprint(**made_from),
        "rows": rows,
        "row_groups": [[name, -(-len(table) // ROWS_A_GROUP)] for name, table in tables.items()],
        "totals": {name: _totals(table) for name, table in tables.items()},
    }
    schema = pa.unify_schemas(
        [
            pa.schema([("table", pa.string())]),
            *(_arrow(rows.head(0)).schema for rows in tables.values()),
        ]
    )
    text = json.dumps(facts).encode()
    schema = schema.with_metadata({_KEY: text, _DIGEST: _digest(text)})
    try:
        with (
            atomic_write(path) as temporary,
            pq.ParquetWriter(temporary, schema, **_OPTIONS) as writer,
        ):
            for name, rows in tables.items():
                for first in range(0, len(rows), ROWS_A_GROUP):
                    writer.write(
                        _widened(name, _arrow(rows.iloc[first : first + ROWS_A_GROUP]), schema)
                    )
    except OSError as reason:  # pyarrow's do not say of which file they are, and are long
        raise WriteFailed(
            path, OSError(reason.errno, os.strerror(reason.errno)) if reason.errno else reason
        ) from None


class Frozen:
    """A file of frozen counts, open: another that takes its place meanwhile changes nothing of what is read here.

    Raises DataNotTrusted when it is not such a file, RolloutError when it cannot be read just now.

    Attributes
    ----------
    facts : what the file says of itself: window, what it was made from, of which rows.
    shown : the file, as a sentence names it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.shown = _shown(path)
        with _reading(path):
            self._file = pq.ParquetFile(
                path, page_checksum_verification=True, read_dictionary=["table", *TEXT_KEYS]
            )
        try:
            self.facts = self._read_facts()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Frozen:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    @property
    def window(self) -> Window:
        """The calls that start in it were counted."""
        return Window(parse_instant(self.facts["start"]), parse_instant(self.facts["end"]))

    def arm(self) -> Arm:
        """The arm as it was written; DataNotTrusted when the file is not what was written."""
        facts, columns = (
            self.facts,
            {name: kind.KEYS + kind.SUMS for name, kind in TABLES.items()}
            | {"limits": tuple(LIMIT_COLUMNS)},
        )
        with _reading(self._path):
            parts = _rows_by_table(self._file, facts["row_groups"], columns)
            if {name: _totals(rows) for name, rows in parts.items()} != facts["totals"]:
                raise _damaged(self._path)
            return Arm(
                window=self.window,
                hours=(facts["hours"][0], facts["hours"][1]),
                **{name: kind(typed(parts.pop(name))) for name, kind in TABLES.items()},
                limits=_whole_numbers(parts["limits"]),
                trust={
                    key: parse_instant(value) if key.endswith("_at") and value else value
                    for key, value in facts["trust"].items()
                },
                excluded_hours=frozenset(facts["excluded_hours"]),
                models=facts["models"],
            )

    def _read_facts(self) -> dict[str, Any]:
        with _reading(self._path):
            metadata = self._file.schema_arrow.metadata or {}
            text = metadata[_KEY]
            facts = json.loads(text)
        if not isinstance(facts, dict) or facts.get("format") != FORMAT:
            written = f"the frozen baseline {self.shown} was written by another version"
            raise DataNotTrusted(f"{written}; delete it while the rows exist, and run again")
        if metadata.get(_DIGEST) != _digest(text):
            raise _damaged(self._path)
        return facts


def read_facts(path: Path) -> dict[str, Any]:
    """What a frozen file says of itself."""
    with Frozen(path) as frozen:
        return frozen.facts


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Tell a damaged file from one that cannot be read just now: only the first may be deleted."""
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
        no_thread = type(error) is pa.ArrowException
        if isinstance(error, MemoryError) or no_thread or "alloc" in str(error).lower():
            short = f"there is not enough memory to read the frozen baseline {_shown(path)}"
            raise RolloutError(f"{short}; free some, then run again") from None
        if getattr(error, "errno", None):
            raise RolloutError(
                f"the frozen baseline {_shown(path)} cannot be read ({error.strerror}); see to it, then run again"
            ) from None
        raise _damaged(path) from None


def _check_names(path: Path, arm: Arm) -> None:
    """The last gate reads texts, and this file is none: see that no feature, source or model is called like a secret."""
    columns = [
        getattr(arm, name).rows[key].dropna().unique()
        for name in TABLES
        for key in ("feature", "source")
    ]
    for text in sorted(
        {*arm.models.values(), *(str(text) for column in columns for text in column)}
    ):
        if rule := find_leak(text):
            raise LeakRefused(path, rule)


def _damaged(path: Path) -> DataNotTrusted:
    return DataNotTrusted(
        f"the frozen baseline {_shown(path)} is damaged; delete it while the rows exist, and run again"
    )


def _shown(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def _arrow(rows: pd.DataFrame) -> pa.Table:
    return _plain_strings(
        pa.Table.from_pandas(rows, preserve_index=False).replace_schema_metadata(None)
    )


def _widened(name: str, table: pa.Table, schema: pa.Schema) -> pa.Table:
    """A few rows of one table with the columns of all: each group of rows holds one table, so that no other's columns fill the memory."""
    table = table.append_column(
        "table", pa.array([name]).take(pa.nulls(len(table), pa.int32()).fill_null(0))
    )
    missing = [field for field in schema if field.name not in table.column_names]
    for field in missing:
        table = table.append_column(field, pa.nulls(len(table), field.type))
    return table.select(schema.names).cast(schema)


def _plain_strings(table: pa.Table) -> pa.Table:
    """Names, all-null and large text columns as plain text, so that the tables of one file agree."""
    for index, column in enumerate(table.schema):
        if (
            pa.types.is_large_string(column.type)
            or pa.types.is_null(column.type)
            or pa.types.is_dictionary(column.type)
        ):
            table = table.set_column(index, column.name, table.column(index).cast(pa.string()))
    return table


def _rows_by_table(
    file: pq.ParquetFile, row_groups: list[list[Any]], columns: dict[str, tuple[str, ...]]
) -> dict[str, pd.DataFrame]:
    parts, first = {}, 0
    for name, n_groups in row_groups:
        groups = list(range(first, first + n_groups))
        read = file.read_row_groups(
            groups, columns=["table", *columns[name]]
        )  # its name too: its place is at the front of the file
        parts[name] = read.select(list(columns[name])).to_pandas(
            integer_object_nulls=False, split_blocks=True
        )
        first += n_groups
    return parts


def _totals(rows: pd.DataFrame) -> dict[str, int]:
    """Number of rows, and the sum of each column of numbers: pages have checksums of their own, what says how to read them has none."""
    numbers = rows.select_dtypes("number")
    return {"": len(rows)} | {
        name: int(numbers[name].fillna(0).to_numpy("int64").sum()) for name in sorted(numbers)
    }


def _digest(text: bytes) -> bytes:
    return hashlib.sha256(text).hexdigest().encode()


def _whole_numbers(limits: pd.DataFrame) -> pd.DataFrame:
    """Limits as they were made: whole numbers, with NA only where one is missing."""
    numbers = [column for column in limits.columns if column != "feature"]
    kinds = {column: "Int64" if limits[column].isna().any() else "int64" for column in numbers}
    return limits.astype(kinds | {"feature": "str"})
