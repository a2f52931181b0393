"""Smoke checks of the running application: run, recorded, and shown."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass

from analysis.config import Settings
from analysis.config.deployment_settings import (
    CompletesSmoke,
    Environment,
    HttpSmoke,
    OverlapSmoke,
    Request,
    Smoke,
)
from analysis.deployment.http import missing_variables, public_url
from analysis.deployment.smoke_checks import (
    SmokeOutcome,
    check_completes,
    check_http,
    check_overlap,
)
from analysis.errors import RolloutError, StepFailed, WrongUse
from analysis.history.events import DeployEvent, SmokeEvent
from analysis.history.ledger import open_ledger
from analysis.history.recorded_values import host_is_allowed
from analysis.leaks import quote


@dataclass(frozen=True)
class SmokeReport:
    """All checks of one run."""

    environment: Environment
    results: tuple[SmokeEvent, ...]

    def check(self) -> None:
        """Raise StepFailed with the first reason when a check failed."""
        failed = [result for result in self.results if result.state == "failed"]
        if failed:
            count = f" ({len(failed)} of {len(self.results)} checks failed)"
            more = count if len(failed) > 1 else ""
            raise StepFailed(f"smoke check '{failed[0].name}' failed: {failed[0].reason}{more}")


def run_smokes(
    settings: Settings,
    *,
    environment: Environment = "production",
    on_result: Callable[[SmokeEvent], None] = lambda result: None,
) -> SmokeReport:
    """Run every check of an environment and record each; one that fails does not stop the rest."""
    checks = [check for check in settings.smokes if check.environment in (None, environment)]
    if not checks:
        raise WrongUse(f"rollout.toml has no [[smoke]] for {environment}; add one")
    address = _preview_address(settings) if environment == "preview" else None
    _refuse_missing_variables(checks, address)
    ledger, results = open_ledger(settings), []
    for check in checks:
        began = time.monotonic()
        outcome, request = _run(check, settings, address), _request(check)
        result = SmokeEvent(
            name=check.name,
            kind=check.kind,
            environment=environment,
            state="passed" if outcome.passed else "failed",
            reason=outcome.reason,
            seconds=round(time.monotonic() - began, 3),
            notes=outcome.notes,
            url=public_url(request, address) if request else None,
            answers=outcome.answers,
        )
        ledger.append(result)
        results.append(result)
        on_result(result)
    return SmokeReport(environment, tuple(results))


def _run(check: Smoke, settings: Settings, address: str | None) -> SmokeOutcome:
    try:
        match check:
            case HttpSmoke():
                return check_http(check, address)
            case OverlapSmoke():
                return check_overlap(check, address)
            case CompletesSmoke():
                return check_completes(check, settings, address)
    except RolloutError as error:
        return SmokeOutcome(False, str(error))


def _request(check: Smoke) -> Request | None:
    return check.trigger if isinstance(check, CompletesSmoke) else check


def _preview_address(settings: Settings) -> str:
    """Where the preview that was recorded last answers."""
    deploys = open_ledger(settings).read().events(DeployEvent)
    previews = [deploy for deploy in deploys if deploy.environment == "preview"]
    if not previews or not previews[-1].url:
        raise WrongUse(
            "no preview deployment with a URL is recorded; "
            "run 'rollout deploy --environment preview --from vercel' first"
        )
    address, allowed = previews[-1].url, settings.deployment.preview_hosts
    if not host_is_allowed(address, allowed):
        raise WrongUse(
            f"the recorded preview {quote(address)} is not on a host of [deployment].preview_hosts "
            f"({', '.join(allowed)}), so nothing was sent; add its host if the preview is yours"
        )
    return address


def _refuse_missing_variables(checks: list[Smoke], address: str | None) -> None:
    """Name the first environment variable that is not set, before anything is sent."""
    for check in checks:
        request = _request(check)
        for name in missing_variables(request, os.environ, address) if request else ():
            raise WrongUse(
                f"smoke check '{check.name}' needs the environment variable {name}; "
                "set it, then run again"
            )
