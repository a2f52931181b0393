"""Recording a deployment: when the new code began to answer, which build it is, is it inside the monitoring."""

import subprocess
from dataclasses import asdict, replace
from dataclasses import dataclass as record
from datetime import UTC, datetime, timedelta
from pathlib import Path

from analysis import clock
from analysis.config.settings import Settings
from analysis.deployment import listing, vercel
from analysis.deployment.checkout import ask_git
from analysis.deployment.listing import Deployment
from analysis.errors import WrongUse
from analysis.history import stages
from analysis.history.ledger import Event, History, open_ledger
from analysis.leaks import quote

ORIGINS = ("vercel", "vercel-cli", "git")
SKEW = timedelta(minutes=5)  # how far another machine's clock may be ahead


@record(frozen=True)
class Recorded:
    """What `deploy` wrote, and what to say about it.

    Attributes
    ----------
    deployment : the deployment; its effective_at is set.
    role : first (the deploy that is judged), later, preview, or known when it was in the ledger already.
    stage : the stage of monitoring that it is in, or begins; None for a preview.
    notes, warnings : sentences for the terminal.
    """

    deployment: Deployment
    role: str
    stage: stages.Stage | None
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def record_deploy(
    settings: Settings,
    *,
    at: datetime | None = None,
    origin: str | None = None,
    argument: str | None = None,
    environment: str = "production",
    new_stage: bool = False,
    correct: bool = False,
) -> Recorded:
    """Find out about a deployment and record it; without `at` and `origin` it happened now.

    `origin` is one of ORIGINS; `argument` is vercel-cli's file or git's tag; `correct` replaces the first one.
    """
    if environment not in ("production", "preview"):
        raise WrongUse(
            f"environment {quote(environment)} is not known; write production or preview"
        )
    found = _find(settings, origin, argument, environment)
    if at is not None or origin is None:
        found = replace(found, effective_at=at or _whole_milliseconds(clock.now()), note=None)
    if found.effective_at is None:
        raise WrongUse(
            f"{found.note or 'its ready time is not known'}; give the ready time with --at TIME"
        )
    if found.effective_at > clock.now() + SKEW:
        raise WrongUse(
            f"the deploy at {clock.iso(found.effective_at)} lies in the future; record it afterwards"
        )
    if environment == "preview":
        return _record_preview(settings, found)
    ledger = open_ledger(settings)
    with ledger.locked():
        return _record_production(
            settings, found, ledger.read(), new_stage=new_stage, correct=correct
        )


def newest_preview(settings: Settings, history: History | None = None) -> Event | None:
    """The preview deployment that was recorded last."""
    history = history or open_ledger(settings).read()
    previews = [
        event for event in history.of("deploy") if event.facts.get("environment") == "preview"
    ]
    return previews[-1] if previews else None


def _find(
    settings: Settings, origin: str | None, argument: str | None, environment: str
) -> Deployment:
    """Ask the named origin; no origin knows nothing."""
    if origin is None:
        return Deployment(None, environment, "--at")
    if origin == "vercel":
        return vercel.find_newest(settings, environment=environment)
    if origin not in ORIGINS:
        raise WrongUse(
            f"--from {quote(origin)} is not known; write vercel, vercel-cli FILE or git TAG"
        )
    if not argument:
        raise WrongUse(f"--from {origin} needs {'a FILE' if origin == 'vercel-cli' else 'a TAG'}")
    if origin == "vercel-cli":
        return listing.read_cli(Path(argument), environment=environment)
    return _find_in_git(settings, argument, environment)


def _find_in_git(settings: Settings, tag: str, environment: str) -> Deployment:
    """The commit of a tag, and when the tag was made (a tag without a message: when its commit was made)."""
    checkout = (settings.folder / settings.application.checkout).resolve()
    try:
        commit = ask_git(
            checkout, "rev-parse", "--verify", "--quiet", f"refs/tags/{tag}^{{commit}}"
        )
        seconds = ask_git(
            checkout, "for-each-ref", "--format=%(creatordate:unix)", f"refs/tags/{tag}"
        )
    except (OSError, subprocess.SubprocessError):
        commit = seconds = None
    if not commit or not seconds:
        raise WrongUse(
            f"the application's checkout has no tag {quote(tag)}; run 'git fetch --tags', or give --at TIME"
        )
    made_at = datetime.fromtimestamp(int(seconds.split()[0]), UTC)
    note = "the instant is the tag's, not the moment the build was ready; --at TIME is more exact"
    return Deployment(made_at, environment, f"git {quote(tag)}", commit=commit, note=note)


