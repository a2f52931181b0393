"""Slowness hour by hour around the deploy: of the control features and of a claim's metric."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from analysis.statistics.controls.comparison import ControlComparison
from analysis.statistics.standardisation import StandardisedArms, standardise
from analysis.statistics.totals import Bools, CallSums, Floats

if TYPE_CHECKING:
    from analysis.counting.arms import Arms
    from analysis.decision.claims.evaluation import ClaimEvaluation


@dataclass(frozen=True, eq=False)
class SlownessSeries:
    """Slowness per hour: 0.25 is a quarter slower than over the baseline; nan without calls.

    Attributes
    ----------
    hours : int64 (hours,); hour from the deploy, negative before it.
    controls : float64 (hours,); the slowness index.
    target : float64 (hours,); the claim's metric over its own baseline ratio, minus 1.
    adjusted : float64 (hours,); the target without what follows the index.
    names : the control features.
    """

    hours: NDArray[np.int64]
    controls: Floats
    target: Floats
    adjusted: Floats
    names: tuple[str, ...]


def slowness_series(evaluation: ClaimEvaluation, arms: Arms) -> SlownessSeries | None:
    """The three lines of a claim's figure; None where there are no controls."""
    found, hours = evaluation.decisive, evaluation.hours
    if not isinstance(found, ControlComparison) or found.controls is None:
        return None
    index, slope = found.controls.index, found.adjusted.slope.value if found.adjusted else 0.0
    target = standardise(
        *arms.totals(evaluation.scope, evaluation.metric, hours),
        first_hour=arms.hour_of_cycle(hours[0]),
    )
    before = np.where(target.baseline_usable, index.baseline, np.nan).ravel()
    log_scale = evaluation.metric.log_scale
    values, slowness = _relative(target, log_scale=log_scale), np.concatenate((before, index.post))
    return SlownessSeries(
        hours=np.concatenate((np.arange(-arms.cycle.span, 0), np.arange(*hours))),
        controls=slowness,
        target=values,
        adjusted=values - slope * (slowness - index.matched(target)[0]),
        names=index.names,
    )


def _relative(target: StandardisedArms, *, log_scale: bool) -> Floats:
    """The metric over the baseline's, minus 1, hour by hour through both arms."""
    ratio = float(target.baseline.y.sum()) / float(target.baseline.n.sum())
    before = _per_call(target.baseline, target.baseline_usable).ravel()
    values = np.concatenate((before, _per_call(target.post, target.post_usable)))
    return np.exp(values - ratio) - 1.0 if log_scale else values / ratio - 1.0


def _per_call(sums: CallSums, usable: Bools) -> Floats:
    known = usable & (sums.n > 0)
    return np.where(known, sums.y / np.where(known, sums.n, 1.0), np.nan)
