"""What was done in a rollout, by its ledger and its outputs, and what nobody checked."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from analysis import clock
from analysis.config import Settings
from analysis.history.events import (
    DeployEvent,
    KnobEvent,
    LookEvent,
    PreflightEvent,
    SchemaPushEvent,
    SmokeEvent,
)
from analysis.history.ledger import Entry, History
from analysis.history.timeline import production_deploys
from analysis.results.model import LookResult
from analysis.text.records import FINDINGS

Run = TypeVar("Run", PreflightEvent, SmokeEvent)


@dataclass(frozen=True)
class Evidence:
    """One thing that was done.

    Attributes
    ----------
    state : how it ended.
    href : its page, relative to the rollout's folder.
    """

    step: str
    state: str
    at: datetime | None
    detail: str
    href: str | None = None


def find_evidence(settings: Settings, history: History) -> Iterator[Evidence]:
    """What was done, in the order of a rollout; of a repeated step, its last run."""
    for entry in _last_runs(history.of(PreflightEvent)):
        step = entry.event
        detail = step.reason or f"{step.seconds} s, {step.warnings} warnings"
        yield Evidence(f"preflight: {step.name}", step.state, entry.at, detail)
    if settings.paths.baseline_counts.exists():
        href = _href(settings, settings.paths.baseline.page)
        yield Evidence("baseline", "frozen", None, settings.paths.baseline_counts.name, href)
    for deploy in history.events(DeployEvent):
        known = [text for text in (deploy.deployment_id, deploy.commit) if text]
        detail = ", ".join(known) or str(deploy.origin)
        yield Evidence("deploy", deploy.role, deploy.effective_at, detail)
    for environment in ("preview", "production"):
        for run in _last_runs(smokes_of(history, environment)):
            smoke = run.event
            step_name = f"smoke, {environment}: {smoke.name}"
            yield Evidence(step_name, smoke.state, run.at, smoke.reason or "")
    for turn in history.events(KnobEvent):
        yield Evidence("knob", "turned", turn.effective_at, turn.cause)
    for made in history.of(LookEvent):
        look = made.event
        stage = f"stage-{look.stage}/" if look.stage > 1 else ""
        href = _href(settings, settings.paths.window(look.window, stage=look.stage).page)
        yield Evidence(f"look {stage}{look.window}", look.verdict, made.at, look.reason, href)


def find_unchecked(
    settings: Settings, history: History, result: LookResult | None
) -> Iterator[str]:
    """What nobody checked, or what could not be seen."""
    if not settings.preflights:
        yield "no [[preflight]] is declared: nothing was linted or built before the deploy"
    if not settings.smokes:
        yield "no [[smoke]] is declared: the running application was not checked"
    if result is not None:
        yield from _open_findings(result)
    if pushes := history.of(SchemaPushEvent):
        # the command of rollout.toml: anyone may have edited the one in the ledger
        due_since, command = clock.iso(pushes[-1].at), settings.application.schema_command
        yield f"whether the schema push was done, due since {due_since}: {command}"
    deploys = production_deploys(history)
    if commits := _differing_commits(history.events(PreflightEvent), deploys):
        yield f"preflight ran on commit {commits[0]}, but {commits[1]} was deployed"
    for deploy in deploys:
        if deploy.role == "later" and not deploy.stage:
            instant = clock.iso(deploy.effective_at)
            yield f"{deploy.cause} at {instant} has no stage of its own: looks mix two builds"
    if history.warning:
        yield history.warning


def smokes_of(history: History, environment: str) -> tuple[Entry[SmokeEvent], ...]:
    """The smoke checks that ran against an environment."""
    return tuple(run for run in history.of(SmokeEvent) if run.event.environment == environment)


def outcome_of(runs: Sequence[Entry[Run]], name: str) -> str | None:
    """How the last run of a step ended; None when it was not run."""
    states = [run.event.state for run in runs if run.event.name == name]
    return states[-1] if states else None


def _open_findings(result: LookResult) -> Iterator[str]:
    for claim in result.claims:
        if claim.finding in ("undecided", "no_data"):
            _, label, _ = FINDINGS[claim.finding]
            yield f"{claim.name}: {label}"
    for check in result.checks:
        if check.state in ("warning", "error"):
            yield f"{check.name}: {check.detail}"


def _differing_commits(
    checked: Sequence[PreflightEvent], deployed: Sequence[DeployEvent]
) -> tuple[str, str] | None:
    """The commits of the last preflight and the last deployment, when both are known and differ."""
    before = checked[-1].commit if checked else None
    after = deployed[-1].commit if deployed else None
    if not before or not after:
        return None
    is_same = before.startswith(after) and "+" not in before
    return None if is_same else (before, after)


def _last_runs(runs: Sequence[Entry[Run]]) -> list[Entry[Run]]:
    return list({run.event.name: run for run in runs}.values())


def _href(settings: Settings, page: Path) -> str | None:
    return settings.paths.relative(page) if page.exists() else None
