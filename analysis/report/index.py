"""The index of a rollout and of all rollouts, made from what lies on disk and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from analysis import clock, files
from analysis.clock import iso, parse_instant
from analysis.history.stages import PlannedLook, deployed_at, plan_looks
from analysis.paths import OutputPaths
from analysis.report.places import Link
from analysis.report.prepared.claims import prepare_looks, with_parts
from analysis.report.rendering import render
from analysis.report.shelf import Report, latest, newest_result, read_ledger, read_reports
from analysis.report.strip import Strip, strip_of
from analysis.text.captions import describe_looks
from analysis.text.prose import is_sample, when_text
from analysis.text.verdict import NOT_RANDOMISED, VERDICTS, box_changed, headline, steps_of

if TYPE_CHECKING:
    from analysis.config import Settings

MOST_LEDGER_LINES = 12


@dataclass(frozen=True)
class Row:
    """One window on the index.

    Attributes
    ----------
    state : a verdict's name, or ``failed``, ``due``, ``not_due``, ``replaced`` (a later change came before its end).
    words : what to say beside the state.
    links : to its pages.
    """

    label: str
    stage: int
    state: str
    words: str
    calls: int | None
    bound: float | None
    end: str | None
    links: tuple[Link, ...]


def write_index(settings: Settings) -> Path:
    """Write the index of a rollout, and the one over all rollouts beside it; returns the rollout's page."""
    page = settings.paths.index
    files.write_text(page, rollout_index(settings))
    files.write_text(settings.paths.all_rollouts, all_rollouts_index(settings.outputs.parent))
    return page


def rollout_index(settings: Settings) -> str:
    """The page of one rollout."""
    reports = read_reports(settings.paths)
    result = latest(
        report.result for report in reports if report.result and not report.has_failed
    ) or latest(report.result for report in reports if report.result)
    return render(
        "index.html.j2",
        name=settings.rollout.name,
        title=settings.rollout.title,
        result=result,
        headline=headline(result) if result else "No planned look has been made yet.",
        changed=box_changed(result) if result else [],
        steps=steps_of(result, settings) if result else [],
        not_randomised=NOT_RANDOMISED,
        is_sample=bool(result) and is_sample(settings.source.path),
        rows=rows_of(settings, reports),
        strips=strips_of(settings, reports),
        links=_other_pages(settings.paths),
        ledger=read_ledger(settings.paths.ledger, most=MOST_LEDGER_LINES),
        deployed=when_text(result["deployed_at"]) if result else None,
        written_at=when_text(iso(clock.now().replace(microsecond=0))),
    )


def all_rollouts_index(outputs: Path) -> str:
    """The page over all rollouts in a folder, the newest look first."""
    entries = []
    for folder in sorted(path for path in outputs.iterdir() if path.is_dir()):
        paths = OutputPaths(folder)
        if paths.index.exists():
            entries.append(
                {
                    "name": folder.name,
                    "href": f"{folder.name}/{paths.index.name}",
                    "result": newest_result(paths),
                }
            )
    entries.sort(
        key=lambda entry: entry["result"]["look"]["end"] if entry["result"] else "", reverse=True
    )
    for entry in entries:
        entry["headline"] = (
            headline(entry["result"]) if entry["result"] else "No planned look has been made yet."
        )
    return render(
        "rollouts.html.j2",
        entries=entries,
        written_at=when_text(iso(clock.now().replace(microsecond=0))),
    )


def rows_of(settings: Settings, reports: Sequence[Report]) -> list[Row]:
    """A row for each planned window of every stage, made or not, and one for every other report."""
    by_folder = {report.folder: report for report in reports}
    rows = []
    for planned in plan_looks(_with_deploy(settings, reports)):
        folder = settings.paths.window(planned.label, stage=planned.stage)
        report = by_folder.pop(folder, None)
        rows.append(_row(settings.paths, report) if report else _missing_row(planned))
    if not rows:
        rows = [
            Row(label, 1, "not_due", "no deploy is recorded yet", None, None, None, ())
            for label in settings.monitoring.windows
        ]
    others = sorted(
        by_folder.values(), key=lambda report: (report.stage, str(report.end), report.folder)
    )
    return rows + [_row(settings.paths, report) for report in others]


def strips_of(settings: Settings, reports: Sequence[Report]) -> list[Strip]:
    """Every look of the newest stage at every expectation, with its interval and bound."""
    stage = max((report.stage for report in reports if report.is_planned), default=1)
    planned = {
        report.label: report.result
        for report in reports
        if report.stage == stage and report.result and report.is_planned
    }
    if not planned:
        return []
    results = [planned.get(label) for label in settings.monitoring.windows]
    names = list(
        dict.fromkeys(
            found["name"]
            for result in planned.values()
            for found in with_parts(result["expectations"])
        )
    )
    looks = [prepare_looks(results, settings.monitoring.windows, name) for name in names]
    seen = [
        prepared for prepared in looks if any(point.change is not None for point in prepared.points)
    ]
    return [strip_of(prepared, describe_looks(prepared)) for prepared in seen]


def _row(paths: OutputPaths, report: Report) -> Row:
    folder, links = report.folder, []
    if report.has_page:
        links += [
            Link(paths.relative(folder.page), "report"),
            Link(paths.relative(folder.notebook), "notebook"),
            Link(paths.relative(folder.result), "result.json"),
            Link(paths.relative(folder.summary), "summary"),
        ]
    if report.has_failed:
        links.append(Link(paths.relative(folder.failed), "why it failed"))
    result = report.result
    if result is None:
        words = (
            "the last run failed"
            if report.has_failed
            else "its result cannot be read; run the report again"
        )
        return Row(report.label, report.stage, "failed", words, None, None, None, tuple(links))
    words = VERDICTS[result["verdict"]].meaning if result["verdict"] in VERDICTS else ""
    if result["expectations"]:
        met = sum(found["finding"] == "met" for found in result["expectations"])
        words = f"{met} of {len(result['expectations'])} expectations met: {words}"
    if report.has_failed:
        words += "; a later run failed, this is the earlier report"
    if not report.is_planned:
        words += "; not a planned look, it decides nothing"
    look = result["look"]
    return Row(
        report.label,
        report.stage,
        result["verdict"],
        words,
        result["post"]["calls"],
        look["bound"],
        when_text(look["end"]),
        tuple(links),
    )


def _missing_row(planned: PlannedLook) -> Row:
    if planned.due_at <= clock.now():
        return Row(
            planned.label,
            planned.stage,
            "due",
            "no report yet: rollout report --due",
            None,
            None,
            None,
            (),
        )
    return Row(
        planned.label,
        planned.stage,
        "not_due",
        f"due {when_text(iso(planned.due_at))}",
        None,
        None,
        None,
        (),
    )


def _with_deploy(settings: Settings, reports: Sequence[Report]) -> Settings:
    """The settings with the deploy that a result knows, where neither rollout.toml nor the ledger has it."""
    recorded = next((report.result["deployed_at"] for report in reports if report.result), None)
    if deployed_at(settings) is not None or recorded is None:
        return settings
    return settings.model_copy(
        update={
            "rollout": settings.rollout.model_copy(update={"deployed_at": parse_instant(recorded)})
        }
    )


def _other_pages(paths: OutputPaths) -> list[Link]:
    pages = (
        (paths.baseline.page, "Baseline"),
        (paths.baseline.failed, "Why the baseline failed"),
        (paths.handoff, "Hand-over"),
        (paths.ledger, "Ledger"),
    )
    return [Link(paths.relative(page), text) for page, text in pages if page.exists()]
