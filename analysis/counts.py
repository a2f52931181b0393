"""The four tables of counts that carry everything after SQL: exact, small, merged with ``+``.

Latency is whole milliseconds, so counting calls per millisecond loses nothing: quantiles, ECDF and Kaplan-Meier computed from
`LatencyCounts` equal those computed from the rows. Rows themselves never leave the database.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
import pandas as pd
from pandas.api.types import union_categoricals

from analysis.metrics import SLOWER_THAN_PERCENTILES

TEXT_KEYS = ("feature", "source", "tenant", "kind")
LARGEST = 2**63 - 1


@dataclass(frozen=True, eq=False)
class CountTable:
    """Sums per key, one row a key, sorted by key.

    Attributes
    ----------
    rows : DataFrame with the columns ``KEYS + SUMS``; text keys are categories in their order with NA for SQL NULL (a few names for
        a million rows), all else is int64.

    Two tables of the same kind over disjoint calls are merged with ``+``. Do not add tables whose calls overlap, or whose
    per-feature limits (tau, thresholds) differ: their sums answer different questions.
    """

    rows: pd.DataFrame

    KEYS: ClassVar[tuple[str, ...]] = ()
    SUMS: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def of(cls, rows: pd.DataFrame) -> Self:
        """The table of these rows: columns checked and typed, equal keys summed, sorted in Python (collations differ)."""
        return cls.of_pieces([rows])

    @classmethod
    def of_pieces(cls, pieces: list[pd.DataFrame]) -> Self:
        """The table of all rows of these frames, at least one, which it takes over: the list is empty afterwards.

        Each column of them is let go when it stands in the table, so that a long scan is not in memory twice.
        """
        names = cls.KEYS + cls.SUMS
        for piece in pieces:
            if missing := [name for name in names if name not in piece.columns]:
                raise ValueError(
                    f"{cls.__name__} needs the column {missing[0]!r}; it has {', '.join(map(str, piece.columns))}"
                )
        held = [piece[list(names)] for piece in pieces]
        pieces.clear()
        keys = {name: _joined([piece.pop(name) for piece in held]) for name in cls.KEYS}
        return cls(
            _summed(
                keys, ((name, _joined([piece.pop(name) for piece in held])) for name in cls.SUMS)
            )
        )

    @classmethod
    def empty(cls) -> Self:
        """The table of no calls: the neutral element of ``+``."""
        return cls.of(pd.DataFrame({column: [] for column in cls.KEYS + cls.SUMS}))

    def __add__(self, other: Self) -> Self:
        """All calls of both tables."""
        if self.rows.empty or other.rows.empty:
            return self if other.rows.empty else other
        sides = self.rows, other.rows
        keys = {name: _joined([rows[name] for rows in sides]) for name in self.KEYS}
        return type(self)(
            _summed(keys, ((name, _joined([rows[name] for rows in sides])) for name in self.SUMS))
        )

    def where(self, keep: np.ndarray | pd.Series) -> Self:
        """The rows for which ``keep`` (bool, one a row) is true."""
        return type(self)(self.rows.loc[np.asarray(keep, dtype=bool)].reset_index(drop=True))


class LatencyCounts(CountTable):
    """Calls per (feature, source, outcome code, latency in whole ms) of one arm. Calls without a latency are not in it."""

    KEYS = ("feature", "source", "outcome", "latency_ms")
    SUMS = ("calls",)


class HourlyCounts(CountTable):
    """Sums per (feature, source, tenant hash, hour from the deploy, lag, outcome code).

    ``lag_hours`` is 0 for a call written by the end of its hour plus `settle`, else the number of hours it came later: a look
    of L hours holds the calls with ``hour + lag_hours < L``, so that a repeated look gives the same counts.
    ``timed_calls`` are the calls with a latency; ``*_2`` are sums of squares; ``capped_ms`` sums min(latency, tau) and
    ``tau_ms`` sums tau over timed calls; ``slower_p95`` counts timed calls slower than their feature's baseline p95.
    """

    KEYS = ("feature", "source", "tenant", "hour", "lag_hours", "outcome")
    SUMS = (
        "calls",
        "timed_calls",
        "latency_ms",
        "latency_ms_2",
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
    """Calls per (feature, source, hour from the deploy, outcome, lower edge of the latency bin in ms).

    The bins are the latencies cut to two significant digits (90 bins a decade), the same on every engine and in every window.
    Outcomes are 0 an answer, 1 a timeout, 2 any other failure; source is NA throughout when nothing asks for sources apart.
    """

    KEYS = ("feature", "source", "hour", "outcome", "bin_ms")
    SUMS = ("calls",)


class EventCounts(CountTable):
    """Counts that need single calls or minutes: ``kind`` names them, ``y`` events out of ``n`` chances.

    Kinds: ``recovered`` (y: failures made good within ten minutes, n: failures) and ``cron_over:<budget ms>:<source>:<feature>``
    (y: minutes over budget, n: minutes with a call; feature, source and tenant are NA).
    """

    KEYS = ("feature", "source", "tenant", "hour", "lag_hours", "kind")
    SUMS = ("y", "n")


def typed(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of a table of counts with its types: categories in their order, and int64."""
    columns = {
        name: in_order(column) if name in TEXT_KEYS else column.astype("int64")
        for name, column in rows.items()
    }
    return pd.DataFrame(columns, copy=False)


