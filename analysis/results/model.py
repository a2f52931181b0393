"""The model of results: result.json of a look, and baseline/result.json, schema 2.

Results are written, read and published from these classes. Unknown fields of a file are kept. A
field with a default may be missing in a file; what this version writes has every field.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from analysis.decision.checks.check_records import CheckState
from analysis.decision.verdict import VerdictName
from analysis.results.fields import (
    Absent,
    Count,
    Instant,
    Interval,
    MaybeProbability,
    MetricName,
    Number,
    Probability,
    Record,
    Text,
)
from analysis.results.finding_record import FindingRecord


class LookRecord(Record):
    """Which look it is; `number` and `planned` are null outside the planned looks."""

    window: Text
    start: Instant
    end: Instant
    bound: Annotated[float, Field(gt=0)]
    number: Annotated[int, Field(ge=1)] | None = None
    planned: Annotated[int, Field(ge=1)] | None = None


class BaselineRecord(Record):
    """The baseline: its span, the days that hours are matched with, and its calls."""

    start: Instant
    end: Instant
    days: Annotated[int, Field(ge=1)]
    calls: Count
    excluded_hours: Count


class PostRecord(Record):
    """The calls after the deploy."""

    calls: Count | Absent = None


class CliffRecord(Record):
    """A latency at which the calls of a feature are cut off, in one arm."""

    feature: Text
    arm: Literal["baseline", "post"]
    at_ms: Annotated[int, Field(ge=1)]
    share_of_timeouts: Probability


class PredictionRecord(Record):
    """What a cap would do; null where it cannot be known from the window's calls."""

    cut_off_share: MaybeProbability = None
    interval: Interval = None
    sentence: str = ""


class WhatIfEstimate(Record):
    """A number with its interval."""

    value: Number
    low: Number
    high: Number


class WhatIfRecord(Record):
    """What another cap would do: the object that `rollout whatif --json` prints."""

    feature: Text
    cap_ms: float
    own_cap_ms: Number
    calls: Count
    identifiable: bool
    level: Probability
    cut_off_share: WhatIfEstimate
    saved_ms_per_call: WhatIfEstimate
    saved_ms_per_success: WhatIfEstimate
    sentence: str


class AdviceRecord(Record):
    """A knob to turn, and the finding that asks for it."""

    knob: Text
    kind: Literal["environment", "code"] | Absent = None
    old: Any = Field(default=None, validation_alias="from", serialization_alias="from")
    new: Any = Field(default=None, validation_alias="to", serialization_alias="to")
    because: str = ""
    claim: str | Absent = None
    predicted: PredictionRecord | None = None


class CheckRecord(Record):
    """One check of the data and its answer."""

    name: Text
    state: CheckState
    detail: str = ""


class ReplayRecord(Record):
    """Placebo deploys inside the baseline, and how many of them raised a false alarm."""

    pretended_deploys: Count = 0
    false_alarms: Count = 0


class CalibrationRecord(ReplayRecord):
    """Placebo deploys of the declared claims, and of the control group's index."""

    controls: ReplayRecord = ReplayRecord()


class NewFeatureRecord(Record):
    """A feature without a call in the baseline."""

    feature: Text
    calls: Count


class VanishedFeatureRecord(Record):
    """A feature that fell to a tenth of its traffic, or to none; harm unless it is excepted."""

    feature: Text
    expected: float
    calls: float
    is_harm: bool


class RenamedFeatureRecord(Record):
    """A feature that goes by another name since the deploy."""

    old: Text
    new: Text


class ChangedFeatureRecord(Record):
    """A feature whose calls go to another model since the deploy."""

    feature: Text
    baseline_model: Text
    post_model: Text


class FeaturesRecord(Record):
    """Features that came, went, or changed their name or model at the deploy."""

    new: tuple[NewFeatureRecord, ...] = ()
    vanished: tuple[VanishedFeatureRecord, ...] = ()
    renamed: tuple[RenamedFeatureRecord, ...] = ()
    changed: tuple[ChangedFeatureRecord, ...] = ()


class AcceptedRecord(Record):
    """A known change that rollout.toml accepts up to a value."""

    feature: Text
    metric: MetricName
    up_to: float
    why: Text


class CommonHoursRecord(Record):
    """The hours of the window that the baseline has too, and the share of post calls in them."""

    compared: Count
    window: Count
    share_of_calls: Probability


class ProvenanceRecord(Record):
    """What made the numbers."""

    version: Text
    sql_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    engine: Text


class LookResult(Record):
    """result.json: what a look at a rollout found."""

    schema_version: Literal[1, 2] = Field(
        default=2, validation_alias="schema", serialization_alias="schema"
    )
    rollout: Text
    title: Text | Absent = None
    verdict: VerdictName
    reason: Text
    deployed_at: Instant
    look: LookRecord
    baseline: BaselineRecord
    post: PostRecord = PostRecord()
    expectations: tuple[FindingRecord, ...] = ()
    guardrails: tuple[FindingRecord, ...] = ()
    regressions: tuple[FindingRecord, ...] = ()
    price_of_fix: tuple[FindingRecord, ...] = ()
    exploratory: tuple[FindingRecord, ...] = ()
    features: FeaturesRecord = FeaturesRecord()
    accepted: tuple[AcceptedRecord, ...] = ()
    common_hours: CommonHoursRecord | None = None
    cliffs: tuple[CliffRecord, ...] = ()
    advice: tuple[AdviceRecord, ...] = ()
    checks: tuple[CheckRecord, ...] = Field((), json_schema_extra={"minItems": 1})
    calibration: CalibrationRecord = CalibrationRecord()
    provenance: ProvenanceRecord

    @property
    def claims(self) -> tuple[FindingRecord, ...]:
        """Expectations, then guardrails."""
        return (*self.expectations, *self.guardrails)

    @property
    def single_claims(self) -> tuple[FindingRecord, ...]:
        """The same, an `any_of` as its parts."""
        return tuple(single for claim in self.claims for single in claim.single_claims)
