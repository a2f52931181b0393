"""Timeout cliffs: where a limit cuts calls off, in either arm, and whether the deploy only moved it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from types import MappingProxyType

import numpy as np

from analysis.counting.scope import Scope
from analysis.counts import LatencyCounts
from analysis.decision.findings import Finding
from analysis.decision.verdict import MovedCliff
from analysis.metrics import OUTCOME_CODES, TIMEOUT
from analysis.statistics.cliff import Cliff, find_cliff

CLIFF_OUTCOMES = (OUTCOME_CODES[TIMEOUT], OUTCOME_CODES["other"])
"""Errors that may be a call cut off at a limit: timeouts, and those of no known class."""
LATER = 1.02


@lru_cache(maxsize=8)
def find_cliffs(latency: LatencyCounts) -> Mapping[str, Cliff]:
    """The timeout cliff of each feature that has one; found once for each table."""
    found = {}
    for feature, counted in latency.rows.groupby("feature", sort=True):
        outcome, calls = counted["outcome"].to_numpy(), counted["calls"].to_numpy()
        cut_off, succeeded = np.isin(outcome, CLIFF_OUTCOMES), outcome == 0
        others = calls * ~(cut_off | succeeded)
        cliff = find_cliff(
            counted["latency_ms"].to_numpy(), calls * cut_off, calls * succeeded, others
        )
        if cliff is not None:
            found[str(feature)] = cliff
    return MappingProxyType(found)


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
