"""Where a continuous function is zero: the one thing of scipy.optimize that a verdict needs, without the time and memory of its import."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np

TOLERANCE = 1e-12
MOST_STEPS = 200


def find_root(function: Callable[[float], float], low: float, high: float) -> float:
    """A zero of `function` between two points at which its signs differ, to 1e-12 (of its own size, where that is above 1).

    The bracket is halved and then cut by the exponential curve through its three points (Ridders 1979, IEEE Transactions on
    Circuits and Systems 26, 979-980), so each step at least halves it. `scipy.optimize.brentq` finds the same; its package takes
    longer to import, and more memory, than a verdict. For roots of which there may be several, or none, use that package.

    Raises
    ------
    ValueError
        When the signs do not differ.
    """
    at_low, at_high = function(low), function(high)
    if at_low * at_high > 0:
        raise ValueError(
            f"the function has the same sign at {low} and at {high}; give two points with a root between them"
        )
    for _ in range(MOST_STEPS):
        if at_low == 0 or abs(high - low) <= TOLERANCE * max(1.0, abs(high)):
            return low
        if at_high == 0:
            return high
        middle = (low + high) / 2
        at_middle = function(middle)
        if at_middle == 0:
            return middle
        cut = middle + (middle - low) * np.sign(at_low - at_high) * at_middle / np.sqrt(
            at_middle**2 - at_low * at_high
        )
        at_cut = function(cut)
        points = sorted([(low, at_low), (middle, at_middle), (cut, at_cut), (high, at_high)])
        (low, at_low), (high, at_high) = next(
            pair for pair in pairwise(points) if pair[0][1] * pair[1][1] <= 0
        )
    return (low + high) / 2
