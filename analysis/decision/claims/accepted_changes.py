"""Known changes that the team accepts up to a value, and changes that it chose."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from analysis.config import Claim
from analysis.config.settings import Accepted
from analysis.counting.arms import Arms
from analysis.counting.scope import matches_pattern
from analysis.decision.claims.evaluation import ClaimEvaluation


def find_accepted(evaluation: ClaimEvaluation, accepted: Iterable[Accepted]) -> Accepted | None:
    """The entry that accepts the post value of a claim; None when there is none."""
    value, metric = evaluation.comparison.crude_post_value, evaluation.metric
    for entry in accepted:
        if (entry.feature, entry.metric) != (evaluation.claim.feature, metric.name):
            continue
        if value is None:
            return None
        within = value <= entry.up_to if metric.worse == "up" else value >= entry.up_to
        return entry if within else None
    return None


def known_features(arms: Arms) -> tuple[str, ...]:
    """The features that have calls in either arm, in alphabetical order."""
    names = {
        str(name)
        for arm in (arms.baseline, arms.post)
        for name in arm.hourly.rows["feature"].dropna().unique()
    }
    return tuple(sorted(names))


def expected_features(expectations: Sequence[Claim], arms: Arms) -> frozenset[str]:
    """Features that an expectation names: their time, tokens and cost are what the team chose."""
    named = [part.feature for claim in expectations for part in claim.parts if part.feature]
    return frozenset(
        feature
        for feature in known_features(arms)
        if any(matches_pattern(pattern, feature) for pattern in named)
    )
