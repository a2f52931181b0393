"""Placebo deploys inside the baseline: how often the judge raises a false alarm."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from analysis.statistics.baseline.replay_alarms import ReplayAlarms, count_alarms
from analysis.statistics.standardisation import count_repeats
from analysis.statistics.totals import ArmTotals

STEP_HOURS = 4
FEWEST_REPEATS = 3
NO_ALARMS = ReplayAlarms(windows=0, alarms=0, upper=1.0)


@dataclass(frozen=True, eq=False)
class PlaceboDeploy:
    """A stretch of the baseline taken as a post window, and the rest as its baseline.

    Attributes
    ----------
    start_hour : int
        Hours from the start of the baseline to the placebo deploy.
    first_hour : int
        Hour of the cycle at which it lies; give it to `comparison.compare`.
    baseline, post : ArmTotals
        The baseline with the placebo window no longer usable, and that window.
    """

    start_hour: int
    first_hour: int
    baseline: ArmTotals
    post: ArmTotals


@dataclass(frozen=True)
class Replay:
    """Placebo deploys that were judged, and their false alarms.

    Attributes
    ----------
    placebo_deploys, false_alarms : int
        All of them; their windows overlap.
    apart : ReplayAlarms
        Those whose windows do not overlap, with the upper bound of the rate of false alarms.
    """

    placebo_deploys: int
    false_alarms: int
    apart: ReplayAlarms = NO_ALARMS

    @property
    def caps_verdict(self) -> bool:
        """Whether the baseline is too restless for more than "improved"."""
        return self.apart.caps_verdict

    @classmethod
    def of(cls, starts: Sequence[int], alarmed: Sequence[bool], *, hours: int) -> Replay:
        """Counted from the starts of the windows and whether each raised an alarm."""
        return cls(len(starts), sum(alarmed), count_alarms(starts, alarmed, hours=hours))


NO_REPLAY = Replay(placebo_deploys=0, false_alarms=0)


def placebo_deploys(
    baseline: ArmTotals, *, hours: int, step: int = STEP_HOURS, past_only: bool = False
) -> Iterator[PlaceboDeploy]:
    """A placebo deploy every `step` hours of the baseline, each with a window of `hours` hours.

    A window that touches an excluded hour is skipped, and so is one whose clock hours no other
    repeat of the baseline has: a baseline of one day allows none.

    Parameters
    ----------
    baseline : ArmTotals (strata, repeats, cycle)
    hours : int
        Length of the placebo window.
    step : int
        Hours between two placebo deploys; below `hours` windows overlap.
    past_only : bool
        Only the hours before a placebo deploy are its baseline, as for a real one. With later days
        too the judge interpolates, and alarms less than it will. At least three days (weeks) must
        lie before it, or all but one of a shorter baseline.
    """
    strata, repeats, cycle = baseline.y.shape
    usable = baseline.usable.ravel()
    flat = baseline.stacked.reshape(5, strata, 1, repeats * cycle)
    for start in range(0, repeats * cycle - hours + 1, step):
        end = start + hours
        taken = np.zeros(usable.size, dtype=np.bool_)
        taken[start : None if past_only else end] = True
        others = (usable & ~taken).reshape(repeats, cycle)
        is_matched = np.any(others, axis=0)[(start + np.arange(hours)) % cycle].all()
        if past_only and count_repeats(others) < min(FEWEST_REPEATS, repeats - 1):
            continue
        if usable[start:end].all() and is_matched:
            rest = baseline.without(taken.reshape(repeats, cycle))
            window = ArmTotals(flat[..., start:end], np.ones((1, hours), np.bool_))
            yield PlaceboDeploy(start, start % cycle, rest, window)


def replay(
    baseline: ArmTotals,
    *,
    hours: int,
    alarm: Callable[[PlaceboDeploy], bool],
    step: int = STEP_HOURS,
) -> Replay:
    """Judge every placebo deploy by the hours before it and count the alarms, all of them false.

    Parameters
    ----------
    baseline, hours, step
        As in `placebo_deploys`.
    alarm : callable
        The judge; True when it says that something changed.

    Notes
    -----
    Overlapping windows share calls: the count is a check, not a sample of independent trials. With
    few placebo deploys none alarming says little: 0 of 42 leaves up to 7 %.

    Examples
    --------
    >>> week = ArmTotals.of_events(np.full((1, 7, 24), 5.0), np.full((1, 7, 24), 50.0))
    >>> found = replay(week, hours=4, alarm=lambda deploy: False)
    >>> found.placebo_deploys, found.false_alarms
    (27, 0)
    """
    deploys = list(placebo_deploys(baseline, hours=hours, step=step, past_only=True))
    starts = [deploy.start_hour for deploy in deploys]
    return Replay.of(starts, [alarm(deploy) for deploy in deploys], hours=hours)
