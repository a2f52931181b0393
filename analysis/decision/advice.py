"""Which knob to turn when a claim fails: environment before code, the smallest step first.

Advice is shown; nothing is ever turned.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from analysis.config import Settings
from analysis.config.deployment_settings import Knob
from analysis.counting.scope import Scope
from analysis.decision.claims.findings import Finding
from analysis.decision.verdict import BROKEN
from analysis.decision.whatif import CapPrediction

Predict = Callable[[str, float], CapPrediction]


@dataclass(frozen=True)
class Advice:
    """A knob to turn.

    Attributes
    ----------
    finding : what asks for it.
    prediction : what its cap would do; None for a knob without one, or for several features.
    """

    knob: Knob
    finding: Finding
    prediction: CapPrediction | None


def advise(
    settings: Settings, findings: Sequence[Finding], *, predict: Predict
) -> tuple[Advice, ...]:
    """Knobs whose claim fails, in the order to try them.

    `predict(feature, cap_ms)` says what a cap would do; it is asked only for knobs that set one.
    """
    offered = []
    for knob in sorted(settings.knobs, key=_step):
        failing = next((found for found in findings if _applies(knob, found)), None)
        if failing is not None:
            offered.append(Advice(knob, failing, _predict(knob, failing, predict)))
    return tuple(offered)


def _step(knob: Knob) -> tuple[bool, float]:
    """Environment before code; then by the relative size of the step."""
    old, new = knob.old, knob.new
    if isinstance(old, int | float) and isinstance(new, int | float) and old:
        return knob.env is None, abs(new - old) / abs(old)
    return knob.env is None, float("inf")


def _applies(knob: Knob, finding: Finding) -> bool:
    when, claim = knob.when, finding.claim
    if finding.state not in ((when.finding,) if when.finding else BROKEN):
        return False
    if when.name is not None:
        return claim.name == when.name
    metrics = {part.claim.metric for part in finding.parts} | {claim.metric}
    fits_feature = when.feature is None or (
        claim.feature is not None and Scope(when.feature).matches(claim.feature, None)
    )
    return (
        fits_feature
        and (when.source is None or claim.source == when.source)
        and (when.metric is None or when.metric in metrics)
    )


def _predict(knob: Knob, finding: Finding, predict: Predict) -> CapPrediction | None:
    feature = finding.claim.feature or knob.when.feature
    if knob.new_cap_ms is None or feature is None or "*" in feature:
        return None
    return predict(feature, float(knob.new_cap_ms))
