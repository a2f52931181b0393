"""The timeout cliff: errors piled up at one latency, where a cap cut them off."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.statistics.rates.exact import RateCounts, fisher_p
from analysis.statistics.totals import Floats

WIDTH = 0.02
FEWEST_ERRORS = 5
SMALLEST_SHARE = 0.5
LARGEST_REST = 0.02
LARGEST_P = 0.001
NEARLY_ALL = 0.95


@dataclass(frozen=True)
class Cliff:
    """A cap seen in the data.

    Attributes
    ----------
    at_ms : float
        Where it is: the latency with most errors within 2 %.
    n_errors : int
        Errors within 2 % of it.
    share_of_errors : float
        The same as a share of all timeouts and unclassified errors, 0..1.
    n_beyond : int
        Calls of any outcome that lasted longer than 1.02 times that.
    p_value : float or None
        Fisher's, that errors are no more often in that band than successes; None where nearly all
        calls are such errors.
    """

    at_ms: float
    n_errors: int
    share_of_errors: float
    n_beyond: int
    p_value: float | None


def find_cliff(
    latency_ms: Floats, errors: Floats, successes: Floats, others: Floats | None = None
) -> Cliff | None:
    """Find the latency at which calls were cut off, or None.

    A cliff at c: at least 5 and at least 50 % of the errors within 2 % of c; at most max(1, 2 % of
    all calls) above 1.02 c; errors more often in that band than successes, Fisher p < .001 (not
    tested when 95 % of the calls are such errors).

    Parameters
    ----------
    latency_ms : float (groups,)
        Latencies, ms, in any order.
    errors : float (groups,)
        Timeouts and unclassified errors of that latency; no other class is cut off by a cap.
    successes, others : float (groups,)
        Successes, and failures of any other class.

    Notes
    -----
    A cliff alone is no verdict: a working fix leaves a smaller cliff at the new cap.

    Examples
    --------
    >>> find_cliff([1000, 2000, 4502], errors=[0, 0, 9], successes=[200, 186, 0]).at_ms
    4502.0
    """
    latency, errors, successes = (
        np.asarray(values, dtype=float) for values in (latency_ms, errors, successes)
    )
    others = np.zeros(latency.shape) if others is None else np.asarray(others, dtype=float)
    calls = errors + successes + others
    n_errors, n_calls = float(errors.sum()), float(calls.sum())
    if n_errors < FEWEST_ERRORS:
        return None
    at, n_near = _densest(latency, errors)
    n_beyond = calls[latency > (1 + WIDTH) * at].sum()
    if n_near < max(FEWEST_ERRORS, SMALLEST_SHARE * n_errors):
        return None
    if n_beyond > max(1, LARGEST_REST * n_calls):
        return None
    p_value = None
    if n_errors < NEARLY_ALL * n_calls:
        near = (latency >= (1 - WIDTH) * at) & (latency <= (1 + WIDTH) * at)
        counts = RateCounts(successes[near].sum(), successes.sum(), n_near, n_errors, phi=1.0)
        p_value = fisher_p(counts, alternative="greater")
        if p_value >= LARGEST_P:
            return None
    return Cliff(at, int(n_near), n_near / n_errors, int(n_beyond), p_value)


def _densest(latency: Floats, errors: Floats) -> tuple[float, float]:
    """Latency of an error with most errors within 2 %, and how many; the middle of several."""
    time, place = np.unique(latency[errors > 0], return_inverse=True)
    count = np.bincount(place, errors[errors > 0])
    total = np.concatenate(([0.0], np.cumsum(count)))
    first = np.searchsorted(time, (1 - WIDTH) * time, side="left")
    last = np.searchsorted(time, (1 + WIDTH) * time, side="right")
    near = total[last] - total[first]
    tied = np.flatnonzero(near == near.max())
    half = np.cumsum(count[tied])
    middle = tied[np.searchsorted(half, half[-1] / 2)]
    return float(time[middle]), float(near[middle])
