"""The judge on placebo deploys inside the baseline: how often it raises a false alarm."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from analysis.config import Claim
from analysis.counting.scope import scope_of
from analysis.decision.claims.evaluation import evaluate_claim, metric_of
from analysis.decision.claims.families import Member, gain_p, harm_p
from analysis.decision.claims.power import ONE_SIDED
from analysis.decision.comparison import Comparator
from analysis.decision.plan import Plan
from analysis.statistics.comparison import compare
from analysis.statistics.multiplicity import holm
from analysis.statistics.placebo_deploys import (
    NO_REPLAY,
    PlaceboDeploy,
    Replay,
    placebo_deploys,
    replay,
)


def replay_placebo_deploys(
    expectations: Sequence[Claim],
    comparator: Comparator,
    plan: Plan,
    *,
    guardrails: Sequence[Claim] = (),
) -> Replay:
    """Placebo deploys, each judged like a single look of this length at the whole alpha.

    Each by the hours before it only, as a real deploy is.

    A false alarm: an expectation of a change would have been met, or any expectation or guardrail
    called worse, or a critical guardrail not met, which rolls back too.
    """
    families = [family for family in (expectations, *([claim] for claim in guardrails)) if family]
    members = [_evaluate(claim, comparator, plan) for family in families for claim in family]
    starts, alarms = [], []
    for evaluated in zip(*members, strict=False):
        rest = iter([member for _, member in evaluated])
        judged = [[next(rest) for _ in family] for family in families]
        starts.append(evaluated[0][0])
        alarms.append(any(_is_alarm(family, plan.alpha) for family in judged))
    return Replay.of(starts, alarms, hours=min(plan.n_hours, comparator.arms.cycle.hours))


def replay_control_groups(claims: Iterable[Claim], comparator: Comparator, plan: Plan) -> Replay:
    """The control groups of the claims: an alarm is a group that seems to move."""
    groups, hours = comparator.controls.groups, min(plan.n_hours, comparator.arms.cycle.hours)
    scopes = (scope_of(part) for claim in claims for part in claim.parts)
    found = (groups.group_of(scope, plan.hours) for scope in scopes)
    indexes = {group.index.names: group.index for group in found if group is not None}

    def moves(deploy: PlaceboDeploy) -> bool:
        sides = (deploy.baseline, deploy.post)
        moved = compare(
            *sides,
            indicator=False,
            first_hour=deploy.first_hour,
            day_to_day=comparator.day_to_day,
        )
        return moved.p_value() <= plan.alpha

    replays = [
        replay(index.together.baseline, hours=hours, alarm=moves) for index in indexes.values()
    ]
    # groups of one rollout share hours, so the windows of only the longest replay are apart
    longest = max(replays, key=lambda one: one.placebo_deploys, default=NO_REPLAY)
    return replace(
        longest,
        placebo_deploys=sum(one.placebo_deploys for one in replays),
        false_alarms=sum(one.false_alarms for one in replays),
    )


def _evaluate(claim: Claim, comparator: Comparator, plan: Plan) -> Iterator[tuple[int, Member]]:
    """The start of each placebo deploy, and the claim there."""
    hours = min(plan.n_hours, comparator.arms.cycle.hours)
    deploys = []
    for part in claim.parts:
        metric = metric_of(part, comparator.arms)
        baseline = comparator.arms.totals(scope_of(part), metric, plan.hours)[0]
        deploys.append(placebo_deploys(baseline, hours=hours, past_only=True))
    for of_parts in zip(*deploys, strict=True):
        yield (
            of_parts[0].start_hour,
            tuple(
                evaluate_claim(part, comparator, plan.hours, placebo=deploy)
                for part, deploy in zip(claim.parts, of_parts, strict=True)
            ),
        )


def _is_alarm(family: Sequence[Member], alpha: float) -> bool:
    gains = holm([_change_p(member) for member in family], alpha=alpha)
    harms = holm([harm_p(member) for member in family], alpha=alpha)
    is_shown = any(result.crossed for result in (*gains, *harms))
    return is_shown or any(_breaks_guardrail(member) for member in family)


def _change_p(member: Member) -> float:
    """The smallest p of a part that claims a change."""
    parts = zip(member, gain_p(member), strict=True)
    return min((p for part, p in parts if part.kind.rule == "look_bound"), default=1.0)


def _breaks_guardrail(member: Member) -> bool:
    """A critical guardrail that a single last look would call not met: one-sided 5 %."""
    return all(
        part.claim.critical and part.has_data and part.p_value(part.harm_side) < ONE_SIDED
        for part in member
    )
