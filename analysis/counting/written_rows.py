"""What a stretch of time holds, in one pass over its rows: names, how many calls, since when, and whether the rows can be trusted."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from analysis.counting.load import Grid, read_instant
from analysis.counting.name_codes import Names
from analysis.counting.pieces import IN_ONE_GO, Pace, scan
from analysis.telemetry.engines import Engine
from analysis.window import Window

IDS_AT_ONCE = 1_000_000
"""Up to so many ids are held against each other."""
IDS_LOOKED_AT = 250_000
"""Of more rows, those written in the first seconds or minutes of every hour speak for all: about so many."""
FEWEST_SHARE = 40
"""They must be at least this part of what evenly spread rows give, else all are counted."""
_NUMBERS = (
    "written_rows",
    "null_latencies",
    "negative_latencies",
    "unknown_statuses",
    "started_before",
)
_MENDED = ("successes", "null_statuses", "summed_ms", "success_ms", "mixed_ms")
"""What tells of rows that were mended, beside those."""


@dataclass(frozen=True, eq=False)
class Written:
    """The rows written in a window and its settle, by feature, source and model.

    Attributes
    ----------
    window : whose rows they are, UTC.
    rows : what sql/written.sql returns; a group that was read in pieces has a row for each.
    """

    window: Window
    rows: pd.DataFrame

    def __add__(self, later: Written) -> Written:
        """These rows and those that were written after them."""
        return Written(
            Window(self.window.start, later.window.end),
            pd.concat([self.rows, later.rows], ignore_index=True),
        )

    @property
    def first_started_at(self) -> datetime | None:
        """When the first call of the window starts, UTC, be it in a warm-up; None without any."""
        first = read_instant(self.rows["first_started_at"].min())
        return first if first is not None and first < self.window.end else None

    @property
    def names(self) -> Names:
        """The features and sources of the rows, by number."""
        return Names.of(self.rows)

    @property
    def models(self) -> dict[str, str]:
        """Feature -> the model that most of its rows have; of equals the first by name."""
        counted = (
            self.rows.dropna(subset=["feature", "model"])
            .groupby(["feature", "model"], as_index=False)["written_rows"]
            .sum()
        )
        ordered = counted.sort_values(
            ["feature", "written_rows", "model"], ascending=[True, False, True]
        ).drop_duplicates("feature")
        return dict(zip(ordered["feature"].astype(str), ordered["model"].astype(str), strict=True))

    @property
    def numbers(self) -> dict[str, Any]:
        """What the data checks judge, without ids: counts, and first_written_at and last_written_at in UTC."""
        counts: dict[str, Any] = {key: int(self.rows[key].sum()) for key in _NUMBERS}
        first, last = self.rows["first_written_at"].min(), self.rows["last_written_at"].max()
        return counts | {
            "first_written_at": read_instant(first),
            "last_written_at": read_instant(last),
        }

    @property
    def fingerprint(self) -> str:
        """A short text that is another one when rows were added, deleted, or given another feature, source, model, status or latency."""
        texts, sums = ["feature", "source", "model"], [*_NUMBERS, *_MENDED]
        counted = (
            self.rows.groupby(texts, as_index=False, dropna=False)[sums].sum().sort_values(texts)
        )
        told = [
            counted.astype(str).to_json(orient="values"),
            self.numbers["first_written_at"],
            self.numbers["last_written_at"],
        ]
        return hashlib.sha256("\n".join(map(str, told)).encode()).hexdigest()[:16]


def load_written(
    engine: Engine,
    grid: Grid,
    window: Window,
    *,
    pace: Pace = IN_ONE_GO,
    seen: Window | None = None,
) -> Written:
    """What the table holds of that window; only what was written after the look at `seen`, its first part, when there was one."""
    parameters = grid.parameters(window)
    if seen is not None:
        parameters["written_from"] = grid.parameters(seen)["written_before"]
    return Written(
        window, pd.concat(scan(engine, "written", parameters, pace=pace), ignore_index=True)
    )


def rows_of(engine: Engine, written: Written) -> str:
    """A fingerprint of the rows, and of the types of the store's columns: a file that comes later can change how others are read."""
    types = sorted(getattr(engine, "columns", dict)().items())
    return f"{written.fingerprint}-{hashlib.sha256(repr(types).encode()).hexdigest()[:8]}"


def load_trust(
    engine: Engine, grid: Grid, window: Window, written: Written | None = None
) -> dict[str, Any]:
    """The numbers that the data checks judge, over the rows written in `window` and its settle; `written` where it is known already."""
    numbers = (written or load_written(engine, grid, window)).numbers
    return numbers | _count_ids(engine, grid, window, numbers["written_rows"])


def _count_ids(engine: Engine, grid: Grid, window: Window, rows: int) -> dict[str, int]:
    """How many ids the rows have. A primary key says so; of many rows, a part is looked at: to count 100 million texts costs gigabytes.

    Copies of a row are written at the same time, so a part of each hour holds all of them or none: a file read twice, or a join that
    multiplies rows, shows at once, and so do two exports that overlap there; an overlap inside an hour, or an id that comes back at
    another time, can be missed. When copies are found, all ids are counted.
    """
    if engine.ids_are_unique:
        return {"distinct_ids": rows, "ids_compared": rows}
    parameters = grid.parameters(window)
    if rows > IDS_AT_ONCE:
        looked_at, distinct = _distinct(
            engine,
            parameters | {"looked_at_ms": parameters["looked_at_ms"] * IDS_LOOKED_AT // rows},
        )
        if looked_at == distinct and looked_at * FEWEST_SHARE >= IDS_LOOKED_AT:
            return {"distinct_ids": rows, "ids_compared": looked_at}
    return {"distinct_ids": _distinct(engine, parameters)[1], "ids_compared": rows}


def _distinct(engine: Engine, parameters: dict[str, Any]) -> tuple[int, int]:
    found = engine.fetch(engine.queries.statement("distinct_ids", parameters)).iloc[0]
    return int(found["rows_with_id"]), int(found["distinct_ids"])
