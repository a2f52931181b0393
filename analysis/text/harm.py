"""What broke, in the words of a person on call: the feature first, then now and before."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from analysis.decision.claims.power import ONE_SIDED_LEVEL
from analysis.formatting import count, value_in
from analysis.metric_kinds import CLASS_RATE, Metric
from analysis.metrics import recorded_metric
from analysis.text.records import place_of

if TYPE_CHECKING:
    from analysis.decision.claims.findings import Finding
    from analysis.decision.feature_changes import VanishedFeature
    from analysis.results.finding_record import FindingRecord
    from analysis.results.model import LookResult


def harm_clause(finding: Finding) -> str:
    """What is worse, of a finding: "lead.score now fails in 4.3 % of calls (was 0.4 %)"."""
    evaluation = finding.evaluation
    if evaluation is None:
        same = [part for part in finding.parts if part.state == finding.state]
        return harm_clause((*same, *finding.parts)[0])
    values = evaluation.comparison
    return now_and_before(
        evaluation.metric,
        place_of(evaluation.claim),
        before=values.crude_baseline_value,
        after=evaluation.decisive.crude_post_value,
    )


def excluded_growth(found: Finding) -> str:
    """Which growth the one-sided 95 % bound excludes; empty where nothing is known.

    Of an undecided guardrail: ", growth of more than 2.2x is excluded".
    """
    if found.evaluation is None or not found.evaluation.has_data:
        return ""
    comparison = found.evaluation.comparison
    before = comparison.baseline_value
    if not before or comparison.difference is None:
        return ""
    low, high = comparison.interval(ONE_SIDED_LEVEL)
    bound = high if found.evaluation.metric.worse == "up" else low
    growth = 1.0 + bound / before
    if not math.isfinite(growth) or growth <= 0:
        return ""
    noun = "growth of more" if found.evaluation.metric.worse == "up" else "a fall to less"
    return f", {noun} than {growth:.2g}x is excluded"


def harm_text(found: FindingRecord) -> str:
    """The same of a record."""
    if not found.is_per_feature and found.parts:
        same = [part for part in found.parts if part.finding == found.finding]
        return harm_text((*same, *found.parts)[0])
    metric = recorded_metric(found.metric or "")
    place = found.worst_feature if found.is_per_feature else place_of(found)
    return now_and_before(metric, str(place), before=found.baseline.value, after=found.post.value)


def now_and_before(metric: Metric, place: str, *, before: float | None, after: float | None) -> str:
    """A metric now and before, with the feature as the subject.

    >>> from analysis.metrics import metric_named
    >>> from analysis.formatting import THIN
    >>> text = now_and_before(metric_named("error_rate"), "a.b", before=0.004, after=0.043)
    >>> text.replace(THIN, " ")
    'a.b now fails in 4.3 % of calls (was 0.40 %)'
    """
    now, was = value_in(after, metric.unit), value_in(before, metric.unit)
    ending = "" if before is None else f" (was {was})"
    if metric.kind is CLASS_RATE and metric.outcome is None:
        return f"{place} now fails in {now} of {metric.among}{ending}"
    if metric.unit == "share":
        return f"{place} now has {metric.words} in {now} of {metric.among}{ending}"
    return f"{place}: {metric.words} is now {now}{ending}"


def stopped_clause(stopped: VanishedFeature) -> str:
    """A feature whose traffic stopped."""
    return stopped_text(stopped.feature, stopped.calls, stopped.expected)


def stopped_text(feature: str, calls: float, expected: float) -> str:
    """The same of plain numbers."""
    came = "has no calls any more" if calls < 1 else f"has only {count(calls)} calls"
    return f"{feature} {came} ({count(expected)} expected)"


def harm_clauses(findings: Sequence[Finding], stopped: Sequence[VanishedFeature]) -> list[str]:
    """Everything that broke, each feature and metric once."""
    clauses = [harm_clause(found) for found in findings]
    return list(dict.fromkeys([*clauses, *map(stopped_clause, stopped)]))


def harm_texts(result: LookResult) -> list[str]:
    """The same of a result: guardrails, regressions, and features whose traffic stopped."""
    broken = sorted(
        (found for found in (*result.guardrails, *result.regressions) if found.is_broken),
        key=lambda found: (not found.critical, not _is_failure(found)),
    )
    stopped = (one for one in result.features.vanished if one.is_harm)
    texts = [harm_text(found) for found in broken]
    texts += [stopped_text(one.feature, one.calls, one.expected) for one in stopped]
    return list(dict.fromkeys(texts))


def feature_lines(result: LookResult) -> list[str]:
    """Features that came, went, changed their name or model, and changes that are accepted."""
    features = result.features
    lines = [f"{one.old} is called {one.new} now" for one in features.renamed]
    lines += [stopped_text(one.feature, one.calls, one.expected) for one in features.vanished]
    lines += [f"{one.feature} is new ({count(one.calls)} calls)" for one in features.new]
    lines += [
        f"{one.feature} uses {one.post_model} now (was {one.baseline_model})"
        for one in features.changed
    ]
    lines += [
        f"Accepted: {recorded_metric(one.metric).words} of {one.feature} up to "
        f"{value_in(one.up_to, recorded_metric(one.metric).unit)}, because {one.why}"
        for one in result.accepted
    ]
    lines += [f"The price of the fix: {harm_text(found)}" for found in result.price_of_fix]
    return lines


def _is_failure(found: FindingRecord) -> bool:
    """Failures are named before slow calls and costs."""
    names = {found.metric, *(part.metric for part in found.parts)} - {None}
    return any(recorded_metric(str(name)).kind is CLASS_RATE for name in names)
