"""The verdict at a glance: its headline, what changed, how sure it is, what else was found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from analysis.decision.verdict import BROKEN
from analysis.formatting import capitalise, count, level, share, when
from analysis.leaks import display_name
from analysis.metrics import recorded_metric
from analysis.results.finding_record import FindingRecord
from analysis.results.model import LookResult, ReplayRecord
from analysis.statistics.sequential import level_of
from analysis.text.checks import checks_summary
from analysis.text.harm import feature_lines, harm_texts
from analysis.text.records import OUTSIDE_RULES, among_text, changed_text
from analysis.text.verdict_labels import VERDICTS
from analysis.window import HOUR

NO_FINDING = (
    "There are no findings while the data cannot be trusted. "
    "The numbers below help to find what is wrong."
)
NOTHING_DECLARED = "No expectation and no guardrail is declared."
NOT_RANDOMISED = (
    "This is a comparison of before and after, not a randomised trial: "
    "anything else that changed at the deploy is part of these numbers."
)
NOT_PLANNED = "Not a planned look: it is exploratory and decides nothing"


def verdict_headline(result: LookResult) -> str:
    """The verdict in one sentence with its main number; what broke comes first."""
    meaning, found = VERDICTS[result.verdict].meaning, result.expectations
    after = (
        f"after {result.look.window}"
        if result.look.planned
        else "in this stretch of time, outside the planned looks"
    )
    if result.verdict == "untrusted":
        return f"No verdict {after}: {meaning}."
    met = sum(item.finding == "met" for item in found)
    kept = f"{met} of {len(found)} expectations met" if found else "no expectation is declared"
    worse = [one for one in found if one.finding == "worse"]
    broken = [*harm_texts(result), *(f"{one.name}: {changed_text(one)}" for one in worse)]
    if broken:
        more = f" and {len(broken) - 1} more" if len(broken) > 1 else ""
        return f"{_fix_clause(result)}{broken[0]}{more}; {kept} {after}."
    failed = [one for one in found if one.finding in BROKEN and result.verdict == "not_fixed"]
    main = (*failed, *found)[:1]
    numbers = [f"{one.name}: {changed_text(one)}" for one in main if changed_text(one)]
    clauses = [*numbers, f"{kept} {after}"] if failed else [f"{kept} {after}", *numbers]
    return f"{capitalise(meaning)}: {'; '.join(clauses)}."


def _fix_clause(result: LookResult) -> str:
    """That the fix works, where it does although something else broke."""
    all_met = all(one.finding == "met" for one in result.expectations)
    return "The fix works, but " if result.expectations and all_met else ""


def changed_lines(result: LookResult) -> list[tuple[str, str]]:
    """State and text of what changed: what broke first, then the rest of the expectations.

    Nothing where the data are not trusted.
    """
    if result.verdict == "untrusted":
        return []
    broken = [found for found in result.guardrails if found.finding in BROKEN]
    shown = sorted(result.expectations, key=lambda found: found.finding not in BROKEN)
    lines: list[tuple[str, str]] = [("worse", text) for text in harm_texts(result)]
    lines += [
        (found.finding, f"{found.name}: {changed_text(found) or 'not enough data to compare'}")
        for found in shown
    ]
    n, n_open = len(result.guardrails), len(result.guardrails) - len(broken)
    if n_open:
        met = sum(found.finding == "met" for found in result.guardrails)
        state = "met" if met == n_open else "undecided"
        lines.append((state, f"{met} of {n} guardrails (what must not get worse) hold"))
    lines += [(OUTSIDE_RULES, line) for line in feature_lines(result)]
    return lines + [(OUTSIDE_RULES, line) for line in _outside_rules(result)]


def confidence_lines(result: LookResult) -> list[str]:
    """How sure: the intervals, the chance of a false alarm, and the data checks."""
    look = result.look
    levels = [found.level for found in result.expectations if found.level]
    lines = [f"Intervals are {level(levels[0])} confidence intervals"] if levels else []
    if look.planned:
        chance = share(1.0 - level_of(look.bound))
        lines.append(
            f"Look {look.number} of {look.planned}; chance of a false alarm at this look: at most "
            f"{chance} (early looks are stricter, so that all looks together stay within the limit)"
        )
    else:
        lines.append(NOT_PLANNED)
    return [*lines, false_alarm_text(result.calibration), checks_summary(result.checks)]


def false_alarm_text(replay: ReplayRecord) -> str:
    """How often the same rules raise a false alarm inside the baseline."""
    if not replay.pretended_deploys:
        return (
            "The baseline is too short for a placebo deploy, "
            "so the rate of false alarms is not known"
        )
    noun = "alarm" if replay.false_alarms == 1 else "alarms"
    return (
        f"{count(replay.false_alarms)} false {noun} on {count(replay.pretended_deploys)} placebo "
        "deploys inside the baseline, where nothing had changed"
    )


@dataclass(frozen=True)
class ExploratoryFindings:
    """The search over all features, in groups.

    Attributes
    ----------
    intro : what it is.
    worse, better, rest : beyond chance in either direction, and all others.
    new_errors : a line for each error class that is new.
    """

    intro: str
    worse: tuple[FindingRecord, ...]
    better: tuple[FindingRecord, ...]
    rest: tuple[FindingRecord, ...]
    new_errors: tuple[str, ...]
    total: int


def sort_exploratory(result: LookResult, *, alpha: float) -> ExploratoryFindings:
    """Group the exploratory findings; `alpha` is the false discovery rate."""
    found = result.exploratory
    worse = tuple(item for item in found if item.finding == "worse")
    better = tuple(
        item
        for item in found
        if item not in worse and item.p_adjusted is not None and item.p_adjusted <= alpha
    )
    return ExploratoryFindings(
        intro=(
            f"{count(len(found))} metrics of all features were searched, whether a rule covers "
            "them or not. Some change by chance, so p (the chance of a change as large when "
            "nothing happened) is adjusted for all of them (Benjamini-Hochberg): of those called "
            f"worse or better, about {share(alpha)} are expected to be chance. "
            "This is exploratory: it decides nothing."
        ),
        worse=worse,
        better=better,
        rest=tuple(item for item in found if item not in worse and item not in better),
        new_errors=tuple(
            _new_errors(item, result.deployed_at) for item in found if item.event_hour is not None
        ),
        total=len(found),
    )


def _outside_rules(result: LookResult) -> list[str]:
    """What got worse, or fails in a new way, although no rule covers it."""
    covered = {(claim.metric, claim.feature) for claim in result.single_claims}
    searched_too = (*result.regressions, *result.price_of_fix)
    covered |= {(found.metric, found.feature) for found in searched_too}
    covered |= {(part.metric, part.feature) for found in result.guardrails for part in found.parts}
    slower_by_choice = {found.feature for found in result.price_of_fix if _is_time(found)}
    searched = [
        found
        for found in result.exploratory
        if (found.metric, found.feature) not in covered
        and not (_is_time(found) and found.feature in slower_by_choice)
    ]
    new = [found for found in searched if found.event_hour is not None]
    worse = [found for found in searched if found.finding == "worse" and found not in new]
    lines = []
    if worse:
        lines.append(
            f"Also worse, although no rule covers it: {_name(worse[0])} {changed_text(worse[0])}"
            f"{_more(worse)}; of {count(len(searched))} metrics searched"
        )
    if new:
        lines.append(f"New error class, although no rule covers it: {_name(new[0])}{_more(new)}")
    return lines


def _is_time(found: FindingRecord) -> bool:
    return recorded_metric(found.metric or "").kind.is_time


def _new_errors(found: FindingRecord, deployed_at: datetime) -> str:
    """An error class that was not there before: how many, since when."""
    hour = found.event_hour or 0
    share_after = share(found.post.value or 0.0)
    return (
        f"{_name(found)}: {count(found.post.events or 0)} of {among_text(found, 'post')} "
        f"({share_after}), none of {among_text(found, 'baseline')} before; the first in hour "
        f"{hour} after the deploy, from {when(deployed_at + hour * HOUR)} on"
    )


def _name(found: FindingRecord) -> str:
    return f"{recorded_metric(found.metric or '').words} of {display_name(found.feature or '')}"


def _more(found: Sequence[FindingRecord]) -> str:
    return f" and {count(len(found) - 1)} more" if len(found) > 1 else ""
