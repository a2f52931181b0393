"""What was found of a claim, in a few sentences: before and after, the change, what it means."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from analysis.decision.claims.caveats import Caveat, ErrorClassShift, SharedMovement, StoppedTraffic
from analysis.decision.claims.evaluation import FEWEST_EVENTS, FEWEST_N
from analysis.decision.claims.power import ONE_SIDED_LEVEL
from analysis.decision.claims.rules import highest_rate
from analysis.formatting import (
    change_in,
    claimed_share,
    count,
    hours,
    interval_in,
    level,
    share,
    size_in,
    value_in,
)
from analysis.metric_kinds import TRAFFIC
from analysis.text.controls import shared_clause
from analysis.text.records import CLAIM_WORDS, claim_noun, place_of

if TYPE_CHECKING:
    from analysis.decision.claims.evaluation import ClaimEvaluation
    from analysis.decision.claims.findings import Finding
    from analysis.decision.claims.power import TimeToDecision

SCAN_ALPHA = 0.05
FULL_COVERAGE = 0.95
NO_TIME_IN_SIGHT = "At today's traffic this takes more than a year to decide."


# ---- whole sentences -------------------------------------------------------------------------
def finding_sentence(finding: Finding) -> str:
    """The metric before and after, the change with its interval, and what it means."""
    evaluation = finding.evaluation
    if evaluation is None:
        return _any_of(finding)
    if finding.state == "no_data":
        return f"{_capital(_no_data(evaluation))}.{_time(finding)}"
    if finding.claim.kind.rule == "no_event":
        return f"{_capital(_event_count(evaluation))}. {_no_event(finding, evaluation)}"
    return (
        f"{_capital(_movement(evaluation))}. {_change(finding, evaluation)}. "
        f"{_meaning(finding, evaluation)}{_caveat(finding)}"
    )


def short_clause(finding: Finding) -> str:
    """The metric before and after, with the interval of the change; no full stop."""
    evaluation = finding.evaluation
    if evaluation is None:
        same = [part for part in finding.parts if part.state == finding.state]
        return short_clause((*same, *finding.parts)[0])
    if finding.state == "no_data":
        return _no_data(evaluation)
    if finding.claim.kind.rule == "no_event":
        return _event_count(evaluation)
    interval = interval_in(finding.interval, evaluation.metric.unit)
    shown = "" if finding.interval is None else f" ({_level(finding)} of the change {interval})"
    return f"{_movement(evaluation)}{shown}"


def caveat_clause(caveat: Caveat) -> str:
    """What was seen beside a change, as the end of a sentence."""
    return next(words(caveat) for kind, words in _CAVEATS.items() if isinstance(caveat, kind))


def time_clause(time: TimeToDecision) -> str:
    """When a claim will be decided, and whether the baseline must be as long."""
    baseline = ", with a baseline of the same length" if time.longer_baseline else ""
    return f"about {hours(time.hours or 0)} after the deploy at today's traffic{baseline}"


def _any_of(finding: Finding) -> str:
    headings = {
        "met": "one is met",
        "not_met": "each is ruled out or worse",
        "worse": "each moved the wrong way",
        "no_data": "none has enough data",
        "undecided": "none is shown yet",
    }
    is_harmed = finding.state not in ("worse", "not_met") and any(
        part.state == "worse" for part in finding.parts
    )
    harm = "; another got worse" if is_harmed else ""
    parts = " ".join(
        f"({number}) {finding_sentence(part)}" for number, part in enumerate(finding.parts, 1)
    )
    return (
        f"One of {len(finding.parts)} alternatives is enough: "
        f"{headings[finding.state]}{harm}. {parts}"
    )


# ---- the numbers -----------------------------------------------------------------------------
def _movement(evaluation: ClaimEvaluation) -> str:
    comparison, metric = evaluation.comparison, evaluation.metric
    before, after = comparison.crude_baseline_value, comparison.crude_post_value
    shown = [value_in(value, metric.unit) for value in (before, after)]
    sizes = [f"{count(n)} {metric.among}" for n in (comparison.baseline_n, comparison.post_n)]
    subject = _subject(evaluation)
    if shown[0] == shown[1]:
        n_after = count(comparison.post_n)
        return f"{subject} stayed at {shown[0]} ({sizes[0]} before, {n_after} after)"
    verb = "fell" if (after or 0) < (before or 0) else "rose"
    form = "{} of {}" if metric.unit == "share" else "{} ({})"
    ends = [form.format(value, size) for value, size in zip(shown, sizes, strict=True)]
    return f"{subject} {verb} from {ends[0]} to {ends[1]}"


def _event_count(evaluation: ClaimEvaluation) -> str:
    comparison, among = evaluation.comparison, evaluation.metric.among
    before, after = (count(events) if events else "none" for events in evaluation.events)
    return (
        f"{_subject(evaluation)}: {after} in {count(comparison.post_n)} {among} after the deploy, "
        f"{before} in {count(comparison.baseline_n)} before"
    )


def _change(finding: Finding, evaluation: ClaimEvaluation) -> str:
    """The change at the same mix of calls; for a limit the bound of the value itself."""
    kind = finding.claim.kind
    if kind.null == "limit":
        return _value_bound(finding, evaluation)
    comparison, unit = evaluation.comparison, evaluation.metric.unit
    covered = (
        ""
        if comparison.coverage >= FULL_COVERAGE
        else f" ({share(comparison.coverage)} of the calls after the deploy)"
    )
    is_adjusted = finding.controls is not None and (finding.controls.slope or 0) > 0
    adjusted = ", adjusted for the control features" if is_adjusted else ""
    change = change_in(comparison.difference, unit)
    changed = f"At the same mix of calls{covered}{adjusted}: {change}"
    bound = _margin_bound(finding, evaluation) if kind.null == "margin" else ""
    if bound:
        return f"{changed}, {bound}"
    if finding.interval is None:
        return changed
    return f"{changed} ({_level(finding)} {interval_in(finding.interval, unit)})"


def _margin_bound(finding: Finding, evaluation: ClaimEvaluation) -> str:
    """The one-sided bound of the change beside what is allowed, where the two agree.

    The test at the margin decides; the bound is that of the interval beside it.
    """
    if finding.state not in ("met", "not_met"):
        return ""
    comparison, metric = evaluation.comparison, evaluation.metric
    allowed = (evaluation.scale - 1.0) * (comparison.baseline_value or 0.0)
    low, high = comparison.interval(ONE_SIDED_LEVEL)
    is_upper = (metric.worse == "up") == (finding.state == "met")
    bound = high if is_upper else low
    if (bound < allowed) != is_upper:
        return ""
    side = "at most" if is_upper else "at least"
    return (
        f"{side} {change_in(bound, metric.unit)} with 95 % confidence; "
        f"{change_in(allowed, metric.unit)} is allowed"
    )


def _value_bound(finding: Finding, evaluation: ClaimEvaluation) -> str:
    """For a fixed limit: the one-sided bound that decided it, or the interval of the value."""
    unit, found = evaluation.metric.unit, evaluation.decisive
    low, high = (value_in(end, unit) for end in found.post_interval(ONE_SIDED_LEVEL))
    if finding.state == "met":
        return f"Now it is below {high} with 95 % confidence"
    if finding.state == "not_met":
        return f"Now it is above {low} with 95 % confidence"
    ends = [value_in(end, unit) for end in found.post_interval(finding.level)]
    return f"Now it is between {ends[0]} and {ends[1]} ({_level(finding)})"


def _subject(evaluation: ClaimEvaluation) -> str:
    return f"{evaluation.metric.words} of {place_of(evaluation.claim)}"


def _level(finding: Finding) -> str:
    return f"{level(finding.level)} confidence interval"


# ---- what it means ---------------------------------------------------------------------------
def _meaning(finding: Finding, evaluation: ClaimEvaluation) -> str:
    if finding.claim.claim is None:
        return _scan_meaning(finding, evaluation)
    noun = claim_noun(finding.claim, unit=evaluation.metric.unit, worse=evaluation.metric.worse)
    if finding.state == "undecided":
        opened = {
            "look_bound": f"{_capital(noun)} is neither shown nor ruled out yet.",
            "one_sided": f"Whether {noun} holds is not decided yet.",
        }[finding.claim.kind.rule]
        return opened + _detectable(finding, evaluation) + _time(finding)
    return _DECIDED[finding.claim.kind.rule](finding, _capital(noun))


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
    return "Chance explains this change." + _detectable(finding, evaluation)


def _no_event(finding: Finding, evaluation: ClaimEvaluation) -> str:
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
        return f"The rate is below {share(highest)} with {sure}; {asked}.{_caveat(finding)}"
    may_be = f"The rate may still be as high as {share(highest)} ({sure}); {asked}."
    return f"{may_be}{_caveat(finding)}{_time(finding)}"


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


def _time(finding: Finding) -> str:
    if finding.time_to_decision.hours is not None:
        return f" It can be decided {time_clause(finding.time_to_decision)}."
    if finding.state == "undecided" and finding.caveat is None:
        return f" {NO_TIME_IN_SIGHT}"
    return ""


# ---- caveats ---------------------------------------------------------------------------------
def _caveat(finding: Finding) -> str:
    if finding.caveat is None:
        return ""
    words = caveat_clause(finding.caveat)
    return f" This does not count: {words}." if finding.caveat.forbids else f" But {words}."


def _stopped_traffic(caveat: StoppedTraffic) -> str:
    before, after = (value_in(rate, TRAFFIC.unit) for rate in (caveat.baseline, caveat.post))
    return f"traffic fell from {before} to {after}, and the calls that are left may be different"


def _error_class_shift(caveat: ErrorClassShift) -> str:
    every = caveat.all_errors
    verb = "rose" if every.post > every.baseline else "fell"
    changes = [
        f"{change.metric.words} rose from {share(change.baseline)} to {share(change.post)}"
        for change in caveat.grown
    ]
    changes.append(
        f"all failed calls together {verb} "
        f"from {share(every.baseline)} to {share(every.post)} of the calls"
    )
    return " and ".join(changes)


_CAVEATS: Mapping[type[Caveat], Callable[..., str]] = {
    StoppedTraffic: _stopped_traffic,
    ErrorClassShift: _error_class_shift,
    SharedMovement: lambda caveat: shared_clause(caveat.controls),
}


# ---- not enough data -------------------------------------------------------------------------
def _no_data(evaluation: ClaimEvaluation) -> str:
    comparison, metric = evaluation.comparison, evaluation.metric
    sizes, among = (comparison.baseline_n, comparison.post_n), metric.among
    subject = _subject(evaluation)
    if min(sizes) >= FEWEST_N and comparison.difference is None:
        return f"{subject}: no {among} before and after share a source and tenant to compare"
    if evaluation.enough_calls:
        before, after = (
            f"{count(events or 0)} in {count(n)} {among}"
            for events, n in zip(evaluation.events, sizes, strict=True)
        )
        needed = f"{FEWEST_EVENTS} events needed on one side"
    else:
        if metric.kind is TRAFFIC:
            sizes, among = (comparison.baseline_y, comparison.post_y), "calls"
        elif min(sizes) >= FEWEST_N:  # many came, but few of them can be compared
            sizes = comparison.common_baseline.n, comparison.common_post.n
            among = f"{among} with a source and tenant that both sides have"
        before, after = (count(n) for n in sizes)
        needed = f"{FEWEST_N} {among} needed on each side"
    return f"{subject}: not enough data ({needed}; {before} before, {after} after)"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
