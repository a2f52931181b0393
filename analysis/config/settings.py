"""What rollout.toml says, checked and frozen. Attributes have the keys' names; lists are plural."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

from annotated_types import Ge, Gt, Le
from pydantic import Field

from analysis.claim_kinds import CLAIM_KINDS, ClaimKind, claim_kind
from analysis.config.deployment_settings import (
    Application,
    Deployment,
    Knob,
    Ledger,
    Preflight,
    Smoke,
)
from analysis.config.engines import ENGINES
from analysis.config.value_types import (
    ClassName,
    ControlChoice,
    Duration,
    Flag,
    FolderName,
    Instant,
    Milliseconds,
    Number,
    OneOrMore,
    PositiveDuration,
    Share,
    Table,
    Text,
    VariableName,
    Whole,
    one_of,
)
from analysis.errors import WrongUse
from analysis.paths import OutputPaths
from analysis.window import parse_duration

CRON_BUDGET_MS = 240_000  # the application's own default


def _title(given: dict[str, Any]) -> str:
    return str(given["name"])


class Rollout(Table):
    """[rollout]: which change is judged. The title is the name where none is given."""

    name: FolderName = Field(examples=["phase-94"])
    title: Text = Field(default_factory=_title, examples=["AI timeouts"])
    deployed_at: Instant | None = Field(None, examples=["2026-02-02T23:10:16Z"])
    warm_up: Duration = Field(timedelta(0), examples=["5m"])


class Source(Table):
    """[source]: where the telemetry table is.

    `path` may contain * and is relative to the folder of rollout.toml.
    """

    engine: Annotated[Text, one_of(ENGINES)] = Field(examples=["postgres"])
    path: Text | None = Field(None, examples=["calls/*.parquet"])
    url_env: VariableName | None = Field(None, examples=["DATABASE_URL"])
    table: Text | None = Field(None, examples=["AIInteraction"])
    mapping: Text | None = Field(None, examples=["litellm"])
    remote: Text | None = Field(None, examples=["sc://localhost:15002"])
    master: Text | None = Field(None, examples=["local[2]"])
    timeout: PositiveDuration = Field(timedelta(minutes=2), examples=["2m"])

    @classmethod
    def example(cls, key: str) -> str:
        """A line of rollout.toml that sets the key."""
        examples = cls.model_fields[key].examples or [""]
        return f'{key} = "{examples[0]}"'


class Exclusion(Table):
    """A part of the baseline that is left out, and why."""

    start: Instant = Field(alias="from", examples=["2026-01-30T08:00:00Z"])
    end: Instant = Field(alias="to", examples=["2026-01-30T09:30:00Z"])
    why: Text = Field(examples=["provider incident"])


class Baseline(Table):
    """[baseline]: whole days before the deploy, or a start and an end."""

    days: Annotated[Whole, Ge(1), Le(90)] = Field(7, examples=[7])
    start: Instant | None = Field(None, examples=["2026-01-26T00:00:00Z"])
    end: Instant | None = Field(None, examples=["2026-02-02T00:00:00Z"])
    exclude: tuple[Exclusion, ...] = ()


class Monitoring(Table):
    """[monitoring]: the planned looks, counted from the deploy, and their error probabilities."""

    windows: tuple[Text, ...] = Field(("1h", "4h", "24h"), examples=[["1h", "4h", "24h"]])
    ingestion_delay: Duration = Field(timedelta(seconds=90), alias="settle", examples=["90s"])
    sustained_for: PositiveDuration = Field(timedelta(hours=6), examples=["6h"])
    alpha: Annotated[Number, Gt(0), Le(0.5)] = Field(0.05, examples=[0.05])
    smallest_useful: Share = Field(0.1, examples=[0.1])

    @property
    def lengths(self) -> tuple[timedelta, ...]:
        """The lengths of the windows, in their order."""
        return tuple(parse_duration(label) for label in self.windows)


class Controls(Table):
    """[controls]: control features, which separate the provider's changes from the deploy's."""

    use: ControlChoice = Field("auto", examples=["auto"])
    never: Annotated[tuple[Text, ...], OneOrMore] = Field((), examples=[["chat.reply"]])


class Claim(Table):
    """An [[expectation]], a [[guardrail]], or a part of any_of.

    A part has the name, the feature and the source of its claim where it says none itself.
    """

    name: Text | None = Field(None, examples=["timeouts drop"])
    feature: Text | None = Field(None, examples=["signature.context"])
    source: Text | None = Field(None, examples=["background-job/*"])
    metric: Text | None = Field(None, examples=["timeout_rate"])
    claim: Annotated[Text, one_of(CLAIM_KINDS)] | None = Field(None, examples=["falls"])
    by: Share | None = Field(None, examples=[0.5])
    margin: Annotated[Number, Gt(0), Le(10)] | None = Field(None, examples=[0.1])
    limit: Annotated[Number, Gt(0)] | None = Field(None, examples=[30000])
    budget_ms: Milliseconds = Field(CRON_BUDGET_MS, examples=[CRON_BUDGET_MS])
    tau_ms: Milliseconds | None = Field(None, examples=[20000])
    smallest_useful: Share | None = Field(None, examples=[0.1])
    critical: Flag = Field(False, examples=[True])
    any_of: tuple["Claim", ...] = ()

    @property
    def kind(self) -> ClaimKind:
        """What kind of claim it is."""
        return claim_kind(self.claim)

    @property
    def size(self) -> float | None:
        """The size that its kind reads: `by`, `margin` or `limit`."""
        return {"by": self.by, "margin": self.margin, "limit": self.limit}[self.kind.size_key]

    @property
    def parts(self) -> tuple["Claim", ...]:
        """The single claims: the parts of any_of, else the claim itself."""
        return self.any_of or (self,)


class ErrorClass(Table):
    """[[error_class]]: your own class of errors, tried before the shipped ones.

    It is compared with the message in lower case.
    """

    name: ClassName = Field(examples=["quota"])
    contains: Annotated[tuple[Text, ...], OneOrMore] = Field((), examples=[["quota exceeded"]])
    pattern: Text | None = Field(None, examples=["^quota (hard|soft)"])


class FileContents(Table):
    """The whole file."""

    rollout: Rollout = Field(examples=[{"name": "phase-94"}])
    source: Source = Field(examples=[{"engine": "postgres", "url_env": "DATABASE_URL"}])
    baseline: Baseline = Field(default_factory=Baseline)
    monitoring: Monitoring = Field(default_factory=Monitoring)
    expectations: tuple[Claim, ...] = Field((), alias="expectation")
    guardrails: tuple[Claim, ...] = Field((), alias="guardrail")
    error_classes: tuple[ErrorClass, ...] = Field((), alias="error_class")
    application: Application = Field(default_factory=Application)
    preflights: tuple[Preflight, ...] = Field((), alias="preflight")
    smokes: tuple[Annotated[Smoke, Field(discriminator="kind")], ...] = Field((), alias="smoke")
    knobs: tuple[Knob, ...] = Field((), alias="knob")
    controls: Controls = Field(default_factory=Controls)
    deployment: Deployment = Field(default_factory=Deployment)
    ledger: Ledger = Field(default_factory=Ledger)

    @property
    def claims(self) -> tuple[Claim, ...]:
        """Expectations and guardrails, in the file's order."""
        return self.expectations + self.guardrails

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of the user's error classes, in the file's order."""
        return tuple(error_class.name for error_class in self.error_classes)


class Settings(FileContents):
    """The whole file, and where it lies."""

    path: Path
    folder: Path

    @property
    def outputs(self) -> Path:
        """The folder of this rollout's pages, results and ledger."""
        return self.folder / "outputs" / self.rollout.name

    @property
    def paths(self) -> OutputPaths:
        """Where each output of this rollout lies."""
        return OutputPaths(self.outputs)

    def window_length(self, label: str) -> timedelta:
        """Return the length of a planned window, however it is written; refuse any other."""
        length = parse_duration(label)
        if length not in self.monitoring.lengths:
            planned = ", ".join(self.monitoring.windows)
            raise WrongUse(
                f"window {label!r} is not among [monitoring].windows; use one of {planned}, "
                "or a start and an end (--from and --to; start and end in a notebook)"
            )
        return length
