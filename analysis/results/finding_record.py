"""A claim and what was found of it, as results store it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field
from pydantic.config import JsonDict

from analysis.claim_kinds import claim_kind
from analysis.decision.claims.findings import State
from analysis.metrics import recorded_metric
from analysis.results.fields import (
    Absent,
    ClaimName,
    Count,
    Interval,
    MaybeProbability,
    MetricName,
    Number,
    Probability,
    Record,
    Text,
)


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
    burst_hours : without these hours from the deploy harm is not shown, so it is not acted on.
    accepted : why rollout.toml accepts the value.
    parts : the alternatives of `any_of`; of a guardrail for each feature (`metric` is not null)
        the features, worst first, and the guardrail has the numbers of the worst.
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
    burst_hours: tuple[int, ...] = ()
    accepted: str | None = None
    caveat: str | None = None
    plain: EstimateRecord | None = None
    adjusted: AdjustedRecord | None = None
    proportional: ProportionalRecord | None = None
    controls: ControlsRecord | None = None
    decided_by: str | None = None
    sentence: str = Field(default="", json_schema_extra={"minLength": 1})
    parts: tuple[FindingRecord, ...] = ()

    @property
    def is_broken(self) -> bool:
        """Whether it is not met or worse."""
        return self.finding in ("not_met", "worse")

    @property
    def is_per_feature(self) -> bool:
        """Whether it judges each feature by itself: all parts are about its own metric."""
        is_same = all(part.metric == self.metric for part in self.parts)
        return bool(self.parts) and self.metric is not None and is_same

    @property
    def worst_feature(self) -> str | None:
        """The feature that its numbers are about: of a guardrail for each feature the worst."""
        is_worst = self.is_per_feature and self.is_broken
        return self.parts[0].feature if is_worst else self.feature

    @property
    def single_claims(self) -> tuple[FindingRecord, ...]:
        """The finding itself; of `any_of` its parts, each under the name of both."""
        if not self.parts or self.is_per_feature:
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
