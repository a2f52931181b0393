"""Features that go by another name since the deploy: their counts continue under the new one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

import pandas as pd

from analysis.config import Claim, Settings
from analysis.counting.arm import Arm
from analysis.counts import CountTable

Table = TypeVar("Table", bound=CountTable)
FEWEST_CALLS = 30
LOST_SHARE = 0.1
SAME_RATE = 1.5
SAME_MIX = 0.8


@dataclass(frozen=True)
class RenamedFeature:
    """A feature under two names.

    Attributes
    ----------
    old, new : its name before and after the deploy.
    """

    old: str
    new: str


def find_renamed_features(baseline: Arm, post: Arm) -> tuple[RenamedFeature, ...]:
    """Features that vanished while a new name came with their model, mix of sources and rate."""
    before, after = _calls_an_hour(baseline), _calls_an_hour(post)
    hours = post.hours[1] - post.hours[0]
    expected = {name: float(rates.sum()) for name, rates in before.items()}
    came = {name: float(rates.sum()) for name, rates in after.items()}
    vanished = [
        name
        for name, rate in sorted(expected.items())
        if rate * hours >= FEWEST_CALLS and came.get(name, 0.0) <= LOST_SHARE * rate
    ]
    new = [
        name
        for name, rate in sorted(came.items())
        if name not in before and rate * hours >= FEWEST_CALLS
    ]
    found = []
    for old in vanished:
        fitting = [name for name in new if _is_same(old, name, baseline, post, before, after)]
        if fitting:
            closest = min(fitting, key=lambda name: abs(came[name] - expected[old]))
            new.remove(closest)
            found.append(RenamedFeature(old, closest))
    return tuple(found)


def rename_features(arm: Arm, renamed: tuple[RenamedFeature, ...]) -> Arm:
    """The baseline with the new names, so that both arms know a feature by one name."""
    names = {one.old: one.new for one in renamed}
    limits = arm.limits.assign(feature=_with_new_names(arm.limits["feature"], names))
    return replace(
        arm,
        latency=_renamed(arm.latency, names),
        hourly=_renamed(arm.hourly, names),
        bins=_renamed(arm.bins, names),
        events=_renamed(arm.events, names),
        limits=limits,
        models={names.get(feature, feature): model for feature, model in arm.models.items()},
    )


@dataclass(frozen=True)
class DeclaredClaims:
    """The claims of rollout.toml, about features under the names that they have now."""

    expectations: tuple[Claim, ...]
    guardrails: tuple[Claim, ...]


def rename_claims(settings: Settings, renamed: tuple[RenamedFeature, ...]) -> DeclaredClaims:
    """The declared claims; one about a renamed feature is about its new name."""
    names = {one.old: one.new for one in renamed}

    def with_new_name(claim: Claim) -> Claim:
        feature = names.get(claim.feature or "", claim.feature)
        parts = tuple(with_new_name(part) for part in claim.any_of)
        return claim.model_copy(update={"feature": feature, "any_of": parts})

    return DeclaredClaims(
        tuple(map(with_new_name, settings.expectations)) if names else settings.expectations,
        tuple(map(with_new_name, settings.guardrails)) if names else settings.guardrails,
    )


def _renamed(table: Table, names: Mapping[str, str]) -> Table:
    rows = table.rows
    return type(table).of(rows.assign(feature=_with_new_names(rows["feature"], names)))


def _with_new_names(features: pd.Series, names: Mapping[str, str]) -> pd.Series:
    return features.astype(object).replace(dict(names))


def _calls_an_hour(arm: Arm) -> dict[str, pd.Series]:
    """Feature -> calls an hour by source, over the arm's hours that are not excluded."""
    hours = max(1, arm.hours[1] - arm.hours[0] - len(arm.excluded_hours))
    rows = arm.hourly.rows.assign(source=arm.hourly.rows["source"].astype(object).fillna(""))
    calls = rows.groupby(["feature", "source"], observed=True)["calls"].sum() / hours
    return {
        str(feature): of_feature.droplevel("feature")
        for feature, of_feature in calls.groupby("feature", observed=True)
    }


def _is_same(
    old: str,
    new: str,
    baseline: Arm,
    post: Arm,
    before: Mapping[str, pd.Series],
    after: Mapping[str, pd.Series],
) -> bool:
    models = baseline.models.get(old), post.models.get(new)
    rates = before[old].sum(), after[new].sum()
    shares = pd.concat([before[old] / rates[0], after[new] / rates[1]], axis=1).fillna(0.0)
    is_same_rate = 1 / SAME_RATE <= rates[1] / rates[0] <= SAME_RATE
    is_same_mix = float(shares.min(axis=1).sum()) >= SAME_MIX
    return models[0] == models[1] and is_same_rate and is_same_mix
