"""The one clock. Every instant is aware and in UTC; `ROLLOUT_CLOCK` names a file that replaces the real time."""

import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from analysis.errors import WrongUse
from analysis.leaks import quote

CLOCK_VARIABLE = "ROLLOUT_CLOCK"
FIRST_YEAR, LAST_YEAR = 1970, 2999  # so that no sum of an instant and a duration overflows
_POLL_S = 0.02  # a clock file is read again this often
_NAP_S = 5.0  # the longest sleep on the real clock, so that a suspended machine wakes in time
_TORN_READS = 50  # a clock file that is just being rewritten may be empty for a moment


def now() -> datetime:
    """Return the present instant in UTC, or the one in the file that ROLLOUT_CLOCK names."""
    clock_file = os.environ.get(CLOCK_VARIABLE)
    return _read_clock_file(Path(clock_file)) if clock_file else datetime.now(UTC)


def wait_until(instant: datetime, *, longest: timedelta | None = None) -> bool:
    """Wait for an instant and return True; return False when `longest` of real time has passed before it."""
    gives_up_at = None if longest is None else time.monotonic() + longest.total_seconds()
    while (missing := (instant - now()).total_seconds()) > 0:
        nap = _POLL_S if os.environ.get(CLOCK_VARIABLE) else min(missing, _NAP_S)
        if gives_up_at is not None:
            left = gives_up_at - time.monotonic()
            if left <= 0:
                return False
            nap = min(nap, left)
        time.sleep(nap)
    return True


def iso(instant: datetime) -> str:
    """Write an instant as UTC with Z; milliseconds only when there are any.

    >>> iso(datetime(2026, 2, 2, 23, 10, 16, tzinfo=UTC))
    '2026-02-02T23:10:16Z'
    """
    if instant.tzinfo is None:
        raise ValueError("iso() takes an instant with a time zone")
    utc = instant.astimezone(UTC)
    precision = "milliseconds" if utc.microsecond >= 1000 else "seconds"
    return utc.replace(tzinfo=None).isoformat(timespec=precision) + "Z"


def parse_instant(text: str) -> datetime:
    """Read an ISO instant with a time zone into UTC; refuse one without.

    >>> parse_instant("2026-02-03T00:10:16+01:00").isoformat()
    '2026-02-02T23:10:16+00:00'
    """
    try:
        instant = datetime.fromisoformat(text.strip())
    except ValueError:
        raise WrongUse(
            f"time {quote(text)} is not an ISO time; write it as 2026-02-02T23:10:16Z"
        ) from None
    return in_utc(instant)


def in_utc(instant: datetime) -> datetime:
    """Convert an instant to UTC; refuse one without a time zone or out of the years that make sense."""
    if instant.tzinfo is None:
        shown = instant.isoformat(timespec="auto")
        raise WrongUse(f"time {shown!r} has no time zone; write {shown + 'Z'!r} if it is UTC")
    if not FIRST_YEAR < instant.year < LAST_YEAR:
        raise WrongUse(
            f"time {instant.isoformat()!r} is not between the years {FIRST_YEAR} and {LAST_YEAR}"
        )
    return instant.astimezone(UTC)


def _read_clock_file(path: Path) -> datetime:
    """Read the instant in a clock file; try again while it is being rewritten."""
    for _ in range(_TORN_READS):
        try:
            text = path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            text = ""
        if text.endswith("Z") or "+" in text:
            return parse_instant(text)
        time.sleep(_POLL_S / 10)
    raise WrongUse(
        f"{CLOCK_VARIABLE} names a file without an instant; write one such as 2026-02-02T23:10:16Z into it"
    )
