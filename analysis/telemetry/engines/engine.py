"""What every engine offers: the queries over its table, and the rows of one statement."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import pandas as pd

    from analysis.telemetry.queries import Queries
    from analysis.telemetry.statements import Statement


@dataclass(frozen=True)
class TablePrivileges:
    """What the connection's role may do with the table; names are quoted as in SQL."""

    schema: str
    table: str
    may_write: bool


class Engine(Protocol):
    """A database that is read and never written. Engines inherit from it and define the rest.

    Attributes
    ----------
    name : duckdb, postgres, spark, or SQLAlchemy's name of another database.
    source : the place of the rows as a message names it, such as ``table 'calls'``.
    queries : the queries over the store's table.
    origin : what the rows come from, recorded before the engine was opened (`source_origin`).
    calls_per_chunk : calls that one query of a long scan reads at most, in whole days.
    calls_per_hourly_chunk : the same for a query that counts by hour. Days share no hour, so
        small chunks save memory and cost no time.
    prefers_name_codes : whether counting is faster with numbers in place of feature and source.
    """

    name: str
    source: str
    queries: Queries
    origin: Mapping[str, Any]
    calls_per_chunk: int
    calls_per_hourly_chunk: int
    prefers_name_codes: bool = False

    @property
    def ids_are_unique(self) -> bool:
        """Whether the database itself prevents that an id occurs twice."""
        return False

    def fetch(self, statement: Statement) -> pd.DataFrame:
        """Run one SELECT and return its rows, times in UTC without zone.

        Raises RolloutError with one sentence when the database does not answer; TookTooLong when
        the query exceeds [source].timeout.
        """
        ...

    def columns(self) -> dict[str, str]:
        """Column -> type, as the store has them."""
        ...

    def privileges(self) -> TablePrivileges | None:
        """What the role may do; None for an engine without roles, which is opened read-only."""
        return None

    def row_policies(self) -> list[str] | None:
        """The policies of row level security for this role; None where it is not active."""
        return None

    def close(self) -> None:
        """Close the connection; calling it twice is harmless."""
        ...
