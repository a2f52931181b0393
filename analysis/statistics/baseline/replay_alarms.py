"""Alarms of placebo deploys, counting only windows that do not overlap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from analysis.statistics.rates.exact import rate_bounds

FEW_WINDOWS, MANY_WINDOWS = 5, 12


@dataclass(frozen=True)
class ReplayAlarms:
    """Placebo deploys whose windows do not overlap, and the alarms among them.

    Attributes
    ----------
    windows : int
        Windows apart from each other: 4 or 5 of a day in seven days.
    alarms : int
        Alarms apart from each other, all of them false.
    upper : float
        One-sided 95 % upper bound of the rate of false alarms (Clopper-Pearson), 0..1.
    """

    windows: int
    alarms: int
    upper: float

    @property
    def caps_verdict(self) -> bool:
        """Whether the baseline is too restless for more than "improved".

        2 alarms of at most 5 windows, or 3 of 6 to 12. A looser rule capped .12 of healthy
        baselines and removed few alarms.
        """
        if self.windows <= FEW_WINDOWS:
            return self.alarms >= 2
        return self.windows <= MANY_WINDOWS and self.alarms >= 3


def count_alarms(starts: Sequence[int], alarmed: Sequence[bool], *, hours: int) -> ReplayAlarms:
    """Count the windows and the alarms that lie apart.

    Parameters
    ----------
    starts : sequence of int
        Hour at which each placebo deploy starts, rising.
    alarmed : sequence of bool
        Whether it raised an alarm.
    hours : int
        Length of each window.

    Examples
    --------
    Windows of 24 h every 4 h of three days; the alarms at 40 and 44 h share 20 hours.

    >>> starts = list(range(24, 49, 4))
    >>> found = count_alarms(starts, [start in (40, 44) for start in starts], hours=24)
    >>> found.windows, found.alarms, round(found.upper, 3)
    (2, 1, 0.975)
    """
    windows = _apart(starts, hours)
    alarms = _apart([start for start, alarm in zip(starts, alarmed, strict=True) if alarm], hours)
    return ReplayAlarms(windows, alarms, rate_bounds(alarms, windows, level=0.90)[1])


def _apart(starts: Sequence[int], hours: int) -> int:
    """How many of these windows fit without overlap, taking the earliest first."""
    count, free_from = 0, None
    for start in starts:
        if free_from is None or start >= free_from:
            count, free_from = count + 1, start + hours
    return count
