"""Sending requests: together, each with a limit up to its last byte; answers and errors hold nothing secret."""

import asyncio
import contextlib
import json
import logging
import socket
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx

from analysis.deployment.request import Prepared

MOST_BYTES = 2_000_000


@dataclass(frozen=True)
class Answer:
    """What came back.

    Attributes
    ----------
    status : HTTP status; None when no whole answer came.
    problem : why there is none, in a few words.
    sent_s, ended_s : seconds since the check began.
    n_bytes : length of the body.
    content : the body, parsed from JSON; None when it is none. Never shown, never stored.
    """

    status: int | None
    problem: str | None
    sent_s: float
    ended_s: float
    n_bytes: int = 0
    content: Any = field(repr=False, default=None)

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.ended_s - self.sent_s


def send_together(request: Prepared, *, calls: int, seconds: float) -> tuple[Answer, ...]:
    """Send a request so many times at the same moment, each with a limit that covers everything up to the last byte."""
    with without_logs():
        return asyncio.run(_send_together(request, calls, seconds))


@contextlib.contextmanager
def without_logs() -> Iterator[None]:
    """Keep the HTTP library from logging URLs and headers, whatever level of logging the program around us chose."""
    loggers = [logging.getLogger(name) for name in ("httpx", "httpcore")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


async def _send_together(request: Prepared, calls: int, seconds: float) -> tuple[Answer, ...]:
    began = time.monotonic()
    limits = httpx.Limits(max_connections=calls, max_keepalive_connections=0)
    async with httpx.AsyncClient(timeout=seconds, limits=limits, follow_redirects=False) as client:
        return tuple(
            await asyncio.gather(*(_send(client, request, began, seconds) for _ in range(calls)))
        )


async def _send(
    client: httpx.AsyncClient, request: Prepared, began: float, seconds: float
) -> Answer:
    sent_s = time.monotonic() - began
    status, body, problem = None, b"", None
    try:
        async with asyncio.timeout(seconds):
            status, body = await _receive(client, request)
            problem = f"sent more than {MOST_BYTES:,} bytes" if len(body) > MOST_BYTES else None
    except TimeoutError:
        problem = f"gave no whole answer within its limit of {seconds:g} s"
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as reason:
        timed_out = isinstance(reason, httpx.TimeoutException)
        problem = (
            f"gave no whole answer within its limit of {seconds:g} s"
            if timed_out
            else explain(reason)
        )
    ended_s = time.monotonic() - began
    if problem is not None:
        return Answer(None, problem, sent_s, ended_s)
    return Answer(status, None, sent_s, ended_s, len(body), _parse(body))


async def _receive(client: httpx.AsyncClient, request: Prepared) -> tuple[int, bytes]:
    """Read the answer up to the most bytes that are wanted."""
    body = bytearray()
    sending = client.stream(
        request.method, request.url, headers=dict(request.headers), content=request.content
    )
    async with sending as response:
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > MOST_BYTES:
                break
        return response.status_code, bytes(body)


def explain(reason: BaseException) -> str:
    """Say what broke on the way, without addresses, headers or bodies."""
    causes = list(_causes(reason))
    if any(isinstance(cause, httpx.TimeoutException | TimeoutError) for cause in causes):
        return "did not answer in time"
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return "could not be reached: TLS failed (certificate?)"
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return "could not be reached: its host name is not known"
    if any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        return "refused the connection"
    cut = httpx.RemoteProtocolError | httpx.ReadError | httpx.WriteError | ConnectionResetError
    if any(isinstance(cause, cut) for cause in causes):
        return "cut the connection before its answer was whole"
    if any(isinstance(cause, httpx.DecodingError) for cause in causes):
        return "sent an answer that cannot be decoded"
    if isinstance(reason, httpx.ConnectError):
        return "could not be reached"
    return f"could not be asked ({type(reason).__name__})"


def _causes(reason: BaseException | None) -> Iterator[BaseException]:
    """Walk an exception, what it came from, and the members of groups."""
    waiting, seen = [reason], set()
    while waiting:
        cause = waiting.pop()
        if cause is None or id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        waiting += [cause.__cause__, cause.__context__, *getattr(cause, "exceptions", ())]


def _parse(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
