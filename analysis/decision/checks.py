"""Can the data be trusted? Each check has a state, and an `error` makes the verdict `untrusted`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from analysis.clock import iso
from analysis.counts import HourlyCounts
from analysis.decision.claims import Arms
from analysis.decision.wording import count, share
from analysis.telemetry.load import Arm
from analysis.window import HOUR

CheckState = Literal["ok", "warning", "error", "no_opinion"]
BAD_LATENCY_SHARE = 0.01
EMPTY_HOUR_SHARE = 0.2
TENTH = 0.1
MIX_SHIFT = 0.2
INCIDENT_MADS = 6.0
INCIDENT_RISE = 0.1
FEWEST_CALLS_AN_HOUR = 5


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


def check_data(arms: Arms, *, hours: tuple[int, int], days_asked: int, exclusions: int) -> tuple[Check, ...]:
    """Every check over both arms, in the order they are shown."""
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
        _check_right_edge(post),
        _check_volume(arms, hours),
        _check_mix(arms),
        _check_incidents(baseline, exclusions),
        _check_days(arms, days_asked),
    )


def propose_exclusions(baseline: Arm) -> tuple[int, ...]:
    """Hours of the baseline (from the deploy) whose error rate stands far out: proposed, never excluded silently."""
    hourly = _by_hour(baseline.hourly)
    hourly = hourly[hourly["calls"] >= FEWEST_CALLS_AN_HOUR]
    if len(hourly) < 12:
        return ()
    rate = (hourly["failed"] / hourly["calls"]).to_numpy()
    middle = np.median(rate)
    spread = 1.4826 * np.median(np.abs(rate - middle))
    noise = np.sqrt(np.maximum(middle * (1 - middle), 1e-4) / hourly["calls"].to_numpy())
    outlying = (rate - middle > INCIDENT_MADS * np.maximum(spread, noise)) & (rate - middle > INCIDENT_RISE)
    return tuple(int(hour) for hour in hourly.index[outlying])


def empty_hours(arms: Arms, hours: tuple[int, int]) -> list[int]:
    """Post hours without a call although the matched hours of the baseline had some on most days."""
    cycle = arms.cycle
    before = _by_hour(arms.baseline.hourly)["calls"].reindex(range(-cycle.span, 0), fill_value=0).to_numpy()
    usual = np.median(before.reshape(cycle.repeats, cycle.hours), axis=0)
    after = _by_hour(arms.post.hourly)["calls"].reindex(range(*hours), fill_value=0)
    return [hour for hour in range(*hours) if after[hour] == 0 and usual[hour % cycle.hours] >= 1]


def _check_rows(name: str, arm: Arm) -> Check:
    if arm.calls == 0:
        return Check(name, "error", f"no call started in {arm.window}; check the table, the time zone and the deploy's time")
    return Check(name, "ok", f"{count(arm.calls)} calls started in {arm.window}")


def _check_ids(baseline: Arm, post: Arm) -> Check:
    surplus = sum(arm.trust["written_rows"] - arm.trust["distinct_ids"] for arm in (baseline, post))
    if surplus:
        return Check("ids are unique", "error", f"{count(surplus)} rows repeat the id of another row; remove the copies")
    return Check("ids are unique", "ok", "no id occurs twice")


def _check_latencies(baseline: Arm, post: Arm) -> Check:
    name, worst = "latencies are valid", ("ok", "every call has a latency of 0 ms or more")
    for label, arm in (("baseline", baseline), ("post", post)):
        rows, missing, negative = (arm.trust[key] for key in ("written_rows", "null_latencies", "negative_latencies"))
        if not missing + negative:
            continue
        bad_share = (missing + negative) / rows
        detail = f"{count(missing)} null and {count(negative)} negative latencies in {count(rows)} {label} rows ({share(bad_share)})"
        if bad_share > BAD_LATENCY_SHARE:
            return Check(name, "error", f"{detail}, more than 1 %; mend what writes them")
        worst = ("warning", f"{detail}; they count in rates and are left out of latencies")
    return Check(name, *worst)


def _check_statuses(baseline: Arm, post: Arm) -> Check:
    strange = baseline.trust["unknown_statuses"] + post.trust["unknown_statuses"]
    if strange:
        return Check("statuses are known", "error", f"{count(strange)} rows have a status that is neither success nor error; write a mapping")
    return Check("statuses are known", "ok", "every status is success or error")


def _check_hours(arms: Arms, hours: tuple[int, int]) -> Check:
    empty = empty_hours(arms, hours)
    name = "every hour has calls"
    if not empty:
        return Check(name, "ok", f"no post hour is empty whose matched baseline hours ({arms.cycle.name}) were not")
    detail = f"{len(empty)} of {hours[1] - hours[0]} post hours have no call although their baseline hours do (hour {empty[0]} after the deploy first)"
    if len(empty) > EMPTY_HOUR_SHARE * (hours[1] - hours[0]):
        return Check(name, "error", f"{detail}, more than 20 %; find out whether calls or their rows are missing")
    return Check(name, "warning", detail)


def _check_clock(arms: Arms, hours: tuple[int, int]) -> Check:
    """An empty hour beside one with twice its usual calls is what a clock that jumped leaves behind."""
    name = "the clock did not jump"
    after = _by_hour(arms.post.hourly)["calls"].reindex(range(*hours), fill_value=0)
    before = _by_hour(arms.baseline.hourly)["calls"]
    usual = before.mean() if len(before) else 0.0
    for hour in empty_hours(arms, hours):
        doubled = [near for near in (hour - 1, hour + 1) if near in after.index and after[near] >= 2 * usual > 0]
        if doubled:
            return Check(name, "warning", f"hour {hour} after the deploy is empty and hour {doubled[0]} has {count(after[doubled[0]])} calls; check the writer's clock")
    return Check(name, "ok", "no empty hour lies beside one with twice the usual calls")


def _check_in_flight(post: Arm) -> Check:
    in_flight = post.trust["started_before"]
    return Check("calls in flight are told apart", "ok", f"{count(in_flight)} calls written in the post window started before it and belong to the old code")


def _check_right_edge(post: Arm) -> Check:
    name, newest = "rows reach the end of the window", post.trust["last_written_at"]
    if newest is None:
        return Check(name, "no_opinion", "no rows")
    missing = post.window.end - newest
    usual_gap = post.window.length / max(post.calls, 1)
    if missing > max(10 * usual_gap, HOUR / 4):
        return Check(name, "warning", f"the newest row is of {iso(newest)}, {missing // (HOUR / 60)} min before the window's end; rows may still be on their way")
    return Check(name, "ok", f"the newest row is of {iso(newest)}")


def _check_volume(arms: Arms, hours: tuple[int, int]) -> Check:
    """A feature that fell to a tenth of its calls is a finding of its own, not an improvement of its errors."""
    span = len(arms.baseline.hourly.rows["hour"].unique()) or 1
    before = arms.baseline.hourly.rows.groupby("feature")["calls"].sum() / span * (hours[1] - hours[0])
    after = arms.post.hourly.rows.groupby("feature")["calls"].sum().reindex(before.index, fill_value=0)
    fallen = [feature for feature in before.index if before[feature] >= 30 and after[feature] <= TENTH * before[feature]]
    if fallen:
        first = fallen[0]
        more = f" and {len(fallen) - 1} more" if len(fallen) > 1 else ""
        return Check("no feature fell silent", "warning", f"{first}{more} fell from {count(before[first])} expected calls to {count(after[first])}; is it still in use?")
    return Check("no feature fell silent", "ok", "no feature fell to a tenth of its calls")


def _check_mix(arms: Arms) -> Check:
    name = "the mix of calls is the same"
    if not (arms.baseline.calls and arms.post.calls):
        return Check(name, "no_opinion", "an arm has no calls")
    shares = [arm.hourly.rows.groupby(["feature", "source", "tenant"], dropna=False)["calls"].sum() / arm.calls for arm in (arms.baseline, arms.post)]
    moved = float((shares[0].sub(shares[1], fill_value=0)).abs().sum() / 2)
    if moved > MIX_SHIFT:
        return Check(name, "warning", f"{share(moved)} of the calls moved to other features, sources or tenants; differences are standardised over them")
    return Check(name, "ok", f"{share(moved)} of the calls moved between features, sources and tenants")


def _check_incidents(baseline: Arm, exclusions: int) -> Check:
    name, hours = "the baseline is free of incidents", propose_exclusions(baseline)
    if not hours:
        return Check(name, "ok", f"no hour's error rate stands out; {exclusions} declared incidents are left out")
    first = baseline.window.end + hours[0] * HOUR
    proposal = f"exclude = [{{from = {iso(first)}, to = {iso(first + HOUR)}, why = \"...\"}}]"
    return Check(name, "warning", f"{len(hours)} baseline hours have outlying error rates; if that was an incident, write {proposal} under [baseline]")


def _check_days(arms: Arms, days_asked: int) -> Check:
    days = arms.cycle.span // 24
    mixed = "" if arms.cycle.hours == 168 else "; weekdays are mixed (14 days or more match the hour of the week)"
    if days < days_asked:
        return Check("the baseline is as long as asked", "warning", f"{days} of {days_asked} days are there{mixed}")
    return Check("the baseline is as long as asked", "ok", f"{days} days, matched by {arms.cycle.name}{mixed}")


def _by_hour(hourly: HourlyCounts) -> pd.DataFrame:
    rows = hourly.rows
    return rows.assign(failed=rows["calls"].where(rows["outcome"] != 0, 0)).groupby("hour")[["calls", "failed"]].sum()
