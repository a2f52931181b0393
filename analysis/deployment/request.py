"""Requests as rollout.toml writes them, made ready to send: variables are filled in at the end and never told."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from analysis.config.deployment_settings import Request, Smoke
from analysis.config.value_types import VARIABLE
from analysis.errors import WrongUse

_LEADING_VARIABLE = re.compile(r"\$\{[A-Za-z_][A-Za-z0-9_]*\}")
_ORIGIN = re.compile(r"https?://[^/?#]*")


@dataclass(frozen=True)
class Prepared:
    """A request that can be sent. Only `shown_url` may be told: the URL as rollout.toml has it, without its query."""

    method: str
    shown_url: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    content: bytes | None = field(repr=False, default=None)


def missing_variables(
    request: Smoke | Request, environ: Mapping[str, str], *, preview_url: str | None = None
) -> tuple[str, ...]:
    """Names of the environment variables that a request needs and that are not set."""
    url = _at_preview(request.url or "", preview_url)
    texts = (url, *_texts(request.headers), *_texts(request.body))
    needed = (name for text in texts for name in VARIABLE.findall(text))
    return tuple(dict.fromkeys(name for name in needed if not environ.get(name)))


def prepare(
    request: Smoke | Request, environ: Mapping[str, str], *, preview_url: str | None = None
) -> Prepared:
    """Fill in the variables of a request and check that it can be sent; errors name variables, never values."""
    url = _expand(_at_preview(request.url or "", preview_url), environ)
    shown_url = (request.url or "").split("?")[0].split("#")[0]
    try:
        parts = urlsplit(url)
        good = (
            parts.scheme in ("http", "https")
            and bool(parts.hostname)
            and parts.username is None
            and parts.port != 0
        )
    except ValueError:
        good = False
    if not good or not url.isprintable() or " " in url:
        raise WrongUse(
            f"url {shown_url!r} is no http(s) URL once its variables are filled in; check their values"
        )
    headers = {name: _expand(text, environ).strip() for name, text in request.headers.items()}
    for name, value in headers.items():
        if not value.isascii() or not value.isprintable():
            raise WrongUse(
                f"header {name!r} of {shown_url!r} holds a line break or a special character; check its variables"
            )
    content = None
    if request.body is not None:
        content = json.dumps(_expand_within(request.body, environ)).encode()
        headers.setdefault("Content-Type", "application/json")
    return Prepared(request.method, shown_url, url, headers, content)


def is_sendable(value: str) -> bool:
    """Tell whether a value may stand in a header as it is."""
    return value.isascii() and value.isprintable() and " " not in value


def _at_preview(url: str, preview_url: str | None) -> str:
    """Put the recorded preview's address where the URL begins: for its leading variable, or for its host."""
    if preview_url is None:
        return url
    origin = preview_url.rstrip("/")
    leading = _LEADING_VARIABLE.match(url) or _ORIGIN.match(url)
    return origin + url[leading.end() :] if leading else url


def _texts(value: object) -> Iterator[str]:
    """Every text inside a value of TOML."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner)


def _expand(text: str, environ: Mapping[str, str]) -> str:
    def value_of(match: re.Match[str]) -> str:
        if not environ.get(match[1]):
            raise WrongUse(
                f"the environment variable {match[1]} is not set; set it, then run again"
            )
        return environ[match[1]]

    return VARIABLE.sub(value_of, text)


def _expand_within(value: Any, environ: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return _expand(value, environ)
    if isinstance(value, Mapping):
        return {key: _expand_within(inner, environ) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_expand_within(inner, environ) for inner in value]
    return value
