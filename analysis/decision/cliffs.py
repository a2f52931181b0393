"""Timeout cliffs: where a limit cuts calls off, in either arm, and whether the deploy only moved it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from analysis.counting.scope import Scope
from analysis.decision.findings import Finding
from analysis.decision.verdict import MovedCliff
from analysis.outcomes import OUTCOME_CODES, TIMEOUT
from analysis.statistics.latency.cliff import Cliff

LATER = 1.02


def moved_cliffs(
    cliffs: Mapping[str, Mapping[str, Cliff]], expectations: Iterable[Finding]
) -> tuple[MovedCliff, ...]:
    """Features with a cliff in both arms, the post one later, whose timeout claim is not met or worse.

    With a claim met, undecided or without data a later cliff is a remark: a working fix leaves some calls at the new cap.
    """
    parts = [part for found in expectations for part in (found.parts or (found,))]
    failed = [
        part.claim
        for part in parts
        if part.evaluation.metric.outcome == OUTCOME_CODES[TIMEOUT]
        and part.state in ("not_met", "worse")
    ]
    moved = []
    for feature, before in sorted(cliffs["baseline"].items()):
        after = cliffs["post"].get(feature)
        is_later = after is not None and after.at_ms > LATER * before.at_ms
        if is_later and any(Scope(claim.feature).matches(feature, None) for claim in failed):
            moved.append(MovedCliff(feature, int(before.at_ms), int(after.at_ms)))
    return tuple(moved)
