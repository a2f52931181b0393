"""Tables of a page; an analyst can sort them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from analysis.errors import WrongUse
from analysis.formatting import NONE, count, value_in, when
from analysis.report.page_templates import render


@dataclass(frozen=True)
class Column:
    """A column: the key of its values in a row, how they are written, and its heading."""

    key: str
    kind: Literal["text", "count", "ms", "share", "when"] = "text"
    title: str = ""

    @property
    def heading(self) -> str:
        """Its title, or its key."""
        return self.title or self.key

    @property
    def is_number(self) -> bool:
        """Whether its values are right-aligned."""
        return self.kind in ("count", "ms", "share")

    def text(self, row: Mapping[str, Any]) -> str:
        """The row's value as text."""
        value = row.get(self.key)
        if value is None:
            return NONE
        if self.kind == "count":
            return count(value)
        if self.kind == "when":
            return when(value)
        return str(value) if self.kind == "text" else value_in(value, self.kind)


@dataclass(frozen=True)
class ReportTable:
    """A titled table."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[Mapping[str, Any], ...]

    def sorted_by(self, key: str, *, descending: bool | None = None) -> ReportTable:
        """The same rows in another order; rows without a value come last.

        Numbers start with the largest and texts with a, unless `descending` says otherwise.
        """
        column = next((column for column in self.columns if column.key == key), None)
        if column is None:
            keys = ", ".join(column.key for column in self.columns)
            raise WrongUse(f"table '{self.title}' has no column {key!r}; it has {keys}")
        with_value = [row for row in self.rows if row.get(key) is not None]
        without = [row for row in self.rows if row.get(key) is None]
        is_descending = column.is_number if descending is None else descending
        with_value.sort(key=lambda row: row[key], reverse=is_descending)
        return replace(self, rows=(*with_value, *without))

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        lines = [" | ".join(column.heading for column in self.columns)]
        lines += [" | ".join(column.text(row) for column in self.columns) for row in self.rows]
        return {
            "text/html": render("sections/table.html.j2", table=self, intro=""),
            "text/plain": "\n".join(lines),
        }
