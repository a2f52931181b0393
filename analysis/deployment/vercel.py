"""What Vercel knows of a deployment, asked over its REST API. Nothing is ever changed there."""

import json
import os
import random
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import tenacity

from analysis import clock
from analysis.config.settings import Settings
from analysis.deployment.listing import Deployment, choose_newest, is_ready
from analysis.deployment.request import is_sendable
from analysis.deployment.sending import MOST_BYTES, explain, without_logs
from analysis.errors import StepFailed, WrongUse

TRIES = 4
FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 30.0
LONGEST_ANSWER_S = 30.0
PAGE = 20
MOST_PAGES = 20
_TIMEOUT = httpx.Timeout(15.0, connect=10.0)


class _TryAgainError(Exception):
    """An answer that may be better next time; `wait_s` is what the server asked for."""

    def __init__(self, problem: str, wait_s: float | None = None) -> None:
        super().__init__(problem)
        self.wait_s = wait_s


def find_newest(settings: Settings, *, environment: str = "production") -> Deployment:
    """Ask Vercel for the newest deployment that is ready; its ready time is the instant."""
    if not settings.deployment.project_id:
        raise WrongUse(
            "[deployment].project_id is not set; add the project's id, such as prj_123, to rollout.toml"
        )
    headers = {"Authorization": f"Bearer {_token(settings)}"}
    with without_logs(), httpx.Client(timeout=_TIMEOUT, headers=headers) as client:
        ready = [
            entry
            for entry in _entries(client, settings, environment)
            if is_ready(entry, environment)
        ]
    nothing = f"Vercel knows no {environment} deployment that is READY in this project"
    return choose_newest(ready, environment, "vercel", nothing)


def _entries(
    client: httpx.Client, settings: Settings, environment: str
) -> Iterator[Mapping[str, Any]]:
    """Walk the pages, newest first, until two ready deployments were seen: the newest and the one before it."""
    query: dict[str, Any] = {"projectId": settings.deployment.project_id, "target": environment}
    query |= {"state": "READY", "limit": PAGE}
    if settings.deployment.team_id:
        query["teamId"] = settings.deployment.team_id
    found = 0
    for _ in range(MOST_PAGES):
        page = _ask(client, settings, query)
        entries = page.get("deployments")
        if not isinstance(entries, list):
            raise StepFailed(
                "Vercel's answer holds no list of deployments; see whether [deployment].api_url is right"
            )
        for entry in entries:
            if isinstance(entry, dict):
                found += is_ready(entry, environment)
                yield entry
        pagination = page.get("pagination")
        later = pagination.get("next") if isinstance(pagination, dict) else None
        if found >= 2 or not isinstance(later, int) or later >= query.get("until", later + 1):
            return
        query["until"] = later


def _ask(client: httpx.Client, settings: Settings, query: Mapping[str, Any]) -> Mapping[str, Any]:
    """Send one request, again after a 429, a 5xx or a broken connection; say in one sentence why it did not work."""
    try:
        for attempt in tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(_TryAgainError),
            stop=tenacity.stop_after_attempt(TRIES),
            wait=_wait,
            reraise=True,
        ):
            with attempt:
                return _ask_once(client, settings, query)
    except _TryAgainError as problem:
        raise StepFailed(
            f"Vercel {problem}, {TRIES} times; run the command again later, or give --at TIME"
        ) from None
    raise AssertionError("unreachable")


def _ask_once(
    client: httpx.Client, settings: Settings, query: Mapping[str, Any]
) -> Mapping[str, Any]:
    variable = settings.deployment.token_env
    try:
        answer, body = _receive(
            client, settings.deployment.api_url.rstrip("/") + "/v6/deployments", query
        )
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as reason:
        if isinstance(reason, httpx.InvalidURL | httpx.UnsupportedProtocol):
            raise WrongUse(
                "[deployment].api_url is not a URL; write one such as https://api.vercel.com"
            ) from None
        raise _TryAgainError(explain(reason)) from None
    if answer.status_code == 401 or (answer.status_code == 403 and b"invalidToken" in body):
        raise WrongUse(
            f"Vercel does not know the token in {variable} ({answer.status_code}); make a new one, set {variable} to it"
        )
    if answer.status_code in (403, 404):
        raise WrongUse(
            f"the token in {variable} may not see this project ({answer.status_code}); "
            "check [deployment].project_id and team_id, and the token's scope"
        )
    if answer.status_code == 429 or answer.status_code >= 500:
        raise _TryAgainError(
            f"answered {answer.status_code}", _seconds_to_wait(answer.headers.get("Retry-After"))
        )
    if answer.status_code != 200:
        raise StepFailed(
            f"Vercel answered {answer.status_code}, not 200; check [deployment], or give --at TIME"
        )
    try:
        page = json.loads(body)
    except (ValueError, RecursionError):
        raise _TryAgainError("answered something that is not JSON") from None
    return page if isinstance(page, dict) else {}


def _receive(
    client: httpx.Client, url: str, query: Mapping[str, Any]
) -> tuple[httpx.Response, bytes]:
    """Read the whole answer, within a limit of time and of bytes: a server that sends a byte now and then never times out by itself."""
    body, ends_at = bytearray(), time.monotonic() + LONGEST_ANSWER_S
    with client.stream("GET", url, params=query) as answer:
        for chunk in answer.iter_bytes():
            body += chunk
            if len(body) > MOST_BYTES or time.monotonic() > ends_at:
                raise _TryAgainError("gave no whole answer within the limits of time and length")
        return answer, bytes(body)


def _wait(state: tenacity.RetryCallState) -> float:
    """As long as the server asked, else about 1, 2, 4 s, so that many who were refused do not come back together; half a minute at most."""
    problem = state.outcome.exception() if state.outcome else None
    asked = getattr(problem, "wait_s", None)
    pause = FIRST_WAIT_S * 2 ** (state.attempt_number - 1) * random.uniform(0.75, 1.25)
    return min(pause if asked is None else asked, LONGEST_WAIT_S)


def _seconds_to_wait(header: str | None) -> float | None:
    """Read Retry-After: seconds, or a date."""
    if header is None:
        return None
    with suppress(ValueError):
        return (
            max(0.0, float(header))
            if header.strip().isdigit()
            else max(0.0, (parsedate_to_datetime(header) - clock.now()).total_seconds())
        )
    return None


def _token(settings: Settings) -> str:
    variable = settings.deployment.token_env
    token = os.environ.get(variable, "").strip()
    if not token:
        raise WrongUse(
            f"the environment variable {variable} is not set; set it to Vercel's token, or give --at TIME"
        )
    if not is_sendable(token):
        raise WrongUse(
            f"the value of {variable} is no token: it holds a space, a line break or a special character"
        )
    return token
