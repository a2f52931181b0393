"""The studies. Each yields (study, metric, days, hours) and whether it happened in one series.

A run draws one series for all studies of its noise and volume. The cells of a run are therefore
dependent; runs are independent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from functools import partial
from itertools import product

import numpy as np

from analysis.config import Claim
from analysis.decision.comparison import Comparator
from benchmarks.calibration_parts.product_judge import (
    CLAIMS,
    ask,
    hourly_counts,
    is_sustained,
    judge,
    make_comparator,
    plan_of,
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
from benchmarks.calibration_parts.usual_tests import (
    LEVEL,
    canary_alarm,
    mann_whitney_p,
    minute_means,
    welch_p,
    z_test_p,
)

Key = tuple[str, str, int, int]
Answers = Iterator[tuple[Key, float]]
Study = Callable[["SeriesArms"], Answers]

NOISES: tuple[NoiseName, ...] = ("iid", "mild", "heavy")
VOLUMES, DAYS, WINDOWS = (10, 100, 1000, 10_000), (1, 3, 7), (1, 4, 24)
HOURLY, PLANNED = tuple(range(1, 25)), (1, 4, 12, 24)
HOURLY_CELLS = (("timeouts", 1), ("timeouts", 7), ("latency", 7))

FIX = Change(timeout_rate=0.25, error_factor=0.25, latency_factor=0.8)
AT_THE_MARGIN = Change(timeout_rate=0.55, latency_factor=1.1)
RELAPSE = Change(timeout_rate=0.2, latency_factor=0.7, until_hour=6)
STRONG_FIX, HALF_OF_NINE_TENTHS = Change(timeout_rate=0.2), Change(timeout_rate=0.45)
SUSTAINED_HOURS = 6
FEWER = 40  # per cent of the runs for power, where a share near 1 needs fewer


class SeriesArms:
    """One series with its sums and arms, computed on first use."""

    def __init__(self, series: Series) -> None:
        self.series = series
        self._sums: dict[tuple[bool, Change], HourSums] = {}
        self._comparators: dict[tuple[int, Change], Comparator] = {}

    def sums(self, first: int, last: int, change: Change = NO_CHANGE) -> HourSums:
        """Hour sums of one arm."""
        is_post = last > 0
        start, end = (0, 24) if is_post else (-self.series.deploy_hour, 0)
        if (is_post, change) not in self._sums:
            self._sums[is_post, change] = self.series.sums(start, end, change)
        sums = self._sums[is_post, change]
        return HourSums(
            **{
                item.name: getattr(sums, item.name)[first - start : last - start]
                for item in fields(HourSums)
            }
        )

    def comparator(self, days: int, change: Change = NO_CHANGE) -> Comparator:
        """The comparator of both arms with that many days of baseline."""
        if (days, change) not in self._comparators:
            slower = self.series.slower(-24 * days, 24, self.series.limit_ms(days))
            self._comparators[days, change] = make_comparator(
                hourly_counts(self.sums(-24 * days, 0), slower[: 24 * days], first_hour=-24 * days),
                hourly_counts(self.sums(0, 24, change), slower[24 * days :], first_hour=0),
                days=days,
                hours=24,
            )
        return self._comparators[days, change]

    def total(self, name: str, *, days: int, hours: int) -> tuple[float, float]:
        """A sum over the same hours of the baseline, and over the first `hours` post hours."""
        by_hour = getattr(self.sums(-24 * days, 0), name).sum(axis=1).reshape(days, 24)
        return float(by_hour[:, :hours].sum()), float(getattr(self.sums(0, hours), name).sum())


def ask_false_alarms(
    sample: SeriesArms,
    *,
    days: tuple[int, ...] = DAYS,
    metrics: tuple[str, ...] = tuple(CLAIMS),
    windows: tuple[int, ...] = WINDOWS,
) -> Answers:
    """Nothing changed, one look: is there an alarm, and does the 95 % interval contain 0."""
    for n_days in days:
        for metric in metrics:
            for hours in windows:
                found = ask(CLAIMS[metric], sample.comparator(n_days), plan_of((hours,)))
                key = (metric, n_days, hours)
                yield ("false alarm", *key), found.is_alarm
                yield ("no data", *key), found.state == "no_data"
                if found.interval is not None:
                    yield ("covered, no change", *key), _contains(found.interval, 0.0)


def ask_usual_tests(
    sample: SeriesArms, *, days: tuple[int, ...] = DAYS, windows: tuple[int, ...] = WINDOWS
) -> Answers:
    """The same with the usual tests; those of single calls only with one day of baseline."""
    for n_days in days:
        for hours in windows:
            calls, timeouts, errors, slow, slow2 = (
                sample.total(name, days=n_days, hours=hours)
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
                series, before, after = sample.series, (-24, -24 + hours), (0, hours)
                calls_ms = (series.latency_ms[series.calls_of(*arm)] for arm in (before, after))
                yield ("Mann-Whitney", "latency", *key), mann_whitney_p(*calls_ms) < LEVEL
                yield (
                    ("canary judge", "latency", *key),
                    canary_alarm(minute_means(series, *before), minute_means(series, *after)),
                )


def ask_hourly_looks(
    sample: SeriesArms, *, cells: tuple[tuple[str, int], ...] = HOURLY_CELLS
) -> Answers:
    """Nothing changed, a look every hour for a day: does any of them raise an alarm."""
    for metric, days in cells:
        looks = [
            ask(CLAIMS[metric], sample.comparator(days), plan_of(HOURLY, look))
            for look in range(len(HOURLY))
        ]
        yield ("any of 24 looks", metric, days, 24), any(found.is_alarm for found in looks)
        yield (
            ("any of 24 looks, bounds ignored", metric, days, 24),
            any(found.p_value < LEVEL for found in looks),
        )
        yield (
            ("any of 24 looks, usual test", metric, days, 24),
            any(_usual_p(sample, metric, days, hours) < LEVEL for hours in HOURLY),
        )


def ask_changes(sample: SeriesArms, *, days: tuple[int, ...] = (1, 7)) -> Answers:
    """A fix that works: is it found, is it in the interval, is "by half" met at exactly half."""
    long_run = {
        "timeouts": -0.25,
        "errors": -0.0075,
        "latency": -0.2 * long_run_mean_ms(sample.series.noise),
    }
    by_half = CLAIMS["timeouts"].model_copy(update={"by": 0.5})
    for n_days in days:
        comparator = sample.comparator(n_days, FIX)
        for hours in (4, 24):
            for metric, change in long_run.items():
                found = ask(CLAIMS[metric], comparator, plan_of((hours,)))
                yield ("met", metric, n_days, hours), found.state == "met"
                if found.interval is not None:
                    yield ("covered, fix", metric, n_days, hours), _contains(found.interval, change)
            (found,) = judge(by_half, comparator, plan_of((hours,)))
            yield ("by half, exactly half", "timeouts", n_days, hours), found.state == "met"


def ask_margins(sample: SeriesArms, *, days: tuple[int, ...] = (1, 7)) -> Answers:
    """Harm of exactly a guardrail's margin: does the judge report it as within."""
    for n_days in days:
        comparator = sample.comparator(n_days, AT_THE_MARGIN)
        for metric in ("timeouts", "latency"):
            claim = CLAIMS[metric].model_copy(update={"claim": "no_worse", "margin": 0.1})
            (found,) = judge(claim, comparator, plan_of((24,)))
            yield ("no worse, exactly the margin", metric, n_days, 24), found.state == "met"


