"""Values that a ledger line or a platform's answer may hold: checked on reading as on writing.

Anyone may edit the ledger, and a platform's answer comes from outside. What is shown as part of a
command, sent to a server or used as a path has a narrow form here; other text is one clean line.
"""

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field

from analysis.config.checked_toml.value_types import FolderName
from analysis.window import parse_duration

LONGEST_TEXT, LONGEST_VALUE = 20_000, 2_000
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_HOST = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def origin_of(url: str) -> str | None:
    """The origin that a URL is, such as https://app.vercel.app; None when it is anything else.

    https, or http on this machine; no user, path, query or fragment.

    >>> origin_of("https://App-1.vercel.app/"), origin_of("https://app.vercel.app/?x=${TOKEN}")
    ('https://app-1.vercel.app', None)
    >>> origin_of("http://app.vercel.app"), origin_of("https://app.vercel.app@evil.example")
    (None, None)
    """
    plain = url.lower().removesuffix("/")
    try:
        parts = urlsplit(plain)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return None
    shown = f"[{host}]" if ":" in host else host
    whole = f"{parts.scheme}://{shown}" + ("" if port is None else f":{port}")
    is_known = host == "::1" or (_HOST.fullmatch(host) is not None and ".." not in host)
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and host in LOOPBACK)
    return whole if is_known and is_safe and port != 0 and whole == plain else None


def host_is_allowed(origin: str, allowed: tuple[str, ...]) -> bool:
    """Whether the host of an origin is one of these; `*.vercel.app` allows every host below it."""
    host = urlsplit(origin).hostname or ""
    return any(
        host.endswith(one[1:]) and host != one[2:] if one.startswith("*.") else host == one
        for one in allowed
    )


def _check_origin(url: str) -> str:
    origin = origin_of(url)
    if origin is None:
        raise ValueError("is no https origin")
    return origin


def _cleaned(value: object) -> object:
    return _CONTROL.sub(" ", value) if isinstance(value, str) else value


def is_plain_value(text: str) -> bool:
    """Whether a text can be the value of a variable: one line, not too long."""
    return len(text) <= LONGEST_VALUE and not _CONTROL.search(text)


def _check_value(text: str) -> str:
    if not is_plain_value(text):
        raise ValueError("has control characters")
    return text


def _check_window(label: str) -> str:
    parse_duration(label)
    return label


Line = Annotated[str, BeforeValidator(_cleaned), Field(max_length=LONGEST_TEXT)]
"""Text to show: control characters are blanks."""
BuildId = Annotated[str, Field(pattern=r"\A[A-Za-z0-9_][A-Za-z0-9_-]{0,79}\z")]
"""A deployment's id. It never begins with `-`, so that no command takes it for an option."""
Commit = Annotated[str, Field(pattern=r"\A[0-9a-fA-F]{7,64}(\+changes)?\z")]
Origin = Annotated[str, AfterValidator(_check_origin)]
"""A preview's or build's address, without a path."""
VariableText = Annotated[str, Field(max_length=LONGEST_VALUE), AfterValidator(_check_value)]
"""The value of an environment variable."""
WindowName = Annotated[FolderName, AfterValidator(_check_window)]
"""The label of a look's window; it becomes part of a path."""
