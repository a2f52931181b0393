"""What lies on disk of one rollout: results, failures, ledger. Read as it is; a file that cannot be read is a row that says so."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from analysis.clock import parse_instant
from analysis.paths import OutputPaths, WindowFolder
from analysis.results.storage import read_result

NEWEST_RESULTS = 5


@dataclass(frozen=True)
class Report:
    """One window's folder.

    Attributes
    ----------
    folder : its files, its label and its stage.
    result : the object of its result.json; None when there is none or it cannot be read.
    has_page, has_failed : which pages are there.
    """

    folder: WindowFolder
    result: Mapping[str, Any] | None
    has_page: bool
    has_failed: bool

    @property
    def label(self) -> str:
        """The window's name."""
        return self.folder.label

    @property
    def stage(self) -> int:
        """Which stage of the monitoring; 1 for the deploy itself."""
        return self.folder.stage

    @property
    def is_planned(self) -> bool:
        """Whether it is one of the planned looks."""
        return self.result is not None and bool(self.result["look"].get("planned"))

    @property
    def end(self) -> datetime | None:
        """When its window ends."""
        return parse_instant(self.result["look"]["end"]) if self.result else None


@dataclass(frozen=True)
class LedgerLine:
    """One line of the ledger in a few words."""

    at: str
    event: str
    words: str


def read_reports(paths: OutputPaths) -> list[Report]:
    """Every window that has a result or a failed page, in every stage."""
    reports = []
    for folder in paths.existing_windows():
        has_page, has_failed = folder.page.exists(), folder.failed.exists()
        has_result = folder.result.exists()
        if has_page or has_failed or has_result:
            result = read_result(folder.result) if has_result else None
            reports.append(Report(folder, result, has_page, has_failed))
    return reports


def newest_result(paths: OutputPaths) -> Mapping[str, Any] | None:
    """The result of the latest planned look, found among the files written last."""
    results = [folder.result for folder in paths.existing_windows() if folder.result.exists()]
    results.sort(key=lambda path: path.stat().st_mtime_ns, reverse=True)
    newest = results[:NEWEST_RESULTS]
    return latest(result for path in newest if (result := read_result(path)))


def latest(results: Any) -> Mapping[str, Any] | None:
    """The one that decides now: the planned look that ends last."""
    planned = [result for result in results if result["look"].get("planned")]
    return max(planned, key=lambda result: parse_instant(result["look"]["end"]), default=None)


def read_ledger(path: Path, *, most: int) -> list[LedgerLine]:
    """The newest lines of the ledger, newest first; a torn line is left out."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    found = []
    for line in reversed(lines):
        try:
            entry = json.loads(line)
            found.append(
                LedgerLine(_to_the_second(str(entry["at"])), str(entry["event"]), _words(entry))
            )
        except (ValueError, KeyError, TypeError, RecursionError):
            continue
        if len(found) == most:
            break
    return found


def _words(entry: Mapping[str, Any]) -> str:
    """What a look said; the plain facts of any other line."""
    by = [f"by {entry['who']}"] if entry.get("who") else []
    if entry["event"] == "look" and entry.get("verdict"):
        place = f" (look {entry['number']} of {entry['planned']})" if entry.get("planned") else ""
        return ", ".join(
            [f"{str(entry['verdict']).replace('_', ' ')} at {entry.get('window')}{place}", *by]
        )
    own = {"schema", "at", "event", "who"}
    facts = [
        (key, value)
        for key, value in entry.items()
        if key not in own and isinstance(value, str | int | float | bool)
    ]
    return ", ".join([*(f"{key.replace('_', ' ')} {value}" for key, value in facts[:5]), *by])


def _to_the_second(instant: str) -> str:
    return re.sub(r"\.\d+Z$", "Z", instant)
