"""Checks before the deploy: the application's own commands, and whether a schema push is due."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from analysis.config import Settings
from analysis.config.deployment_settings import Preflight
from analysis.deployment.builds.git import changed_files, commit_of
from analysis.deployment.shell_command import count_warnings, find_versions, run_command
from analysis.errors import StepFailed, WrongUse
from analysis.history.events import PreflightEvent, SchemaPushEvent
from analysis.history.ledger import open_ledger


@dataclass(frozen=True)
class PreflightReport:
    """Every command that ran.

    Attributes
    ----------
    commit : the checkout's commit, `+changes` when files differ from it; None outside git.
    tools : versions of the programs that the commands call.
    not_run : names of the commands after the one that failed.
    schema_push : what to do about a changed schema; None when it did not change.
    """

    steps: tuple[PreflightEvent, ...]
    commit: str | None
    tools: Mapping[str, str]
    not_run: tuple[str, ...] = ()
    schema_push: str | None = None

    def check(self) -> None:
        """Raise StepFailed when a command failed."""
        for step in self.steps:
            if step.state == "failed":
                rest = f"; not run: {', '.join(self.not_run)}" if self.not_run else ""
                raise StepFailed(f"preflight step '{step.name}' failed: {step.reason}{rest}")


def run_preflight(
    settings: Settings, *, on_line: Callable[[str], None] = lambda line: None
) -> PreflightReport:
    """Run every [[preflight]] in order until one fails, and record each.

    `on_line` takes each line of their output as it comes.
    """
    if not settings.preflights:
        raise WrongUse("rollout.toml has no [[preflight]]; add one with name and run = a command")
    checkout = _find_checkout(settings)
    commit = commit_of(checkout)
    tools = find_versions([step.run for step in settings.preflights], checkout)
    ledger = open_ledger(settings)
    steps: list[PreflightEvent] = []
    for step in settings.preflights:
        result = _run_step(step, checkout, on_line).model_copy(
            update={"commit": commit, "tools": tools}
        )
        ledger.append(result)
        steps.append(result)
        if result.state == "failed":
            break
    not_run = tuple(step.name for step in settings.preflights[len(steps) :])
    schema_push = _find_schema_push(settings, checkout)
    if schema_push:
        command = settings.application.schema_command
        ledger.append(SchemaPushEvent(command=command, commit=commit))
    return PreflightReport(tuple(steps), commit, tools, not_run, schema_push)


def _find_checkout(settings: Settings) -> Path:
    checkout = settings.folder / settings.application.checkout
    if not checkout.is_dir():
        raise WrongUse(
            f"[application].checkout = {settings.application.checkout!r} is not a folder; "
            "write where the application is checked out"
        )
    return checkout.resolve()


def _run_step(step: Preflight, checkout: Path, on_line: Callable[[str], None]) -> PreflightEvent:
    folder, limit_s = checkout / (step.cwd or "."), step.timeout.total_seconds()
    if not folder.is_dir():
        missing = f"its folder {step.cwd!r} is not in the checkout"
        return PreflightEvent(name=step.name, state="failed", seconds=0.0, reason=missing)
    on_line(f"$ {step.run}")
    done = run_command(step.run, folder=folder, limit_s=limit_s, on_line=on_line)
    warnings = count_warnings(done.lines)
    reason = None
    if done.exit_code is None:
        reason = f"it did not end within its limit of {limit_s:g} s"
    elif done.exit_code != 0:
        reason = f"it ended with exit code {done.exit_code}"
    elif warnings and not step.allow_warnings:
        reason = f"it gave {warnings} warning{'s' * (warnings > 1)}; allow_warnings is not set"
    return PreflightEvent(
        name=step.name,
        state="failed" if reason else "passed",
        exit_code=done.exit_code,
        seconds=round(done.seconds, 3),
        warnings=warnings,
        reason=reason,
    )


def _find_schema_push(settings: Settings, checkout: Path) -> str | None:
    """Say that a schema push is due; it is never run here."""
    application = settings.application
    if not application.schema_paths:
        return None
    changed = changed_files(checkout, application.base_ref, application.schema_paths)
    if changed is None:
        return (
            f"git cannot compare {', '.join(application.schema_paths)} with "
            f"{application.base_ref}; check it yourself, and run "
            f"'{application.schema_command}' in the checkout if the schema changed"
        )
    if not changed:
        return None
    more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""
    return (
        f"{', '.join(changed[:3])}{more} changed since {application.base_ref}: "
        f"the schema push is due; run '{application.schema_command}' in the checkout"
    )
