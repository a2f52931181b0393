"""Changes of the expectations: the forest plot, and one claim through every look."""

from __future__ import annotations

from analysis.figure_data.expectations import Forest, LookSeries, RelativeChange
from analysis.formatting import share, signed_percent
from analysis.text.captions.figure_text import FigureText
from analysis.text.records import FINDINGS


def describe_forest(prepared: Forest) -> FigureText:
    """Every expectation as a change."""
    rows = [f"{row.name}: {_change(row.change)}, {FINDINGS[row.state][1]}" for row in prepared.rows]
    return FigureText(
        "Change from before to after",
        "Expectations: change from before to after",
        ". ".join(rows) + "." if rows else "No expectation is declared.",
        "Each line is the interval of the change relative to before. The green bracket is the "
        "required change; a filled circle means that the expectation is met. Changes inside the "
        f"grey band (±{share(prepared.too_small)}) are too small to matter.",
    )


def describe_look_series(prepared: LookSeries) -> FigureText:
    """Every look at one claim."""
    rows = [f"{point.window}: {_change(point.change)}" for point in prepared.points]
    return FigureText(
        prepared.name,
        f"Every look at: {prepared.name}",
        "; ".join(rows) + ".",
        "; ".join(rows) + ".",
    )


def _change(change: RelativeChange | None) -> str:
    if change is None:
        return "nothing to compare"
    value, low, high = map(signed_percent, (change.value, change.low, change.high))
    return f"{value} ({low} to {high})"
