"""Which features are controls: in no claim, of the same provider, and busy enough."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from analysis.counting.scope import Cycle, Scope, feature_and_source
from analysis.errors import WrongUse, nearest_name
from analysis.leaks import quote
from analysis.statistics.controls.screening import FEWEST_CONTROLS

if TYPE_CHECKING:
    from analysis.config import Claim, Settings
    from analysis.counting.arm import Arm

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
"""Model families that belong to another one's provider."""

Shared = Literal["model", "provider", "declared"]
Lack = Literal[
    "not_asked_for",
    "switched_off",
    "no_quiet_feature",
    "no_declared_feature",
    "too_few_declared",
    "too_few_of_the_provider",
    "unknown_model",
    "unlike_each_other",
]


@dataclass(frozen=True)
class ControlSelection:
    """The control features of one target.

    Attributes
    ----------
    features : at least two, in alphabetical order; empty when there are none.
    shared : what they share with the target: its model, its provider, or `declared` where
        `[controls].use` names them.
    lack : why there are none.
    """

    features: tuple[str, ...] = ()
    shared: Shared | None = None
    lack: Lack | None = None


@dataclass(frozen=True)
class ControlCandidates:
    """The features that may be controls, and the models of all.

    Attributes
    ----------
    features : not touched by the deploy and busy enough, in alphabetical order.
    models : feature -> model.
    are_declared : `[controls].use` names them, so their model does not matter.
    lack : why there are none at all.
    """

    features: tuple[str, ...] = ()
    models: Mapping[str, str] = field(default_factory=dict)
    are_declared: bool = False
    lack: Lack = "not_asked_for"

    def select(self, target: Mapping[str, float]) -> ControlSelection:
        """The controls of a target, given as its features with their calls.

        Those of the model of most of its calls; with fewer than two, all of the same provider.
        Never a mixture: the screen would drop the features of the target's own model. A single
        feature is never its own control.
        """
        if not self.features:
            return ControlSelection(lack=self.lack)
        others = [feature for feature in self.features if set(target) != {feature}]
        if self.are_declared:
            return _at_least_two(others, "declared", "too_few_declared")
        model = _main_model(target, self.models)
        if model is None:
            return ControlSelection(lack="unknown_model")
        same_model = [feature for feature in others if self.models.get(feature) == model]
        if len(same_model) >= FEWEST_CONTROLS:
            return ControlSelection(tuple(same_model), "model")
        provider = provider_of(model)
        same_provider = [
            feature for feature in others if provider_of(self.models.get(feature, "")) == provider
        ]
        return _at_least_two(same_provider, "provider", "too_few_of_the_provider")


def find_controls(
    settings: Settings, baseline: Arm, *, moved: Collection[str] = ()
) -> ControlCandidates:
    """The features that `[controls]` and the claims leave as controls, and that have enough calls.

    `moved` features changed by themselves, as a plain comparison of theirs shows: they are no
    controls unless `[controls].use` names them.

    Raises WrongUse for a name in `[controls].use` that the baseline does not hold.
    """
    use, never = settings.controls.use, set(settings.controls.never)
    if use == "off":
        return ControlCandidates(lack="switched_off")
    busy = find_busy_features(baseline)
    if use != "auto":
        _check_known(use, baseline)
        features = tuple(feature for feature in busy if feature in use and feature not in never)
        return ControlCandidates(features, baseline.models, True, "no_declared_feature")
    touched = find_touched_features(settings.expectations, settings.guardrails, baseline)
    features = tuple(feature for feature in busy if feature not in touched | never | set(moved))
    return ControlCandidates(features, baseline.models, lack="no_quiet_feature")


def find_busy_features(baseline: Arm) -> tuple[str, ...]:
    """Features with at least 5 calls an hour, and calls in 80 % of the baseline's hours."""
    cycle = Cycle.of(*baseline.hours)
    usable = cycle.usable_hours(baseline).ravel()
    rows = baseline.hourly.rows
    rows = rows[(rows["hour"] >= -cycle.span) & (rows["hour"] < 0)]
    rows = rows[usable[rows["hour"].to_numpy(dtype=np.int64) + cycle.span]]
    hours = max(1, int(usable.sum()))
    calls = rows.groupby("feature", observed=True)["calls"].sum()
    with_calls = rows[rows["calls"] > 0].groupby("feature", observed=True)["hour"].nunique()
    enough = calls.index[calls >= FEWEST_CALLS_AN_HOUR * hours]
    steady = with_calls.index[with_calls >= FEWEST_HOURS_WITH_CALLS * hours]
    return tuple(sorted({*map(str, enough)} & {*map(str, steady)}))


def find_touched_features(
    expectations: Sequence[Claim], guardrails: Sequence[Claim], baseline: Arm
) -> set[str]:
    """Features named in a claim. A pattern names all that fit it in an expectation only."""
    pairs = baseline.hourly.rows[["feature", "source"]].drop_duplicates()
    known = [feature_and_source(pair) for pair in pairs.itertuples(index=False)]
    touched: set[str] = set()
    for part in (part for claim in expectations for part in claim.parts):
        scope = Scope(part.feature, part.source)
        touched |= {feature for feature, source in known if scope.matches(feature, source)}
    for part in (part for claim in (*expectations, *guardrails) for part in claim.parts):
        if part.feature is not None and "*" not in part.feature:
            touched.add(part.feature)
    return touched


def provider_of(model: str) -> str:
    """The family of a model's name, which stands for its provider.

    >>> provider_of("gpt-5-mini"), provider_of("openai/o4-mini"), provider_of("claude-opus-4")
    ('gpt', 'gpt', 'claude')
    """
    name = model.lower().rpartition("/")[2]
    family = re.split(r"[-_.: ]", name, maxsplit=1)[0]
    return PROVIDERS.get(family, family)


def _at_least_two(features: Sequence[str], shared: Shared, lack: Lack) -> ControlSelection:
    if len(features) < FEWEST_CONTROLS:
        return ControlSelection(lack=lack)
    return ControlSelection(tuple(features), shared)


def _main_model(target: Mapping[str, float], models: Mapping[str, str]) -> str | None:
    calls: dict[str, float] = {}
    for feature, n in target.items():
        if feature in models:
            calls[models[feature]] = calls.get(models[feature], 0.0) + n
    return max(sorted(calls), key=lambda model: calls[model], default=None)


def _check_known(use: Sequence[str], baseline: Arm) -> None:
    known = set(baseline.hourly.rows["feature"].dropna())
    for feature in use:
        if known and feature not in known:
            raise WrongUse(
                f"[controls].use names {quote(feature)}, which the baseline does not hold; "
                f"did you mean {quote(nearest_name(feature, known))}?"
            )
