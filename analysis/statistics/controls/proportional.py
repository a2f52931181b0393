"""The full proportional correction: the same calls, had every time to answer been longer.

One factor moves all times; what a cap cuts off, and what that does to each metric, follows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from analysis.metric_kinds import ProviderEffect
from analysis.statistics.totals import Floats

HALF_AN_EVENT = 0.5
FASTEST = 0.1


@dataclass(frozen=True, eq=False)
class TimedCalls:
    """Calls of one feature by latency.

    Attributes
    ----------
    low_ms, width_ms : float64 (bins,)
        Times from `low_ms` up, spread evenly over `width_ms`.
    succeeded, timed_out, failed : float64 (bins,)
        Calls that were answered, that were cut off, and that failed in another way.
    cap_ms : float
        Where calls are cut off, ms; inf where no cap is known.
    limit_ms : float
        tau of a restricted mean, or the threshold of "slower than", ms; nan for any other metric.
    """

    low_ms: Floats
    width_ms: Floats
    succeeded: Floats
    timed_out: Floats
    failed: Floats
    cap_ms: float = np.inf
    limit_ms: float = np.nan


def proportional_factor(
    kind: ProviderEffect,
    baseline: Sequence[TimedCalls],
    post: Sequence[TimedCalls],
    *,
    movement: float,
) -> float:
    """What the baseline's metric is multiplied by when the provider's pace moved by `movement`.

    Slower: the baseline's times are multiplied and cut at its caps. Faster: how long a cut-off call
    would have taken is not known, so the post calls are slowed down to the old pace instead, and
    the inverse is taken. Events are counted half an event high in both, so that no factor is 0 or
    infinite.

    Parameters
    ----------
    kind : str
        What is counted of each call.
    baseline, post : sequence of TimedCalls
        One for each feature, with its own cap and limit.
    movement : float
        Of the slowness index, as a share: 0.25 is a quarter more time.

    Examples
    --------
    Half of the calls take 4 s, half 9 s, none is cut below 10 s: a quarter slower, the slow ones
    time out.

    >>> def calls(cap_ms):
    ...     none, half = np.zeros(2), np.array([50.0, 50.0])
    ...     return TimedCalls(np.array([4000.0, 9000.0]), none, half, none, none, cap_ms=cap_ms)
    >>> proportional_factor("time", [calls(np.inf)], [], movement=0.25)
    1.25
    >>> round(proportional_factor("time", [calls(10_000.0)], [], movement=0.25), 4)
    1.1538
    >>> proportional_factor("timeouts", [calls(10_000.0)], [], movement=0.25)
    101.0
    """
    pace = max(FASTEST, 1.0 + movement)
    if pace >= 1.0:
        return _value(kind, baseline, pace) / _value(kind, baseline, 1.0)
    return _value(kind, post, 1.0) / _value(kind, post, 1.0 / pace)


def proportional_share(
    kind: ProviderEffect, baseline: Sequence[TimedCalls], *, movement: float
) -> float:
    """Share of calls that are events of `kind` at the new pace; for a baseline that had none."""
    n = float(sum(_all_calls(calls).sum() for calls in baseline))
    y = float(sum(_COUNTED[kind](calls, max(1.0, 1.0 + movement)).sum() for calls in baseline))
    return y / n if n > 0 else 0.0


def _value(kind: ProviderEffect, groups: Sequence[TimedCalls], pace: float) -> float:
    """sum(y) / sum(n) at that pace; 1 without calls."""
    y = float(sum(_COUNTED[kind](calls, pace).sum() for calls in groups))
    counted = _answered if kind == "time per success" else _all_calls
    n = float(sum(counted(calls, pace).sum() for calls in groups))
    if n <= 0:
        return 1.0
    if kind in _EVENTS:
        return (y + HALF_AN_EVENT) / n
    return y / n if y > 0 else 1.0


def _all_calls(calls: TimedCalls, pace: float = 1.0) -> Floats:
    return calls.succeeded + calls.timed_out + calls.failed


def _beyond(calls: TimedCalls, pace: float, limit_ms: float) -> Floats:
    """Share of each bin that lies at or beyond the limit when its times are multiplied."""
    over = (calls.low_ms + calls.width_ms) * pace - limit_ms
    return np.clip(over / np.maximum(calls.width_ms * pace, 1e-9), 0.0, 1.0)


def _answered(calls: TimedCalls, pace: float) -> Floats:
    return calls.succeeded * (1.0 - _beyond(calls, pace, calls.cap_ms) if pace > 1.0 else 1.0)


def _cut_off(calls: TimedCalls, pace: float) -> Floats:
    return calls.timed_out + calls.succeeded - _answered(calls, pace)


def _failures(calls: TimedCalls, pace: float) -> Floats:
    return calls.failed + _cut_off(calls, pace)


def _time(calls: TimedCalls, pace: float) -> Floats:
    """Answers and other failures take longer, at most to the cap; what was cut off stays."""
    middle = calls.low_ms + calls.width_ms / 2
    longer = np.maximum(middle, np.minimum(middle * pace, calls.cap_ms))
    return longer * (calls.succeeded + calls.failed) + middle * calls.timed_out


def _restricted_time(calls: TimedCalls, pace: float) -> Floats:
    """Time to an answer, cut at tau; a failure counts tau."""
    middle = (calls.low_ms + calls.width_ms / 2) * pace
    return np.minimum(middle, calls.limit_ms) * calls.succeeded + calls.limit_ms * (
        calls.timed_out + calls.failed
    )


def _slower(calls: TimedCalls, pace: float) -> Floats:
    return calls.succeeded * _beyond(calls, pace, calls.limit_ms) + calls.timed_out + calls.failed


_COUNTED: dict[ProviderEffect, Callable[[TimedCalls, float], Floats]] = {
    "time": _time,
    "restricted time": _restricted_time,
    "time per success": _time,
    "timeouts": _cut_off,
    "failures": _failures,
    "slower than": _slower,
}
_EVENTS: frozenset[ProviderEffect] = frozenset({"timeouts", "failures", "slower than"})
