"""The cells as tables in Markdown: every cell that was run, those that fall short in bold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pandas as pd

from benchmarks.calibration_parts.cells import Cell, Counted
from benchmarks.calibration_parts.judged import METRIC_NAMES
from benchmarks.calibration_parts.studies import DAYS, FEWER, NOISES, PLANNED, VOLUMES, WINDOWS
from benchmarks.calibration_parts.targets import ANY_ALARMS, check_targets, number

NONE = "–"
STRONG = (
    ("strong fix", "alone"),
    ("strong fix by half, one of four", "by half, one of four claims"),
    ("half of 90 %, exactly half", "by half, a fall to 45 % only"),
)


def write_tables(counted: Counted, *, runs: int, seed: int) -> str:
    """All tables, headed by the runs and their error."""
    worst_error = (0.05 * 0.95 / runs) ** 0.5
    head = (
        f"{runs:,} runs a cell ({FEWER} % of them for power), seed {seed}. Monte-Carlo error of a share p is sqrt(p (1 - p) / runs): "
        f"± {number(worst_error)} at .05, ± {number((0.25 / runs) ** 0.5)} at .50."
    )
    parts = [
        head,
        _targets(counted),
        _usual_tests(counted),
        _alarms(counted),
        _looks(counted),
        _changes(counted),
    ]
    parts += [_strong_fix(counted), _margins(counted), _lasting(counted)]
    return "\n\n".join(part for part in parts if part) + "\n"


def write_cells(counted: Counted) -> str:
    """Every cell as CSV."""
    return pd.DataFrame([cell.as_row() for cell in counted.cells]).to_csv(
        index=False, lineterminator="\n"
    )


def _targets(counted: Counted) -> str:
    rows = [
        (target.asks, target.measured, "yes" if target.is_met else "**no**")
        for target in check_targets(counted)
    ]
    return _table("Targets", ("asked for", "measured", "met"), rows)


def _usual_tests(counted: Counted) -> str:
    asked = (
        ("false alarm", "latency"),
        ("Welch", "latency"),
        ("Mann-Whitney", "latency"),
        ("canary judge", "latency"),
        ("false alarm", "timeouts"),
        ("z test", "timeouts"),
        ("false alarm", "errors"),
        ("z test", "errors"),
    )
    head = (
        "noise",
        "calls/h",
        "latency: **ours**",
        "Welch",
        "Mann-Whitney",
        "canary judge",
        "timeouts 50 %: **ours**",
        "z test",
        "errors 1 %: **ours**",
        "z test",
    )
    rows = []
    for noise in NOISES:
        for volume in VOLUMES:
            cells = [
                counted.one(
                    study, metric=metric, noise=noise, calls_per_hour=volume, days=1, hours=24
                )
                for study, metric in asked
            ]
            if any(cells):
                rows.append((noise, f"{volume:,}", *map(_share, cells)))
    return _table(
        "False alarms beside the usual tests: nothing changed, 24 h against the 24 h before, level 5 %",
        head,
        rows,
    )


def _alarms(counted: Counted) -> str:
    metrics = [metric for metric in METRIC_NAMES if counted.find("false alarm", metric=metric)]
    head = (
        "noise",
        "calls/h",
        "days",
        *(f"{METRIC_NAMES[metric]}, {hours} h" for metric in metrics for hours in WINDOWS),
    )
    rows = []
    for noise in NOISES:
        for volume in VOLUMES:
            for days in DAYS:
                where = {"noise": noise, "calls_per_hour": volume, "days": days}
                pairs = [
                    [
                        counted.one(study, metric=metric, hours=hours, **where)
                        for study in ("false alarm", "no data")
                    ]
                    for metric in metrics
                    for hours in WINDOWS
                ]
                if any(alarms for alarms, _ in pairs):
                    rows.append(
                        (
                            noise,
                            f"{volume:,}",
                            str(days),
                            *(_alarm(alarms, no_data) for alarms, no_data in pairs),
                        )
                    )
    title = "False alarms of one look at 5 %, nothing changed"
    note = "Bold: beyond .10 and two Monte-Carlo errors. In brackets: in all runs there were too few calls or events to judge (`no_data`)."
    return _table(title, head, rows, note=note, folded=True)


def _looks(counted: Counted) -> str:
    studies = ("any of 24 looks", "any of 24 looks, bounds ignored", "any of 24 looks, usual test")
    rows = [
        (
            f"{cell.calls_per_hour:,}",
            METRIC_NAMES[cell.metric],
            str(cell.days),
            *(_share(_same(counted, study, cell)) for study in studies),
        )
        for cell in counted.find(studies[0])
    ]
    head = (
        "calls/h",
        "metric",
        "days",
        "**ours**, bounds of 24 looks",
        "ours, 5 % at each look",
        "Welch or z, 5 % at each look",
    )
    return _table("False alarms over 24 hourly looks, heavy noise, nothing changed", head, rows)


def _changes(counted: Counted) -> str:
    head = (
        "calls/h",
        "days",
        "window",
        "timeouts 50 to 25 %: found",
        "covered",
        "errors 1 to 0.25 %: found",
        "covered",
        "latency - 20 %: found",
        "covered",
        "by half, exactly half: met",
    )
    rows = []
    for halved in counted.find("met", metric="timeouts"):
        cells: list[Cell | None] = []
        for metric in ("timeouts", "errors", "latency"):
            cells += [
                _same(counted, study, halved, metric=metric) for study in ("met", "covered, fix")
            ]
        cells.append(_same(counted, "by half, exactly half", halved))
        rows.append(
            (
                f"{halved.calls_per_hour:,}",
                str(halved.days),
                f"{halved.hours} h",
                *map(_share, cells),
            )
        )
    title = "Power and coverage of 95 % intervals, heavy noise, one look"
    return _table(
        title,
        head,
        rows,
        note="At most .025 is meant in the last column: the truth lies on the edge of the claim.",
    )


def _strong_fix(counted: Counted) -> str:
    rows = []
    for volume, days in ((37, 7), (37, 1), (100, 1)):
        for study, words in STRONG:
            cells = [
                counted.one(study, calls_per_hour=volume, days=days, hours=hours)
                for hours in PLANNED
            ]
            if any(cells):
                rows.append((f"{volume}", str(days), words, *map(_share, cells)))
    head = ("calls/h", "days", "claim", *(f"at {hours} h" for hours in PLANNED))
    title = "Timeouts from 90 to 20 %, heavy noise: found at which look (100 calls/h: 24 h as the only look)"
    note = "The rows of a fall to 45 % are false alarms at the edge of the claim, each window as a single look; at most .025 is meant."
    return _table(title, head, rows, note=note)


def _margins(counted: Counted) -> str:
    rows = [
        (f"{cell.calls_per_hour:,}", METRIC_NAMES[cell.metric], str(cell.days), _share(cell))
        for cell in counted.find("no worse, exactly the margin")
    ]
    title = "Guardrails: harm of exactly the margin (10 %) taken for harmless, 24 h, heavy noise; at most .05 is meant"
    return _table(title, ("calls/h", "metric", "days", "met"), rows)


def _lasting(counted: Counted) -> str:
    studies = (
        "sustained without effect",
        "met without effect",
        "sustained after a relapse",
        "met after a relapse",
    )
    rows = [
        (
            f"{cell.calls_per_hour:,}",
            METRIC_NAMES[cell.metric],
            str(cell.days),
            f"{cell.hours} h",
            *(_share(_same(counted, study, cell)) for study in studies),
        )
        for cell in counted.find(studies[0])
    ]
    head = (
        "calls/h",
        "metric",
        "days",
        "asked at",
        "no effect: **sustained**",
        "no effect: met",
        "relapse: **sustained**",
        "relapse: met",
    )
    title = "Sustained for 6 hours, heavy noise"
    return _table(
        title,
        head,
        rows,
        note="Relapse: timeouts 50 to 20 %, latency - 30 %, for 6 hours only; then as before the deploy.",
    )


def _same(counted: Counted, study: str, cell: Cell, *, metric: str | None = None) -> Cell | None:
    """The cell of another study at the same place."""
    where = {
        name: getattr(cell, name)
        for name in ("noise", "calls_per_hour", "timeout_rate", "days", "hours")
    }
    return counted.one(study, metric=metric or cell.metric, **where)


def _share(cell: Cell | None) -> str:
    return NONE if cell is None or not cell.runs else number(cell.share)


def _alarm(alarms: Cell | None, no_data: Cell | None) -> str:
    if alarms is None:
        return NONE
    if no_data is not None and no_data.share == 1.0:
        return "(no data)"
    text = number(alarms.share)
    return f"**{text}**" if alarms.share > ANY_ALARMS + 2 * alarms.error else text


def _table(
    title: str,
    head: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    note: str = "",
    folded: bool = False,
) -> str:
    """A heading and a table, folded away when it is long; nothing without rows."""
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    if not lines:
        return ""
    rule = "|" + "|".join(" --- " for _ in head) + "|"
    table = ["| " + " | ".join(head) + " |", rule, *lines]
    if folded:
        table = [
            f"<details><summary>{len(lines)} rows, {len(head)} columns</summary>",
            "",
            *table,
            "",
            "</details>",
        ]
    return "\n".join([f"### {title}", "", *table, *(["", note] if note else [])])
