"""The sentences of answers to an analyst's questions; none of them is part of a verdict."""

from __future__ import annotations

from analysis.formatting import change_in, count, level, value_in
from analysis.metrics import Metric
from analysis.statistics.controls.comparison import ControlComparison

NO_CONTROLS = (
    "There are no control features to compare with: fewer than two have enough calls, or the "
    "metric does not depend on the provider's speed."
)
NO_TIMED_CALL = "{label} has no call with a latency after the deploy."
NO_CALLS = "There are no calls after the deploy."
NOT_IDENTIFIABLE = "not identifiable"


def comparison_sentence(
    metric: Metric, label: str, comparison: ControlComparison, *, at_level: float
) -> str:
    """A metric before and after, and its change at the same mix of calls."""
    before = value_in(comparison.crude_baseline_value, metric.unit)
    after = value_in(comparison.crude_post_value, metric.unit)
    name = f"{metric.name} of {label}"
    if comparison.difference is None:
        return f"{name}: {before} before, {after} after; there is nothing to compare."
    low, high = (change_in(end, metric.unit) for end in comparison.interval(at_level))
    return (
        f"{name}: {before} before (n = {count(comparison.baseline_n)}), "
        f"{after} after (n = {count(comparison.post_n)}). "
        f"At the same mix of calls {change_in(comparison.difference, metric.unit)}, "
        f"{level(at_level)} interval {low} to {high} ({comparison.method}). "
        "Exploratory: it decides nothing."
    )