def ask_sustained(sample: SeriesArms, *, days: tuple[int, ...] = (1, 7)) -> Answers:
    """Is it sustained for 6 h, at 12 h and 24 h, without an effect or after a relapse at 6 h."""
    for n_days in days:
        for metric in ("timeouts", "latency"):
            for scenario, change in (("without effect", NO_CHANGE), ("after a relapse", RELAPSE)):
                for look in (2, 3):
                    sustained, met = _late_look(
                        CLAIMS[metric], sample.comparator(n_days, change), look
                    )
                    yield (f"sustained {scenario}", metric, n_days, PLANNED[look]), sustained
                    yield (f"met {scenario}", metric, n_days, PLANNED[look]), met


def ask_strong_fix(
    sample: SeriesArms, *, days: tuple[int, ...] = (1, 7), windows: tuple[int, ...] = PLANNED
) -> Answers:
    """Timeouts from 90 to 20 %: is it found at each look, alone and as one of four claims.

    Also a fall to 45 %, exactly half.
    """
    alone = CLAIMS["timeouts"].model_copy(update={"metric": "timeout_rate"})
    family = [
        alone.model_copy(update={"by": 0.5}),
        *(CLAIMS[name] for name in ("errors", "latency", "slower")),
    ]
    for n_days in days:
        comparator, at_the_edge = (
            sample.comparator(n_days, STRONG_FIX),
            sample.comparator(n_days, HALF_OF_NINE_TENTHS),
        )
        for look, hours in enumerate(windows):
            (found,) = judge(family[0], at_the_edge, plan_of((hours,)))
            yield ("half of 90 %, exactly half", "timeouts", n_days, hours), found.state == "met"
            yield (
                ("strong fix", "timeouts", n_days, hours),
                judge(alone, comparator, plan_of(windows, look))[0].state == "met",
            )
            found = judge(family, comparator, plan_of(windows, look))[0]
            yield (
                ("strong fix by half, one of four", "timeouts", n_days, hours),
                found.state == "met",
            )


