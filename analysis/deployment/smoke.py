"""Smoke checks of the running application: does it answer, is it locked, does a call complete."""

import os
import time
from collections.abc import Callable
from datetime import datetime

from analysis import clock
from analysis.config.deployment_settings import Request, Smoke
from analysis.config.settings import Settings
from analysis.deployment.deployment import newest_preview
from analysis.deployment.evidence import (
    SmokeReport,
    SmokeResult,
    find_fault,
    is_match,
    keep_evidence,
)
from analysis.deployment.request import Prepared, missing_variables, prepare
from analysis.deployment.sending import Answer, send_together
from analysis.errors import RolloutError, WrongUse
from analysis.history.ledger import open_ledger

TRIES = 3
LONGEST_PAUSE_S = 5.0
POLL_S = 2.0
SHORTEST_MEETING_S = 0.05

CountCompleted = Callable[[str, datetime], int]
"""(feature, since) -> successful calls of the feature in the telemetry table that started at or after `since`."""


def run_smokes(
    settings: Settings,
    *,
    count_completed: CountCompleted,
    environment: str = "production",
    show: Callable[[SmokeResult], None] = lambda result: None,
) -> SmokeReport:
    """Run every check of an environment, record each; all run, also after one that failed."""
    checks = [check for check in settings.smokes if check.environment in (None, environment)]
    if not checks:
        raise WrongUse(f"rollout.toml has no [[smoke]] for {environment}; add one")
    preview_url = _preview_url(settings, environment)
    _refuse_missing(checks, preview_url)
    ledger, results = open_ledger(settings), []
    for check in checks:
        result = _run(check, environment, preview_url, count_completed)
        facts = {
            "name": result.name,
            "kind": result.kind,
            "environment": environment,
            "state": result.state,
        }
        facts |= {
            "reason": result.reason,
            "seconds": round(result.seconds, 3),
            "notes": list(result.notes),
        }
        ledger.append(
            "smoke", {**facts, "url": _shown_url(check), "answers": list(result.evidence)}
        )
        results.append(result)
        show(result)
    return SmokeReport(environment, tuple(results))


def _preview_url(settings: Settings, environment: str) -> str | None:
    """Where the recorded preview answers; None for production, whose URLs stand in the file."""
    if environment == "production":
        return None
    if environment != "preview":
        raise WrongUse("environment is not known; write production or preview")
    event = newest_preview(settings)
    if event is None or not event.facts.get("url"):
        first = "rollout deploy --environment preview --from vercel"
        raise WrongUse(f"no preview deployment with a URL is recorded; run '{first}' first")
    return str(event.facts["url"])


def _refuse_missing(checks: list[Smoke], preview_url: str | None) -> None:
    """Name every environment variable that is not set before anything is sent."""
    for check in checks:
        trigger = getattr(check, "trigger", None)
        requests = [check] if isinstance(check, Request) else [trigger] if trigger else []
        for request in requests:
            for name in missing_variables(request, os.environ, preview_url=preview_url):
                raise WrongUse(
                    f"smoke check '{check.name}' needs the environment variable {name}; set it, then run again"
                )


def _run(
    check: Smoke, environment: str, preview_url: str | None, count_completed: CountCompleted
) -> SmokeResult:
    began = time.monotonic()
    passed, reason, notes, answers = False, "", (), ()
    try:
        if check.kind == "completes":
            passed, reason, notes, answers = _check_completes(check, preview_url, count_completed)
        else:
            request = prepare(check, os.environ, preview_url=preview_url)
            run = _check_overlap if check.kind == "overlap" else _check_http
            passed, reason, notes, answers = run(check, request)
    except RolloutError as error:
        reason = str(error)
    evidence = tuple(keep_evidence(check, answer) for answer in answers)
    return SmokeResult(
        check.name,
        check.kind,
        environment,
        passed,
        reason,
        time.monotonic() - began,
        notes,
        evidence,
    )


Outcome = tuple[bool, str, tuple[str, ...], tuple[Answer, ...]]


