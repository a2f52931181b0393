"""Every finding as one sentence with its numbers. Prose and number travel together: nothing is written anywhere else."""

from __future__ import annotations

from analysis.decision.findings import Finding
from analysis.decision.wording import change_of, count, hours, level, share, value_of
from analysis.metrics import Metric

ALPHA_SHOWN = 0.05
STATE_WORDS = {
    "met": "met",
    "not_met": "not met",
    "worse": "worse",
    "undecided": "undecided",
    "no_data": "too few calls to say",
}


def finding_sentence(finding: Finding) -> str:
    """What was found, in one sentence: the metric before and after, the change with its interval, and what it means for the claim."""
    if finding.parts:
        return _any_of_sentence(finding)
    if finding.state == "no_data":
        return f"{_subject(finding)}: {_no_data(finding)}."
    if finding.claim.claim == "stays_zero":
        return _stays_zero_sentence(finding)
    return f"{_subject(finding)} {_movement(finding)}{_change(finding)}; {_meaning(finding)}{_remark(finding)}."


def _subject(finding: Finding) -> str:
    metric = finding.measured.metric.name
    of = finding.claim.feature or "all features"
    source = f" from {finding.claim.source}" if finding.claim.source else ""
    return f"{metric} of {'all features' if of == '*' else of}{source}"


def _movement(finding: Finding) -> str:
    comparison, metric = finding.measured.comparison, finding.measured.metric
    before, after = comparison.crude_baseline_value, comparison.crude_post_value
    if before is None or after is None:
        return f"was {value_of(metric, before)} before and {value_of(metric, after)} after"
    verb = "fell" if after < before else "rose" if after > before else "stayed"
    calls_before, calls_after = finding.measured.calls
    shown_before = f"{value_of(metric, before)} ({count(calls_before)} calls)"
    shown_after = f"{value_of(metric, after)} ({count(calls_after)} calls)"
    return f"{verb} at {shown_before} and {shown_after}" if verb == "stayed" else f"{verb} from {shown_before} to {shown_after}"


def _change(finding: Finding) -> str:
    comparison, metric = finding.measured.comparison, finding.measured.metric
    if comparison.difference is None or finding.interval is None:
        return ""
    low, high = finding.interval
    return (
        f", with the same mix of calls {change_of(metric, comparison.difference)} "
        f"(interval {change_of(metric, low)} to {change_of(metric, high)} at level {level(finding.level)})"
    )


def _meaning(finding: Finding) -> str:
    if finding.claim.claim is None:
        return _scanned_meaning(finding)
    asked = _asked(finding.claim, finding.measured.metric)
    if finding.state == "met":
        return f"{asked} is shown"
    if finding.state == "worse":
        return f"{asked} was asked for and the opposite is shown"
    if finding.state == "not_met":
        return f"{asked} was asked for and is ruled out" if finding.note is None else f"{asked} was asked for and does not count"
    visible = ""
    if finding.smallest_visible is not None:
        visible = f"; a change of {change_of(finding.measured.metric, finding.smallest_visible).lstrip('+')} would have been seen"
    needed = f"; at today's traffic about {hours(finding.hours_needed)} from the deploy are needed" if finding.hours_needed else ""
    return f"{asked} is neither shown nor ruled out yet{visible}{needed}"


def _scanned_meaning(finding: Finding) -> str:
    """Nobody asked for it: what a scan over all features may say of one."""
    began = f", first in hour {finding.event_hour} after the deploy" if finding.event_hour is not None else ""
    if finding.state == "worse":
        return f"worse beyond what chance does among all features scanned{began}"
    if finding.p_adjusted is not None and finding.p_adjusted <= ALPHA_SHOWN:
        return f"better beyond what chance does among all features scanned{began}"
    return f"within what chance does among all features scanned{began}"


def _asked(claim: object, metric: Metric) -> str:
    """The claim in words."""
    if claim.claim in ("falls", "rises"):
        noun = "a fall" if claim.claim == "falls" else "a rise"
        return f"{noun} by at least {share(claim.by)}" if claim.by else noun
    if claim.claim == "no_worse":
        direction = "more" if metric.worse == "up" else "less"
        return f"at most {share(claim.margin or 0)} {direction} than before"
    if claim.claim == "below":
        return f"less than {value_of(metric, claim.limit)}"
    return "staying at zero"


def _remark(finding: Finding) -> str:
    return f", because {finding.note}" if finding.note else ""


def _no_data(finding: Finding) -> str:
    comparison = finding.measured.comparison
    n_before, n_after = count(comparison.baseline_n), count(comparison.post_n)
    if finding.measured.metric.indicator and min(comparison.baseline_n, comparison.post_n) >= 30:
        events_before, events_after = finding.measured.events
        return f"{events_before} events before and {events_after} after are too few to say anything (5 in one arm are needed)"
    return f"{n_before} calls before and {n_after} after are too few to say anything (30 in each are needed)"


def _stays_zero_sentence(finding: Finding) -> str:
    comparison = finding.measured.comparison
    events, calls = finding.measured.events[1], finding.measured.calls[1]
    baseline = f"{count(comparison.baseline_y)} of {count(finding.measured.calls[0])} calls before"
    if events:
        when = f", first in hour {finding.event_hour} after the deploy" if finding.event_hour is not None else ""
        plural = "event" if events == 1 else "events"
        return f"{_subject(finding)}: {count(events)} {plural} in {count(calls)} calls after the deploy{when} ({baseline}); zero was asked for."
    if finding.state == "met":
        return f"{_subject(finding)}: no event in {count(calls)} calls after the deploy ({baseline}), few enough to rule out the baseline's rate."
    limit = finding.measured.limit
    rate = f" of {share(limit)}" if limit else ""
    return f"{_subject(finding)}: no event in {count(calls)} calls after the deploy ({baseline}), too few calls to rule out a rate{rate}."


def _any_of_sentence(finding: Finding) -> str:
    heading = {
        "met": "one of the alternatives is shown",
        "not_met": "every alternative is ruled out",
        "worse": "every alternative moved the wrong way",
        "no_data": "too few calls for every alternative",
    }.get(finding.state, "no alternative is shown yet")
    return f"{finding.claim.name}: {heading}. " + " ".join(finding_sentence(part) for part in finding.parts)
