"""The three kinds of smoke checks: one request, calls at the same moment, a call that completes."""

import json
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from analysis import clock
from analysis.config import Settings
from analysis.config.deployment_settings import CompletesSmoke, HttpSmoke, OverlapSmoke
from analysis.deployment.http import Answer, PreparedRequest, prepare, send_together
from analysis.telemetry.engines import open_engine

TRIES = 3
LONGEST_PAUSE_S = 5.0
POLL_S = 2.0
SHORTEST_OVERLAP_S = 0.05


@dataclass(frozen=True)
class SmokeOutcome:
    """What a check found.

    Attributes
    ----------
    reason : why it failed, or what was seen, in one line.
    notes : what else to know, such as calls that did not overlap at first.
    answers : what may be kept of each answer: status, seconds and sizes, never a body.
    """

    passed: bool
    reason: str
    notes: tuple[str, ...] = ()
    answers: tuple[dict[str, Any], ...] = ()


def check_http(check: HttpSmoke, address: str | None) -> SmokeOutcome:
    """Send one request; check status, JSON values and time limit."""
    request = prepare(check, os.environ, address)
    (answer,) = send_together(request, calls=1, seconds=check.timeout.total_seconds())
    fault = find_fault(answer, statuses=check.expect_status, content=check.expect_json)
    seen = f"answered {answer.status} in {answer.seconds:.2f} s"
    return SmokeOutcome(fault is None, fault or seen, answers=(_kept(answer),))


def check_overlap(check: OverlapSmoke, address: str | None) -> SmokeOutcome:
    """Send calls at the same moment, of which exactly `matches` must match; try three times."""
    request = prepare(check, os.environ, address)
    races: list[_Race] = []
    notes: list[str] = []
    for number in range(1, TRIES + 1):
        race = _race(check, request)
        races.append(race)
        kept = tuple(answer for one in races for answer in one.kept)
        if race.fault:
            return SmokeOutcome(False, race.fault, tuple(notes), kept)
        counts = f"{race.n_matches} of {check.calls} calls matched"
        if race.n_matches == check.matches:
            notes += [f"it passed at try {number} of {TRIES}"] if number > 1 else []
            return SmokeOutcome(True, f"{counts}, as expected", tuple(notes), kept)
        counts = f"{counts}, expected {check.matches}"
        notes.append(f"try {number}: {counts}; all were open together for {race.overlap_s:.2f} s")
        if number < TRIES:
            time.sleep(min(LONGEST_PAUSE_S, 0.2 * number + race.longest_s))
    reason = f"{counts}, in {TRIES} tries; {_why_missed(check, races)}"
    return SmokeOutcome(False, reason, tuple(notes), kept)


