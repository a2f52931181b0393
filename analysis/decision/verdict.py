"""Findings become one verdict: the rules of DESIGN in their order, the first that applies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from analysis.decision.checks import Check
from analysis.decision.findings import Finding
from analysis.decision.sentences import finding_sentence
from analysis.decision.wording import hours

VerdictName = Literal["sustained", "improved", "keep_watching", "not_fixed", "roll_back", "untrusted"]
EXIT_CODES: dict[VerdictName, int] = {
    "improved": 0,
    "sustained": 0,
    "roll_back": 1,
    "keep_watching": 3,
    "not_fixed": 4,
    "untrusted": 5,
}


@dataclass(frozen=True)
class Verdict:
    """What follows from the findings, and why, in one sentence with numbers."""

    name: VerdictName
    reason: str

    @property
    def exit_code(self) -> int:
        """Exit code of the commands that end with a verdict."""
        return EXIT_CODES[self.name]


@dataclass(frozen=True)
class MovedCliff:
    """A timeout cliff that the deploy only moved: where it was and where it is."""

    feature: str
    baseline_ms: int
    post_ms: int


def decide_verdict(
    *,
    expectations: Sequence[Finding],
    guardrails: Sequence[Finding],
    checks: Sequence[Check],
    moved_cliffs: Sequence[MovedCliff],
    is_sustained: bool,
    is_last: bool,
    sustained_remark: str = "",
) -> Verdict:
    """The first rule that applies. `is_sustained` is the trailing-hours rule of STATISTICS, decided before."""
    errors = [check for check in checks if check.state == "error"]
    if errors:
        return Verdict("untrusted", f"The data cannot carry a verdict: {errors[0].detail}.")
    broken = [found for found in guardrails if found.state in ("not_met", "worse")]
    critical = [found for found in broken if found.claim.critical]
    harmed = [found for found in expectations if found.state == "worse"]
    if critical or harmed:
        return Verdict("roll_back", _sentences((*critical, *harmed)))
    all_met = bool(expectations) and all(found.state == "met" for found in expectations)
    if all_met and not broken:
        return _good_verdict(expectations, guardrails, is_sustained=is_sustained, remark=sustained_remark)
    not_met = [found for found in expectations if found.state == "not_met"]
    moved = [_moved_sentence(cliff) for cliff in moved_cliffs]
    if is_last and (not_met or moved):
        return Verdict("not_fixed", " ".join([*moved, _sentences(not_met)]).strip())
    return Verdict("keep_watching", _watching_reason(expectations, broken, is_last=is_last))


def _good_verdict(
    expectations: Sequence[Finding], guardrails: Sequence[Finding], *, is_sustained: bool, remark: str
) -> Verdict:
    open_guardrails = [found for found in guardrails if found.state in ("undecided", "no_data")]
    critical_met = all(found.state == "met" for found in guardrails if found.claim.critical)
    named = f" Not yet decided: {', '.join(found.claim.name for found in open_guardrails)}." if open_guardrails else ""
    first = finding_sentence(expectations[0])
    if is_sustained and critical_met:
        return Verdict("sustained", f"All {len(expectations)} expectations are met, and the last hours alone confirm it. {first}{named}")
    return Verdict("improved", f"All {len(expectations)} expectations are met. {first}{named}{' ' + remark if remark else ''}")


def _watching_reason(expectations: Sequence[Finding], broken: Sequence[Finding], *, is_last: bool) -> str:
    met = sum(found.state == "met" for found in expectations)
    still_open = [found for found in expectations if found.state != "met"]
    parts = [f"{met} of {len(expectations)} expectations are met."] if expectations else ["No expectation is declared."]
    if broken:
        parts.append(_sentences(broken))
    if still_open:
        parts.append(f"Open: {', '.join(found.claim.name for found in still_open)}.")
        needed = [found.hours_needed for found in still_open if found.hours_needed]
        if needed:
            parts.append(f"At today's traffic about {hours(max(needed))} from the deploy are needed.")
    if is_last:
        parts.append("This was the last planned look; add a later one to [monitoring].windows to go on.")
    return " ".join(parts)


def _moved_sentence(cliff: MovedCliff) -> str:
    return (
        f"{cliff.feature} still times out: its timeouts only moved from {cliff.baseline_ms / 1000:.1f} s "
        f"to {cliff.post_ms / 1000:.1f} s."
    )


def _sentences(findings: Sequence[Finding]) -> str:
    return " ".join(finding_sentence(found) for found in findings)
