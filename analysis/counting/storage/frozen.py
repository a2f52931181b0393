"""Frozen counts: all counts of an arm in one Parquet file that says what they were made from.

The application deletes rows after 30 days; frozen counts stay. Each row group holds rows of one
table, with the columns of all tables. Pages have checksums, and the facts have a digest.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from analysis.counting.arm import Arm
from analysis.counting.inputs import Inputs, fingerprint
from analysis.counting.storage.frozen_format import (
    DIGEST,
    FACTS,
    FORMAT,
    SCHEMA,
    TABLE_COLUMNS,
    TABLES,
    TEXTS,
    FrozenFacts,
    as_arrow,
    digest,
    set_limit_types,
    sum_columns,
)
from analysis.counts import EventCounts, HourlyBins, HourlyCounts, LatencyCounts, set_types
from analysis.errors import DataNotTrusted, RolloutError, WrongUse
from analysis.files import WriteFailed, atomic_write, refuse_leaks
from analysis.window import Window

ROWS_PER_GROUP = 200_000
_OPTIONS = {
    "compression": "zstd",
    "write_page_checksum": True,
    "write_statistics": False,  # the file is always read whole
    "use_dictionary": [*TEXTS, "hour", "lag_hours", "outcome", "calls"],  # few values each
}


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
        totals={name: sum_columns(table) for name, table in tables.items()},
    )
    text = facts.model_dump_json().encode()
    schema = SCHEMA.with_metadata({FACTS: text, DIGEST: digest(text)})
    try:
        with (
            atomic_write(path) as temporary,
            pq.ParquetWriter(temporary, schema, **_OPTIONS) as writer,
        ):
            for name, table in tables.items():
                for first in range(0, len(table), ROWS_PER_GROUP):
                    writer.write(as_arrow(name, table.iloc[first : first + ROWS_PER_GROUP], schema))
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
                path, page_checksum_verification=True, read_dictionary=list(TEXTS)
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
            if {name: sum_columns(rows) for name, rows in tables.items()} != facts.totals:
                raise self._damaged()
            return Arm(
                window=self.window,
                hours=facts.hours,
                latency=LatencyCounts(set_types(tables.pop("latency"))),
                hourly=HourlyCounts(set_types(tables.pop("hourly"))),
                bins=HourlyBins(set_types(tables.pop("bins"))),
                events=EventCounts(set_types(tables.pop("events"))),
                limits=set_limit_types(tables["limits"]),
                quality=facts.trust,
                excluded_hours=frozenset(facts.excluded_hours),
                models=facts.models,
            )

    def _read_facts(self) -> FrozenFacts:
        with self._reading():
            metadata = self._file.schema_arrow.metadata or {}
            text = metadata[FACTS]
            facts = json.loads(text)
            if not isinstance(facts, dict) or facts.get("format") != FORMAT:
                raise DataNotTrusted(
                    f"the frozen baseline {self.name} was written by another version; "
                    "delete it while the rows exist, and run again"
                )
            if metadata.get(DIGEST) != digest(text):
                raise self._damaged()
            return FrozenFacts.model_validate(facts)

    def _read_tables(self) -> dict[str, pd.DataFrame]:
        tables, first = {}, 0
        for name, n_groups in self.facts.row_groups:
            groups, columns = list(range(first, first + n_groups)), list(TABLE_COLUMNS[name])
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
