"""Looks that are due: run, recorded, never repeated, never skipped, whenever the process is stopped and started again.

What makes that hold: a look is done when its line is in the ledger. Its result is written before that line; when only the
result is there, the line is added and the look is not run again. Nothing else is remembered anywhere.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from analysis import clock
from analysis.config.settings import Settings
from analysis.decision.verdict import EXIT_CODES
from analysis.errors import NotYetDue, RolloutError, WrongUse
from analysis.history import stages
from analysis.history.ledger import Event, History, only_one, open_ledger
from analysis.history.stages import PlannedLook
from analysis.results.storage import read_result

FINAL = ("sustained", "roll_back")
FIRST_PAUSE = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(minutes=10)
PATIENCE = timedelta(hours=2)  # a look that fails for so long ends the watch
NAP = timedelta(seconds=60)  # the ledger is read again this often, for a knob that somebody turned

RunLook = Callable[[PlannedLook], Mapping[str, Any]]
"""Make one look, write what belongs to it, and return its result.json."""
Say = Callable[[str], None]
Key = tuple[str, datetime, datetime]


@dataclass(frozen=True)
class SeenLook:
    """A look that is in the ledger."""

    label: str
    stage: int
    start: datetime
    end: datetime
    verdict: str
    reason: str
    at: datetime

    @property
    def exit_code(self) -> int:
        """Exit code of a command that ends with this verdict."""
        return EXIT_CODES.get(self.verdict, 70)


@dataclass(frozen=True)
class Standing:
    """Where the monitoring stands.

    Attributes
    ----------
    due : planned looks that can be made now and are not in the ledger, oldest first.
    coming : the next one that is not due yet.
    last : the newest look of the newest stage that has one.
    is_over : the newest stage has its final verdict, or all its looks are made.
    """

    due: tuple[PlannedLook, ...]
    coming: PlannedLook | None
    last: SeenLook | None
    is_over: bool


@dataclass(frozen=True)
class DueReport:
    """What one round over the due looks did."""

    made: tuple[SeenLook, ...]
    failed: tuple[tuple[PlannedLook, RolloutError], ...]
    standing: Standing

    @property
    def exit_code(self) -> int:
        """Of the first look that failed, else of the newest verdict, else 3: nothing was due yet."""
        if self.failed:
            return self.failed[0][1].exit_code
        return self.standing.last.exit_code if self.standing.last else NotYetDue.exit_code


def find_seen(history: History) -> tuple[SeenLook, ...]:
    """The looks in the ledger, oldest first."""
    return tuple(_seen(event) for event in history.of("look"))


def find_standing(settings: Settings, history: History | None = None) -> Standing:
    """Which looks are due, which comes next, and whether it is over. WrongUse before a deploy."""
    history = history or open_ledger(settings).read()
    stage = stages.current_stage(settings, history)
    if stage is None:
        raise WrongUse(
            "no deploy is known; set [rollout].deployed_at or run 'rollout deploy --at TIME'"
        )
    now, planned = clock.now(), stages.plan_looks(settings, history)
    newest = {(look.label, look.start, look.end): look for look in find_seen(history)}
    seen = [(look.stage, newest[_key(look)]) for look in planned if _key(look) in newest]
    ended = {number for number, look in seen if look.verdict in FINAL}
    open_looks = [look for look in planned if look.stage not in ended and _key(look) not in newest]
    of_stage = [look for number, look in seen if number == stage.number]
    return Standing(
        due=tuple(look for look in open_looks if look.due_at <= now),
        coming=next((look for look in open_looks if look.due_at > now), None),
        last=max(
            of_stage or [look for _, look in seen],
            key=lambda look: (look.start, look.end),
            default=None,
        ),
        is_over=not any(look.stage == stage.number for look in open_looks),
    )


def run_due(settings: Settings, run_look: RunLook, *, say: Say = lambda text: None) -> DueReport:
    """Make every look that is due, once; one that fails is recorded and does not hold up the others."""
    made, failed, tried = [], [], set()
    with only_one(settings, "watch", busy=NotYetDue):
        _tell_torn_lines(settings, say)
        while look := next(
            (look for look in find_standing(settings).due if _key(look) not in tried), None
        ):
            tried.add(_key(look))
            try:
                made.append(make_look(settings, look, run_look, say=say))
            except RolloutError as error:
                failed.append((look, error))
        return DueReport(tuple(made), tuple(failed), find_standing(settings))


def watch(settings: Settings, run_look: RunLook, *, say: Say = lambda text: None) -> SeenLook:
    """Wait for each look until one is sustained or rolled back, or the last is made; return it. Safe to stop and start."""
    trouble: dict[Key, _Trouble] = {}
    with only_one(settings, "watch"):
        _tell_torn_lines(settings, say)
        while True:
            standing = find_standing(settings)
            if standing.is_over and standing.last and not standing.due:
                say(f"{standing.last.verdict}: {standing.last.reason}")
                return standing.last
            ready = [
                look
                for look in standing.due
                if _key(look) not in trouble or trouble[_key(look)].is_over
            ]
            if not ready:
                _wait(standing, trouble)
                continue
            try:
                make_look(settings, ready[0], run_look, say=say)
            except WrongUse:
                raise
            except RolloutError as error:
                trouble[_key(ready[0])] = again = _again(trouble.get(_key(ready[0])), error)
                say(f"window {ready[0].label} is tried again at {clock.iso(again.try_at)}")


def make_look(
    settings: Settings, look: PlannedLook, run_look: RunLook, *, say: Say = lambda text: None
) -> SeenLook:
    """Run a look and record it; take the result that an interrupted run left, if it is whole. A failure is recorded too."""
    result = find_result(settings, look)
    if result is None:
        say(f"window {look.label}: {clock.iso(look.window.start)} to {clock.iso(look.window.end)}")
        try:
            result = run_look(look)
        except NotYetDue:
            raise
        except RolloutError as error:
            _record_failure(settings, look, str(error), error.exit_code, say)
            raise
        except Exception as error:
            reason = f"internal error ({type(error).__name__})"
            _record_failure(settings, look, reason, RolloutError.exit_code, say)
            raise RolloutError(
                f"window {look.label} could not be made: {reason}; see its failed.html"
            ) from error
    seen = record_look(settings, look, result)
    say(f"window {look.label}: {seen.verdict} - {seen.reason}")
    return seen


def record_look(settings: Settings, look: PlannedLook, result: Mapping[str, Any]) -> SeenLook:
    """Add a look to the ledger, unless the same look with the same verdict is its newest already."""
    ledger = open_ledger(settings)
    facts = {
        "window": look.label,
        "stage": look.stage,
        "number": look.number,
        "planned": look.planned,
    }
    facts |= {"start": clock.iso(look.window.start), "end": clock.iso(look.window.end)}
    facts |= {
        "verdict": result["verdict"],
        "exit_code": EXIT_CODES.get(result["verdict"], 70),
        "reason": result["reason"],
    }
    with ledger.locked():
        same = [
            event
            for event in ledger.read().of("look")
            if all(event.facts.get(key) == facts[key] for key in ("window", "start", "end"))
        ]
        if same and same[-1].facts.get("verdict") == facts["verdict"]:
            return _seen(same[-1])
        return _seen(ledger.append("look", facts))


def find_result(settings: Settings, look: PlannedLook) -> dict[str, Any] | None:
    """The result of a look that was written whole, with its page; None when there is none for exactly this window."""
    files = settings.paths.window(look.label, stage=look.stage)
    result = read_result(files.result)
    if result is None or not files.page.is_file():
        return None
    window = (result["look"]["start"], result["look"]["end"])
    return result if window == (clock.iso(look.window.start), clock.iso(look.window.end)) else None


@dataclass(frozen=True)
class _Trouble:
    """A look that failed: since when, how often, and when it is tried again."""

    since: datetime
    tries: int
    try_at: datetime

    @property
    def is_over(self) -> bool:
        return clock.now() >= self.try_at


def _again(before: _Trouble | None, error: RolloutError) -> _Trouble:
    """Plan the next try, later each time; raise the error when it has lasted too long."""
    now = clock.now()
    since, tries = (before.since, before.tries + 1) if before else (now, 1)
    if now - since >= PATIENCE and not isinstance(error, NotYetDue):
        raise error
    return _Trouble(since, tries, now + min(FIRST_PAUSE * 2 ** min(tries - 1, 20), LONGEST_PAUSE))


def _wait(standing: Standing, trouble: Mapping[Key, _Trouble]) -> None:
    """Wait for the next look or the next try, and not longer than a nap."""
    times = [again.try_at for again in trouble.values()] + (
        [standing.coming.due_at] if standing.coming else []
    )
    until = min((instant for instant in times if instant > clock.now()), default=clock.now() + NAP)
    clock.wait_until(until, longest=NAP)


def _tell_torn_lines(settings: Settings, say: Say) -> None:
    if warning := open_ledger(settings).read().warning:
        say(f"warning: {warning}")


def _record_failure(
    settings: Settings, look: PlannedLook, reason: str, exit_code: int, say: Say
) -> None:
    facts = {"window": look.label, "stage": look.stage, "reason": reason, "exit_code": exit_code}
    open_ledger(settings).append("look_failed", facts)
    say(f"window {look.label} failed: {reason}")


def _key(look: PlannedLook) -> Key:
    return look.label, look.window.start, look.window.end


def _seen(event: Event) -> SeenLook:
    facts = event.facts
    start, end = (clock.parse_instant(str(facts.get(key))) for key in ("start", "end"))
    label, verdict, reason = (str(facts.get(key)) for key in ("window", "verdict", "reason"))
    return SeenLook(label, int(facts.get("stage") or 1), start, end, verdict, reason, event.at)
