"""Every kind of data check: what it asks, and the numbers of its answer.

A check that cannot be answered from these data has no opinion. The words are in text/checks.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from analysis.config.settings import Exclusion
from analysis.window import Window

CheckState = Literal["ok", "warning", "error", "no_opinion"]
ArmName = Literal["baseline", "post"]


@dataclass(frozen=True, kw_only=True)
class Check:
    """One question to the data, and its answer."""

    state: CheckState


@dataclass(frozen=True, kw_only=True)
class RowsCheck(Check):
    """Whether an arm has calls."""

    arm: ArmName
    window: Window
    calls: int


@dataclass(frozen=True, kw_only=True)
class IdCheck(Check):
    """Whether ids are unique; of many rows only `compared` are looked at."""

    copies: int
    rows: int
    compared: int


@dataclass(frozen=True, kw_only=True)
class LatencyCheck(Check):
    """Whether every row has a latency of 0 ms or more; the numbers of the worst arm."""

    arm: ArmName | None = None
    missing: int = 0
    negative: int = 0
    rows: int = 0


@dataclass(frozen=True, kw_only=True)
class StatusCheck(Check):
    """Whether every status is success or error."""

    unknown: int


@dataclass(frozen=True, kw_only=True)
class UnknownErrorsCheck(Check):
    """How many errors have no known class, in the arm where they are the greater share.

    It is made only when they are more than 5 % of the errors.
    """

    arm: ArmName
    unknown: int
    errors: int


@dataclass(frozen=True, kw_only=True)
class EmptyHoursCheck(Check):
    """Whether every hour after the deploy has calls where its baseline hours have some."""

    empty: tuple[int, ...]
    hours: int
    cycle: str


@dataclass(frozen=True, kw_only=True)
class ClockCheck(Check):
    """Whether an empty hour is next to one with twice its usual calls, as when a clock jumps."""

    empty_hour: int | None = None
    busy_hour: int | None = None
    calls: int = 0
    usual: float = 0.0


@dataclass(frozen=True, kw_only=True)
class InFlightCheck(Check):
    """How many calls started before the deploy and were written after it."""

    calls: int


@dataclass(frozen=True, kw_only=True)
class RightEdgeCheck(Check):
    """Whether rows reach the end of the window, are still to be written, or all calls stopped."""

    newest: datetime | None = None
    silence: timedelta = timedelta(0)
    usual: float = 0.0


@dataclass(frozen=True, kw_only=True)
class VolumeCheck(Check):
    """Features that lost 90 % of their calls: name, expected calls, calls."""

    stopped: tuple[tuple[str, float, float], ...]


@dataclass(frozen=True, kw_only=True)
class MixCheck(Check):
    """Share of calls that moved between features, sources and tenants."""

    moved: float | None = None


@dataclass(frozen=True, kw_only=True)
class IncidentCheck(Check):
    """Baseline hours that look like an incident, and the incidents that are declared.

    Attributes
    ----------
    hours : how many hours look like one.
    proposed : these hours as windows, adjacent hours in one.
    declared : the exclusions of rollout.toml.
    """

    hours: int
    proposed: tuple[Window, ...]
    declared: tuple[Exclusion, ...]


@dataclass(frozen=True, kw_only=True)
class LengthCheck(Check):
    """Whether the baseline is as long as asked, and every hour of the window has a match."""

    days: float
    asked_days: int | None
    unmatched_hours: int
    cycle: str
    mixes_weekdays: bool
