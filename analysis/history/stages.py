"""When the new code began, the stages of monitoring, and the looks that are planned in each."""

from dataclasses import dataclass
from datetime import datetime
from itertools import zip_longest

from analysis import clock
from analysis.config.settings import Settings
from analysis.errors import WrongUse
from analysis.history.ledger import Event, History, open_ledger
from analysis.window import HOUR, Window, hour_from, next_hour_from, window_after


@dataclass(frozen=True)
class Stage:
    """A stretch of monitoring with one state of the code and its knobs.

    Attributes
    ----------
    number : 1 for the deploy itself.
    start : from here its looks count: the deploy, or the first whole hour of the deploy's grid at or after the change.
    changed_at : when the change was made.
    cause : what began it: "deploy", "OPENAI_X 45000 -> 30000", "deployment dpl_2".
    """

    number: int
    start: datetime
    changed_at: datetime
    cause: str


@dataclass(frozen=True)
class PlannedLook:
    """A look of a stage.

    Attributes
    ----------
    label : as in [monitoring].windows.
    stage, first_hour : its stage, and the hour from the deploy at which that begins; 1 and 0 for the deploy itself.
    window : the calls that it looks at.
    due_at : its end and the ingestion delay.
    number, planned : which of how many looks of the stage it is.
    """

    label: str
    stage: int
    first_hour: int
    window: Window
    due_at: datetime
    number: int
    planned: int


@dataclass(frozen=True)
class Mark:
    """A change that figures mark on their time axis."""

    at: datetime
    text: str


def deployed_at(settings: Settings, history: History | None = None) -> datetime | None:
    """When the new code began to answer, from rollout.toml or the ledger; an error when the two differ."""
    history = history or open_ledger(settings).read()
    declared = settings.rollout.deployed_at
    firsts = [event for event in deploys(history) if event.facts.get("role") == "first"]
    recorded = instant_of(firsts[-1]) if firsts else None
    if declared and recorded and declared != recorded:
        raise WrongUse(
            f"[rollout].deployed_at is {clock.iso(declared)}, the ledger has the deploy at {clock.iso(recorded)}; "
            "remove deployed_at there, or record the right instant with 'rollout deploy --at TIME --correct'"
        )
    return declared or recorded


def with_recorded_deploy(settings: Settings) -> Settings:
    """The settings with the deploy that the ledger recorded, where rollout.toml leaves it out."""
    instant = deployed_at(settings)
    if instant is None or instant == settings.rollout.deployed_at:
        return settings
    return settings.model_copy(
        update={"rollout": settings.rollout.model_copy(update={"deployed_at": instant})}
    )


def find_stages(settings: Settings, history: History | None = None) -> tuple[Stage, ...]:
    """Every stage, the deploy's first; none before a deploy. Changes within one hour of the grid are one stage."""
    history = history or open_ledger(settings).read()
    first = deployed_at(settings, history)
    if first is None:
        return ()
    stages = [Stage(1, first, first, "deploy")]
    changes = [
        event for event in (*deploys(history), *history.of("knob")) if event.facts.get("stage")
    ]
    for event in sorted((event for event in changes if instant_of(event) > first), key=instant_of):
        start = first + next_hour_from(first, instant_of(event)) * HOUR
        cause = cause_of(event)
        if start == stages[-1].start and len(stages) > 1:
            last = stages.pop()
            stages.append(Stage(last.number, start, last.changed_at, f"{last.cause}, {cause}"))
        else:
            stages.append(Stage(len(stages) + 1, start, instant_of(event), cause))
    return tuple(stages)


def current_stage(settings: Settings, history: History | None = None) -> Stage | None:
    """The newest stage; it may begin within the next hour. None before the deploy."""
    stages = find_stages(settings, history)
    return stages[-1] if stages else None


def plan_looks(settings: Settings, history: History | None = None) -> tuple[PlannedLook, ...]:
    """Every look of every stage, as they fall due; none that a later stage's change would mix into."""
    stages = find_stages(settings, history)
    looks = []
    for stage, later in zip_longest(stages, stages[1:]):
        labels = settings.monitoring.windows
        for number, (label, length) in enumerate(
            zip(labels, settings.monitoring.lengths, strict=True), 1
        ):
            window = window_after(stage.start, length)
            if later is None or window.end <= later.changed_at:
                due_at = window.end + settings.monitoring.ingestion_delay
                first_hour = hour_from(stages[0].start, stage.start)
                looks.append(
                    PlannedLook(
                        label, stage.number, first_hour, window, due_at, number, len(labels)
                    )
                )
    return tuple(sorted(looks, key=lambda look: (look.due_at, look.stage, look.number)))


def find_marks(settings: Settings, history: History | None = None) -> tuple[Mark, ...]:
    """The changes after the deploy that figures mark: later deployments and turned knobs."""
    history = history or open_ledger(settings).read()
    first = deployed_at(settings, history)
    later = [
        event
        for event in (*deploys(history), *history.of("knob"))
        if event.facts.get("role") != "first" and (first is None or instant_of(event) > first)
    ]
    return tuple(
        Mark(instant_of(event), cause_of(event)) for event in sorted(later, key=instant_of)
    )


def monitoring_ends_at(settings: Settings, history: History | None = None) -> datetime | None:
    """When the last look of the newest stage is due; None before the deploy."""
    stage = current_stage(settings, history)
    return (
        None
        if stage is None
        else stage.start + max(settings.monitoring.lengths) + settings.monitoring.ingestion_delay
    )


def refuse_before_newest(settings: Settings, history: History, instant: datetime) -> None:
    """Refuse a change that lies before the newest stage's: stages are numbered in the order of their changes."""
    newest = current_stage(settings, history)
    if newest is not None and newest.number > 1 and instant < newest.changed_at:
        raise WrongUse(
            f"a change at {clock.iso(instant)} lies before stage {newest.number} ({newest.cause}, {clock.iso(newest.changed_at)}); "
            "changes are recorded in their order"
        )


def deploys(history: History) -> tuple[Event, ...]:
    """The recorded deployments to production."""
    return tuple(
        event for event in history.of("deploy") if event.facts.get("environment") == "production"
    )


def instant_of(event: Event) -> datetime:
    """When a deployment or a turned knob took effect."""
    return clock.parse_instant(str(event.facts.get("effective_at")))


def cause_of(event: Event) -> str:
    """What changed, in a few words."""
    facts = event.facts
    if event.event == "knob":
        return f"{facts.get('name')} {facts.get('from')} -> {facts.get('to')}"
    return f"deployment {facts.get('deployment_id') or clock.iso(instant_of(event))}"
