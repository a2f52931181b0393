"""What the pages show of controls: slowness hour by hour around the deploy, the health of the index, and looks with other controls."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from analysis.counting.scope import Scope
from analysis.metrics import Metric
from analysis.statistics.comparison import compare
from analysis.statistics.controls.comparison import ControlComparison
from analysis.statistics.controls.index import SlownessIndex
from analysis.statistics.placebo_deploys import Replay, replay
from analysis.statistics.standardisation import StandardisedArms, standardise
from analysis.statistics.totals import Bools, CallSums, Floats

if TYPE_CHECKING:
    from analysis.decision.claims import Arms, ClaimEvaluation


@dataclass(frozen=True, eq=False)
class SlownessSeries:
    """Slowness per hour around the deploy, as shares: 0.25 is a quarter slower than over the baseline. nan in hours without calls.

    Attributes
    ----------
    hours : int64 (hours,); hour from the deploy, negative before it.
    untouched : float64 (hours,); the slowness index.
    target : float64 (hours,); the metric of the claim over its own baseline ratio, minus 1.
    adjusted : float64 (hours,); the target with what goes with the index taken out. Equal to `target` where the slope is 0.
    names : the untouched features.
    slope : of the target on the index; 0 where nothing is adjusted.
    """

    hours: np.ndarray
    untouched: Floats
    target: Floats
    adjusted: Floats
    names: tuple[str, ...]
    slope: float


def slowness_series(evaluation: ClaimEvaluation) -> SlownessSeries | None:
    """The three lines of a claim's figure; None where there are no controls."""
    found, arms, hours = evaluation.decisive, evaluation.arms, evaluation.hours
    if not isinstance(found, ControlComparison) or found.controls is None:
        return None
    index, slope = found.controls.index, found.adjusted.slope.value if found.adjusted else 0.0
    target = standardise(
        *arms.totals(evaluation.scope, evaluation.metric, hours),
        first_hour=hours[0] % arms.cycle.hours,
    )
    values, slowness = _relative(target), np.concatenate((_known(index, target), index.post))
    return SlownessSeries(
        hours=np.concatenate((np.arange(-arms.cycle.span, 0), np.arange(*hours))),
        untouched=slowness,
        target=values,
        adjusted=values - slope * (slowness - index.matched(target)[0]),
        names=index.names,
        slope=slope,
    )


def replay_controls(
    arms: Arms, scopes: Iterable[Scope], *, hours: tuple[int, int], alpha: float
) -> Replay:
    """The indexes of these scopes judged on pretended deploys inside the baseline: an alarm is an index that seems to move."""
    indexes: dict[tuple[str, ...], SlownessIndex] = {}
    for scope in scopes:
        index, _ = arms.guard.index_of(scope, hours)
        if index is not None:
            indexes[index.names] = index
    length = min(hours[1] - hours[0], arms.cycle.hours)
    found = [_replay_index(index, hours=length, alpha=alpha) for index in indexes.values()]
    return Replay(sum(one.placebo_deploys for one in found), sum(one.false_alarms for one in found))


def compare_beside(
    arms: Arms,
    scope: Scope,
    metric: Metric,
    hours: tuple[int, int],
    *,
    use: Sequence[str] | None = None,
    leave_out: Sequence[str] = (),
) -> ControlComparison:
    """The comparison with other controls: `use` = () switches them off, None keeps the chosen ones; `leave_out` drops some."""
    features = arms.controls.features if use is None else tuple(sorted(use))
    kept = tuple(feature for feature in features if feature not in leave_out)
    chosen = replace(
        arms.controls, features=kept, declared=arms.controls.declared or use is not None
    )
    return replace(arms, controls=chosen, _compared={}).compare(scope, metric, hours)


def _replay_index(index: SlownessIndex, *, hours: int, alpha: float) -> Replay:
    def alarm(deploy: object) -> bool:
        return (
            compare(
                deploy.baseline, deploy.post, indicator=False, first_hour=deploy.first_hour
            ).p_value()
            <= alpha
        )

    return replay(index.together.baseline, hours=hours, alarm=alarm)


def _relative(target: StandardisedArms) -> Floats:
    """y / n over the baseline's ratio, minus 1, hour by hour through both arms."""
    ratio = float(target.baseline.y.sum()) / float(target.baseline.n.sum())
    before = _per_call(target.baseline, target.baseline_usable).ravel()
    return np.concatenate((before, _per_call(target.post, target.post_usable))) / ratio - 1.0


def _per_call(sums: CallSums, usable: Bools) -> Floats:
    known = usable & (sums.n > 0)
    return np.where(known, sums.y / np.where(known, sums.n, 1.0), np.nan)


def _known(index: SlownessIndex, target: StandardisedArms) -> Floats:
    """The index over the baseline; nan in hours left out."""
    return np.where(target.baseline_usable, index.baseline, np.nan).ravel()
