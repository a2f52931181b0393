"""The tables of counts that everything after SQL is computed from; they merge with ``+``.

A latency is a whole number of milliseconds, so calls counted per millisecond lose nothing:
quantiles, ECDF and Kaplan-Meier computed from `LatencyCounts` equal those computed from the rows.
Rows never leave the database.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.types import union_categoricals

from analysis.metrics import SLOWER_THAN_PERCENTILES

TEXT_KEYS = ("feature", "source", "tenant", "kind")
LARGEST_INT64 = 2**63 - 1


@dataclass(frozen=True, eq=False)
class CountTable:
    """Sums per key: one row a key, sorted by key.

    Do not add tables whose calls overlap or whose limits per feature (tau, percentiles) differ.

    Attributes
    ----------
    rows : DataFrame with the columns ``KEYS + SUMS``. Text keys are sorted categories with NA for
        SQL NULL, since a million rows have few names; everything else is int64.
    """

    rows: pd.DataFrame

    KEYS: ClassVar[tuple[str, ...]] = ()
    SUMS: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def of(cls, rows: pd.DataFrame) -> Self:
        """The table of these rows, with equal keys summed.

        Rows are sorted here, not in SQL: collations differ. Raises ValueError when a column is
        missing; other columns are ignored.
        """
        return cls.of_pieces([rows])

    @classmethod
    def of_pieces(cls, pieces: list[pd.DataFrame]) -> Self:
        """The table of all rows of one or more frames; the list is empty afterwards.

        It releases each column once it is in the table, so that a long scan is not in memory
        twice.
        """
        names = list(cls.KEYS + cls.SUMS)
        for piece in pieces:
            if missing := [name for name in names if name not in piece.columns]:
                columns = ", ".join(map(str, piece.columns))
                raise ValueError(
                    f"{cls.__name__} needs the column {missing[0]!r}; it has {columns}"
                )
        held = [piece[names] for piece in pieces]
        pieces.clear()
        keys = {name: _concat([piece.pop(name) for piece in held]) for name in cls.KEYS}
        sums = ((name, _concat([piece.pop(name) for piece in held])) for name in cls.SUMS)
        return cls(_sum_by_key(keys, sums))

    @classmethod
    def empty(cls) -> Self:
        """The table of no calls: the neutral element of ``+``."""
        return cls.of(pd.DataFrame({column: [] for column in cls.KEYS + cls.SUMS}))

    def __add__(self, other: Self) -> Self:
        """All calls of both tables."""
        if self.rows.empty or other.rows.empty:
            return self if other.rows.empty else other
        both = self.rows, other.rows
        keys = {name: _concat([rows[name] for rows in both]) for name in self.KEYS}
        sums = ((name, _concat([rows[name] for rows in both])) for name in self.SUMS)
        return type(self)(_sum_by_key(keys, sums))

    def where(self, keep: NDArray[np.bool_] | pd.Series) -> Self:
        """The rows for which ``keep`` (bool, one a row) is true."""
        return type(self)(self.rows.loc[np.asarray(keep, dtype=bool)].reset_index(drop=True))


class LatencyCounts(CountTable):
    """Calls per (feature, source, outcome code, latency in whole ms); none without a latency."""

    KEYS = ("feature", "source", "outcome", "latency_ms")
    SUMS = ("calls",)


class HourlyCounts(CountTable):
    """Sums per (feature, source, tenant hash, hour from the deploy, lag, outcome code).

    ``lag_hours`` is 0 for a call written by the end of its hour plus the ingestion delay, else
    the number of hours it came later. A look of L hours holds the calls with
    ``hour + lag_hours < L``, so that a repeated look gives the same counts. ``timed_calls`` are
    the calls with a latency; ``*_2`` are sums of squares; ``ln_ms`` sums ln(latency) in millionths,
    rounded per call, 0 ms counted as 1; ``capped_ms`` sums min(latency, tau)
    and ``tau_ms`` sums tau over timed calls; ``slower_p95`` counts timed calls slower than their
    feature's baseline p95.
    """

    KEYS = ("feature", "source", "tenant", "hour", "lag_hours", "outcome")
    SUMS = (
        "calls",
        "timed_calls",
        "latency_ms",
        "latency_ms_2",
        "ln_ms",
        "ln_ms_2",
        "capped_ms",
        "capped_ms_2",
        "tau_ms",
        "tau_ms_2",
        *(f"slower_p{percentile}" for percentile in SLOWER_THAN_PERCENTILES),
        "output_token_calls",
        "output_tokens",
        "output_tokens_2",
        "total_token_calls",
        "total_tokens",
        "total_tokens_2",
    )


class HourlyBins(CountTable):
    """Calls per (feature, source, hour from the deploy, outcome, lower edge of the bin in ms).

    A bin is a latency cut to two significant digits (90 bins a decade), the same on every engine
    and in every window. Outcomes are 0 success, 1 timeout and 2 any other failure. The source is
    NA in all rows when no claim is about a source.
    """

    KEYS = ("feature", "source", "hour", "outcome", "bin_ms")
    SUMS = ("calls",)


class EventCounts(CountTable):
    """Events counted from single calls or minutes: ``y`` of ``n``, by ``kind``.

    ``recovered``: failures followed by a success within ten minutes, of all failures.
    ``cron_over:<budget ms>:<source>:<feature>``: minutes over budget, of the minutes with a call;
    feature, source and tenant are NA.
    """

    KEYS = ("feature", "source", "tenant", "hour", "lag_hours", "kind")
    SUMS = ("y", "n")


def set_types(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of a table of counts with its types: sorted categories, and int64."""
    columns = {
        name: sort_categories(column) if name in TEXT_KEYS else column.astype("int64")
        for name, column in rows.items()
    }
    return pd.DataFrame(columns, copy=False)


