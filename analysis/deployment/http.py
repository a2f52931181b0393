"""Requests of rollout.toml: filled in, sent together, and answered within a limit.

Variables are filled in just before. Errors and answers show nothing secret.
"""

import asyncio
import contextlib
import json
import logging
import re
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx

from analysis.config.checked_toml.value_types import VARIABLE
from analysis.config.deployment_settings import Request
from analysis.errors import WrongUse

MOST_BYTES = 2_000_000
_BASE_OF_URL = re.compile(rf"\A(?:{VARIABLE.pattern}|https?://[^/?#]*)")
_PROBLEMS: tuple[tuple[tuple[type[BaseException], ...], str], ...] = (
    ((httpx.TimeoutException, TimeoutError), "did not answer in time"),
    ((ssl.SSLError,), "could not be reached: TLS failed (certificate?)"),
    ((socket.gaierror,), "could not be reached: its host name is not known"),
    ((ConnectionRefusedError,), "refused the connection"),
    (
        (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError, ConnectionResetError),
        "cut the connection before its answer was whole",
    ),
    ((httpx.DecodingError,), "sent an answer that cannot be decoded"),
    ((httpx.ConnectError,), "could not be reached"),
)
"""What broke, by the exception or one of its causes; the first that fits."""


# ---- requests --------------------------------------------------------------------------------
@dataclass(frozen=True)
class PreparedRequest:
    """A request that can be sent; its repr shows no URL, header or body."""

    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    content: bytes | None = field(repr=False, default=None)


def public_url(request: Request, address: str | None = None) -> str:
    """The URL as rollout.toml has it, or at `address`: variables unexpanded, without its query."""
    base, rest = _split(request, address)
    return (base + rest).split("?")[0].split("#")[0]


def missing_variables(
    request: Request, environ: Mapping[str, str], address: str | None = None
) -> tuple[str, ...]:
    """Names of the environment variables that a request needs and that are not set."""
    base, rest = _split(request, address)
    url = rest if address else base + rest
    needed = VARIABLE.findall(json.dumps([url, request.headers, request.body]))
    return tuple(dict.fromkeys(name for name in needed if not environ.get(name)))


def prepare(
    request: Request, environ: Mapping[str, str], address: str | None = None
) -> PreparedRequest:
    """Fill in the variables and check that the request can be sent; errors show no values.

    `address` is an origin in place of the URL's leading variable or host. Only text of rollout.toml
    is filled in: the address comes from the ledger, and a variable in it would be sent away.
    """
    (base, rest), shown = _split(request, address), public_url(request, address)
    url = (base if address else _expand(base, environ)) + _expand(rest, environ)
    if not is_http_url(url) or (address and not _is_at(url, address)):
        raise WrongUse(
            f"url {shown!r} is not an http(s) URL once its variables are filled in; "
            "check their values"
        )
    headers = {name: _expand(text, environ).strip() for name, text in request.headers.items()}
    for name, value in headers.items():
        if not value.isascii() or not value.isprintable():
            raise WrongUse(
                f"header {name!r} of {shown!r} has a line break or a special character; "
                "check its variables"
            )
    if request.body is None:
        return PreparedRequest(request.method, url, headers, None)
    headers.setdefault("Content-Type", "application/json")
    content = _expand_json(request.body, environ).encode()
    return PreparedRequest(request.method, url, headers, content)


def _split(request: Request, address: str | None) -> tuple[str, str]:
    """The URL's leading variable or host, or `address` in its place; and the rest of the URL."""
    base = _BASE_OF_URL.match(request.url)
    end = base.end() if base else 0
    return address or request.url[:end], request.url[end:]


