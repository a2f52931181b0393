"""THE FLOW, read this first: compare both arms, search for harm, check the data, decide.

`rollout.py` loads both arms and calls `judge`; pages and commands only show what comes out.
"""

from __future__ import annotations

from datetime import datetime
from functools import cached_property, partial

from analysis.config import Settings
from analysis.counting.arms import Arms
from analysis.counting.caps import find_cliffs
from analysis.counting.names.renamed_features import (
    RenamedFeature,
    rename_claims,
)
from analysis.decision.advice import advise
from analysis.decision.checks.data_checks import check_data
from analysis.decision.claims.families import find_expectations
from analysis.decision.claims.guardrails import find_guardrails
from analysis.decision.claims.sustained import decide_sustained
from analysis.decision.common_hours import find_common_hours
from analysis.decision.comparison import Comparator
from analysis.decision.controls.selection import find_controls
from analysis.decision.feature_changes import find_feature_changes
from analysis.decision.harm_search import find_moved_features, search_harm
from analysis.decision.look import LookFindings
from analysis.decision.placebo import replay_control_groups, replay_placebo_deploys
from analysis.decision.plan import Plan
from analysis.decision.regressions import scan_features
from analysis.decision.verdict import decide_verdict, find_moved_cliffs
from analysis.decision.whatif import what_if
from analysis.results.build import build_result
from analysis.results.model import LookResult
from analysis.text import RESULT_WORDS


class Look(LookFindings):
    """One look at a rollout: what was found, and the result in the shape of result.json."""

    @cached_property
    def result(self) -> LookResult:
        """The content of result.json."""
        return build_result(self, RESULT_WORDS)

    def __repr__(self) -> str:
        """One line: which look, the verdict, its reason. The numbers are in `result`."""
        verdict = self.verdict.name.replace("_", " ")
        return f"<Look {self.label}: {verdict}. {self.result.reason}>"


def judge(
    settings: Settings,
    arms: Arms,
    plan: Plan,
    *,
    deployed_at: datetime,
    label: str,
    renamed: tuple[RenamedFeature, ...] = (),
) -> Look:
    """Compare both arms, search for harm, check the data, and decide.

    `renamed` are the features whose baseline calls bear their new name in `arms`.
    """
    declared = rename_claims(settings, renamed)
    comparator = _compare_with_controls(settings, arms, plan)
    useful = settings.monitoring.smallest_useful
    expectations = find_expectations(
        declared.expectations, comparator, plan, smallest_useful=useful
    )
    guardrails = find_guardrails(
        declared.guardrails,
        comparator,
        plan,
        smallest_useful=useful,
        expectations=declared.expectations,
        accepted=settings.accepted,
    )
    search = search_harm(
        comparator,
        plan,
        settings.regressions,
        expectations=declared.expectations,
        guardrails=declared.guardrails,
        accepted=settings.accepted,
    )
    features = find_feature_changes(
        comparator, plan.hours, renamed=renamed, exceptions=settings.regressions.exceptions
    )
    exploratory = scan_features(comparator, plan)
    cliffs = {
        "baseline": find_cliffs(arms.baseline.latency),
        "post": find_cliffs(arms.post.latency),
    }
    checks = check_data(comparator, hours=plan.hours, asked=settings.baseline)
    sustained = decide_sustained(
        expectations,
        guardrails,
        comparator,
        plan,
        sustained_for=settings.monitoring.sustained_for,
    )
    common = find_common_hours(arms, plan.hours, declared.expectations)
    replay = replay_placebo_deploys(
        declared.expectations, comparator, plan, guardrails=declared.guardrails
    )
    verdict = decide_verdict(
        expectations=expectations,
        guardrails=guardrails,
        checks=checks,
        moved_cliffs=find_moved_cliffs(cliffs, expectations),
        sustained=sustained,
        is_last=plan.is_last,
        regressions=search.regressions,
        stopped=features.stopped,
        compared_share=common.share_of_calls,
        is_capped=replay.caps_verdict,
    )
    return Look(
        settings=settings,
        deployed_at=deployed_at,
        label=label,
        window=plan.window(deployed_at),
        plan=plan,
        comparator=comparator,
        expectations=expectations,
        guardrails=guardrails,
        search=search,
        exploratory=exploratory,
        features=features,
        common_hours=common,
        cliffs=cliffs,
        checks=checks,
        sustained=sustained,
        verdict=verdict,
        advice=advise(
            settings,
            (*expectations, *guardrails, *search.regressions, *exploratory),
            predict=partial(what_if, arms),
        ),
        replay=replay,
        control_replay=replay_control_groups(settings.claims, comparator, plan),
    )


def _compare_with_controls(settings: Settings, arms: Arms, plan: Plan) -> Comparator:
    """The comparisons, with the control features that did not change by themselves."""
    candidates = find_controls(settings, arms.baseline)
    comparator = Comparator(arms, candidates, settings.baseline.day_to_day)
    moved = find_moved_features(comparator, plan, settings.regressions)
    if comparator.candidates.are_declared or not moved:
        return comparator
    return comparator.with_controls(leave_out=sorted(moved))