def _record_preview(settings: Settings, found: Deployment) -> Recorded:
    if found.url is None:
        note = "the preview has no URL; record it with --from vercel, so that 'smoke' can reach it"
        return Recorded(
            _append(settings, found, {"role": "preview"}), "preview", None, _notes(found), (note,)
        )
    return Recorded(_append(settings, found, {"role": "preview"}), "preview", None, _notes(found))


def _record_production(
    settings: Settings, found: Deployment, history: History, *, new_stage: bool, correct: bool
) -> Recorded:
    """Record the first deployment, a correction of it, or a later one."""
    declared = settings.rollout.deployed_at
    is_recorded = any(event.facts.get("role") == "first" for event in stages.deploys(history))
    if correct or not (is_recorded or new_stage):
        return _record_first(settings, found, declared, correct=correct)
    first = stages.deployed_at(settings, history)
    if first is None:
        raise WrongUse(
            "--stage needs a monitoring that has begun; record the deploy without --stage first"
        )
    if known := _is_known(found, history, new_stage):
        return Recorded(found, "known", stages.current_stage(settings, history), notes=(known,))
    if found.effective_at < first:
        raise WrongUse(
            f"the deployment at {clock.iso(found.effective_at)} is older than the recorded one at {clock.iso(first)}; "
            "use --correct when the recorded one is wrong"
        )
    if new_stage:
        stages.refuse_before_newest(settings, history, found.effective_at)
    warning = None if new_stage else _warn_of_mixture(settings, found, history)
    facts = {
        "role": "later",
        "stage": new_stage,
        "inside_monitoring": _is_inside(settings, found, history),
    }
    recorded = _append(settings, found, facts)
    return Recorded(
        recorded,
        "later",
        stages.current_stage(settings),
        _notes(found),
        (warning,) if warning else (),
    )


def _record_first(
    settings: Settings, found: Deployment, declared: datetime | None, *, correct: bool
) -> Recorded:
    if declared and declared != found.effective_at:
        raise WrongUse(
            f"[rollout].deployed_at is {clock.iso(declared)}, this deployment is of {clock.iso(found.effective_at)}; "
            "remove deployed_at from rollout.toml to record this one, or use --stage when it is a second deployment"
        )
    recorded = _append(
        settings,
        found,
        {"role": "first", "stage": False, **({"corrects": True} if correct else {})},
    )
    notes = _notes(found)
    if (
        found.previous_at
        and found.effective_at
        and found.effective_at - found.previous_at < timedelta(days=1)
    ):
        ready = clock.iso(found.previous_at)
        notes += (
            f"the deployment before it was ready at {ready}; if that is the one to judge, give --at {ready} --correct",
        )
    return Recorded(recorded, "first", stages.current_stage(settings), notes)


def _is_known(found: Deployment, history: History, new_stage: bool) -> str | None:
    """Say that the same deployment is in the ledger already; None when it is not."""
    for event in stages.deploys(history):
        same = stages.instant_of(event) == found.effective_at
        same_build = (
            found.deployment_id is not None
            and event.facts.get("deployment_id") == found.deployment_id
        )
        if (same or same_build) and (not new_stage or event.facts.get("stage")):
            return (
                f"this deployment was recorded already, at {clock.iso(event.at)}; nothing was added"
            )
    return None


def _is_inside(settings: Settings, found: Deployment, history: History) -> bool:
    ends_at = stages.monitoring_ends_at(settings, history)
    return ends_at is not None and found.effective_at < ends_at


def _warn_of_mixture(settings: Settings, found: Deployment, history: History) -> str:
    instant = clock.iso(found.effective_at)
    if _is_inside(settings, found, history):
        return (
            f"a second deployment at {instant}, inside the monitoring: looks that end after it mix two builds (figures "
            "mark it; a changed environment variable counts too); 'rollout deploy --stage' gives it a stage of its own"
        )
    return f"the deployment at {instant} came after the monitoring; judge it as a rollout of its own, under another name"


def _append(settings: Settings, found: Deployment, facts: dict[str, object]) -> Deployment:
    known = {key: value for key, value in asdict(found).items() if value is not None}
    open_ledger(settings).append("deploy", {**known, **facts})
    return found


def _notes(found: Deployment) -> tuple[str, ...]:
    return (found.note,) if found.note else ()


def _whole_milliseconds(instant: datetime) -> datetime:
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)
