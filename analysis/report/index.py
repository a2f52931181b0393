"""The index of a rollout, and the one over all rollouts, made from what is on disk alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from analysis import clock, files
from analysis.config import Settings
from analysis.figure_data.expectations import prepare_look_series
from analysis.formatting import when
from analysis.history.events import Event, LookEvent
from analysis.history.ledger import Entry, History, open_ledger
from analysis.history.timeline import PlannedLook, timeline_of
from analysis.paths import OutputPaths
from analysis.report.look_chart import LookChart
from analysis.report.page_templates import render
from analysis.report.stored_reports import (
    StoredReport,
    latest_planned,
    newest_result,
    read_reports,
)
from analysis.results.model import LookResult
from analysis.text.captions.expectations import describe_look_series
from analysis.text.headline import NOT_RANDOMISED, changed_lines, verdict_headline
from analysis.text.next_steps import next_steps
from analysis.text.records import is_sample
from analysis.text.verdict_labels import VERDICTS

MOST_LEDGER_LINES, MOST_FACTS = 12, 5
Link = tuple[str, str]
"""Relative address and text, so that it works from a file system too."""
NO_LOOK = "No planned look has been made yet."


@dataclass(frozen=True)
class WindowRow:
    """One window on the index.

    Attributes
    ----------
    state : a verdict's name, or ``failed``, ``due``, ``not_due``.
    words : what the state means.
    links : to its pages.
    """

    label: str
    stage: int
    state: str
    words: str
    calls: int | None = None
    bound: float | None = None
    end: str | None = None
    links: tuple[Link, ...] = ()


def write_index(settings: Settings) -> Path:
    """Write both indexes; returns the rollout's page."""
    paths = settings.paths
    files.write_text(paths.index, rollout_index(settings))
    files.write_text(paths.all_rollouts, all_rollouts_index(paths.root.parent))
    return paths.index


def rollout_index(settings: Settings) -> str:
    """The page of one rollout."""
    reports, history = read_reports(settings.paths), open_ledger(settings).read()
    whole = latest_planned(report.result for report in reports if not report.has_failed)
    result = whole or latest_planned(report.result for report in reports)
    return render(
        "index.html.j2",
        name=settings.rollout.name,
        title=settings.rollout.title,
        result=result,
        headline=_headline(result),
        changed=changed_lines(result) if result else [],
        steps=next_steps(result, settings) if result else [],
        not_randomised=NOT_RANDOMISED,
        is_sample=result is not None and is_sample(settings.source.path),
        rows=window_rows(settings, reports, history),
        charts=look_charts(settings, reports),
        links=_other_pages(settings.paths),
        events=[
            (entry, _entry_words(entry)) for entry in reversed(history.entries[-MOST_LEDGER_LINES:])
        ],
    )


def all_rollouts_index(outputs: Path) -> str:
    """The page over all rollouts in a folder, the newest look first."""
    entries: list[tuple[OutputPaths, LookResult | None]] = []
    for folder in sorted(path for path in outputs.iterdir() if path.is_dir()):
        paths = OutputPaths(folder)
        if paths.index.exists():
            entries.append((paths, newest_result(paths)))
    entries.sort(key=lambda entry: entry[1].look.end.timestamp() if entry[1] else 0, reverse=True)
    return render("rollouts.html.j2", entries=entries, headline=_headline)


def window_rows(
    settings: Settings, reports: Sequence[StoredReport], history: History
) -> list[WindowRow]:
    """A row for each planned window of every stage, made or not, and one for every other report."""
    by_folder = {report.folder: report for report in reports}
    rows = []
    for planned in timeline_of(settings, history).looks:
        folder = settings.paths.window(planned.label, stage=planned.stage)
        report = by_folder.pop(folder, None)
        rows.append(_report_row(settings.paths, report) if report else _missing_row(planned))
    if not rows:
        rows = [
            WindowRow(label, 1, "not_due", "no deploy is recorded yet")
            for label in settings.monitoring.windows
        ]
    others = sorted(by_folder.values(), key=_stage_and_end)
    return rows + [_report_row(settings.paths, report) for report in others]


