"""Whether the values of status and createdAt mean what they should."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from analysis.doctor.source_check import SourceCheck, failed, passed, warned
from analysis.formatting import count, share
from analysis.leaks import quote
from analysis.telemetry.engines import Engine

FIRST_REAL_TIME = datetime(2015, 1, 1, tzinfo=UTC)
"""No call to a language model is older: 1970 and 0001-01-01 stand for a missing time."""
MAX_STATUSES = 6
_SHOWN_STATUS = re.compile(r"[\w .:-]{1,30}")


def check_statuses(engine: Engine, totals: pd.Series, bounds: Mapping[str, Any]) -> SourceCheck:
    """Whether every status is success or error, or a word for one of them."""
    unknown = totals["unknown_statuses"]
    if not unknown:
        errors = share(totals["errors"] / totals["calls"])
        return passed("status", f"success or error; {errors} are errors")
    rows = engine.fetch(engine.queries.statement("doctor_statuses", bounds))
    statuses = [None if pd.isna(status) else str(status) for status in rows["status"]]
    shown = [status for status in statuses if status and _SHOWN_STATUS.fullmatch(status)]
    found = [f"{quote(status)}" for status in shown[:MAX_STATUSES]]
    found += ["NULL"] if None in statuses else []
    others = len(statuses) - len(found)
    found += [f"{others} more"] if others else []
    values = "', '".join(shown[:MAX_STATUSES]) or "..."
    return failed(
        "status",
        f"{count(unknown)} rows are neither success nor error: {', '.join(found)}; map status to "
        f"CASE WHEN \"status\" IN ('success', '{values}') THEN 'success' ELSE 'error' END, "
        "in which IN keeps only the statuses that mean success",
    )


def check_early_times(engine: Engine, first: datetime) -> Iterator[SourceCheck]:
    """Whether times stand for a missing one; no check where there is none."""
    if first >= FIRST_REAL_TIME:
        return
    bounds = {"written_before": FIRST_REAL_TIME.replace(tzinfo=None)}
    rows = engine.fetch(engine.queries.statement("doctor_early_times", bounds))
    yield warned(
        "early times",
        f"rows with a createdAt before {FIRST_REAL_TIME:%Y}: {count(int(rows['calls'].iloc[0]))}, "
        f"the first at {first.date().isoformat()}; they are in no window: "
        "fix the code that writes them",
    )