def check_completes(check: CompletesSmoke, settings: Settings, address: str | None) -> SmokeOutcome:
    """Trigger a call, then wait until a success of the feature that started after it is written."""
    feature, began, now = check.feature, time.monotonic(), clock.now()
    since = now.replace(microsecond=now.microsecond // 1000 * 1000)
    limit_s = check.timeout.total_seconds()
    kept: tuple[dict[str, Any], ...] = ()
    if check.trigger is not None:
        request = prepare(check.trigger, os.environ, address)
        (answer,) = send_together(request, calls=1, seconds=limit_s)
        kept = (_kept(answer),)
        if fault := find_fault(answer):
            return SmokeOutcome(False, f"the trigger {fault}", answers=kept)
    while not (n_completed := count_completed(settings, feature, since)):
        left_s = limit_s - (time.monotonic() - began)
        if left_s <= 0:
            after = "the trigger" if check.trigger else clock.iso(since)
            reason = f"no completed call of {feature} started after {after} within {limit_s:g} s"
            return SmokeOutcome(False, reason, answers=kept)
        time.sleep(min(POLL_S, left_s))
    calls = "call" if n_completed == 1 else "calls"
    seen = f"{n_completed} completed {calls} of {feature} after {time.monotonic() - began:.1f} s"
    return SmokeOutcome(True, seen, answers=kept)


def count_completed(settings: Settings, feature: str, since: datetime) -> int:
    """Count successful calls of a feature that started at or after `since` and are written."""
    parameters = {"feature": feature, "since": since.astimezone(UTC).replace(tzinfo=None)}
    with closing(open_engine(settings)) as engine:
        rows = engine.fetch(engine.queries.statement("successes_since", parameters))
        return int(rows["calls"].iloc[0])


def find_fault(
    answer: Answer, *, statuses: Sequence[int] = (), content: Mapping[str, Any] | None = None
) -> str | None:
    """Say what is wrong with an answer; None when it is as expected (2xx without `statuses`)."""
    if answer.problem:
        return answer.problem
    if answer.status not in (statuses or range(200, 300)):
        expected = " or ".join(map(str, statuses)) or "2xx"
        return f"answered {answer.status}, expected {expected}"
    if content is None:
        return None
    if answer.content is None:
        return "answered something that is not JSON"
    difference = first_difference(content, answer.content)
    return f"answered {answer.status}, but {difference}" if difference else None


def first_difference(expected: object, actual: object, path: str = "") -> str | None:
    """Say where an answer differs from what was expected, without its values.

    Objects may have more keys than expected.
    """
    if isinstance(expected, Mapping):
        if not isinstance(actual, Mapping):
            return f"{path or 'the answer'} is not a JSON object"
        for key, value in expected.items():
            inner = f"{path}.{key}" if path else str(key)
            if key not in actual:
                return f"{inner} is missing"
            if difference := first_difference(value, actual[key], inner):
                return difference
        return None
    if isinstance(expected, list | tuple):
        if not isinstance(actual, list) or len(actual) != len(expected):
            return f"{path} is not a list of {len(expected)}"
        for index, (one, other) in enumerate(zip(expected, actual, strict=True)):
            if difference := first_difference(one, other, f"{path}[{index}]"):
                return difference
        return None
    is_same_kind = isinstance(expected, bool) == isinstance(actual, bool)
    is_same = is_same_kind and expected == actual
    return None if is_same else f"{path} is not {json.dumps(expected)}"


def _kept(answer: Answer) -> dict[str, Any]:
    kept: dict[str, Any] = {
        "status": answer.status,
        "seconds": round(answer.seconds, 3),
        "bytes": answer.n_bytes,
    }
    return kept | ({"problem": answer.problem} if answer.problem else {})


@dataclass(frozen=True)
class _Race:
    """Calls that were sent at the same moment; `overlap_s` is how long all were open together."""

    n_matches: int
    overlap_s: float
    longest_s: float
    fault: str | None
    kept: tuple[dict[str, Any], ...]


def _race(check: OverlapSmoke, request: PreparedRequest) -> _Race:
    limit_s = check.timeout.total_seconds()
    answers = send_together(request, calls=check.calls, seconds=limit_s)
    matches = [first_difference(check.match_json, one.content) is None for one in answers]
    faults = [
        f"call {position} of {check.calls} {fault}"
        for position, answer in enumerate(answers, 1)
        if (fault := find_fault(answer))
    ]
    last_sent_s = max(answer.sent_s for answer in answers)
    pairs = zip(answers, matches, strict=True)
    return _Race(
        n_matches=sum(matches),
        overlap_s=max(0.0, min(answer.ended_s for answer in answers) - last_sent_s),
        longest_s=max(answer.seconds for answer in answers),
        fault=faults[0] if faults else None,
        kept=tuple(_kept(answer) | {"matched": matched} for answer, matched in pairs),
    )


def _why_missed(check: OverlapSmoke, races: Sequence[_Race]) -> str:
    """Why the number of matches was never the expected one."""
    if races[-1].n_matches > check.matches:
        return "something else holds the lock all the time"
    if max(race.overlap_s for race in races) < SHORTEST_OVERLAP_S:
        return "the calls are too short to overlap, so this proves nothing"
    return "two runs at once are possible"
