"""What the control features say of a finding, and the section about them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from analysis.decision.controls.selection import ControlCandidates
from analysis.text.controls import controls_lines, controls_rows, controls_sentence, shared_clause
from tests.fixtures.comparators import ONLY, claim, expectation, plan, spoken
from tests.fixtures.example_results import guardrail, plain, result
from tests.fixtures.provider_days import shared_day, with_errors

CAUSE = "the provider, or a change to every feature, may be the cause"
CONTROLS = {"features": ("b", "a"), "sentence": "Plain +80 ms, adjusted +120 ms."}
CONTROLLED = {
    "plain": {"difference": 80.0, "interval": (20.0, 140.0)},
    "adjusted": {"difference": 120.0, "interval": (40.0, 200.0), "slope": 0.8},
    "controls": CONTROLS,
    "decided_by": "adjusted",
}


def found_by(comparator, metric):
    return expectation(comparator, claim("falls", metric), at=plan(**ONLY))


def sentence(comparator, metric):
    text = controls_sentence(found_by(comparator, metric))
    return text and spoken(text)


# ---- one finding -----------------------------------------------------------------------------
def test_an_adjusted_change_has_both_numbers():
    text = sentence(shared_day(effect=1.05), "latency_mean")
    assert text.startswith(
        "Adjusted for slowdowns of 3 control features "
        "(slope 1.0; they were 0.97 % slower than the baseline). Plain +"
    )
    assert "adjusted +" in text
    assert "(interval " in text


def test_controls_that_moved_name_what_each_comparison_shows():
    found = found_by(shared_day(provider=1.4, own=0.05), "latency_mean")
    text = spoken(controls_sentence(found))
    assert text.startswith(
        f"The 3 control features were 40.7 % slower after the deploy: {CAUSE}. Plain +"
    )
    assert ", worse; adjusted " in text
    assert text.endswith("not shown. They disagree, so it is undecided.")
    assert found.controls.is_shared_movement
    assert spoken(shared_clause(found.controls)) == (
        f"the 3 control features were 40.7 % slower too, so {CAUSE}"
    )


def test_a_feature_that_slows_down_more_than_the_controls():
    found = found_by(shared_day(provider=1.4, effect=2.0), "latency_mean")
    assert controls_sentence(found).endswith("They agree.")
    assert not found.controls.is_shared_movement


def test_the_same_errors_in_the_controls():
    moved = sentence(with_errors((1, 3), (1, 3)), "http_5xx_rate")
    assert moved.startswith("The same errors rose by ")
    assert "in the 3 control features after the deploy" in moved
    assert sentence(with_errors((1, 3), (1, 1)), "http_5xx_rate").startswith(
        "The 3 control features show no such change; the plain change of +"
    )


def test_without_controls_the_reason_is_named():
    off = replace(shared_day(), candidates=ControlCandidates(lack="switched_off"))
    assert sentence(off, "latency_mean") == (
        'Not adjusted for provider slowdowns: [controls].use is "off".'
    )
    assert sentence(off, "total_tokens_mean") is None


# ---- the section -----------------------------------------------------------------------------
def test_plain_and_adjusted_are_in_one_row():
    (row,) = controls_rows(result(guardrails=[guardrail(**CONTROLLED)], expectations=[]))
    assert tuple(map(plain, row.plain)) == ("+80 ms", "+20 ms to +140 ms")
    assert tuple(map(plain, row.adjusted)) == ("+120 ms", "+40 ms to +200 ms")
    assert row.proportional == ("–", "")
    assert (row.decided_by, row.sentence) == ("adjusted", CONTROLS["sentence"])


def test_what_control_features_are():
    replay = {"controls": {"pretended_deploys": 42, "false_alarms": 1}}
    lines = controls_lines(result(guardrails=[guardrail(**CONTROLLED)], calibration=replay))
    assert "no rule names" in lines[0]
    assert ": a, b." in lines[0]
    assert lines[1].startswith("The slope says how much")
    assert lines[2].startswith("Their speed seemed to change on 1 of 42 placebo deploys")


@pytest.mark.parametrize(
    ("controls", "line"),
    [
        (
            {"controls": {"why_none": "its model is not known"}},
            "Nothing is compared with control features: its model is not known.",
        ),
        ({}, "No rule is about a metric that the provider's speed can change."),
    ],
)
def test_why_there_are_no_controls(controls, line):
    assert controls_lines(result(guardrails=[guardrail(**controls)])) == [line]
