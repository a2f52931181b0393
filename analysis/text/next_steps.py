"""What to do now: the steps that follow from a verdict, and what another cap would do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from analysis.formatting import capitalise, change_in, count, milliseconds, share, when
from analysis.results.model import AdviceRecord, LookResult
from analysis.text.verdict import LAST_LOOK

if TYPE_CHECKING:
    from analysis.config import Settings
    from analysis.config.settings import Monitoring
    from analysis.decision.look import LookFindings
    from analysis.decision.whatif import CapPrediction
    from analysis.statistics.latency.survival import Estimate

HANDED_OVER = ("roll_back", "not_fixed", "sustained", "no_regression")
NO_CAP = "No declared feature has a cap or a knob for one."


@dataclass(frozen=True)
class NextStep:
    """What to do now, the command to copy (None when there is none), and why."""

    words: str
    command: str | None
    why: str = ""


def next_steps(result: LookResult, settings: Settings) -> list[NextStep]:
    """What follows from a look of this rollout: the knobs to turn, then one command."""
    file = settings.path.name
    option = "" if file == "rollout.toml" else f" --config {file}"
    if result.verdict == "untrusted":
        failed = "; ".join(check.name for check in result.checks if check.state == "error")
        which = f" ({failed})" if failed else ""
        words = f"Fix what the data checks report{which}, then look again."
        return [NextStep(words, f"rollout doctor{option}")]
    advice = {(entry.knob, str(entry.new)): entry for entry in reversed(result.advice)}
    steps = [advice_step(entry) for entry in reversed(advice.values())]
    command = "handoff" if result.verdict in HANDED_OVER or _is_last(result) else "watch"
    words = _words(result, steps, settings.monitoring)
    return [*steps, NextStep(words, f"rollout {command}{option}")]


def _words(result: LookResult, steps: Sequence[NextStep], monitoring: Monitoring) -> str:
    """What to do; at the last look never to keep watching."""
    if result.verdict in ("sustained", "no_regression"):
        return "Hand over. No planned look is left."
    if result.verdict == "investigate":
        find = "Find out what broke. Roll back, or accept the change with an [[accepted]] entry."
        return f"{find} {_next_look(result, monitoring)}"
    if result.verdict in HANDED_OVER:
        return (
            "If that is not enough, follow the hand-over page."
            if steps
            else "Undo the change or turn back a knob; the hand-over page has the commands."
        )
    if not _is_last(result):
        return f"Keep watching. {_next_look(result, monitoring)}"
    if result.verdict == "improved":
        return "No planned look is left. To see whether the effect lasts, add a window."
    return f"{capitalise(LAST_LOOK)}."


def _is_last(result: LookResult) -> bool:
    """Whether no planned look follows."""
    look = result.look
    return look.number is not None and look.number == look.planned


def advice_step(advice: AdviceRecord) -> NextStep:
    """A knob to turn back, from which value to which, and why."""
    is_known = advice.old is not None and advice.new is not None
    values = f": {advice.old} → {advice.new}" if is_known else ""
    effect = f" {advice.predicted.sentence}" if advice.predicted else ""
    return NextStep(f"Turn back {advice.knob}{values}.", None, f"{advice.because}{effect}")


def _next_look(result: LookResult, monitoring: Monitoring) -> str:
    for label, length in zip(monitoring.windows, monitoring.lengths, strict=True):
        if result.deployed_at + length > result.look.end:
            due_at = when(result.deployed_at + length + monitoring.ingestion_delay)
            return f"The next look is {label}, due at {due_at}."
    last = monitoring.windows[-1]
    return f"No planned look follows the one of {last}; to go on, add a window."


# ---- another cap -----------------------------------------------------------------------------
def cap_sentence(prediction: CapPrediction) -> str:
    """What a cap would do, with 95 % confidence intervals."""
    effect = prediction.effect
    subject = f"A cap of {milliseconds(prediction.cap_ms)} on {prediction.feature}"
    if not effect.identifiable:
        own = milliseconds(effect.own_cap_ms)
        return f"{subject}: not identifiable, because calls were cut off at {own} in this window."
    cut_off, saved = effect.cut_off_share, effect.saved_ms_per_call
    per_success = effect.saved_ms_per_success
    success = ""
    if per_success.value is not None:
        change, low, high = (
            change_in(-(end or 0.0), "ms")
            for end in (per_success.value, per_success.high, per_success.low)
        )
        success = f" The time spent per good answer would change by {change} ({low} to {high})."
    return (
        f"{subject} would cut off {_estimate(cut_off, share)} of {count(prediction.calls)} calls "
        f"and save {_estimate(saved, milliseconds)} per call.{success}"
    )


def cap_sentences(look: LookFindings, features: Sequence[str]) -> list[str]:
    """What the cap of each knob would do to these features."""
    sentences = []
    for feature in features:
        names = {claim.name for claim in look.settings.claims if claim.feature == feature}
        caps = {
            knob.new_cap_ms
            for knob in look.settings.knobs
            if knob.new_cap_ms and (knob.when.name in names or knob.when.feature == feature)
        }
        if (look.post.latency.rows["feature"] == feature).any():
            sentences += [cap_sentence(look.what_if(feature, float(cap))) for cap in sorted(caps)]
    return sentences


def _estimate(estimate: Estimate, write: Callable[[float], str]) -> str:
    value, low, high = (write(end or 0.0) for end in (estimate.value, estimate.low, estimate.high))
    return f"{value} ({low} to {high})"
