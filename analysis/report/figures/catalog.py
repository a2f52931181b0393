"""Every kind of figure: the beginning of its file's name, its text, and how it is drawn.

To add one, add an entry here, its data in `figure_data`, its text in `text/captions.py`, and a
section that shows it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes

from analysis.counting.scope import Scope
from analysis.report.figures import cliffs, expectations, hourly, latency, outcomes
from analysis.report.figures.picture import Picture, draw_picture
from analysis.report.figures.style import HEIGHT_IN
from analysis.text import captions


@dataclass(frozen=True)
class FigureKind:
    """One kind of figure.

    Attributes
    ----------
    name : begins the name of its file.
    describe : its text, from the data and, where there is one, the label of the calls.
    draw : draws the data on axes.
    height_in : the height that the data need, in inches.
    """

    name: str
    describe: Callable[..., captions.FigureText]
    draw: Callable[[Axes, Any], None]
    height_in: Callable[[Any], float] = lambda prepared: HEIGHT_IN

    def picture(self, prepared: Any, *label: str, metric: str = "") -> Picture:
        """The figure; label and metric make the name of its file unique."""
        name = file_name(*filter(None, [self.name, metric, *label]))
        text, height_in = self.describe(prepared, *label), self.height_in(prepared)
        return draw_picture(self.draw, prepared, text, name=name, height_in=height_in)


EXPECTATIONS = FigureKind(
    "expectations",
    captions.describe_forest,
    expectations.draw_forest,
    expectations.forest_height,
)
OUTCOMES = FigureKind(
    "outcomes", captions.describe_outcome_mix, outcomes.draw_outcome_mix, outcomes.mix_height
)
HOURS = FigureKind("hours", captions.describe_hourly_metric, hourly.draw_hourly_metric)
CONTROLS = FigureKind("controls", captions.describe_hourly_slowness, hourly.draw_hourly_slowness)
LATENCY = FigureKind("latency", captions.describe_latency_curves, latency.draw_latency_curves)
TIME_TO_ANSWER = FigureKind(
    "time-to-answer", captions.describe_answer_curves, latency.draw_answer_curves
)
SHIFT = FigureKind("shift", captions.describe_quantile_shifts, latency.draw_quantile_shifts)
CLIFF = FigureKind("cliff", captions.describe_cliff, cliffs.draw_cliff)
CAP = FigureKind("cap", captions.describe_cap_curve, cliffs.draw_cap_curve)
TRAFFIC = FigureKind("calls-by-hour", captions.describe_hourly_traffic, hourly.draw_hourly_traffic)
SOURCES = FigureKind(
    "latency-by-source-and-hour", captions.describe_source_latency, hourly.draw_source_latency
)


def label_of(scope: Scope) -> str:
    """A scope in words.

    >>> label_of(Scope("draft.verify", "background-job/*"))
    'draft.verify from background-job/*'
    """
    feature = "all features" if scope.feature in (None, "*") else str(scope.feature)
    return f"{feature} from {scope.source}" if scope.source else feature


def file_name(*parts: str) -> str:
    """A name that is safe for a file and an anchor.

    >>> file_name("cliff", "draft.verify email")
    'cliff-draft-verify-email'
    """
    return "-".join(re.sub(r"[^a-z0-9]+", "-", part.lower()).strip("-") for part in parts)
