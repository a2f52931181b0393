"""The cells as Markdown tables; those that miss a target in bold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product

import pandas as pd

from benchmarks.calibration_parts.cells import Calibration, Cell
from benchmarks.calibration_parts.product_judge import METRIC_NAMES
from benchmarks.calibration_parts.studies import DAYS, FEWER, NOISES, PLANNED, VOLUMES, WINDOWS
from benchmarks.calibration_parts.targets import ANY_ALARMS, check_targets, number
from benchmarks.output.markdown import table

NONE = "–"
USUAL_TESTS = (  # heading, study, metric
    ("latency: **ours**", "false alarm", "latency"),
    ("Welch", "Welch", "latency"),
    ("Mann-Whitney", "Mann-Whitney", "latency"),
    ("canary judge", "canary judge", "latency"),
    ("timeouts 50 %: **ours**", "false alarm", "timeouts"),
    ("z test", "z test", "timeouts"),
    ("errors 1 %: **ours**", "false alarm", "errors"),
    ("z test", "z test", "errors"),
)
CHANGES = (  # heading, study, metric
    ("timeouts 50 to 25 %: found", "met", "timeouts"),
    ("covered", "covered, fix", "timeouts"),
    ("errors 1 to 0.25 %: found", "met", "errors"),
    ("covered", "covered, fix", "errors"),
    ("latency - 20 %: found", "met", "latency"),
    ("covered", "covered, fix", "latency"),
    ("by half, exactly half: met", "by half, exactly half", "timeouts"),
)
LOOKS = (  # heading, study
    ("**ours**, bounds of 24 looks", "any of 24 looks"),
    ("ours, 5 % at each look", "any of 24 looks, bounds ignored"),
    ("Welch or z, 5 % at each look", "any of 24 looks, usual test"),
)
STRONG_FIX = (  # claim, study
    ("alone", "strong fix"),
    ("by half, one of four claims", "strong fix by half, one of four"),
    ("by half, a fall to 45 % only", "half of 90 %, exactly half"),
)
SUSTAINED = (  # heading, study
    ("no effect: **sustained**", "sustained without effect"),
    ("no effect: met", "met without effect"),
    ("relapse: **sustained**", "sustained after a relapse"),
    ("relapse: met", "met after a relapse"),
)


def write_tables(calibration: Calibration, *, runs: int, seed: int) -> str:
    """All tables, after a line about the runs and their error."""
    errors = (number((p * (1 - p) / runs) ** 0.5) for p in (0.05, 0.5))
    at_low, at_half = errors
    parts = [
        f"{runs:,} runs a cell ({FEWER} % of them for power), seed {seed}. Monte-Carlo error of a "
        f"share p is sqrt(p (1 - p) / runs): ± {at_low} at .05, ± {at_half} at .50.",
        _targets(calibration),
        _usual_tests(calibration),
        _alarms(calibration),
        _looks(calibration),
        _changes(calibration),
        _strong_fix(calibration),
        _margins(calibration),
        _sustained(calibration),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def cells_as_csv(calibration: Calibration) -> str:
    """Every cell as CSV."""
    rows = pd.DataFrame([cell.as_row() for cell in calibration.cells])
    return rows.to_csv(index=False, lineterminator="\n")


def _targets(calibration: Calibration) -> str:
    rows = [
        (target.rule, target.measured, "yes" if target.is_met else "**no**")
        for target in check_targets(calibration)
    ]
    return _section("Targets", ("target", "measured", "met"), rows)


def _usual_tests(calibration: Calibration) -> str:
    rows = []
    for noise, volume in product(NOISES, VOLUMES):
        where = {"noise": noise, "calls_per_hour": volume, "days": 1, "hours": 24}
        cells = [calibration.one(study, metric=metric, **where) for _, study, metric in USUAL_TESTS]
        if any(cells):
            rows.append((noise, f"{volume:,}", *map(_share, cells)))
    return _section(
        "False alarms next to the usual tests: nothing changed, 24 h compared with the 24 h "
        "before, level 5 %",
        ("noise", "calls/h", *(heading for heading, *_ in USUAL_TESTS)),
        rows,
    )


def _alarms(calibration: Calibration) -> str:
    metrics = [metric for metric in METRIC_NAMES if calibration.find("false alarm", metric=metric)]
    columns = list(product(metrics, WINDOWS))
    rows = []
    for noise, volume, days in product(NOISES, VOLUMES, DAYS):
        where = {"noise": noise, "calls_per_hour": volume, "days": days}
        texts = [
            _alarm(
                calibration.one("false alarm", metric=metric, hours=hours, **where),
                calibration.one("no data", metric=metric, hours=hours, **where),
            )
            for metric, hours in columns
        ]
        if set(texts) != {NONE}:
            rows.append((noise, f"{volume:,}", str(days), *texts))
    return _section(
        "False alarms of one look at 5 %, nothing changed",
        (
            "noise",
            "calls/h",
            "days",
            *(f"{METRIC_NAMES[name]}, {hours} h" for name, hours in columns),
        ),
        rows,
        note="Bold: beyond .10 and two Monte-Carlo errors. In brackets: no run had enough calls or "
        "events (`no_data`).",
        folded=True,
    )


def _looks(calibration: Calibration) -> str:
    rows = [
        (
            f"{cell.calls_per_hour:,}",
            METRIC_NAMES[cell.metric],
            str(cell.days),
            *(_share(_same_place(calibration, study, cell)) for _, study in LOOKS),
        )
        for cell in calibration.find("any of 24 looks")
    ]
    return _section(
        "False alarms over 24 hourly looks, heavy noise, nothing changed",
        ("calls/h", "metric", "days", *(heading for heading, _ in LOOKS)),
        rows,
    )


def _changes(calibration: Calibration) -> str:
    rows = [
        (
            f"{cell.calls_per_hour:,}",
            str(cell.days),
            f"{cell.hours} h",
            *(
                _share(_same_place(calibration, study, cell, metric=metric))
                for _, study, metric in CHANGES
            ),
        )
        for cell in calibration.find("met", metric="timeouts")
    ]
    return _section(
        "Power and coverage of 95 % intervals, heavy noise, one look",
        ("calls/h", "days", "window", *(heading for heading, *_ in CHANGES)),
        rows,
        note="The last column should be at most .025: the true change is at the edge of the claim.",
    )


def _strong_fix(calibration: Calibration) -> str:
    rows = []
    for (volume, days), (claim, study) in product(((37, 7), (37, 1), (100, 1)), STRONG_FIX):
        where = {"calls_per_hour": volume, "days": days}
        cells = [calibration.one(study, hours=hours, **where) for hours in PLANNED]
        if any(cells):
            rows.append((f"{volume}", str(days), claim, *map(_share, cells)))
    return _section(
        "Timeouts from 90 to 20 %, heavy noise: found at which look (100 calls/h: 24 h as the only "
        "look)",
        ("calls/h", "days", "claim", *(f"at {hours} h" for hours in PLANNED)),
        rows,
        note="The rows of a fall to 45 % are false alarms at the edge of the claim, each window as "
        "a single look; they should be at most .025.",
    )


def _margins(calibration: Calibration) -> str:
    rows = [
        (f"{cell.calls_per_hour:,}", METRIC_NAMES[cell.metric], str(cell.days), _share(cell))
        for cell in calibration.find("no worse, exactly the margin")
    ]
    return _section(
        "Guardrails: harm of exactly the margin (10 %) judged harmless, 24 h, heavy noise; should "
        "be at most .05",
        ("calls/h", "metric", "days", "met"),
        rows,
    )


def _sustained(calibration: Calibration) -> str:
    rows = [
        (
            f"{cell.calls_per_hour:,}",
            METRIC_NAMES[cell.metric],
            str(cell.days),
            f"{cell.hours} h",
            *(_share(_same_place(calibration, study, cell)) for _, study in SUSTAINED),
        )
        for cell in calibration.find("sustained without effect")
    ]
    return _section(
        "Sustained for 6 hours, heavy noise",
        ("calls/h", "metric", "days", "look at", *(heading for heading, _ in SUSTAINED)),
        rows,
        note="Relapse: timeouts 50 to 20 %, latency - 30 %, for 6 hours only; then as before the "
        "deploy.",
    )


def _same_place(
    calibration: Calibration, study: str, cell: Cell, *, metric: str | None = None
) -> Cell | None:
    """The cell of another study with the same series, days and hours."""
    names = ("noise", "calls_per_hour", "timeout_rate", "days", "hours")
    where = {name: getattr(cell, name) for name in names}
    return calibration.one(study, metric=metric or cell.metric, **where)


def _share(cell: Cell | None) -> str:
    return NONE if cell is None or not cell.runs else number(cell.share)


def _alarm(alarms: Cell | None, no_data: Cell | None) -> str:
    if alarms is None:
        return NONE
    if no_data is not None and no_data.share == 1.0:
        return "(no data)"
    text = number(alarms.share)
    return f"**{text}**" if alarms.share > ANY_ALARMS + 2 * alarms.error else text


def _section(
    title: str,
    head: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    note: str = "",
    folded: bool = False,
) -> str:
    """A heading and a table, folded when it is long; nothing without rows."""
    if not (rows := list(rows)):
        return ""
    text = table(head, rows)
    if folded:
        summary = f"{len(rows)} rows, {len(head)} columns"
        text = f"<details><summary>{summary}</summary>\n\n{text}\n\n</details>"
    return "\n\n".join(part for part in (f"### {title}", text, note) if part)
