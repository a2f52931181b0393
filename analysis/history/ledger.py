"""The ledger: what was done and seen, one JSON object a line, appended under a lock.

It is a record. No bound and no result depends on how often or by whom something was done.
"""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Generic, TypeVar

from analysis import clock, files
from analysis.config import Settings
from analysis.errors import WrongUse
from analysis.history.events import EVENTS, Event, UnknownEvent
from analysis.history.locks import hold

SCHEMA = 1
LOCK_SECONDS = 30
_OWN_KEYS = frozenset({"schema", "at", "who", "event"})
EventT_co = TypeVar("EventT_co", bound=Event, covariant=True)
EventT = TypeVar("EventT", bound=Event)


@dataclass(frozen=True)
class Entry(Generic[EventT_co]):
    """One line of the ledger.

    Attributes
    ----------
    at : when it was recorded, UTC.
    who : `[ledger].who` at that time; None when it was not set, it is never guessed.
    name : the event's name in the file.
    event : what was recorded.
    """

    at: datetime
    who: str | None
    name: str
    event: EventT_co


@dataclass(frozen=True)
class History:
    """Every entry of the ledger, oldest first, and the numbers of the lines that are unreadable."""

    entries: tuple[Entry[Event], ...] = ()
    unreadable_lines: tuple[int, ...] = ()

    def of(self, kind: type[EventT]) -> tuple[Entry[EventT], ...]:
        """The entries with events of this kind."""
        return tuple(
            Entry(entry.at, entry.who, entry.name, entry.event)
            for entry in self.entries
            if isinstance(entry.event, kind)
        )

    def events(self, kind: type[EventT]) -> tuple[EventT, ...]:
        """The events of this kind."""
        return tuple(entry.event for entry in self.of(kind))

    @property
    def warning(self) -> str | None:
        """What to say about unreadable lines; None when there are none."""
        if not self.unreadable_lines:
            return None
        lines = ", ".join(map(str, self.unreadable_lines))
        return (
            f"line {lines} of the ledger is unreadable (written during a crash, or edited); "
            "it is kept and not counted"
        )


@dataclass(frozen=True)
class Ledger:
    """The file, and who writes into it."""

    path: Path
    who: str | None = None

    def append(self, event: EventT) -> Entry[EventT]:
        """Record an event now, after every line that is there; other writers wait."""
        with self.locked():
            at = clock.now()
            line = {"schema": SCHEMA, "at": clock.iso(at), "who": self.who}
            line |= {"event": event.event_name, **event.facts()}
            files.append_line(self.path, json.dumps(line, ensure_ascii=False, allow_nan=False))
        return Entry(at, self.who, event.event_name, event)

    def read(self) -> History:
        """Read every event; a line that is unreadable is reported by its number and kept."""
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return History()
        except OSError as reason:
            raise WrongUse(
                f"cannot read the ledger '{self.path.name}': {reason.strerror}; make it readable"
            ) from None
        entries, unreadable = [], []
        for number, line in enumerate(content.split(b"\n"), 1):
            if line.strip():
                entry = _read_line(line, number)
                entries.append(entry) if entry else unreadable.append(number)
        return History(tuple(entries), tuple(unreadable))

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the ledger's lock, so that reading and appending are one step; it may be nested."""
        busy = WrongUse(
            f"another command has held the ledger for {LOCK_SECONDS} s; "
            "wait until it ends, then run again"
        )
        lock = self.path.with_name(f".{self.path.name}.lock")
        with hold(lock, seconds=LOCK_SECONDS, busy=busy):
            yield


def open_ledger(settings: Settings) -> Ledger:
    """The ledger of a rollout."""
    return Ledger(settings.paths.ledger, settings.ledger.who)


def _read_line(line: bytes, number: int) -> Entry[Event] | None:
    """Read an entry; None when the line is unreadable."""
    try:
        content = json.loads(line.decode("utf-8"))
        schema, name, at = content["schema"], content["event"], clock.parse_instant(content["at"])
        is_newer = schema > SCHEMA
        facts = {key: value for key, value in content.items() if key not in _OWN_KEYS}
        event = None if is_newer else EVENTS.get(name, UnknownEvent).model_validate(facts)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, WrongUse):
        return None
    if event is None:
        raise WrongUse(
            f"line {number} of the ledger has schema {schema}, but this version knows {SCHEMA}; "
            "install a newer rollout"
        )
    return Entry(at, content.get("who"), name, event)
