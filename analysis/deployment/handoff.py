"""The hand-over: where a rollout stands, what would change our mind, what to do then, and what nobody looked at."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from analysis import clock
from analysis.config.settings import Settings
from analysis.deployment.rollback import StepBack, find_steps_back
from analysis.deployment.trail import Evidence, find_evidence, find_unchecked, smokes_of, state_of
from analysis.deployment.watch import SeenLook, Standing, find_standing
from analysis.errors import NotYetDue
from analysis.history import stages
from analysis.history.ledger import History, open_ledger
from analysis.results.storage import read_result
from analysis.text.thresholds import say_turning_points

HOLDS_FOR = timedelta(days=7)  # a whole week: weekdays and weekend


@dataclass(frozen=True)
class Handoff:
    """Everything the person on call needs, ready to show.

    Attributes
    ----------
    state : where the rollout stands, in one line.
    verdict : of the newest look; None before the first.
    exit_code : of the command: the verdict's, 3 before the first look.
    is_complete : sustained; nothing else is a hand-over.
    missing : what a complete one still lacks.
    would_change : per claim, its number now and the number at which it turns.
    steps_back : what to do then, in order, with undo.
    not_checked : what nobody looked at, or could not see.
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
    changes: tuple[stages.Mark, ...]
    valid_until: datetime | None
    next_due: tuple[str, datetime] | None

    def as_json(self) -> dict[str, Any]:
        """The same as an object for `--json`; instants are ISO text."""
        return json.loads(json.dumps(asdict(self), default=lambda value: clock.iso(value)))


def find_handoff(settings: Settings) -> Handoff:
    """Gather the hand-over from rollout.toml, the ledger and the newest result. `settings` are those of the file."""
    history = open_ledger(settings).read()
    is_deployed = stages.deployed_at(settings, history) is not None
    standing = find_standing(settings, history) if is_deployed else Standing((), None, None, False)
    result = _newest_result(settings, standing.last) or {}
    evidence = tuple(find_evidence(settings, history))
    missing = tuple(_find_missing(settings, history, standing, is_deployed=is_deployed))
    last = standing.last
    upcoming = standing.due[0] if standing.due else standing.coming
    is_complete = (
        last is not None and last.verdict == "sustained" and not standing.due and standing.is_over
    )
    return Handoff(
        rollout=settings.rollout.name,
        title=str(settings.rollout.title),
        made_at=clock.now().replace(microsecond=0),
        state=_say_state(settings, history, standing),
        verdict=last.verdict if last else None,
        exit_code=last.exit_code if last else NotYetDue.exit_code,
        is_complete=is_complete,
        missing=missing,
        would_change=tuple(say_turning_points(settings, result)),
        steps_back=find_steps_back(settings, result, history) if result else (),
        not_checked=tuple(find_unchecked(settings, history, result)),
        evidence=evidence,
        changes=stages.find_marks(settings, history) if is_deployed else (),
        valid_until=_find_valid_until(standing),
        next_due=(upcoming.label, upcoming.due_at) if upcoming and not standing.is_over else None,
    )


def _newest_result(settings: Settings, last: SeenLook | None) -> dict[str, Any] | None:
    """The result.json of the newest look, when it is still the one of the ledger."""
    if last is None:
        return None
    result = read_result(settings.paths.window(last.label, stage=last.stage).result)
    return result if result and result["verdict"] == last.verdict else None


def _say_state(settings: Settings, history: History, standing: Standing) -> str:
    stage = stages.current_stage(settings, history)
    if stage is None:
        return "not deployed yet"
    of_stage = f"stage {stage.number} ({stage.cause}), " if stage.number > 1 else ""
    if standing.last is None or (standing.last.start < stage.start):
        began = (
            f"{of_stage}from {clock.iso(stage.start)}"
            if of_stage
            else f"deployed at {clock.iso(stage.start)}"
        )
        return f"{began}, no look yet"
    word = standing.last.verdict.replace("_", " ")
    return f"{of_stage}{word} at the look of {standing.last.label}: {standing.last.reason}"


def _find_missing(
    settings: Settings, history: History, standing: Standing, *, is_deployed: bool
) -> Iterator[str]:
    """What stands between now and a complete hand-over."""
    for step in settings.preflights:
        state = state_of(history.of("preflight"), step.name)
        if state != "passed":
            yield f"preflight step '{step.name}' {state or 'was not run'}"
    if not (settings.paths.baseline_counts).exists():
        yield "the baseline is not frozen: run 'rollout baseline'"
    if not is_deployed:
        yield "the deploy is not recorded: run 'rollout deploy'"
        return
    first = stages.deployed_at(settings, history)
    for check in (check for check in settings.smokes if check.environment in (None, "production")):
        after = [
            event
            for event in smokes_of(history, "production")
            if first is None or event.at >= first
        ]
        state = state_of(after, check.name)
        if state != "passed":
            yield f"smoke check '{check.name}' {state or 'was not run since the deploy'}"
    for look in (
        *standing.due,
        *([standing.coming] if standing.coming and not standing.is_over else []),
    ):
        when = "is due" if look in standing.due else f"is due at {clock.iso(look.due_at)}"
        yield f"the look of {look.label}{f' of stage {look.stage}' if look.stage > 1 else ''} {when}"
    if standing.last and standing.last.verdict != "sustained":
        yield f"the verdict is '{standing.last.verdict.replace('_', ' ')}', not 'sustained'"


def _find_valid_until(standing: Standing) -> datetime | None:
    if standing.last is None:
        return None
    upcoming = standing.due[0] if standing.due else standing.coming
    return (
        standing.last.end + HOLDS_FOR if standing.is_over or upcoming is None else upcoming.due_at
    )
