"""The way back when a claim fails: knobs first, the smallest step first, then the old build. Commands to run, each with its undo.

Nothing here is ever executed.
"""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from analysis.config.deployment_settings import Knob
from analysis.config.settings import Settings
from analysis.counting.scope import Scope
from analysis.history import knobs, stages
from analysis.history.ledger import Event, History

FAILING = ("not_met", "worse")
LIST_COMMAND = "vercel list --environment production --status READY --yes"


@dataclass(frozen=True)
class StepBack:
    """One step back that can be taken.

    Attributes
    ----------
    kind : environment, code (a change to write), or rollback (the old build).
    what : the step in words.
    because : the finding that asks for it.
    predicted : what the post window's Kaplan-Meier curve says of it; None where there is nothing to ask.
    commands, undo : to copy, in order.
    note : what to know before.
    """

    kind: str
    what: str
    because: str
    predicted: str | None
    commands: tuple[str, ...]
    undo: tuple[str, ...]
    note: str | None = None


def find_steps_back(
    settings: Settings, result: Mapping[str, Any], history: History
) -> tuple[StepBack, ...]:
    """What can be done about a result, in the order to try it; nothing when no claim fails.

    `settings` are those of the file, with every knob: one that was turned is left out here.
    """
    offered: dict[int, list[Mapping[str, Any]]] = {}
    for entry in result.get("advice", ()):
        number = _find_knob(settings, entry)
        if number is not None and knobs.is_offered(settings, settings.knobs[number], history):
            offered.setdefault(number, []).append(entry)
    steps = [
        _knob_step(settings, settings.knobs[number], entries, history)
        for number, entries in offered.items()
    ]
    failing = _failing_claims(result)
    if result.get("verdict") == "roll_back" or any(
        _is_used_up(settings, claim, history) for claim in failing
    ):
        has_knobs = any(step.kind == "environment" for step in steps)
        steps.append(_old_build(settings, result, failing, history, is_last_resort=has_knobs))
    return tuple(steps)


def slice_timeout_ms(*, cap_ms: int, min_ms: int, share: float, total_ms: int) -> int:
    """The time limit that a share of a budget gives: min(cap, max(min, floor(total * share))), share within .05 and .8.

    >>> slice_timeout_ms(cap_ms=45000, min_ms=8000, share=0.35, total_ms=120000)
    42000
    >>> slice_timeout_ms(cap_ms=45000, min_ms=8000, share=0.25, total_ms=30000)
    8000
    """
    return min(cap_ms, max(min_ms, int(total_ms * min(max(share, 0.05), 0.8))))


