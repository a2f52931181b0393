"""How much of the post window has baseline hours to be compared with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.statistics.totals import ArmTotals

ENOUGH_CALLS = 0.8


@dataclass(frozen=True)
class CommonHours:
    """Post hours that can be compared.

    Attributes
    ----------
    n_common, n_post : int
        Post hours whose clock hour is in the baseline, and all usable post hours.
    share_of_calls : float
        Share of the post arm's n in the former, 0..1; 0 without calls.
    """

    n_common: int
    n_post: int
    share_of_calls: float

    @property
    def enough(self) -> bool:
        """Whether 80 % of the calls are compared, so that a verdict may be green or "not fixed"."""
        return self.share_of_calls >= ENOUGH_CALLS


def common_hours(baseline: ArmTotals, post: ArmTotals, *, first_hour: int = 0) -> CommonHours:
    """Count the post hours whose clock hour the baseline holds.

    Parameters
    ----------
    baseline : ArmTotals (strata, repeats, cycle)
    post : ArmTotals (strata, 1, hours)
    first_hour : int
        Hour of the cycle at which post hour 0 lies.

    Examples
    --------
    Six hours of baseline, then a day:

    >>> usable = np.arange(24)[None] >= 18
    >>> before = ArmTotals.of_events(np.zeros((1, 1, 24)), np.ones((1, 1, 24)), usable)
    >>> after = ArmTotals.of_events(np.zeros((1, 1, 24)), np.ones((1, 1, 24)))
    >>> common_hours(before, after)
    CommonHours(n_common=6, n_post=24, share_of_calls=0.25)
    """
    exists = np.any(baseline.usable, axis=0)
    usable = post.usable[0]
    common = usable & exists[(first_hour + np.arange(usable.size)) % exists.size]
    calls = post.n[:, 0].sum(axis=0)
    total = float(calls[usable].sum())
    share = float(calls[common].sum()) / total if total > 0 else 0.0
    return CommonHours(int(common.sum()), int(usable.sum()), share)
