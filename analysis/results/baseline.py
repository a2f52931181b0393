"""baseline/result.json: what the baseline is and what the planned looks will detect."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from analysis.results.fields import ClaimName, Count, Instant, MetricName, Number, Record, Text
from analysis.results.model import BaselineRecord, CliffRecord, ProvenanceRecord


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
