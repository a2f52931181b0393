"""Knobs that were turned: recorded, never executed.

A turned knob begins a new stage of the monitoring and is not offered again.
"""

from dataclasses import dataclass
from datetime import datetime

from analysis import clock
from analysis.config import Settings
from analysis.config.checked_toml.value_types import meant_name
from analysis.config.deployment_settings import Knob
from analysis.errors import WrongUse
from analysis.history.events import KnobEvent, VariableValue
from analysis.history.ledger import History, open_ledger
from analysis.history.recorded_values import is_plain_value
from analysis.history.timeline import NoDeployError, Stage, read_timeline, timeline_of, with_deploy
from analysis.leaks import find_leak, quote


@dataclass(frozen=True)
class TurnedKnob:
    """A turned knob that was recorded, and the stage of the monitoring that it began."""

    event: KnobEvent
    stage: Stage


def set_knob(
    settings: Settings, name: str, value: str, *, at: datetime | None = None
) -> TurnedKnob:
    """Record that an environment variable was turned at an instant (now without one).

    A new stage begins at the next whole hour, counted from the deploy.
    """
    _check_name(settings, name)
    ledger = open_ledger(settings)
    with ledger.locked():
        timeline = timeline_of(settings, ledger.read())
        if timeline.deployed_at is None:
            raise NoDeployError
        at = at or clock.now().replace(microsecond=0)
        if not timeline.deployed_at < at <= clock.now():
            raise WrongUse(
                f"the knob was turned at {clock.iso(at)}; give a time after the deploy at "
                f"{clock.iso(timeline.deployed_at)} and not in the future"
            )
        timeline.refuse_before_newest_stage(at)
        old = current_values(settings, timeline.history)[name]
        new = _read_value(settings, name, value)
        if _is_same(old, new):
            raise WrongUse(f"{name} is {quote(new)} already; nothing was recorded")
        event = ledger.append(KnobEvent(name=name, old=old, new=new, effective_at=at)).event
    return TurnedKnob(event, read_timeline(settings).stages[-1])


def current_values(settings: Settings, history: History) -> dict[str, VariableValue]:
    """The value of each declared variable: as rollout.toml says, then as it was turned."""
    values: dict[str, VariableValue] = {}
    for knob in settings.knobs:
        if knob.env:
            values.setdefault(knob.env, knob.old)
    for turn in sorted(history.events(KnobEvent), key=lambda turn: turn.effective_at):
        if turn.name in values:
            values[turn.name] = turn.new
    return values


def is_offered(settings: Settings, knob: Knob, history: History) -> bool:
    """Whether a knob can still be turned: from the current value, to one it did not have."""
    if knob.env is None:
        return True
    turns = [turn for turn in history.events(KnobEvent) if turn.name == knob.env]
    if any(_is_same(turn.new, knob.new) for turn in turns):
        return False
    return knob.old is None or _is_same(current_values(settings, history)[knob.env], knob.old)


def with_history(settings: Settings) -> Settings:
    """The settings with what the ledger adds: the deploy, and without the turned knobs."""
    timeline = read_timeline(settings)
    offered = tuple(knob for knob in settings.knobs if is_offered(settings, knob, timeline.history))
    return with_deploy(settings, timeline.deployed_at).model_copy(update={"knobs": offered})


def _check_name(settings: Settings, name: str) -> None:
    known = [knob.env for knob in settings.knobs if knob.env]
    if not known:
        raise WrongUse("rollout.toml has no [[knob]] with an env; add one first")
    if name not in known:
        meant = meant_name(name, known)
        question = f"; did you mean {meant!r}?" if meant else f" (known: {', '.join(known)})"
        raise WrongUse(f"{quote(name)} is not the env of a [[knob]]{question}")


def _read_value(settings: Settings, name: str, text: str) -> int | float | str:
    """Read a value as the kind that rollout.toml has it in."""
    news = [knob.new for knob in settings.knobs if knob.env == name]
    if not any(isinstance(new, int | float) for new in news):
        if not is_plain_value(text):
            raise WrongUse(
                f"the value for {name} is too long or has a line break or a control character; "
                "write it on one line"
            )
        if find_leak(text):
            raise WrongUse(
                f"the value for {name} looks like a secret or personal data; "
                "the ledger and the pages show it, so use another"
            )
        return text
    for kind in (int, float):
        try:
            number = kind(text)
        except ValueError:
            continue
        if abs(number) < float("inf"):
            return number
    raise WrongUse(
        f"{name} = {quote(text)} is not a number, but its values in rollout.toml are numbers"
    )


def _is_same(one: VariableValue, other: VariableValue) -> bool:
    """Compare values as a variable has them: 30000, 30000.0 and "30000" are the same."""
    try:
        return float(str(one)) == float(str(other))
    except ValueError:
        return str(one) == str(other)
