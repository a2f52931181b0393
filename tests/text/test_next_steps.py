"""What to do after each verdict, and what another cap would do."""

from __future__ import annotations

import pytest

from analysis.decision.whatif import CapPrediction
from analysis.statistics.latency.survival import Estimate
from analysis.statistics.latency.what_if import WhatIf
from analysis.text.next_steps import NextStep, cap_sentence, next_steps
from tests.fixtures.comparators import spoken
from tests.fixtures.example_results import LOOK, result

WATCH = "Keep watching. The next look is 24h, due at 2026-02-03 23:11:46 UTC."
BACK = "Undo the change or turn back a knob; the hand-over page has the commands."
UNKNOWN = Estimate(None, None, None)
EFFECT = WhatIf(
    cap_ms=30_000.0,
    own_cap_ms=45_000.0,
    identifiable=True,
    cut_off_share=Estimate(0.31, 0.25, 0.37),
    saved_ms_per_call=Estimate(4420.0, -50.0, 4800.0),
    saved_ms_per_success=Estimate(-21_300.0, -25_000.0, -18_000.0),
)


@pytest.fixture(name="steps")
def steps_fixture(make_settings):
    settings = make_settings()

    def steps(file="rollout.toml", **changes):
        named = settings.model_copy(update={"path": settings.path.with_name(file)})
        return next_steps(result(**changes), named)

    return steps


@pytest.mark.parametrize(
    ("verdict", "words", "command"),
    [
        ("sustained", "Hand over. No planned look is left.", "rollout handoff"),
        ("improved", WATCH, "rollout watch"),
        ("keep_watching", WATCH, "rollout watch"),
        ("untrusted", "Fix what the data checks report, then look again.", "rollout doctor"),
        ("roll_back", BACK, "rollout handoff"),
        ("not_fixed", BACK, "rollout handoff"),
    ],
)
def test_every_verdict_has_a_next_step(steps, verdict, words, command):
    assert steps(verdict=verdict) == [NextStep(words, command)]


def test_after_the_last_look_that_did_not_decide(steps):
    last = LOOK | {"end": "2026-02-03T23:10:16Z", "window": "24h", "number": 3}
    (step,) = steps(verdict="keep_watching", look=last)
    assert "roll back, add a window" in step.words
    assert "accept it" in step.words
    assert "watch" not in f"{step.words} {step.command}"


def test_investigate_says_what_to_do_and_goes_on_until_the_last_look(steps):
    (step,) = steps(verdict="investigate")
    assert "Roll back, or accept" in step.words
    assert (step.command, "The next look is 24h" in step.words) == ("rollout watch", True)
    last = LOOK | {"end": "2026-02-03T23:10:16Z", "window": "24h", "number": 3}
    (step,) = steps(verdict="investigate", look=last)
    assert "add a window" in step.words
    assert "watch" not in f"{step.words} {step.command}"


def test_advice_comes_first_once_a_knob_and_another_file_is_named(steps):
    advice = {
        "knob": "X_MS_CAP",
        "from": 45000,
        "to": 30000,
        "because": "It got slower.",
        "predicted": {"sentence": "A cap of 30 s cuts off 31 %."},
    }
    again = advice | {"because": "Something else got slower too."}
    assert steps("other.toml", verdict="roll_back", advice=[advice, again]) == [
        NextStep(
            "Turn back X_MS_CAP: 45000 → 30000.",
            None,
            "It got slower. A cap of 30 s cuts off 31 %.",
        ),
        NextStep(
            "If that is not enough, follow the hand-over page.",
            "rollout handoff --config other.toml",
        ),
    ]


# ---- another cap -----------------------------------------------------------------------------
def cap_text(cap_ms=30_000.0, **changes):
    effect = WhatIf(**vars(EFFECT) | {"cap_ms": cap_ms} | changes)
    return spoken(cap_sentence(CapPrediction("draft.verify", cap_ms, 900, 0.95, effect)))


def test_what_a_shorter_cap_would_do():
    assert cap_text() == (
        "A cap of 30.0 s on draft.verify would cut off 31.0 % (25.0 % to 37.0 %) of 900 calls and "
        "save 4.42 s (-50 ms to 4.80 s) per call. "
        "The time spent per good answer would change by +21.3 s (+18.0 s to +25.0 s)."
    )


def test_without_a_success_there_is_no_time_per_good_answer():
    assert cap_text(saved_ms_per_success=UNKNOWN).endswith("per call.")


def test_beyond_the_own_cap_nothing_is_identifiable():
    assert cap_text(60_000.0, identifiable=False) == (
        "A cap of 60.0 s on draft.verify: not identifiable, "
        "because calls were cut off at 45.0 s in this window."
    )
