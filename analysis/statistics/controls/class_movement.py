"""Whether an error class moved in the control features too: in most of them, not in their sum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from analysis.statistics.comparison import Comparison
from analysis.statistics.controls.index import MOVED_P


def class_moved(comparisons: Sequence[Comparison], *, direction: Literal["up", "down"]) -> bool:
    """Whether the rate of a class moved this way in the majority of the controls.

    One control with many errors is no movement of the provider. A control moved when its own
    comparison has p below .2 on that side.

    Parameters
    ----------
    comparisons : sequence of Comparison
        Of the class's rate, one per control; one without calls counts as not moved.
    direction : {"up", "down"}
        The way in which the target's rate moved.

    Examples
    --------
    >>> class_moved([], direction="up")
    False
    """
    sign = 1.0 if direction == "up" else -1.0
    moved = [
        one.difference is not None and sign * one.difference > 0 and one.p_value() < MOVED_P
        for one in comparisons
    ]
    return sum(moved) > len(moved) / 2
