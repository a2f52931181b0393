"""Reports from a rollout's settings to files that are whole: run the notebook, make the page, write everything, or say why not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis import clock, files
from analysis.errors import NotYetDue, RolloutError, WrongUse
from analysis.history.ledger import only_one
from analysis.paths import ReportFolder
from analysis.report.notebook.runner import Executed, Progress, run_notebook, stopping_others
from analysis.window import Window

if TYPE_CHECKING:
    from analysis.config import Settings

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
AT_ONCE = 2  # each report is a process of its own, and most machines that watch have two cores


@dataclass(frozen=True, eq=False)
class WrittenReport:
    """A report that was written.

    Attributes
    ----------
    result : the object of its result.json.
    page : its report.html.
    """

    result: dict[str, Any]
    page: Path


def run_window_report(
    settings: Settings,
    label: str | None,
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    stage: int = 1,
    github: bool = False,
    on_progress: Progress | None = None,
) -> WrittenReport:
    """Write the report of a planned window (of a later stage from `start` on), or of an exploratory stretch from `start` to `end`."""
    if label is not None:
        settings.window_length(label)  # refused here when it is not planned, before a kernel starts
        parameters = {"config": settings.path.name, "window": label}
        if stage > 1 and start is not None:
            parameters["start"] = clock.iso(start)
    elif start is not None and end is not None:
        parameters = {
            "config": settings.path.name,
            "start": clock.iso(start),
            "end": clock.iso(end),
        }
    else:
        raise WrongUse("give a window, or both ends of a stretch of time")
    folder = settings.paths.window(label or Window(start, end).label, stage=stage)
    return _run(
        settings, "window.ipynb", parameters, folder, github=github, on_progress=on_progress
    )


def run_window_reports(
    settings: Settings,
    labels: Sequence[str],
    *,
    start: datetime | None = None,
    stage: int = 1,
    github: bool = False,
    on_progress: Progress | None = None,
) -> list[WrittenReport]:
    """Write the reports of several planned windows of a stage, two at a time; the first goes alone when it has to freeze the baseline."""
    run = partial(
        run_window_report,
        settings,
        start=start,
        stage=stage,
        github=github,
        on_progress=on_progress,
    )
    alone = 0 if settings.paths.baseline_counts.exists() else 1
    written = [run(label) for label in labels[:alone]]
    with ThreadPoolExecutor(max_workers=AT_ONCE) as workers:
        started = [workers.submit(run, label) for label in labels[alone:]]
        try:
            return [*written, *(future.result() for future in started)]
        except (KeyboardInterrupt, SystemExit):
            with stopping_others():
                workers.shutdown(cancel_futures=True)
            raise


def run_baseline_report(
    settings: Settings, *, on_progress: Progress | None = None
) -> WrittenReport:
    """Freeze the baseline and write its report."""
    return _run(
        settings,
        "baseline.ipynb",
        {"config": settings.path.name},
        settings.paths.baseline,
        on_progress=on_progress,
    )


def _run(
    settings: Settings,
    notebook: str,
    parameters: Mapping[str, str],
    folder: ReportFolder,
    *,
    github: bool = False,
    on_progress: Progress | None = None,
) -> WrittenReport:
    """Run, make, write; when anything fails, leave failed.html beside whatever good report was there."""
    from analysis.report.index import write_index

    with only_one(settings, "report", part=settings.paths.relative(folder.path), busy=NotYetDue):
        try:
            executed = run_notebook(
                NOTEBOOKS / notebook, parameters, folder=settings.folder, on_progress=on_progress
            )
            page = _write(settings, executed, folder, github=github)
        except NotYetDue:
            raise
        except RolloutError as failure:
            _write_failed(settings, folder, failure)
            write_index(settings)
            raise
        write_index(settings)
    return WrittenReport(executed.result, page)


def _write(settings: Settings, executed: Executed, folder: ReportFolder, *, github: bool) -> Path:
    """Everything of one report, all or none; the page comes last."""
    import json

    import nbformat

    from analysis.report.notebook.page import export_page, figures_of
    from analysis.report.places import facts_of
    from analysis.report.summary import append_to_step_summary, summary_of

    page = export_page(executed.notebook, facts_of(settings, executed.result, folder.path))
    texts = {f"figures/{name}.svg": svg for name, svg in figures_of(page).items()}
    texts |= {
        folder.notebook.name: nbformat.writes(executed.notebook),
        folder.summary.name: summary_of(executed.result),
    }
    texts |= {
        folder.result.name: json.dumps(
            executed.result, indent=2, ensure_ascii=False, allow_nan=False
        )
        + "\n",
        folder.page.name: page,
    }
    files.write_texts(folder.path, texts)
    _remove_others(folder.figures, keep={Path(name).name for name in texts})
    folder.failed.unlink(missing_ok=True)
    if github:
        append_to_step_summary(texts[folder.summary.name])
    return folder.page


def _write_failed(settings: Settings, folder: ReportFolder, failure: RolloutError) -> None:
    from analysis.report.failed import failed_page

    has_report = folder.page.exists()
    page = failed_page(settings, folder.path, failure, has_report=has_report)
    files.write_text(folder.failed, page)


def _remove_others(folder: Path, *, keep: set[str]) -> None:
    """Figures of an earlier run that this one does not have."""
    for path in folder.glob("*.svg"):
        if path.name not in keep:
            path.unlink(missing_ok=True)
