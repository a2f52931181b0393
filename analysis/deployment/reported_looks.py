"""Looks with their reports, as the commands make them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from analysis.deployment.looks import RunLook, Say, record_look, run_due
from analysis.errors import NotYetDue, WrongUse
from analysis.history.timeline import (
    NoDeployError,
    PlannedLook,
    read_timeline,
    with_recorded_deploy,
)
from analysis.report.reports import WrittenReport, run_window_report, run_window_reports
from analysis.results.model import LookResult
from analysis.results.storage import read_result

if TYPE_CHECKING:
    from analysis.config import Settings


def look_reporter(settings: Settings, *, github: bool = False) -> RunLook:
    """What `watch` and `report --due` run for each look: its report, in the folder of its stage."""

    def report(look: PlannedLook) -> LookResult:
        return run_window_report(
            with_recorded_deploy(settings),
            look.label,
            start=look.window.start if look.stage > 1 else None,
            stage=look.stage,
            github=github,
        ).result

    return report


def report_planned_looks(
    settings: Settings, labels: Sequence[str], *, github: bool = False
) -> list[WrittenReport[LookResult]]:
    """Report planned windows of the newest stage, two at a time, and record them in this order."""
    looks = [_newest_look(settings, label) for label in labels]
    first = looks[0]
    written = run_window_reports(
        with_recorded_deploy(settings),
        [look.label for look in looks],
        start=first.window.start if first.stage > 1 else None,
        stage=first.stage,
        github=github,
    )
    for look, report in zip(looks, written, strict=True):
        record_look(settings, look, report.result)
    return written


def report_due_looks(
    settings: Settings, *, say: Say, github: bool = False
) -> WrittenReport[LookResult]:
    """Report every look that is due and not in the ledger; return the newest look of all.

    Raises the first failure, or NotYetDue when no look has been made yet.
    """
    report = run_due(settings, look_reporter(settings, github=github), say=say)
    if report.failed:
        raise report.failed[0][1]
    if last := report.standing.last:
        folder = settings.paths.window(last.window, stage=last.stage)
        if result := read_result(folder.result):
            return WrittenReport(result, folder.page)
    raise NotYetDue(
        f"no window of {settings.rollout.name} is due yet; 'rollout watch' waits for them"
    )


def _newest_look(settings: Settings, label: str) -> PlannedLook:
    """The look of that window, however it is written, in the newest stage that plans it."""
    length, timeline = settings.window_length(label), read_timeline(settings)
    if timeline.deployed_at is None:
        raise NoDeployError
    looks = [look for look in reversed(timeline.looks) if look.window.length == length]
    if not looks:
        raise WrongUse(f"window {label} mixes with a later change; choose another")
    return looks[0]
