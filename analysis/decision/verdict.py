"""Findings become one verdict: the rules of DESIGN in their order, the first that applies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from analysis.counting.scope import Scope
from analysis.decision.checks.check_records import Check
from analysis.decision.claims.findings import Finding
from analysis.decision.claims.sustained import SustainedDecision
from analysis.statistics.latency.cliff import Cliff

VerdictName = Literal[
    "sustained", "improved", "keep_watching", "not_fixed", "roll_back", "untrusted"
]
EXIT_CODES: dict[VerdictName, int] = {
    "improved": 0,
    "sustained": 0,
    "roll_back": 1,
    "keep_watching": 3,
    "not_fixed": 4,
    "untrusted": 5,
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
    harm : critical guardrails that are broken, then expectations that got worse.
    moved_cliffs : of features whose timeout claim failed.
    is_last : whether this is the last planned look.
    """

    name: VerdictName
    expectations: tuple[Finding, ...]
    guardrails: tuple[Finding, ...]
    failed_checks: tuple[Check, ...]
    harm: tuple[Finding, ...]
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
        return tuple(found for found in self.guardrails if found.state in BROKEN)


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
        if part.is_about_timeouts and part.state in BROKEN
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
) -> Verdict:
    """The first rule that applies; `sustained` is the rule of the trailing hours."""
    failed = tuple(check for check in checks if check.state == "error")
    broken = [found for found in guardrails if found.state in BROKEN]
    harm = [found for found in broken if found.claim.critical]
    harm += [found for found in expectations if found.state == "worse"]

    def is_sustained() -> bool:
        critical = (found for found in guardrails if found.claim.critical)
        return sustained.holds and all(found.state == "met" for found in critical)

    name: VerdictName
    if failed:
        name = "untrusted"
    elif harm:
        name = "roll_back"
    elif not broken and all(found.state == "met" for found in expectations or guardrails):
        name = "sustained" if is_sustained() else "improved"
    elif is_last and (moved_cliffs or any(found.state == "not_met" for found in expectations)):
        name = "not_fixed"
    else:
        name = "keep_watching"
    return Verdict(
        name,
        tuple(expectations),
        tuple(guardrails),
        failed,
        tuple(harm),
        tuple(moved_cliffs),
        sustained,
        is_last,
    )