def sort_categories(texts: pd.Series) -> pd.Series:
    """Texts, or categories in any order, as sorted categories."""
    if isinstance(texts.dtype, pd.CategoricalDtype):
        ordered = texts.cat.reorder_categories(sorted(texts.cat.categories))
        codes, names = ordered.cat.codes.to_numpy(), ordered.cat.categories
    else:
        codes, names = pd.factorize(texts.astype("str"), sort=True)
    categories = pd.Categorical.from_codes(codes, categories=pd.Index(names, dtype="str"))
    return pd.Series(categories, index=texts.index)


def _concat(parts: list[pd.Series]) -> pd.Series:
    """One column after the other, with the type that its name asks for."""
    if parts[0].name in TEXT_KEYS:
        texts = [sort_categories(part) for part in parts]
        if len(texts) == 1:
            return texts[0].reset_index(drop=True)
        return pd.Series(union_categoricals(texts, sort_categories=True))
    numbers = [part.to_numpy(dtype="int64") for part in parts]
    return pd.Series(np.concatenate(numbers) if len(numbers) > 1 else numbers[0])


def _sum_by_key(keys: dict[str, pd.Series], sums: Iterable[tuple[str, pd.Series]]) -> pd.DataFrame:
    """The rows sorted by key, missing texts first, with the sums of equal keys added up."""
    rank = _rank(
        [
            column.cat.codes.to_numpy() if name in TEXT_KEYS else column.to_numpy()
            for name, column in keys.items()
        ]
    )
    if (rank[1:] > rank[:-1]).all():  # sorted and unique already, as frozen counts are
        return pd.DataFrame({**keys, **dict(sums)}, copy=False)
    order = np.argsort(rank)
    rank = rank[order]
    is_first = np.append(True, rank[1:] != rank[:-1])
    firsts, has_equal_keys = np.flatnonzero(is_first), not is_first.all()
    del rank, is_first
    table: dict[str, Any] = {}
    for name in list(keys):
        table[name] = keys.pop(name).take(order[firsts]).reset_index(drop=True)
    for name, column in sums:
        ordered = column.to_numpy()[order]
        table[name] = np.add.reduceat(ordered, firsts) if has_equal_keys else ordered
    return pd.DataFrame(table, copy=False)


def _rank(codes: list[NDArray[Any]]) -> NDArray[np.int64]:
    """One number a row that sorts as its keys do: faster than sorting by several columns."""
    if not len(codes[0]):
        return np.empty(0, dtype=np.int64)
    lows = [int(code.min()) for code in codes]
    spans = [int(code.max()) - low + 1 for code, low in zip(codes, lows, strict=True)]
    if math.prod(spans) > LARGEST_INT64:
        return np.unique(np.stack(codes, axis=1), axis=0, return_inverse=True)[1]
    rank = np.zeros(len(codes[0]), dtype=np.int64)
    for code, low, span in zip(codes, lows, spans, strict=True):
        rank *= span
        rank += code
        rank -= low
    return rank
