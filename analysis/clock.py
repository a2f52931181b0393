"""The one clock: instants with a time zone, in UTC. A file can replace the real time.

`ROLLOUT_CLOCK` names that file; tests use it.
"""

from __future__ import annotations

import math
import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from analysis.errors import WrongUse
from analysis.leaks import quote

CLOCK_VARIABLE = "ROLLOUT_CLOCK"
FIRST_YEAR, LAST_YEAR = 1970, 2999  # an instant plus a duration must not overflow
_POLL_S = 0.02  # between two reads of a clock file
_LONGEST_SLEEP_S = 5.0  # on the real clock, so that a suspended machine wakes in time
_MOST_READS = 50  # of a clock file, which is empty for a moment while it is rewritten


def now() -> datetime:
    """The present instant in UTC, or the one in the file that ROLLOUT_CLOCK names."""
    clock_file = os.environ.get(CLOCK_VARIABLE)
    return _read_clock_file(Path(clock_file)) if clock_file else datetime.now(UTC)


def wait_until(instant: datetime, *, longest: timedelta | None = None) -> bool:
    """Wait for an instant, at most `longest` of real time; returns whether it has come."""
    give_up_at = math.inf if longest is None else time.monotonic() + longest.total_seconds()
    while (missing_s := (instant - now()).total_seconds()) > 0:
        left_s = give_up_at - time.monotonic()
        if left_s <= 0:
            return False
        has_file = bool(os.environ.get(CLOCK_VARIABLE))
        time.sleep(min(_POLL_S if has_file else min(missing_s, _LONGEST_SLEEP_S), left_s))
    return True


def iso(instant: datetime) -> str:
    """An instant as ISO text in UTC with Z, with milliseconds only when there are any.

    >>> iso(datetime(2026, 2, 2, 23, 10, 16, tzinfo=UTC))
    '2026-02-02T23:10:16Z'
    """
    if instant.tzinfo is None:
        raise ValueError("iso() takes an instant with a time zone")
    utc = instant.astimezone(UTC)
    precision = "milliseconds" if utc.microsecond >= 1000 else "seconds"
    return utc.replace(tzinfo=None).isoformat(timespec=precision) + "Z"


def parse_instant(text: str) -> datetime:
    """Read an ISO instant into UTC. Raises WrongUse for one without a time zone.

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
    """Convert an instant to UTC. Raises WrongUse without a time zone or in an impossible year."""
    if instant.tzinfo is None:
        text = instant.isoformat()
        raise WrongUse(f"time {text!r} has no time zone; write {text + 'Z'!r} if it is UTC")
    if not FIRST_YEAR < instant.year < LAST_YEAR:
        raise WrongUse(
            f"time {instant.isoformat()!r} is not between the years {FIRST_YEAR} and {LAST_YEAR}"
        )
    return instant.astimezone(UTC)


def _read_clock_file(path: Path) -> datetime:
    """Read the instant in a clock file; read again while it is being rewritten."""
    for _ in range(_MOST_READS):
        try:
            text = path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            text = ""
        if text.endswith("Z") or "+" in text:
            return parse_instant(text)
        time.sleep(_POLL_S / 10)
    raise WrongUse(
        f"{CLOCK_VARIABLE} names a file without an instant; "
        "write one such as 2026-02-02T23:10:16Z into it"
    )
