"""Windows of time, half-open and in UTC; hours counted from the deploy; lengths of time."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from analysis.clock import in_utc, iso
from analysis.errors import WrongUse
from analysis.leaks import quote

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
LONGEST = timedelta(days=3650)
_UNITS = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": HOUR,
    "d": DAY,
    "w": timedelta(weeks=1),
}
_PIECE = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)(ms|s|m|h|d|w)")
_DURATION = re.compile(rf"(?:{_PIECE.pattern}){{1,6}}")
_EXAMPLES = "write one such as '90s', '4h' or '2d'"


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """A half-open stretch of time: `start` is in it, `end` is not. Both are kept in UTC."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "start", in_utc(self.start))
        object.__setattr__(self, "end", in_utc(self.end))
        if self.end <= self.start:
            raise WrongUse(
                f"window ends at {iso(self.end)}, not after its start {iso(self.start)}; "
                "give a later end"
            )

    @property
    def length(self) -> timedelta:
        """The time from start to end."""
        return self.end - self.start

    @property
    def label(self) -> str:
        """Its name when it is not a planned window: ``<from>--<to>``, valid as a folder name."""
        return f"{iso(self.start)}--{iso(self.end)}".replace(":", "")

    def __contains__(self, instant: datetime) -> bool:
        return self.start <= instant < self.end

    def __str__(self) -> str:
        return f"{iso(self.start)} to {iso(self.end)}"


def window_after(start: datetime, length: timedelta) -> Window:
    """The window of that length from `start` on, usually the deploy."""
    return Window(start, start + length)


def window_of_hours(deployed_at: datetime, first: int, end: int) -> Window:
    """The window of the hours `first` to `end` - 1, counted from the deploy."""
    return Window(deployed_at + first * HOUR, deployed_at + end * HOUR)


def hour_from(deployed_at: datetime, instant: datetime) -> int:
    """The hour that holds an instant, counted from the deploy: 0 starts with it."""
    return (instant - deployed_at) // HOUR


def next_hour_from(deployed_at: datetime, instant: datetime) -> int:
    """The first hour, counted from the deploy, that begins at or after an instant."""
    return -((deployed_at - instant) // HOUR)


def hours_between(deployed_at: datetime, start: datetime, end: datetime) -> range:
    """The hours, counted from the deploy, that [start, end) touches."""
    return range(hour_from(deployed_at, start), next_hour_from(deployed_at, end))


def parse_duration(text: str) -> timedelta:
    """Read a length of time: numbers with one of the units ms, s, m, h, d or w.

    Raises WrongUse for any other text, and for more than ten years.

    >>> parse_duration("1h30m")
    datetime.timedelta(seconds=5400)
    """
    if text.startswith("-"):
        raise WrongUse(f"duration {quote(text)} is negative; {_EXAMPLES}")
    if not _DURATION.fullmatch(text):
        raise WrongUse(f"duration {quote(text)} is not a number with a unit; {_EXAMPLES}")
    pieces = _PIECE.findall(text)
    try:
        length = sum((float(number) * _UNITS[unit] for number, unit in pieces), timedelta())
    except OverflowError:
        length = timedelta.max
    if length > LONGEST:
        raise WrongUse(f"duration {quote(text)} is longer than ten years; {_EXAMPLES}")
    return length


def format_duration(length: timedelta) -> str:
    """Write a length of time in the units that `parse_duration` reads.

    >>> format_duration(timedelta(hours=25, seconds=30))
    '1d1h30s'
    """
    if length < timedelta(0):
        return "-" + format_duration(-length)
    pieces = []
    for unit in ("d", "h", "m", "s", "ms"):
        count, length = divmod(length, _UNITS[unit])
        if count:
            pieces.append(f"{count}{unit}")
    return "".join(pieces) or "0s"
