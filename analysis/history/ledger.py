"""The ledger: what was done and seen, one JSON object a line, appended under a lock and never changed.

It is a record. No bound and no result ever depends on how often or by whom something was done.
"""

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from analysis import clock, files
from analysis.config.settings import Settings
from analysis.errors import RolloutError, WrongUse

SCHEMA = 1
LOCK_SECONDS = 30
_OWN_KEYS = frozenset({"schema", "at", "who", "event"})
_TEXTS = (
    "name",
    "environment",
    "role",
    "origin",
    "state",
    "reason",
    "commit",
    "url",
    "deployment_id",
    "previous_id",
    "effective_at",
    "window",
    "verdict",
    "start",
    "end",
)
_KINDS = {**dict.fromkeys(_TEXTS, str), "stage": int}
"""What a fact that is read again must be, when it is given at all."""


@dataclass(frozen=True)
class Event:
    """One line of the ledger.

    Attributes
    ----------
    at : when it was recorded, UTC.
    who : `[ledger].who` at that time, None when the setting is not given; never guessed.
    event : what was done or seen: deploy, knob, smoke, preflight, look, ...
    facts : the rest of the line.
    line : its line in the file, counted from 1.
    """

    at: datetime
    who: str | None
    event: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    line: int = 0


@dataclass(frozen=True)
class History:
    """Everything in the ledger, oldest first, and the lines that could not be read (by a crash or by hand; they are kept)."""

    events: tuple[Event, ...] = ()
    torn_lines: tuple[int, ...] = ()

    def of(self, *names: str) -> tuple[Event, ...]:
        """The events of these names."""
        return tuple(event for event in self.events if event.event in names)

    @property
    def warning(self) -> str | None:
        """What to tell about torn lines; None when there are none."""
        if not self.torn_lines:
            return None
        lines = ", ".join(map(str, self.torn_lines))
        return f"line {lines} of the ledger is torn (a crash while it was written, or a change by hand); it is kept and not counted"


@dataclass(frozen=True)
class Ledger:
    """The file, and who writes into it."""

    path: Path
    who: str | None = None

    def append(self, event: str, facts: Mapping[str, Any] | None = None) -> Event:
        """Record an event now, after every line that is there; concurrent writers wait for each other."""
        facts = dict(facts or {})
        if clash := _OWN_KEYS & facts.keys():
            raise ValueError(
                f"facts of a ledger event may not be called {', '.join(sorted(clash))}"
            )
        with self.locked():
            at = clock.now()
            line = {"schema": SCHEMA, "at": clock.iso(at), "who": self.who, "event": event, **facts}
            files.append_line(
                self.path,
                json.dumps(line, ensure_ascii=False, allow_nan=False, default=files.as_json),
            )
        return Event(at, self.who, event, facts)

    def read(self) -> History:
        """Read every event; a line that is torn or no event is told by its number, never dropped from the file."""
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return History()
        except OSError as reason:
            raise WrongUse(
                f"cannot read the ledger '{self.path.name}': {reason.strerror}; make it readable"
            ) from None
        events, torn = [], []
        for number, line in enumerate(content.split(b"\n"), 1):
            if not line.strip():
                continue
            event = _read_line(line, number)
            if event is None:
                torn.append(number)
            else:
                events.append(event)
        return History(tuple(events), tuple(torn))

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the ledger's lock, so that reading and appending are one step; it may be taken again inside."""
        busy = WrongUse(
            f"another command has held the ledger for {LOCK_SECONDS} s; let it end, then run again"
        )
        with _hold(self.path.with_name(f".{self.path.name}.lock"), LOCK_SECONDS, busy):
            yield


@contextlib.contextmanager
def only_one(
    settings: Settings, task: str, *, part: str | None = None, busy: type[RolloutError] = WrongUse
) -> Iterator[None]:
    """Let one process at a time do a task (or a part of it) of this rollout; the operating system frees the lock when it is killed."""
    of = settings.rollout.name if part is None else f"{part} of {settings.rollout.name}"
    name = task if part is None else f"{task}-{part.replace('/', '-')}"
    with _hold(
        settings.paths.lock(name),
        0,
        busy(f"another 'rollout {task}' of {of} is running; let it work, or stop it first"),
    ):
        yield


def open_ledger(settings: Settings) -> Ledger:
    """The ledger of a rollout."""
    return Ledger(settings.paths.ledger, settings.ledger.who)


@contextlib.contextmanager
def _hold(path: Path, seconds: float, busy: RolloutError) -> Iterator[None]:
    """Hold a lock file. Within one process and thread it may be taken again."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path, timeout=seconds, is_singleton=True)
        lock.acquire()
    except Timeout:
        raise busy from None
    except OSError as reason:
        mend = "free space or make its folder writable, then run again"
        raise RolloutError(f"cannot lock '{path.name}': {reason.strerror}; {mend}") from None
    try:
        yield
    finally:
        lock.release()


def _read_line(line: bytes, number: int) -> Event | None:
    """Turn a line into an event; None when it is torn."""
    try:
        entry = json.loads(line.decode("utf-8"))
        schema, at, event = entry["schema"], clock.parse_instant(entry["at"]), entry["event"]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, WrongUse):
        return None
    has_kinds = all(
        entry.get(key) is None or isinstance(entry[key], kind) for key, kind in _KINDS.items()
    )
    if not isinstance(schema, int) or not isinstance(event, str) or not has_kinds:
        return None
    if schema > SCHEMA:
        raise WrongUse(
            f"line {number} of the ledger has schema {schema}, known is {SCHEMA}; install a newer rollout"
        )
    facts = {key: value for key, value in entry.items() if key not in _OWN_KEYS}
    return Event(at, entry.get("who"), event, facts, number)
