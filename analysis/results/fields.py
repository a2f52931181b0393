"""The types of the fields of results. Every number is finite or null; times are UTC with Z."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
)
from pydantic.json_schema import SkipJsonSchema

from analysis.claim_kinds import CLAIM_KINDS
from analysis.clock import iso, parse_instant
from analysis.errors import WrongUse
from analysis.metrics import known_metrics


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
