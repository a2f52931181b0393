"""What `vercel list` printed, as a table or as JSON."""

import json
import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from analysis.config.deployment_settings import Environment
from analysis.deployment.builds.build import Build, is_ready, newest_build, url_of
from analysis.errors import WrongUse
from analysis.window import parse_duration

_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_ROW = re.compile(
    r"\s*(?P<age>[0-9]+(?:ms|s|m|h|d|y))\s+(?P<url>https?://\S+)\s+(?:\S\s+)?"
    r"(?P<state>[A-Za-z]+)\s+(?P<target>[A-Za-z]+)"
    r"(?:\s+(?P<duration>[0-9]+(?:ms|s|m|h|d)|\S+))?"
)
_EXACT_TO = {"ms": "a second", "s": "a second", "m": "half a minute"}
"""How exact an age in this unit is; hours and days are rounded too much."""


def read_vercel_list(path: Path, *, environment: Environment = "production") -> Build:
    """Read a file with the output of `vercel list --environment ... --status READY --yes`."""
    try:
        text = _ANSI.sub("", path.read_text(encoding="utf-8", errors="replace"))
        printed_at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except OSError as reason:
        raise WrongUse(
            f"cannot read '{path.name}': {reason.strerror}; save what 'vercel list' printed into it"
        ) from None
    with suppress(ValueError, RecursionError):
        listed = json.loads(text)
        listed = listed.get("deployments") if isinstance(listed, dict) else listed
        listed = listed if isinstance(listed, list) else []
        ready = [one for one in listed if isinstance(one, dict) and is_ready(one, environment)]
        nothing = f"'{path.name}' has no {environment} deployment that is READY"
        return newest_build(ready, nothing=nothing)
    return _read_table(text, path.name, printed_at, environment)


def _read_table(text: str, name: str, printed_at: datetime, environment: Environment) -> Build:
    """Read the printed table; its ages are rounded, so only short ones give the instant."""
    rows = [row for row in map(_ROW.match, text.splitlines()) if row]
    rows = [
        row
        for row in rows
        if row["state"].lower() == "ready" and row["target"].lower() == environment
    ]
    if not rows:
        has_urls = "https://" in text
        hint = "; it has only URLs, the table goes to stderr: save it with 2>&1" if has_urls else ""
        raise WrongUse(f"'{name}' has no {environment} deployment that is Ready{hint}")
    age, duration = rows[0]["age"], rows[0]["duration"]
    url = url_of(rows[0]["url"])
    exact_to = _EXACT_TO.get(age.lstrip("0123456789"))
    if exact_to is None:
        return Build(url=url, note=f"'{name}' says only that it was created {age} ago")
    try:
        is_known = duration not in (None, "--", "?")
        build_time = parse_duration(duration) if is_known else timedelta(0)
        ready_at = printed_at - parse_duration(age) + build_time
    except WrongUse:
        raise WrongUse(f"'{name}' has a duration that cannot be read; give --at TIME") from None
    note = f"the instant is the file's time minus the printed age ({age}) plus the build time"
    return Build(ready_at, url=url, note=f"{note}: exact to {exact_to}")
