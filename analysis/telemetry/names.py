"""Features and sources by number: an embedded engine groups by one small number in two thirds of the time of two texts."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd

from analysis.telemetry.queries import Relation

MOST = 1_000
"""Of more names than this the relation would cost more to write down than it saves."""
Pair = tuple[str | None, str | None]


@dataclass(frozen=True)
class Names:
    """The features and sources of some calls.

    Attributes
    ----------
    pairs : (feature, source) in their order, a missing one first; the place of a pair is its number.
    models : feature -> the model that most of its calls went to.
    """

    pairs: tuple[Pair, ...] = ()
    models: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, rows: pd.DataFrame, models: dict[str, str] | None = None) -> Names:
        """The names in the columns feature and source of `rows`, each pair once."""
        texts = rows[["feature", "source"]].drop_duplicates().astype(object)
        pairs = {tuple(None if pd.isna(text) else text for text in pair) for pair in texts.itertuples(index=False)}
        return cls(tuple(sorted(pairs, key=lambda pair: [(text is not None, text or "") for text in pair])), models or {})

    @property
    def relation(self) -> Relation:
        """The relation `names` that a query joins: number, feature, source."""
        return Relation({"number": "INTEGER", "feature": "TEXT", "source": "TEXT"}, [(at, *pair) for at, pair in enumerate(self.pairs)])

    def are_worth_it(self) -> bool:
        """Whether numbers cost less than texts."""
        return 0 < len(self.pairs) <= MOST

    def written_out(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Rows whose `feature` is a number, with feature and source as texts again (categories, so that they need not be sorted)."""
        numbers = rows["feature"].to_numpy(dtype=np.int64)
        return rows.assign(**{key: self._texts[at][numbers] for at, key in enumerate(("feature", "source"))})

    @cached_property
    def _texts(self) -> tuple[pd.Categorical, pd.Categorical]:
        columns = zip(*self.pairs, strict=True)
        return tuple(pd.Categorical(column, categories=sorted({text for text in column if text is not None})) for column in columns)


NO_NAMES = Names()
