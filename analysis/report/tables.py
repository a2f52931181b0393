"""Tables of a page: columns with their kind, rows as they come; a reader can sort them in JupyterLab."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from analysis.decision.wording import count
from analysis.report.prose import NONE, value_text, when_text

Kind = Literal["text", "count", "ms", "share", "when"]


@dataclass(frozen=True)
class Column:
    """A column: the rows' key, its heading, and how its values are written."""

    key: str
    heading: str
    kind: Kind = "text"

    @property
    def is_number(self) -> bool:
        """Whether its values stand at the right."""
        return self.kind in ("count", "ms", "share")

    def text(self, row: Mapping[str, Any]) -> str:
        """The row's value in words."""
        value = row.get(self.key)
        if value is None:
            return NONE
        if self.kind == "count":
            return count(value)
        if self.kind in ("ms", "share"):
            return value_text(self.kind, value)
        return when_text(value) if self.kind == "when" else str(value)


@dataclass(frozen=True)
class Table:
    """A titled table."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[Mapping[str, Any], ...]
