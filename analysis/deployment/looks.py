"""Looks that are due: made once each and recorded, however often the process is stopped.

A look is done when its line is in the ledger. Its result is written before that line; where only
the result is there, the line is added and the look is not made again. Nothing else is remembered.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from analysis import clock
from analysis.config import Settings
from analysis.decision.verdict import EXIT_CODES
from analysis.errors import NotYetDue, RolloutError
from analysis.history.events import LookEvent, LookFailedEvent
from analysis.history.ledger import open_ledger
from analysis.history.locks import only_one
from analysis.history.timeline import NoDeployError, PlannedLook, Timeline, read_timeline
from analysis.results.model import LookResult
from analysis.results.storage import read_result

FINAL_VERDICTS = ("sustained", "roll_back")
RunLook = Callable[[PlannedLook], LookResult]
"""Make one look, write what belongs to it, and return its result."""
Say = Callable[[str], None]
"""Takes lines of progress and warnings."""
LookKey = tuple[str, datetime, datetime]


@dataclass(frozen=True)
class Standing:
    """Where the monitoring stands.

    Attributes
    ----------
    due : planned looks that can be made now and are not in the ledger, oldest first.
    coming : the next look that is not due yet.
    last : the newest look of the newest stage that has one.
    is_over : the newest stage has its final verdict, or all its looks are made.
    """

    due: tuple[PlannedLook, ...] = ()
    coming: PlannedLook | None = None
    last: LookEvent | None = None
    is_over: bool = False

    @property
    def upcoming(self) -> PlannedLook | None:
        """The look to make next, due or not."""
        return self.due[0] if self.due else self.coming


@dataclass(frozen=True)
class DueReport:
    """What one round over the due looks did."""

    made: tuple[LookEvent, ...]
    failed: tuple[tuple[PlannedLook, RolloutError], ...]
    standing: Standing


def find_standing(timeline: Timeline) -> Standing:
    """Which looks are due and which comes next; NoDeployError before a deploy."""
    if timeline.stage is None:
        raise NoDeployError
    planned = timeline.looks
    newest = {_event_key(look): look for look in timeline.history.events(LookEvent)}
    made = [(look.stage, newest[look_key(look)]) for look in planned if look_key(look) in newest]
    ended = {stage for stage, look in made if look.verdict in FINAL_VERDICTS}
    still_open = [
        look for look in planned if look.stage not in ended and look_key(look) not in newest
    ]
    of_stage = [look for stage, look in made if stage == timeline.stage.number]
    return Standing(
        due=tuple(look for look in still_open if look.due_at <= clock.now()),
        coming=next((look for look in still_open if look.due_at > clock.now()), None),
        last=max(
            of_stage or [look for _, look in made],
            key=lambda look: (look.start, look.end),
            default=None,
        ),
        is_over=not any(look.stage == timeline.stage.number for look in still_open),
    )


def run_due(settings: Settings, run_look: RunLook, *, say: Say = lambda line: None) -> DueReport:
    """Make every look that is due, once; one that fails is recorded and does not stop the rest."""
    made: list[LookEvent] = []
    failed: list[tuple[PlannedLook, RolloutError]] = []
    tried: set[LookKey] = set()
    with only_one(settings, "watch", busy=NotYetDue):
        say_unreadable_lines(settings, say)
        while True:
            standing = find_standing(read_timeline(settings))
            look = next((one for one in standing.due if look_key(one) not in tried), None)
            if look is None:
                return DueReport(tuple(made), tuple(failed), standing)
            tried.add(look_key(look))
            try:
                made.append(make_look(settings, look, run_look, say=say))
            except RolloutError as error:
                failed.append((look, error))


def make_look(
    settings: Settings, look: PlannedLook, run_look: RunLook, *, say: Say = lambda line: None
) -> LookEvent:
    """Make a look and record it, or record its failure.

    A whole result that an interrupted run left is recorded without making the look again.
    """
    result = find_result(settings, look)
    if result is None:
        say(f"window {look.label}: {look.window}")
        result = _run(settings, look, run_look, say)
    made = record_look(settings, look, result)
    say(f"window {look.label}: {made.verdict} - {made.reason}")
    return made


def record_look(settings: Settings, look: PlannedLook, result: LookResult) -> LookEvent:
    """Add a look to the ledger, unless its newest line has the same verdict."""
    event = LookEvent(
        window=look.label,
        stage=look.stage,
        number=look.number,
        planned=look.planned,
        start=look.window.start,
        end=look.window.end,
        verdict=result.verdict,
        exit_code=EXIT_CODES[result.verdict],
        reason=result.reason,
    )
    ledger = open_ledger(settings)
    with ledger.locked():
        made = ledger.read().events(LookEvent)
        same = [one for one in made if _event_key(one) == _event_key(event)]
        if same and same[-1].verdict == event.verdict:
            return same[-1]
        return ledger.append(event).event


def find_result(settings: Settings, look: PlannedLook) -> LookResult | None:
    """The result of a look, when it and its page were written whole for exactly this window."""
    folder = settings.paths.window(look.label, stage=look.stage)
    result = read_result(folder.result)
    if result is None or not folder.page.is_file():
        return None
    is_same = (result.look.start, result.look.end) == (look.window.start, look.window.end)
    return result if is_same else None


def look_key(look: PlannedLook) -> LookKey:
    """What identifies a planned look."""
    return look.label, look.window.start, look.window.end


def say_unreadable_lines(settings: Settings, say: Say) -> None:
    """Warn of lines of the ledger that cannot be read."""
    if warning := open_ledger(settings).read().warning:
        say(f"warning: {warning}")


def _run(settings: Settings, look: PlannedLook, run_look: RunLook, say: Say) -> LookResult:
    try:
        return run_look(look)
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


def _record_failure(
    settings: Settings, look: PlannedLook, reason: str, exit_code: int, say: Say
) -> None:
    event = LookFailedEvent(window=look.label, stage=look.stage, reason=reason, exit_code=exit_code)
    open_ledger(settings).append(event)
    say(f"window {look.label} failed: {reason}")


def _event_key(look: LookEvent) -> LookKey:
    return look.window, look.start, look.end
