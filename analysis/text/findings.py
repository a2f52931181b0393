"""A finding in words, from its own numbers. Prose and number travel together: nothing is written anywhere else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from analysis.decision.claims import FEWEST_EVENTS, FEWEST_N
from analysis.decision.findings import Finding, highest_rate
from analysis.decision.power import ONE_SIDED_LEVEL, TimeToDecision
from analysis.formatting import (
    change_of,
    claimed_share,
    count,
    hours,
    interval_of,
    level,
    level_words,
    share,
    value_of,
)
from analysis.metrics import TRAFFIC, Metric
from analysis.text.controls import adjusted_words

if TYPE_CHECKING:
    from analysis.config import Claim

ALPHA_SHOWN = 0.05
WHOLE_COVERAGE = 0.95
SURE = "with 95 % confidence"
ENDLESS = "at today's traffic not even a year would decide it"
PAST = "past the bound of this look"


def finding_sentence(finding: Finding) -> str:
    """What was found: the metric before and after, the change with its interval, and what it means for the claim."""
    if finding.parts:
        return _any_of_sentence(finding)
    if finding.state == "no_data":
        return f"{_no_data(finding)}{_needed(finding)}."
    if finding.claim.claim == "stays_zero":
        return f"{_stays_zero(finding)}{_caveat(finding)}."
    return f"{_movement(finding)}; {_change(finding)}: {_meaning(finding)}{_caveat(finding)}."


def short_clause(finding: Finding) -> str:
    """The metric before and after, and the interval of the change: what a reason needs of a finding."""
    if finding.parts:
        part = next(
            (part for part in finding.parts if part.state == finding.state), finding.parts[0]
        )
        return short_clause(part)
    if finding.state == "no_data":
        return _no_data(finding)
    if finding.claim.claim == "stays_zero":
        return _zero_count(finding)
    interval = ""
    if finding.interval is not None:
        interval = f" (interval of the change {interval_of(finding.evaluation.metric, finding.interval)}, {_level(finding)})"
    return f"{_movement(finding)}{interval}"


def _subject(finding: Finding) -> str:
    return f"{finding.evaluation.metric.words} of {place_of(finding.claim)}"


def place_of(claim: Claim) -> str:
    """Which calls a claim is about."""
    if claim.feature is None and claim.source is not None:
        return claim.source
    feature = "all features" if claim.feature in (None, "*") else claim.feature
    return f"{feature} from {claim.source}" if claim.source else feature


# ---- the numbers -----------------------------------------------------------------------------------------------------
def _movement(finding: Finding) -> str:
    comparison, metric = finding.evaluation.comparison, finding.evaluation.metric
    before, after = comparison.crude_baseline_value, comparison.crude_post_value
    shown = [value_of(metric, value) for value in (before, after)]
    n = [f"{count(size)} {metric.among}" for size in (comparison.baseline_n, comparison.post_n)]
    if shown[0] == shown[1]:
        return f"{_subject(finding)} stayed at {shown[0]} ({n[0]} before, {count(comparison.post_n)} after)"
    verb = "fell" if after < before else "rose"
    if metric.unit == "share":
        return f"{_subject(finding)} {verb} from {shown[0]} of {n[0]} to {shown[1]} of {n[1]}"
    return f"{_subject(finding)} {verb} from {shown[0]} ({n[0]}) to {shown[1]} ({n[1]})"


def _change(finding: Finding) -> str:
    """The change at the same mix of calls, or for a limit the value itself; bounds as they were asked for."""
    comparison, metric = finding.evaluation.comparison, finding.evaluation.metric
    if finding.claim.claim == "below":
        return _value_bound(finding)
    covered = (
        ""
        if comparison.coverage >= WHOLE_COVERAGE
        else f" ({share(comparison.coverage)} of the calls after the deploy)"
    )
    changed = f"with the same mix of calls{covered}{adjusted_words(comparison)} {change_of(metric, comparison.difference)}"
    bound = _difference_bound(finding)
    if bound:
        return f"{changed}, {bound}"
    return (
        f"{changed} (interval {interval_of(metric, finding.interval)}, {_level(finding)})"
        if finding.interval
        else changed
    )


def _difference_bound(finding: Finding) -> str:
    """For `no_worse` met or not met: the one-sided bound of the change, and what is allowed; nothing where they seem to disagree.

    What decides is the test at the margin; the bound is that of the interval beside it.
    """
    if finding.claim.claim != "no_worse" or finding.state not in ("met", "not_met"):
        return ""
    evaluation, metric = finding.evaluation, finding.evaluation.metric
    allowed = (evaluation.scale - 1.0) * evaluation.comparison.baseline_value
    low, high = evaluation.comparison.interval(ONE_SIDED_LEVEL)
    nearer_worse, nearer_better = (high, low) if metric.worse == "up" else (low, high)
    bound = nearer_worse if finding.state == "met" else nearer_better
    side = "at most" if (metric.worse == "up") == (finding.state == "met") else "at least"
    agrees = (bound < allowed) == (side == "at most")
    return (
        f"{SURE} {side} {change_of(metric, bound)} where {change_of(metric, allowed)} are allowed"
        if agrees
        else ""
    )


def _value_bound(finding: Finding) -> str:
    """For `below`: the one-sided bound that decided it, or the interval of the value."""
    metric, found = finding.evaluation.metric, finding.evaluation.decisive
    low, high = (value_of(metric, end) for end in found.post_interval(ONE_SIDED_LEVEL))
    if finding.state == "met":
        return f"{SURE} below {high}"
    if finding.state == "not_met":
        return f"{SURE} above {low}"
    ends = (value_of(metric, end) for end in found.post_interval(finding.level))
    return f"after the deploy between {' and '.join(ends)} ({_level(finding)})"


def _level(finding: Finding) -> str:
    return level_words(finding.level, is_shared=finding.looks_share_alpha)


# ---- what it means ---------------------------------------------------------------------------------------------------
def _meaning(finding: Finding) -> str:
    kind, state = finding.claim.claim, finding.state
    if kind is None:
        return _scanned_meaning(finding)
    asked = _asked(finding.claim, finding.evaluation.metric)
    if state == "undecided":
        opened = {
            "no_worse": f"whether that is no worse than {asked} is open",
            "below": f"whether {asked} holds is open",
        }
        return f"{opened.get(kind, f'{asked} is neither shown nor ruled out yet')}{_visible(finding)}{_needed(finding)}"
    if kind in ("falls", "rises"):
        size = "" if finding.claim.by else f" of {claimed_share(finding.useful or 0)} or more"
        refuted = (
            f"{asked} does not count"
            if finding.caveat and finding.caveat.refutes
            else f"{asked}{size} is ruled out"
        )
        return {
            "met": f"{asked} is shown",
            "not_met": refuted,
            "worse": f"{asked} was asked for, the opposite is shown",
        }[state]
    if kind == "no_worse":
        return {
            "met": f"no worse than {asked}",
            "not_met": f"worse than {asked}",
            "worse": f"worse than {asked}, {PAST}",
        }[state]
    return {
        "met": f"{asked} holds",
        "not_met": f"{asked} is broken",
        "worse": f"{asked} is broken, {PAST}",
    }[state]


def _asked(claim: Claim, metric: Metric) -> str:
    """The claim in words."""
    if claim.claim in ("falls", "rises"):
        noun = "a fall" if claim.claim == "falls" else "a rise"
        return f"{noun} by at least {claimed_share(claim.by)}" if claim.by else noun
    if claim.claim == "no_worse":
        return f"asked (at most {claimed_share(claim.margin or 0)} {'more' if metric.worse == 'up' else 'less'} than before)"
    return f"the limit of {value_of(metric, claim.limit)}"


def _scanned_meaning(finding: Finding) -> str:
    """Nobody asked for it: what a scan over all features may say of one."""
    began = (
        f", from hour {finding.began_hour} after the deploy on"
        if finding.began_hour is not None
        else ""
    )
    among = "beyond what chance does among all numbers scanned"
    if finding.state == "worse":
        return f"worse, {among}{began}"
    if finding.p_adjusted is not None and finding.p_adjusted <= ALPHA_SHOWN:
        return f"better, {among}"
    return f"within what chance does among all numbers scanned{_visible(finding)}"


def _visible(finding: Finding) -> str:
    """What the look would have seen; not said of a change that is larger, where it would only puzzle: chance hid that one."""
    evaluation, is_distance = finding.evaluation, finding.claim.claim in ("no_worse", "below")
    moved = evaluation.distance if is_distance else evaluation.comparison.difference
    if (
        finding.minimum_detectable_effect is None
        or abs(moved or 0.0) >= finding.minimum_detectable_effect
    ):
        return ""
    if (
        finding.claim.claim == "falls"
        and finding.minimum_detectable_effect > evaluation.comparison.baseline_value
    ):
        return "; not even a fall to nothing would have been seen in 4 of 5 cases"
    change = change_of(evaluation.metric, finding.minimum_detectable_effect).lstrip("+")
    if is_distance:
        return f"; a value {change} away from it would have been told apart in 4 of 5 cases"
    return f"; a change of {change} would have been seen in 4 of 5 cases"


def _needed(finding: Finding) -> str:
    if finding.time_to_decision.hours is not None:
        return f"; {needed_clause(finding.time_to_decision)}"
    if finding.state == "undecided" and finding.caveat is None:
        return f"; {ENDLESS}"
    return ""


def needed_clause(time: TimeToDecision) -> str:
    """How long it takes, and whether the baseline must be as long."""
    as_long = ", and as long a baseline" if time.longer_baseline else ""
    return f"to decide that takes about {hours(time.hours)} from the deploy at today's traffic{as_long}"


def _caveat(finding: Finding) -> str:
    if finding.caveat is None:
        return ""
    return (
        f", because {finding.caveat.words}"
        if finding.caveat.forbids
        else f"; meanwhile {finding.caveat.words}"
    )


# ---- sentences of their own ------------------------------------------------------------------------------------------
def _no_data(finding: Finding) -> str:
    evaluation, comparison, subject = (
        finding.evaluation,
        finding.evaluation.comparison,
        _subject(finding),
    )
    among, compared = evaluation.metric.among, (comparison.baseline_n, comparison.post_n)
    if min(compared) >= FEWEST_N and comparison.difference is None:
        return f"{subject}: no {among} after the deploy have the source and tenant of any before it, so nothing can be compared"
    if not evaluation.enough_calls:
        if evaluation.metric.kind is TRAFFIC:
            compared, among = (comparison.baseline_y, comparison.post_y), "calls"
        elif min(compared) >= FEWEST_N:  # enough came, but few of them can be compared
            compared = comparison.common_baseline.n, comparison.common_post.n
            among = f"{among} of a source and tenant that both sides have"
        before, after = (count(n) for n in compared)
        return f"{subject}: {before} {among} before and {after} after are too few to say anything, {FEWEST_N} on each side are needed"
    sizes = zip(evaluation.events, compared, strict=True)
    before, after = (f"{count(events)} in {count(n)}" for events, n in sizes)
    return f"{subject}: {before} {among} before and {after} after are too few to say anything, {FEWEST_EVENTS} on one side are needed"


def _zero_count(finding: Finding) -> str:
    comparison, among = finding.evaluation.comparison, finding.evaluation.metric.among
    events = [count(found) if found else "none" for found in finding.evaluation.events]
    before = f"{events[0]} in {count(comparison.baseline_n)} before"
    return f"{_subject(finding)}: {events[1]} in {count(comparison.post_n)} {among} after the deploy ({before})"


def _stays_zero(finding: Finding) -> str:
    evaluation, limit = finding.evaluation, finding.evaluation.limit
    before = " of before" if finding.claim.limit is None else " allowed"
    if evaluation.decisive.post_y > 0:
        low, high = evaluation.decisive.post_interval(0.95)
        more = {"worse": f", and more often than before, {PAST}"}.get(finding.state, "")
        fits = f"a rate from {share(low)} to {share(high)} fits ({SURE})"
        return f"{_zero_count(finding)}, the first in hour {finding.event_hour}, so it did not stay at zero{more}; {fits}"
    if not limit:
        return f"{_zero_count(finding)}: there is no rate to rule out, so set a limit to decide it"
    highest = highest_rate(evaluation, error=finding.one_sided)
    sure = f"with {level(1 - finding.one_sided)} confidence"
    if highest < limit:
        but = "" if finding.state == "met" else ", but that does not count"
        return f"{_zero_count(finding)}: {sure} below {share(highest)}, less than the {share(limit)}{before}{but}"
    open_still = (
        f"{sure} only below {share(highest)}, which does not rule out the {share(limit)}{before}"
    )
    return f"{_zero_count(finding)}: {open_still}{_needed(finding)}"


def _any_of_sentence(finding: Finding) -> str:
    others_harmed = finding.state not in ("worse", "not_met") and any(
        part.state == "worse" for part in finding.parts
    )
    heading = {
        "met": "one is enough, and one is shown",
        "not_met": "one would be enough, and every one is ruled out or worse",
        "worse": "one would be enough, and every one moved the wrong way",
        "no_data": "one would be enough, and each has too few calls",
    }.get(finding.state, "one would be enough, and none is shown yet")
    harm = ", but another got worse" if others_harmed else ""
    return f"Of {len(finding.parts)} alternatives {heading}{harm}. {_listed(finding.parts)}"


def _listed(parts: Sequence[Finding]) -> str:
    return " ".join(f"({number}) {finding_sentence(part)}" for number, part in enumerate(parts, 1))
