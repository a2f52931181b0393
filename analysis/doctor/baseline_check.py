"""Whether the baseline has its rows, and is frozen before the application deletes them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from analysis.clock import iso, now
from analysis.counting.storage.frozen import read_facts
from analysis.doctor.source_check import SourceCheck, failed, passed, warned
from analysis.errors import RolloutError
from analysis.window import DAY, HOUR

if TYPE_CHECKING:
    from analysis.config import Settings

RETENTION = 30 * DAY
"""The application deletes older rows."""
WARN_BEFORE_DELETION = 3 * DAY


def check_baseline(settings: Settings, first: datetime, last: datetime) -> SourceCheck:
    """Whether a baseline is frozen or can still be; `first` and `last` are the table's rows."""
    oldest = f"the oldest row is of {_to_second(first)}"
    path = settings.paths.baseline_counts
    if path.exists():
        try:
            facts = read_facts(path)
        except RolloutError as error:
            return failed("baseline", str(error))
        return passed("baseline", f"frozen from {iso(facts.start)} to {iso(facts.end)}; {oldest}")
    deployed_at = settings.rollout.deployed_at or now()
    start = settings.baseline.start or deployed_at - settings.baseline.days * DAY
    if last < start:
        return failed(
            "baseline",
            f"the newest row is of {_to_second(last)}, before the baseline starts at "
            f"{_to_second(start)}: there is nothing to compare with; "
            "load newer rows, or set [rollout].deployed_at",
        )
    if first > deployed_at:
        return failed(
            "baseline",
            f"{oldest}, after the deploy: there is nothing to compare with; restore older rows",
        )
    deleted_at = max(start, first) + RETENTION
    if deleted_at < now() + WARN_BEFORE_DELETION:
        since = f"from {_to_second(deleted_at)} on" if deleted_at > now() else "after 30 days"
        return warned(
            "baseline",
            f"{oldest}, nothing is frozen, and the application deletes rows {since}; "
            "run 'rollout baseline' now",
        )
    if first > start + HOUR:
        return warned(
            "baseline",
            f"{oldest}, later than the baseline's start {iso(start)}; "
            "the rows that exist are used: lower [baseline].days to match them",
        )
    return passed(
        "baseline",
        f"{oldest}; the whole baseline has rows, run 'rollout baseline' to freeze it",
    )


def _to_second(instant: datetime) -> str:
    return iso(instant.replace(microsecond=0))
