"""Everything that one look at a rollout found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from analysis.config import Settings
from analysis.counting.arm import Arm
from analysis.counting.arms import Arms
from analysis.counting.scope import Scope
from analysis.decision.advice import Advice
from analysis.decision.checks.check_records import Check
from analysis.decision.claims.findings import Finding
from analysis.decision.claims.sustained import SustainedDecision
from analysis.decision.comparison import Comparator
from analysis.decision.feature_changes import FeatureChanges
from analysis.decision.harm_search import HarmSearch
from analysis.decision.plan import Plan
from analysis.decision.verdict import Verdict
from analysis.decision.whatif import CapPrediction, what_if
from analysis.statistics.baseline.common_hours import CommonHours
from analysis.statistics.latency.cliff import Cliff
from analysis.statistics.placebo_deploys import Replay
from analysis.window import Window


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class LookFindings:
    """One look at a rollout: both arms, what was found, and the verdict.

    Attributes
    ----------
    label : the window's name in rollout.toml (``4h``), or ``<from>--<to>`` of an exploratory look.
    plan : its place among the planned looks, and the bound that a claim must cross.
    search : the search for harm that no rule covers, as a family; it decides.
    exploratory : the search over all features for anything that moved; it decides nothing.
    features : those that came, went, or changed their name or model.
    common_hours : the post hours that the baseline has too.
    cliffs : arm -> feature -> its timeout cliff.
    replay, control_replay : placebo deploys of the claims, and of the control group's index.
    """

    settings: Settings
    deployed_at: datetime
    label: str
    window: Window
    plan: Plan
    comparator: Comparator
    expectations: tuple[Finding, ...]
    guardrails: tuple[Finding, ...]
    search: HarmSearch
    exploratory: tuple[Finding, ...]
    features: FeatureChanges
    common_hours: CommonHours
    cliffs: Mapping[str, Mapping[str, Cliff]]
    checks: tuple[Check, ...]
    sustained: SustainedDecision
    verdict: Verdict
    advice: tuple[Advice, ...]
    replay: Replay
    control_replay: Replay

    @property
    def arms(self) -> Arms:
        """Both arms."""
        return self.comparator.arms

    @property
    def baseline(self) -> Arm:
        """The arm before the deploy."""
        return self.arms.baseline

    @property
    def post(self) -> Arm:
        """The arm after the deploy."""
        return self.arms.post

    def what_if(self, feature: str, cap_ms: float) -> CapPrediction:
        """Share of this look's calls that a cap would cut off, and the time it would save."""
        return what_if(self.arms, Scope(feature), cap_ms)
