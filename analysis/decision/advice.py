"""Which knob to turn when a claim fails: the declared ones, environment before code, the smallest step first. Nothing is turned by us."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

from analysis.config import Settings
from analysis.config.deployment_settings import Knob
from analysis.counting.scope import Scope
from analysis.decision.findings import Finding
from analysis.text.findings import finding_sentence

FAILING = ("not_met", "worse")
Predict = Callable[[str, float], dict[str, Any]]


def advise(
    settings: Settings,
    findings: Sequence[Finding],
    *,
    predict: Predict,
    turned: Collection[str] = (),
) -> list[dict[str, Any]]:
    """Knobs whose claim fails, in the order to try them; one that was turned already is not offered again.

    `predict(feature, cap_ms)` answers what a cap would do (`whatif.what_if`); it is asked only for knobs that give one.
    """
    offered = []
    for knob in sorted(settings.knobs, key=_step):
        failing = next((found for found in findings if _applies(knob, found)), None)
        if failing is None or knob.title in turned:
            continue
        offered.append(
            {
                "knob": knob.title,
                "kind": "environment" if knob.env else "code",
                "from": knob.old,
                "to": knob.new,
                "because": finding_sentence(failing),
                "claim": failing.claim.name,
                "predicted": _predicted(knob, failing, predict),
            }
        )
    return offered


def _step(knob: Knob) -> tuple[bool, float]:
    """Environment before code; then by how far the value moves, relative to where it stands."""
    old, new = knob.old, knob.new
    if isinstance(old, int | float) and isinstance(new, int | float) and old:
        return knob.env is None, abs(new - old) / abs(old)
    return knob.env is None, float("inf")


def _applies(knob: Knob, finding: Finding) -> bool:
    when, claim = knob.when, finding.claim
    states = (when.finding,) if when.finding else FAILING
    if finding.state not in states:
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


def _predicted(knob: Knob, finding: Finding, predict: Predict) -> dict[str, Any] | None:
    feature = finding.claim.feature or knob.when.feature
    if knob.new_cap_ms is None or feature is None or "*" in feature:
        return None
    answer = predict(feature, float(knob.new_cap_ms))
    if not answer["identifiable"]:
        return {"cut_off_share": None, "interval": None, "sentence": answer["sentence"]}
    cut = answer["cut_off_share"]
    return {
        "cut_off_share": cut["value"],
        "interval": [cut["low"], cut["high"]],
        "sentence": answer["sentence"],
    }
