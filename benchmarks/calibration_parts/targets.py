"""What a method that can be trusted has to show, and whether it does."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.calibration_parts.cells import Cell, Counted

MEAN_ALARMS, ANY_ALARMS, MEAN_LOOKS = 0.05, 0.10, 0.05
COVERAGE, POWER_HALVED, POWER_FIXED = 0.93, 0.95, 1.0
NO_EFFECT, RELAPSE = 0.003, 0.034


@dataclass(frozen=True)
class Target:
    """A promise and what was measured.

    Attributes
    ----------
    asks : what has to hold.
    measured : in words, with its Monte-Carlo error.
    is_met : whether it does.
    """

    asks: str
    measured: str
    is_met: bool


def check_targets(counted: Counted) -> list[Target]:
    """Every target whose cells were run."""
    found = [
        *_alarms(counted),
        *_looks(counted),
        *_coverage(counted),
        *_power(counted),
        *_lasting(counted),
    ]
    return found


def with_error(cell: Cell) -> str:
    """A share and its Monte-Carlo error, as .034 ± .006."""
    return f"{number(cell.share)} ± {number(cell.error)}"


def number(share: float) -> str:
    """A share with three digits and no leading zero."""
    return f"{share:.3f}".removeprefix("0")


def place(cell: Cell) -> str:
    """Which cell it is, in words."""
    return f"{cell.metric}, {cell.noise}, {cell.calls_per_hour:,} calls/h, D = {cell.days}, {cell.hours} h"


def _alarms(counted: Counted) -> list[Target]:
    cells = counted.find("false alarm")
    if not cells:
        return []
    mean = counted.means["false alarm"]
    beyond = [cell for cell in cells if cell.share > ANY_ALARMS + 2 * cell.error]
    worst = max(cells, key=lambda cell: cell.share)
    return [
        Target(
            f"false alarms of one look at most {number(MEAN_ALARMS)} on average",
            f"{number(mean.share)} ± {number(mean.error)} over {mean.n_cells} cells",
            mean.share <= MEAN_ALARMS,
        ),
        Target(
            f"in each cell at most {number(ANY_ALARMS)} and two Monte-Carlo errors",
            f"{len(beyond)} of {len(cells)} cells beyond; worst {with_error(worst)} ({place(worst)})",
            not beyond,
        ),
    ]


def _looks(counted: Counted) -> list[Target]:
    cells = counted.find("any of 24 looks")
    if not cells:
        return []
    mean, worst = counted.means["any of 24 looks"], max(cells, key=lambda cell: cell.share)
    return [
        Target(
            f"false alarms over 24 hourly looks at most {number(MEAN_LOOKS)} on average",
            f"{number(mean.share)} ± {number(mean.error)}; worst {with_error(worst)} ({place(worst)})",
            mean.share <= MEAN_LOOKS,
        )
    ]


def _coverage(counted: Counted) -> list[Target]:
    found = []
    for study, words in (
        ("covered, no change", "nothing changed"),
        ("covered, fix", "a fix that works"),
    ):
        cells = [cell for cell in counted.find(study) if cell.runs]
        if cells:
            mean, worst = counted.means[study], min(cells, key=lambda cell: cell.share)
            below = sum(cell.share < COVERAGE - 2 * cell.error for cell in cells)
            measured = (
                f"{number(mean.share)} ± {number(mean.error)} on average; {below} of {len(cells)} cells below by two errors; "
                f"worst {with_error(worst)} ({place(worst)})"
            )
            asks = f"95 % intervals hold the truth in at least {number(COVERAGE)} of runs on average, {words}"
            found.append(Target(asks, measured, mean.share >= COVERAGE))
    return found


def _power(counted: Counted) -> list[Target]:
    asked = (
        (
            "timeouts 50 to 25 %, heavy, 100 calls/h, one day, 24 h: found",
            POWER_HALVED,
            counted.one(
                "met", metric="timeouts", noise="heavy", calls_per_hour=100, days=1, hours=24
            ),
        ),
        (
            "timeouts 90 to 20 %, heavy, 100 calls/h, one day, 24 h: found",
            POWER_FIXED,
            counted.one("strong fix", calls_per_hour=100, days=1, hours=24),
        ),
    )
    return [
        Target(
            f"{words} in at least {number(least)} of runs", with_error(cell), cell.share >= least
        )
        for words, least, cell in asked
        if cell is not None
    ]


def _lasting(counted: Counted) -> list[Target]:
    found = []
    for story, most in (("without effect", NO_EFFECT), ("after a relapse", RELAPSE)):
        cells = counted.find(f"sustained {story}")
        if cells:
            worst = max(cells, key=lambda cell: cell.share)
            asks = f"sustained for 6 h claimed {story} in at most {number(most)} of runs"
            measured = f"worst {with_error(worst)} ({place(worst)})"
            found.append(Target(asks, measured, worst.share <= most))
    return found
