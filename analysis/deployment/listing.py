"""Deployments as Vercel lists them: entries of its REST API, and what its command line prints, table or JSON."""

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from analysis.errors import WrongUse
from analysis.window import parse_duration

_ID = re.compile(r"[A-Za-z0-9_-]{1,80}")
_HOST = re.compile(r"(?:https?://)?[A-Za-z0-9.-]{1,250}(?::[0-9]{1,5})?/?")
_COMMIT = re.compile(r"[0-9a-fA-F]{7,64}")
_EARLIEST_MS, _LATEST_MS = (
    1_000_000_000_000,
    10_000_000_000_000,
)  # 2001 and 2286: outside of them it is no time in milliseconds
_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_ROW = re.compile(
    r"\s*(?P<age>[0-9]+(?:ms|s|m|h|d|y))\s+(?P<url>https?://\S+)\s+(?:\S\s+)?(?P<state>[A-Za-z]+)\s+(?P<target>[A-Za-z]+)"
    r"(?:\s+(?P<duration>[0-9]+(?:ms|s|m|h|d)|\S+))?"
)


@dataclass(frozen=True)
class Deployment:
    """One deployment, as far as it is known.

    Attributes
    ----------
    effective_at : when it was ready, UTC; None when the source does not say.
    environment : production or preview.
    previous_id, previous_at : the deployment before it, to which a rollback would go, and when that was ready.
    note : what to know about the instant, such as how exact it is.
    """

    effective_at: datetime | None
    environment: str
    origin: str
    deployment_id: str | None = None
    url: str | None = None
    commit: str | None = None
    previous_id: str | None = None
    previous_at: datetime | None = None
    note: str | None = None


def read_cli(path: Path, *, environment: str = "production") -> Deployment:
    """Read what `vercel list --environment production --status READY --yes` printed: its table, or its JSON."""
    try:
        text = _ANSI.sub("", path.read_text(encoding="utf-8", errors="replace"))
        printed_at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except OSError as reason:
        mend = "save what 'vercel list' printed into it"
        raise WrongUse(f"cannot read '{path.name}': {reason.strerror}; {mend}") from None
    with suppress(ValueError, RecursionError):
        listed = json.loads(text)
        listed = listed.get("deployments") if isinstance(listed, dict) else listed
        listed = listed if isinstance(listed, list) else []
        entries = [
            entry for entry in listed if isinstance(entry, dict) and is_ready(entry, environment)
        ]
        nothing = f"'{path.name}' holds no {environment} deployment that is READY"
        return choose_newest(entries, environment, "vercel-cli", nothing)
    return _read_table(text, path.name, printed_at, environment)


def is_ready(entry: Mapping[str, Any], environment: str) -> bool:
    """Tell whether a listed deployment answers requests there; a preview has no target, a staged one no visitors yet."""
    target = str(entry.get("target") or "preview").lower()
    is_up = (entry.get("state") or entry.get("readyState")) == "READY" and entry.get(
        "readySubstate"
    ) != "STAGED"
    return is_up and target == environment


def choose_newest(
    entries: Sequence[Mapping[str, Any]], environment: str, origin: str, nothing: str
) -> Deployment:
    """Take the entry that was created last, and know the one before it; `nothing` says what is wrong with no entry."""
    ordered = sorted(
        entries, key=lambda entry: _millis(entry, "created", "createdAt") or 0, reverse=True
    )
    if not ordered:
        raise WrongUse(f"{nothing}; deploy first, or give --at TIME")
    newest, before = ordered[0], ordered[1] if len(ordered) > 1 else {}
    meta = newest.get("meta") if isinstance(newest.get("meta"), dict) else {}
    return Deployment(
        effective_at=_ready_at(newest),
        environment=environment,
        origin=origin,
        deployment_id=_clean(_ID, newest.get("uid") or newest.get("id")),
        url=_with_scheme(newest.get("url")),
        commit=_clean(
            _COMMIT, next((meta[key] for key in sorted(meta) if key.endswith("CommitSha")), None)
        ),
        previous_id=_clean(_ID, before.get("uid") or before.get("id")),
        previous_at=_ready_at(before),
    )


def _read_table(text: str, name: str, printed_at: datetime, environment: str) -> Deployment:
    """Read the printed table. Its ages are rounded: seconds and minutes make an instant, hours and days do not."""
    rows = [
        row for row in map(_ROW.match, text.splitlines()) if row and row["state"].lower() == "ready"
    ]
    rows = [row for row in rows if row["target"].lower() == environment]
    if not rows:
        only_urls = (
            "; it holds only URLs, the table goes to stderr: save it with 2>&1"
            if "https://" in text
            else ""
        )
        raise WrongUse(f"'{name}' holds no {environment} deployment that is Ready{only_urls}")
    row, unit = rows[0], rows[0]["age"].lstrip("0123456789")
    known = {
        "environment": environment,
        "origin": "vercel-cli",
        "url": _with_scheme(row["url"]),
        "deployment_id": None,
    }
    if unit not in ("ms", "s", "m"):
        note = f"'{name}' says only that it was created {row['age']} ago"
        return Deployment(effective_at=None, note=note, **known)
    with suppress(WrongUse):
        is_told = row["duration"] not in (None, "--", "?")
        build = parse_duration(row["duration"]) if is_told else timedelta(0)
        ready = printed_at - parse_duration(row["age"]) + build
        exact = "a second" if unit != "m" else "half a minute"
        note = f"the instant is the file's time less the printed age ({row['age']}) plus the build: right to {exact}"
        return Deployment(effective_at=ready, note=note, **known)
    raise WrongUse(f"'{name}' holds a duration that cannot be read; give --at TIME")


def _millis(entry: Mapping[str, Any], *keys: str) -> int | None:
    values = (entry.get(key) for key in keys)
    return next(
        (value for value in values if isinstance(value, int) and _EARLIEST_MS < value < _LATEST_MS),
        None,
    )


def _ready_at(entry: Mapping[str, Any]) -> datetime | None:
    ready = _millis(entry, "ready", "readyAt")
    return None if ready is None else datetime.fromtimestamp(ready / 1000, UTC)


def _clean(pattern: re.Pattern[str], value: object) -> str | None:
    """Keep a value only when it looks as it must; a ledger takes no free text from outside."""
    return value if isinstance(value, str) and pattern.fullmatch(value) else None


def _with_scheme(value: object) -> str | None:
    host = _clean(_HOST, value)
    return host if host is None or "://" in host else f"https://{host}"
