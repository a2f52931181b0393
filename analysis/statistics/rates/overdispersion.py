"""How much more events vary from block to block of hours than independent calls would."""

from __future__ import annotations

import numpy as np

from analysis.statistics.standardisation import StandardisedArms
from analysis.statistics.totals import CallSums, Floats

BLOCK_HOURS = 4


def block_overdispersion(sums: CallSums, *, hours: int = BLOCK_HOURS) -> float:
    """Overdispersion of one arm's events over blocks of consecutive hours."""

    def blocks(values: Floats) -> Floats:
        return np.add.reduceat(values.ravel(), np.arange(0, values.size, hours))

    return overdispersion(blocks(sums.y), blocks(sums.n), blocks(sums.nn))


def worst_overdispersion(arms: StandardisedArms, *, with_post: bool) -> float:
    """The largest overdispersion over the baseline's 4-hour blocks and its window-long blocks.

    An outage of an hour shows in the former, a bad day only in the latter. A baseline of one or two
    days may have had neither: then the post arm's own 4-hour blocks count too.

    Parameters
    ----------
    arms : StandardisedArms
    with_post : bool
        True with fewer than 3 days of baseline.
    """
    found = [
        block_overdispersion(arms.baseline),
        block_overdispersion(arms.baseline, hours=arms.post_usable.size),
    ]
    return max(*found, block_overdispersion(arms.post) if with_post else 1.0)


def overdispersion(events: Floats, trials: Floats, squared_weights: Floats | None = None) -> float:
    """How much more events vary from block to block than independent calls would, at least 1.

    Pearson's chi2 / df: phi = sum_i (y_i - p n_i)^2 / (p (1 - p) nn_i) / (blocks - 1) (McCullagh &
    Nelder 1989, Generalized Linear Models, 4.5). 1 without events, with nothing but events, and for
    a single block with calls.

    Parameters
    ----------
    events, trials : float64 (blocks,)
    squared_weights : float64 (blocks,), optional
        Sums of the calls' squared weights; `trials` without weights.

    Examples
    --------
    12 events of 1200 calls, all in one of six blocks of 200: chi2 = 60 / .99 on 5 df.

    >>> round(overdispersion(np.array([12.0, 0, 0, 0, 0, 0]), np.full(6, 200.0)), 4)
    12.1212
    """
    squared_weights = trials if squared_weights is None else squared_weights
    filled = squared_weights > 0
    y, n, nn = events[filled], trials[filled], squared_weights[filled]
    p = min(1.0, y.sum() / n.sum()) if y.size > 1 else 0.0
    if p * (1 - p) <= 0:
        return 1.0
    return max(1.0, float(np.sum((y - p * n) ** 2 / (p * (1 - p) * nn)) / (y.size - 1)))
