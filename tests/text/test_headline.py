"""The verdict at a glance: headline, what changed, how sure, and the exploratory search."""

from __future__ import annotations

import pytest

from analysis.text.headline import (
    changed_lines,
    confidence_lines,
    false_alarm_text,
    sort_exploratory,
    verdict_headline,
)
from tests.fixtures.example_results import LOOK, finding, guardrail, no_data, plain, result

CHANGED = "timeouts drop: 80.0 % → 20.0 % (-60.0 points)"
EXPLORATORY_LOOK = LOOK | {"planned": None, "number": None}


def headline(**changes):
    return plain(verdict_headline(result(**changes)))


# ---- headline --------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("verdict", "start"),
    [
        ("sustained", "The fix works, no guardrail is broken, and the effect has lasted"),
        ("improved", "The fix works and no guardrail is broken; it is not shown yet that"),
        ("keep_watching", "Not decided yet"),
    ],
)
def test_a_good_headline_has_the_main_number(verdict, start):
    text = headline(verdict=verdict)
    assert text.startswith(start)
    assert text.endswith(f": 1 of 1 expectations met after 4h; {CHANGED}.")


DEARER = "background-job/*: mean time of a call is now 11.4 s (was 8.00 s)"


def test_a_bad_headline_begins_with_what_broke():
    cost = guardrail(finding="worse", critical=True)
    drift = guardrail(finding="worse", name="a drift")
    assert headline(verdict="roll_back", guardrails=[drift, cost]) == (
        f"The fix works, but {DEARER}; 1 of 1 expectations met after 4h."
    )
    short = [finding(name="other"), finding(finding="not_met")]
    assert headline(verdict="not_fixed", expectations=short) == (
        f"The fix did not work: {CHANGED}; 1 of 2 expectations met after 4h."
    )


def test_without_trust_there_are_no_numbers():
    assert headline(verdict="untrusted") == (
        "No verdict after 4h: the data quality is too poor for a verdict."
    )
    assert changed_lines(result(verdict="untrusted")) == []


@pytest.mark.parametrize(
    ("changes", "end"),
    [
        ({"expectations": [no_data()]}, ": 0 of 1 expectations met after 4h."),
        ({"expectations": []}, ": no expectation is declared after 4h."),
        (
            {"look": EXPLORATORY_LOOK},
            f"met in this stretch of time, outside the planned looks; {CHANGED}.",
        ),
    ],
)
def test_other_headlines(changes, end):
    assert headline(**changes).endswith(end)


# ---- what changed ----------------------------------------------------------------------------
def test_what_broke_is_the_first_change():
    broken = guardrail(finding="worse")
    lines = changed_lines(result(guardrails=[broken, guardrail()]))
    assert [(state, plain(line)) for state, line in lines] == [
        ("worse", DEARER),
        ("met", CHANGED),
        ("met", "1 of 2 guardrails (what must not get worse) hold"),
    ]


def test_a_claim_without_enough_data():
    assert changed_lines(result(expectations=[no_data()], guardrails=[])) == [
        ("no_data", "timeouts drop: not enough data to compare")
    ]


def outside_rules(*searched, expectations=()):
    lines = changed_lines(result(exploratory=searched, expectations=expectations))
    return [plain(line) for state, line in lines if state == "outside_rules"]


def test_what_got_worse_although_no_rule_covers_it():
    worse = finding(finding="worse", feature="step3", metric="latency_mean")
    new = finding(finding="worse", feature="draft", metric="http_4xx_rate", event_hour=16)
    rest = finding(finding="undecided", feature="step4")
    assert outside_rules(worse, new, rest) == [
        "Also worse, although no rule covers it: mean time of a call of step3 "
        "80.0 % → 20.0 % (-60.0 points); of 3 metrics searched",
        "New error class, although no rule covers it: refused requests (4xx) of draft",
    ]
    assert outside_rules(rest) == []
    assert outside_rules(worse, rest, expectations=[worse]) == []


def test_a_slower_feature_is_named_once_when_it_is_the_price_of_its_fix():
    mean, typical, tokens = (
        finding(finding="worse", feature="step3", metric=metric)
        for metric in ("latency_mean", "typical_latency", "total_tokens_mean")
    )
    lines = changed_lines(result(exploratory=[mean, typical, tokens], price_of_fix=[mean]))
    also = [plain(line) for _, line in lines if "Also worse" in line]
    assert len(also) == 1
    assert "step3" in also[0]
    assert "of 1 metrics" in also[0]


# ---- how sure --------------------------------------------------------------------------------
def test_how_sure():
    assert [plain(line) for line in confidence_lines(result())] == [
        "Intervals are 99.87 % confidence intervals",
        "Look 2 of 3; chance of a false alarm at this look: at most 0.13 % "
        "(early looks are stricter, so that all looks together stay within the limit)",
        "2 false alarms on 42 placebo deploys inside the baseline, where nothing had changed",
        "1 of 1 data checks passed",
    ]


def test_an_exploratory_look_decides_nothing():
    assert "decides nothing" in confidence_lines(result(look=EXPLORATORY_LOOK))[1]


def test_false_alarms():
    one = result(calibration={"pretended_deploys": 42, "false_alarms": 1}).calibration
    assert false_alarm_text(one).startswith("1 false alarm on 42 placebo deploys")
    assert "is not known" in false_alarm_text(result(calibration={}).calibration)


# ---- the exploratory search ------------------------------------------------------------------
def test_the_search_is_grouped():
    worse = finding(name="a", finding="worse")
    better = finding(name="b", finding="undecided", p_adjusted=0.01)
    new = finding(
        name="c",
        finding="undecided",
        p_adjusted=0.5,
        metric="http_4xx_rate",
        event_hour=16,
        post={"calls": 234, "events": 2, "value": 0.01},
    )
    groups = sort_exploratory(result(exploratory=[worse, better, new]), alpha=0.05)
    assert (groups.worse, groups.better, groups.rest) == ((worse,), (better,), (new,))
    assert [plain(line) for line in groups.new_errors] == [
        "refused requests (4xx) of draft.verify: 2 of 234 calls (1.0 %), none of 100 calls before; "
        "the first in hour 16 after the deploy, from 2026-02-03 15:10:16 UTC on"
    ]
