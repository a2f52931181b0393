"""When the new code began, the stages of the monitoring, and the looks planned in each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import zip_longest

from analysis import clock
from analysis.config import Settings
from analysis.errors import WrongUse
from analysis.history.events import DeployEvent, KnobEvent
from analysis.history.ledger import History, open_ledger
from analysis.window import HOUR, Window, hour_from, next_hour_from, window_after

Change = DeployEvent | KnobEvent


class NoDeployError(WrongUse):
    """Something was asked that needs a deploy, and none is known."""

    def __init__(self) -> None:
        super().__init__(
            "no deploy is known; set [rollout].deployed_at or run 'rollout deploy --at TIME'"
        )


@dataclass(frozen=True)
class Stage:
    """A part of the monitoring with one state of the code and its knobs.

    Attributes
    ----------
    number : 1 for the deploy itself.
    start : its looks count from here: the deploy, or the first whole hour, counted from the
        deploy, at or after the change.
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
    stage : the number of its stage.
    first_hour : the hour from the deploy at which the stage begins, 0 for the deploy itself.
    window : the calls that it looks at.
    due_at : its end and the ingestion delay.
    number, planned : look `number` of the `planned` looks of the stage.
    """

    label: str
    stage: int
    first_hour: int
    window: Window
    due_at: datetime
    number: int
    planned: int


@dataclass(frozen=True)
class ChangeMark:
    """A change that figures mark on their time axis."""

    at: datetime
    text: str


@dataclass(frozen=True)
class Timeline:
    """The deploy and what follows from it, by rollout.toml and the ledger.

    Attributes
    ----------
    deployed_at : when the new code began to answer; None before a deploy is known.
    stages : every stage, the deploy's first; none before a deploy.
    """

    settings: Settings
    history: History
    deployed_at: datetime | None
    stages: tuple[Stage, ...]

    @property
    def stage(self) -> Stage | None:
        """The newest stage, which may begin within the next hour; None before the deploy."""
        return self.stages[-1] if self.stages else None

    @property
    def first_hour(self) -> int:
        """The hour from the deploy at which the newest stage begins: 0 until a knob was turned."""
        if self.deployed_at is None or self.stage is None:
            return 0
        return hour_from(self.deployed_at, self.stage.start)

    @property
    def looks(self) -> tuple[PlannedLook, ...]:
        """Every look of every stage as they fall due, but none that a later change mixes into."""
        monitoring, looks = self.settings.monitoring, []
        for stage, later in zip_longest(self.stages, self.stages[1:]):
            first_hour = hour_from(self.stages[0].start, stage.start)
            for number, label in enumerate(monitoring.windows, 1):
                window = window_after(stage.start, monitoring.lengths[number - 1])
                if later is None or window.end <= later.changed_at:
                    due_at = window.end + monitoring.ingestion_delay
                    planned = len(monitoring.windows)
                    looks.append(
                        PlannedLook(
                            label, stage.number, first_hour, window, due_at, number, planned
                        )
                    )
        return tuple(sorted(looks, key=lambda look: (look.due_at, look.stage, look.number)))

    @property
    def marks(self) -> tuple[ChangeMark, ...]:
        """The changes after the deploy that figures mark: later deployments and turned knobs."""
        later = [
            change
            for change in changes(self.history)
            if not _is_first(change)
            and (self.deployed_at is None or change.effective_at > self.deployed_at)
        ]
        return tuple(ChangeMark(change.effective_at, change.cause) for change in later)

    @property
    def ends_at(self) -> datetime | None:
        """When the last look of the newest stage is due; None before the deploy."""
        monitoring = self.settings.monitoring
        if self.stage is None:
            return None
        return self.stage.start + max(monitoring.lengths) + monitoring.ingestion_delay

    def refuse_before_newest_stage(self, instant: datetime) -> None:
        """Refuse a change before the newest stage: stages are numbered in the order of changes."""
        stage = self.stage
        if stage is not None and stage.number > 1 and instant < stage.changed_at:
            raise WrongUse(
                f"a change at {clock.iso(instant)} is before stage {stage.number} ({stage.cause}, "
                f"{clock.iso(stage.changed_at)}); record changes in their order"
            )


def read_timeline(settings: Settings) -> Timeline:
    """The timeline by rollout.toml and the ledger; WrongUse when their deploys differ."""
    return timeline_of(settings, open_ledger(settings).read())


def timeline_of(settings: Settings, history: History) -> Timeline:
    """The timeline by rollout.toml and a ledger that was read."""
    deployed_at = _deployed_at(settings, history)
    stages = () if deployed_at is None else _stages(deployed_at, history)
    return Timeline(settings, history, deployed_at, stages)


def with_recorded_deploy(settings: Settings) -> Settings:
    """The settings with the deploy of the ledger, where rollout.toml has none."""
    return with_deploy(settings, read_timeline(settings).deployed_at)


def with_deploy(settings: Settings, deployed_at: datetime | None) -> Settings:
    """The settings with this deploy; unchanged for None."""
    if deployed_at is None or deployed_at == settings.rollout.deployed_at:
        return settings
    rollout = settings.rollout.model_copy(update={"deployed_at": deployed_at})
    return settings.model_copy(update={"rollout": rollout})


def production_deploys(history: History) -> tuple[DeployEvent, ...]:
    """The recorded deployments to production."""
    deploys = history.events(DeployEvent)
    return tuple(deploy for deploy in deploys if deploy.environment == "production")


def changes(history: History) -> list[Change]:
    """Deployments to production and turned knobs, in the order in which they took effect."""
    found: list[Change] = [*production_deploys(history), *history.events(KnobEvent)]
    return sorted(found, key=lambda change: change.effective_at)


def _deployed_at(settings: Settings, history: History) -> datetime | None:
    declared = settings.rollout.deployed_at
    firsts = [deploy for deploy in production_deploys(history) if _is_first(deploy)]
    recorded = firsts[-1].effective_at if firsts else None
    if declared and recorded and declared != recorded:
        raise WrongUse(
            f"[rollout].deployed_at is {clock.iso(declared)}, but the ledger has the deploy at "
            f"{clock.iso(recorded)}; remove deployed_at from rollout.toml, or record the right "
            "instant with 'rollout deploy --at TIME --correct'"
        )
    return declared or recorded


def _stages(deployed_at: datetime, history: History) -> tuple[Stage, ...]:
    """Every stage; changes within the same hour, counted from the deploy, are one stage."""
    stages = [Stage(1, deployed_at, deployed_at, "deploy")]
    for change in changes(history):
        if not change.stage or change.effective_at <= deployed_at:
            continue
        start = deployed_at + next_hour_from(deployed_at, change.effective_at) * HOUR
        last = stages[-1]
        if start == last.start and last.number > 1:
            cause = f"{last.cause}, {change.cause}"
            stages[-1] = Stage(last.number, start, last.changed_at, cause)
        else:
            stages.append(Stage(last.number + 1, start, change.effective_at, change.cause))
    return tuple(stages)


def _is_first(change: Change) -> bool:
    return isinstance(change, DeployEvent) and change.role == "first"
