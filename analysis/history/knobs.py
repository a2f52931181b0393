"""Knobs that were turned: recorded, never executed. A turned knob begins a new stage and is not offered again."""

from dataclasses import dataclass
from datetime import datetime

from analysis import clock
from analysis.config.deployment_settings import Knob
from analysis.config.settings import Settings
from analysis.config.value_types import meant_name
from analysis.errors import WrongUse
from analysis.history import stages
from analysis.history.ledger import History, open_ledger
from analysis.leaks import quote

Value = int | float | str | None


@dataclass(frozen=True)
class Turned:
    """A knob that was recorded.

    Attributes
    ----------
    name : the environment variable.
    old, new : its value before and after.
    at : when the new value took effect.
    stage : the stage of monitoring that this began.
    """

    name: str
    old: Value
    new: Value
    at: datetime
    stage: stages.Stage


def set_knob(settings: Settings, name: str, value: str, *, at: datetime | None = None) -> Turned:
    """Record that an environment variable was turned at `at` (now), which begins a new stage at the next whole hour."""
    known = tuple(dict.fromkeys(knob.env for knob in settings.knobs if knob.env))
    if name not in known:
        if not known:
            raise WrongUse("rollout.toml has no [[knob]] with an env; add one first")
        meant = meant_name(name, known)
        question = f"; did you mean {meant!r}?" if meant else f" (known: {', '.join(known)})"
        raise WrongUse(f"{quote(name)} is not the env of a [[knob]]{question}")
    ledger = open_ledger(settings)
    with ledger.locked():
        history = ledger.read()
        first = stages.deployed_at(settings, history)
        at = at or clock.now().replace(microsecond=0)
        if first is None:
            raise WrongUse(
                "no deploy is recorded, so there is no monitoring to change; run 'rollout deploy' first"
            )
        if not first < at <= clock.now():
            raise WrongUse(
                f"the knob was turned at {clock.iso(at)}; give a time after the deploy at {clock.iso(first)} and not in the future"
            )
        stages.refuse_before_newest(settings, history, at)
        old, new = values_now(settings, history)[name], _read_value(settings, name, value)
        if _same(old, new):
            raise WrongUse(f"{name} stands at {quote(new)} already; nothing was recorded")
        ledger.append(
            "knob", {"name": name, "from": old, "to": new, "effective_at": at, "stage": True}
        )
    return Turned(name, old, new, at, stages.find_stages(settings)[-1])


def values_now(settings: Settings, history: History) -> dict[str, Value]:
    """Where each declared variable stands: as rollout.toml says, then as it was turned."""
    values: dict[str, Value] = {}
    for knob in settings.knobs:
        if knob.env:
            values.setdefault(knob.env, knob.old)
    for event in sorted(history.of("knob"), key=stages.instant_of):
        if event.facts.get("name") in values:
            values[str(event.facts["name"])] = event.facts.get("to")
    return values


def is_offered(settings: Settings, knob: Knob, history: History) -> bool:
    """Tell whether a knob can still be turned: from where its variable stands, to where it has not been before."""
    if knob.env is None:
        return True
    turns = [event for event in history.of("knob") if event.facts.get("name") == knob.env]
    was_there = any(_same(event.facts.get("to"), knob.new) for event in turns)
    return not was_there and (
        knob.old is None or _same(values_now(settings, history)[knob.env], knob.old)
    )


def as_recorded(settings: Settings) -> Settings:
    """The settings with what the ledger adds: the deploy's instant, and without the knobs that were turned already."""
    history = open_ledger(settings).read()
    offered = tuple(knob for knob in settings.knobs if is_offered(settings, knob, history))
    return stages.with_recorded_deploy(settings).model_copy(update={"knobs": offered})


def _read_value(settings: Settings, name: str, text: str) -> Value:
    """Read a value as the kind that rollout.toml gives it there."""
    is_number = any(
        isinstance(knob.new, int | float) for knob in settings.knobs if knob.env == name
    )
    if not is_number:
        if quote(text).startswith("(hidden"):
            raise WrongUse(
                f"the value for {name} looks like a secret or personal data; a knob is a setting that may be told"
            )
        return text
    for kind in (int, float):
        try:
            number = kind(text)
        except ValueError:
            continue
        if abs(number) < float("inf"):
            return number
    raise WrongUse(f"{name} = {quote(text)} is no number; rollout.toml turns it between numbers")


def _same(one: object, other: object) -> bool:
    """Compare values as a variable holds them: 30000, 30000.0 and "30000" are the same."""
    try:
        return float(one) == float(other)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return str(one) == str(other)
