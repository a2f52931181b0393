"""Many runs of every group, counted per cell: how often it happened, of how many, and the Monte-Carlo error."""

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
    metric : a key of `judged.CLAIMS`.
    timeout_rate : of feature `capped` before the deploy.
    days, hours : of baseline, and of the window.
    runs : series in which it was asked.
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
        return (
            float(np.sqrt(self.share * (1 - self.share) / self.runs)) if self.runs else float("nan")
        )

    def as_row(self) -> dict[str, object]:
        """All fields, the share and its error."""
        return asdict(self) | {"share": round(self.share, 4), "error": round(self.error, 4)}


@dataclass(frozen=True)
class Mean:
    """Mean share over cells, and its Monte-Carlo error.

    Cells of one group are asked of the same series, so the error comes from the runs' own means, not from the cells. Cells
    where half of the runs held too little to judge are left out.
    """

    share: float
    error: float
    n_cells: int


@dataclass(frozen=True)
class Counted:
    """All cells of a calibration, and the mean of some studies."""

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
        found = self.find(study, **where)
        return found[0] if len(found) == 1 else None


def count(
    groups: Sequence[Group],
    *,
    runs: int,
    seed: int,
    kept: Path | None = None,
    progress: Callable[[str], None] = lambda text: None,
) -> Counted:
    """Draw `runs` series of every group (fewer where it is about power) and count what was asked of them.

    Groups found in the folder `kept` are not run again.
    """
    cells, by_study = [], defaultdict(list)
    for number, group in enumerate(groups, 1):
        progress(
            f"{number}/{len(groups)}: {group.noise} noise, {group.calls_per_hour} calls an hour"
        )
        n_runs = group.runs_of(runs)
        keys, table = (
            _kept(kept, group, runs=n_runs, seed=seed)
            if kept
            else _run(group, runs=n_runs, seed=seed)
        )
        for (study, metric, days, hours), column in zip(keys, table.T, strict=True):
            asked = column[~np.isnan(column)]
            place = (
                study,
                metric,
                group.noise,
                group.calls_per_hour,
                group.timeout_rate,
                days,
                hours,
            )
            cells.append(Cell(*place, runs=asked.size, times=int(asked.sum())))
        for study in dict.fromkeys(key[0] for key in keys):
            by_study[study].append(
                table[:, [key[0] == study and not _says_nothing(key, keys, table) for key in keys]]
            )
    return Counted(tuple(cells), {study: _mean(tables) for study, tables in by_study.items()})


def _run(group: Group, *, runs: int, seed: int) -> tuple[list[Key], np.ndarray]:
    """What was asked, and the answers (runs, keys): 0, 1, or nan where a run had nothing to ask about."""
    answers = [group.run(run, seed=seed) for run in range(runs)]
    keys = list(dict.fromkeys(key for answer in answers for key in answer))
    return keys, np.array([[answer.get(key, np.nan) for key in keys] for answer in answers])


def _kept(folder: Path, group: Group, *, runs: int, seed: int) -> tuple[list[Key], np.ndarray]:
    """The same from a file of the folder, which is written when it is not there."""
    asked = "-".join(
        getattr(question, "__name__", "part").removeprefix("ask_") for question in group.questions
    )
    file = (
        folder
        / f"{group.noise}-{group.calls_per_hour}-{group.timeout_rate:g}-{asked}-{runs}-{seed}.json"
    )
    if not file.exists():
        keys, table = _run(group, runs=runs, seed=seed)
        write_json(
            file,
            {
                "keys": keys,
                "answers": [
                    [None if np.isnan(value) else int(value) for value in row] for row in table
                ],
            },
        )
    found = json.loads(file.read_text(encoding="utf-8"))
    return [tuple(key) for key in found["keys"]], np.array(found["answers"], dtype=float)


def _says_nothing(key: Key, keys: Sequence[Key], table: np.ndarray) -> bool:
    """In at least half of the runs there was too little to judge: no alarm there would only dress up the mean."""
    no_data = ("no data", *key[1:])
    return (
        key[0] != "no data" and no_data in keys and np.nanmean(table[:, keys.index(no_data)]) >= 0.5
    )


def _mean(tables: Sequence[np.ndarray]) -> Mean:
    """Every cell of every group counts the same; groups (runs, cells) are independent, cells of a group are not."""
    tables = [table for table in tables if table.shape[1]]
    n_cells = [table.shape[1] for table in tables]
    if not tables:
        return Mean(float("nan"), float("nan"), 0)
    share = sum(np.nanmean(table, axis=0).sum() for table in tables) / sum(n_cells)
    of_runs = [
        np.nanmean(table, axis=1) * cells / sum(n_cells)
        for table, cells in zip(tables, n_cells, strict=True)
    ]
    variance = sum(run.var(ddof=1) / run.size if run.size > 1 else np.nan for run in of_runs)
    return Mean(float(share), float(np.sqrt(variance)), sum(n_cells))
