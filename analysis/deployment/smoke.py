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
from analysis.deployment.http import at_address, missing_variables, public_url
from analysis.deployment.smoke_checks import (
    SmokeOutcome,
    check_completes,
    check_http,
    check_overlap,
)
from analysis.errors import RolloutError, StepFailed, WrongUse
from analysis.history.events import DeployEvent, SmokeEvent
from analysis.history.ledger import open_ledger


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
    if environment == "preview":
        address = _preview_address(settings)
        checks = [_at_address(check, address) for check in checks]
    _refuse_missing_variables(checks)
    ledger, results = open_ledger(settings), []
    for check in checks:
        began = time.monotonic()
        outcome, request = _run(check, settings), _request(check)
        result = SmokeEvent(
            name=check.name,
            kind=check.kind,
            environment=environment,
            state="passed" if outcome.passed else "failed",
            reason=outcome.reason,
            seconds=round(time.monotonic() - began, 3),
            notes=outcome.notes,
            url=public_url(request) if request else None,
            answers=outcome.answers,
        )
        ledger.append(result)
        results.append(result)
        on_result(result)
    return SmokeReport(environment, tuple(results))


def _run(check: Smoke, settings: Settings) -> SmokeOutcome:
    try:
        match check:
            case HttpSmoke():
                return check_http(check)
            case OverlapSmoke():
                return check_overlap(check)
            case CompletesSmoke():
                return check_completes(check, settings)
    except RolloutError as error:
        return SmokeOutcome(False, str(error))


def _request(check: Smoke) -> Request | None:
    return check.trigger if isinstance(check, CompletesSmoke) else check


def _at_address(check: Smoke, address: str) -> Smoke:
    if not isinstance(check, CompletesSmoke):
        return at_address(check, address)
    trigger = check.trigger and at_address(check.trigger, address)
    return check.model_copy(update={"trigger": trigger})


def _preview_address(settings: Settings) -> str:
    """Where the preview that was recorded last answers."""
    deploys = open_ledger(settings).read().events(DeployEvent)
    previews = [deploy for deploy in deploys if deploy.environment == "preview"]
    if not previews or not previews[-1].url:
        raise WrongUse(
            "no preview deployment with a URL is recorded; "
            "run 'rollout deploy --environment preview --from vercel' first"
        )
    return previews[-1].url


def _refuse_missing_variables(checks: list[Smoke]) -> None:
    """Name the first environment variable that is not set, before anything is sent."""
    for check in checks:
        request = _request(check)
        for name in missing_variables(request, os.environ) if request else ():
            raise WrongUse(
                f"smoke check '{check.name}' needs the environment variable {name}; "
                "set it, then run again"
            )