def _failing_claims(result: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    claims = [*result.get("expectations", ()), *result.get("guardrails", ())]
    return [claim for claim in claims if claim.get("finding") in FAILING]


def _is_used_up(settings: Settings, claim: Mapping[str, Any], history: History) -> bool:
    """Tell whether a failing claim had variables to turn, and all of them were turned."""
    its_own = [knob for knob in settings.knobs if knob.env and _is_for(knob, claim)]
    return bool(its_own) and not any(knobs.is_offered(settings, knob, history) for knob in its_own)


def _is_for(knob: Knob, claim: Mapping[str, Any]) -> bool:
    """Tell whether a knob is declared for a claim that fails."""
    when = knob.when
    if when.name is not None:
        return when.name == claim["name"]
    metrics = {claim.get("metric"), *(part.get("metric") for part in claim.get("parts") or ())}
    feature = claim.get("feature")
    fits = when.feature is None or (
        feature is not None and Scope(when.feature).matches(feature, None)
    )
    fits = fits and (when.source is None or when.source == claim.get("source"))
    return (
        fits
        and (when.metric is None or when.metric in metrics)
        and when.finding in (None, claim["finding"])
    )


def _find_knob(settings: Settings, entry: Mapping[str, Any]) -> int | None:
    """Which declared knob an advice is about."""
    wanted = (entry.get("knob"), entry.get("from"), entry.get("to"))
    names = ((knob.title, knob.old, knob.new) for knob in settings.knobs)
    return next((number for number, name in enumerate(names) if name == wanted), None)


def _knob_step(
    settings: Settings, knob: Knob, entries: Sequence[Mapping[str, Any]], history: History
) -> StepBack:
    because = " ".join(dict.fromkeys(str(entry["because"]) for entry in entries))
    predicted = next(
        (entry["predicted"]["sentence"] for entry in entries if entry.get("predicted")), None
    )
    if knob.env is None:
        return StepBack("code", str(knob.code), because, predicted, (), (), knob.note)
    old = knobs.values_now(settings, history)[knob.env]
    what = (
        f"turn {knob.env} from {old} to {knob.new}"
        if old is not None
        else f"turn {knob.env} to {knob.new}"
    )
    commands = _turn(settings, knob.env, knob.new, history)
    undo = (
        _turn(settings, knob.env, old, history)
        if old is not None
        else (f"vercel env rm {knob.env} production --yes",)
    )
    return StepBack("environment", what, because, predicted, commands, undo, knob.note)


def _turn(settings: Settings, name: str, value: object, history: History) -> tuple[str, ...]:
    """A changed variable reaches production only with a new deployment; then it is recorded."""
    newest = _newest(history)
    deployment = (newest.facts.get("deployment_id") or newest.facts.get("url")) if newest else None
    return (
        f"printf %s {shlex.quote(str(value))} | vercel env add {name} production --force",
        f"vercel redeploy {deployment or 'DEPLOYMENT'} --target production",
        f"rollout knob set {name} {shlex.quote(str(value))} --at TIME{_config(settings)}",
    )


def _old_build(
    settings: Settings,
    result: Mapping[str, Any],
    failing: Sequence[Mapping[str, Any]],
    history: History,
    *,
    is_last_resort: bool,
) -> StepBack:
    """Back to the build before the deploy: the last step, for what no knob can mend."""
    firsts = [event for event in stages.deploys(history) if event.facts.get("role") == "first"]
    before = firsts[-1].facts.get("previous_id") if firsts else None
    now = _build_now(history)
    unknown = () if before and now else (LIST_COMMAND,)
    turned = ", ".join(stages.cause_of(event) for event in history.of("knob"))
    notes = ["only when the steps above do not help"] if is_last_resort else []
    notes += [f"turned before, without effect: {turned}"] if turned and not is_last_resort else []
    notes += [
        "the old build keeps its OLD environment variables: none that was changed since is in it"
    ]
    record = f"rollout deploy --at TIME --stage{_config(settings)}"
    return StepBack(
        kind="rollback",
        what="put the build before the deploy back",
        because=" ".join(str(claim["sentence"]) for claim in failing)
        or str(result.get("reason", "")),
        predicted=None,
        commands=(*unknown, f"vercel rollback {before or 'DEPLOYMENT-BEFORE'}", record),
        undo=(*unknown, f"vercel promote {now or 'DEPLOYMENT-NOW'}", record),
        note="; ".join(notes),
    )


def _build_now(history: History) -> str | None:
    """The build that answers now; not known when a knob was turned, hence deployed, after the last recorded one."""
    newest = _newest(history)
    if newest is None or any(
        stages.instant_of(event) > stages.instant_of(newest) for event in history.of("knob")
    ):
        return None
    return newest.facts.get("deployment_id") or newest.facts.get("url")


def _newest(history: History) -> Event | None:
    deployments = sorted(stages.deploys(history), key=stages.instant_of)
    return deployments[-1] if deployments else None


def _config(settings: Settings) -> str:
    """The option that names the file, where it is not the one that commands take by themselves."""
    return (
        ""
        if settings.path.as_posix() == "rollout.toml"
        else f" --config {shlex.quote(settings.path.name)}"
    )
