"""What Vercel knows of a deployment, read over its REST API. Nothing is changed there."""

import json
import os
import random
from collections.abc import Iterator, Mapping
from contextlib import suppress
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode

import tenacity

from analysis import clock
from analysis.config import Settings
from analysis.config.deployment_settings import Environment
from analysis.deployment.builds.build import Build, is_ready, newest_build
from analysis.deployment.http import PreparedRequest, is_http_url, send_together
from analysis.errors import StepFailed, WrongUse

TRIES = 4
FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 30.0
LONGEST_ANSWER_S = 30.0
PAGE_SIZE = 20
MOST_PAGES = 20


class _RetryableError(Exception):
    """An answer that may be better next time; `wait_s` is what the server asked for."""

    def __init__(self, problem: str, wait_s: float | None = None) -> None:
        super().__init__(problem)
        self.wait_s = wait_s


def find_newest(settings: Settings, *, environment: Environment = "production") -> Build:
    """Ask for the newest deployment that is ready; its ready time is the instant."""
    if not settings.deployment.project_id:
        raise WrongUse(
            "[deployment].project_id is not set; "
            "add the project's id, such as prj_123, to rollout.toml"
        )
    entries = _listed(settings, environment, _token(settings))
    ready = [entry for entry in entries if is_ready(entry, environment)]
    nothing = f"Vercel knows no {environment} deployment that is READY in this project"
    return newest_build(ready, nothing=nothing)


def _listed(
    settings: Settings, environment: Environment, token: str
) -> Iterator[Mapping[str, Any]]:
    """Read pages, newest first, until the newest ready deployment and the one before were seen."""
    query: dict[str, Any] = {"projectId": settings.deployment.project_id, "target": environment}
    query |= {"state": "READY", "limit": PAGE_SIZE}
    if settings.deployment.team_id:
        query["teamId"] = settings.deployment.team_id
    n_ready = 0
    for _ in range(MOST_PAGES):
        page = _ask(settings, query, token)
        entries, pagination = page.get("deployments"), page.get("pagination")
        if not isinstance(entries, list):
            raise StepFailed(
                "Vercel's answer has no list of deployments; check [deployment].api_url"
            )
        for entry in entries:
            if isinstance(entry, dict):
                n_ready += is_ready(entry, environment)
                yield entry
        later = pagination.get("next") if isinstance(pagination, dict) else None
        if n_ready >= 2 or not isinstance(later, int) or later >= query.get("until", later + 1):
            return
        query["until"] = later


def _ask(settings: Settings, query: Mapping[str, Any], token: str) -> Mapping[str, Any]:
    """Send one request, and again after a 429, a 5xx or a broken connection."""
    url = f"{settings.deployment.api_url.rstrip('/')}/v6/deployments?{urlencode(query)}"
    if not is_http_url(url):
        raise WrongUse(
            "[deployment].api_url is not a URL; write one such as https://api.vercel.com"
        )
    request = PreparedRequest("GET", url, {"Authorization": f"Bearer {token}"})
    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(_RetryableError),
        stop=tenacity.stop_after_attempt(TRIES),
        wait=_wait,
        reraise=True,
    )
    try:
        return retrying(_ask_once, request, settings.deployment.token_env)
    except _RetryableError as problem:
        raise StepFailed(
            f"Vercel {problem}, {TRIES} times; run the command again later, or give --at TIME"
        ) from None


def _ask_once(request: PreparedRequest, variable: str) -> Mapping[str, Any]:
    (answer,) = send_together(request, calls=1, seconds=LONGEST_ANSWER_S)
    status, content = answer.status, answer.content
    if status is None:
        raise _RetryableError(str(answer.problem))
    if status == 401 or (status == 403 and "invalidToken" in json.dumps(content)):
        raise WrongUse(
            f"Vercel does not know the token in {variable} ({status}); "
            f"make a new one and set {variable} to it"
        )
    if status in (403, 404):
        raise WrongUse(
            f"the token in {variable} may not see this project ({status}); "
            "check [deployment].project_id and team_id, and the token's scope"
        )
    if status == 429 or status >= 500:
        raise _RetryableError(f"answered {status}", _seconds_to_wait(answer.retry_after))
    if status != 200:
        raise StepFailed(
            f"Vercel answered {status}, not 200; check [deployment], or give --at TIME"
        )
    if content is None:
        raise _RetryableError("answered something that is not JSON")
    return content if isinstance(content, dict) else {}


def _wait(state: tenacity.RetryCallState) -> float:
    """As long as the server asked, else about 1, 2, 4 s, at most half a minute.

    The random part keeps clients that were refused together from coming back together.
    """
    problem = state.outcome.exception() if state.outcome else None
    asked_s = problem.wait_s if isinstance(problem, _RetryableError) else None
    pause_s = FIRST_WAIT_S * 2 ** (state.attempt_number - 1) * random.uniform(0.75, 1.25)
    return min(pause_s if asked_s is None else asked_s, LONGEST_WAIT_S)


def _seconds_to_wait(retry_after: str | None) -> float | None:
    """Read Retry-After: seconds, or a date."""
    if retry_after is None:
        return None
    if retry_after.strip().isdigit():
        return float(retry_after)
    with suppress(ValueError):
        return max(0.0, (parsedate_to_datetime(retry_after) - clock.now()).total_seconds())
    return None


def _token(settings: Settings) -> str:
    variable = settings.deployment.token_env
    token = os.environ.get(variable, "").strip()
    if not token:
        raise WrongUse(
            f"the environment variable {variable} is not set; "
            "set it to Vercel's token, or give --at TIME"
        )
    if not token.isascii() or not token.isprintable() or " " in token:
        raise WrongUse(
            f"the value of {variable} is not a token: "
            "it has a space, a line break or a special character"
        )
    return token
