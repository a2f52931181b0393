"""Tables of a page: columns with their kind, rows as they come; a reader can sort them in JupyterLab."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from analysis.errors import WrongUse
from analysis.formatting import count
from analysis.report.rendering import render
from analysis.text.prose import NONE, value_text, when_text

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

    def sorted_by(self, key: str, *, descending: bool | None = None) -> Table:
        """The same rows in another order: numbers from the largest unless asked otherwise, texts from a to z; what is not there last."""
        column = next((column for column in self.columns if column.key == key), None)
        if column is None:
            raise WrongUse(
                f"table '{self.title}' has no column {key!r}; it has {', '.join(column.key for column in self.columns)}"
            )
        turned = column.is_number if descending is None else descending
        there = sorted(
            (row for row in self.rows if row.get(key) is not None),
            key=lambda row: row[key],
            reverse=turned,
        )
        return replace(self, rows=(*there, *(row for row in self.rows if row.get(key) is None)))

    def top(self, rows: int) -> Table:
        """Only the first rows."""
        return replace(self, rows=self.rows[:rows])

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        text = [" | ".join(column.heading for column in self.columns)]
        text += [" | ".join(column.text(row) for column in self.columns) for row in self.rows]
        return {
            "text/html": render("sections/table.html.j2", table=self, intro=""),
            "text/plain": "\n".join(text),
        }
