"""The planned looks and their bounds; and the look nobody planned."""

from __future__ import annotations

from datetime import datetime

from analysis.clock import iso
from analysis.config import Settings
from analysis.decision.claims import Plan
from analysis.errors import WrongUse
from analysis.statistics.sequential import bounds
from analysis.window import HOUR, Window, hours_between, window_after, window_of_hours


def plan_look(settings: Settings, label: str, *, first_hour: int = 0) -> Plan:
    """The place of a planned window. Bounds follow `[monitoring].windows` as if every earlier one had been looked at.

    `first_hour` is the hour from the deploy at which the monitoring's stage begins: 0, or later after a knob was turned.
    """
    hours = [length // HOUR for length in settings.monitoring.lengths]
    look = settings.monitoring.lengths.index(settings.window_length(label))
    times = tuple(hour / hours[-1] for hour in hours)
    alpha = settings.monitoring.alpha
    previous_last = first_hour + hours[look - 1] if look else None
    return Plan(
        times,
        look,
        (first_hour, first_hour + hours[look]),
        previous_last,
        alpha,
        bounds(times, alpha)[look],
    )


def plan_exploratory(
    settings: Settings, deployed_at: datetime, start: datetime, end: datetime
) -> tuple[Window, Plan]:
    """A stretch after the deploy, widened to whole hours from it, judged as a single look that decides nothing for good."""
    if start >= end:
        raise WrongUse(
            f"--from {iso(start)} is not before --to {iso(end)}; give a stretch of time after the deploy"
        )
    if start < deployed_at:
        raise WrongUse(
            f"--from {iso(start)} lies before the deploy at {iso(deployed_at)}, in the baseline; give a later time"
        )
    hours = hours_between(deployed_at, start, end)
    window = window_of_hours(deployed_at, hours.start, hours.stop)
    alpha = settings.monitoring.alpha
    return window, Plan(
        (1.0,),
        0,
        (hours.start, hours.stop),
        None,
        alpha,
        bounds((1.0,), alpha)[0],
        is_planned=False,
    )


def planned_window(
    settings: Settings, deployed_at: datetime, label: str, *, first_hour: int = 0
) -> Window:
    """The calls that a planned window looks at."""
    return window_after(deployed_at + first_hour * HOUR, settings.window_length(label))
