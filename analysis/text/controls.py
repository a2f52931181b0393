"""What the untouched features say about a finding, in numbers and in words. Always both numbers, the plain one and the adjusted one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from analysis.decision.controls.selection import ControlSelection, Lack, Shared
from analysis.formatting import change_of, interval_of, share
from analysis.metrics import CLASS_RATE
from analysis.statistics.comparison import Comparison
from analysis.statistics.controls.comparison import (
    ControlComparison,
    ControlMovement,
    ProportionalComparison,
)

if TYPE_CHECKING:
    from analysis.decision.claims import ClaimEvaluation

ONE_SIDED_LEVEL = 0.9
PROVIDER = "the provider, or something the deploy did to all"
SHOWN = {
    "change": ("better", "worse"),
    "margin": ("within the margin", "beyond the margin"),
    "limit": ("below the limit", "above the limit"),
}
"""What a comparison that is sure says of a claim with each null, for it and against it."""
SHARED_WORDS: dict[Shared, str] = {
    "model": "the same model",
    "provider": "the same provider",
    "declared": "[controls].use",
}
LACK_WORDS: dict[Lack, str] = {
    "not_asked_for": "none are asked for",
    "switched_off": '[controls].use is "off"',
    "no_quiet_feature": "no untouched feature has enough calls",
    "no_declared_feature": "none of [controls].use has enough calls",
    "too_few_declared": "[controls].use leaves fewer than two usable features",
    "too_few_of_the_provider": "fewer than two untouched features of its provider have enough calls",
    "unknown_model": "its model is not known",
}
"""Why a claim has no controls, as the end of a sentence."""
NOT_SHOWN = "not shown"
SAME_PACE = 0.0005


def controls_object(
    evaluation: ClaimEvaluation, selection: ControlSelection, level: float
) -> dict[str, Any]:
    """The keys of a finding in result.json: plain, adjusted, proportional, controls, decided_by; numbers are null where there is none."""
    found = evaluation.decisive
    if not isinstance(found, ControlComparison):
        return {
            "plain": None,
            "adjusted": None,
            "proportional": None,
            "controls": None,
            "decided_by": "plain",
        }
    untouched = found.controls
    slope = found.adjusted.slope if found.adjusted else None
    return {
        "plain": _numbers(found.plain, evaluation, level),
        "adjusted": slope
        and _numbers(found.adjusted.comparison, evaluation, level)
        | {"slope": slope.value, "slope_se": slope.se},
        "proportional": found.proportional
        and _numbers(found.proportional, evaluation, level) | {"factor": found.proportional.factor},
        "controls": {
            "features": list(untouched.index.names) if untouched else [],
            "dropped": list(untouched.dropped) if untouched else [],
            "moved": found.moved,
            "movement": untouched.index.movement if untouched else None,
            "class_movement": untouched.class_movement if untouched else None,
            "share": SHARED_WORDS[selection.shared] if selection.shared else None,
            "why_none": None
            if untouched or not evaluation.metric.depends_on_provider
            else LACK_WORDS[selection.lack]
            if selection.lack
            else "fewer than two move alike",
            "sentence": controls_sentence(evaluation, selection, level),
        },
        "decided_by": found.decided_by,
    }


def controls_sentence(
    evaluation: ClaimEvaluation, selection: ControlSelection, level: float
) -> str | None:
    """What the untouched features did, the plain change and the adjusted one; None for a metric that the provider's pace does not touch.

    "Adjusted for provider slowdowns seen in 5 untouched features (slope 0.8; they were 2 % slower than at baseline). Plain +80 ms,
    adjusted +120 ms, interval 40 to 200 ms."
    """
    found = evaluation.decisive
    if (
        not isinstance(found, ControlComparison)
        or found.difference is None
        or not evaluation.metric.depends_on_provider
    ):
        return None
    if found.controls is None:
        why = (
            LACK_WORDS[selection.lack]
            if selection.lack
            else "fewer than two untouched features move alike"
        )
        return f"Not adjusted for the provider's day: {why}."
    told = (
        _moved_sentence
        if found.moved
        else _class_sentence
        if evaluation.metric.kind is CLASS_RATE
        else _still_sentence
    )
    return told(found, evaluation, level) + _dropped(found.controls)


def adjusted_words(comparison: Comparison) -> str:
    """What belongs to a change that is not the plain one, after "with the same mix of calls"; empty for the plain one."""
    was_adjusted = (
        isinstance(comparison, ControlComparison)
        and comparison.adjusted is not None
        and comparison.adjusted.slope.value > 0
    )
    return " and the provider's day taken out" if was_adjusted else ""


def shared_words(evaluation: ClaimEvaluation, level: float) -> str | None:
    """Why a change that the plain comparison shows does not count, as the end of a sentence; None when it counts or is not shown anyway."""
    found = evaluation.decisive
    if not isinstance(found, ControlComparison) or not found.moved or found.difference is None:
        return None
    if (
        _says(found.plain, evaluation, level) == NOT_SHOWN
        or _says(found, evaluation, level) != NOT_SHOWN
    ):
        return None
    return f"{_what_moved(found.controls)} too, so it may be {PROVIDER}"


def _still_sentence(found: ControlComparison, evaluation: ClaimEvaluation, level: float) -> str:
    slope, untouched = found.adjusted and found.adjusted.slope, found.controls
    plain, n = change_of(evaluation.metric, found.plain.difference), _features(untouched)
    if slope is None:
        return f"Too few events to adjust; {n} were {_pace(untouched)} at baseline. Plain {plain}."
    if slope.value == 0:
        return f"It shares no slowdowns with {n} (they were {_pace(untouched)} at baseline). Plain and adjusted {plain}."
    adjusted, steep = found.adjusted.comparison, f"{slope.value:.{1 if slope.value >= 0.1 else 2}f}"
    return (
        f"Adjusted for provider slowdowns seen in {n} (slope {steep}; they were {_pace(untouched)} at baseline). "
        f"Plain {plain}, adjusted {change_of(evaluation.metric, adjusted.difference)}, "
        f"interval {interval_of(evaluation.metric, adjusted.interval(level))}."
    )


def _class_sentence(found: ControlComparison, evaluation: ClaimEvaluation, level: float) -> str:
    plain = change_of(evaluation.metric, found.plain.difference)
    return f"{_capital(_features(found.controls))} show no such movement, so the plain change of {plain} stands."


def _moved_sentence(found: ControlComparison, evaluation: ClaimEvaluation, level: float) -> str:
    named = (
        ("plain", found.plain),
        ("adjusted", found.adjusted and found.adjusted.comparison),
        ("in full proportion", found.proportional),
    )
    asked = [(name, one, _says(one, evaluation, level)) for name, one in named if one is not None]
    told = [
        f"{name} {change_of(evaluation.metric, one.difference)}, {says}"
        for name, one, says in asked
    ]
    if _says(found, evaluation, level) != NOT_SHOWN:
        verdict = "They agree"
    else:
        verdict = (
            "No change is shown" if all(says == NOT_SHOWN for _, _, says in asked) else "Undecided"
        )
    return f"{_capital(_what_moved(found.controls))} after the deploy: {PROVIDER}. {_capital('; '.join(told))}. {verdict}."


def _says(
    comparison: Comparison | ProportionalComparison, evaluation: ClaimEvaluation, level: float
) -> str:
    """What a comparison alone would say of the claim at this look: for it, against it, or not shown."""
    null, limit = evaluation.kind.null, evaluation.limit
    scale = evaluation.scale if null == "margin" else 1.0
    asked_level = level if null == "change" else ONE_SIDED_LEVEL
    p = comparison.p_value(scale=scale) if limit is None else comparison.p_value_against(limit)
    distance = comparison.distance(scale=scale, limit=limit)
    if p >= 1.0 - asked_level or distance == 0:
        return NOT_SHOWN
    good, bad = SHOWN[null]
    return bad if (distance > 0) == (evaluation.metric.worse == "up") else good


def _numbers(
    comparison: Comparison | ProportionalComparison, evaluation: ClaimEvaluation, level: float
) -> dict[str, Any]:
    """Difference, interval and the two-sided p of the claim's own null, by this comparison alone."""
    if comparison.difference is None:
        return {"difference": None, "interval": None, "p_value": None}
    limit = evaluation.limit
    p = (
        comparison.p_value(scale=evaluation.scale)
        if limit is None
        else comparison.p_value_against(limit)
    )
    return {
        "difference": comparison.difference,
        "interval": list(comparison.interval(level)),
        "p_value": p,
    }


def _what_moved(untouched: ControlMovement) -> str:
    """What the untouched features did: "the 5 untouched features were 21 % slower", or how often the same errors came in them."""
    n = _features(untouched, "the ")
    if untouched.class_movement is not None:
        verb = "rose" if untouched.class_movement > 0 else "fell"
        return f"the same errors {verb} by {share(abs(untouched.class_movement))} in {n}"
    return f"{n} were {_slower(untouched.index.movement)}"


def _features(untouched: ControlMovement, article: str = "") -> str:
    n = len(untouched.index.names)
    return f"{article}{n} untouched features"


def _pace(untouched: ControlMovement) -> str:
    """How fast they were, to be held against the baseline."""
    movement = untouched.index.movement
    return "as fast as" if abs(movement) < SAME_PACE else f"{_slower(movement)} than"


def _slower(movement: float) -> str:
    return f"{share(abs(movement))} {'slower' if movement >= 0 else 'faster'}"


def _dropped(untouched: ControlMovement) -> str:
    if not untouched.dropped:
        return ""
    verb = "was" if len(untouched.dropped) == 1 else "were"
    return f" {' and '.join(untouched.dropped)} {verb} left out, moving unlike the others."


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
