"""Which control features move with the others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from analysis.statistics.controls.adjustment import compare_adjusted
from analysis.statistics.controls.comparison import ProportionalComparison, combine_comparisons
from analysis.statistics.controls.index import ControlFeature, slowness_index

UNLIKELY_P = 0.01
MOST_DROPPED = 2
FEWEST_CONTROLS = 2


def screen(
    controls: Sequence[ControlFeature],
) -> tuple[tuple[ControlFeature, ...], tuple[str, ...]]:
    """Controls that move with the others, and the names of those dropped.

    The deploy, or something else, touched the latter. Each is judged against the others as a target
    is. The smallest p below .01 goes, then the rest is judged again; at most two go, and at least
    two stay.
    """
    kept, dropped = list(controls), list[str]()
    while len(kept) > FEWEST_CONTROLS and len(dropped) < MOST_DROPPED:
        moved = slowness_index(kept).moved
        p_values = [
            _p_alike(control, [other for other in kept if other is not control], moved=moved)
            for control in kept
        ]
        least_alike = int(np.argmin(p_values))
        if p_values[least_alike] >= UNLIKELY_P:
            break
        dropped.append(kept.pop(least_alike).name)
    return tuple(kept), tuple(dropped)


def _p_alike(control: ControlFeature, others: Sequence[ControlFeature], *, moved: bool) -> float:
    """p of "this control did what the others did"."""
    index, plain = slowness_index(others), control.plain
    adjusted = compare_adjusted(plain, plain.arms, index)
    if not moved:
        return combine_comparisons(plain, adjusted=adjusted).p_value()
    full = ProportionalComparison(
        plain, 1.0 + index.pace_change(plain.arms), 0.0, *index.movement_variance
    )
    found = combine_comparisons(plain, adjusted=adjusted, corrections=(full,), moved=True)
    return found.p_value()
