"""Reading results: a result.json on disk may be of another version or edited by hand."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from analysis.results.model import LookResult


def read_result(path: Path) -> LookResult | None:
    """The result in a file; None when there is none, or none that can be read."""
    try:
        return LookResult.model_validate_json(path.read_bytes(), strict=True)
    except (OSError, ValidationError):
        return None
