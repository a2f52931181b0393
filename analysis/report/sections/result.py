"""The last cell of a notebook: its result, for the program that ran it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from analysis.report.notebook.runner import RESULT_MIME


@dataclass(frozen=True)
class Published:
    """The object of result.json; shown last, it says that the notebook is whole."""

    content: Mapping[str, Any]

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return {RESULT_MIME: dict(self.content), "text/plain": "the result, as in result.json"}
