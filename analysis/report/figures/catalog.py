"""Every kind of figure: the beginning of its file's name, its text, and how it is drawn.

To add one, add an entry here, its data in `figure_data`, its text in `text.captions`, its drawing
beside this module, and a section that shows it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes

from analysis.report.figures import cliffs, expectations, hourly, latency, outcomes
from analysis.report.figures.picture import Picture, draw_picture
from analysis.report.figures.style import HEIGHT_IN
from analysis.text.captions import cliffs as cliff_text
from analysis.text.captions import expectations as expectation_text
from analysis.text.captions import hourly as hourly_text
from analysis.text.captions import latency as latency_text
from analysis.text.captions.figure_text import FigureText
from analysis.text.captions.outcomes import describe_outcome_mix


@dataclass(frozen=True)
class FigureKind:
    """One kind of figure.

    Attributes
    ----------
    name : begins the name of its file.
    draw : draws the data on axes.
    describe : its text, from the data and, where there is one, the label of the calls.
    height_in : the height that the data need, in inches.
    """

    name: str
    draw: Callable[[Axes, Any], None]
    describe: Callable[..., FigureText]
    height_in: Callable[[Any], float] = lambda prepared: HEIGHT_IN

    def picture(self, prepared: Any, *label: str, metric: str = "") -> Picture:
        """The figure; label and metric make the name of its file unique."""
        name = file_name(*filter(None, [self.name, metric, *label]))
        text, height_in = self.describe(prepared, *label), self.height_in(prepared)
        return draw_picture(self.draw, prepared, text, name=name, height_in=height_in)


EXPECTATIONS = FigureKind(
    "expectations",
    expectations.draw_forest,
    expectation_text.describe_forest,
    expectations.forest_height,
)
OUTCOMES = FigureKind(
    "outcomes", outcomes.draw_outcome_mix, describe_outcome_mix, outcomes.mix_height
)
HOURS = FigureKind("hours", hourly.draw_hourly_metric, hourly_text.describe_hourly_metric)
CONTROLS = FigureKind("controls", hourly.draw_hourly_slowness, hourly_text.describe_hourly_slowness)
LATENCY = FigureKind("latency", latency.draw_latency_curves, latency_text.describe_latency_curves)
TIME_TO_ANSWER = FigureKind(
    "time-to-answer", latency.draw_answer_curves, latency_text.describe_answer_curves
)
SHIFT = FigureKind("shift", latency.draw_quantile_shifts, latency_text.describe_quantile_shifts)
CLIFF = FigureKind("cliff", cliffs.draw_cliff, cliff_text.describe_cliff)
CAP = FigureKind("cap", cliffs.draw_cap_curve, cliff_text.describe_cap_curve)
TRAFFIC = FigureKind(
    "calls-by-hour", hourly.draw_hourly_traffic, hourly_text.describe_hourly_traffic
)
SOURCES = FigureKind(
    "latency-by-source-and-hour", hourly.draw_source_latency, hourly_text.describe_source_latency
)


def file_name(*parts: str) -> str:
    """A name that is safe for a file and an anchor.

    >>> file_name("cliff", "draft.verify email")
    'cliff-draft-verify-email'
    """
    return "-".join(re.sub(r"[^a-z0-9]+", "-", part.lower()).strip("-") for part in parts)
