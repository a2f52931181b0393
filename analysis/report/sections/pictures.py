"""The figures of a look, each drawn from its prepared values with its words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from analysis.counting.scope import Scope
from analysis.metrics import CLASS_RATE, SLOW_SHARE, Metric, metric_named
from analysis.report.figures import claims as claim_figures
from analysis.report.figures import hours as hour_figures
from analysis.report.figures import latency as latency_figures
from analysis.report.figures.picture import Picture, make_picture
from analysis.report.prepared import claims, hours, latency
from analysis.report.prepared.values import Mark
from analysis.text import captions

if TYPE_CHECKING:
    from analysis.decision.claims import ClaimEvaluation
    from analysis.decision.look import Look


def file_name(*parts: str) -> str:
    """A name that is safe as a file's and as an anchor's.

    >>> file_name("cliff", "draft.verify email")
    'cliff-draft-verify-email'
    """
    return "-".join(re.sub(r"[^a-z0-9]+", "-", part.lower()).strip("-") for part in parts)


def forest_picture(result: dict[str, Any], *, too_small: float) -> Picture:
    """All expectations at once."""
    prepared = claims.prepare_forest(result, too_small=too_small)
    height = claim_figures.forest_height(prepared)
    return make_picture(
        claim_figures.draw_forest,
        prepared,
        captions.describe_forest(prepared),
        name="expectations",
        height_in=height,
    )


def mix_picture(look: Look, scope: Scope) -> Picture:
    """What the calls of a feature end as."""
    prepared = claims.prepare_outcome_mix(look, scope)
    height = claim_figures.mix_height(len(prepared.classes))
    words = captions.describe_outcome_mix(prepared, label(scope))
    return make_picture(
        claim_figures.draw_outcome_mix,
        prepared,
        words,
        name=file_name("outcomes", label(scope)),
        height_in=height,
    )


def hourly_picture(
    look: Look, scope: Scope, metric: Metric, *, marks: Sequence[Mark] = ()
) -> Picture:
    """A metric of a feature, hour by hour."""
    prepared = hours.prepare_hourly_rate(look, scope, metric, marks=tuple(marks))
    words = captions.describe_hourly_rate(prepared, label(scope))
    return make_picture(
        hour_figures.draw_hourly_rate,
        prepared,
        words,
        name=file_name("hours", metric.name, label(scope)),
    )


def latency_picture(look: Look, scope: Scope) -> Picture:
    """How long calls take."""
    prepared = latency.prepare_latency_curves(look, scope)
    words = captions.describe_latency_curves(prepared, label(scope))
    return make_picture(
        latency_figures.draw_latency_curves,
        prepared,
        words,
        name=file_name("latency", label(scope)),
    )


def answer_picture(look: Look, scope: Scope) -> Picture:
    """How long until an answer."""
    prepared = latency.prepare_answer_curves(look, scope)
    words = captions.describe_answer_curves(prepared, label(scope))
    return make_picture(
        latency_figures.draw_answer_curves,
        prepared,
        words,
        name=file_name("time-to-answer", label(scope)),
    )


def cliff_picture(look: Look, scope: Scope) -> Picture:
    """Where failed calls pile up."""
    prepared = latency.prepare_cliff(look, scope)
    words = captions.describe_cliff(prepared, label(scope))
    return make_picture(
        latency_figures.draw_cliff, prepared, words, name=file_name("cliff", label(scope))
    )


def shift_picture(look: Look, scope: Scope) -> Picture:
    """How each quantile moved."""
    prepared = latency.prepare_shift(look, scope)
    words = captions.describe_shift(prepared, label(scope))
    return make_picture(
        latency_figures.draw_shift, prepared, words, name=file_name("shift", label(scope))
    )


def cap_picture(look: Look, scope: Scope) -> Picture | None:
    """What a cap would cut off; None without calls."""
    prepared = latency.prepare_cap_curve(look, scope)
    if prepared is None:
        return None
    words = captions.describe_cap_curve(prepared, label(scope))
    return make_picture(
        latency_figures.draw_cap_curve, prepared, words, name=file_name("cap", label(scope))
    )


def slowness_picture(evaluation: ClaimEvaluation, *, marks: Sequence[Mark] = ()) -> Picture | None:
    """A claim's metric beside the features that the deploy did not touch; None where there are none."""
    prepared = hours.prepare_slowness(evaluation, marks=tuple(marks))
    if prepared is None:
        return None
    of = label(evaluation.scope)
    words = captions.describe_slowness(prepared, of)
    return make_picture(
        hour_figures.draw_slowness,
        prepared,
        words,
        name=file_name("untouched", evaluation.metric.name, of),
    )


def card_pictures(look: Look, feature: str, *, marks: Sequence[Mark] = ()) -> list[Picture]:
    """The figures of a feature's card; the cliff's only where there is one in either arm."""
    scope = Scope(feature)
    pictures = [
        mix_picture(look, scope),
        hourly_picture(look, scope, card_metric(look, feature), marks=marks),
        answer_picture(look, scope),
    ]
    if any(feature in look.cliffs[arm] for arm in ("baseline", "post")):
        pictures += [latency_picture(look, scope), cliff_picture(look, scope)]
    return [*pictures, shift_picture(look, scope)]


def card_metric(look: Look, feature: str) -> Metric:
    """What a card shows per hour: the first rate that is claimed of the feature, else its error rate."""
    named = (
        part.metric
        for claim in look.settings.claims
        for part in (claim.any_of or (claim,))
        if part.feature == feature
    )
    metrics = (metric_named(name, look.arms.user_classes) for name in named if name)
    return next(
        (metric for metric in metrics if metric.kind in (CLASS_RATE, SLOW_SHARE)),
        metric_named("error_rate"),
    )


def label(scope: Scope) -> str:
    """A scope in words.

    >>> label(Scope("draft.verify", "background-job/*"))
    'draft.verify from background-job/*'
    """
    return (scope.feature if scope.feature not in (None, "*") else "all features") + (
        f" from {scope.source}" if scope.source else ""
    )
