"""A finding: a claim at one look, its state, and the numbers behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from analysis.config import Claim
from analysis.config.settings import Accepted
from analysis.decision.claims.caveats import Caveat
from analysis.decision.claims.evaluation import ClaimEvaluation
from analysis.decision.claims.power import NOT_OPEN, ONE_SIDED, TimeToDecision
from analysis.decision.controls.summary import ControlSummary
from analysis.outcomes import OUTCOME_CODES, TIMEOUT

State = Literal["met", "not_met", "worse", "undecided", "no_data"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Finding:
    """A claim and what was found of it.

    Attributes
    ----------
    claim : as declared.
    state : met, not_met, worse, undecided or no_data.
    evaluation : the comparison behind it; None for `any_of`, whose `parts` have one each.
    calls : calls that started in the scope, in the matched baseline hours and after the deploy; of
        `any_of` those of its first part.
    level : of the intervals at this look.
    interval : of post - baseline, at `level`; None when nothing can be compared.
    p_value : two-sided, unadjusted, of the claim's own null; of `any_of` the smallest that counts
        for it, times its parts. None when nothing can be compared.
    p_adjusted : smallest alpha at which it would be met at this look, adjusted for its family;
        None for guardrails.
    minimum_detectable_effect : change of the metric, in its unit, that this look would have
        detected with 80 % power; None when unknown.
    smallest_useful : the smallest useful change, as a share of the baseline: what is ruled out
        where the claim has no size.
    time_to_decision : how long until it is decided at today's traffic, while it is open.
    event_hour : hour from the deploy of the first event, where none is allowed or none had been
        seen.
    began_hour : hour from the deploy at which a change that no rule covers began.
    caveat : why a change may not count.
    controls : what the control features say of it, or why there are none; None for `any_of`.
    one_sided : error of a one-sided bound, shared among the parts of `any_of`.
    burst_hours : hours from the deploy; without them harm is not shown, so it is not acted on.
    accepted : the entry of rollout.toml that accepts the value; it is no harm then.
    parts : the findings of the alternatives of `any_of`; of a guardrail for each feature those of
        the features, worst first.
    """

    claim: Claim
    state: State
    evaluation: ClaimEvaluation | None
    calls: tuple[int, int]
    level: float
    interval: tuple[float, float] | None = None
    p_value: float | None = None
    p_adjusted: float | None = None
    minimum_detectable_effect: float | None = None
    smallest_useful: float | None = None
    time_to_decision: TimeToDecision = NOT_OPEN
    event_hour: int | None = None
    began_hour: int | None = None
    caveat: Caveat | None = None
    controls: ControlSummary | None = None
    one_sided: float = ONE_SIDED
    burst_hours: tuple[int, ...] = ()
    accepted: Accepted | None = None
    parts: tuple[Finding, ...] = ()

    @property
    def is_broken(self) -> bool:
        """Whether it is not met or worse."""
        return self.state in ("not_met", "worse")

    @property
    def is_per_feature(self) -> bool:
        """Whether it is a guardrail that judges each feature by itself."""
        return bool(self.parts) and self.evaluation is not None

    @property
    def singles(self) -> tuple[Finding, ...]:
        """The findings of single claims: the parts of `any_of`, else the finding itself."""
        return self.parts if self.evaluation is None else (self,)

    @property
    def is_about_timeouts(self) -> bool:
        """Whether it is about the rate of timeouts."""
        metric = self.evaluation.metric if self.evaluation else None
        return metric is not None and metric.outcome == OUTCOME_CODES[TIMEOUT]
