"""The reports of a rollout that are on disk: results and failures of each window."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from analysis.paths import OutputPaths, WindowFolder
from analysis.results.model import LookResult
from analysis.results.storage import read_result

NEWEST_RESULTS = 5


@dataclass(frozen=True)
class StoredReport:
    """The folder of one window.

    Attributes
    ----------
    result : the object of its result.json; None when there is none or it cannot be read.
    has_page, has_failed : which pages are there.
    """

    folder: WindowFolder
    result: LookResult | None
    has_page: bool
    has_failed: bool

    @property
    def is_planned(self) -> bool:
        """Whether it is one of the planned looks."""
        return self.result is not None and self.result.look.planned is not None


def read_reports(paths: OutputPaths) -> list[StoredReport]:
    """Every window that has a page, a result or a failure, in every stage."""
    reports = []
    for folder in paths.existing_windows():
        has_page, has_failed = folder.page.exists(), folder.failed.exists()
        if has_page or has_failed or folder.result.exists():
            reports.append(StoredReport(folder, read_result(folder.result), has_page, has_failed))
    return reports


def newest_result(paths: OutputPaths) -> LookResult | None:
    """The result of the latest planned look, among the files written last."""
    results = [folder.result for folder in paths.existing_windows() if folder.result.exists()]
    results.sort(key=lambda path: path.stat().st_mtime_ns, reverse=True)
    return latest_planned(map(read_result, results[:NEWEST_RESULTS]))


def latest_planned(results: Iterable[LookResult | None]) -> LookResult | None:
    """The planned look that ends last: its verdict is the rollout's."""
    planned = [result for result in results if result and result.look.planned]
    return max(planned, key=lambda result: result.look.end, default=None)
