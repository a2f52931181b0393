"""What the text of a figure consists of, and the phrases that several figures share."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from analysis.figure_data.latency import AxisMark
from analysis.formatting import THIN, milliseconds, value_in
from analysis.statistics.totals import Floats

LEVEL = f"95{THIN}%"


@dataclass(frozen=True)
class FigureText:
    """The text of one figure.

    Attributes
    ----------
    heading : a few words above the figure.
    title : the same, complete without the page around it.
    alt : what the figure says, with its numbers, for a reader who cannot see it.
    caption : how to read it, and what it shows.
    """

    heading: str
    title: str
    alt: str
    caption: str


def caps_text(caps: Iterable[AxisMark]) -> str:
    """Where calls were cut off, as sentences after another one."""
    return "".join(
        f" Calls were cut off at {milliseconds(cap.at)} "
        f"{'before' if cap.arm == 'baseline' else 'after'}."
        for cap in caps
    )


def range_text(values: Floats, unit: str) -> str:
    """The smallest and the largest known value."""
    known = values[np.isfinite(values)]
    if not known.size:
        return "no calls"
    return f"{value_in(float(known.min()), unit)} to {value_in(float(known.max()), unit)}"


def capital(text: str) -> str:
    """A text with a capital letter."""
    return text[:1].upper() + text[1:]
