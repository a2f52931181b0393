"""The trail of a rollout in its ledger: what was done, with which result, and what nobody looked at."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from analysis import clock
from analysis.config.settings import Settings
from analysis.deployment.watch import find_seen
from analysis.history import stages
from analysis.history.ledger import Event, History


@dataclass(frozen=True)
class Evidence:
    """One thing that was done: the step, how it ended, when, and its page beside the hand-over."""

    step: str
    state: str
    at: datetime | None
    detail: str
    href: str | None = None


def find_evidence(settings: Settings, history: History) -> Iterator[Evidence]:
    """What was done, in the order of a rollout; of a step that was repeated, the last time."""
    for event in _last_of_each(history.of("preflight")):
        warnings = event.facts.get("warnings")
        detail = event.facts.get("reason") or f"{event.facts.get('seconds')} s, {warnings} warnings"
        yield Evidence(
            f"preflight: {event.facts.get('name')}",
            str(event.facts.get("state")),
            event.at,
            str(detail),
        )
    counts = settings.paths.baseline_counts
    if counts.exists():
        yield Evidence(
            "baseline",
            "frozen",
            None,
            "counts.parquet",
            _href(settings, settings.paths.baseline.page),
        )
    for event in history.of("deploy"):
        known = [
            str(event.facts[key]) for key in ("deployment_id", "commit") if event.facts.get(key)
        ]
        kind = (
            "preview"
            if event.facts.get("environment") == "preview"
            else str(event.facts.get("role"))
        )
        yield Evidence(
            "deploy",
            kind,
            stages.instant_of(event),
            ", ".join(known) or str(event.facts.get("origin")),
        )
    for environment in ("preview", "production"):
        for event in _last_of_each(smokes_of(history, environment)):
            step = f"smoke, {environment}: {event.facts.get('name')}"
            yield Evidence(
                step, str(event.facts.get("state")), event.at, str(event.facts.get("reason"))
            )
    for event in history.of("knob"):
        yield Evidence("knob", "turned", stages.instant_of(event), stages.cause_of(event))
    for look in find_seen(history):
        stage = f"stage-{look.stage}/" if look.stage > 1 else ""
        page = settings.paths.window(look.label, stage=look.stage).page
        yield Evidence(
            f"look {stage}{look.label}", look.verdict, look.at, look.reason, _href(settings, page)
        )


def find_unchecked(
    settings: Settings, history: History, result: Mapping[str, Any]
) -> Iterator[str]:
    """What nobody looked at, or what could not be seen."""
    if not settings.preflights:
        yield "no [[preflight]] is declared: what was deployed was not linted or built by us"
    if not settings.smokes:
        yield "no [[smoke]] is declared: nobody asked the running application anything"
    for finding in (*result.get("expectations", ()), *result.get("guardrails", ())):
        if finding.get("finding") in ("undecided", "no_data"):
            state = "too few calls" if finding["finding"] == "no_data" else "undecided"
            yield f"{finding['name']}: {state}"
    for check in result.get("checks", ()):
        if check.get("state") in ("warning", "error"):
            yield f"{check['name']}: {check['detail']}"
    if pushes := history.of("schema_push_due"):
        yield f"whether the schema push was done, due since {clock.iso(pushes[-1].at)}: {pushes[-1].facts.get('command')}"
    if commits := _differing_commits(history):
        yield f"preflight ran on commit {commits[0]}, deployed was {commits[1]}"
    deploys = stages.deploys(history)
    for event in (
        event
        for event in deploys
        if event.facts.get("role") == "later" and not event.facts.get("stage")
    ):
        yield f"{stages.cause_of(event)} at {clock.iso(stages.instant_of(event))} has no stage of its own: looks mix it in"
    if warning := history.warning:
        yield warning


def _differing_commits(history: History) -> tuple[str, str] | None:
    """The commits of the last preflight and of the last deployment, when both are known and not the same."""
    checked = [event.facts.get("commit") for event in history.of("preflight")]
    deployed = [event.facts.get("commit") for event in stages.deploys(history)]
    if not checked or not deployed or not checked[-1] or not deployed[-1]:
        return None
    same = checked[-1].startswith(deployed[-1]) and "+" not in checked[-1]
    return None if same else (checked[-1], deployed[-1])


def smokes_of(history: History, environment: str) -> list[Event]:
    """The smoke checks that ran against an environment."""
    return [event for event in history.of("smoke") if event.facts.get("environment") == environment]


def _last_of_each(events: Sequence[Event]) -> list[Event]:
    return list({event.facts.get("name"): event for event in events}.values())


def state_of(events: Sequence[Event], name: str) -> str | None:
    """How the last run of a step ended; None when it was not run."""
    states = [str(event.facts.get("state")) for event in events if event.facts.get("name") == name]
    return states[-1] if states else None


def _href(settings: Settings, page: Path) -> str | None:
    return settings.paths.relative(page) if page.exists() else None
