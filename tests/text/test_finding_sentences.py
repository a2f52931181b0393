"""The sentence of every claim in every state, from numbers given by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from analysis.decision.claims.caveats import ErrorClassShift, RateChange, StoppedTraffic
from analysis.decision.claims.power import TimeToDecision
from analysis.metrics import known_metrics, metric_named
from analysis.text.findings.sentence import finding_sentence, short_clause
from tests.fixtures.comparators import claim, spoken
from tests.fixtures.findings_by_hand import (
    FALLS,
    FELL,
    ZERO,
    FixedComparison,
    any_of_finding,
    finding,
)

FELL_BY = (
    "Timeouts of step3 fell from 89.9 % of 888 calls to 14.4 % of 160 calls. "
    "At the same mix of calls: -75.5 points (95.1 % confidence interval -86.0 to -64.0 points). "
)
SLOWER = FixedComparison(
    (888_000, 400), (990_000, 400), 250.0, ends=(180.0, 320.0), value_ends=(2390.0, 2560.0)
)
ROSE = "Mean time of a call of step3 rose from 2.22 s (400 calls) to 2.48 s (400 calls). "
NONE_LEFT = FixedComparison((38, 1565), (0, 231), -0.024)
OF = "Answers cut at the token limit of parse"


def sentence(*args, **keys):
    return spoken(finding_sentence(finding(*args, **keys)))


# ---- falls and rises -------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("state", "fields", "end"),
    [
        ("met", {}, "A fall of at least 50 % is shown."),
        ("worse", {}, "A fall of at least 50 % was expected, a rise is shown."),
        ("not_met", {}, "A fall of at least 50 % is ruled out."),
        (
            "undecided",
            {"minimum_detectable_effect": 0.781, "time_to_decision": TimeToDecision(11.0)},
            "A fall of at least 50 % is neither shown nor ruled out yet. "
            "Minimum detectable change at this look: 78.1 points. "
            "It can be decided about 11 h after the deploy at today's traffic.",
        ),
        (  # chance may have hidden a change larger than the detectable one
            "undecided",
            {"minimum_detectable_effect": 0.081},
            "A fall of at least 50 % is neither shown nor ruled out yet. "
            "At today's traffic this takes more than a year to decide.",
        ),
    ],
)
def test_falls(state, fields, end):
    assert sentence(state, FALLS, interval=(-0.86, -0.64), **fields) == FELL_BY + end


def test_a_small_change_needs_a_longer_baseline():
    time = TimeToDecision(290.0, longer_baseline=True)
    assert sentence("undecided", FALLS, interval=(-0.86, 0.1), time_to_decision=time).endswith(
        "about 13 days after the deploy at today's traffic, with a baseline of the same length."
    )


def test_a_claim_without_a_size_says_how_much_is_ruled_out():
    plain = claim("falls", feature="step3")
    assert sentence("not_met", plain).endswith("A fall of 10 % or more is ruled out.")
    assert sentence("met", plain).endswith("A fall is shown.")
    assert sentence("worse", plain).endswith("A fall was expected, a rise is shown.")


def test_a_fall_to_zero_that_may_go_undetected():
    rare = FixedComparison((38, 1565), (3, 231), -0.011)
    found = sentence("undecided", FALLS, rare, minimum_detectable_effect=0.2)
    assert "At this look even a fall to zero may go undetected." in found


def test_rises():
    asked = claim("rises", "recovered_rate", feature="score", by=0.125)
    grown = FixedComparison((32, 78), (30, 40), 0.34)
    text = sentence("met", asked, grown, interval=(0.1, 0.5))
    assert "of score rose from 41.0 % of 78 failures to 75.0 % of 40 failures" in text
    assert "+34.0 points (95.1 % confidence interval +10.0 to +50.0 points)" in text
    assert text.endswith("A rise of at least 12.5 % is shown.")
    assert sentence("worse", asked, grown).endswith("was expected, a fall is shown.")


# ---- caveats ---------------------------------------------------------------------------------
def shift(*, is_worse):
    connection, errors = metric_named("connection_rate"), metric_named("error_rate")
    return ErrorClassShift(
        forbids=is_worse,
        refutes=is_worse,
        grown=(RateChange(connection, 0.0, 0.36),),
        all_errors=RateChange(errors, 0.207, 0.386 if is_worse else 0.12),
    )


def test_errors_that_only_changed_their_class():
    text = sentence("not_met", FALLS, caveat=shift(is_worse=True))
    assert text.endswith(
        "A fall of at least 50 % is not shown. This does not count: connection errors rose from "
        "0.0 % to 36.0 % and all failed calls together rose from 20.7 % to 38.6 % of the calls."
    )
    assert sentence("met", FALLS, caveat=shift(is_worse=False)).endswith(
        "A fall of at least 50 % is shown. But connection errors rose from 0.0 % to 36.0 % and all "
        "failed calls together fell from 20.7 % to 12.0 % of the calls."
    )


def test_traffic_that_stopped():
    caveat = StoppedTraffic(baseline=40.0, post=3.0)
    assert sentence("undecided", FALLS, caveat=caveat).endswith(
        "traffic fell from 40.0 calls/h to 3.0 calls/h, and the calls that are left may be "
        "different."
    )


# ---- stays_zero ------------------------------------------------------------------------------
def test_a_rate_that_is_ruled_out():
    assert sentence("met", ZERO, NONE_LEFT) == (
        f"{OF}: none in 231 calls after the deploy, 38 in 1 565 before. "
        "The rate is below 1.3 % with 95 % confidence; it was 2.4 % before."
    )
    limited = claim("stays_zero", "max_output_tokens_rate", feature="parse", limit=0.02)
    assert sentence("met", limited, NONE_LEFT).endswith("with 95 % confidence; 2.0 % is allowed.")
    assert "below 1.6 % with 97.5 % confidence" in sentence("met", ZERO, NONE_LEFT, one_sided=0.025)


def test_a_rate_that_is_not_ruled_out():
    few = FixedComparison((5, 283), (0, 39), -0.02)
    assert sentence("undecided", ZERO, few, time_to_decision=TimeToDecision(17.4)) == (
        f"{OF}: none in 39 calls after the deploy, 5 in 283 before. The rate may still be as high "
        "as 7.4 % (95 % confidence); it was 1.8 % before. "
        "It can be decided about 18 h after the deploy at today's traffic."
    )
    never = FixedComparison((0, 283), (0, 39))
    assert sentence("undecided", ZERO, never).endswith("set a limit to decide it.")


def test_the_first_event_and_the_rate_that_fits():
    one = FixedComparison((38, 1565), (1, 231), -0.02, value_ends=(0.0001, 0.0239))
    assert sentence("not_met", ZERO, one, event_hour=3) == (
        f"{OF}: 1 in 231 calls after the deploy, 38 in 1 565 before. The first came in hour 3. "
        "The rate is 0.01 % to 2.4 % (95 % confidence interval)."
    )
    assert "It happens more often than before." in sentence("worse", ZERO, one, event_hour=0)


# ---- no_worse and below ----------------------------------------------------------------------
@pytest.mark.parametrize(
    ("state", "change", "end"),
    [
        ("met", {}, "at most +320 ms with 95 % confidence; +444 ms is allowed. {limit} holds."),
        (
            "not_met",
            {"ends": (460.0, 520.0)},
            "at least +460 ms with 95 % confidence; +444 ms is allowed. {limit} does not hold.",
        ),
    ],
)
def test_no_worse(state, change, end):
    asked = claim("no_worse", "latency_mean", feature="step3", margin=0.2)
    limit = "The limit (at most 20 % more than before)"
    assert sentence(state, asked, replace(SLOWER, **change)) == (
        f"{ROSE}At the same mix of calls: +250 ms, {end.format(limit=limit)}"
    )


def test_no_worse_in_the_other_states():
    asked = claim("no_worse", "latency_mean", feature="step3", margin=0.2)
    assert sentence("worse", asked, SLOWER).endswith("is clearly broken.")
    text = sentence(
        "undecided", asked, SLOWER, interval=(180.0, 480.0), minimum_detectable_effect=251.0
    )
    assert "Whether the limit (at most 20 % more than before) holds is not decided yet." in text
    assert "Minimum detectable distance from the limit at this look: 251 ms." in text


def test_no_worse_of_a_metric_that_should_not_fall():
    asked = claim("no_worse", "calls_per_hour", feature="step3", margin=0.5)
    fewer = FixedComparison((6720, 168), (840, 24), -5.0, ends=(-7.0, -3.0))
    assert sentence("met", asked, fewer).endswith(
        "-5.0 calls/h, at least -7.0 calls/h with 95 % confidence; -20.0 calls/h is allowed. "
        "The limit (at most 50 % less than before) holds."
    )


def test_a_bound_that_contradicts_the_decision_is_not_shown():
    asked = claim("no_worse", "latency_mean", feature="step3", margin=0.2)
    wide = replace(SLOWER, ends=(180.0, 460.0))
    text = sentence("met", asked, wide, interval=(160.0, 480.0))
    assert "is allowed" not in text
    assert "(95.1 % confidence interval +160 ms to +480 ms)" in text


@pytest.mark.parametrize(
    ("state", "end"),
    [
        ("met", "Now it is below 2.56 s with 95 % confidence. The limit of 2.50 s holds."),
        (
            "not_met",
            "Now it is above 2.39 s with 95 % confidence. The limit of 2.50 s does not hold.",
        ),
        (
            "worse",
            "Now it is between 2.39 s and 2.56 s (95.1 % confidence interval). "
            "The limit of 2.50 s is clearly broken.",
        ),
    ],
)
def test_below(state, end):
    asked = claim("below", "latency_mean", feature="step3", limit=2500)
    assert sentence(state, asked, SLOWER) == ROSE + end


# ---- not enough data -------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("asked", "numbers", "text"),
    [
        (
            FALLS,
            FixedComparison((12, 174), (1, 23), -0.03),
            "Timeouts of step3: not enough data "
            "(30 calls needed on each side; 174 before, 23 after).",
        ),
        (
            FALLS,
            FixedComparison((2, 789), (0, 119), -0.0025),
            "Timeouts of step3: not enough data "
            "(5 events needed on one side; 2 in 789 calls before, 0 in 119 calls after).",
        ),
        (
            FALLS,
            FixedComparison((80, 800), (10, 100), None),
            "Timeouts of step3: no calls before and after share a source and tenant to compare.",
        ),
        (
            FALLS,
            FixedComparison((8400, 16800), (243, 2403), 0.5, common=((8400, 16800), (3, 3))),
            "Timeouts of step3: not enough data (30 calls with a source and tenant that both sides "
            "have needed on each side; 16 800 before, 3 after).",
        ),
        (
            claim("no_worse", "calls_per_hour", feature="step3", margin=0.5),
            FixedComparison((12, 168), (1, 24)),
            "Traffic of step3: not enough data (30 calls needed on each side; 12 before, 1 after).",
        ),
    ],
)
def test_not_enough_data(asked, numbers, text):
    assert sentence("no_data", asked, numbers) == text


def test_not_enough_data_says_when_there_will_be():
    few = FixedComparison((12, 174), (1, 23), -0.03)
    assert sentence("no_data", FALLS, few, time_to_decision=TimeToDecision(2.0)).endswith(
        "It can be decided about 2 h after the deploy at today's traffic."
    )


# ---- any_of ----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("state", "heading"),
    [
        ("met", "one is met; another got worse"),
        ("worse", "each moved the wrong way"),
        ("not_met", "each is ruled out or worse"),
        ("undecided", "none is shown yet; another got worse"),
        ("no_data", "none has enough data; another got worse"),
    ],
)
def test_any_of(state, heading):
    parts = (finding("met", FALLS), finding("worse", claim("rises", feature="score")))
    text = spoken(finding_sentence(any_of_finding(state, parts)))
    assert text.startswith(f"One of 2 alternatives is enough: {heading}. (1) Timeouts of step3")
    assert "(2) Timeouts of score" in text


# ---- the search over all features ------------------------------------------------------------
def test_the_search():
    asked, new = (
        claim(None, "connection_rate", feature="step3"),
        FixedComparison((0, 900), (25, 160), 0.156),
    )
    assert sentence("worse", asked, new, event_hour=5, began_hour=5).endswith(
        "Worse than chance explains among all metrics searched, from hour 5 after the deploy on."
    )
    assert sentence("undecided", asked, new, p_adjusted=0.01).endswith(
        "Better than chance explains among all metrics searched."
    )
    assert sentence("undecided", asked, new, minimum_detectable_effect=0.18).endswith(
        "This may be chance. Minimum detectable change at this look: 18.0 points."
    )


# ---- the rest --------------------------------------------------------------------------------
def test_a_mix_that_covers_only_part_of_the_calls():
    text = sentence("met", FALLS, replace(FELL, coverage=0.62), interval=(-0.86, -0.64))
    assert "At the same mix of calls (62.0 % of the calls after the deploy): -75.5 points" in text


def test_a_value_that_stayed():
    asked = claim("below", "cron_over_budget_rate", feature="jobs", limit=0.05, budget_ms=240_000)
    same = FixedComparison((0, 400), (0, 100), value_ends=(0.0, 0.029))
    assert "stayed at 0.0 % (400 minutes with calls before, 100 after)." in sentence(
        "met", asked, same
    )


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ({"feature": "step3"}, "step3"),
        ({"feature": "step3", "source": "action:x"}, "step3 from action:x"),
        ({"feature": None, "source": "background-job/*"}, "background-job/*"),
        ({"feature": "*"}, "all features"),
        ({"feature": None}, "all features"),
        ({"feature": "draft.*"}, "draft.*"),
    ],
)
def test_the_place(place, words):
    assert sentence("met", claim("falls", **place)).startswith(f"Timeouts of {words} fell from")


def test_a_class_of_the_user_has_its_own_name():
    asked = claim("falls", "quota_gone_rate", feature="step3")
    assert sentence("met", asked).startswith("Quota gone errors of step3 fell from 89.9 %")


@pytest.mark.parametrize("metric", known_metrics().values(), ids=lambda metric: metric.name)
def test_every_metric_has_words_and_no_jargon(metric):
    asked = claim("falls", metric.name, feature="step3")
    text = sentence("met", asked, interval=(-0.86, -0.64), metric=metric)
    assert metric.words[1:] in text
    jargon = ("_rate", "_mean", "significant", "p-value", "rmst", "nan", "None")
    assert not any(word in text for word in jargon)


def test_the_clause_of_a_reason():
    part = finding("met", FALLS, interval=(-0.86, -0.64))
    assert spoken(short_clause(part)) == (
        "timeouts of step3 fell from 89.9 % of 888 calls to 14.4 % of 160 calls "
        "(95.1 % confidence interval of the change -86.0 to -64.0 points)"
    )
    one = FixedComparison((0, 283), (1, 39), 0.02)
    assert spoken(short_clause(finding("not_met", ZERO, one, event_hour=2))).endswith(
        "1 in 39 calls after the deploy, none in 283 before"
    )
    assert "not enough data" in short_clause(
        finding("no_data", FALLS, FixedComparison((12, 174), (1, 23)))
    )
    parts = (replace(part, state="undecided"), part)
    assert short_clause(any_of_finding("met", parts)) == short_clause(part)
