"""The studies: which cells each consists of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from benchmarks.controls_parts.simulation import Scenario

PLANNED, HOURLY = (1, 4, 12, 24), tuple(range(1, 25))


@dataclass(frozen=True)
class Cell:
    """One row of a table.

    Attributes
    ----------
    study, name : the part of the page, and the row.
    is_power : a positive is right; else it is a false alarm.
    metric : what is compared.
    looks : hours of the looks, which share alpha.
    claim : "changed" (two-sided), "no worse" (within the margin of 10 %, one-sided).
    burst : of the slowest tenant in two control features.
    strata_inside : whether the control features are split by tenant.
    """

    study: str
    name: str
    scenario: Scenario
    is_power: bool = False
    metric: str = "latency_mean"
    looks: tuple[int, ...] = (24,)
    claim: str = "changed"
    burst: float = 1.0
    strata_inside: bool = True


# A row: name, is a positive right, what differs from the study's scenario.
Row = tuple[str, bool, dict[str, float]]
QUIET: Row = ("nothing shared", False, {"shared": 0.0})
SHARED: Row = ("noise shared .6", False, {})
PROVIDER: Row = ("provider 25 % slower, noise shared .6", False, {"provider": 1.25})
PROVIDER_ONLY: Row = (
    "provider 25 % slower, nothing else shared",
    False,
    {"shared": 0.0, "provider": 1.25},
)


def with_effect(row: Row, percent: int) -> Row:
    """The row with a slower target, where a positive is right."""
    name, _, changes = row
    effect = {"effect": 1 + percent / 100}
    return f"{name}, mean +{percent} %", True, changes | effect


def make_cells(study: str, rows: Iterable[Row], scenario: Scenario, **fields) -> Iterator[Cell]:
    """One cell a row; `fields` are those of every cell."""
    for name, is_power, changes in rows:
        yield Cell(study, name, replace(scenario, **changes), is_power=is_power, **fields)


def table_cells() -> Iterator[Cell]:
    """The main table: a window of 24 hours, one look."""
    rows: list[Row] = []
    for shared in (0.0, 0.6, 0.9):
        name = f"noise shared {shared}" if shared else "nothing shared"
        row: Row = (name, False, {"shared": shared})
        rows += [row, with_effect(row, 10)]
    rows += [PROVIDER, PROVIDER_ONLY]
    for number in (1, 3):
        changed = {"changed_controls": number}
        rows.append((f"{number} of 6 controls changed, +10 %", False, changed))
        rows.append(with_effect((f"{number} of 6 controls changed", True, changed), 10))
    rows.append(("outage of 3 h after the deploy", False, {"outage_hours": 3}))
    for days in (1, 2, 7):
        yield from make_cells(f"D = {days}", rows, Scenario(days=days))


def target_cells() -> Iterator[Cell]:
    """The cells of the targets, with more runs."""
    rows = (QUIET, with_effect(QUIET, 10), with_effect(SHARED, 10), PROVIDER, PROVIDER_ONLY)
    yield from make_cells("targets, D = 7", rows, Scenario())


def weekly_cells() -> Iterator[Cell]:
    """Two weeks of baseline: hours of the week are matched."""
    rows = (SHARED, PROVIDER, with_effect(SHARED, 10))
    yield from make_cells("D = 14, hours of the week", rows, Scenario(days=14))


def short_cells() -> Iterator[Cell]:
    """Short windows as a single look."""
    rows = (QUIET, SHARED, PROVIDER, with_effect(QUIET, 25), with_effect(SHARED, 25))
    for hours in (1, 4):
        study = f"window of {hours} h, D = 7"
        yield from make_cells(study, rows, Scenario(hours=hours), looks=(hours,))


def look_cells() -> Iterator[Cell]:
    """Looks that share alpha; a positive at any of them counts."""
    rows = (QUIET, SHARED, PROVIDER, with_effect(QUIET, 20), with_effect(SHARED, 20))
    for study, looks, days in (
        ("looks at 1, 4, 12, 24 h", PLANNED, 7),
        ("looks at 1, 4, 12, 24 h, D = 1", PLANNED, 1),
        ("24 hourly looks", HOURLY, 7),
    ):
        yield from make_cells(study, rows, Scenario(days=days), looks=looks)


def margin_cells() -> Iterator[Cell]:
    """no_worse by a margin of 10 %: wrong at the boundary, right without a change."""
    faster = {"effect": 1.1, "provider": 0.8}
    rows: tuple[Row, ...] = (
        ("nothing shared, mean +10 %", False, {"shared": 0.0, "effect": 1.1}),
        ("noise shared .6, mean +10 %", False, {"effect": 1.1}),
        ("provider 20 % faster, mean +10 %", False, faster),
        ("nothing shared, no change", True, {"shared": 0.0}),
        ("noise shared .6, no change", True, {}),
        ("noise shared .9, no change", True, {"shared": 0.9}),
    )
    for days in (1, 2, 7):
        study = f"margin of 10 %, D = {days}"
        yield from make_cells(study, rows, Scenario(days=days), claim="no worse")


def metric_cells() -> Iterator[Cell]:
    """Slower than the baseline's p95, timeouts (10 % of the calls), provider errors (2 %)."""
    slower, provider = {"effect": 1.25}, {"provider": 1.25}
    more_errors, provider_errors = {"error_effect": 2.5}, {"provider_errors": 2.5}
    for metric, effect, words, by_provider in (
        ("slower_than_p95", slower, "25 % slower", provider),
        ("timeout_rate", slower, "25 % slower", provider),
        ("http_5xx_rate", more_errors, "errors x 2.5", provider_errors),
    ):
        rows: tuple[Row, ...] = (
            QUIET,
            SHARED,
            (f"provider {words}, noise shared .6", False, by_provider),
            (f"nothing shared, {words}", True, effect | {"shared": 0.0}),
            (f"noise shared .6, {words}", True, effect),
        )
        for days in (1, 7):
            study = f"`{metric}`, D = {days}"
            yield from make_cells(study, rows, Scenario(days=days), metric=metric)


def strata_cells() -> Iterator[Cell]:
    """A burst of the slowest tenant in two control features, with and without strata inside."""
    for inside in (True, False):
        how = "with" if inside else "without"
        study = f"burst x 4 of a slow tenant in 2 of 6, {how} strata inside"
        rows = (SHARED, with_effect(SHARED, 10))
        yield from make_cells(study, rows, Scenario(), burst=4.0, strata_inside=inside)


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
