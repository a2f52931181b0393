"""Every data check of a look, in the order they are shown."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from analysis.config.settings import Baseline
from analysis.counting.arm import Arm
from analysis.counting.arms import Arms
from analysis.counting.incidents import join_hours, propose_exclusions
from analysis.counting.scope import HOURS_A_DAY, HOURS_A_WEEK
from analysis.decision.checks.check_records import (
    ArmName,
    Check,
    CheckState,
    IdCheck,
    IncidentCheck,
    InFlightCheck,
    LatencyCheck,
    LengthCheck,
    RowsCheck,
    StatusCheck,
    UnknownErrorsCheck,
)
from analysis.decision.checks.window_traffic import (
    check_clock,
    check_hours,
    check_mix,
    check_right_edge,
    check_volume,
)
from analysis.decision.comparison import Comparator
from analysis.outcomes import OTHER, OUTCOME_CODES, SUCCESS
from analysis.window import HOUR

BAD_LATENCY_SHARE = 0.01
UNKNOWN_ERRORS_SHARE = 0.05
"""Of the errors; above it a class may be missing that a claim is about."""


def check_data(
    comparator: Comparator, *, hours: tuple[int, int], asked: Baseline
) -> tuple[Check, ...]:
    """Every check over both arms, in the order they are shown; `asked` is [baseline]."""
    arms = comparator.arms
    baseline, post = arms.baseline, arms.post
    return (
        _check_rows("baseline", baseline),
        _check_rows("post", post),
        check_right_edge(arms, hours),
        _check_ids(baseline, post),
        _check_latencies(baseline, post),
        _check_statuses(baseline, post),
        *_check_error_classes(baseline, post),
        check_hours(arms, hours),
        check_clock(arms, hours),
        InFlightCheck(state="ok", calls=post.quality.started_before),
        check_volume(comparator, hours),
        check_mix(arms, hours),
        _check_incidents(baseline, asked),
        _check_length(arms, hours, asked),
    )


def _check_rows(name: ArmName, arm: Arm) -> RowsCheck:
    state: CheckState = "ok" if arm.calls else "error"
    return RowsCheck(state=state, arm=name, window=arm.window, calls=arm.calls)


def _check_ids(*arms: Arm) -> IdCheck:
    rows = sum(arm.quality.written_rows for arm in arms)
    compared = sum(arm.quality.ids_compared for arm in arms)
    copies = rows - sum(arm.quality.distinct_ids for arm in arms)
    return IdCheck(state="error" if copies else "ok", copies=copies, rows=rows, compared=compared)


def _check_latencies(baseline: Arm, post: Arm) -> LatencyCheck:
    worst = LatencyCheck(state="ok")
    arms: tuple[tuple[ArmName, Arm], ...] = (("baseline", baseline), ("post", post))
    for name, arm in arms:
        rows = arm.quality.written_rows
        missing, negative = arm.quality.null_latencies, arm.quality.negative_latencies
        if not missing + negative:
            continue
        is_error = (missing + negative) / rows > BAD_LATENCY_SHARE
        worst = LatencyCheck(
            state="error" if is_error else "warning",
            arm=name,
            missing=missing,
            negative=negative,
            rows=rows,
        )
        if is_error:
            return worst
    return worst


def _check_statuses(baseline: Arm, post: Arm) -> StatusCheck:
    unknown = baseline.quality.unknown_statuses + post.quality.unknown_statuses
    return StatusCheck(state="error" if unknown else "ok", unknown=unknown)


def _check_error_classes(baseline: Arm, post: Arm) -> Iterator[UnknownErrorsCheck]:
    """The arm with the greater share of errors of no known class, if it is above 5 %."""
    worst = UnknownErrorsCheck(state="ok", arm="post", unknown=0, errors=0)
    arms: tuple[tuple[ArmName, Arm], ...] = (("baseline", baseline), ("post", post))
    for name, arm in arms:
        calls = arm.hourly.rows.groupby("outcome")["calls"].sum()
        errors = int(calls.drop(OUTCOME_CODES[SUCCESS], errors="ignore").sum())
        unknown = int(calls.get(OUTCOME_CODES[OTHER], 0))
        if unknown * max(worst.errors, 1) > worst.unknown * errors:
            worst = UnknownErrorsCheck(state="warning", arm=name, unknown=unknown, errors=errors)
    if worst.unknown > UNKNOWN_ERRORS_SHARE * worst.errors:
        yield worst


def _check_incidents(baseline: Arm, asked: Baseline) -> IncidentCheck:
    hours = propose_exclusions(baseline)
    deployed_at = baseline.window.start - baseline.hours[0] * HOUR
    return IncidentCheck(
        state="warning" if hours else "ok",
        hours=len(hours),
        proposed=join_hours(hours, deployed_at),
        declared=asked.exclude,
    )


def _check_length(arms: Arms, hours: tuple[int, int], asked: Baseline) -> LengthCheck:
    days = arms.baseline.window.length / (HOURS_A_DAY * HOUR)
    has_match = np.any(arms.usable_hours, axis=0)
    unmatched = int((~has_match[np.arange(*hours) % arms.cycle.hours]).sum())
    asked_days = asked.days if asked.start is None else None
    is_short = asked_days is not None and days < asked_days
    return LengthCheck(
        state="warning" if unmatched or is_short else "ok",
        days=days,
        asked_days=asked_days,
        unmatched_hours=unmatched,
        cycle=arms.cycle.name,
        mixes_weekdays=arms.cycle.hours != HOURS_A_WEEK,
    )
