"""The model of results: result.json of a look, and baseline/result.json, schema 1.

Results are written, read and published from these classes. Unknown fields of a file are kept. A
field with a default may be missing in a file; what this version writes has every field.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from analysis.decision.verdict import VerdictName
from analysis.results.baseline import (
    BaselineResult,
    ErrorRow,
    ForecastRow,
    HourRow,
    LatencyRow,
    SignatureRow,
    SpanRecord,
)
from analysis.results.fields import Absent, Instant, Record, Text
from analysis.results.finding import (
    AdjustedRecord,
    AmongRecord,
    ArmRecord,
    ControlsRecord,
    EstimateRecord,
    FindingRecord,
    ProportionalRecord,
)
from analysis.results.parts import (
    AdviceRecord,
    BaselineRecord,
    CalibrationRecord,
    CheckRecord,
    CliffRecord,
    LookRecord,
    PostRecord,
    PredictionRecord,
    ProvenanceRecord,
    ReplayRecord,
    WhatIfEstimate,
    WhatIfRecord,
)

__all__ = [
    "AdjustedRecord",
    "AdviceRecord",
    "AmongRecord",
    "ArmRecord",
    "BaselineRecord",
    "BaselineResult",
    "CalibrationRecord",
    "CheckRecord",
    "CliffRecord",
    "ControlsRecord",
    "ErrorRow",
    "EstimateRecord",
    "FindingRecord",
    "ForecastRow",
    "HourRow",
    "LatencyRow",
    "LookRecord",
    "LookResult",
    "PostRecord",
    "PredictionRecord",
    "ProportionalRecord",
    "ProvenanceRecord",
    "Record",
    "ReplayRecord",
    "SignatureRow",
    "SpanRecord",
    "WhatIfEstimate",
    "WhatIfRecord",
]


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
