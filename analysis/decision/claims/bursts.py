"""Whether the harm of a claim is more than one burst of a few hours."""

from __future__ import annotations

from analysis.decision.claims.evaluation import ClaimEvaluation
from analysis.decision.comparison import Comparator
from analysis.statistics.harm.bursts import check_burst


def find_burst(evaluation: ClaimEvaluation, comparator: Comparator) -> tuple[int, ...]:
    """The hours from the deploy, without which the harm is not shown; empty when it still is.

    Harm must show against the claim's own margin or limit in the other hours too.
    """
    arms = comparator.arms
    baseline, post = arms.totals(evaluation.scope, evaluation.metric, evaluation.hours)
    scale = evaluation.scale if evaluation.kind.rule == "one_sided" else 1.0
    if evaluation.kind.null == "limit" and evaluation.limit is not None:
        value = evaluation.decisive.baseline_value
        if not value:
            return ()
        baseline, post = baseline.as_one_stratum(), post.as_one_stratum()
        scale = evaluation.limit / value
    found = check_burst(
        baseline,
        post,
        indicator=evaluation.metric.indicator,
        log_scale=evaluation.metric.kind.log_scale,
        day_to_day=comparator.day_to_day,
        worse=evaluation.harm_side,
        scale=scale,
        first_hour=arms.hour_of_cycle(evaluation.hours[0]),
    )
    if found is None or not found.is_burst:
        return ()
    return tuple(hour + evaluation.hours[0] for hour in found.left_out)
