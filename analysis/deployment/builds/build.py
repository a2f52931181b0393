"""One deployment as far as it is known, and how Vercel lists it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from analysis.config.deployment_settings import Environment
from analysis.errors import WrongUse
from analysis.history.recorded_values import origin_of

_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,79}")
_HOST = re.compile(r"(?:https?://)?[A-Za-z0-9.-]{1,250}(?::[0-9]{1,5})?/?")
_COMMIT = re.compile(r"[0-9a-fA-F]{7,64}")
_FIRST_MS, _LAST_MS = 1_000_000_000_000, 10_000_000_000_000  # 2001 and 2286, in milliseconds


@dataclass(frozen=True)
class Build:
    """One deployment.

    Attributes
    ----------
    effective_at : when it was ready, UTC; None when the source does not say.
    previous_id, previous_at : the deployment before it, to which a rollback would go, and when
        that was ready.
    note : what to know about the instant, such as how exact it is.
    """

    effective_at: datetime | None = None
    deployment_id: str | None = None
    url: str | None = None
    commit: str | None = None
    previous_id: str | None = None
    previous_at: datetime | None = None
    note: str | None = None


def is_ready(entry: Mapping[str, Any], environment: Environment) -> bool:
    """Whether a listed deployment answers requests there.

    A preview has no target; a staged deployment has no visitors yet.
    """
    target = str(entry.get("target") or "preview").lower()
    state = entry.get("state") or entry.get("readyState")
    return state == "READY" and entry.get("readySubstate") != "STAGED" and target == environment


def newest_build(entries: Sequence[Mapping[str, Any]], *, nothing: str) -> Build:
    """Take the entry that was created last, and the one before it.

    `nothing` says what is wrong when there is no entry.
    """
    ordered = sorted(
        entries, key=lambda entry: _milliseconds(entry, "created", "createdAt") or 0, reverse=True
    )
    if not ordered:
        raise WrongUse(f"{nothing}; deploy first, or give --at TIME")
    newest, before = ordered[0], ordered[1] if len(ordered) > 1 else {}
    meta = newest.get("meta")
    commits = (
        [meta[key] for key in sorted(meta) if key.endswith("CommitSha")]
        if isinstance(meta, dict)
        else []
    )
    return Build(
        effective_at=_ready_at(newest),
        deployment_id=_matching(_ID, newest.get("uid") or newest.get("id")),
        url=url_of(newest.get("url")),
        commit=_matching(_COMMIT, commits[0]) if commits else None,
        previous_id=_matching(_ID, before.get("uid") or before.get("id")),
        previous_at=_ready_at(before),
    )


def url_of(host: object) -> str | None:
    """The origin of a listed host; None for anything else."""
    known = _matching(_HOST, host)
    return known and origin_of(known if "://" in known else f"https://{known}")


def _milliseconds(entry: Mapping[str, Any], *keys: str) -> int | None:
    for value in (entry.get(key) for key in keys):
        if isinstance(value, int) and _FIRST_MS < value < _LAST_MS:
            return value
    return None


def _ready_at(entry: Mapping[str, Any]) -> datetime | None:
    ready = _milliseconds(entry, "ready", "readyAt")
    return None if ready is None else datetime.fromtimestamp(ready / 1000, UTC)


def _matching(pattern: re.Pattern[str], value: object) -> str | None:
    """Keep a value only in its known form; the ledger takes no free text from outside."""
    return value if isinstance(value, str) and pattern.fullmatch(value) else None
