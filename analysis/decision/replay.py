"""The same judge on deploys that never happened: how often it would have cried wolf on the user's own baseline."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.config.settings import Claim
from analysis.decision.claims import Arms, Measured, Plan, measure
from analysis.statistics.comparison import compare
from analysis.statistics.placebo import PretendedDeploy, Replay, pretended_deploys


def replay_pretended_deploys(claims: Sequence[Claim], arms: Arms, plan: Plan) -> Replay:
    """Pretended deploys inside the baseline, each judged like this look, alone and at the whole alpha.

    A false alarm: any declared expectation would have been called changed, in either direction, Holm over all of them.
    """
    families = [[measure(part, arms, plan.hours) for part in (claim.any_of or (claim,))] for claim in claims]
    hours = min(plan.hours[1] - plan.hours[0], arms.cycle.hours)
    streams = [[pretended_deploys(_baseline_of(part, plan), hours=hours) for part in family] for family in families]
    n_deploys = n_alarms = 0
    for deploys in zip(*(zip(*family, strict=False) for family in streams), strict=False):
        smallest = min(_member_p(family, parts) for family, parts in zip(families, deploys, strict=True))
        n_deploys += 1
        n_alarms += smallest * len(families) <= plan.alpha
    return Replay(n_deploys, n_alarms)


def _baseline_of(measured: Measured, plan: Plan) -> object:
    return measured.arms.totals(measured.scope, measured.metric, plan.hours)[0]


def _member_p(family: Sequence[Measured], deploys: Sequence[PretendedDeploy]) -> float:
    """Two-sided p of no change in a pretended deploy; of `any_of` the smallest times the number of parts."""
    p_values = [
        compare(deploy.baseline, deploy.post, indicator=measured.metric.indicator, first_hour=deploy.first_hour).p_value()
        for measured, deploy in zip(family, deploys, strict=True)
    ]
    return min(1.0, min(p_values) * len(p_values))
