"""What rollout.toml says, checked and frozen. Attributes have the keys' names; lists are plural."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le
from pydantic import Field

from analysis.claim_kinds import ANY_OF, CLAIM_KINDS, ClaimKind, claim_kind
from analysis.config.checked_toml.value_types import (
    ClassName,
    ControlChoice,
    Duration,
    Flag,
    FolderName,
    Instant,
    LowerText,
    Milliseconds,
    Number,
    OneOrMore,
    Pattern,
    PositiveDuration,
    Share,
    Text,
    TomlTable,
    VariableName,
    Whole,
    WindowLabel,
    one_of,
)
from analysis.config.deployment_settings import (
    Application,
    Deployment,
    Knob,
    LedgerSettings,
    Preflight,
    Smoke,
)
from analysis.config.engines import ENGINES
from analysis.config.starter import read_starter
from analysis.errors import WrongUse
from analysis.paths import OutputPaths
from analysis.window import parse_duration

CRON_BUDGET_MS = 240_000  # the application's own default
SEARCHED_METRICS = ("error_rate", "slower_than_p95", "typical_latency")


class RolloutSettings(TomlTable):
    """[rollout]: which change is judged. The title is the name where none is given."""

    name: FolderName
    title: Text = Field(default_factory=lambda given: str(given["name"]))
    deployed_at: Instant | None = None
    warm_up: Duration = timedelta(0)


class Source(TomlTable):
    """[source]: where the telemetry table is.

    `path` may contain * and is relative to the folder of rollout.toml.
    """

    engine: Annotated[Text, one_of(ENGINES)]
    path: Text | None = None
    url_env: VariableName | None = None
    table: Text | None = None
    mapping: Text | None = None
    remote: Text | None = None
    master: Text | None = None
    timeout: PositiveDuration = timedelta(minutes=2)


class Exclusion(TomlTable):
    """A part of the baseline that is left out, and why."""

    start: Instant = Field(alias="from")
    end: Instant = Field(alias="to")
    why: Text


class Baseline(TomlTable):
    """[baseline]: whole days before the deploy, or a start and an end."""

    days: Annotated[Whole, Ge(1), Le(90)] = 7
    start: Instant | None = None
    end: Instant | None = None
    exclude: tuple[Exclusion, ...] = ()
    day_to_day: Annotated[Number, Gt(0), Le(1)] = 0.10
    """Standard deviation between days as a share of a time, for a baseline of one or two days."""


class Monitoring(TomlTable):
    """[monitoring]: the planned looks, counted from the deploy, and their error probabilities."""

    windows: tuple[WindowLabel, ...] = ("1h", "4h", "24h")
    ingestion_delay: Duration = Field(timedelta(seconds=90), alias="settle")
    sustained_for: PositiveDuration = timedelta(hours=6)
    alpha: Annotated[Number, Gt(0), Le(0.5)] = 0.05
    smallest_useful: Share = 0.1

    @property
    def lengths(self) -> tuple[timedelta, ...]:
        """The lengths of the windows, in their order."""
        return tuple(parse_duration(label) for label in self.windows)


class Controls(TomlTable):
    """[controls]: control features, which separate the provider's changes from the deploy's."""

    use: ControlChoice = "auto"
    never: Annotated[tuple[Text, ...], OneOrMore] = ()


class Claim(TomlTable):
    """An [[expectation]], a [[guardrail]], or a part of any_of.

    A part has the name, the feature and the source of its claim where it says none itself.
    """

    name: Text | None = None
    feature: Text | None = None
    source: Text | None = None
    metric: Text | None = None
    claim: Annotated[Text, one_of(CLAIM_KINDS)] | None = None
    by: Share | None = None
    margin: Annotated[Number, Gt(0), Le(10)] | None = None
    limit: Annotated[Number, Gt(0)] | None = None
    budget_ms: Milliseconds = CRON_BUDGET_MS
    tau_ms: Milliseconds | None = None
    smallest_useful: Share | None = None
    critical: Flag = False
    per: Literal["feature", "total"] = "feature"
    exceptions: Annotated[tuple[Text, ...], OneOrMore] = Field((), alias="except")
    any_of: tuple["Claim", ...] = ()

    @property
    def has_feature_pattern(self) -> bool:
        """Whether several features may fit; a guardrail then judges each by itself."""
        return self.feature is not None and "*" in self.feature

    @property
    def kind(self) -> ClaimKind:
        """What kind of claim it is."""
        return ANY_OF if self.any_of else claim_kind(self.claim)

    @property
    def size(self) -> float | None:
        """The size that its kind reads: `by`, `margin` or `limit`."""
        return {"by": self.by, "margin": self.margin, "limit": self.limit}[self.kind.size_key]

    @property
    def parts(self) -> tuple["Claim", ...]:
        """The single claims: the parts of any_of, else the claim itself."""
        return self.any_of or (self,)


class RegressionSearch(TomlTable):
    """[regressions]: the search for harm that no claim covers; no metrics switch it off."""

    metrics: tuple[Text, ...] = SEARCHED_METRICS
    min_ratio: Annotated[Number, Ge(1), Le(100)] = 1.5
    min_slowdown: Annotated[Number, Ge(1), Le(100)] = 1.2
    critical: Flag = False
    exceptions: Annotated[tuple[Text, ...], OneOrMore] = Field((), alias="except")


class Accepted(TomlTable):
    """[[accepted]]: a known change, which is no harm up to a value."""

    feature: Text
    metric: Text
    up_to: Annotated[Number, Gt(0)]
    why: Text


class ErrorClass(TomlTable):
    """[[error_class]]: your own class of errors, tried before the shipped ones.

    It is compared with the message in lower case.
    """

    name: ClassName
    contains: Annotated[tuple[LowerText, ...], OneOrMore] = ()
    pattern: Pattern | None = None


class FileContents(TomlTable):
    """The whole file."""

    rollout: RolloutSettings
    source: Source
    baseline: Baseline = Baseline()
    monitoring: Monitoring = Monitoring()
    expectations: tuple[Claim, ...] = Field((), alias="expectation")
    guardrails: tuple[Claim, ...] = Field((), alias="guardrail")
    regressions: RegressionSearch = RegressionSearch()
    accepted: tuple[Accepted, ...] = ()
    error_classes: tuple[ErrorClass, ...] = Field((), alias="error_class")
    application: Application = Application()
    preflights: tuple[Preflight, ...] = Field((), alias="preflight")
    smokes: tuple[Annotated[Smoke, Field(discriminator="kind")], ...] = Field((), alias="smoke")
    knobs: tuple[Knob, ...] = Field((), alias="knob")
    controls: Controls = Controls()
    deployment: Deployment = Deployment()
    ledger: LedgerSettings = LedgerSettings()

    @classmethod
    def example(cls) -> str:
        """The file that `rollout init` writes."""
        return read_starter()

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