@dataclass(frozen=True)
class Group:
    """Series of one noise and volume, and their studies.

    `is_rare`: the studies are about false alarms, which need all runs.
    """

    noise: NoiseName
    calls_per_hour: int
    studies: tuple[Study, ...]
    timeout_rate: float = 0.5
    is_rare: bool = True

    @property
    def name(self) -> str:
        """Noise, volume and studies, as the name of a file."""
        names = (getattr(study, "__name__", "part").removeprefix("ask_") for study in self.studies)
        return f"{self.noise}-{self.calls_per_hour}-{self.timeout_rate:g}-{'-'.join(names)}"

    def runs_of(self, runs: int) -> int:
        """Number of runs for this group."""
        return runs if self.is_rare else -(-runs * FEWER // 100)

    def run(self, number: int, *, seed: int) -> dict[Key, float]:
        """The answers of one series; the same seed and number give the same answers."""
        sample = self.draw(number, seed=seed)
        return {key: float(answer) for study in self.studies for key, answer in study(sample)}

    def draw(self, number: int, *, seed: int) -> SeriesArms:
        """Draw one series."""
        noise, per_cent = NOISES.index(self.noise), round(100 * self.timeout_rate)
        return SeriesArms(
            draw_series(
                (seed, noise, self.calls_per_hour, per_cent, number),
                calls_per_hour=self.calls_per_hour,
                noise=self.noise,
                timeout_rate=self.timeout_rate,
            )
        )


STUDIES = ("alarms", "looks", "power", "sustained")


def groups_of(studies: tuple[str, ...] = STUDIES) -> list[Group]:
    """The groups of these studies, one for each noise and volume."""
    groups = []
    for noise, volume in product(reversed(NOISES), VOLUMES):
        is_heavy, is_small = noise == "heavy", volume <= 1000
        rare: list[Study] = []
        if "alarms" in studies:
            rare += [ask_false_alarms, ask_usual_tests]
        if "looks" in studies and is_heavy:
            rare.append(ask_hourly_looks)
        if "sustained" in studies and is_heavy and is_small:
            rare.append(ask_sustained)
        power: list[Study] = []
        if "power" in studies and is_heavy:
            power = [ask_changes, ask_margins] if is_small else [ask_changes]
        for chosen, is_rare in ((rare, True), (power, False)):
            if chosen:
                groups.append(Group(noise, volume, tuple(chosen), is_rare=is_rare))
    if "power" in studies:
        single_look = partial(ask_strong_fix, days=(1,), windows=(24,))
        for volume, study in ((37, ask_strong_fix), (100, single_look)):
            groups.append(Group("heavy", volume, (study,), timeout_rate=0.9, is_rare=False))
    return groups


def _contains(interval: tuple[float, float], value: float) -> bool:
    return interval[0] <= value <= interval[1]


def _late_look(claim: Claim, comparator: Comparator, look: int) -> tuple[bool, bool]:
    """Sustained by the whole rule; met by the cumulative test alone."""
    plan = plan_of(PLANNED, look)
    if ask(claim, comparator, plan).state != "met":
        return False, False
    findings = judge(claim, comparator, plan)
    return is_sustained(findings, comparator, plan, sustained_hours=SUSTAINED_HOURS), True


def _usual_p(sample: SeriesArms, metric: str, days: int, hours: int) -> float:
    """The z test for timeouts, Welch's for latency."""
    calls = sample.total("calls", days=days, hours=hours)
    if metric == "timeouts":
        events = sample.total("timeouts", days=days, hours=hours)
        return z_test_p(events[0], calls[0], events[1], calls[1])
    sums = (sample.total(name, days=days, hours=hours) for name in ("latency_ms", "latency_ms_2"))
    return welch_p(*np.array([calls, *sums]).T)
