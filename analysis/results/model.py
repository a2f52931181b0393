"""The shape of result.json and baseline/result.json, schema 1: written, read and published from here.

Every number is finite or null. Times are UTC. Unknown fields of a file are kept. A field with a
default may be missing in a file; what this version writes has every field.
"""

from __future__ import annotations

import math
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
)
from pydantic.config import JsonDict
from pydantic.json_schema import SkipJsonSchema

from analysis.claim_kinds import CLAIM_KINDS, claim_kind
from analysis.clock import iso, parse_instant
from analysis.decision.checks import CheckState
from analysis.decision.claims.findings import State
from analysis.decision.verdict import VerdictName
from analysis.errors import WrongUse
from analysis.metrics import known_metrics, recorded_metric

SCHEMA = 1


def _parse_instant(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return parse_instant(value)
    except WrongUse as error:
        raise ValueError(str(error)) from None


def _finite(value: Any) -> Any:
    """None for nan and infinity, which JSON does not have."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _whole_interval(value: Any) -> Any:
    """None where one end does not exist."""
    if not isinstance(value, list | tuple):
        return value
    return None if None in map(_finite, value) else tuple(value)


def _known_metric(name: str) -> str:
    if name not in known_metrics() and not name.endswith("_rate"):  # the rate of a user's class
        raise ValueError("not a metric")
    return name


def _known_claim(name: str) -> str:
    if name not in CLAIM_KINDS:
        raise ValueError("not a kind of claim")
    return name


_TIME_PATTERN = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z$"
Instant = Annotated[
    datetime,
    BeforeValidator(_parse_instant),
    PlainSerializer(iso, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": _TIME_PATTERN}),
]
Number = Annotated[float | None, BeforeValidator(_finite)]
Probability = Annotated[float, Field(ge=0, le=1)]
MaybeProbability = Annotated[Probability | None, BeforeValidator(_finite)]
Interval = Annotated[tuple[float, float] | None, BeforeValidator(_whole_interval)]
Count = Annotated[int, Field(ge=0)]
Text = Annotated[str, Field(min_length=1)]
ClaimName = Annotated[
    str, AfterValidator(_known_claim), WithJsonSchema({"enum": list(CLAIM_KINDS), "type": "string"})
]
MetricName = Annotated[str, AfterValidator(_known_metric)]
Absent = SkipJsonSchema[None]
"""A field that a file may lack but that is never null in what this version writes."""


class Record(BaseModel):
    """A part of a result."""

    model_config = ConfigDict(
        extra="allow",
        frozen=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
        populate_by_name=True,
        json_schema_serialization_defaults_required=True,
    )

    def as_json(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        return self.model_dump(mode="json", by_alias=True)

    # A view as a mapping, for callers that still read results as dictionaries.
    def __getitem__(self, key: str) -> Any:
        names = {
            field.serialization_alias or name: name
            for name, field in type(self).model_fields.items()
        }
        if key not in names and key not in (self.model_extra or {}):
            raise KeyError(key)
        value = getattr(self, names.get(key, key))
        return iso(value) if isinstance(value, datetime) else value

    def __contains__(self, key: str) -> bool:
        return key in self.keys()

    def keys(self) -> list[str]:
        """The names in the file."""
        fields = [
            field.serialization_alias or name for name, field in type(self).model_fields.items()
        ]
        return [*fields, *(self.model_extra or {})]

    def get(self, key: str, default: Any = None) -> Any:
        """The value of that name in the file."""
        try:
            return self[key]
        except KeyError:
            return default


# ---- findings --------------------------------------------------------------------------------
class ArmRecord(Record):
    """One arm over the matched hours.

    Attributes
    ----------
    calls : calls that started there.
    events : sum of y where y is 0 or 1 for one call.
    value : crude sum(y) / sum(n).
    """

    calls: Count | Absent = None
    events: Count | None = None
    value: Number = None


class AmongRecord(Record):
    """What a metric counts its events among (calls, failures, minutes), and how many of it."""

    what: str
    baseline: Count
    post: Count


class EstimateRecord(Record):
    """A change by one of the comparisons alone: plain, adjusted, or in full proportion."""

    difference: Number = None
    interval: Interval = None
    p_value: Number = None


class AdjustedRecord(EstimateRecord):
    """The change adjusted by the control group, with the slope of the metric on it."""

    slope: Number = None
    slope_se: Number = None


class ProportionalRecord(EstimateRecord):
    """The change after the provider's whole slowdown, with its factor."""

    factor: Number = None


class ControlsRecord(Record):
    """The control group of a finding: its features, how much they moved, or why there is none."""

    features: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    moved: bool = False
    movement: Number = None
    class_movement: Number = None
    share: str | None = None
    why_none: str | None = None
    sentence: str | None = None


_ANY_OF: JsonDict = {
    "if": {"properties": {"metric": {"type": "null"}}},
    "then": {
        "properties": {
            "parts": {"minItems": 2},
            "difference": {"type": "null"},
            "interval": {"type": "null"},
        }
    },
}
_NOTHING_COMPARED: JsonDict = {
    "if": {"properties": {"difference": {"type": "null"}}},
    "then": {"properties": {name: {"type": "null"} for name in ("ratio", "interval", "df")}},
}
_DECIDED: JsonDict = {
    "if": {"properties": {"finding": {"enum": ["met", "worse"]}, "metric": {"type": "string"}}},
    "then": {
        "properties": {
            "p_value": {"type": "number"},
            "post": {"properties": {"value": {"type": "number"}}},
        }
    },
}


class FindingRecord(Record):
    """A claim, what was found of it, and the numbers behind it.

    Attributes
    ----------
    difference : post - baseline at the same mix of strata.
    ratio : post / baseline at the same mix; null when the baseline is 0.
    interval : of the difference, at `level`, which follows this look's bound.
    p_value : two-sided, unadjusted, of the claim's own null; of `any_of` the smallest times its
        parts.
    p_adjusted : smallest alpha at which it would be met; null for guardrails.
    coverage : share of the post calls in strata that both arms have.
    smallest_visible_change : minimum detectable effect at 80 % power, in the metric's unit.
    hours_needed : hours from the deploy until it is decided at today's traffic.
    event_hour, began_hour : hour from the deploy of the first event, and of the change.
    """

    model_config = ConfigDict(json_schema_extra={"allOf": [_ANY_OF, _NOTHING_COMPARED, _DECIDED]})

    name: Text
    finding: State
    feature: str | None = None
    source: str | None = None
    metric: MetricName | None = None
    claim: ClaimName | None = None
    by: Number = None
    margin: Number = None
    limit: Number = None
    critical: bool = False
    unit: Literal["share", "ms", "tokens", "calls/h"] | None = None
    baseline: ArmRecord = ArmRecord()
    post: ArmRecord = ArmRecord()
    among: AmongRecord | None = None
    difference: Number = None
    ratio: Number = None
    interval: Interval = None
    post_interval: Interval = None
    level: Probability | Absent = None
    p_value: MaybeProbability = None
    p_adjusted: MaybeProbability = None
    crude_difference: Number = None
    method: str | None = None
    df: Number = None
    coverage: MaybeProbability = None
    smallest_visible_change: Number = None
    hours_needed: Annotated[float, Field(gt=0)] | None = None
    longer_baseline_needed: bool = False
    event_hour: Count | None = None
    began_hour: Count | None = None
    caveat: str | None = None
    plain: EstimateRecord | None = None
    adjusted: AdjustedRecord | None = None
    proportional: ProportionalRecord | None = None
    controls: ControlsRecord | None = None
    decided_by: str | None = None
    sentence: str = Field(default="", json_schema_extra={"minLength": 1})
    parts: tuple[FindingRecord, ...] = ()

    @property
    def single_claims(self) -> tuple[FindingRecord, ...]:
        """The finding itself; of `any_of` its parts, each under the name of both."""
        if not self.parts:
            return (self,)
        names = (f"{self.name}: {recorded_metric(part.metric or '').words}" for part in self.parts)
        return tuple(
            part.model_copy(update={"name": name})
            for part, name in zip(self.parts, names, strict=True)
        )

    @property
    def size(self) -> float | None:
        """The claimed change, the allowed change or the limit, as the kind of claim has it."""
        sizes = {"by": self.by, "margin": self.margin, "limit": self.limit}
        return sizes[claim_kind(self.claim).size_key]


# ---- the other parts -------------------------------------------------------------------------
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


class ProvenanceRecord(Record):
    """What made the numbers."""

    version: Text
    sql_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    engine: Text


# ---- the whole files -------------------------------------------------------------------------
class LookResult(Record):
    """result.json: what a look at a rollout found."""

    schema_version: Literal[1] = Field(
        default=1, validation_alias="schema", serialization_alias="schema"
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
    exploratory: tuple[FindingRecord, ...] = ()
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


class SpanRecord(Record):
    """A stretch of time."""

    start: Instant
    end: Instant


class LatencyRow(Record):
    """Latency of one feature, source and status in the 24 hours before the deploy."""

    feature: str | None
    source: str | None
    status: Literal["success", "error"]
    calls: Count
    avg_ms: Number
    p50_ms: Number
    p90_ms: Number
    p95_ms: Number
    max_ms: Number


class ErrorRow(Record):
    """Errors of one feature, source and class in the 24 hours before the deploy."""

    feature: str | None
    source: str | None
    error_class: str
    errors: Count
    avg_ms: Number
    max_ms: Number


class HourRow(Record):
    """Calls of one baseline hour, counted from the deploy."""

    hour: int
    calls: Count
    failed: Count
    bad_latencies: Count


class SignatureRow(Record):
    """Errors of no known class, by their signature of allow-listed words."""

    feature: str | None
    signature: str
    errors: Count
    first_started_at: Instant


class ForecastRow(Record):
    """What one planned look will be able to see of one claim.

    Attributes
    ----------
    baseline : the metric's value in the baseline.
    smallest_visible_change : minimum detectable effect at 80 % power; null when unknown.
    calls_needed : calls after the deploy that show a change of the size the claim is about.
    """

    name: Text
    feature: str | None
    source: str | None
    metric: MetricName
    claim: ClaimName | None
    by: Number
    window: Text
    baseline: Number
    smallest_visible_change: Number
    calls_needed: Count | None


class BaselineResult(Record):
    """baseline/result.json: what the baseline is and what the planned looks will see."""

    schema_version: Literal[1] = Field(
        default=1, validation_alias="schema", serialization_alias="schema"
    )
    rollout: Text
    title: Text
    deployed_at: Instant
    provisional: bool
    baseline: BaselineRecord
    published: SpanRecord
    latency_distribution: tuple[LatencyRow, ...]
    errors_by_source: tuple[ErrorRow, ...]
    coverage: tuple[HourRow, ...]
    unknown_errors: tuple[SignatureRow, ...]
    cliffs: tuple[CliffRecord, ...]
    foresight: tuple[ForecastRow, ...]
    proposed_exclusions: tuple[Instant, ...]
    provenance: ProvenanceRecord
