"""The numbers of a finding in words: the metric before and after, its change, what is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.decision.claims.evaluation import FEWEST_EVENTS, FEWEST_N
from analysis.decision.claims.power import ONE_SIDED_LEVEL
from analysis.formatting import (
    THIN,
    change_in,
    count,
    interval_in,
    level,
    share,
    signed_percent,
    value_in,
)
from analysis.metrics import TRAFFIC
from analysis.text.records import place_of

if TYPE_CHECKING:
    from analysis.decision.claims.evaluation import ClaimEvaluation
    from analysis.decision.claims.findings import Finding

FULL_COVERAGE = 0.95


def movement(evaluation: ClaimEvaluation) -> str:
    """The metric before and after."""
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


def event_count(evaluation: ClaimEvaluation) -> str:
    """How many events came after the deploy, and before."""
    comparison, among = evaluation.comparison, evaluation.metric.among
    before, after = (count(events) if events else "none" for events in evaluation.events)
    return (
        f"{_subject(evaluation)}: {after} in {count(comparison.post_n)} {among} after the deploy, "
        f"{before} in {count(comparison.baseline_n)} before"
    )


def no_data(evaluation: ClaimEvaluation) -> str:
    """What is missing to compare, and how much is there."""
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


def change(finding: Finding, evaluation: ClaimEvaluation) -> str:
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
    change = _shown_change(evaluation, comparison.difference)
    changed = f"At the same mix of calls{covered}{adjusted}: {change}"
    bound = _margin_bound(finding, evaluation) if kind.null == "margin" else ""
    if bound:
        return f"{changed}, {bound}"
    if finding.interval is None:
        return changed
    if evaluation.metric.log_scale:
        low, high = (_shown_change(evaluation, end) for end in finding.interval)
        return f"{changed}, {interval_name(finding)} {low.removesuffix(f'{THIN}%')} to {high}"
    return f"{changed} ({interval_name(finding)} {interval_in(finding.interval, unit)})"


def _shown_change(evaluation: ClaimEvaluation, change: float | None) -> str:
    """A difference in the metric's unit; of typical latency as a share of what it was."""
    reference = evaluation.comparison.reference_value
    if evaluation.metric.log_scale and reference and change is not None:
        return signed_percent(change / reference)
    return change_in(change, evaluation.metric.unit)


def _margin_bound(finding: Finding, evaluation: ClaimEvaluation) -> str:
    """The one-sided bound of the change next to what is allowed, where the two agree.

    The test at the margin decides; the bound is that of the interval next to it.
    """
    if finding.state not in ("met", "not_met"):
        return ""
    comparison, metric = evaluation.comparison, evaluation.metric
    allowed = (evaluation.scale - 1.0) * (comparison.reference_value or 0.0)
    low, high = comparison.interval(ONE_SIDED_LEVEL)
    is_upper = (metric.worse == "up") == (finding.state == "met")
    bound = high if is_upper else low
    if (bound < allowed) != is_upper:
        return ""
    side = "at most" if is_upper else "at least"
    return (
        f"{side} {_shown_change(evaluation, bound)} with 95 % confidence; "
        f"{_shown_change(evaluation, allowed)} is allowed"
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
    return f"Now it is between {ends[0]} and {ends[1]} ({interval_name(finding)})"


def interval_name(finding: Finding) -> str:
    """The level of the finding's intervals."""
    return f"{level(finding.level)} confidence interval"


def _subject(evaluation: ClaimEvaluation) -> str:
    return f"{evaluation.metric.words} of {place_of(evaluation.claim)}"
