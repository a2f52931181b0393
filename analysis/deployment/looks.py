"""Looks as the commands make them: which one is meant, its report, and its line in the ledger."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from analysis.errors import NotYetDue, WrongUse
from analysis.history.stages import PlannedLook, current_stage, plan_looks, with_recorded_deploy
from analysis.window import hour_from

if TYPE_CHECKING:
    from analysis.config import Settings
    from analysis.report.reports import WrittenReport

NO_DEPLOY = "no deploy is known; set [rollout].deployed_at or run 'rollout deploy --at TIME'"


def first_hour_of_stage(settings: Settings, deployed_at: datetime) -> int:
    """Hours from the deploy to the start of the newest stage of the monitoring: 0 until a knob was turned."""
    stage = current_stage(settings)
    return hour_from(deployed_at, stage.start) if stage else 0


def look_maker(
    settings: Settings, *, github: bool = False
) -> Callable[[PlannedLook], dict[str, Any]]:
    """What watch and report --due call for each look: its papermill report, in the folder of its stage."""
    return lambda look: _report(settings, look, github=github).result


def make_planned_look(settings: Settings, label: str, *, github: bool = False) -> WrittenReport:
    """The report of a planned window in the newest stage; the look is recorded in the ledger."""
    return make_planned_looks(settings, [label], github=github)[0]


def make_planned_looks(
    settings: Settings, labels: Sequence[str], *, github: bool = False
) -> list[WrittenReport]:
    """The reports of planned windows in the newest stage, two at a time; the looks are recorded in the ledger, in the order asked for."""
    from analysis.deployment.watch import record_look
    from analysis.report.reports import run_window_reports

    looks = [_newest(settings, label) for label in labels]
    stage, start = looks[0].stage, looks[0].window.start
    written = run_window_reports(
        with_recorded_deploy(settings),
        [look.label for look in looks],
        start=start if stage > 1 else None,
        stage=stage,
        github=github,
    )
    for look, paths in zip(looks, written, strict=True):
        record_look(settings, look, paths.result)
    return written


def make_due_looks(settings: Settings, *, github: bool = False) -> WrittenReport:
    """Every look that is due and not in the ledger yet; returns the newest one, or raises NotYetDue when there is none."""
    from analysis.deployment.watch import find_result, run_due
    from analysis.report.reports import WrittenReport

    round_ = run_due(
        settings, look_maker(settings, github=github), say=partial(print, file=sys.stderr)
    )
    if round_.failed:
        raise round_.failed[0][1]
    last = round_.standing.last
    planned = {(look.label, look.window.start): look for look in plan_looks(settings)}
    look = planned.get((last.label, last.start)) if last else None
    result = find_result(settings, look) if look else None
    if look is None or result is None:
        raise NotYetDue(
            f"no window of {settings.rollout.name} is due yet; 'rollout watch' waits for them"
        )
    return WrittenReport(result, settings.paths.window(look.label, stage=look.stage).page)


def _report(settings: Settings, look: PlannedLook, *, github: bool) -> WrittenReport:
    from analysis.report.reports import run_window_report

    start = look.window.start if look.stage > 1 else None
    return run_window_report(
        with_recorded_deploy(settings), look.label, start=start, stage=look.stage, github=github
    )


def _newest(settings: Settings, label: str) -> PlannedLook:
    """The look of that window in the newest stage that plans it."""
    settings.window_length(label)
    look = next(
        (
            look
            for look in reversed(plan_looks(settings))
            if look.label == _planned_label(settings, label)
        ),
        None,
    )
    if look is None:
        no_deploy = with_recorded_deploy(settings).rollout.deployed_at is None
        raise WrongUse(
            NO_DEPLOY if no_deploy else f"window {label} mixes with a later change; name another"
        )
    return look


def _planned_label(settings: Settings, label: str) -> str:
    """The label as [monitoring].windows writes it: 60m is 1h."""
    return settings.monitoring.windows[
        settings.monitoring.lengths.index(settings.window_length(label))
    ]