def _is_at(url: str, origin: str) -> bool:
    """Whether a URL is below an origin: the text after the host cannot change the host."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}" == origin


def is_http_url(url: str) -> bool:
    """Whether a URL can be asked: http or https, with a host and without a user."""
    try:
        parts = urlsplit(url)
        has_port = parts.port != 0
    except ValueError:
        return False
    is_whole = parts.scheme in ("http", "https") and bool(parts.hostname) and has_port
    return is_whole and parts.username is None and url.isprintable() and " " not in url


def _expand(text: str, environ: Mapping[str, str]) -> str:
    return VARIABLE.sub(lambda variable: environ[variable[1]], text)


def _expand_json(body: Mapping[str, Any], environ: Mapping[str, str]) -> str:
    """The body as JSON; its variables stand in strings, so their values are escaped as in one."""
    return VARIABLE.sub(lambda variable: json.dumps(environ[variable[1]])[1:-1], json.dumps(body))


# ---- answers ---------------------------------------------------------------------------------
@dataclass(frozen=True)
class Answer:
    """What came back.

    Attributes
    ----------
    status : HTTP status; None when no whole answer came.
    problem : why there is none, in a few words.
    sent_s, ended_s : seconds since the check began.
    n_bytes : length of the body.
    content : the body, parsed from JSON; None when it is not JSON. Never shown, never stored.
    retry_after : the header of that name.
    """

    status: int | None
    problem: str | None
    sent_s: float
    ended_s: float
    n_bytes: int = 0
    content: Any = field(repr=False, default=None)
    retry_after: str | None = None

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.ended_s - self.sent_s


def send_together(request: PreparedRequest, *, calls: int, seconds: float) -> tuple[Answer, ...]:
    """Send a request several times at once; the limit covers each up to its last byte."""
    with _quiet_logs():
        return asyncio.run(_send_together(request, calls, seconds))


async def _send_together(
    request: PreparedRequest, calls: int, seconds: float
) -> tuple[Answer, ...]:
    began = time.monotonic()
    limits = httpx.Limits(max_connections=calls, max_keepalive_connections=0)
    async with httpx.AsyncClient(timeout=seconds, limits=limits, follow_redirects=False) as client:
        sent = (_send(client, request, began, seconds) for _ in range(calls))
        return tuple(await asyncio.gather(*sent))


async def _send(
    client: httpx.AsyncClient, request: PreparedRequest, began: float, seconds: float
) -> Answer:
    sent_s, body = time.monotonic() - began, bytearray()

    def failed(problem: str) -> Answer:
        return Answer(None, problem, sent_s, time.monotonic() - began)

    headers, content = dict(request.headers), request.content
    sending = client.stream(request.method, request.url, headers=headers, content=content)
    try:
        async with asyncio.timeout(seconds), sending as response:
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > MOST_BYTES:
                    return failed(f"sent more than {MOST_BYTES:,} bytes")
    except (TimeoutError, httpx.TimeoutException):
        return failed(f"gave no whole answer within its limit of {seconds:g} s")
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as reason:
        return failed(_explain(reason))
    return Answer(
        response.status_code,
        None,
        sent_s,
        time.monotonic() - began,
        len(body),
        _parse(body),
        response.headers.get("Retry-After"),
    )


def _explain(reason: BaseException) -> str:
    """What broke, without addresses, headers or bodies."""
    causes = list(_causes(reason))
    for kinds, problem in _PROBLEMS:
        if any(isinstance(cause, kinds) for cause in causes):
            return problem
    return f"could not be asked ({type(reason).__name__})"


def _causes(reason: BaseException) -> Iterator[BaseException]:
    """An exception, what it came from, and the members of groups."""
    waiting: list[BaseException | None] = [reason]
    seen: set[int] = set()
    while waiting:
        cause = waiting.pop()
        if cause is None or id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        members = cause.exceptions if isinstance(cause, BaseExceptionGroup) else ()
        waiting += [cause.__cause__, cause.__context__, *members]


@contextlib.contextmanager
def _quiet_logs() -> Iterator[None]:
    """Keep the HTTP library from logging URLs and headers, whatever the level of logging."""
    loggers = [logging.getLogger(name) for name in ("httpx", "httpcore")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _parse(body: bytearray) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
