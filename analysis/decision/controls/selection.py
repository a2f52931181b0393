"""Which features are controls: untouched by the deploy, on the same model or provider, and busy enough to show its pace."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING

import numpy as np

from analysis.counting.arm import Arm
from analysis.counting.scope import Cycle, Scope, usable_hours
from analysis.errors import WrongUse
from analysis.leaks import quote
from analysis.statistics.controls.screening import FEWEST_CONTROLS

if TYPE_CHECKING:
    from analysis.config import Claim, Settings

FEWEST_CALLS_AN_HOUR = 5.0
FEWEST_HOURS_WITH_CALLS = 0.8
PROVIDERS = {
    "chatgpt": "gpt",
    "o1": "gpt",
    "o3": "gpt",
    "o4": "gpt",
    "text": "gpt",
    "davinci": "gpt",
}
"""Model families that another name belongs to."""


@dataclass(frozen=True)
class ControlSelection:
    """The controls of one target.

    Attributes
    ----------
    features : at least two, in alphabetical order; empty when there are none.
    of : what they share with the target, in words: "the same model", "the same provider", "[controls].use".
    why_none : why there are none, as the end of a sentence; empty when there are some.
    """

    features: tuple[str, ...] = ()
    of: str = ""
    why_none: str = ""


@dataclass(frozen=True)
class ControlGroup:
    """The features that may be controls, and the models of all.

    Attributes
    ----------
    features : untouched and busy enough, in alphabetical order.
    models : feature -> model.
    declared : the file names them itself (`[controls].use`), so the model is not asked.
    why_none : why there are none at all, as the end of a sentence.
    """

    features: tuple[str, ...] = ()
    models: Mapping[str, str] = field(default_factory=dict)
    declared: bool = False
    why_none: str = "none are asked for"

    def of(self, target: Mapping[str, float]) -> ControlSelection:
        """The controls of a target: its features with their calls. A pattern's own features may serve, a single feature never for itself.

        Those of the model that most of its calls go to; with fewer than two, all of the same provider. Never a mixture by choice:
        in one, the features of the target's model would look odd and be thrown out.
        """
        if not self.features:
            return ControlSelection(why_none=self.why_none)
        others = [feature for feature in self.features if set(target) != {feature}]
        if self.declared:
            return _enough(
                others, "[controls].use", "[controls].use leaves fewer than two usable features"
            )
        model = _main_model(target, self.models)
        if model is None:
            return ControlSelection(why_none="its model is not known")
        same_model = [feature for feature in others if self.models.get(feature) == model]
        if len(same_model) >= FEWEST_CONTROLS:
            return ControlSelection(tuple(same_model), of="the same model")
        same_provider = [
            feature
            for feature in others
            if provider_of(self.models.get(feature, "")) == provider_of(model)
        ]
        return _enough(
            same_provider,
            "the same provider",
            "fewer than two untouched features of its provider have enough calls",
        )


def find_controls(settings: Settings, baseline: Arm) -> ControlGroup:
    """The features that `[controls]` and the claims leave untouched, and that have enough calls.

    Raises WrongUse for a name in `[controls].use` that the baseline does not hold.
    """
    use, never = settings.controls.use, set(settings.controls.never)
    if use == "off":
        return ControlGroup(why_none='[controls].use is "off"')
    busy = busy_features(baseline, Cycle.of(*baseline.hours))
    if use != "auto":
        _check_known(use, baseline)
        features = tuple(feature for feature in busy if feature in use and feature not in never)
        return ControlGroup(
            features,
            baseline.models,
            declared=True,
            why_none="none of [controls].use has enough calls",
        )
    named = touched_features(settings.expectations, settings.guardrails, baseline)
    features = tuple(feature for feature in busy if feature not in named | never)
    return ControlGroup(features, baseline.models, why_none="no untouched feature has enough calls")


def busy_features(baseline: Arm, cycle: Cycle) -> tuple[str, ...]:
    """Features with at least 5 calls an hour, and calls in at least 80 % of the baseline's hours."""
    usable = usable_hours(baseline, cycle).ravel()
    rows = baseline.hourly.rows
    rows = rows[(rows["hour"] >= -cycle.span) & (rows["hour"] < 0)]
    rows = rows[usable[rows["hour"].to_numpy(dtype=np.int64) + cycle.span]]
    by_hour = rows.groupby(["feature", "hour"])["calls"].sum()
    hours = max(1, int(usable.sum()))
    enough = [
        str(feature)
        for feature, calls in by_hour.groupby("feature")
        if calls.sum() >= FEWEST_CALLS_AN_HOUR * hours
        and (calls > 0).sum() >= FEWEST_HOURS_WITH_CALLS * hours
    ]
    return tuple(sorted(enough))


def touched_features(
    expectations: Sequence[Claim], guardrails: Sequence[Claim], baseline: Arm
) -> set[str]:
    """Features named in a claim. An expectation names all that its patterns fit; a guardrail's pattern names none."""
    pairs = baseline.hourly.rows[["feature", "source"]].drop_duplicates()
    there = [
        (str(feature), source if isinstance(source, str) else None)
        for feature, source in pairs.itertuples(index=False)
    ]
    named: set[str] = set()
    for part in _parts(expectations):
        scope = Scope(part.feature, part.source)
        named |= {feature for feature, source in there if scope.matches(feature, source)} | _exact(
            part
        )
    for part in _parts(guardrails):
        named |= _exact(part)
    return named


def provider_of(model: str) -> str:
    """The family of a model's name, which stands for its provider.

    >>> provider_of("gpt-5-mini"), provider_of("openai/o4-mini"), provider_of("claude-opus-4"), provider_of("models/gemini-2.5-pro")
    ('gpt', 'gpt', 'claude', 'gemini')
    """
    name = model.lower().rpartition("/")[2]
    family = re.split(r"[-_.: ]", name, maxsplit=1)[0]
    return PROVIDERS.get(family, family)


def _enough(features: Sequence[str], of: str, why_none: str) -> ControlSelection:
    if len(features) < FEWEST_CONTROLS:
        return ControlSelection(why_none=why_none)
    return ControlSelection(tuple(features), of=of)


def _main_model(target: Mapping[str, float], models: Mapping[str, str]) -> str | None:
    calls: dict[str, float] = {}
    for feature, n in target.items():
        if feature in models:
            calls[models[feature]] = calls.get(models[feature], 0.0) + n
    return max(sorted(calls), key=lambda model: calls[model], default=None)


def _parts(claims: Iterable[Claim]) -> list[Claim]:
    return [part for claim in claims for part in (claim.any_of or (claim,))]


def _exact(claim: Claim) -> set[str]:
    return {claim.feature} if claim.feature is not None and "*" not in claim.feature else set()


def _check_known(use: Sequence[str], baseline: Arm) -> None:
    known = sorted(set(baseline.hourly.rows["feature"].dropna()))
    for feature in use:
        if known and feature not in known:
            near = get_close_matches(feature, known, n=1, cutoff=0.0)[0]
            raise WrongUse(
                f"[controls].use names {quote(feature)}, which the baseline does not hold; did you mean {quote(near)}?"
            )
