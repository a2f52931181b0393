"""The figures of a look, each drawn from its prepared values with its words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from analysis.decision.scope import Scope
from analysis.metrics import Metric, metric_named
from analysis.report import captions
from analysis.report.figures import claims as claim_figures
from analysis.report.figures import hours as hour_figures
from analysis.report.figures import latency as latency_figures
from analysis.report.figures.picture import Picture, make_picture
from analysis.report.prepared import claims, hours, latency
from analysis.report.prepared.values import Mark

if TYPE_CHECKING:
    from analysis.judge import Look


def file_name(*parts: str) -> str:
    """A name that is safe as a file's and as an anchor's.

    >>> file_name("cliff", "draft.verify email")
    'cliff-draft-verify-email'
    """
    return "-".join(re.sub(r"[^a-z0-9]+", "-", part.lower()).strip("-") for part in parts)


def forest_picture(result: dict[str, Any], *, too_small: float) -> Picture:
    """All expectations at once."""
    prepared = claims.prepare_forest(result, too_small=too_small)
    height = claim_figures.forest_height(len(prepared.rows))
    return make_picture(claim_figures.draw_forest, prepared, captions.describe_forest(prepared), name="expectations", height_in=height)


def mix_picture(look: Look, feature: str) -> Picture:
    """What the calls of a feature end as."""
    prepared = claims.prepare_outcome_mix(look, feature)
    height = claim_figures.mix_height(len(prepared.classes))
    words = captions.describe_outcome_mix(prepared, feature)
    return make_picture(claim_figures.draw_outcome_mix, prepared, words, name=file_name("outcomes", feature), height_in=height)


def hourly_picture(look: Look, feature: str, metric: Metric, *, marks: Sequence[Mark] = ()) -> Picture:
    """A metric of a feature, hour by hour."""
    prepared = hours.prepare_hourly_rate(look, Scope(feature), metric, marks=tuple(marks))
    words = captions.describe_hourly_rate(prepared, feature)
    return make_picture(hour_figures.draw_hourly_rate, prepared, words, name=file_name("hours", metric.name, feature))


def latency_picture(look: Look, feature: str) -> Picture:
    """How long calls take."""
    prepared = latency.prepare_latency_curves(look, feature)
    words = captions.describe_latency_curves(prepared, feature)
    return make_picture(latency_figures.draw_latency_curves, prepared, words, name=file_name("latency", feature))


def answer_picture(look: Look, feature: str) -> Picture:
    """How long until an answer."""
    prepared = latency.prepare_answer_curves(look, feature)
    words = captions.describe_answer_curves(prepared, feature)
    return make_picture(latency_figures.draw_answer_curves, prepared, words, name=file_name("time-to-answer", feature))


def cliff_picture(look: Look, feature: str) -> Picture:
    """Where failed calls pile up."""
    prepared = latency.prepare_cliff(look, feature)
    words = captions.describe_cliff(prepared, feature)
    return make_picture(latency_figures.draw_cliff, prepared, words, name=file_name("cliff", feature))


def shift_picture(look: Look, feature: str) -> Picture:
    """How each quantile moved."""
    prepared = latency.prepare_shift(look, feature)
    words = captions.describe_shift(prepared, feature)
    return make_picture(latency_figures.draw_shift, prepared, words, name=file_name("shift", feature))


def cap_picture(look: Look, feature: str) -> Picture | None:
    """What a cap would cut off; None without calls."""
    prepared = latency.prepare_cap_curve(look, feature)
    if prepared is None:
        return None
    words = captions.describe_cap_curve(prepared, feature)
    return make_picture(latency_figures.draw_cap_curve, prepared, words, name=file_name("cap", feature))


def card_pictures(look: Look, feature: str, *, marks: Sequence[Mark] = ()) -> list[Picture]:
    """The figures of a feature's card; the cliff's only where there is one in either arm."""
    pictures = [mix_picture(look, feature), hourly_picture(look, feature, card_metric(look, feature), marks=marks), answer_picture(look, feature)]
    if any(feature in look.cliffs[arm] for arm in ("baseline", "post")):
        pictures += [latency_picture(look, feature), cliff_picture(look, feature)]
    return [*pictures, shift_picture(look, feature)]


def card_metric(look: Look, feature: str) -> Metric:
    """What a card shows per hour: the first rate that is claimed of the feature, else its error rate."""
    named = (part.metric for claim in look.settings.claims for part in (claim.any_of or (claim,)) if part.feature == feature)
    metrics = (metric_named(name, look.arms.user_classes) for name in named if name)
    return next((metric for metric in metrics if metric.unit == "share" and metric.table == "hourly"), metric_named("error_rate"))
