"""The events of the ledger, each with the facts that its line holds.

A fact that is not known is left out of the line. Facts that a newer version added are kept.
"""

from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

from analysis import clock
from analysis.config.checked_toml.value_types import VariableName
from analysis.errors import RolloutError, WrongUse
from analysis.history.recorded_values import (
    BuildId,
    Commit,
    Line,
    Origin,
    VariableText,
    WindowName,
)

StageNumber = Annotated[int, Field(ge=1, le=10_000)]
Outcome = Literal["passed", "failed"]
VariableValue = int | float | VariableText | None


def _read_instant(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return clock.parse_instant(value)
    except WrongUse as error:
        raise ValueError(str(error)) from None


Instant = Annotated[
    datetime, BeforeValidator(_read_instant), PlainSerializer(clock.iso, when_used="json")
]


class Event(BaseModel):
    """One thing that was done or seen; its line says `event_name` as `event`."""

    model_config = ConfigDict(
        frozen=True,
        extra="allow",
        allow_inf_nan=False,
        hide_input_in_errors=True,
        populate_by_name=True,
        defer_build=True,
    )
    event_name: ClassVar[str]

    def facts(self) -> dict[str, Any]:
        """The facts as JSON values."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


class PreflightEvent(Event):
    """A [[preflight]] command ran. `exit_code` is None when it was stopped or never started."""

    event_name = "preflight"
    name: Line
    state: Outcome
    exit_code: int | None = None
    seconds: float | None = None
    warnings: int = 0
    reason: Line | None = None
    commit: Commit | None = None
    tools: dict[Line, Line] = {}


class SchemaPushEvent(Event):
    """Preflight saw that the schema changed, so a push is due."""

    event_name = "schema_push_due"
    command: Line
    commit: Commit | None = None


class DeployEvent(Event):
    """A deployment: when it took effect, and what is known of the build.

    `role` is first (the deploy that is judged), later, or preview; `stage` says that it begins a
    stage of the monitoring; `previous_id` is the build to which a rollback would go.
    """

    event_name = "deploy"
    effective_at: Instant
    environment: Literal["production", "preview"]
    role: Literal["first", "later", "preview"]
    origin: Line | None = None
    deployment_id: BuildId | None = None
    url: Origin | None = None
    commit: Commit | None = None
    previous_id: BuildId | None = None
    previous_at: Instant | None = None
    note: Line | None = None
    stage: bool = False
    inside_monitoring: bool | None = None
    corrects: bool | None = None

    @property
    def build(self) -> str | None:
        """What the platform's commands call the build."""
        return self.deployment_id or self.url

    @property
    def cause(self) -> str:
        """What changed, in a few words."""
        return f"deployment {self.deployment_id or clock.iso(self.effective_at)}"


class SmokeEvent(Event):
    """A [[smoke]] check ran; `answers` has status, seconds and sizes, never a body."""

    event_name = "smoke"
    name: Line
    environment: Literal["production", "preview"]
    state: Outcome
    kind: Line | None = None
    reason: Line | None = None
    seconds: float | None = None
    notes: tuple[Line, ...] = ()
    url: Line | None = None
    answers: tuple[dict[str, Any], ...] = ()


class KnobEvent(Event):
    """An environment variable was turned, which begins a stage of the monitoring."""

    event_name = "knob"
    name: VariableName
    old: VariableValue = Field(None, alias="from")
    new: VariableValue = Field(None, alias="to")
    effective_at: Instant
    stage: bool = True

    @property
    def cause(self) -> str:
        """What changed, in a few words."""
        return f"{self.name} {self.old} -> {self.new}"


class LookEvent(Event):
    """A look was made; look `number` of the `planned` looks of its stage."""

    event_name = "look"
    window: WindowName
    stage: StageNumber = 1
    number: int | None = None
    planned: int | None = None
    start: Instant
    end: Instant
    verdict: Line
    exit_code: int = RolloutError.exit_code
    reason: Line = ""


class LookFailedEvent(Event):
    """A look could not be made."""

    event_name = "look_failed"
    window: WindowName
    stage: StageNumber = 1
    reason: Line = ""
    exit_code: int = RolloutError.exit_code


class UnknownEvent(Event):
    """An event of a newer version: kept, and not read."""

    event_name = "unknown"


EVENTS: dict[str, type[Event]] = {
    kind.event_name: kind
    for kind in (
        PreflightEvent,
        SchemaPushEvent,
        DeployEvent,
        SmokeEvent,
        KnobEvent,
        LookEvent,
        LookFailedEvent,
    )
}
"""What is recorded under which name."""
