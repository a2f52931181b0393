"""The hand-over as a page: where the rollout stands, what was done, and the next steps."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from analysis import files
from analysis.config import Settings
from analysis.report.index import write_index
from analysis.report.page_templates import render


def write_handoff(settings: Settings, content: Mapping[str, Any]) -> Path:
    """Write the page of a hand-over, given as a dictionary; the index links it."""
    files.write_text(settings.paths.handoff, handoff_page(content))
    write_index(settings)
    return settings.paths.handoff


def handoff_page(content: Mapping[str, Any]) -> str:
    """The page as text."""
    return render("handoff.html.j2", content=content)
