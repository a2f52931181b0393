"""A result.json as it lies on disk: written by us, perhaps by another version, perhaps changed by somebody since."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from analysis.clock import parse_instant
from analysis.decision.verdict import EXIT_CODES
from analysis.errors import WrongUse
from analysis.metrics import known_metrics


def _check_instant(text: str) -> str:
    try:
        parse_instant(text)
    except WrongUse as error:
        raise ValueError(str(error)) from None
    return text


def _check_verdict(text: str) -> str:
    if text not in EXIT_CODES:
        raise ValueError("not a verdict")
    return text


def _check_metric(text: str) -> str:
    if text not in known_metrics() and not text.endswith("_rate"):  # of a class that the user added
        raise ValueError("not a metric")
    return text


Instant = Annotated[str, AfterValidator(_check_instant)]
Verdict = Annotated[str, AfterValidator(_check_verdict)]
Metric = Annotated[str, AfterValidator(_check_metric)]


class _Part(BaseModel):
    """A part of a result: what readers use has its type or is null; whatever else is there stays."""

    model_config = ConfigDict(
        extra="allow", strict=True, allow_inf_nan=False, hide_input_in_errors=True
    )


class _Arm(_Part):
    calls: int | None = None
    events: int | None = None
    value: float | None = None


class _Among(_Part):
    what: str
    baseline: int
    post: int


class _Finding(_Part):
    name: str
    finding: Literal["met", "not_met", "worse", "undecided", "no_data"]
    feature: str | None = None
    source: str | None = None
    metric: Metric | None = None
    claim: Literal["falls", "rises", "stays_zero", "no_worse", "below"] | None = None
    unit: Literal["share", "ms", "tokens", "calls/h"] | None = None
    by: float | None = None
    margin: float | None = None
    critical: bool = False
    limit: float | None = None
    baseline: _Arm = Field(default_factory=_Arm)
    post: _Arm = Field(default_factory=_Arm)
    among: _Among | None = None
    difference: float | None = None
    ratio: float | None = None
    interval: Annotated[list[float | None], Field(min_length=2, max_length=2)] | None = None
    level: float | None = None
    smallest_visible_change: float | None = None
    hours_needed: float | None = None
    sentence: str = ""
    parts: list[_Finding] | None = None


class _Look(_Part):
    window: str
    start: Instant
    end: Instant
    bound: float | None = None
    number: int | None = None
    planned: int | None = None


class _Predicted(_Part):
    sentence: str = ""


class _Advice(_Part):
    knob: str
    because: str = ""
    predicted: _Predicted | None = None


class _Check(_Part):
    name: str
    state: str
    detail: str = ""


class _Result(_Part):
    verdict: Verdict
    reason: str
    look: _Look
    deployed_at: Instant
    title: str | None = None
    post: _Arm = Field(default_factory=_Arm)
    expectations: list[_Finding] = []
    guardrails: list[_Finding] = []
    exploratory: list[_Finding] = []
    advice: list[_Advice] = []
    checks: list[_Check] = []


def read_stored(path: Path) -> dict[str, Any] | None:
    """The object of a result.json, with null for every number that it lacks; None when there is none or it is none of ours."""
    try:
        return _Result.model_validate(json.loads(path.read_text(encoding="utf-8"))).model_dump()
    except (OSError, ValueError, RecursionError, ValidationError):
        return None
