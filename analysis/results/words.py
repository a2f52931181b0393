"""The sentences that a result carries; text implements them, and the judge passes them in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from analysis.decision.checks.check_records import Check
    from analysis.decision.claims.caveats import Caveat
    from analysis.decision.claims.findings import Finding
    from analysis.decision.controls.selection import Lack, Shared
    from analysis.decision.verdict import Verdict
    from analysis.decision.whatif import CapPrediction


class Words(Protocol):
    """The sentences that a result carries."""

    def reason(self, verdict: Verdict) -> str:
        """Why the verdict is what it is."""

    def finding(self, finding: Finding) -> str:
        """What was found of a claim."""

    def caveat(self, caveat: Caveat) -> str:
        """Why a change may not count."""

    def controls(self, finding: Finding) -> str | None:
        """What the control features did; None where they say nothing about the metric."""

    def shared(self, shared: Shared) -> str:
        """What control features share with a claim's features."""

    def lack(self, lack: Lack) -> str:
        """Why there are no control features."""

    def check_name(self, check: Check) -> str:
        """What a check asks."""

    def check_detail(self, check: Check) -> str:
        """Its answer."""

    def prediction(self, prediction: CapPrediction) -> str:
        """What a cap would do."""
