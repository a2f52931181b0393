"""Can the data be trusted? Each check has a state, and an `error` makes the verdict `untrusted`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from analysis.clock import iso
from analysis.config.settings import Baseline
from analysis.counting.arm import Arm
from analysis.counting.arms import Arms
from analysis.counting.incidents import (
    exclusion_line,
    join_hours,
    propose_exclusions,
    sum_by_hour,
)
from analysis.counting.scope import HOURS_A_DAY, HOURS_A_WEEK, Scope
from analysis.decision.caveats import TENTH, expected_calls
from analysis.decision.claims import FEWEST_N
from analysis.decision.comparison import Comparator
from analysis.formatting import count, share
from analysis.metrics import metric_named
from analysis.window import HOUR

CheckState = Literal["ok", "warning", "error", "no_opinion"]
BAD_LATENCY_SHARE = 0.01
EMPTY_HOUR_SHARE = 0.2
FEWEST_USUAL_CALLS = 3
MIX_SHIFT = 0.2
SILENCE = HOUR / 4
SILENT_CALLS = 7.0
"""So many calls are expected in a silence that chance explains once in a thousand windows: exp(-7)."""


@dataclass(frozen=True)
class Check:
    """One question to the data and its answer.

    Attributes
    ----------
    name : what is asked.
    state : ok, warning, error, or no_opinion when it cannot be asked of these data.
    detail : one sentence with numbers, and what to do when it is not ok.
    """

    name: str
    state: CheckState
    detail: str


def check_data(
    comparator: Comparator, *, hours: tuple[int, int], asked: Baseline
) -> tuple[Check, ...]:
    """Every check over both arms, in the order they are shown; `asked` is the baseline that rollout.toml asks for."""
    arms = comparator.arms
    baseline, post = arms.baseline, arms.post
    return (
        _check_rows("baseline has calls", baseline),
        _check_rows("post window has calls", post),
        _check_ids(baseline, post),
        _check_latencies(baseline, post),
        _check_statuses(baseline, post),
        _check_hours(arms, hours),
        _check_clock(arms, hours),
        _check_in_flight(post),
        _check_right_edge(arms, hours),
        _check_volume(comparator, hours),
        _check_mix(arms, hours),
        _check_incidents(baseline, asked),
        _check_days(arms, hours, asked),
    )


def usual_calls(arms: Arms) -> np.ndarray:
    """Calls of every baseline hour, (repeats, cycle hours); nan where an hour is excluded or not there."""
    cycle = arms.cycle
    calls = (
        sum_by_hour(arms.baseline.hourly)["calls"]
        .reindex(range(-cycle.span, 0), fill_value=0)
        .to_numpy(dtype=float)
    )
    return np.where(arms.usable_hours, calls.reshape(cycle.repeats, cycle.hours), np.nan)


def empty_hours(arms: Arms, hours: tuple[int, int]) -> list[int]:
    """Post hours without a call although the matched hours of the baseline all had some, and three at least together."""
    usual, came = usual_calls(arms), _post_calls(arms, hours)
    fewest, together = np.nanmin(np.nan_to_num(usual, nan=np.inf), axis=0), np.nansum(usual, axis=0)
    never_empty = (fewest >= 1) & np.isfinite(fewest) & (together >= FEWEST_USUAL_CALLS)
    return [
        hour
        for hour in range(*hours)
        if came[hour - hours[0]] == 0 and never_empty[hour % arms.cycle.hours]
    ]


def _check_rows(name: str, arm: Arm) -> Check:
    if arm.calls == 0:
        return Check(
            name,
            "error",
            f"no call started in {arm.window}; check the table, the time zone and the deploy's time",
        )
    return Check(name, "ok", f"{count(arm.calls)} calls started in {arm.window}")


def _check_ids(baseline: Arm, post: Arm) -> Check:
    surplus = sum(arm.quality.written_rows - arm.quality.distinct_ids for arm in (baseline, post))
    if surplus:
        return Check(
            "ids are unique",
            "error",
            f"{count(surplus)} rows repeat the id of another row; remove the copies",
        )
    rows = sum(arm.quality.written_rows for arm in (baseline, post))
    looked_at = sum(arm.quality.ids_compared for arm in (baseline, post))
    of = (
        f" among the {count(looked_at)} of {count(rows)} rows, written in the first part of each hour"
        if 0 < looked_at < rows
        else ""
    )
    return Check("ids are unique", "ok", f"no id occurs twice{of}")


def _check_latencies(baseline: Arm, post: Arm) -> Check:
    name, worst = "latencies are valid", ("ok", "every call has a latency of 0 ms or more")
    for label, arm in (("baseline", baseline), ("post", post)):
        rows = arm.quality.written_rows
        missing, negative = arm.quality.null_latencies, arm.quality.negative_latencies
        if not missing + negative:
            continue
        bad_share = (missing + negative) / rows
        detail = f"{count(missing)} null and {count(negative)} negative latencies in {count(rows)} {label} rows ({share(bad_share)})"
        if bad_share > BAD_LATENCY_SHARE:
            return Check(name, "error", f"{detail}, more than 1 %; mend what writes them")
        worst = ("warning", f"{detail}; they count in rates and are left out of latencies")
    return Check(name, *worst)


def _check_statuses(baseline: Arm, post: Arm) -> Check:
    name, strange = (
        "statuses are known",
        baseline.quality.unknown_statuses + post.quality.unknown_statuses,
    )
    if strange:
        return Check(
            name,
            "error",
            f"{count(strange)} rows have a status that is neither success nor error; write a mapping",
        )
    return Check(name, "ok", "every status is success or error")


def _check_hours(arms: Arms, hours: tuple[int, int]) -> Check:
    name, empty, asked = "every hour has calls", empty_hours(arms, hours), hours[1] - hours[0]
    if not empty:
        return Check(
            name,
            "ok",
            f"no post hour is empty whose matched baseline hours ({arms.cycle.name}) were not",
        )
    first = f"the first is hour {empty[0]} after the deploy"
    detail = (
        f"{len(empty)} of {asked} post hours have no call although their baseline hours do, {first}"
    )
    if len(empty) > EMPTY_HOUR_SHARE * asked:
        return Check(
            name,
            "error",
            f"{detail}; that is more than 20 %, find out whether calls or their rows are missing",
        )
    return Check(name, "warning", detail)


def _check_clock(arms: Arms, hours: tuple[int, int]) -> Check:
    """An empty hour beside one with twice its usual calls is what a clock that jumped leaves behind."""
    name, usual, came = "the clock did not jump", _usual_by_hour(arms), _post_calls(arms, hours)
    for hour in empty_hours(arms, hours):
        for near in (hour - 1, hour + 1):
            expected = usual[near % arms.cycle.hours]
            if hours[0] <= near < hours[1] and came[near - hours[0]] >= 2 * expected > 0:
                calls = f"{count(came[near - hours[0]])} calls instead of {count(expected)}"
                found = f"hour {hour} after the deploy is empty and hour {near} has {calls}"
                return Check(name, "warning", f"{found}; check the clock of what writes the rows")
    return Check(name, "ok", "no empty hour lies beside one with twice its usual calls")


def _check_in_flight(post: Arm) -> Check:
    detail = f"{count(post.quality.started_before)} calls written in the post window started before it and belong to the old code"
    return Check("calls in flight are told apart", "ok", detail)


def _check_right_edge(arms: Arms, hours: tuple[int, int]) -> Check:
    """Silence at the end of the window, longer than the usual traffic explains: rows may still be on their way."""
    name, post = "rows reach the end of the window", arms.post
    newest = post.quality.last_written_at
    if newest is None or not arms.baseline.calls:
        return Check(name, "no_opinion", "an arm has no rows")
    silent = post.window.end - newest
    expected = _usual_by_hour(arms)[(hours[1] - 1) % arms.cycle.hours] * (silent / HOUR)
    if silent > SILENCE and expected >= SILENT_CALLS:
        found = f"the newest row is of {iso(newest)}, {silent // (HOUR / 60)} min before the window's end"
        return Check(
            name,
            "warning",
            f"{found}, where about {count(expected)} calls are usual; rows may still be on their way",
        )
    return Check(name, "ok", f"the newest row is of {iso(newest)}")


def _check_volume(comparator: Comparator, hours: tuple[int, int]) -> Check:
    """A feature that fell to a tenth of its calls is a finding of its own, not an improvement of its errors."""
    name, fallen = "no feature fell silent", []
    for feature in sorted(comparator.arms.baseline.hourly.rows["feature"].dropna().unique()):
        expected, came = expected_calls(
            hours, comparator.compare(Scope(feature), metric_named("calls_per_hour"), hours)
        )
        if expected >= FEWEST_N and came <= TENTH * expected:
            fallen.append(f"{feature} fell from {count(expected)} expected calls to {count(came)}")
    if fallen:
        return Check(
            name, "warning", f"{'; '.join(fallen)}; is it still in use? That is no improvement"
        )
    return Check(name, "ok", "no feature fell to a tenth of its calls")


def _check_mix(arms: Arms, hours: tuple[int, int]) -> Check:
    name, keys = "the mix of calls is the same", ["feature", "source", "tenant"]
    before, after = _matched_rows(arms, hours), arms.post.hourly.rows
    if before.empty or after.empty:
        return Check(name, "no_opinion", "an arm has no calls in these hours")
    shares = [
        rows.groupby(keys, dropna=False)["calls"].sum() / rows["calls"].sum()
        for rows in (before, after)
    ]
    moved = float(shares[0].sub(shares[1], fill_value=0).abs().sum() / 2)
    detail = f"{share(moved)} of the calls moved between features, sources and tenants"
    if moved > MIX_SHIFT:
        return Check(
            name,
            "warning",
            f"{detail}; differences are standardised over sources and large tenants, the crude ones stand beside",
        )
    return Check(name, "ok", detail)


def _check_incidents(baseline: Arm, asked: Baseline) -> Check:
    name, hours = "the baseline is free of incidents", propose_exclusions(baseline)
    if not hours:
        declared = (
            "1 declared incident is"
            if len(asked.exclude) == 1
            else f"{len(asked.exclude)} declared incidents are"
        )
        return Check(name, "ok", f"no hour's error rate stands out; {declared} left out")
    deployed_at = baseline.window.start - baseline.hours[0] * HOUR
    line = exclusion_line(asked.exclude, join_hours(hours, deployed_at))
    found = f"{len(hours)} baseline {'hour has an error rate' if len(hours) == 1 else 'hours have error rates'} far above the usual"
    return Check(
        name, "warning", f"{found}; if you know of an incident then, write under [baseline]: {line}"
    )


def _check_days(arms: Arms, hours: tuple[int, int], asked: Baseline) -> Check:
    name, days = (
        "the baseline is as long as asked",
        arms.baseline.window.length / (HOURS_A_DAY * HOUR),
    )
    alone = int((~arms.usable_hours.any(axis=0)[np.arange(*hours) % arms.cycle.hours]).sum())
    if alone:
        words = "hour of the window has" if alone == 1 else "hours of the window have"
        return Check(
            name,
            "warning",
            f"{count(alone)} {words} no like in the baseline and are compared with nothing; take whole days",
        )
    mixed = (
        ""
        if arms.cycle.hours == HOURS_A_WEEK
        else "; weekdays are mixed (14 days or more match the hour of the week)"
    )
    if asked.start is None and days < asked.days:
        return Check(name, "warning", f"{days:g} of {asked.days} days are there{mixed}")
    return Check(name, "ok", f"{days:g} days, matched by {arms.cycle.name}{mixed}")


def _usual_by_hour(arms: Arms) -> np.ndarray:
    """Mean calls of each hour of the cycle; 0 where no baseline hour is usable."""
    usual = usual_calls(arms)
    return np.nansum(usual, axis=0) / np.maximum(np.isfinite(usual).sum(axis=0), 1)


def _post_calls(arms: Arms, hours: tuple[int, int]) -> np.ndarray:
    return sum_by_hour(arms.post.hourly)["calls"].reindex(range(*hours), fill_value=0).to_numpy()


def _matched_rows(arms: Arms, hours: tuple[int, int]) -> pd.DataFrame:
    """Baseline rows of the hours of the cycle that the look has."""
    rows = arms.baseline.hourly.rows
    return rows[
        (rows["hour"] % arms.cycle.hours).isin([hour % arms.cycle.hours for hour in range(*hours)])
    ]
