"""Advice and predictions of what a cap would do, as records of a result."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.results.model import AdviceRecord, PredictionRecord, WhatIfEstimate, WhatIfRecord

if TYPE_CHECKING:
    from analysis.decision.advice import Advice
    from analysis.decision.whatif import CapPrediction
    from analysis.results.words import Words
    from analysis.statistics.latency.survival import Estimate


def build_what_if(prediction: CapPrediction, words: Words) -> WhatIfRecord:
    """What `rollout whatif --json` prints."""
    effect = prediction.effect
    return WhatIfRecord(
        feature=prediction.feature,
        cap_ms=prediction.cap_ms,
        own_cap_ms=effect.own_cap_ms,
        calls=prediction.calls,
        identifiable=effect.identifiable,
        level=prediction.level,
        cut_off_share=_what_if_estimate(effect.cut_off_share),
        saved_ms_per_call=_what_if_estimate(effect.saved_ms_per_call),
        saved_ms_per_success=_what_if_estimate(effect.saved_ms_per_success),
        sentence=words.prediction(prediction),
    )


def build_advice(advice: Advice, words: Words) -> AdviceRecord:
    """One knob to turn, and what it is predicted to do."""
    knob, prediction = advice.knob, advice.prediction
    return AdviceRecord(
        knob=knob.title,
        kind="environment" if knob.env else "code",
        old=knob.old,
        new=knob.new,
        because=words.finding(advice.finding),
        claim=advice.finding.claim.name,
        predicted=_prediction(prediction, words) if prediction else None,
    )


def _prediction(prediction: CapPrediction, words: Words) -> PredictionRecord:
    cut_off = prediction.effect.cut_off_share
    known = tuple(end for end in (cut_off.low, cut_off.high) if end is not None)
    return PredictionRecord(
        cut_off_share=cut_off.value,
        interval=(known[0], known[1]) if len(known) == 2 else None,
        sentence=words.prediction(prediction),
    )


def _what_if_estimate(estimate: Estimate) -> WhatIfEstimate:
    return WhatIfEstimate(value=estimate.value, low=estimate.low, high=estimate.high)
