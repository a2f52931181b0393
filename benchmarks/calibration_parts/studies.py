"""What is asked of each series. Every question returns (study, metric, days, hours) -> 1.0 where it happened, else 0.0.

A run draws one series; all questions of its noise and volume are asked of it, so cells of one run are not independent of
each other, but runs are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from functools import partial

import numpy as np

from analysis.config import Claim
from analysis.decision.claims import Arms
from benchmarks.calibration_parts.judged import (
    CLAIMS,
    ask,
    hourly_counts,
    judge,
    lasts,
    make_arms,
    plan_of,
)
from benchmarks.calibration_parts.rivals import (
    LEVEL,
    canary_alarm,
    mann_whitney_p,
    minute_means,
    welch_p,
    z_test_p,
)
from benchmarks.calibration_parts.series import (
    NO_CHANGE,
    Change,
    HourSums,
    NoiseName,
    Series,
    draw_series,
    long_run_mean_ms,
)

Key = tuple[str, str, int, int]
Answers = Iterator[tuple[Key, float]]

NOISES: tuple[NoiseName, ...] = ("iid", "mild", "heavy")
VOLUMES, DAYS, WINDOWS = (10, 100, 1000, 10_000), (1, 3, 7), (1, 4, 24)
HOURLY, PLANNED = tuple(range(1, 25)), (1, 4, 12, 24)
LOOKED_AT = (("timeouts", 1), ("timeouts", 7), ("latency", 7))

FIX = Change(timeout_rate=0.25, error_factor=0.25, latency_factor=0.8)
AT_THE_MARGIN = Change(timeout_rate=0.55, latency_factor=1.1)
RELAPSE = Change(timeout_rate=0.2, latency_factor=0.7, until_hour=6)
STRONG_FIX, HALF_OF_NINE_TENTHS = Change(timeout_rate=0.2), Change(timeout_rate=0.45)
SUSTAINED_HOURS = 6
FEWER = 40
"""Per cent of the runs for questions about power."""


class Drawn:
    """One series with its sums and arms, made when first asked for."""

    def __init__(self, series: Series) -> None:
        self.series = series
        self._sums: dict[tuple[bool, Change], HourSums] = {}
        self._arms: dict[tuple[int, Change], Arms] = {}

    def sums(self, first: int, last: int, change: Change = NO_CHANGE) -> HourSums:
        """Hour sums of either arm; drawn once."""
        is_post = last > 0
        start, end = (0, 24) if is_post else (-self.series.deploy_hour, 0)
        if (is_post, change) not in self._sums:
            self._sums[is_post, change] = self.series.sums(start, end, change)
        drawn = self._sums[is_post, change]
        return HourSums(
            **{
                item.name: getattr(drawn, item.name)[first - start : last - start]
                for item in fields(HourSums)
            }
        )

    def arms(self, days: int, change: Change = NO_CHANGE) -> Arms:
        """Both arms with that many days of baseline."""
        if (days, change) not in self._arms:
            slower = self.series.slower(-24 * days, 24, self.series.limit_ms(days))
            self._arms[days, change] = make_arms(
                hourly_counts(self.sums(-24 * days, 0), slower[: 24 * days], first_hour=-24 * days),
                hourly_counts(self.sums(0, 24, change), slower[24 * days :], first_hour=0),
                days=days,
                hours=24,
            )
        return self._arms[days, change]

    def total(self, name: str, *, days: int, hours: int) -> tuple[float, float]:
        """A sum over the first `hours` post hours, and over the same clock hours of the last `days` days before."""
        by_hour = getattr(self.sums(-24 * days, 0), name).sum(axis=1).reshape(days, 24)
        return float(by_hour[:, :hours].sum()), float(getattr(self.sums(0, hours), name).sum())


def ask_false_alarms(
    drawn: Drawn,
    *,
    days: tuple[int, ...] = DAYS,
    metrics: tuple[str, ...] = tuple(CLAIMS),
    windows: tuple[int, ...] = WINDOWS,
) -> Answers:
    """Nothing changed, one look: whether the judge says that something did, and whether its 95 % interval holds 0."""
    for n_days in days:
        for metric in metrics:
            for hours in windows:
                found = ask(CLAIMS[metric], drawn.arms(n_days), plan_of((hours,)))
                key = (metric, n_days, hours)
                yield ("false alarm", *key), found.is_alarm
                yield ("no data", *key), found.state == "no_data"
                if found.interval is not None:
                    yield ("covered, no change", *key), _holds(found.interval, 0.0)


def ask_usual_tests(
    drawn: Drawn, *, days: tuple[int, ...] = DAYS, windows: tuple[int, ...] = WINDOWS
) -> Answers:
    """The same question put to the usual tests; those that need every single call only against one day."""
    for n_days in days:
        for hours in windows:
            calls, timeouts, errors, slow, slow2 = (
                drawn.total(name, days=n_days, hours=hours)
                for name in ("calls", "timeouts", "errors", "latency_ms", "latency_ms_2")
            )
            key = (n_days, hours)
            yield (
                ("z test", "timeouts", *key),
                z_test_p(timeouts[0], calls[0], timeouts[1], calls[1]) < LEVEL,
            )
            yield (
                ("z test", "errors", *key),
                z_test_p(errors[0], calls[0], errors[1], calls[1]) < LEVEL,
            )
            yield ("Welch", "latency", *key), welch_p(*zip(calls, slow, slow2, strict=True)) < LEVEL
            if n_days == 1:
                series, before, after = drawn.series, (-24, -24 + hours), (0, hours)
                calls_ms = (series.latency_ms[series.calls_of(*arm)] for arm in (before, after))
                yield ("Mann-Whitney", "latency", *key), mann_whitney_p(*calls_ms) < LEVEL
                yield (
                    ("canary judge", "latency", *key),
                    canary_alarm(minute_means(series, *before), minute_means(series, *after)),
                )


def ask_hourly_looks(drawn: Drawn, *, cells: tuple[tuple[str, int], ...] = LOOKED_AT) -> Answers:
    """Nothing changed, a look every hour for a day: whether any of them raises an alarm."""
    for metric, days in cells:
        looks = [
            ask(CLAIMS[metric], drawn.arms(days), plan_of(HOURLY, look))
            for look in range(len(HOURLY))
        ]
        yield ("any of 24 looks", metric, days, 24), any(found.is_alarm for found in looks)
        yield (
            ("any of 24 looks, bounds ignored", metric, days, 24),
            any(found.p_value < LEVEL for found in looks),
        )
        yield (
            ("any of 24 looks, usual test", metric, days, 24),
            any(_usual_p(drawn, metric, days, hours) < LEVEL for hours in HOURLY),
        )


def ask_changes(drawn: Drawn, *, days: tuple[int, ...] = (1, 7)) -> Answers:
    """A fix that works: whether it is found, whether the interval holds it, and whether "by half" is met at exactly half."""
    long_run = {
        "timeouts": -0.25,
        "errors": -0.0075,
        "latency": -0.2 * long_run_mean_ms(drawn.series.noise),
    }
    by_half = CLAIMS["timeouts"].model_copy(update={"by": 0.5})
    for n_days in days:
        arms = drawn.arms(n_days, FIX)
        for hours in (4, 24):
            for metric, change in long_run.items():
                found = ask(CLAIMS[metric], arms, plan_of((hours,)))
                yield ("met", metric, n_days, hours), found.state == "met"
                if found.interval is not None:
                    yield ("covered, fix", metric, n_days, hours), _holds(found.interval, change)
            (found,) = judge(by_half, arms, plan_of((hours,)))
            yield ("by half, exactly half", "timeouts", n_days, hours), found.state == "met"


def ask_margins(drawn: Drawn, *, days: tuple[int, ...] = (1, 7)) -> Answers:
    """Harm of exactly the margin of a guardrail: whether the judge says that it is within."""
    for n_days in days:
        arms = drawn.arms(n_days, AT_THE_MARGIN)
        for metric in ("timeouts", "latency"):
            claim = CLAIMS[metric].model_copy(update={"claim": "no_worse", "margin": 0.1})
            (found,) = judge(claim, arms, plan_of((24,)))
            yield ("no worse, exactly the margin", metric, n_days, 24), found.state == "met"


def ask_lasting(drawn: Drawn, *, days: tuple[int, ...] = (1, 7)) -> Answers:
    """Sustained for 6 hours: whether it is claimed at 12 h and at 24 h, without an effect or after a relapse at 6 h."""
    for n_days in days:
        for metric in ("timeouts", "latency"):
            for story, change in (("without effect", NO_CHANGE), ("after a relapse", RELAPSE)):
                for look in (2, 3):
                    sustained, met = _late_look(CLAIMS[metric], drawn.arms(n_days, change), look)
                    yield (f"sustained {story}", metric, n_days, PLANNED[look]), sustained
                    yield (f"met {story}", metric, n_days, PLANNED[look]), met


def ask_strong_fix(
    drawn: Drawn, *, days: tuple[int, ...] = (1, 7), windows: tuple[int, ...] = PLANNED
) -> Answers:
    """A fall from 90 % to 20 % timeouts: at which looks it is found, alone, and by half as one of four claims; and a fall to just half."""
    alone = CLAIMS["timeouts"].model_copy(update={"metric": "timeout_rate"})
    family = [
        alone.model_copy(update={"by": 0.5}),
        *(CLAIMS[name] for name in ("errors", "latency", "slower")),
    ]
    for n_days in days:
        arms, at_the_edge = drawn.arms(n_days, STRONG_FIX), drawn.arms(n_days, HALF_OF_NINE_TENTHS)
        for look, hours in enumerate(windows):
            (found,) = judge(family[0], at_the_edge, plan_of((hours,)))
            yield ("half of 90 %, exactly half", "timeouts", n_days, hours), found.state == "met"
            yield (
                ("strong fix", "timeouts", n_days, hours),
                judge(alone, arms, plan_of(windows, look))[0].state == "met",
            )
            found = judge(family, arms, plan_of(windows, look))[0]
            yield (
                ("strong fix by half, one of four", "timeouts", n_days, hours),
                found.state == "met",
            )


@dataclass(frozen=True)
class Group:
    """Series of one noise and volume, and what is asked of them; `is_rare`: about false alarms, which need many runs."""

    noise: NoiseName
    calls_per_hour: int
    questions: tuple[Callable[[Drawn], Answers], ...]
    timeout_rate: float = 0.5
    is_rare: bool = True

    def runs_of(self, runs: int) -> int:
        """How many of the runs asked for: a share near 1 or near .5 is known well enough from fewer."""
        return runs if self.is_rare else -(-runs * FEWER // 100)

    def run(self, number: int, *, seed: int) -> dict[Key, float]:
        """One series and its answers; the same seed and number, the same answers."""
        drawn = self.draw(number, seed=seed)
        return {
            key: float(answer) for question in self.questions for key, answer in question(drawn)
        }

    def draw(self, number: int, *, seed: int) -> Drawn:
        """Series number `number`."""
        place = (
            seed,
            NOISES.index(self.noise),
            self.calls_per_hour,
            round(100 * self.timeout_rate),
            number,
        )
        return Drawn(
            draw_series(
                place,
                calls_per_hour=self.calls_per_hour,
                noise=self.noise,
                timeout_rate=self.timeout_rate,
            )
        )


STUDIES = ("alarms", "looks", "power", "lasting")


def groups_of(studies: tuple[str, ...] = STUDIES) -> list[Group]:
    """The groups of these studies; a series is drawn once for all that is asked of its noise and volume."""
    found = []
    for noise in reversed(NOISES):
        for volume in VOLUMES:
            is_heavy, is_fast = noise == "heavy", volume <= 1000
            rare = {
                "alarms": (ask_false_alarms, ask_usual_tests),
                "looks": (ask_hourly_looks,) if is_heavy else (),
                "lasting": (ask_lasting,) if is_heavy and is_fast else (),
            }
            others = {
                "power": (ask_changes, *((ask_margins,) if is_fast else ())) if is_heavy else ()
            }
            for asked, is_rare in ((rare, True), (others, False)):
                questions = tuple(
                    question for study in studies for question in asked.get(study, ())
                )
                found += [Group(noise, volume, questions, is_rare=is_rare)] if questions else []
    if "power" in studies:
        found.append(Group("heavy", 37, (ask_strong_fix,), timeout_rate=0.9, is_rare=False))
        found.append(
            Group(
                "heavy",
                100,
                (partial(ask_strong_fix, days=(1,), windows=(24,)),),
                timeout_rate=0.9,
                is_rare=False,
            )
        )
    return found


def _holds(interval: tuple[float, float], value: float) -> bool:
    return interval[0] <= value <= interval[1]


def _late_look(claim: Claim, arms: Arms, look: int) -> tuple[bool, bool]:
    """Sustained by the whole rule, and met by the cumulative test alone."""
    plan = plan_of(PLANNED, look)
    if ask(claim, arms, plan).state != "met":
        return False, False
    return lasts(judge(claim, arms, plan), arms, plan, sustained_hours=SUSTAINED_HOURS), True


def _usual_p(drawn: Drawn, metric: str, days: int, hours: int) -> float:
    """The z test for timeouts, Welch's for latency."""
    calls = drawn.total("calls", days=days, hours=hours)
    if metric == "timeouts":
        events = drawn.total("timeouts", days=days, hours=hours)
        return z_test_p(events[0], calls[0], events[1], calls[1])
    sums = (drawn.total(name, days=days, hours=hours) for name in ("latency_ms", "latency_ms_2"))
    return welch_p(*np.array([calls, *sums]).T)
