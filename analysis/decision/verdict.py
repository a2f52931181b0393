"""Findings become one verdict: the rules of DESIGN in their order, the first that applies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from analysis.decision.checks import Check
from analysis.decision.findings import Finding
from analysis.formatting import milliseconds
from analysis.outcomes import OUTCOME_CODES, TIMEOUT
from analysis.text.findings import ENDLESS, needed_clause, short_clause

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
        return Verdict(
            "untrusted",
            f"The data cannot carry a verdict: {errors[0].detail}{_more(len(errors) - 1)}.",
        )
    broken = [found for found in guardrails if found.state in ("not_met", "worse")]
    harm = [found for found in broken if found.claim.critical] + [
        found for found in expectations if found.state == "worse"
    ]
    if harm:
        return Verdict("roll_back", f"{_harm(harm[0])}{_also(harm[1:])}.")
    if _all_met(expectations, guardrails) and not broken:
        critical_met = all(found.state == "met" for found in guardrails if found.claim.critical)
        name: VerdictName = "sustained" if is_sustained and critical_met else "improved"
        return Verdict(
            name, f"{_good(expectations, guardrails)}; {sustained_remark}{_not_yet(guardrails)}."
        )
    not_met = [found for found in expectations if found.state == "not_met"]
    if is_last and (not_met or moved_cliffs):
        return Verdict("not_fixed", _not_fixed(expectations, not_met, moved_cliffs))
    shared = _shared((*expectations, *guardrails))
    return Verdict(
        "keep_watching",
        f"{_watching(expectations, broken)}{shared}{_last_look() if is_last else ''}.",
    )


def _all_met(expectations: Sequence[Finding], guardrails: Sequence[Finding]) -> bool:
    """Every expectation is met; where none is declared, every guardrail."""
    return all(found.state == "met" for found in expectations or guardrails)


def _harm(found: Finding) -> str:
    kind = "The critical guardrail" if found.claim.critical else "The expectation"
    what = "got worse" if found.state == "worse" else "is broken"
    return f"{kind} {_quoted(found)} {what}: {short_clause(found)}"


def _good(expectations: Sequence[Finding], guardrails: Sequence[Finding]) -> str:
    if not expectations:
        return f"No expectation is declared and {_every(guardrails, 'guardrail')} met: {short_clause(guardrails[0])}"
    return (
        f"{_every(expectations, 'expectation').capitalize()} met: {short_clause(expectations[0])}"
    )


def _every(findings: Sequence[Finding], noun: str) -> str:
    return f"the only {noun} is" if len(findings) == 1 else f"all {len(findings)} {noun}s are"


def _met_of(expectations: Sequence[Finding]) -> str:
    met = sum(found.state == "met" for found in expectations)
    return f"{met} of {len(expectations)} expectations {'is' if met == 1 else 'are'} met"


def _not_yet(guardrails: Sequence[Finding]) -> str:
    undecided = [found for found in guardrails if found.state in ("undecided", "no_data")]
    return f"; not decided yet: {', '.join(map(_quoted, undecided))}" if undecided else ""


def _not_fixed(
    expectations: Sequence[Finding], not_met: Sequence[Finding], moved: Sequence[MovedCliff]
) -> str:
    held = f" ({_met_of(expectations)})" if len(expectations) > 1 else ""
    if moved:
        first, others = (
            _moved(moved[0]),
            [found for found in not_met if not _is_about(found, moved[0].feature)],
        )
        return f"The fix did not work{held}: {first}{_also(others)}."
    return f"The fix did not work{held}: {_quoted(not_met[0])} is not met, {short_clause(not_met[0])}{_also(not_met[1:])}."


def _is_about(found: Finding, feature: str) -> bool:
    return any(
        part.claim.feature == feature and part.evaluation.metric.outcome == OUTCOME_CODES[TIMEOUT]
        for part in (found.parts or (found,))
    )


def _moved(cliff: MovedCliff) -> str:
    return f"{cliff.feature} still times out, only later, at {milliseconds(cliff.post_ms)} instead of {milliseconds(cliff.baseline_ms)}"


def _watching(expectations: Sequence[Finding], broken: Sequence[Finding]) -> str:
    """How many are met, which are open, and the hours they need; or which guardrail stands in the way."""
    still_open = [found for found in expectations if found.state != "met"]
    if not still_open:
        met = (
            f"{_every(expectations, 'expectation').capitalize()} met"
            if expectations
            else "No expectation is declared"
        )
        return (
            f"{met}, but {_broken(broken)}"
            if broken
            else f"{met}, and not every guardrail is decided yet"
        )
    shown = (
        _met_of(expectations) if len(expectations) > 1 else "The only expectation is not met yet"
    )
    against = f"; {_broken(broken)}" if broken else ""
    return f"{shown}, open: {', '.join(map(_quoted, still_open))}; {_hours(still_open)}{against}"


def _hours(still_open: Sequence[Finding]) -> str:
    endless = [found for found in still_open if found.time_to_decision.hours is None]
    if len(endless) == len(still_open):
        return ENDLESS
    longest = max(
        (
            found.time_to_decision
            for found in still_open
            if found.time_to_decision.hours is not None
        ),
        key=lambda time: time.hours,
    )
    about = needed_clause(longest)
    return (
        f"{about}, and for {', '.join(map(_quoted, endless))} no number of hours is in sight"
        if endless
        else about
    )


def _broken(broken: Sequence[Finding]) -> str:
    return f"the guardrail {_quoted(broken[0])} is broken, {short_clause(broken[0])}{_also(broken[1:])}"


def _shared(findings: Sequence[Finding]) -> str:
    """A change that features without a part in the deploy show as well, which is why it does not count."""
    shared = [
        found
        for found in findings
        for part in (found.parts or (found,))
        if part.caveat and part.caveat.is_shared
    ]
    if not shared:
        return ""
    words = next(
        part.caveat.words
        for part in (shared[0].parts or shared)
        if part.caveat and part.caveat.is_shared
    )
    return f"; {_quoted(shared[0])} is left open, because {words}{_also(shared[1:])}"


def _last_look() -> str:
    return "; this was the last planned look, so add a later one to [monitoring].windows to go on"


def _also(others: Sequence[Finding]) -> str:
    return f"; likewise {', '.join(map(_quoted, others))}" if others else ""


def _more(failing: int) -> str:
    return (
        f" ({failing} more {'check fails' if failing == 1 else 'checks fail'})" if failing else ""
    )


def _quoted(found: Finding) -> str:
    return f"'{found.claim.name}'"
