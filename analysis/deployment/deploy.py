"""Record a deployment: when the new code began to answer, which build it is, in which stage."""

from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from analysis import clock
from analysis.config import Settings
from analysis.config.deployment_settings import Environment
from analysis.deployment.builds.build import Build
from analysis.deployment.builds.git import commit_of_tag
from analysis.deployment.builds.vercel_api import find_newest
from analysis.deployment.builds.vercel_list import read_vercel_list
from analysis.errors import WrongUse
from analysis.history.events import DeployEvent
from analysis.history.ledger import History, Ledger, open_ledger
from analysis.history.timeline import (
    Stage,
    Timeline,
    production_deploys,
    read_timeline,
    timeline_of,
)
from analysis.leaks import quote

CLOCK_TOLERANCE = timedelta(minutes=5)
"""How far the clock of another machine may be ahead."""
Origin = Literal["vercel", "vercel-cli", "git"]
Role = Literal["first", "later", "preview", "known"]


@dataclass(frozen=True)
class RecordedDeploy:
    """What `deploy` recorded, and what to say about it.

    Attributes
    ----------
    role : first (the deploy that is judged), later, preview, or known when it was recorded before.
    effective_at : when it took effect.
    stage : the stage of the monitoring that it is in, or begins; None for a preview.
    notes, warnings : sentences for the terminal.
    """

    role: Role
    effective_at: datetime
    stage: Stage | None
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def record_deploy(
    settings: Settings,
    *,
    at: datetime | None = None,
    origin: Origin | None = None,
    argument: str | None = None,
    environment: Environment = "production",
    new_stage: bool = False,
    correct: bool = False,
) -> RecordedDeploy:
    """Find out about a deployment and record it.

    Parameters
    ----------
    at : when it took effect; without it and without `origin`, now.
    origin : vercel, vercel-cli (`argument` is a file) or git (`argument` is a tag).
    new_stage : it begins a new stage of the monitoring.
    correct : it replaces the first deployment that was recorded.
    """
    build = _find_build(settings, origin, argument, environment)
    if at is not None or origin is None:
        build = replace(build, effective_at=at or _now(), note=None)
    if build.effective_at is None:
        problem = build.note or "its ready time is not known"
        raise WrongUse(f"{problem}; give the ready time with --at TIME")
    at = build.effective_at
    if at > clock.now() + CLOCK_TOLERANCE:
        raise WrongUse(f"the deploy at {clock.iso(at)} is in the future; record it afterwards")
    deploy = DeployEvent(
        environment=environment,
        role="preview" if environment == "preview" else "first",
        origin=f"git {quote(argument)}" if origin == "git" else origin or "--at",
        **asdict(build),
    )
    ledger = open_ledger(settings)
    with ledger.locked():
        history = ledger.read()
        is_recorded = any(known.role == "first" for known in production_deploys(history))
        if environment == "preview":
            return _record_preview(ledger, deploy)
        if correct or not (is_recorded or new_stage):
            return _record_first(settings, deploy, is_correction=correct)
        return _record_later(timeline_of(settings, history), deploy, new_stage=new_stage)


def _now() -> datetime:
    now = clock.now()
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


def _find_build(
    settings: Settings, origin: Origin | None, argument: str | None, environment: Environment
) -> Build:
    """Ask the named origin; without one, nothing is known."""
    if origin is None:
        return Build()
    if origin == "vercel":
        return find_newest(settings, environment=environment)
    if not argument:
        raise WrongUse(f"--from {origin} needs {'a FILE' if origin == 'vercel-cli' else 'a TAG'}")
    if origin == "vercel-cli":
        return read_vercel_list(Path(argument), environment=environment)
    tagged = commit_of_tag((settings.folder / settings.application.checkout).resolve(), argument)
    if tagged is None:
        raise WrongUse(
            f"the application's checkout has no tag {quote(argument)}; "
            "run 'git fetch --tags', or give --at TIME"
        )
    note = "the instant is the tag's, not when the build was ready; --at TIME is more exact"
    return Build(tagged[1], commit=tagged[0], note=note)


