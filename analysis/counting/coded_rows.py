"""Tables of counts as arrays, prepared once for both arms: a claim's rows are then picked by integers, not by words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from pandas.api.types import union_categoricals

from analysis.counts import TEXT_KEYS, sort_categories

MISSING = 0
"""Code of a text that is not there (SQL NULL); names are counted from 1, in alphabetical order, the same in both arms."""


@dataclass(frozen=True, eq=False)
class CodedRows:
    """Rows of one table of counts, of one arm.

    Attributes
    ----------
    texts : text key (feature, source, tenant, kind) -> code of each row's text, 0 where it is missing.
    numbers : every other column -> its values; `outcome` classes also as ``succeeded`` and ``failed``, 0 or 1.
    """

    texts: dict[str, np.ndarray]
    numbers: dict[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.numbers["hour"])


@dataclass(frozen=True, eq=False)
class CodedArms:
    """One table of counts of both arms.

    Attributes
    ----------
    names : text key -> its texts in order; that of code k is ``names[key][k - 1]``.
    weight : the column that counts chances: calls, or n of events.
    """

    names: dict[str, tuple[str, ...]]
    baseline: CodedRows
    post: CodedRows
    weight: str

    def codes(self, key: str, belongs: Callable[[str], bool]) -> np.ndarray:
        """Which codes of a text key belong, as a mask over codes; a missing text never does."""
        return np.array([False, *(belongs(name) for name in self.names[key])])


def code_arms(baseline: pd.DataFrame, post: pd.DataFrame) -> CodedArms:
    """The rows of the same table of counts in both arms, their texts as codes."""
    names, codes = {}, {}
    for key in (key for key in TEXT_KEYS if key in baseline.columns):
        both = union_categoricals(
            [sort_categories(baseline[key]), sort_categories(post[key])], sort_categories=True
        )
        names[key], codes[key] = tuple(both.categories), both.codes.astype(np.int64) + 1
    split = len(baseline)
    return CodedArms(
        names=names,
        baseline=_rows(baseline, {key: code[:split] for key, code in codes.items()}),
        post=_rows(post, {key: code[split:] for key, code in codes.items()}),
        weight="calls" if "calls" in baseline.columns else "n",
    )


def _rows(rows: pd.DataFrame, texts: dict[str, np.ndarray]) -> CodedRows:
    numbers = {
        name: rows[name].to_numpy(dtype=np.int64) for name in rows.columns if name not in TEXT_KEYS
    }
    if "outcome" in numbers:
        succeeded = (numbers["outcome"] == 0).astype(np.int64)
        numbers |= {"succeeded": succeeded, "failed": 1 - succeeded}
    return CodedRows(texts, numbers)
