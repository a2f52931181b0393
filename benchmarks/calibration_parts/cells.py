"""Runs of every group, summed per cell: how often something happened, and the Monte-Carlo error."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from analysis.files import write_json
from benchmarks.calibration_parts.studies import Group, Key


@dataclass(frozen=True)
class Cell:
    """How often something happened.

    Attributes
    ----------
    study : what: "false alarm", "z test", "met", ...
    metric : a key of `product_judge.CLAIMS`.
    timeout_rate : of feature `capped` before the deploy.
    days, hours : of baseline, and of the window.
    runs : series in which it could happen.
    times : in how many of them it happened.
    """

    study: str
    metric: str
    noise: str
    calls_per_hour: int
    timeout_rate: float
    days: int
    hours: int
    runs: int
    times: int

    @property
    def share(self) -> float:
        """Times / runs; nan without runs."""
        return self.times / self.runs if self.runs else float("nan")

    @property
    def error(self) -> float:
        """Monte-Carlo standard error of the share: sqrt(p (1 - p) / runs)."""
        if not self.runs:
            return float("nan")
        return float(np.sqrt(self.share * (1 - self.share) / self.runs))

    def as_row(self) -> dict[str, object]:
        """All fields, the share and its error."""
        return asdict(self) | {"share": round(self.share, 4), "error": round(self.error, 4)}


@dataclass(frozen=True)
class Mean:
    """Mean share over cells, and its Monte-Carlo error.

    The cells of one group use the same series, so the error comes from the means of the runs, not
    from the cells. Cells with too little data in half of the runs are left out.
    """

    share: float
    error: float
    n_cells: int


@dataclass(frozen=True)
class Calibration:
    """All cells of a calibration, and the mean of each study."""

    cells: tuple[Cell, ...]
    means: dict[str, Mean]

    def find(self, study: str, **where: object) -> list[Cell]:
        """The cells of a study whose fields have these values."""
        return [
            cell
            for cell in self.cells
            if cell.study == study
            and all(getattr(cell, key) == value for key, value in where.items())
        ]

    def one(self, study: str, **where: object) -> Cell | None:
        """The only such cell; None when it was not run."""
        cells = self.find(study, **where)
        return cells[0] if len(cells) == 1 else None


def run_groups(
    groups: Sequence[Group],
    *,
    runs: int,
    seed: int,
    cache: Path | None = None,
    on_progress: Callable[[str], None] = lambda text: None,
) -> Calibration:
    """Draw `runs` series of every group (fewer for power) and count what happened in them.

    A group whose file is in the folder `cache` is not run again.
    """
    cells, by_study = [], defaultdict(list)
    for number, group in enumerate(groups, 1):
        on_progress(
            f"{number}/{len(groups)}: {group.noise} noise, {group.calls_per_hour} calls an hour"
        )
        keys, table = _answers(group, runs=group.runs_of(runs), seed=seed, cache=cache)
        cells += [_cell(group, key, column) for key, column in zip(keys, table.T, strict=True)]
        for study in dict.fromkeys(key[0] for key in keys):
            used = [key[0] == study and not _lacks_data(key, keys, table) for key in keys]
            by_study[study].append(table[:, used])
    return Calibration(tuple(cells), {study: _mean(tables) for study, tables in by_study.items()})


def _cell(group: Group, key: Key, column: np.ndarray) -> Cell:
    study, metric, days, hours = key
    answers = column[~np.isnan(column)]
    return Cell(
        study,
        metric,
        group.noise,
        group.calls_per_hour,
        group.timeout_rate,
        days,
        hours,
        runs=answers.size,
        times=int(answers.sum()),
    )


def _answers(
    group: Group, *, runs: int, seed: int, cache: Path | None
) -> tuple[list[Key], np.ndarray]:
    """Keys, and answers (runs, keys): 0, 1, or nan where a run had no answer."""
    if cache is None:
        return _run(group, runs=runs, seed=seed)
    file = cache / f"{group.name}-{runs}-{seed}.json"
    if not file.exists():
        keys, table = _run(group, runs=runs, seed=seed)
        answers = [[None if np.isnan(value) else int(value) for value in row] for row in table]
        write_json(file, {"keys": keys, "answers": answers})
    stored = json.loads(file.read_text(encoding="utf-8"))
    return [tuple(key) for key in stored["keys"]], np.array(stored["answers"], dtype=float)


def _run(group: Group, *, runs: int, seed: int) -> tuple[list[Key], np.ndarray]:
    answers = [group.run(run, seed=seed) for run in range(runs)]
    keys = list(dict.fromkeys(key for answer in answers for key in answer))
    return keys, np.array([[answer.get(key, np.nan) for key in keys] for answer in answers])


def _lacks_data(key: Key, keys: Sequence[Key], table: np.ndarray) -> bool:
    """At least half of the runs had too little data, where no alarm would flatter the mean."""
    no_data = ("no data", *key[1:])
    if key == no_data or no_data not in keys:
        return False
    return np.nanmean(table[:, keys.index(no_data)]) >= 0.5


def _mean(tables: Sequence[np.ndarray]) -> Mean:
    """Every cell has the same weight; groups (runs, cells) are independent, cells are not."""
    tables = [table for table in tables if table.shape[1]]
    if not tables:
        return Mean(float("nan"), float("nan"), 0)
    n_cells = sum(table.shape[1] for table in tables)
    share = sum(np.nanmean(table, axis=0).sum() for table in tables) / n_cells
    run_means = [np.nanmean(table, axis=1) * table.shape[1] / n_cells for table in tables]
    variance = sum(run.var(ddof=1) / run.size if run.size > 1 else np.nan for run in run_means)
    return Mean(float(share), float(np.sqrt(variance)), n_cells)