def look_charts(settings: Settings, reports: Sequence[StoredReport]) -> list[LookChart]:
    """Every look of the newest stage at every expectation."""
    stage = max((report.folder.stage for report in reports if report.is_planned), default=1)
    planned = {
        report.folder.label: report.result
        for report in reports
        if report.result and report.is_planned and report.folder.stage == stage
    }
    claims = (claim for result in planned.values() for claim in result.expectations)
    names = [single.name for claim in claims for single in claim.single_claims]
    windows = settings.monitoring.windows
    results = [planned.get(label) for label in windows]
    charts = []
    for name in dict.fromkeys(names):
        series = prepare_look_series(results, windows, name)
        charts.append(LookChart(series, describe_look_series(series)))
    return [chart for chart in charts if not chart.is_empty]


def _report_row(paths: OutputPaths, report: StoredReport) -> WindowRow:
    folder, result, links = report.folder, report.result, []
    if report.has_page:
        links += [
            (paths.relative(folder.page), "report"),
            (paths.relative(folder.notebook), "notebook"),
            (paths.relative(folder.result), "result.json"),
            (paths.relative(folder.summary), "summary"),
        ]
    if report.has_failed:
        links.append((paths.relative(folder.failed), "why it failed"))
    if result is None:
        unread = "its result cannot be read; run the report again"
        words = "the last run failed" if report.has_failed else unread
        return WindowRow(folder.label, folder.stage, "failed", words, links=tuple(links))
    return WindowRow(
        folder.label,
        folder.stage,
        result.verdict,
        "; ".join(_report_words(report, result)),
        result.post.calls,
        result.look.bound,
        when(result.look.end),
        tuple(links),
    )


def _report_words(report: StoredReport, result: LookResult) -> Iterator[str]:
    """What a verdict means, and what limits it."""
    meaning = VERDICTS[result.verdict].meaning
    if result.expectations:
        met = sum(found.finding == "met" for found in result.expectations)
        meaning = f"{met} of {len(result.expectations)} expectations met: {meaning}"
    yield meaning
    if report.has_failed:
        yield "a later run failed, this is the earlier report"
    if not report.is_planned:
        yield "not a planned look, it decides nothing"


def _missing_row(planned: PlannedLook) -> WindowRow:
    state, words = "not_due", f"due {when(planned.due_at)}"
    if planned.due_at <= clock.now():
        state, words = "due", "no report yet: rollout report --due"
    return WindowRow(planned.label, planned.stage, state, words)


def _stage_and_end(report: StoredReport) -> tuple[int, str, str]:
    end = clock.iso(report.result.look.end) if report.result else ""
    return report.folder.stage, end, report.folder.label


def _other_pages(paths: OutputPaths) -> list[Link]:
    pages = (
        (paths.baseline.page, "Baseline"),
        (paths.baseline.failed, "Why the baseline failed"),
        (paths.handoff, "Hand-over"),
        (paths.ledger, "Ledger"),
    )
    return [(paths.relative(page), text) for page, text in pages if page.exists()]


def _headline(result: LookResult | None) -> str:
    return verdict_headline(result) if result else NO_LOOK


def _entry_words(entry: Entry[Event]) -> str:
    """What a look found; the plain facts of any other event."""
    event = entry.event
    if isinstance(event, LookEvent):
        number = f" (look {event.number} of {event.planned})" if event.planned else ""
        words = [f"{event.verdict.replace('_', ' ')} at {event.window}{number}"]
    else:
        plain = [
            f"{key.replace('_', ' ')} {value}"
            for key, value in event.facts().items()
            if isinstance(value, str | int | float)
        ]
        words = plain[:MOST_FACTS]
    return ", ".join([*words, *([f"by {entry.who}"] if entry.who else [])])
