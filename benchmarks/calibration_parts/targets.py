"""The targets of the method, and whether it meets them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.calibration_parts.cells import Calibration, Cell, Mean

MEAN_ALARMS, ANY_ALARMS, MEAN_LOOKS = 0.05, 0.10, 0.05
COVERAGE, POWER_HALVED, POWER_FIXED = 0.93, 0.95, 1.0
NO_EFFECT, RELAPSE = 0.003, 0.034
HEAVY_DAY = {"noise": "heavy", "calls_per_hour": 100, "days": 1, "hours": 24}


@dataclass(frozen=True)
class Target:
    """A target and the measurement.

    Attributes
    ----------
    rule : what has to hold.
    measured : the figures, with their Monte-Carlo error.
    is_met : whether it does.
    """

    rule: str
    measured: str
    is_met: bool


def check_targets(calibration: Calibration) -> list[Target]:
    """Every target whose cells were run."""
    checks = (_alarms, _looks, _coverage, _power, _sustained)
    return [target for check in checks for target in check(calibration)]


def number(share: float) -> str:
    """A share with three digits and no leading zero."""
    return f"{share:.3f}".removeprefix("0")


def _with_error(estimate: Cell | Mean) -> str:
    return f"{number(estimate.share)} ± {number(estimate.error)}"


def _worst(cell: Cell) -> str:
    place = f"{cell.metric}, {cell.noise}, {cell.calls_per_hour:,} calls/h"
    return f"worst {_with_error(cell)} ({place}, D = {cell.days}, {cell.hours} h)"


def _alarms(calibration: Calibration) -> Iterator[Target]:
    if not (cells := calibration.find("false alarm")):
        return
    mean = calibration.means["false alarm"]
    beyond = [cell for cell in cells if cell.share > ANY_ALARMS + 2 * cell.error]
    worst = max(cells, key=lambda cell: cell.share)
    yield Target(
        f"false alarms of one look at most {number(MEAN_ALARMS)} on average",
        f"{_with_error(mean)} over {mean.n_cells} cells",
        mean.share <= MEAN_ALARMS,
    )
    yield Target(
        f"in each cell at most {number(ANY_ALARMS)} and two Monte-Carlo errors",
        f"{len(beyond)} of {len(cells)} cells beyond; {_worst(worst)}",
        not beyond,
    )


def _looks(calibration: Calibration) -> Iterator[Target]:
    if cells := calibration.find("any of 24 looks"):
        mean = calibration.means["any of 24 looks"]
        yield Target(
            f"false alarms over 24 hourly looks at most {number(MEAN_LOOKS)} on average",
            f"{_with_error(mean)}; {_worst(max(cells, key=lambda cell: cell.share))}",
            mean.share <= MEAN_LOOKS,
        )


def _coverage(calibration: Calibration) -> Iterator[Target]:
    for study, case in (
        ("covered, no change", "nothing changed"),
        ("covered, fix", "a fix that works"),
    ):
        if cells := [cell for cell in calibration.find(study) if cell.runs]:
            mean, worst = calibration.means[study], min(cells, key=lambda cell: cell.share)
            below = sum(cell.share < COVERAGE - 2 * cell.error for cell in cells)
            yield Target(
                f"95 % intervals contain the true change in at least {number(COVERAGE)} of runs "
                f"on average, {case}",
                f"{_with_error(mean)} on average; {below} of {len(cells)} cells below by two "
                f"errors; {_worst(worst)}",
                mean.share >= COVERAGE,
            )


def _power(calibration: Calibration) -> Iterator[Target]:
    for fall, least, cell in (
        ("50 to 25", POWER_HALVED, calibration.one("met", metric="timeouts", **HEAVY_DAY)),
        ("90 to 20", POWER_FIXED, calibration.one("strong fix", **HEAVY_DAY)),
    ):
        if cell is not None:
            yield Target(
                f"timeouts {fall} %, heavy, 100 calls/h, one day, 24 h: found in at least "
                f"{number(least)} of runs",
                _with_error(cell),
                cell.share >= least,
            )


def _sustained(calibration: Calibration) -> Iterator[Target]:
    for scenario, most in (("without effect", NO_EFFECT), ("after a relapse", RELAPSE)):
        if cells := calibration.find(f"sustained {scenario}"):
            worst = max(cells, key=lambda cell: cell.share)
            yield Target(
                f"sustained for 6 h {scenario} in at most {number(most)} of runs",
                _worst(worst),
                worst.share <= most,
            )
