"""Looks as the commands make them: which one is meant, its report, and its line in the ledger."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from analysis.errors import NotYetDue, WrongUse
from analysis.history.stages import PlannedLook, current_stage, plan_looks, with_recorded_deploy
from analysis.window import hour_from

if TYPE_CHECKING:
    from analysis.config import Settings
    from analysis.report.runs import ReportPaths

NO_DEPLOY = "no deploy is known; set [rollout].deployed_at or run 'rollout deploy --at TIME'"


def first_hour_of_stage(settings: Settings, deployed_at: datetime) -> int:
    """Hours from the deploy to the start of the newest stage of the monitoring: 0 until a knob was turned."""
    stage = current_stage(settings)
    return hour_from(deployed_at, stage.start) if stage else 0


def look_maker(settings: Settings, *, github: bool = False) -> Callable[[PlannedLook], dict[str, Any]]:
    """What watch and report --due call for each look: its papermill report, in the folder of its stage."""
    return lambda look: _report(settings, look, github=github).result


def make_planned_look(settings: Settings, label: str, *, github: bool = False) -> ReportPaths:
    """The report of a planned window in the newest stage; the look is recorded in the ledger."""
    from analysis.deployment.watch import record_look

    settings.window_length(label)
    recorded = with_recorded_deploy(settings)
    look = next((look for look in reversed(plan_looks(settings)) if look.label == _planned_label(settings, label)), None)
    if look is None:
        raise WrongUse(NO_DEPLOY if recorded.rollout.deployed_at is None else f"window {label} mixes with a later change; name another")
    written = _report(settings, look, github=github)
    record_look(settings, look, written.result)
    return written


def make_due_looks(settings: Settings, *, github: bool = False) -> ReportPaths:
    """Every look that is due and not in the ledger yet; returns the newest one, or raises NotYetDue when there is none."""
    from analysis.deployment.watch import find_result, look_folder, run_due
    from analysis.report.runs import ReportPaths

    round_ = run_due(settings, look_maker(settings, github=github), say=partial(print, file=sys.stderr))
    if round_.failed:
        raise round_.failed[0][1]
    last = round_.standing.last
    planned = {(look.label, look.window.start): look for look in plan_looks(settings)}
    look = planned.get((last.label, last.start)) if last else None
    result = find_result(settings, look) if look else None
    if look is None or result is None:
        raise NotYetDue(f"no window of {settings.rollout.name} is due yet; 'rollout watch' waits for them")
    return ReportPaths(result, look_folder(settings, look) / "report.html")


def _report(settings: Settings, look: PlannedLook, *, github: bool) -> ReportPaths:
    from analysis.report.runs import run_window_report

    start = look.window.start if look.stage > 1 else None
    return run_window_report(with_recorded_deploy(settings), look.label, start=start, stage=look.stage, github=github)


def _planned_label(settings: Settings, label: str) -> str:
    """The label as [monitoring].windows writes it: 60m is 1h."""
    return settings.monitoring.windows[settings.monitoring.lengths.index(settings.window_length(label))]
