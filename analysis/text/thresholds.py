"""Decision thresholds: for each claim its number now, and the number at which it stops holding."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from analysis.claim_kinds import claim_kind
from analysis.formatting import value_in
from analysis.metrics import recorded_metric
from analysis.results.finding_record import FindingRecord
from analysis.results.model import LookResult


@dataclass(frozen=True)
class DecisionThreshold:
    """The value at which a claim stops holding, and where the metric must stay."""

    value: float
    stay: Literal["below", "above", "at"]


def threshold_lines(result: LookResult) -> Iterator[str]:
    """For each claim its number now and before, and its decision threshold."""
    for claim in result.single_claims:
        threshold = decision_threshold(claim)
        if threshold is not None:
            post, baseline, limit = (
                value_in(value, claim.unit)
                for value in (claim.post.value, claim.baseline.value, threshold.value)
            )
            yield f"{claim.name}: {post} now, {baseline} before; must stay {threshold.stay} {limit}"


def decision_threshold(found: FindingRecord) -> DecisionThreshold | None:
    """The null value of a claim; None where it is not known."""
    if found.claim is None or found.metric is None:
        return None
    kind, baseline = claim_kind(found.claim), found.baseline.value
    worse = recorded_metric(found.metric).worse
    stay: Literal["below", "above"] = "below" if kind.good_side(worse) == "less" else "above"
    if kind.rule == "no_event":
        return DecisionThreshold(0.0, "at")
    if kind.null == "limit":
        return None if found.limit is None else DecisionThreshold(found.limit, stay)
    if baseline is None:
        return None
    change = kind.null_change(found.size, worse)
    return DecisionThreshold(baseline * (1 + change), stay)
