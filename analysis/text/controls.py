"""What the control features say: one sentence a finding, and the section of the page about them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from analysis.formatting import NONE, capitalise, change_in, count, interval_in, share
from analysis.results.finding_record import EstimateRecord, FindingRecord
from analysis.results.model import LookResult

if TYPE_CHECKING:
    from analysis.decision.claims.findings import Finding
    from analysis.decision.controls.selection import Lack, Shared
    from analysis.decision.controls.summary import ControlSummary, Reading

SAME_PACE = 0.0005
CAUSE = "the provider, or a change to every feature, may be the cause"
WHAT_CONTROLS_ARE = (
    "Control features are those that no rule names and that have enough calls: {names}. The deploy "
    "did not change them, so what happens to them too comes from the provider or from a change to "
    "every feature. Each change is shown plain, adjusted for them, and at the provider's new speed "
    "(proportional)."
)
WHAT_SLOPE_IS = (
    "The slope says how much of a slowdown of the control features a feature shared before the "
    "deploy: 0 is none of it, 1 is all of it."
)
_READINGS: dict[str, tuple[str, str]] = {
    "change": ("better", "worse"),
    "margin": ("within the limit", "beyond the limit"),
    "limit": ("below the limit", "above the limit"),
}
"""What a claim is compared with -> the words for it and against it."""
SHARED_WORDS: dict[Shared, str] = {
    "model": "the same model",
    "provider": "the same provider",
    "declared": "[controls].use",
}
"""What control features share with the features of a claim."""
_LACK_WORDS: dict[Lack, str] = {
    "not_asked_for": "none are asked for",
    "switched_off": '[controls].use is "off"',
    "no_quiet_feature": "no control feature has enough calls",
    "no_declared_feature": "no feature of [controls].use has enough calls",
    "too_few_declared": "[controls].use leaves fewer than two usable features",
    "too_few_of_the_provider": "fewer than two features of its provider have enough calls",
    "unknown_model": "its model is not known",
    "unlike_each_other": "fewer than two control features move together",
}
_NAMES = {"plain": "plain", "adjusted": "adjusted", "proportional": "at the provider's new speed"}


# ---- one finding -----------------------------------------------------------------------------
def controls_sentence(finding: Finding) -> str | None:
    """What the control features did, with the plain and the adjusted change.

    None for a metric that the provider's speed does not change, and where nothing is compared.
    """
    found = finding.controls
    if found is None or not found.matters or found.plain.difference is None:
        return None
    if not found.features:
        return f"Not adjusted for provider slowdowns: {lack_words(found.lack)}."
    if found.moved:
        sentence = _moved(finding, found)
    elif found.is_class_rate:
        sentence = (
            f"The {_features(found)} show no such change; "
            f"the plain change of {_change(finding, found.plain.difference)} counts."
        )
    else:
        sentence = _steady(finding, found)
    return sentence + _dropped(found)


def lack_words(lack: Lack | None) -> str:
    """Why a claim has no control features, as the end of a sentence."""
    return _LACK_WORDS[lack or "not_asked_for"]


def movement_clause(found: ControlSummary) -> str:
    """What the control features did: their pace, or how often the same errors came."""
    if found.class_movement is None:
        return f"the {_features(found)} were {_slower(found.movement or 0.0)}"
    verb = "rose" if found.class_movement > 0 else "fell"
    moved = share(abs(found.class_movement))
    return f"the same errors {verb} by {moved} in the {_features(found)}"


def shared_clause(found: ControlSummary) -> str:
    """Why a change does not count that the control features share."""
    return f"{movement_clause(found)} too, so {CAUSE}"


def _steady(finding: Finding, found: ControlSummary) -> str:
    plain = _change(finding, found.plain.difference)
    pace = f"they were {_pace(found)} the baseline"
    if found.adjusted is None:
        return f"Too few events to adjust for the {_features(found)} ({pace}). Plain {plain}."
    if not found.slope:
        return (
            f"It shares no slowdowns with the {_features(found)} ({pace}). "
            f"Plain and adjusted {plain}."
        )
    slope = f"{found.slope:.{1 if found.slope >= 0.1 else 2}f}"
    interval = interval_in(found.adjusted.interval, _unit(finding))
    return (
        f"Adjusted for slowdowns of {_features(found)} (slope {slope}; {pace}). Plain {plain}, "
        f"adjusted {_change(finding, found.adjusted.difference)} (interval {interval})."
    )


def _moved(finding: Finding, found: ControlSummary) -> str:
    shown = [
        f"{_NAMES[one.name]} {_change(finding, one.difference)}, {_reading(finding, one.reading)}"
        for one in found.estimates
    ]
    if found.reading != "not_shown":
        verdict = "They agree."
    elif all(one.reading == "not_shown" for one in found.estimates):
        verdict = "No change is shown."
    else:
        verdict = "They disagree, so it is undecided."
    after = capitalise(movement_clause(found))
    return f"{after} after the deploy: {CAUSE}. {capitalise('; '.join(shown))}. {verdict}"


def _reading(finding: Finding, reading: Reading) -> str:
    if reading == "not_shown":
        return "not shown"
    good, bad = _READINGS[finding.claim.kind.null]
    return good if reading == "for" else bad


def _change(finding: Finding, change: float | None) -> str:
    return change_in(change, _unit(finding))


def _unit(finding: Finding) -> str | None:
    return finding.evaluation.metric.unit if finding.evaluation else None


def _features(found: ControlSummary) -> str:
    return f"{len(found.features)} control features"


def _pace(found: ControlSummary) -> str:
    movement = found.movement or 0.0
    return "as fast as" if abs(movement) < SAME_PACE else f"{_slower(movement)} than"


def _slower(movement: float) -> str:
    return f"{share(abs(movement))} {'slower' if movement >= 0 else 'faster'}"


def _dropped(found: ControlSummary) -> str:
    if not found.dropped:
        return ""
    verb = "was" if len(found.dropped) == 1 else "were"
    return f" {' and '.join(found.dropped)} {verb} left out for moving unlike the others."


# ---- the section of the page -----------------------------------------------------------------
@dataclass(frozen=True)
class ControlsRow:
    """One finding: each change with its interval, and which comparison decided."""

    name: str
    plain: tuple[str, str]
    adjusted: tuple[str, str]
    proportional: tuple[str, str]
    decided_by: str
    sentence: str


def controls_lines(result: LookResult) -> list[str]:
    """What control features are, and how often their index moves where nothing was deployed."""
    found = _with_controls(result)
    used = sorted({name for one in found if one.controls for name in one.controls.features})
    if not used:
        return [_why_none(found)]
    lines = [WHAT_CONTROLS_ARE.format(names=", ".join(used))]
    if any(one.adjusted and one.adjusted.slope for one in found):
        lines.append(WHAT_SLOPE_IS)
    replay = result.calibration.controls
    if replay.pretended_deploys:
        lines.append(
            f"Their speed seemed to change on {count(replay.false_alarms)} of "
            f"{count(replay.pretended_deploys)} placebo deploys inside the baseline, "
            "where nothing had changed."
        )
    return lines


def controls_rows(result: LookResult) -> list[ControlsRow]:
    """A row for each finding whose metric the provider's speed can change."""
    return [
        ControlsRow(
            found.name,
            _numbers(found, found.plain),
            _numbers(found, found.adjusted),
            _numbers(found, found.proportional),
            found.decided_by or "plain",
            found.controls.sentence,
        )
        for found in _with_controls(result)
        if found.controls and found.controls.sentence
    ]


def _with_controls(result: LookResult) -> list[FindingRecord]:
    return [found for found in result.single_claims if found.controls]


def _why_none(found: list[FindingRecord]) -> str:
    reasons = (one.controls.why_none for one in found if one.controls and one.controls.why_none)
    why = next(reasons, None)
    if why is None:
        return "No rule is about a metric that the provider's speed can change."
    return f"Nothing is compared with control features: {why}."


def _numbers(found: FindingRecord, estimate: EstimateRecord | None) -> tuple[str, str]:
    """A change and its interval."""
    if estimate is None or estimate.difference is None:
        return NONE, ""
    interval = interval_in(estimate.interval, found.unit) if estimate.interval else ""
    return change_in(estimate.difference, found.unit), interval
