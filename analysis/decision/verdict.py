"""Findings become one verdict: the rules of DESIGN in their order, the first that applies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from analysis.counting.scope import Scope
from analysis.decision.checks.check_records import Check
from analysis.decision.claims.findings import Finding
from analysis.decision.claims.sustained import SustainedDecision
from analysis.decision.feature_changes import VanishedFeature
from analysis.metric_kinds import CLASS_RATE
from analysis.statistics.baseline.common_hours import ENOUGH_CALLS
from analysis.statistics.latency.cliff import Cliff

VerdictName = Literal[
    "sustained",
    "improved",
    "no_regression",
    "keep_watching",
    "not_fixed",
    "investigate",
    "roll_back",
    "untrusted",
]
EXIT_CODES: dict[VerdictName, int] = {
    "improved": 0,
    "sustained": 0,
    "no_regression": 0,
    "roll_back": 1,
    "keep_watching": 3,
    "not_fixed": 4,
    "untrusted": 5,
    "investigate": 7,
}
BROKEN = ("not_met", "worse")
LATER = 1.02
"""A cliff this much later than before has moved."""


@dataclass(frozen=True)
class MovedCliff:
    """A timeout cliff that the deploy only moved: where it was and where it is."""

    feature: str
    baseline_ms: int
    post_ms: int


@dataclass(frozen=True)
class Verdict:
    """What follows from the findings, and the findings that it follows from.

    Attributes
    ----------
    failed_checks : data checks in state error; with any the verdict is untrusted.
    harm : what rolls back: critical guardrails and regressions, then expectations that got worse.
    suspects : other guardrails that are broken, and regressions found.
    stopped : features that lost most of their traffic.
    compared_share : of the post calls, those in hours that the baseline has too, 0 to 1.
    is_capped : the baseline raises false alarms itself, so nothing is called sustained.
    moved_cliffs : of features whose timeout claim failed.
    is_last : whether this is the last planned look.
    """

    name: VerdictName
    expectations: tuple[Finding, ...]
    guardrails: tuple[Finding, ...]
    failed_checks: tuple[Check, ...]
    harm: tuple[Finding, ...]
    suspects: tuple[Finding, ...]
    stopped: tuple[VanishedFeature, ...]
    compared_share: float
    is_capped: bool
    moved_cliffs: tuple[MovedCliff, ...]
    sustained: SustainedDecision
    is_last: bool

    @property
    def exit_code(self) -> int:
        """Exit code of the commands that end with a verdict."""
        return EXIT_CODES[self.name]

    @property
    def broken(self) -> tuple[Finding, ...]:
        """Guardrails that are not met or worse."""
        return tuple(found for found in self.guardrails if found.is_broken)

    @property
    def is_comparable(self) -> bool:
        """Whether enough of the post calls are compared for a green verdict or "not fixed"."""
        return self.compared_share >= ENOUGH_CALLS


def find_moved_cliffs(
    cliffs: Mapping[str, Mapping[str, Cliff]], expectations: Iterable[Finding]
) -> tuple[MovedCliff, ...]:
    """Features with a cliff in both arms, the post one later, whose timeout claim failed.

    With a claim met, undecided or without data a later cliff is only a remark: a fix that works
    leaves some calls at the new cap.
    """
    failed = [
        Scope(part.claim.feature)
        for found in expectations
        for part in found.singles
        if part.is_about_timeouts and part.is_broken
    ]
    moved = []
    for feature, before in sorted(cliffs["baseline"].items()):
        after = cliffs["post"].get(feature)
        is_later = after is not None and after.at_ms > LATER * before.at_ms
        if after and is_later and any(scope.matches(feature, None) for scope in failed):
            moved.append(MovedCliff(feature, int(before.at_ms), int(after.at_ms)))
    return tuple(moved)


def decide_verdict(
    *,
    expectations: Sequence[Finding],
    guardrails: Sequence[Finding],
    checks: Sequence[Check],
    moved_cliffs: Sequence[MovedCliff],
    sustained: SustainedDecision,
    is_last: bool,
    regressions: Sequence[Finding] = (),
    stopped: Sequence[VanishedFeature] = (),
    compared_share: float = 1.0,
    is_capped: bool = False,
) -> Verdict:
    """The first rule that applies; `sustained` is the rule of the trailing hours.

    No verdict is green while the data hold plain harm: a broken guardrail, a regression found, or a
    feature whose traffic stopped.
    """
    failed = tuple(check for check in checks if check.state == "error")
    broken = [found for found in (*guardrails, *regressions) if found.is_broken]
    harm = sorted((found for found in broken if found.claim.critical), key=_is_no_failure)
    harm += [found for found in expectations if found.state == "worse"]
    suspects = sorted((found for found in broken if not found.claim.critical), key=_is_no_failure)
    is_comparable = compared_share >= ENOUGH_CALLS
    all_met = bool(expectations) and all(found.state == "met" for found in expectations)
    has_failed = bool(moved_cliffs) or any(found.state == "not_met" for found in expectations)
    is_sustained = (
        sustained.holds
        and not is_capped
        and all(found.state == "met" for found in guardrails if found.claim.critical)
    )
    rules: tuple[tuple[bool, VerdictName], ...] = (
        (bool(failed), "untrusted"),
        (bool(harm), "roll_back"),
        (bool(suspects or stopped), "investigate"),
        (all_met and is_comparable and is_sustained, "sustained"),
        (all_met and is_comparable, "improved"),
        (is_last and is_comparable and bool(expectations) and has_failed, "not_fixed"),
        (is_last and is_comparable and not expectations, "no_regression"),
        (True, "keep_watching"),
    )
    return Verdict(
        name=next(name for applies, name in rules if applies),
        expectations=tuple(expectations),
        guardrails=tuple(guardrails),
        failed_checks=failed,
        harm=tuple(harm),
        suspects=tuple(suspects),
        stopped=tuple(stopped),
        compared_share=compared_share,
        is_capped=is_capped,
        moved_cliffs=tuple(moved_cliffs),
        sustained=sustained,
        is_last=is_last,
    )


def _is_no_failure(finding: Finding) -> bool:
    """Failures are named before slow calls and costs."""
    return all(
        part.evaluation is None or part.evaluation.metric.kind is not CLASS_RATE
        for part in finding.singles
    )
