"""Pretended deploys inside the baseline: how often the judge would have cried wolf where nothing was deployed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from analysis.statistics.totals import ArmTotals

STEP_HOURS = 4


@dataclass(frozen=True, eq=False)
class PlaceboDeploy:
    """One stretch of the baseline taken as a post window, and the rest as its baseline.

    Attributes
    ----------
    start_hour : int
        Hours from the start of the baseline to the pretended deploy.
    first_hour : int
        Hour of the cycle at which it lies; give it to `comparison.compare`.
    baseline, post : ArmTotals
        The baseline with the pretended window no longer usable, and that window.
    """

    start_hour: int
    first_hour: int
    baseline: ArmTotals
    post: ArmTotals


@dataclass(frozen=True)
class Replay:
    """How many pretended deploys were judged, and how many raised a false alarm."""

    placebo_deploys: int
    false_alarms: int


def placebo_deploys(
    baseline: ArmTotals, *, hours: int, step: int = STEP_HOURS
) -> Iterator[PlaceboDeploy]:
    """Pretend a deploy every `step` hours of the baseline, each followed by a window of `hours` hours.

    A window that touches an excluded hour is skipped, and so is one whose clock hours no other repeat of the baseline
    has: a baseline of one day allows none. Days after the pretended deploy serve as its baseline too.

    Parameters
    ----------
    baseline : ArmTotals (strata, repeats, cycle)
    hours : length of the pretended window
    step : hours between two pretended deploys; below `hours` windows overlap
    """
    repeats, cycle = baseline.usable.shape
    usable = baseline.usable.ravel()
    for start in range(0, repeats * cycle - hours + 1, step):
        inside = np.zeros(usable.size, dtype=bool)
        inside[start : start + hours] = True
        others = (usable & ~inside).reshape(repeats, cycle).any(axis=0)
        matched = others[(start + np.arange(hours)) % cycle]
        if usable[inside].all() and matched.all():
            rest = baseline.without(inside.reshape(repeats, cycle))
            yield PlaceboDeploy(start, start % cycle, rest, _window(baseline, start, hours))


def replay(
    baseline: ArmTotals,
    *,
    hours: int,
    alarm: Callable[[PlaceboDeploy], bool],
    step: int = STEP_HOURS,
) -> Replay:
    """Judge every pretended deploy and count the alarms, all of them false.

    Parameters
    ----------
    baseline, hours, step : as in `placebo_deploys`
    alarm : the judge; True when it says that something changed

    Notes
    -----
    Overlapping windows share calls: the count is a check, not a sample of independent trials. With few pretended
    deploys none alarming says little: 0 of 42 leaves up to 7 %.

    Examples
    --------
    >>> week = ArmTotals.of_events(np.full((1, 7, 24), 5.0), np.full((1, 7, 24), 50.0))
    >>> replay(week, hours=4, alarm=lambda deploy: False)
    Replay(placebo_deploys=42, false_alarms=0)
    """
    verdicts = [bool(alarm(deploy)) for deploy in placebo_deploys(baseline, hours=hours, step=step)]
    return Replay(len(verdicts), sum(verdicts))


def _window(baseline: ArmTotals, start: int, hours: int) -> ArmTotals:
    """Hours start..start+hours-1 of the flattened baseline as a post arm."""
    strata = baseline.y.shape[0]

    def cut(values: np.ndarray) -> np.ndarray:
        return values.reshape(strata, 1, -1)[:, :, start : start + hours]

    sums = {name: cut(getattr(baseline, name)) for name in ("y", "n", "yy", "yn", "nn")}
    return ArmTotals(**sums, usable=np.ones((1, hours), dtype=bool))
