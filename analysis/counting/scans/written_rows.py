"""What a window holds, in one pass over its rows: names, number of calls, first call, quality."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from analysis.counting.arm import RowQuality
from analysis.counting.grid import read_time
from analysis.counting.scans.name_codes import NameCodes
from analysis.counting.scans.scan import Scan
from analysis.telemetry.engines import Engine
from analysis.window import Window

ALL_IDS = 1_000_000
"""Up to so many ids are all compared."""
SAMPLED_IDS = 250_000
"""Of more rows, about so many are compared: those written at the start of every hour."""
SMALLEST_SAMPLE = SAMPLED_IDS // 40
"""With a smaller sample all ids are compared after all: the rows are not spread evenly."""
_QUALITY = (
    "written_rows",
    "null_latencies",
    "negative_latencies",
    "unknown_statuses",
    "started_before",
)
_CONTENT = ("successes", "null_statuses", "summed_ms", "success_ms", "mixed_ms")
"""Sums that change when rows are changed afterwards."""


@dataclass(frozen=True, eq=False)
class WrittenRows:
    """The rows written in a window and the ingestion delay after it, by feature, source and model.

    Attributes
    ----------
    window : whose rows they are, UTC.
    rows : the result of written.sql; a group that was read in chunks has a row for each.
    """

    window: Window
    rows: pd.DataFrame

    def __add__(self, later: WrittenRows) -> WrittenRows:
        """These rows and those written after them."""
        return WrittenRows(
            Window(self.window.start, later.window.end),
            pd.concat([self.rows, later.rows], ignore_index=True),
        )

    @property
    def n_rows(self) -> int:
        """How many rows there are."""
        return self._sum("written_rows")

    @property
    def first_started_at(self) -> datetime | None:
        """When the first call of the window starts, UTC; the warm-up counts. None without calls."""
        first = read_time(self.rows["first_started_at"].min())
        return first if first is not None and first < self.window.end else None

    @property
    def names(self) -> NameCodes:
        """The features and sources of the rows."""
        return NameCodes.of(self.rows)

    @property
    def models(self) -> dict[str, str]:
        """Feature -> the model of most of its rows; of equal ones the first by name."""
        keys = ["feature", "model"]
        counted = self.rows.dropna(subset=keys).groupby(keys)[["written_rows"]].sum().reset_index()
        counted = counted.sort_values("written_rows", ascending=False, kind="stable")
        first = counted.drop_duplicates("feature").sort_values("feature")
        return dict(zip(first["feature"].astype(str), first["model"].astype(str), strict=True))

    @property
    def fingerprint(self) -> str:
        """A text that differs when rows are added, deleted or changed.

        It sees a change of feature, source, model, status or latency.
        """
        names, sums = ["feature", "source", "model"], [*_QUALITY, *_CONTENT]
        counted = self.rows.groupby(names, as_index=False, dropna=False)[sums].sum()
        content = [
            counted.sort_values(names).astype(str).to_json(orient="values"),
            str(read_time(self.rows["first_written_at"].min())),
            str(read_time(self.rows["last_written_at"].max())),
        ]
        return hashlib.sha256("\n".join(content).encode()).hexdigest()[:16]

    def quality(self, *, distinct_ids: int, ids_compared: int) -> RowQuality:
        """What the data checks judge, with the numbers of ids, which are counted apart."""
        return RowQuality(
            **{name: self._sum(name) for name in _QUALITY},
            distinct_ids=distinct_ids,
            ids_compared=ids_compared,
            first_written_at=read_time(self.rows["first_written_at"].min()),
            last_written_at=read_time(self.rows["last_written_at"].max()),
        )

    def _sum(self, name: str) -> int:
        return int(self.rows[name].sum())


def load_written_rows(scan: Scan, window: Window) -> WrittenRows:
    """The rows of a window; with `Scan.previous` only those written after that look."""
    parameters = scan.grid.parameters(window)
    if scan.previous is not None:
        parameters["written_from"] = scan.grid.parameters(scan.previous)["written_before"]
    return WrittenRows(window, pd.concat(scan.run("written", parameters), ignore_index=True))


def rows_fingerprint(engine: Engine, written: WrittenRows) -> str:
    """A fingerprint of the rows and of the column types, which later files can change."""
    types = sorted(engine.columns().items())
    return f"{written.fingerprint}-{hashlib.sha256(repr(types).encode()).hexdigest()[:8]}"


def load_row_quality(scan: Scan, window: Window, written: WrittenRows | None = None) -> RowQuality:
    """What the data checks judge of a window; `written` are its rows where they are loaded."""
    written = written or load_written_rows(scan, window)
    distinct_ids, ids_compared = _count_ids(scan, window, written.n_rows)
    return written.quality(distinct_ids=distinct_ids, ids_compared=ids_compared)


def _count_ids(scan: Scan, window: Window, rows: int) -> tuple[int, int]:
    """How many different ids the rows have, and among how many rows they were compared.

    To compare 100 million texts takes gigabytes, so of many rows a sample is compared. Copies of
    a row have the same time of writing, so the same part of every hour holds all of them or none:
    a file that is read twice or a join that multiplies rows is always found, an overlap of two
    exports outside that part is not. When copies are found, all ids are compared.
    """
    engine = scan.engine
    if engine.ids_are_unique:
        return rows, rows
    parameters = scan.grid.parameters(window)
    if rows > ALL_IDS:
        part_ms = parameters["sampled_ms"] * SAMPLED_IDS // rows
        sampled, distinct = _count_distinct(engine, parameters | {"sampled_ms": part_ms})
        if sampled == distinct and sampled >= SMALLEST_SAMPLE:
            return rows, sampled
    return _count_distinct(engine, parameters)[1], rows


def _count_distinct(engine: Engine, parameters: dict[str, Any]) -> tuple[int, int]:
    found = engine.fetch(engine.queries.statement("distinct_ids", parameters)).iloc[0]
    return int(found["rows_with_id"]), int(found["distinct_ids"])
