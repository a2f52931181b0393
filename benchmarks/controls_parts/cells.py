"""The cells of the table: what happens, what is asked of the judge, and how often the plain and the guarded comparison say it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from analysis.counting.scope import Scope
from analysis.decision.claims import Arms
from analysis.metrics import metric_named
from analysis.statistics.comparison import Comparison
from analysis.statistics.controls.comparison import ControlComparison
from analysis.statistics.sequential import bounds, z_value
from benchmarks.controls_parts.world import Story, World

ALPHA, MARGIN = 0.05, 0.1
TARGET = Scope("target")
PLANNED, HOURLY = (1, 4, 12, 24), tuple(range(1, 25))


@dataclass(frozen=True)
class Cell:
    """One line of the table.

    Attributes
    ----------
    study, name : where it stands, what happens.
    story : what happens to calls.
    is_power : saying so is right; else it is a false alarm.
    metric : what is compared.
    looks : hours of the looks, alpha spent over them; one look is judged at the whole alpha.
    claim : "changed" (two-sided), "kept" (within the margin of 10 %, one-sided).
    burst : of the slowest tenant in two untouched features.
    strata_inside : whether the untouched features are split by tenant.
    """

    study: str
    name: str
    story: Story
    is_power: bool = False
    metric: str = "latency_mean"
    looks: tuple[int, ...] = (24,)
    claim: str = "changed"
    burst: float = 1.0
    strata_inside: bool = True


@dataclass
class Tally:
    """How often each comparison said it, run by run."""

    plain: list[bool] = field(default_factory=list)
    guarded: list[bool] = field(default_factory=list)
    moved: list[bool] = field(default_factory=list)

    def add(self, plain: bool, guarded: bool, moved: bool) -> None:
        """One run more."""
        self.plain.append(plain)
        self.guarded.append(guarded)
        self.moved.append(moved)

    def rate(self, side: str) -> tuple[float, float]:
        """Share of the runs and its Monte-Carlo error."""
        said = np.array(getattr(self, side), dtype=float)
        return float(said.mean()), float(
            np.sqrt(max(said.mean() * (1 - said.mean()), 1 / said.size) / said.size)
        )

    @property
    def gained(self) -> tuple[float, float]:
        """ControlComparison minus plain on the same runs, and its Monte-Carlo error."""
        difference = np.array(self.guarded, dtype=float) - np.array(self.plain, dtype=float)
        return float(difference.mean()), float(
            difference.std(ddof=1) / np.sqrt(difference.size)
        ) if difference.size > 1 else 0.0


def table_cells() -> Iterator[Cell]:
    """The table of CONTROLS: a window of 24 hours, one look."""
    for days in (1, 2, 7):
        base = Story(days=days)
        for shared in (0.0, 0.6, 0.9):
            name = f"noise shared {shared}" if shared else "nothing shared"
            yield Cell(f"D = {days}", name, replace(base, shared=shared))
            yield Cell(
                f"D = {days}",
                f"{name}, mean +10 %",
                replace(base, shared=shared, effect=1.1),
                is_power=True,
            )
        yield Cell(
            f"D = {days}", "provider 25 % slower, noise shared .6", replace(base, provider=1.25)
        )
        yield Cell(
            f"D = {days}",
            "provider 25 % slower, nothing else shared",
            replace(base, shared=0.0, provider=1.25),
        )
        yield Cell(f"D = {days}", "1 of 6 touched, +10 %", replace(base, touched=1))
        yield Cell(
            f"D = {days}",
            "1 of 6 touched, mean +10 %",
            replace(base, touched=1, effect=1.1),
            is_power=True,
        )
        yield Cell(f"D = {days}", "3 of 6 touched, +10 %", replace(base, touched=3))
        yield Cell(
            f"D = {days}",
            "3 of 6 touched, mean +10 %",
            replace(base, touched=3, effect=1.1),
            is_power=True,
        )
        yield Cell(f"D = {days}", "outage of 3 h after the deploy", replace(base, outage_hours=3))


def target_cells() -> Iterator[Cell]:
    """The cells that the method must hold, apart, for more runs: --studies targets --runs 2000."""
    for name, story, is_power in (
        ("nothing shared", Story(shared=0.0), False),
        ("nothing shared, mean +10 %", Story(shared=0.0, effect=1.1), True),
        ("noise shared .6, mean +10 %", Story(effect=1.1), True),
        ("provider 25 % slower, noise shared .6", Story(provider=1.25), False),
        ("provider 25 % slower, nothing else shared", Story(shared=0.0, provider=1.25), False),
    ):
        yield Cell("targets, D = 7", name, story, is_power=is_power)


def weekly_cells() -> Iterator[Cell]:
    """Two weeks of baseline: hours of the week are matched."""
    for name, story, is_power in (
        ("noise shared .6", Story(days=14), False),
        ("provider 25 % slower, noise shared .6", Story(days=14, provider=1.25), False),
        ("noise shared .6, mean +10 %", Story(days=14, effect=1.1), True),
    ):
        yield Cell("D = 14, hours of the week", name, story, is_power=is_power)


def short_cells() -> Iterator[Cell]:
    """Short windows as a single look."""
    for hours in (1, 4):
        for name, story, is_power in (
            ("nothing shared", Story(shared=0.0, hours=hours), False),
            ("noise shared .6", Story(hours=hours), False),
            ("provider 25 % slower, noise shared .6", Story(hours=hours, provider=1.25), False),
            ("nothing shared, mean +25 %", Story(shared=0.0, hours=hours, effect=1.25), True),
            ("noise shared .6, mean +25 %", Story(hours=hours, effect=1.25), True),
        ):
            yield Cell(
                f"window of {hours} h, D = 7", name, story, is_power=is_power, looks=(hours,)
            )


def look_cells() -> Iterator[Cell]:
    """Looks that share alpha: said at any of them."""
    plans = (
        ("looks at 1, 4, 12, 24 h", PLANNED, 7),
        ("looks at 1, 4, 12, 24 h, D = 1", PLANNED, 1),
        ("24 hourly looks", HOURLY, 7),
    )
    for study, looks, days in plans:
        for name, story, is_power in (
            ("nothing shared", Story(shared=0.0, days=days), False),
            ("noise shared .6", Story(days=days), False),
            ("provider 25 % slower, noise shared .6", Story(provider=1.25, days=days), False),
            ("nothing shared, mean +20 %", Story(shared=0.0, effect=1.2, days=days), True),
            ("noise shared .6, mean +20 %", Story(effect=1.2, days=days), True),
        ):
            yield Cell(study, name, story, is_power=is_power, looks=looks)


def margin_cells() -> Iterator[Cell]:
    """no_worse by a margin of 10 %, one-sided: said to be kept at the boundary is wrong, said without a change is right."""
    for days in (1, 2, 7):
        for name, story, is_power in (
            ("nothing shared, mean +10 %", Story(shared=0.0, effect=1.1, days=days), False),
            ("noise shared .6, mean +10 %", Story(effect=1.1, days=days), False),
            ("provider 20 % faster, mean +10 %", Story(effect=1.1, provider=0.8, days=days), False),
            ("nothing shared, no change", Story(shared=0.0, days=days), True),
            ("noise shared .6, no change", Story(days=days), True),
            ("noise shared .9, no change", Story(shared=0.9, days=days), True),
        ):
            yield Cell(
                f"margin of 10 % kept, D = {days}", name, story, is_power=is_power, claim="kept"
            )


def metric_cells() -> Iterator[Cell]:
    """Other metrics: slower than the baseline's p95, timeouts at a cap (10 % of the calls), provider errors (2 %)."""
    slower = Story(effect=1.25)
    for metric, effect in (
        ("slower_than_p95", slower),
        ("timeout_rate", slower),
        ("http_5xx_rate", Story(error_effect=2.5)),
    ):
        is_class = metric == "http_5xx_rate"
        slow = Story(provider_errors=2.5) if is_class else Story(provider=1.25)
        words = "errors x 2.5" if is_class else "25 % slower"
        for days in (1, 7):
            study = f"`{metric}`, D = {days}"
            yield Cell(study, "nothing shared", Story(shared=0.0, days=days), metric=metric)
            yield Cell(study, "noise shared .6", Story(days=days), metric=metric)
            yield Cell(
                study, f"provider {words}, noise shared .6", replace(slow, days=days), metric=metric
            )
            yield Cell(
                study,
                f"nothing shared, {words}",
                replace(effect, shared=0.0, days=days),
                is_power=True,
                metric=metric,
            )
            yield Cell(
                study,
                f"noise shared .6, {words}",
                replace(effect, days=days),
                is_power=True,
                metric=metric,
            )


