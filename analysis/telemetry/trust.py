"""The numbers that say whether rows can be trusted: latencies, statuses, the span of the rows, ids that occur twice."""

from __future__ import annotations

from typing import Any

from analysis.telemetry.engines import Engine
from analysis.telemetry.load import Grid, read_instant
from analysis.telemetry.scan import IN_ONE_GO, Pace, scan
from analysis.window import Window

IDS_AT_ONCE = 1_000_000
"""So many ids are held against each other; of more rows, those whose ids end in 0 (or 00) speak for all."""
FEWEST_SHARE = 40
"""Ids that end so must be at least this part of what evenly spread hexadecimal digits give, else all are counted."""


def load_trust(engine: Engine, grid: Grid, window: Window, *, pace: Pace = IN_ONE_GO) -> dict[str, Any]:
    """The numbers that the data checks judge, over the rows written in `window` and its settle."""
    pieces = scan(engine, "trust", grid.parameters(window), pace=pace)
    numbers: dict[str, Any] = {key: int(pieces[key].sum()) for key in pieces.columns if not key.endswith("_at")}
    first, last = pieces["first_written_at"].min(), pieces["last_written_at"].max()
    numbers |= {"first_written_at": read_instant(first), "last_written_at": read_instant(last)}
    return numbers | _count_ids(engine, grid, window, numbers["written_rows"])


def _count_ids(engine: Engine, grid: Grid, window: Window, rows: int) -> dict[str, int]:
    """How many ids the rows have. A primary key says so; of many rows, a part is looked at: to count 100 million texts costs gigabytes.

    An id is picked by its end, so with all its copies: a file read twice, or a join that multiplies rows, shows at once. When copies
    are found, all ids are counted.
    """
    if engine.ids_are_unique:
        return {"distinct_ids": rows, "ids_compared": rows}
    ending, expected = "", float(rows)
    while expected > IDS_AT_ONCE:
        ending, expected = ending + "0", expected / 16
    if ending:
        looked_at, distinct = _distinct(engine, grid, window, f"%{ending}")
        if looked_at == distinct and looked_at * FEWEST_SHARE >= expected:
            return {"distinct_ids": rows, "ids_compared": looked_at}
    return {"distinct_ids": _distinct(engine, grid, window, "%")[1], "ids_compared": rows}


def _distinct(engine: Engine, grid: Grid, window: Window, ids_like: str) -> tuple[int, int]:
    found = engine.fetch(engine.queries.statement("distinct_ids", grid.parameters(window) | {"ids_like": ids_like})).iloc[0]
    return int(found["rows_with_id"]), int(found["distinct_ids"])
