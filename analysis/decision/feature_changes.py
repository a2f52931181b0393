"""Features that came, went, changed their name or their model at the deploy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from analysis.counting.names.renamed_features import RenamedFeature
from analysis.counting.scope import Scope, fits_any
from analysis.decision.claims.caveats import expected_calls, has_stopped
from analysis.decision.comparison import Comparator
from analysis.metrics import metric_named


@dataclass(frozen=True)
class NewFeature:
    """A feature without a call in the baseline."""

    feature: str
    calls: int


@dataclass(frozen=True)
class VanishedFeature:
    """A feature that fell to a tenth of its traffic, or to none.

    Attributes
    ----------
    expected : calls that the baseline's traffic would have brought in the window.
    calls : those that came.
    is_harm : False for one that `[regressions] except` names.
    """

    feature: str
    expected: float
    calls: float
    is_harm: bool = True


@dataclass(frozen=True)
class ChangedFeature:
    """A feature whose calls go to another model since the deploy."""

    feature: str
    baseline_model: str
    post_model: str


@dataclass(frozen=True)
class FeatureChanges:
    """What happened to the features themselves."""

    new: tuple[NewFeature, ...] = ()
    vanished: tuple[VanishedFeature, ...] = ()
    renamed: tuple[RenamedFeature, ...] = ()
    changed: tuple[ChangedFeature, ...] = ()

    @property
    def stopped(self) -> tuple[VanishedFeature, ...]:
        """Those that vanished and count as harm."""
        return tuple(one for one in self.vanished if one.is_harm)


def find_feature_changes(
    comparator: Comparator,
    hours: tuple[int, int],
    *,
    renamed: Sequence[RenamedFeature] = (),
    exceptions: Sequence[str] = (),
) -> FeatureChanges:
    """Compare the features of both arms; a renamed one is known by its new name already."""
    arms = comparator.arms
    before, after = (
        arm.hourly.rows.groupby("feature", observed=True)["calls"].sum()
        for arm in (arms.baseline, arms.post)
    )
    before, after = before[before > 0], after[after > 0]
    new = tuple(
        NewFeature(str(name), int(calls))
        for name, calls in after.items()
        if name not in before.index
    )
    traffic, vanished = metric_named("calls_per_hour"), []
    for name in map(str, before.index):
        expected, came = expected_calls(hours, comparator.compare(Scope(name), traffic, hours))
        if has_stopped(expected, came):
            is_harm = not fits_any(exceptions, name)
            vanished.append(VanishedFeature(name, expected, came, is_harm))
    models = arms.baseline.models, arms.post.models
    changed = tuple(
        ChangedFeature(name, models[0][name], models[1][name])
        for name in sorted({*models[0]} & {*models[1]})
        if models[0][name] != models[1][name]
    )
    return FeatureChanges(new, tuple(vanished), tuple(renamed), changed)