def in_order(texts: pd.Series) -> pd.Series:
    """The texts as categories in their order; what are such categories already stays."""
    if isinstance(texts.dtype, pd.CategoricalDtype):
        ordered = texts.cat.reorder_categories(sorted(texts.cat.categories))
        known, codes = ordered.cat.categories, ordered.cat.codes
    else:
        codes, known = pd.factorize(texts.astype("str"), sort=True)
    return pd.Series(
        pd.Categorical.from_codes(codes, categories=pd.Index(known, dtype="str")), index=texts.index
    )


def _joined(parts: list[pd.Series]) -> pd.Series:
    """One column after the other, with the type that its name asks for."""
    if parts[0].name in TEXT_KEYS:
        texts = [in_order(part) for part in parts]
        return (
            pd.Series(union_categoricals(texts, sort_categories=True))
            if len(texts) > 1
            else texts[0].reset_index(drop=True)
        )
    numbers = [part.to_numpy(dtype="int64") for part in parts]
    return pd.Series(np.concatenate(numbers) if len(numbers) > 1 else numbers[0])


def _summed(keys: dict[str, pd.Series], sums: Iterator[tuple[str, pd.Series]]) -> pd.DataFrame:
    """The columns in the order of the keys, missing texts first; the sums of equal keys added up."""
    place = _place(
        [
            column.cat.codes.to_numpy() if name in TEXT_KEYS else column.to_numpy()
            for name, column in keys.items()
        ]
    )
    if (place[1:] > place[:-1]).all():  # as a frozen baseline is: no copy of it
        return pd.DataFrame({**keys, **dict(sums)}, copy=False)
    order = np.argsort(place)
    place = place[order]
    is_first = np.append(True, place[1:] != place[:-1])
    firsts, has_equal = np.flatnonzero(is_first), not is_first.all()
    del place, is_first
    table = {name: keys.pop(name).take(order[firsts]).reset_index(drop=True) for name in list(keys)}
    for name, column in sums:
        ordered = column.to_numpy()[order]
        table[name] = np.add.reduceat(ordered, firsts) if has_equal else ordered
    return pd.DataFrame(table, copy=False)


def _place(codes: list[np.ndarray]) -> np.ndarray:
    """One number a row that grows as its keys do, the first key before the others: much quicker to sort by than several."""
    if not len(codes[0]):
        return np.empty(0, dtype=np.int64)
    lows = [int(code.min()) for code in codes]
    spans = [int(code.max()) - low + 1 for code, low in zip(codes, lows, strict=True)]
    if math.prod(spans) > LARGEST:  # their ranks among the keys that there are
        _, place = np.unique(np.stack(codes, axis=1), axis=0, return_inverse=True)
        return place
    place = np.zeros(len(codes[0]), dtype=np.int64)
    for code, low, span in zip(codes, lows, spans, strict=True):
        place *= span
        place += code
        place -= low
    return place
