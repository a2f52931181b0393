"""Wait for each look until one is final or the last is made; safe to stop and to start again."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from analysis import clock
from analysis.config import Settings
from analysis.deployment.looks import (
    LookKey,
    RunLook,
    Say,
    Standing,
    find_standing,
    look_key,
    make_look,
    say_unreadable_lines,
)
from analysis.errors import NotYetDue, RolloutError, WrongUse
from analysis.history.events import LookEvent
from analysis.history.locks import only_one
from analysis.history.timeline import read_timeline

FIRST_PAUSE = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(minutes=10)
LONGEST_TROUBLE = timedelta(hours=2)
"""A look that fails for so long ends the watch."""
LONGEST_NAP = timedelta(seconds=60)
"""The ledger is read again this often, because somebody may have turned a knob."""


@dataclass(frozen=True)
class Retry:
    """A look that failed: since when, how often, and when it is tried again."""

    since: datetime
    tries: int
    try_at: datetime


def watch(settings: Settings, run_look: RunLook, *, say: Say = lambda line: None) -> LookEvent:
    """Make each look when it is due until the monitoring is over; return the newest look."""
    retries: dict[LookKey, Retry] = {}
    with only_one(settings, "watch"):
        say_unreadable_lines(settings, say)
        while True:
            standing = find_standing(read_timeline(settings))
            if standing.is_over and standing.last and not standing.due:
                say(f"{standing.last.verdict}: {standing.last.reason}")
                return standing.last
            look = next((one for one in standing.due if _may_try(retries, look_key(one))), None)
            if look is None:
                _nap(standing, retries)
                continue
            try:
                make_look(settings, look, run_look, say=say)
            except WrongUse:
                raise
            except RolloutError as error:
                retry = _next_retry(retries.get(look_key(look)), error)
                retries[look_key(look)] = retry
                say(f"window {look.label} is tried again at {clock.iso(retry.try_at)}")


def _may_try(retries: dict[LookKey, Retry], key: LookKey) -> bool:
    return key not in retries or clock.now() >= retries[key].try_at


def _next_retry(before: Retry | None, error: RolloutError) -> Retry:
    """Plan the next try, later each time; raise the error when the trouble lasts too long."""
    now = clock.now()
    since, tries = (before.since, before.tries + 1) if before else (now, 1)
    if now - since >= LONGEST_TROUBLE and not isinstance(error, NotYetDue):
        raise error
    pause = min(FIRST_PAUSE * 2 ** min(tries - 1, 20), LONGEST_PAUSE)
    return Retry(since, tries, now + pause)


def _nap(standing: Standing, retries: dict[LookKey, Retry]) -> None:
    """Wait for the next look or the next try, but not longer than a nap."""
    times = [retry.try_at for retry in retries.values()]
    times += [standing.coming.due_at] if standing.coming else []
    now = clock.now()
    until = min((instant for instant in times if instant > now), default=now + LONGEST_NAP)
    clock.wait_until(until, longest=LONGEST_NAP)
