"""What the planned looks will be able to see: known from the baseline alone, before the deploy."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import Any

from analysis.config.settings import Claim
from analysis.counts import EventCounts, HourlyBins, HourlyCounts, LatencyCounts
from analysis.decision.claims import Arms, measure
from analysis.decision.scope import Cycle
from analysis.statistics.comparison import compare
from analysis.statistics.placebo import pretended_deploys
from analysis.statistics.power import smallest_visible_change
from analysis.statistics.sequential import bounds
from analysis.telemetry.load import Arm


def foresee(
    claims: Sequence[Claim], baseline: Arm, *, looks: Sequence[tuple[str, int]], alpha: float, user_classes: tuple[str, ...] = ()
) -> list[dict[str, Any]]:
    """Per claim and planned look (label, hours): the baseline's value and the smallest change that look would see (80 % power).

    The spread is that of a pretended deploy in the last hours of the baseline; None where the baseline is too short to pretend one.
    """
    times = tuple(hours / looks[-1][1] for _, hours in looks)
    alone = Arms(baseline, _nothing(baseline), Cycle.of(-baseline.hours[0]), user_classes)
    rows = []
    for claim in claims:
        for part in claim.any_of or (claim,):
            for (label, hours), bound in zip(looks, bounds(times, alpha), strict=True):
                value, visible = _visible(part, alone, hours, bound)
                rows.append({"name": claim.name, "feature": part.feature, "source": part.source, "metric": part.metric, "claim": part.claim,
                             "by": part.by, "window": label, "baseline": value, "smallest_visible_change": visible})  # fmt: skip
    return rows


def _visible(claim: Claim, arms: Arms, hours: int, bound: float) -> tuple[float | None, float | None]:
    measured = measure(claim, arms, (0, hours))
    totals = arms.totals(measured.scope, measured.metric, (0, hours))[0]
    deploys = list(pretended_deploys(totals, hours=min(hours, arms.cycle.hours)))
    n = float((totals.n * totals.usable).sum())
    value = float((totals.y * totals.usable).sum()) / n if n else None
    if not deploys:
        return value, None
    last = deploys[-1]
    found = compare(last.baseline, last.post, indicator=measured.metric.indicator, first_hour=last.first_hour)
    visible = smallest_visible_change(found.variance, found.df, bound=bound)
    return value, visible if isfinite(visible) else None


def _nothing(baseline: Arm) -> Arm:
    empty = (LatencyCounts.empty(), HourlyCounts.empty(), HourlyBins.empty(), EventCounts.empty())
    return Arm(baseline.window, (0, 0), *empty, limits=baseline.limits, trust=baseline.trust)
