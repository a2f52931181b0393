"""A long scan in pieces: rows are read by the time of their writing, a few days at a time, and their counts added up.

A row is written once, so the pieces share none, an index on createdAt finds each of them, and what is summed over the pieces is what
is summed over the whole. (Two queries need more: a minute of the cron is put together in Python, and a failure at the end of a
piece is shown the successes that follow it.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

import pandas as pd

from analysis.errors import TookTooLong
from analysis.telemetry.queries import FEATURES, Relation
from analysis.window import HOUR

if TYPE_CHECKING:
    from analysis.telemetry.engines import Engine

DAY = timedelta(days=1)


class Keeping(Protocol):
    """Where pieces that are counted are kept until all of them are."""

    def find(
        self, name: str, asked: Mapping[str, Any], written_from: datetime
    ) -> tuple[datetime, pd.DataFrame] | None:
        """The piece of that query that begins there: until when it goes, and its rows."""
        ...

    def keep(
        self,
        name: str,
        asked: Mapping[str, Any],
        written: tuple[datetime, datetime],
        rows: pd.DataFrame,
    ) -> None:
        """Keep a piece, that it need not be counted again after an interruption."""
        ...


@dataclass(frozen=True)
class Pace:
    """How a scan goes.

    Attributes
    ----------
    piece : how much time of writing one query reads; None for all of it.
    tell : takes a line of progress, when there is more than one piece.
    keeping : where finished pieces are kept, when there is more than one; None for nowhere.
    """

    piece: timedelta | None = None
    tell: Callable[[str], None] = lambda line: None
    keeping: Keeping | None = None

    def for_calls(self, calls: int, length: timedelta, *, a_piece: int) -> Pace:
        """Pieces of whole days that hold about `a_piece` of the `calls` in `length` each; one go when a piece holds them all."""
        if calls <= a_piece or length <= DAY:
            return self
        return replace(self, piece=max(1, int(a_piece / calls * (length / DAY))) * DAY)

    def finer(self, calls: int, length: timedelta, *, a_piece: int) -> Pace:
        """Smaller pieces for the sake of memory; where the scan is so short that it goes in one, they are neither told of nor kept."""
        return (self if self.piece else Pace()).for_calls(calls, length, a_piece=a_piece)


IN_ONE_GO = Pace()
_OF_A_PIECE = ("written_from", "written_before", "failed_before")


def scan(
    engine: Engine,
    name: str,
    parameters: Mapping[str, Any],
    *,
    relations: Mapping[str, Relation] | None = None,
    pace: Pace = IN_ONE_GO,
    followed_for: timedelta | None = None,
) -> Iterator[pd.DataFrame]:
    """What a counting query gives for the pieces of [written_from, written_before), a frame a piece, one after the other.

    With `followed_for` a query is about the rows before :failed_before, and reads those that are written so much later too. A piece
    that takes longer than the engine's time limit is tried again with half of it, down to an hour; TookTooLong then.
    """
    position, end = parameters["written_from"], parameters["written_before"]
    piece = pace.piece or max(end - position, HOUR)
    in_pieces, begun = piece < end - position, False
    of_all = {key: value for key, value in parameters.items() if key not in _OF_A_PIECE}
    asked = {"parameters": of_all, "relations": relations or {}}
    while position < end or not begun:
        kept = pace.keeping.find(name, asked, position) if pace.keeping and in_pieces else None
        if kept is None:
            until = min(position + piece, end)
            written = {
                "written_from": position,
                "written_before": until,
                **_followers(until, end, followed_for),
            }
            values = {
                **parameters,
                **written,
            }  # with numbers for names, which sort alike everywhere, it comes in order
            statement = engine.queries.statement(
                name, values, relations=relations, ordered=FEATURES in values
            )
            try:
                rows = engine.fetch(statement)
            except TookTooLong as error:
                piece, in_pieces = _half(min(piece, end - position), name, error), True
                pace.tell(f"{name}: took too long, goes on in pieces of {_in_words(piece)}")
                continue
            if pace.keeping and in_pieces:
                pace.keeping.keep(name, asked, (position, until), rows)
        else:
            until, rows = kept
        position, begun = until, True
        if in_pieces:
            pace.tell(f"{name}: counted up to {position:%Y-%m-%d %H:%M} of {end:%Y-%m-%d %H:%M}")
        yield rows
        del rows  # it is counted in the table: the next piece need not find it in memory


def _followers(until: datetime, end: datetime, followed_for: timedelta | None) -> dict[str, Any]:
    return (
        {}
        if followed_for is None
        else {"failed_before": until, "written_before": min(until + followed_for, end)}
    )


def _half(piece: timedelta, name: str, error: TookTooLong) -> timedelta:
    if piece <= HOUR:
        told = f"the query {name!r} took longer than [source].timeout even for an hour of rows"
        raise TookTooLong(f"{told}; raise it, or see what holds the database up") from error
    return max(HOUR, piece // 2 // HOUR * HOUR)


def _in_words(piece: timedelta) -> str:
    hours = piece // HOUR
    return (
        f"{hours // 24} days"
        if hours >= 48 and hours % 24 == 0
        else f"{hours} hours"
        if hours > 1
        else "an hour"
    )
