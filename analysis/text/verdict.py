"""Why a verdict is what it is: the reason, one or two sentences with numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from analysis.formatting import capitalise, hours, milliseconds, share
from analysis.text.checks import check_detail
from analysis.text.findings.caveats import caveat_clause
from analysis.text.findings.meaning import NO_TIME_IN_SIGHT, time_clause
from analysis.text.findings.sentence import short_clause
from analysis.text.findings.sustained import sustained_clause
from analysis.text.harm import excluded_growth, harm_clause, harm_clauses

if TYPE_CHECKING:
    from analysis.decision.claims.findings import Finding
    from analysis.decision.verdict import MovedCliff, Verdict


LAST_LOOK = (
    "this was the last planned look: roll back, add a window to [monitoring].windows, or accept it"
)


def verdict_reason(verdict: Verdict) -> str:
    """What the verdict follows from; what broke comes first."""
    return {
        "untrusted": _untrusted,
        "roll_back": _roll_back,
        "sustained": _improved,
        "improved": _improved,
        "not_fixed": _not_fixed,
        "keep_watching": _keep_watching,
        "investigate": _investigate,
        "no_regression": _no_regression,
    }[verdict.name](verdict)


def _untrusted(verdict: Verdict) -> str:
    first, *others = verdict.failed_checks
    noun = "check fails" if len(others) == 1 else "checks fail"
    more = f" ({len(others)} more {noun})" if others else ""
    return f"The data quality is too poor for a verdict: {check_detail(first)}{more}."


def _roll_back(verdict: Verdict) -> str:
    first, *others = verdict.harm
    kind = "Critical guardrail" if first.claim.critical else "Expectation"
    what = "got worse" if first.state == "worse" else "is broken"
    more = harm_clauses([*others, *verdict.suspects], verdict.stopped)
    return (
        f"{harm_clause(first)}. {kind} {_quoted(first)} {what}: "
        f"{short_clause(first)}{_also_clauses(more)}."
    )


def _investigate(verdict: Verdict) -> str:
    first, *others = harm_clauses(verdict.suspects, verdict.stopped)
    starts = {
        "met": f"The fix works, but {first}",
        "none": first,
        "failed": f"{first}, and the fix did not work",
        "open": f"{first}; the fix is not decided yet",
    }
    sentences = [f"{starts[_state_of(verdict)]}{_also_clauses(others)}"]
    if verdict.expectations:
        sentences.append(capitalise(short_clause(verdict.expectations[0])))
    if verdict.is_last:
        sentences.append(capitalise(LAST_LOOK))
    return ". ".join(sentences) + "."


def _no_regression(verdict: Verdict) -> str:
    met = [found for found in verdict.guardrails if found.state == "met"]
    kept = f"{len(met)} of {len(verdict.guardrails)} guardrails hold"
    still_open = [found for found in verdict.guardrails if found.state != "met"]
    excluded = "; ".join(
        f"{_quoted(found)} is not decided{excluded_growth(found)}" for found in still_open
    )
    more = f"; {excluded}" if excluded else ""
    return f"Nothing that is watched got worse: {kept}, and no regression was found{more}."


def _state_of(verdict: Verdict) -> str:
    """How the fix itself stands: none, met, failed or open."""
    states = {found.state for found in verdict.expectations}
    if not states:
        return "none"
    if states == {"met"}:
        return "met"
    return "failed" if verdict.is_last and states & {"not_met"} else "open"


def _improved(verdict: Verdict) -> str:
    met = f"{_all(verdict.expectations, 'expectation')} met"
    capped = (
        "; not more than improved, because the baseline raises false alarms by itself"
        if verdict.is_capped
        else ""
    )
    return (
        f"{capitalise(met)}: {short_clause(verdict.expectations[0])}; "
        f"{sustained_clause(verdict.sustained)}{capped}{_undecided(verdict.guardrails)}."
    )


def _not_fixed(verdict: Verdict) -> str:
    met = f" ({_n_met(verdict.expectations)})" if len(verdict.expectations) > 1 else ""
    not_met = [found for found in verdict.expectations if found.state == "not_met"]
    if verdict.moved_cliffs:
        cliff = verdict.moved_cliffs[0]
        others = [found for found in not_met if not _is_about(found, cliff)]
        return f"The fix did not work{met}: {_moved_cliff(cliff)}{_also(others)}."
    first, *others = not_met
    clause = f"{_quoted(first)} is not met: {short_clause(first)}"
    return f"The fix did not work{met}. {clause}{_also(others)}."


def _keep_watching(verdict: Verdict) -> str:
    """What is broken, what is still open and why, and when it can be decided."""
    still_open = [found for found in verdict.expectations if found.state != "met"]
    sentences = []
    if not verdict.is_comparable:
        sentences.append(
            f"Only {share(verdict.compared_share)} of the calls lie in hours that the baseline "
            "has too; 80 % are required for a verdict"
        )
    if still_open:
        sentences += [_open(verdict.expectations, still_open), _decided_at(still_open)]
    else:
        sentences.append(_open_guardrails(verdict))
    shared = _shared((*verdict.expectations, *verdict.guardrails))
    sentences += [shared] if shared else []
    if verdict.is_last:
        sentences.append(capitalise(LAST_LOOK))
    return ". ".join(sentence.removesuffix(".") for sentence in sentences) + "."


def _open(expectations: Sequence[Finding], still_open: Sequence[Finding]) -> str:
    """How many expectations are met, and how the first open one stands."""
    first = still_open[0]
    clause = f"{short_clause(first)}{_chance(first)}"
    if len(expectations) == 1:
        return capitalise(clause)
    names = ", ".join(map(_quoted, still_open))
    return f"{capitalise(_n_met(expectations))}; not decided: {names}. {capitalise(clause)}"


def _chance(found: Finding) -> str:
    """That a change may be chance, and after how many hours; nothing of too little data."""
    part = next((one for one in (found, *found.parts) if one.evaluation), found)
    if found.state != "undecided" or part.evaluation is None:
        return ""
    low, high = part.interval or (-1.0, 1.0)
    if low > 0 or high < 0:
        return "; a change that large is not shown yet" if part.claim.by else ""
    first, last = part.evaluation.hours
    return f"; after {hours(last - first)} this may still be chance"


def _open_guardrails(verdict: Verdict) -> str:
    met = f"{_all(verdict.expectations, 'expectation')} met"
    met = met if verdict.expectations else "no expectation is declared"
    undecided = _undecided(verdict.guardrails)
    return capitalise(f"{met}{undecided}")


def _decided_at(still_open: Sequence[Finding]) -> str:
    endless = [found for found in still_open if found.time_to_decision.hours is None]
    if len(endless) == len(still_open):
        return NO_TIME_IN_SIGHT
    times = (found.time_to_decision for found in still_open)
    longest = max(times, key=lambda time: time.hours or 0.0)
    when = f"It can be decided {time_clause(longest)}"
    names = ", ".join(map(_quoted, endless))
    return f"{when}, except {names}, which takes more than a year" if endless else when


def _shared(findings: Sequence[Finding]) -> str:
    """A change that the control features share, which is why it does not count."""
    shared = [
        (found, part.caveat)
        for found in findings
        for part in found.singles
        if part.caveat is not None and part.controls and part.controls.is_shared_movement
    ]
    if not shared:
        return ""
    (first, caveat), *others = shared
    also = _also([found for found, _ in others])
    return f"{_quoted(first)} stays undecided: {caveat_clause(caveat)}{also}"


def _undecided(guardrails: Sequence[Finding]) -> str:
    found = [found for found in guardrails if found.state in ("undecided", "no_data")]
    return f"; not decided yet: {', '.join(map(_quoted, found))}" if found else ""


def _moved_cliff(cliff: MovedCliff) -> str:
    after, before = milliseconds(cliff.post_ms), milliseconds(cliff.baseline_ms)
    return f"{cliff.feature} still times out, only later: at {after} instead of {before}"


def _is_about(found: Finding, cliff: MovedCliff) -> bool:
    return any(
        part.claim.feature == cliff.feature and part.is_about_timeouts for part in found.singles
    )


def _all(findings: Sequence[Finding], noun: str) -> str:
    return f"the only {noun} is" if len(findings) == 1 else f"all {len(findings)} {noun}s are"


def _n_met(expectations: Sequence[Finding]) -> str:
    met = sum(found.state == "met" for found in expectations)
    return f"{met} of {len(expectations)} expectations met"


def _also_clauses(clauses: Sequence[str]) -> str:
    """More of what broke: the first two, and how many more."""
    if not clauses:
        return ""
    more = f" and {len(clauses) - 2} more" if len(clauses) > 2 else ""
    return f"; also {'; '.join(clauses[:2])}{more}"


def _also(others: Sequence[Finding]) -> str:
    return f"; also {', '.join(map(_quoted, others))}" if others else ""


def _quoted(found: Finding) -> str:
    return f"'{found.claim.name}'"