def _record_preview(ledger: Ledger, deploy: DeployEvent) -> RecordedDeploy:
    ledger.append(deploy)
    no_url = "the preview has no URL; record it with --from vercel, so that 'smoke' can reach it"
    warnings = () if deploy.url else (no_url,)
    return RecordedDeploy("preview", deploy.effective_at, None, _notes(deploy), warnings)


def _record_first(
    settings: Settings, deploy: DeployEvent, *, is_correction: bool
) -> RecordedDeploy:
    at, declared = deploy.effective_at, settings.rollout.deployed_at
    if declared and declared != at:
        raise WrongUse(
            f"[rollout].deployed_at is {clock.iso(declared)}, but this deployment is of "
            f"{clock.iso(at)}; remove deployed_at from rollout.toml to record this one, "
            "or use --stage when it is a second deployment"
        )
    corrects = {"corrects": True} if is_correction else {}
    open_ledger(settings).append(deploy.model_copy(update=corrects))
    notes = _notes(deploy)
    if deploy.previous_at and at - deploy.previous_at < timedelta(days=1):
        ready = clock.iso(deploy.previous_at)
        notes += (
            f"the deployment before it was ready at {ready}; "
            f"to judge that one, give --at {ready} --correct",
        )
    return RecordedDeploy("first", at, read_timeline(settings).stage, notes)


def _record_later(timeline: Timeline, deploy: DeployEvent, *, new_stage: bool) -> RecordedDeploy:
    """Record a deployment after the first: inside a stage, or as the beginning of a new one."""
    settings, at = timeline.settings, deploy.effective_at
    if timeline.deployed_at is None:
        raise WrongUse("--stage needs a first deploy; record it without --stage")
    if known := _known_note(timeline.history, deploy, new_stage=new_stage):
        return RecordedDeploy("known", at, timeline.stage, notes=(known,))
    if at < timeline.deployed_at:
        raise WrongUse(
            f"the deployment at {clock.iso(at)} is older than the recorded one at "
            f"{clock.iso(timeline.deployed_at)}; use --correct when the recorded one is wrong"
        )
    if new_stage:
        timeline.refuse_before_newest_stage(at)
    is_inside = timeline.ends_at is not None and at < timeline.ends_at
    later = {"role": "later", "stage": new_stage, "inside_monitoring": is_inside}
    open_ledger(settings).append(deploy.model_copy(update=later))
    stage = read_timeline(settings).stage
    warnings = () if new_stage else (_warning(at, is_inside=is_inside),)
    return RecordedDeploy("later", at, stage, _notes(deploy), warnings)


def _known_note(history: History, deploy: DeployEvent, *, new_stage: bool) -> str | None:
    """Say that the same deployment is in the ledger already; None when it is not."""
    for entry in history.of(DeployEvent):
        known = entry.event
        is_same = known.effective_at == deploy.effective_at or (
            deploy.deployment_id is not None and known.deployment_id == deploy.deployment_id
        )
        if is_same and known.environment == "production" and (known.stage or not new_stage):
            return f"this deployment was recorded at {clock.iso(entry.at)}; nothing was added"
    return None


def _warning(at: datetime, *, is_inside: bool) -> str:
    if is_inside:
        return (
            f"a second deployment at {clock.iso(at)}, inside the monitoring: looks that end after "
            "it mix two builds (figures mark it; a changed environment variable counts too); "
            "'rollout deploy --stage' gives it a stage of its own"
        )
    return (
        f"the deployment at {clock.iso(at)} came after the monitoring; "
        "judge it as a rollout of its own, under another name"
    )


def _notes(deploy: DeployEvent) -> tuple[str, ...]:
    return (deploy.note,) if deploy.note else ()
