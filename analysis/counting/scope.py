"""Which calls a claim is about, and which baseline hours match the hours after the deploy."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, cast

import numpy as np
import pandas as pd

from analysis.metrics import known_metrics
from analysis.statistics.totals import Bools

if TYPE_CHECKING:
    from analysis.config import Claim
    from analysis.counting.arm import Arm

_STAR = "[*]"  # a star that is a star
HOURS_A_DAY = 24
HOURS_A_WEEK = 168
Hours = tuple[int, int]
"""A stretch of hours counted from the deploy: the first, and the one after the last."""


@dataclass(frozen=True)
class Cycle:
    """How baseline hours are matched with post hours.

    Attributes
    ----------
    hours : 24 (hour of the day), or 168 (hour of the week) with a baseline of two weeks or more.
    repeats : days or weeks of the baseline.
    """

    hours: int
    repeats: int

    @classmethod
    def of(cls, first: int, last: int = 0) -> Cycle:
        """The cycle of a baseline from hour `first` to `last`: weeks if it holds two of them."""
        days = -(first // HOURS_A_DAY)
        weeks = sum(
            -HOURS_A_WEEK * week <= last and first <= -HOURS_A_WEEK * (week + 1)
            for week in range(days // 7)
        )
        return cls(HOURS_A_WEEK, days // 7) if weeks >= 2 else cls(HOURS_A_DAY, max(days, 1))

    @property
    def span(self) -> int:
        """Hours of the baseline that are used."""
        return self.hours * self.repeats

    @property
    def name(self) -> str:
        """What is matched: the hour of the day, or of the week."""
        return "hour of the week" if self.hours == HOURS_A_WEEK else "hour of the day"

    def usable_hours(self, baseline: Arm) -> Bools:
        """Which hours of the baseline are in it and not excluded, (repeats, cycle hours).

        Hours before the first call of all are no baseline: the table does not reach so far back.
        """
        usable = np.zeros(self.span, dtype=bool)
        first, last = (max(hour + self.span, 0) for hour in baseline.hours)
        if baseline.calls:
            first = max(first, int(baseline.hourly.rows["hour"].min()) + self.span)
        usable[first:last] = True
        usable[[hour + self.span for hour in baseline.excluded_hours if -self.span <= hour < 0]] = (
            False
        )
        return usable.reshape(self.repeats, self.hours)


@dataclass(frozen=True)
class Scope:
    """The calls of a claim.

    Attributes
    ----------
    feature, source : a name, or a pattern with ``*``; None for all.
    kind : kind of the events in EventCounts, for a metric that counts events.
    exceptions : features, or patterns of them, that do not belong.
    """

    feature: str | None = None
    source: str | None = None
    kind: str | None = None
    exceptions: tuple[str, ...] = ()

    def matches(self, feature: str, source: str | None) -> bool:
        """Whether a call of that feature and source belongs to it.

        A call without a source belongs only where the source is left open.
        """
        return self.has_feature(feature) and matches_pattern(self.source, source)

    def has_feature(self, feature: str | None) -> bool:
        """Whether calls of that feature can belong to it."""
        is_excepted = feature is not None and fits_any(self.exceptions, feature)
        return matches_pattern(self.feature, feature) and not is_excepted

    def select(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The rows of a table of counts whose feature and source belong to it."""
        chosen = np.ones(len(rows), dtype=bool)
        for column, pattern in (("feature", self.feature), ("source", self.source)):
            if pattern is not None:
                names = rows[column].dropna().unique()
                fitting = [name for name in names if matches_pattern(pattern, name)]
                chosen &= rows[column].isin(fitting).to_numpy(dtype=bool)
        if self.exceptions:
            features = rows["feature"].dropna().unique()
            excepted = [name for name in features if fits_any(self.exceptions, name)]
            chosen &= ~rows["feature"].isin(excepted).to_numpy(dtype=bool)
        return rows[chosen]

    @property
    def is_pattern(self) -> bool:
        """Whether several features may belong, which makes the feature a stratum."""
        return self.feature is None or "*" in self.feature.replace(_STAR, "")


def matches_pattern(pattern: str | None, name: str | None) -> bool:
    """Whether a name fits a pattern. Only ``*`` is special; None fits every name.

    >>> matches_pattern("draft.*", "draft.verify"), matches_pattern("a[1]", "a1")
    (True, False)
    """
    if pattern is None:
        return True
    if not isinstance(name, str):
        return False
    pieces = pattern.split(_STAR)
    if not any("*" in piece for piece in pieces):
        return name == "*".join(pieces)
    escaped = (piece.replace("[", "[[]").replace("?", "[?]") for piece in pieces)
    return fnmatchcase(name, _STAR.join(escaped))


def exactly(name: str) -> str:
    """The pattern that only a name of the data fits, whatever characters it has.

    >>> matches_pattern(exactly("*"), "other"), matches_pattern(exactly("a*"), "a*")
    (False, True)
    """
    return name.replace("*", _STAR)


def fits_any(patterns: Iterable[str], name: str) -> bool:
    """Whether a name fits one of the patterns."""
    return any(matches_pattern(pattern, name) for pattern in patterns)


def feature_and_source(key: object) -> tuple[str, str | None]:
    """A pandas group of feature and source as a pair; NULL is None."""
    feature, source = cast("tuple[object, object]", key)
    return str(feature), source if isinstance(source, str) else None


def event_kind(claim: Claim) -> str | None:
    """The kind of a claim's events in EventCounts; None for the metrics of calls.

    Each cron budget is counted by itself.
    """
    metric = known_metrics().get(claim.metric or "")
    event = metric.event if metric else None
    if event != "cron_over":
        return event
    return f"{event}:{claim.budget_ms}:{claim.source or '*'}:{claim.feature or '*'}"


def scope_of(claim: Claim) -> Scope:
    """The calls, or events, that a claim is about."""
    return Scope(claim.feature, claim.source, event_kind(claim), claim.exceptions)
