"""The shapes of what figures show. Times in ms, shares 0 to 1, hours from the deploy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Mark:
    """A place on an axis with a name: a cap, the deploy, a knob."""

    at: float
    text: str
    arm: str = ""


@dataclass(frozen=True, eq=False)
class Steps:
    """A step curve of one arm: the value from each x on."""

    x: Floats
    y: Floats
    n_calls: int


@dataclass(frozen=True, eq=False)
class LatencyCurves:
    """Share of calls that ended within a time (failed ones where they were cut off), before and after, with caps."""

    baseline: Steps
    post: Steps
    caps: tuple[Mark, ...]


@dataclass(frozen=True, eq=False)
class AnswerCurve:
    """Kaplan-Meier curve of one arm: share of calls not yet answered; `censored` is the share that never was.

    `low` and `high` are the ends of its 95 % band from each `band_x` on.
    """

    steps: Steps
    band_x: Floats
    low: Floats
    high: Floats
    censored: float


@dataclass(frozen=True, eq=False)
class AnswerCurves:
    """Time to answer, before and after, with caps."""

    baseline: AnswerCurve
    post: AnswerCurve
    caps: tuple[Mark, ...]


@dataclass(frozen=True, eq=False)
class CliffBars:
    """Calls per bin of latency as a share of the arm, failed calls apart, before and after."""

    edges_ms: Floats
    baseline_failed: Floats
    baseline_answered: Floats
    post_failed: Floats
    post_answered: Floats
    n_baseline: int
    n_post: int
    caps: tuple[Mark, ...]


@dataclass(frozen=True, eq=False)
class HourlyRate:
    """A metric per hour from the deploy, in its unit; nan where an hour has no calls or was left out.

    `usual` is the mean of the same clock hours of the baseline, `axis` what the values are.
    """

    hours: Floats
    rate: Floats
    calls: Floats
    what: str
    axis: str
    unit: str
    usual: Floats
    marks: tuple[Mark, ...]
    n_baseline: int
    n_post: int


@dataclass(frozen=True, eq=False)
class Slowness:
    """Slowness per hour around the deploy as shares over the baseline (0.25: a quarter slower); nan where nothing is known.

    `adjusted` is the target with what goes with the untouched features taken out.
    """

    hours: Floats
    untouched: Floats
    target: Floats
    adjusted: Floats
    names: tuple[str, ...]
    slope: float
    metric: str
    marks: tuple[Mark, ...]


@dataclass(frozen=True)
class ForestRow:
    """One claim on the forest plot, as change relative to the baseline (-1 = gone, +1 = doubled).

    Attributes
    ----------
    change, low, high : None when nothing can be compared.
    required : the change the claim asks for; None when it asks for none.
    needs_fall : whether the good side is the left one.
    """

    name: str
    numbers: str
    state: str
    change: float | None
    low: float | None
    high: float | None
    required: float | None
    needs_fall: bool


@dataclass(frozen=True)
class Forest:
    """All claims; changes within `too_small` are too small to matter."""

    rows: tuple[ForestRow, ...]
    too_small: float
    level_text: str


@dataclass(frozen=True)
class ShareWithin:
    """A share of calls and its interval at 95 %, as wide as the hours vary."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class OutcomeMix:
    """Share of calls by outcome class, before and after, largest first."""

    classes: tuple[str, ...]
    baseline: tuple[ShareWithin, ...]
    post: tuple[ShareWithin, ...]
    n_baseline: int
    n_post: int


@dataclass(frozen=True)
class ShiftPoint:
    """One quantile: its change with its band; None when it lies beyond a cap and is not identifiable."""

    q: float
    change_ms: float | None
    low_ms: float | None
    high_ms: float | None


@dataclass(frozen=True)
class Shift:
    """How the quantiles of time to answer moved."""

    points: tuple[ShiftPoint, ...]
    n_baseline: int
    n_post: int
    level: float


@dataclass(frozen=True, eq=False)
class CapCurve:
    """Share of calls that a cap would cut off, with its band, up to what the window can see; the knobs on it.

    `at_knobs` are value, low and high at each knob, None beyond what the window can see.
    """

    cap_ms: Floats
    cut_off: Floats
    low: Floats
    high: Floats
    own_cap_ms: float
    knobs: tuple[Mark, ...]
    at_knobs: tuple[tuple[float, float, float] | None, ...]
    n_calls: int


@dataclass(frozen=True)
class LookPoint:
    """One look at one claim: estimate and interval at that look's bound; None when not made or nothing to compare."""

    window: str
    change: float | None
    low: float | None
    high: float | None
    bound: float | None
    verdict: str
    state: str


@dataclass(frozen=True)
class Looks:
    """Every planned look at one claim, in order."""

    name: str
    points: tuple[LookPoint, ...]
    required: float | None
