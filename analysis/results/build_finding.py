"""From a finding to its record: numbers are copied, sentences come from `words`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from analysis.results.finding_record import (
    AdjustedRecord,
    AmongRecord,
    ArmRecord,
    ControlsRecord,
    EstimateRecord,
    FindingRecord,
    ProportionalRecord,
)

if TYPE_CHECKING:
    from analysis.decision.claims.evaluation import ClaimEvaluation
    from analysis.decision.claims.findings import Finding
    from analysis.decision.controls.summary import ControlEstimate
    from analysis.results.words import Words


def build_finding(finding: Finding, words: Words) -> FindingRecord:
    """A finding with its numbers; `any_of` has none of its own, its parts have."""
    claim, evaluation = finding.claim, finding.evaluation
    shared: dict[str, Any] = {
        "name": claim.name,
        "finding": finding.state,
        "feature": claim.feature,
        "source": claim.source,
        "metric": claim.metric,
        "claim": claim.claim,
        "by": claim.by,
        "margin": claim.margin,
        "limit": claim.limit,
        "critical": bool(claim.critical),
        "level": finding.level,
        "p_value": finding.p_value,
        "p_adjusted": finding.p_adjusted,
        "burst_hours": finding.burst_hours,
        "accepted": finding.accepted.why if finding.accepted else None,
        "hours_needed": finding.time_to_decision.hours,
        "longer_baseline_needed": finding.time_to_decision.longer_baseline,
        "sentence": words.finding(finding),
        "parts": tuple(build_finding(part, words) for part in finding.parts),
    }
    if evaluation is not None:
        return FindingRecord(**shared, **_numbers(finding, evaluation, words))
    baseline, post = (ArmRecord(calls=n) for n in finding.calls)
    return FindingRecord(**shared, baseline=baseline, post=post)


def _numbers(finding: Finding, evaluation: ClaimEvaluation, words: Words) -> dict[str, Any]:
    comparison, decisive = evaluation.comparison, evaluation.decisive
    calls, events = finding.calls, evaluation.events
    values = (comparison.crude_baseline_value, comparison.crude_post_value)
    baseline, post = (
        ArmRecord(calls=n, events=y, value=value)
        for n, y, value in zip(calls, events, values, strict=True)
    )
    is_compared = comparison.difference is not None
    return {
        "unit": evaluation.metric.unit,
        "baseline": baseline,
        "post": post,
        "among": AmongRecord(
            what=evaluation.metric.among,
            baseline=round(decisive.baseline_n),
            post=round(decisive.post_n),
        ),
        "difference": comparison.difference,
        "ratio": comparison.ratio,
        "interval": finding.interval,
        "post_interval": None if not evaluation.is_known else decisive.post_interval(finding.level),
        "crude_difference": comparison.crude_difference,
        "method": comparison.method,
        "df": comparison.df if is_compared else None,
        "coverage": comparison.coverage,
        "smallest_visible_change": finding.minimum_detectable_effect,
        "event_hour": finding.event_hour,
        "began_hour": finding.began_hour,
        "caveat": words.caveat(finding.caveat) if finding.caveat else None,
        **_controls(finding, words),
    }


def _controls(finding: Finding, words: Words) -> dict[str, Any]:
    """The fields plain, adjusted, proportional, controls and decided_by."""
    found = finding.controls
    if found is None:
        return {"decided_by": "plain"}
    adjusted, proportional = found.adjusted, found.proportional
    return {
        "plain": EstimateRecord(**_estimate(found.plain)),
        "adjusted": AdjustedRecord(
            **_estimate(adjusted), slope=found.slope, slope_se=found.slope_se
        )
        if adjusted
        else None,
        "proportional": ProportionalRecord(**_estimate(proportional), factor=found.factor)
        if proportional
        else None,
        "controls": ControlsRecord(
            features=found.features,
            dropped=found.dropped,
            moved=found.moved,
            movement=found.movement,
            class_movement=found.class_movement,
            share=words.shared(found.shared) if found.shared else None,
            why_none=words.lack(found.lack) if found.lack else None,
            sentence=words.controls(finding),
        ),
        "decided_by": found.decided_by,
    }


def _estimate(found: ControlEstimate) -> dict[str, Any]:
    return {
        "difference": found.difference,
        "interval": found.interval,
        "p_value": found.p_value,
    }
