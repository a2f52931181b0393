"""How much of the window can be compared with the baseline at all."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.config import Claim
from analysis.counting.arms import Arms
from analysis.counting.scope import Hours, Scope
from analysis.metrics import metric_named
from analysis.statistics.baseline.common_hours import CommonHours, common_hours


def find_common_hours(arms: Arms, hours: Hours, expectations: Sequence[Claim]) -> CommonHours:
    """The post hours whose clock hour the baseline has.

    The share of calls is that of all calls, or of the expectation whose calls are covered least.
    """
    scopes = [Scope()]
    scopes += [Scope(part.feature, part.source) for claim in expectations for part in claim.parts]
    calls = metric_named("error_rate")
    found = [
        common_hours(*arms.totals(scope, calls, hours), first_hour=arms.hour_of_cycle(hours[0]))
        for scope in dict.fromkeys(scopes)
        if arms.totals(scope, calls, hours)[1].n.any()
    ]
    if not found:
        return CommonHours(0, hours[1] - hours[0], 0.0)
    return min(found, key=lambda one: one.share_of_calls)