def _check_http(check: Smoke, request: Prepared) -> Outcome:
    """One request: status, JSON values, time limit."""
    answers = send_together(request, calls=1, seconds=check.timeout.total_seconds())
    fault = find_fault(check, answers[0])
    return (
        fault is None,
        fault or f"answered {answers[0].status} in {answers[0].seconds:.2f} s",
        (),
        answers,
    )


def _check_overlap(check: Smoke, request: Prepared) -> Outcome:
    """Calls at the same moment, of which exactly so many must match; a race that did not happen is tried again."""
    notes, seen, together_s = [], [], 0.0
    for number in range(1, TRIES + 1):
        answers = send_together(request, calls=check.calls, seconds=check.timeout.total_seconds())
        seen += answers
        for position, answer in enumerate(answers, 1):
            if fault := find_fault(check, answer):
                return False, f"call {position} of {check.calls} {fault}", tuple(notes), tuple(seen)
        n_matches = sum(is_match(check, answer) for answer in answers)
        if n_matches == check.matches:
            if number > 1:
                notes.append(f"it came out right at try {number} of {TRIES}")
            return (
                True,
                f"{n_matches} of {check.calls} calls matched, as expected",
                tuple(notes),
                tuple(seen),
            )
        together_s = max(together_s, _seconds_together(answers))
        notes.append(_say_try(check, number, n_matches, _seconds_together(answers)))
        if number < TRIES:
            time.sleep(
                min(LONGEST_PAUSE_S, 0.2 * number + max(answer.seconds for answer in answers))
            )
    why = "two runs at once are possible"
    if n_matches > check.matches:
        why = "something else holds the lock all the time"
    elif together_s < SHORTEST_MEETING_S:
        why = "the race could not be forced: the calls are too short to meet"
    reason = f"{n_matches} of {check.calls} calls matched, expected {check.matches}, in {TRIES} tries; {why}"
    return False, reason, tuple(notes), tuple(seen)


def _check_completes(
    check: Smoke, preview_url: str | None, count_completed: CountCompleted
) -> Outcome:
    """Trigger a call, then wait until a success of the feature that started after it is in the table."""
    feature, began, since = check.feature or "", time.monotonic(), clock.now()
    since = since.replace(microsecond=since.microsecond // 1000 * 1000)
    limit_s, answers = check.timeout.total_seconds(), ()
    if check.trigger is not None:
        request = prepare(check.trigger, os.environ, preview_url=preview_url)
        answers = send_together(request, calls=1, seconds=limit_s)
        if answers[0].problem or not 200 <= (answers[0].status or 0) < 300:
            problem = answers[0].problem or f"answered {answers[0].status}, expected 2xx"
            return False, f"the trigger {problem}", (), answers
    while not (found := count_completed(feature, since)):
        left_s = limit_s - (time.monotonic() - began)
        if left_s <= 0:
            after = "the trigger" if check.trigger else clock.iso(since)
            reason = f"no completed call of {feature} started after {after} within its limit of {limit_s:g} s"
            return False, reason, (), answers
        time.sleep(min(POLL_S, left_s))
    calls = "call" if found == 1 else "calls"
    return (
        True,
        f"{found} completed {calls} of {feature} after {time.monotonic() - began:.1f} s",
        (),
        answers,
    )


def _seconds_together(answers: tuple[Answer, ...]) -> float:
    """For how long all calls were open at the same time."""
    return max(
        0.0, min(answer.ended_s for answer in answers) - max(answer.sent_s for answer in answers)
    )


def _say_try(check: Smoke, number: int, n_matches: int, together_s: float) -> str:
    met = f"all were open together for {together_s:.2f} s"
    return (
        f"try {number}: {n_matches} of {check.calls} calls matched, expected {check.matches}; {met}"
    )


def _shown_url(check: Smoke) -> str | None:
    request = check if isinstance(check, Request) else check.trigger
    url = request.url if request else None
    return url.split("?")[0].split("#")[0] if url else None
