"""One look at a rollout, whole: what went in, what was found, and the verdict."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from analysis.config import Settings
from analysis.counting.arm import Arm
from analysis.counting.arms import Arms
from analysis.decision.checks import Check
from analysis.decision.comparison import Comparator
from analysis.decision.findings import Finding
from analysis.decision.plan import Plan
from analysis.decision.sustained import SustainedDecision
from analysis.decision.verdict import Verdict
from analysis.decision.whatif import what_if
from analysis.statistics.latency.cliff import Cliff
from analysis.statistics.placebo_deploys import Replay
from analysis.window import Window


@dataclass(frozen=True, eq=False, repr=False)
class Look:
    """One look at a rollout: both arms, what was found, and the verdict.

    Attributes
    ----------
    label : the window's name in rollout.toml (``4h``), or ``<from>--<to>`` of an exploratory look.
    plan : its place among the planned looks, and the bound that a claim must cross.
    result : the object of result.json.
    """

    settings: Settings
    label: str
    window: Window
    plan: Plan
    comparator: Comparator
    expectations: tuple[Finding, ...]
    guardrails: tuple[Finding, ...]
    exploratory: tuple[Finding, ...]
    cliffs: dict[str, dict[str, Cliff]]
    checks: tuple[Check, ...]
    sustained: SustainedDecision
    replay: Replay
    verdict: Verdict
    result: dict[str, Any] = field(default_factory=dict, repr=False)

    def __repr__(self) -> str:
        """One line: which look, the verdict, its reason. The numbers are in `result`."""
        return f"<Look {self.label}: {self.verdict.name.replace('_', ' ')}. {self.verdict.reason}>"

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

    def what_if(self, feature: str, cap_ms: float) -> dict[str, Any]:
        """Share of this look's calls that a cap would cut off, and the time it would save, with intervals and a sentence."""
        return what_if(self.arms, feature, cap_ms)
