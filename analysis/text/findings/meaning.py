"""What a finding means for its claim, what the look could detect, and when it will be decided."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from analysis.decision.claims.rules import highest_rate
from analysis.formatting import capitalise, claimed_share, hours, level, share, size_in
from analysis.text.findings.caveats import caveat_sentence
from analysis.text.records import CLAIM_WORDS, claim_noun

if TYPE_CHECKING:
    from analysis.decision.claims.evaluation import ClaimEvaluation
    from analysis.decision.claims.findings import Finding
    from analysis.decision.claims.power import TimeToDecision

SCAN_ALPHA = 0.05
NO_TIME_IN_SIGHT = "At today's traffic this takes more than a year to decide."


def meaning(finding: Finding, evaluation: ClaimEvaluation) -> str:
    """Whether the claim holds; while that is open, what would be detected and when."""
    if finding.claim.claim is None:
        return _scan_meaning(finding, evaluation)
    noun = claim_noun(finding.claim, unit=evaluation.metric.unit, worse=evaluation.metric.worse)
    if finding.state == "undecided":
        opened = {
            "look_bound": f"{capitalise(noun)} is neither shown nor ruled out yet.",
            "one_sided": f"Whether {noun} holds is not decided yet.",
        }[finding.claim.kind.rule]
        return opened + _detectable(finding, evaluation) + time_sentence(finding)
    return _DECIDED[finding.claim.kind.rule](finding, capitalise(noun))


def no_event_meaning(finding: Finding, evaluation: ClaimEvaluation) -> str:
    """A claim that events stay at zero: when the first came, or which rate is ruled out."""
    limit = evaluation.limit
    if evaluation.decisive.post_y > 0:
        low, high = evaluation.decisive.post_interval(0.95)
        more = " It happens more often than before." if finding.state == "worse" else ""
        return (
            f"The first came in hour {finding.event_hour}.{more} "
            f"The rate is {share(low)} to {share(high)} (95 % confidence interval)."
        )
    if not limit:
        return "There is no earlier rate to compare with; set a limit to decide it."
    highest = highest_rate(evaluation, error=finding.one_sided)
    sure = f"{level(1 - finding.one_sided)} confidence"
    before = f"it was {share(limit)} before"
    asked = before if finding.claim.limit is None else f"{share(limit)} is allowed"
    if highest < limit:
        return f"The rate is below {share(highest)} with {sure}; {asked}.{caveat_sentence(finding)}"
    may_be = f"The rate may still be as high as {share(highest)} ({sure}); {asked}."
    return f"{may_be}{caveat_sentence(finding)}{time_sentence(finding)}"


def time_sentence(finding: Finding) -> str:
    """When an open claim can be decided; empty for one that is decided."""
    if finding.time_to_decision.hours is not None:
        return f" It can be decided {time_clause(finding.time_to_decision)}."
    if finding.state == "undecided" and finding.caveat is None:
        return f" {NO_TIME_IN_SIGHT}"
    return ""


def time_clause(time: TimeToDecision) -> str:
    """When a claim will be decided, and whether the baseline must be as long."""
    baseline = ", with a baseline of the same length" if time.longer_baseline else ""
    return f"about {hours(time.hours or 0)} after the deploy at today's traffic{baseline}"


def _change_decided(finding: Finding, noun: str) -> str:
    size = "" if finding.claim.by else f" of {claimed_share(finding.smallest_useful or 0)} or more"
    is_refuted = finding.caveat is not None and finding.caveat.refutes
    opposite = CLAIM_WORDS[finding.claim.claim or ""].opposite
    return {
        "met": f"{noun} is shown.",
        "not_met": f"{noun} is not shown." if is_refuted else f"{noun}{size} is ruled out.",
        "worse": f"{noun} was expected, {opposite} is shown.",
    }[finding.state]


def _limit_decided(finding: Finding, noun: str) -> str:
    return {
        "met": f"{noun} holds.",
        "not_met": f"{noun} does not hold.",
        "worse": f"{noun} is clearly broken.",
    }[finding.state]


_DECIDED: Mapping[str, Callable[[Finding, str], str]] = {
    "look_bound": _change_decided,
    "one_sided": _limit_decided,
}


def _scan_meaning(finding: Finding, evaluation: ClaimEvaluation) -> str:
    """What the search over all features may say of one metric."""
    among = "than chance explains among all metrics searched"
    if finding.state == "worse":
        hour = finding.began_hour
        began = "" if hour is None else f", from hour {hour} after the deploy on"
        return f"Worse {among}{began}."
    if finding.p_adjusted is not None and finding.p_adjusted <= SCAN_ALPHA:
        return f"Better {among}."
    return "This may be chance." + _detectable(finding, evaluation)


def _detectable(finding: Finding, evaluation: ClaimEvaluation) -> str:
    """The minimum detectable change; left out where the change seen is larger than that."""
    effect, unit = finding.minimum_detectable_effect, evaluation.metric.unit
    kind = finding.claim.kind
    is_distance = kind.null != "change"
    moved = evaluation.distance if is_distance else evaluation.comparison.difference
    if effect is None or abs(moved or 0.0) >= effect:
        return ""
    baseline = evaluation.comparison.baseline_value or 0.0
    if kind.side == "less" and not is_distance and effect > baseline:
        return " At this look even a fall to zero may go undetected."
    what = "distance from the limit" if is_distance else "change"
    return f" Minimum detectable {what} at this look: {size_in(effect, unit)}."
