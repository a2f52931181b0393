"""How calls belong to hours: the grid of hours that count from the deploy."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd

from analysis.config import Settings
from analysis.errors import DataNotTrusted
from analysis.window import HOUR, Window

LONGEST_CALL = timedelta(days=1)


@dataclass(frozen=True)
class Grid:
    """The hours that count from a deploy, and which calls belong to them.

    Attributes
    ----------
    deployed_at : hour 0 starts here, UTC.
    ingestion_delay : a call written later than this after the end of its hour belongs to a
        later look.
    warm_up : the first minutes after the deploy, left out; so are the same minutes of the day
        in the baseline.
    """

    deployed_at: datetime
    ingestion_delay: timedelta
    warm_up: timedelta = timedelta(0)

    @classmethod
    def of(cls, settings: Settings, deployed_at: datetime) -> Grid:
        """The grid of a rollout's settings."""
        return cls(deployed_at, settings.monitoring.ingestion_delay, settings.rollout.warm_up)

    @property
    def offset_ms(self) -> int:
        """Milliseconds from midnight UTC to the deploy's time of day.

        The queries subtract them from every time, so that the deploy is at midnight.
        """
        return _milliseconds(self.deployed_at - _midnight(self.deployed_at))

    def hours(self, times: pd.Series) -> pd.Series:
        """Hours from the deploy, of times that a query has moved by `offset_ms`."""
        deploy = pd.Timestamp(_naive(_midnight(self.deployed_at)))
        return ((pd.to_datetime(times) - deploy) // pd.Timedelta(HOUR)).astype("int64")

    def with_hours(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Rows with `hour`, of their start, and `lag_hours` until a look sees them."""
        hour = self.hours(rows["hour_at"])
        return rows.assign(hour=hour, lag_hours=self.hours(rows["written_hour_at"]) - hour)

    def parameters(self, window: Window, *, previous: Window | None = None) -> dict[str, Any]:
        """Parameters of calls.sql for the calls that start in `window`.

        `previous` is the window of an earlier look with the same start: its calls are left out.
        """
        parameters = {
            "start_at": _naive(window.start),
            "end_before": _naive(window.end),
            "written_from": _naive(window.start),
            "written_before": _naive(window.end + self.ingestion_delay),
            "grid_ms": self.offset_ms,
            "warm_up_ms": _milliseconds(self.warm_up),
            "ingestion_delay_ms": _milliseconds(self.ingestion_delay),
            "failed_before": _naive(window.end + self.ingestion_delay),
            "by_source": 1,
            "sampled_ms": _milliseconds(HOUR),
        }
        if previous is not None:
            parameters |= {
                "written_from": _naive(previous.end),
                "previous_end": _naive(previous.end),
                "previous_written_before": _naive(previous.end + self.ingestion_delay),
            }
        return parameters

    def written_parameters(self, window: Window) -> dict[str, Any]:
        """Parameters of calls.sql for the calls that are written, not started, in `window`."""
        return self.parameters(window) | {
            "start_at": _naive(window.start - LONGEST_CALL),
            "written_before": _naive(window.end),
            "warm_up_ms": 0,
        }


def read_time(value: Any) -> datetime | None:
    """A time as an engine returns it, in UTC; None when there is none.

    Raises DataNotTrusted for any other value, which a mapping may return.
    """
    if value is None or pd.isna(value):
        return None
    try:
        time = pd.Timestamp(value)
    except ValueError:
        raise DataNotTrusted(
            "createdAt holds a value that is not a time; change the mapping to return a TIMESTAMP"
        ) from None
    aware = time.tz_localize(UTC) if time.tzinfo is None else time.tz_convert(UTC)
    return aware.to_pydatetime()


def _midnight(instant: datetime) -> datetime:
    return instant.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _naive(instant: datetime) -> datetime:
    return instant.astimezone(UTC).replace(tzinfo=None)


def _milliseconds(length: timedelta) -> int:
    return length // timedelta(milliseconds=1)
