"""The hand-over: where a rollout stands, what was done, what to do next, what was not checked."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from analysis import clock
from analysis.config import Settings
from analysis.deployment.evidence import (
    Evidence,
    find_evidence,
    find_unchecked,
    outcome_of,
    smokes_of,
)
from analysis.deployment.looks import Standing, find_standing
from analysis.deployment.rollback import StepBack, find_steps_back
from analysis.errors import NotYetDue
from analysis.history.events import LookEvent, PreflightEvent
from analysis.history.timeline import ChangeMark, Timeline, read_timeline
from analysis.results.model import LookResult
from analysis.results.storage import read_result
from analysis.text.thresholds import threshold_lines

VALID_FOR = timedelta(days=7)
"""How long the last look is relied on: a whole week, weekdays and weekend."""


@dataclass(frozen=True)
class Handoff:
    """Everything the person on call needs, ready to show.

    Attributes
    ----------
    state : where the rollout stands, in one line.
    verdict : of the newest look; None before the first.
    exit_code : of the command: the verdict's, 3 before the first look.
    is_complete : sustained, and nothing left to watch.
    missing : what a complete hand-over still lacks.
    would_change : per claim, its number now and its decision threshold.
    steps_back : what to do when a claim fails, in order, with undo.
    not_checked : what nobody checked, or what could not be seen.
    changes : what was changed after the deploy.
    valid_until : until then, unless something is deployed or turned before.
    next_due : the next look, and when.
    """

    rollout: str
    title: str
    made_at: datetime
    state: str
    verdict: str | None
    exit_code: int
    is_complete: bool
    missing: tuple[str, ...]
    would_change: tuple[str, ...]
    steps_back: tuple[StepBack, ...]
    not_checked: tuple[str, ...]
    evidence: tuple[Evidence, ...]
    changes: tuple[ChangeMark, ...]
    valid_until: datetime | None
    next_due: tuple[str, datetime] | None


def find_handoff(settings: Settings) -> Handoff:
    """Gather the hand-over from rollout.toml, the ledger and the newest result.

    `settings` are those of the file, with every knob.
    """
    timeline = read_timeline(settings)
    history = timeline.history
    standing = find_standing(timeline) if timeline.stage else Standing()
    last, upcoming = standing.last, standing.upcoming
    result = _result_of(settings, last) if last else None
    is_sustained = last is not None and last.verdict == "sustained"
    return Handoff(
        rollout=settings.rollout.name,
        title=settings.rollout.title,
        made_at=clock.now().replace(microsecond=0),
        state=_describe_state(timeline, last),
        verdict=last.verdict if last else None,
        exit_code=last.exit_code if last else NotYetDue.exit_code,
        is_complete=is_sustained and standing.is_over and not standing.due,
        missing=tuple(_find_missing(timeline, standing)),
        would_change=tuple(threshold_lines(result)) if result else (),
        steps_back=find_steps_back(settings, result, history) if result else (),
        not_checked=tuple(find_unchecked(settings, history, result)),
        evidence=tuple(find_evidence(settings, history)),
        changes=timeline.marks if timeline.stage else (),
        valid_until=_valid_until(standing),
        next_due=(upcoming.label, upcoming.due_at) if upcoming and not standing.is_over else None,
    )


def _result_of(settings: Settings, look: LookEvent) -> LookResult | None:
    """The result of a look, when it is still the one that the ledger has."""
    result = read_result(settings.paths.window(look.window, stage=look.stage).result)
    return result if result and result.verdict == look.verdict else None


def _describe_state(timeline: Timeline, last: LookEvent | None) -> str:
    stage = timeline.stage
    if stage is None:
        return "not deployed yet"
    prefix = f"stage {stage.number} ({stage.cause}), " if stage.number > 1 else ""
    if last is None or last.start < stage.start:
        since = f"{prefix}from " if prefix else "deployed at "
        return f"{since}{clock.iso(stage.start)}, no look yet"
    return f"{prefix}{_words(last.verdict)} at the look of {last.window}: {last.reason}"


def _find_missing(timeline: Timeline, standing: Standing) -> Iterator[str]:
    """What stands between now and a complete hand-over."""
    settings, history, deployed_at = timeline.settings, timeline.history, timeline.deployed_at
    for step in settings.preflights:
        outcome = outcome_of(history.of(PreflightEvent), step.name)
        if outcome != "passed":
            yield f"preflight step '{step.name}' {outcome or 'was not run'}"
    if not settings.paths.baseline_counts.exists():
        yield "the baseline is not frozen: run 'rollout baseline'"
    if deployed_at is None:
        yield "the deploy is not recorded: run 'rollout deploy'"
        return
    runs = [run for run in smokes_of(history, "production") if run.at >= deployed_at]
    for check in settings.smokes:
        outcome = outcome_of(runs, check.name)
        if check.environment in (None, "production") and outcome != "passed":
            yield f"smoke check '{check.name}' {outcome or 'was not run since the deploy'}"
    coming = [standing.coming] if standing.coming and not standing.is_over else []
    for look in (*standing.due, *coming):
        when = "is due" if look in standing.due else f"is due at {clock.iso(look.due_at)}"
        of_stage = f" of stage {look.stage}" if look.stage > 1 else ""
        yield f"the look of {look.label}{of_stage} {when}"
    if standing.last and standing.last.verdict != "sustained":
        yield f"the verdict is '{_words(standing.last.verdict)}', not 'sustained'"


def _valid_until(standing: Standing) -> datetime | None:
    if standing.last is None:
        return None
    if standing.is_over or standing.upcoming is None:
        return standing.last.end + VALID_FOR
    return standing.upcoming.due_at


def _words(verdict: str) -> str:
    return verdict.replace("_", " ")
