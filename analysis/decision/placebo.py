"""The same judge on deploys that never happened: how often it would have cried wolf on the user's own baseline."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from analysis.config.settings import Claim
from analysis.counting.scope import Scope
from analysis.decision.claims import Arms, ClaimEvaluation, Plan, evaluate_claim
from analysis.decision.controls.comparison import Guard
from analysis.decision.power import ONE_SIDED
from analysis.metrics import Metric
from analysis.statistics.comparison import Comparison, compare
from analysis.statistics.multiplicity import holm
from analysis.statistics.placebo_deploys import PlaceboDeploy, Replay, placebo_deploys
from analysis.statistics.totals import ArmTotals

CHANGES = ("falls", "rises")
Member = tuple[ClaimEvaluation, ...]


@dataclass(frozen=True, eq=False)
class PretendedArms:
    """A pretended deploy in the place of `Arms`: it compares its own two sides, whatever is asked."""

    deploy: PlaceboDeploy
    guard: Guard | None = None
    _compared: dict[bool, Comparison] = field(default_factory=dict, repr=False)

    def compare(
        self, scope: Scope, metric: Metric, hours: tuple[int, int], *, as_it_is: bool = False
    ) -> Comparison:
        """The pretended window against the rest of the baseline; computed once."""
        if as_it_is not in self._compared:
            sides = (self.deploy.baseline, self.deploy.post)
            baseline, post = (side.as_one_stratum() for side in sides) if as_it_is else sides
            plain = compare(
                baseline,
                post,
                indicator=metric.indicator,
                first_hour=self.deploy.first_hour,
                every_post_hour=as_it_is,
            )
            self._compared[as_it_is] = self._beside_controls(
                plain, (baseline, post), scope, metric, hours
            )
        return self._compared[as_it_is]

    def _beside_controls(
        self,
        plain: Comparison,
        sides: tuple[ArmTotals, ArmTotals],
        scope: Scope,
        metric: Metric,
        hours: tuple[int, int],
    ) -> Comparison:
        if self.guard is None:
            return plain
        return self.guard.compare_pretended(
            plain, sides, self.deploy, scope=scope, metric=metric, hours=hours
        )


def replay_placebo_deploys(
    expectations: Sequence[Claim], arms: Arms, plan: Plan, *, guardrails: Sequence[Claim] = ()
) -> Replay:
    """Pretended deploys inside the baseline, each judged like a single look of this length at the whole alpha.

    A false alarm: an expectation that something changed would have been met, or any expectation or guardrail called worse, or a critical
    guardrail not met, which is a roll back too.
    """
    families = [
        [_measured(claim, arms, plan) for claim in expectations],
        *([_measured(claim, arms, plan)] for claim in guardrails),
    ]
    hours = min(plan.hours[1] - plan.hours[0], arms.cycle.hours)
    streams = [_pretended(member, hours) for family in families for member in family]
    sizes, alarms = [len(family) for family in families], []
    for members in zip(*streams, strict=False):
        left = iter(members)
        judged = [[next(left) for _ in range(size)] for size in sizes if size]
        alarms.append(
            any(_cries_wolf(family, plan.alpha) or any(map(_breaks, family)) for family in judged)
        )
    return Replay(len(alarms), sum(alarms))


def _measured(claim: Claim, arms: Arms, plan: Plan) -> Member:
    return tuple(evaluate_claim(part, arms, plan.hours) for part in (claim.any_of or (claim,)))


def _pretended(member: Member, hours: int) -> Iterator[Member]:
    """The claim, or the parts of `any_of`, at each pretended deploy."""
    deploys = (
        placebo_deploys(part.arms.totals(part.scope, part.metric, part.hours)[0], hours=hours)
        for part in member
    )
    for found in zip(*deploys, strict=True):
        yield tuple(
            replace(part, arms=PretendedArms(deploy, part.arms.guard))
            for part, deploy in zip(member, found, strict=True)
        )


def _cries_wolf(family: Sequence[Member], alpha: float) -> bool:
    gains = holm([_gain_p(member) for member in family], alpha=alpha)
    harms = holm(
        [max(part.p_harm if part.has_data else 1.0 for part in member) for member in family],
        alpha=alpha,
    )
    return any(result.crossed for result in (*gains, *harms))


def _breaks(member: Member) -> bool:
    """A critical guardrail that a single last look would call not met: one-sided 5 %."""
    return all(
        part.claim.critical and part.has_data and part.p_value(part.harm_side) < ONE_SIDED
        for part in member
    )


def _gain_p(member: Member) -> float:
    changes = [part.p_met for part in member if part.claim.claim in CHANGES and part.has_data]
    return min(1.0, min(changes, default=1.0) * len(member))
