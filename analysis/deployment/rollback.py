"""Steps back when a claim fails: knobs first, the smallest step first, then the build before.

Each is commands to copy, with their undo. Nothing is run.
"""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from analysis.config import Settings
from analysis.config.deployment_settings import Knob, When
from analysis.counting.scope import Scope
from analysis.decision.verdict import BROKEN
from analysis.history.events import DeployEvent, KnobEvent
from analysis.history.knobs import current_values, is_offered
from analysis.history.ledger import History
from analysis.history.timeline import production_deploys
from analysis.results.finding_record import FindingRecord
from analysis.results.model import AdviceRecord, LookResult

LIST_COMMAND = "vercel list --environment production --status READY --yes"


@dataclass(frozen=True)
class StepBack:
    """One step back that can be taken.

    Attributes
    ----------
    kind : environment, code (a change to write), or rollback (to the build before the deploy).
    what : the step in words.
    because : the finding that asks for it.
    predicted : what the post window's Kaplan-Meier curve says about it; None where it says nothing.
    commands, undo : to copy, in order.
    note : what to know before.
    """

    kind: Literal["environment", "code", "rollback"]
    what: str
    because: str
    predicted: str | None = None
    commands: tuple[str, ...] = ()
    undo: tuple[str, ...] = ()
    note: str | None = None


def find_steps_back(
    settings: Settings, result: LookResult, history: History
) -> tuple[StepBack, ...]:
    """What can be done about a result, in the order to try it; nothing when no claim fails.

    `settings` are those of the file, with every knob: a turned knob is left out here.
    """
    offered: dict[int, list[AdviceRecord]] = {}
    for advice in result.advice:
        number = _knob_number(settings, advice)
        if number is not None and is_offered(settings, settings.knobs[number], history):
            offered.setdefault(number, []).append(advice)
    steps = [
        _knob_step(settings, settings.knobs[number], advices, history)
        for number, advices in offered.items()
    ]
    failing = [claim for claim in result.claims if claim.finding in BROKEN]
    if result.verdict == "roll_back" or any(
        _has_turned_all(settings, claim, history) for claim in failing
    ):
        reasons = " ".join(str(claim.sentence) for claim in failing) or result.reason
        has_knobs = any(step.kind == "environment" for step in steps)
        steps.append(_rollback_step(settings, reasons, history, is_last_resort=has_knobs))
    return tuple(steps)


def _knob_number(settings: Settings, advice: AdviceRecord) -> int | None:
    """Which declared knob an advice is about."""
    declared = [(knob.title, knob.old, knob.new) for knob in settings.knobs]
    wanted = (advice.knob, advice.old, advice.new)
    return declared.index(wanted) if wanted in declared else None


def _has_turned_all(settings: Settings, claim: FindingRecord, history: History) -> bool:
    """Whether a failing claim had variables to turn, and all of them were turned."""
    own = [knob for knob in settings.knobs if knob.env and _is_declared_for(knob.when, claim)]
    return bool(own) and not any(is_offered(settings, knob, history) for knob in own)


def _is_declared_for(when: When, claim: FindingRecord) -> bool:
    if when.name is not None:
        return when.name == claim.name
    fits_feature = when.feature is None or (
        claim.feature is not None and Scope(when.feature).matches(claim.feature, None)
    )
    return (
        fits_feature
        and when.source in (None, claim.source)
        and when.metric in (None, claim.metric, *(part.metric for part in claim.parts))
        and when.finding in (None, claim.finding)
    )


def _knob_step(
    settings: Settings, knob: Knob, advices: Sequence[AdviceRecord], history: History
) -> StepBack:
    because = " ".join(dict.fromkeys(advice.because for advice in advices))
    predictions = [advice.predicted.sentence for advice in advices if advice.predicted]
    predicted = predictions[0] if predictions else None
    if knob.env is None:
        return StepBack("code", knob.title, because, predicted, note=knob.note)
    old = current_values(settings, history)[knob.env]
    undo = (
        (f"vercel env rm {knob.env} production --yes",)
        if old is None
        else _turn_commands(settings, knob.env, old, history)
    )
    return StepBack(
        kind="environment",
        what=f"turn {knob.env} {'' if old is None else f'from {old} '}to {knob.new}",
        because=because,
        predicted=predicted,
        commands=_turn_commands(settings, knob.env, knob.new, history),
        undo=undo,
        note=knob.note,
    )


def _turn_commands(
    settings: Settings, name: str, value: object, history: History
) -> tuple[str, ...]:
    """A changed variable reaches production only with a new deployment; then it is recorded."""
    newest, quoted = _newest_deploy(history), shlex.quote(str(value))
    build = shlex.quote((newest.build if newest else None) or "DEPLOYMENT")
    return (
        f"printf %s {quoted} | vercel env add {name} production --force",
        f"vercel redeploy {build} --target production",
        _record_command(settings, name, quoted),
    )


def _record_command(settings: Settings, name: str, quoted: str) -> str:
    """The command that records a turn; a value such as -1 stands where it is no option."""
    option = f"--at TIME{_config_option(settings)}"
    if quoted.startswith("-"):
        return f"rollout knob set {option} -- {name} {quoted}"
    return f"rollout knob set {name} {quoted} {option}"


def _rollback_step(
    settings: Settings, because: str, history: History, *, is_last_resort: bool
) -> StepBack:
    """Back to the build before the deploy: the last step, where no knob helps."""
    firsts = [deploy for deploy in production_deploys(history) if deploy.role == "first"]
    before, now = firsts[-1].previous_id if firsts else None, _current_build(history)
    look_up = () if before and now else (LIST_COMMAND,)
    turned = ", ".join(turn.cause for turn in history.events(KnobEvent))
    notes = ["the old build has its OLD environment variables, without any later change"]
    if is_last_resort:
        notes.insert(0, "only when the steps above do not help")
    elif turned:
        notes.insert(0, f"turned before, without effect: {turned}")
    record = f"rollout deploy --at TIME --stage{_config_option(settings)}"
    return StepBack(
        kind="rollback",
        what="go back to the build before the deploy",
        because=because,
        commands=(
            *look_up,
            f"vercel rollback {shlex.quote(before or 'DEPLOYMENT-BEFORE')}",
            record,
        ),
        undo=(*look_up, f"vercel promote {shlex.quote(now or 'DEPLOYMENT-NOW')}", record),
        note="; ".join(notes),
    )


def _current_build(history: History) -> str | None:
    """The build that answers now; unknown when a knob was turned, so deployed, after it."""
    newest = _newest_deploy(history)
    turns = history.events(KnobEvent)
    if newest is None or any(turn.effective_at > newest.effective_at for turn in turns):
        return None
    return newest.build


def _newest_deploy(history: History) -> DeployEvent | None:
    deploys = sorted(production_deploys(history), key=lambda deploy: deploy.effective_at)
    return deploys[-1] if deploys else None


def _config_option(settings: Settings) -> str:
    """The option that names the file, where it is not the one that commands use by themselves."""
    is_default = settings.path.as_posix() == "rollout.toml"
    return "" if is_default else f" --config {shlex.quote(settings.path.name)}"
