"""The planned looks and their bounds, and looks outside the plan."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from analysis.clock import iso
from analysis.config import Settings
from analysis.counting.scope import Hours
from analysis.errors import WrongUse
from analysis.statistics.sequential import bounds
from analysis.window import HOUR, Window, hours_between, window_of_hours


@dataclass(frozen=True)
class Plan:
    """One look among the planned ones.

    Attributes
    ----------
    times : hours of every planned look / hours of the last; ``(1.0,)`` for an exploratory look.
    look : index of this one in `times`.
    hours : first and last + 1 post hour of it.
    previous_last : last + 1 post hour of the look before; None at the first.
    alpha : error of the family of expectations over all looks.
    bound : |z| that a single claim must cross at this look.
    is_planned : False for an exploratory look, which decides nothing.
    """

    times: tuple[float, ...]
    look: int
    hours: Hours
    previous_last: int | None
    alpha: float
    bound: float
    is_planned: bool = True

    @property
    def n_hours(self) -> int:
        """Hours of this look."""
        return self.hours[1] - self.hours[0]

    def window(self, deployed_at: datetime) -> Window:
        """The calls that this look is about."""
        return window_of_hours(deployed_at, *self.hours)

    @property
    def is_last(self) -> bool:
        """Whether this is a planned look and none follows."""
        return self.is_planned and self.look == len(self.times) - 1

    @property
    def later_looks(self) -> tuple[tuple[int, int], ...]:
        """The planned looks still to come: index, and length in hours."""
        if not self.is_planned:
            return ()
        planned = self.n_hours / self.times[self.look]
        return tuple(
            (look, round(time * planned))
            for look, time in enumerate(self.times)
            if look > self.look
        )


def plan_looks(settings: Settings, *, first_hour: int = 0) -> dict[str, Plan]:
    """Every planned window by its name, as if each earlier one had been looked at.

    `first_hour` is the hour from the deploy at which the stage begins: 0, or later after a knob was
    turned.
    """
    monitoring = settings.monitoring
    ends = [first_hour + length // HOUR for length in monitoring.lengths]
    times = tuple((end - first_hour) / (ends[-1] - first_hour) for end in ends)
    look_bounds = bounds(times, monitoring.alpha)
    return {
        label: Plan(
            times,
            look,
            (first_hour, ends[look]),
            ends[look - 1] if look else None,
            monitoring.alpha,
            look_bounds[look],
        )
        for look, label in enumerate(monitoring.windows)
    }


def plan_look(settings: Settings, label: str, *, first_hour: int = 0) -> Plan:
    """The planned window of that length, however it is written: ``4h`` or ``240m``."""
    look = settings.monitoring.lengths.index(settings.window_length(label))
    return list(plan_looks(settings, first_hour=first_hour).values())[look]


def plan_exploratory(
    settings: Settings, deployed_at: datetime, start: datetime, end: datetime
) -> Plan:
    """A stretch after the deploy, widened to whole hours from it, as a single look."""
    if start >= end:
        raise WrongUse(
            f"--from {iso(start)} is not before --to {iso(end)}; "
            "give a stretch of time after the deploy"
        )
    if start < deployed_at:
        raise WrongUse(
            f"--from {iso(start)} lies before the deploy at {iso(deployed_at)}, in the baseline; "
            "give a later time"
        )
    touched, alpha = hours_between(deployed_at, start, end), settings.monitoring.alpha
    hours = (touched.start, touched.stop)
    return Plan((1.0,), 0, hours, None, alpha, bounds((1.0,), alpha)[0], is_planned=False)
