"""Every kind of figure of a look: its data, its text, how it is drawn, the name of its file."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes

from analysis.counting.arms import Arms
from analysis.counting.scope import Scope
from analysis.decision.claims import ClaimEvaluation
from analysis.decision.look import Look
from analysis.figure_data.cliffs import prepare_cap_curve, prepare_cliff
from analysis.figure_data.expectations import prepare_forest
from analysis.figure_data.hourly import prepare_hourly_metric, prepare_hourly_slowness
from analysis.figure_data.latency import (
    Mark,
    prepare_answer_curves,
    prepare_latency_curves,
    prepare_quantile_shifts,
)
from analysis.figure_data.outcomes import prepare_outcome_mix
from analysis.metrics import Metric
from analysis.report.figures.cliffs import draw_cap_curve, draw_cliff
from analysis.report.figures.expectations import draw_forest, forest_height
from analysis.report.figures.hourly import draw_hourly_metric, draw_hourly_slowness
from analysis.report.figures.latency import (
    draw_answer_curves,
    draw_latency_curves,
    draw_quantile_shifts,
)
from analysis.report.figures.outcomes import draw_outcome_mix, mix_height
from analysis.report.figures.picture import Picture, draw_picture
from analysis.report.figures.style import HEIGHT_IN
from analysis.text import captions


@dataclass(frozen=True)
class FigureKind:
    """A kind of figure of the calls of a scope.

    Attributes
    ----------
    name : begins the name of its file.
    prepare : its data from a look; None where there is nothing to show.
    describe : its text, from the data and the scope's label.
    draw : draws the data on axes.
    height_in : inches that the data need.
    """

    name: str
    prepare: Callable[[Look, Scope], Any]
    describe: Callable[[Any, str], captions.FigureText]
    draw: Callable[[Axes, Any], None]
    height_in: Callable[[Any], float] = lambda prepared: HEIGHT_IN


OUTCOMES = FigureKind(
    "outcomes", prepare_outcome_mix, captions.describe_outcome_mix, draw_outcome_mix, mix_height
)
LATENCY = FigureKind(
    "latency", prepare_latency_curves, captions.describe_latency_curves, draw_latency_curves
)
TIME_TO_ANSWER = FigureKind(
    "time-to-answer", prepare_answer_curves, captions.describe_answer_curves, draw_answer_curves
)
CLIFF = FigureKind("cliff", prepare_cliff, captions.describe_cliff, draw_cliff)
SHIFT = FigureKind(
    "shift", prepare_quantile_shifts, captions.describe_quantile_shifts, draw_quantile_shifts
)
CAP = FigureKind("cap", prepare_cap_curve, captions.describe_cap_curve, draw_cap_curve)


def picture_of(kind: FigureKind, look: Look, scope: Scope) -> Picture | None:
    """A figure of a scope's calls; None where there is nothing to show."""
    prepared, label = kind.prepare(look, scope), label_of(scope)
    if prepared is None:
        return None
    text, name = kind.describe(prepared, label), file_name(kind.name, label)
    return draw_picture(kind.draw, prepared, text, name=name, height_in=kind.height_in(prepared))


def forest_picture(result: dict[str, Any], *, too_small: float) -> Picture:
    """All expectations at once."""
    prepared = prepare_forest(result, too_small=too_small)
    text, height_in = captions.describe_forest(prepared), forest_height(prepared)
    return draw_picture(draw_forest, prepared, text, name="expectations", height_in=height_in)


def hourly_picture(
    look: Look, scope: Scope, metric: Metric, *, marks: Sequence[Mark] = ()
) -> Picture:
    """A metric of a scope's calls, hour by hour."""
    prepared, label = prepare_hourly_metric(look, scope, metric, marks=marks), label_of(scope)
    text = captions.describe_hourly_metric(prepared, label)
    name = file_name("hours", metric.name, label)
    return draw_picture(draw_hourly_metric, prepared, text, name=name)


def slowness_picture(
    evaluation: ClaimEvaluation, arms: Arms, *, marks: Sequence[Mark] = ()
) -> Picture | None:
    """A claim's metric beside its control group; None without one."""
    prepared = prepare_hourly_slowness(evaluation, arms, marks=marks)
    if prepared is None:
        return None
    label = label_of(evaluation.scope)
    text = captions.describe_hourly_slowness(prepared, label)
    name = file_name("controls", evaluation.metric.name, label)
    return draw_picture(draw_hourly_slowness, prepared, text, name=name)


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
