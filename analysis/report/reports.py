"""Write reports: run the notebook, make the page, write every file, or write why it failed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import ValidationError

from analysis import clock, files
from analysis.config import Settings
from analysis.errors import NotYetDue, RolloutError, WrongUse
from analysis.history.locks import only_one
from analysis.leaks import find_leak
from analysis.paths import ReportFolder
from analysis.report.index import write_index
from analysis.report.notebook.kernel_process import stopping_kernels
from analysis.report.notebook.runner import ExecutedNotebook, run_notebook
from analysis.report.page_templates import render
from analysis.report.summary import append_to_step_summary, summary_of
from analysis.results.baseline import BaselineResult
from analysis.results.model import LookResult
from analysis.window import Window

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
PRELOAD = ("analysis.report.explore.explorer", "analysis.report.sections")
AT_ONCE = 2  # each report is a process of its own, and most machines that watch have two cores
Result = TypeVar("Result", LookResult, BaselineResult)


@dataclass(frozen=True, eq=False)
class WrittenReport(Generic[Result]):
    """A report that was written.

    Attributes
    ----------
    result : the object of its result.json.
    page : its report.html.
    """

    result: Result
    page: Path


def run_window_report(
    settings: Settings,
    label: str | None,
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    stage: int = 1,
    github: bool = False,
) -> WrittenReport[LookResult]:
    """Write the report of a planned window, or of an exploratory stretch from `start` to `end`.

    A planned window of a later stage begins at `start`.
    """
    parameters = {"config": settings.path.name}
    if label is not None:
        settings.window_length(label)  # refused here when it is not planned, before a kernel starts
        parameters["window"] = label
        if stage > 1 and start is not None:
            parameters["start"] = clock.iso(start)
    elif start is not None and end is not None:
        parameters |= {"start": clock.iso(start), "end": clock.iso(end)}
        label = Window(start, end).label
    else:
        raise WrongUse("give a window, or both ends of a stretch of time")
    folder = settings.paths.window(label, stage=stage)
    return _run(settings, "window.ipynb", parameters, folder, LookResult, github=github)


def run_window_reports(
    settings: Settings,
    labels: Sequence[str],
    *,
    start: datetime | None = None,
    stage: int = 1,
    github: bool = False,
) -> list[WrittenReport[LookResult]]:
    """Write the reports of several planned windows of a stage, two at a time.

    The first one runs alone when it has to freeze the baseline.
    """
    run = partial(run_window_report, settings, start=start, stage=stage, github=github)
    alone = 0 if settings.paths.baseline_counts.exists() else 1
    written = [run(label) for label in labels[:alone]]
    with ThreadPoolExecutor(max_workers=AT_ONCE) as workers:
        started = [workers.submit(run, label) for label in labels[alone:]]
        try:
            return [*written, *(future.result() for future in started)]
        except (KeyboardInterrupt, SystemExit):
            with stopping_kernels():
                workers.shutdown(cancel_futures=True)
            raise


def run_baseline_report(settings: Settings) -> WrittenReport[BaselineResult]:
    """Freeze the baseline and write its report."""
    parameters, folder = {"config": settings.path.name}, settings.paths.baseline
    return _run(settings, "baseline.ipynb", parameters, folder, BaselineResult)


def write_failure(settings: Settings, folder: ReportFolder, failure: RolloutError) -> None:
    """Write failed.html: the reason, what to do, and the log; an earlier good report stays."""
    reason = str(failure)
    if rule := find_leak(reason):
        reason = (
            "the reason cannot be shown, because it contains what looks like a secret or personal "
            f"data (rule: {rule})"
        )
    page = render(
        "failed.html.j2",
        name=settings.rollout.name,
        place=settings.paths.relative(folder.path),
        reason=reason,
        exit_code=failure.exit_code,
        log=getattr(failure, "__notes__", ()),
        has_report=folder.page.exists(),
        up=settings.paths.up_from(folder.path),
    )
    files.write_text(folder.failed, page)


def _run(
    settings: Settings,
    notebook: str,
    parameters: Mapping[str, str],
    folder: ReportFolder,
    result_type: type[Result],
    *,
    github: bool = False,
) -> WrittenReport[Result]:
    """Run the notebook and write everything, or write failed.html and raise."""
    with only_one(settings, "report", part=settings.paths.relative(folder.path), busy=NotYetDue):
        try:
            executed = run_notebook(
                NOTEBOOKS / notebook, parameters, folder=settings.folder, preload=PRELOAD
            )
            result = _validated(executed, result_type)
            _write(settings, executed, result, folder, github=github)
        except NotYetDue:
            raise
        except RolloutError as failure:
            write_failure(settings, folder, failure)
            write_index(settings)
            raise
        write_index(settings)
    return WrittenReport(result, folder.page)


def _validated(executed: ExecutedNotebook, result_type: type[Result]) -> Result:
    """The result that the notebook published, with its types."""
    try:
        return result_type.model_validate(executed.result)
    except ValidationError:
        raise RolloutError(
            "the notebook published something else than its result; restore it from the repository"
        ) from None


def _write(
    settings: Settings,
    executed: ExecutedNotebook,
    result: LookResult | BaselineResult,
    folder: ReportFolder,
    *,
    github: bool,
) -> None:
    """Everything of one report, all or none; the page comes last."""
    import nbformat

    from analysis.report.notebook.page import export_page

    summary = summary_of(result)
    content = json.dumps(result.as_json(), indent=2, ensure_ascii=False, allow_nan=False)
    figures = {f"{name}.svg": svg + "\n" for name, svg in executed.figures.items()}
    texts = {f"{folder.figures.name}/{name}": svg for name, svg in figures.items()}
    texts |= {
        folder.notebook.name: nbformat.writes(executed.notebook),
        folder.summary.name: summary,
        folder.result.name: content + "\n",
        folder.page.name: export_page(executed.notebook, settings, result, folder.path),
    }
    files.write_texts(folder.path, texts)
    for path in folder.figures.glob("*.svg"):
        if path.name not in figures:  # of an earlier run
            path.unlink(missing_ok=True)
    folder.failed.unlink(missing_ok=True)
    if github:
        append_to_step_summary(summary)
