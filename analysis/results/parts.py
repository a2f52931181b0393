"""The smaller parts of a result."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from analysis.decision.checks import CheckState
from analysis.results.fields import (
    Absent,
    Count,
    Instant,
    Interval,
    MaybeProbability,
    Number,
    Probability,
    Record,
    Text,
)


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
