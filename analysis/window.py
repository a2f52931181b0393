"""Windows of time, half-open [start, end) in UTC, and the lengths they are written as: 90s, 4h, 2d."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from analysis.clock import in_utc, iso
from analysis.errors import WrongUse
from analysis.leaks import quote

HOUR = timedelta(hours=1)
LONGEST = timedelta(days=3650)
_UNITS = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": HOUR,
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
_PIECE = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)(ms|s|m|h|d|w)")
_DURATION = re.compile(rf"(?:{_PIECE.pattern}){{1,6}}")


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """A stretch of time, half-open: `start` belongs to it, `end` does not. Both are kept in UTC."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "start", in_utc(self.start))
        object.__setattr__(self, "end", in_utc(self.end))
        if self.end <= self.start:
            raise WrongUse(
                f"window ends at {iso(self.end)}, not after its start {iso(self.start)}; give a later end"
            )

    @property
    def length(self) -> timedelta:
        """How long it is."""
        return self.end - self.start

    @property
    def hours(self) -> int:
        """Hours it spans, counted from its start; the last one may be cut short."""
        return -(-self.length // HOUR)

    @property
    def label(self) -> str:
        """Its name when it is no planned look: <from>--<to>, a folder name in every file system."""
        return f"{iso(self.start)}--{iso(self.end)}".replace(":", "")

    def __contains__(self, instant: datetime) -> bool:
        return self.start <= instant < self.end

    def overlaps(self, other: "Window") -> bool:
        """Tell whether the two share an instant."""
        return self.start < other.end and other.start < self.end

    def __str__(self) -> str:
        return f"{iso(self.start)} to {iso(self.end)}"


def window_after(deployed_at: datetime, length: timedelta) -> Window:
    """Return the look of that length, counted from the deploy."""
    return Window(deployed_at, deployed_at + length)


def hour_from(deployed_at: datetime, instant: datetime) -> int:
    """Count hours from the deploy: 0 starts with it, the baseline's are negative."""
    return (instant - deployed_at) // HOUR


def parse_duration(text: str) -> timedelta:
    """Read a length of time: a number with ms, s, m, h, d or w, or several such pieces.

    >>> parse_duration("1h30m")
    datetime.timedelta(seconds=5400)
    """
    if text.startswith("-"):
        raise WrongUse(f"duration {quote(text)} is negative; write one such as '90s', '4h' or '2d'")
    if not _DURATION.fullmatch(text):
        raise WrongUse(
            f"duration {quote(text)} is not a number with a unit; write one such as '90s', '4h' or '2d'"
        )
    try:
        length = sum(
            (float(number) * _UNITS[unit] for number, unit in _PIECE.findall(text)), timedelta()
        )
    except OverflowError:
        length = timedelta.max
    if length > LONGEST:
        raise WrongUse(
            f"duration {quote(text)} is longer than ten years; write one such as '90s', '4h' or '2d'"
        )
    return length


def format_duration(length: timedelta) -> str:
    """Write a length of time in the units that parse_duration reads.

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
