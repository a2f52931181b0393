"""The data checks in words: what each is about, its answer with numbers, and what to do."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from analysis.clock import iso
from analysis.decision.checks import check_records as checks
from analysis.decision.checks.check_records import Check
from analysis.formatting import count, share, when
from analysis.window import DAY, HOUR

if TYPE_CHECKING:
    from analysis.results.model import CheckRecord
    from analysis.window import Window

MINUTE = HOUR / 60
_ARMS = {"baseline": "before the deploy", "post": "after the deploy"}


def check_name(check: Check) -> str:
    """What a check is about."""
    name, _ = _WORDS[type(check)]
    return name(check) if callable(name) else name


def check_detail(check: Check) -> str:
    """The answer of a check, with numbers, and what to do when it is not fine."""
    return _WORDS[type(check)][1](check)


def checks_summary(records: Sequence[CheckRecord]) -> str:
    """How many checks passed, and which did not."""
    passed = sum(check.state == "ok" for check in records)
    bad = {
        state: [check.name for check in records if check.state == state]
        for state in ("error", "warning")
    }
    named = [f"{'; '.join(names)} ({state})" for state, names in bad.items() if names]
    failed = f"; not passed: {', '.join(named)}" if named else ""
    return f"{passed} of {len(records)} data checks passed{failed}"


def _rows(check: checks.RowsCheck) -> str:
    if check.state == "ok":
        return f"{count(check.calls)} calls started from {_span(check.window)}"
    return (
        f"no call started from {_span(check.window)}; "
        "check the table, the time zone and the time of the deploy"
    )


def _ids(check: checks.IdCheck) -> str:
    if check.copies:
        return f"{count(check.copies)} rows repeat the id of another row; remove the copies"
    if 0 < check.compared < check.rows:
        sample = f"{count(check.compared)} of {count(check.rows)} rows"
        return f"no id occurs twice in {sample} (the first part of each hour)"
    return "no id occurs twice"


def _latencies(check: checks.LatencyCheck) -> str:
    if check.arm is None:
        return "every call has a latency of 0 ms or more"
    bad = check.missing + check.negative
    found = (
        f"{count(check.missing)} missing and {count(check.negative)} negative latencies in "
        f"{count(check.rows)} rows {_ARMS[check.arm]} ({share(bad / check.rows)})"
    )
    if check.state == "error":
        return f"{found}; more than 1 % is too much, fix what writes them"
    return f"{found}; these calls count in rates, not in latencies"


def _statuses(check: checks.StatusCheck) -> str:
    if not check.unknown:
        return "every status is success or error"
    return f"{count(check.unknown)} rows have another status than success or error; map it"


def _error_classes(check: checks.UnknownErrorsCheck) -> str:
    return (
        f"{count(check.unknown)} of {count(check.errors)} errors {_ARMS[check.arm]} have no known "
        f"class ({share(check.unknown / check.errors)}); more than 5 % of errors, so rates of "
        "single classes may be too low: "
        "'rollout doctor' shows their words, add an [[error_class]]"
    )


def _hours(check: checks.EmptyHoursCheck) -> str:
    if not check.empty:
        return f"no hour is empty whose baseline hours (same {check.cycle}) have calls"
    found = (
        f"{len(check.empty)} of {check.hours} hours after the deploy have no calls although their "
        f"baseline hours have, the first is hour {check.empty[0]}"
    )
    if check.state == "error":
        return f"{found}; more than 20 % is too much, find out whether calls or rows are missing"
    return found


def _clock(check: checks.ClockCheck) -> str:
    if check.empty_hour is None:
        return "no empty hour is next to one with twice its usual calls"
    return (
        f"hour {check.empty_hour} after the deploy is empty and hour {check.busy_hour} has "
        f"{count(check.calls)} calls instead of {count(check.usual)}; "
        "check the clock of what writes the rows"
    )


def _in_flight(check: checks.InFlightCheck) -> str:
    return (
        f"{count(check.calls)} calls started before the deploy and ended after it; "
        "they count as before"
    )


def _right_edge(check: checks.RightEdgeCheck) -> str:
    if check.newest is None:
        return "there are no rows before or after the deploy"
    if check.state == "error":
        return (
            f"no calls since {_clock_time(check.newest, check.silence)}; "
            f"{count(check.usual)} expected until the end of the window"
        )
    newest = f"the newest row is from {when(check.newest)}"
    if check.state == "ok":
        return newest
    return (
        f"{newest}, {check.silence // MINUTE} min before the end of the window, where about "
        f"{count(check.usual)} calls are usual; some rows may not be written yet"
    )


def _clock_time(instant: datetime, silence: timedelta) -> str:
    """The time of day; with the date where it is more than a day ago."""
    return f"{instant:%H:%M} UTC" if silence < DAY else when(instant)


def _volume(check: checks.VolumeCheck) -> str:
    if not check.stopped:
        return "no feature lost 90 % of its calls"
    stopped = "; ".join(
        f"{feature} has {count(came)} calls, {count(expected)} were expected"
        for feature, expected, came in check.stopped
    )
    return f"{stopped}; is it still used? Fewer calls are no fix"


def _mix(check: checks.MixCheck) -> str:
    if check.moved is None:
        return "there are no calls before or after the deploy in these hours"
    found = f"{share(check.moved)} of the calls moved between features, sources and tenants"
    if check.state == "ok":
        return found
    return f"{found}; changes are computed at the same mix of sources and large tenants"


def _incidents(check: checks.IncidentCheck) -> str:
    if not check.hours:
        n_declared = len(check.declared)
        noun = "incident is" if n_declared == 1 else "incidents are"
        return f"no hour's error rate is unusual; {n_declared} declared {noun} excluded"
    noun = "hour has an error rate" if check.hours == 1 else "hours have error rates"
    return (
        f"{check.hours} baseline {noun} far above the usual; "
        f"if that was an incident, write under [baseline]: {_exclusion_line(check)}"
    )


def _exclusion_line(check: checks.IncidentCheck) -> str:
    """The line of rollout.toml that excludes what is declared already and what is proposed."""
    entries = [(item.start, item.end, item.why) for item in check.declared]
    entries += [(window.start, window.end, "incident") for window in check.proposed]
    written = ", ".join(
        f"{{from = {iso(start)}, to = {iso(end)}, why = {json.dumps(why)}}}"
        for start, end, why in entries
    )
    return f"exclude = [{written}]"


def _length(check: checks.LengthCheck) -> str:
    if check.unmatched_hours:
        noun = (
            "hour of the window has" if check.unmatched_hours == 1 else "hours of the window have"
        )
        return (
            f"{count(check.unmatched_hours)} {noun} no matching baseline hour and "
            "cannot be compared; take whole days"
        )
    mixed = (
        "; weekdays are mixed (from 14 days on, hours of the week are matched)"
        if check.mixes_weekdays
        else ""
    )
    if check.state == "warning":
        return f"{check.days:g} of {check.asked_days} days are available{mixed}"
    return f"{check.days:g} days, matched by {check.cycle}{mixed}"


def _span(window: Window) -> str:
    return f"{when(window.start)} to {when(window.end)}"


_WORDS: Mapping[type[Check], tuple[str | Callable[..., str], Callable[..., str]]] = {
    checks.RowsCheck: (lambda check: f"calls {_ARMS[check.arm]}", _rows),
    checks.IdCheck: ("ids", _ids),
    checks.LatencyCheck: ("latencies", _latencies),
    checks.StatusCheck: ("statuses", _statuses),
    checks.UnknownErrorsCheck: ("errors of no known class", _error_classes),
    checks.EmptyHoursCheck: ("hours without calls", _hours),
    checks.ClockCheck: ("clock", _clock),
    checks.InFlightCheck: ("calls in flight at the deploy", _in_flight),
    checks.RightEdgeCheck: ("end of the window", _right_edge),
    checks.VolumeCheck: ("features without calls", _volume),
    checks.MixCheck: ("mix of calls", _mix),
    checks.IncidentCheck: ("incidents in the baseline", _incidents),
    checks.LengthCheck: ("length of the baseline", _length),
}
"""What each check is about, and its answer."""