def strata_cells() -> Iterator[Cell]:
    """A burst of the slowest tenant in two untouched features, with and without strata inside them."""
    for inside in (True, False):
        study = (
            f"burst x 4 of a slow tenant in 2 of 6, {'with' if inside else 'without'} strata inside"
        )
        yield Cell(study, "noise shared .6", Story(), burst=4.0, strata_inside=inside)
        yield Cell(
            study,
            "noise shared .6, mean +10 %",
            Story(effect=1.1),
            is_power=True,
            burst=4.0,
            strata_inside=inside,
        )


STUDIES: dict[str, Callable[[], Iterator[Cell]]] = {
    "targets": target_cells,
    "table": table_cells,
    "weekly": weekly_cells,
    "short": short_cells,
    "looks": look_cells,
    "margins": margin_cells,
    "metrics": metric_cells,
    "strata": strata_cells,
}


def judge_cell(cell: Cell, world: World) -> tuple[bool, bool, bool]:
    """Whether the plain and the guarded comparison say it, and whether the untouched features moved at the last look."""
    metric = metric_named(cell.metric)
    arms = world.arms(cell.story, metric, cell.looks, strata_inside=cell.strata_inside)
    found = [_guarded(arms, cell, hours) for hours in cell.looks]
    edges = bounds(tuple(hours / cell.looks[-1] for hours in cell.looks), ALPHA)
    plain = any(_says(cell, one.plain, edge) for one, edge in zip(found, edges, strict=True))
    guarded = any(_says(cell, one, edge) for one, edge in zip(found, edges, strict=True))
    return plain, guarded, found[-1].moved


def _guarded(arms: Arms, cell: Cell, hours: int) -> ControlComparison:
    return arms.compare(TARGET, metric_named(cell.metric), (0, hours))


def _says(cell: Cell, comparison: Comparison, edge: float) -> bool:
    if cell.claim == "kept":
        return comparison.p_value(scale=1 + MARGIN, alternative="less") < ALPHA
    return z_value(comparison.p_value()) >= edge
