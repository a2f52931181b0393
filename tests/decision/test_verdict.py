"""From findings to one verdict: the six rules in their order, each with its whole reason, and the exit codes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.decision.given import Compared, any_of_finding, finding

from analysis.decision.checks import Check
from analysis.decision.claims.power import TimeToDecision
from analysis.decision.verdict import (
    EXIT_CODES,
    MovedCliff,
    Verdict,
    decide_verdict,
    find_moved_cliffs,
)
from analysis.statistics.latency.cliff import Cliff
from tests.fixtures.comparators import claim, spoken

FELL = Compared((798, 888), (23, 160), difference=-0.755)
STEP3, SIGNATURE = (
    claim("falls", feature="step3", by=0.5, name="step 3"),
    claim("falls", feature="signature", name="signature"),
)
COST = claim(
    "below", "latency_mean", feature=None, source="background-job/*", limit=30_000, name="cost"
)
CRON = claim(
    "below",
    "cron_over_budget_rate",
    feature=None,
    source="background-job/*",
    limit=0.05,
    name="cron",
    critical=True,
)
TIMEOUTS = "timeouts of step3 fell from 89.9 % of 888 calls to 14.4 % of 160 calls (interval of the change -86.0 to -64.0 points, 95.1 %)"
ROSE = "timeouts of step3 rose from 14.4 % of 160 calls to 89.9 % of 888 calls (interval of the change +64.0 to +86.0 points, 95.1 %)"
OVER = "minutes over the cron's budget of background-job/* rose from 2.0 % of 400 minutes with calls to 12.0 % of 100 minutes with calls"
DEARER = (
    "mean time of a call of background-job/* rose from 8.20 s (400 calls) to 31.0 s (100 calls)"
)
LASTS = "the last 6 h alone confirm it"


def step3(state, **fields):
    harmed = state == "worse"
    numbers = Compared(FELL.post, FELL.baseline, difference=0.755) if harmed else FELL
    return finding(
        state, STEP3, numbers, interval=(0.64, 0.86) if harmed else (-0.86, -0.64), **fields
    )


def signature(state, **fields):
    return finding(state, SIGNATURE, Compared((210, 3075), (0, 424), difference=-0.07), **fields)


def cost(state):
    return finding(state, COST, Compared((3_280_000, 400), (3_100_000, 100), difference=22_800.0))


def cron(state):
    return finding(state, CRON, Compared((8, 400), (12, 100), difference=0.1))


def verdict(
    expectations=(), guardrails=(), *, checks=(), moved=(), sustained=False, last=True, remark=LASTS
):
    decided = decide_verdict(
        expectations=expectations,
        guardrails=guardrails,
        checks=checks,
        moved_cliffs=moved,
        is_sustained=sustained,
        is_last=last,
        sustained_remark=remark,
    )
    return decided.name, spoken(decided.reason)


OK = Check("rows", "ok", "all well")
BROKEN = Check("ids are unique", "error", "12 rows repeat the id of another row; remove the copies")
MOVED = MovedCliff("step3", 20_128, 45_012)


# ---- rule 1 ----------------------------------------------------------------------------------------------------------
def test_1_an_error_of_the_data_comes_before_everything():
    assert verdict([step3("worse")], [cron("worse")], checks=[OK, BROKEN]) == (
        "untrusted",
        "The data cannot carry a verdict: 12 rows repeat the id of another row; remove the copies.",
    )
    assert verdict([step3("met")], checks=[BROKEN, BROKEN, BROKEN], sustained=True)[1] == (
        "The data cannot carry a verdict: 12 rows repeat the id of another row; remove the copies (2 more checks fail)."
    )
    assert (
        verdict(
            [step3("met")],
            checks=[Check("rows", "warning", "odd"), Check("edge", "no_opinion", "none")],
        )[0]
        == "improved"
    )


# ---- rule 2 ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("state", "word"), [("worse", "got worse"), ("not_met", "is broken")])
def test_2_a_broken_critical_guardrail_rolls_back_although_everything_is_met(state, word):
    assert verdict([step3("met")], [cron(state)], sustained=True) == (
        "roll_back",
        f"The critical guardrail 'cron' {word}: {OVER}.",
    )


def test_2_an_expectation_that_got_worse_rolls_back_at_any_look():
    for last in (True, False):
        assert verdict([signature("met"), step3("worse")], last=last) == (
            "roll_back",
            f"The expectation 'step 3' got worse: {ROSE}.",
        )


def test_2_comes_before_the_moved_cliff_and_names_what_else_is_broken():
    assert verdict([step3("worse")], [cost("worse"), cron("not_met")], moved=[MOVED]) == (
        "roll_back",
        f"The critical guardrail 'cron' is broken: {OVER}; likewise 'step 3'.",
    )


def test_2_a_guardrail_that_is_not_critical_does_not_roll_back():
    assert verdict([step3("met")], [cost("worse")])[0] == "keep_watching"


# ---- rules 3 and 4 ---------------------------------------------------------------------------------------------------
def test_3_sustained():
    assert verdict(
        [step3("met"), signature("met")], [cost("met"), cron("met")], sustained=True
    ) == (
        "sustained",
        f"All 2 expectations are met: {TIMEOUTS}; the last 6 h alone confirm it.",
    )
    assert verdict(
        [step3("met")], [cost("undecided"), cron("met")], sustained=True, last=False
    ) == (
        "sustained",
        f"The only expectation is met: {TIMEOUTS}; the last 6 h alone confirm it; not decided yet: 'cost'.",
    )


@pytest.mark.parametrize("state", ["undecided", "no_data"])
def test_3_every_critical_guardrail_must_be_met(state):
    assert verdict([step3("met")], [cron(state)], sustained=True)[0] == "improved"


def test_4_improved_names_the_guardrails_that_are_not_decided():
    early = "whether it lasts is asked once 6 h have passed, so far 4 h have"
    assert verdict(
        [step3("met"), signature("met")],
        [cost("undecided"), cron("no_data")],
        last=False,
        remark=early,
    ) == (
        "improved",
        f"All 2 expectations are met: {TIMEOUTS}; whether it lasts is asked once 6 h have passed, so far 4 h have; "
        "not decided yet: 'cost', 'cron'.",
    )


def test_4_a_moved_cliff_is_a_remark_when_everything_is_met():
    assert verdict([step3("met")], moved=[MOVED])[0] == "improved"


@pytest.mark.parametrize(
    ("state", "name"),
    [("met", "improved"), ("undecided", "keep_watching"), ("not_met", "keep_watching")],
)
def test_without_expectations_the_guardrails_must_be_met(state, name):
    assert verdict([], [cost(state)])[0] == name


def test_without_expectations_the_reason_speaks_of_guardrails():
    assert verdict([], [cost("met"), cron("met")])[1] == (
        f"No expectation is declared and all 2 guardrails are met: {DEARER}; the last 6 h alone confirm it."
    )
    assert (
        verdict([], [cost("undecided")], last=False)[1]
        == "No expectation is declared, and not every guardrail is decided yet."
    )


# ---- rule 5 ----------------------------------------------------------------------------------------------------------
def test_5_not_met_at_the_last_look():
    assert verdict([signature("met"), step3("not_met")]) == (
        "not_fixed",
        f"The fix did not work (1 of 2 expectations is met): 'step 3' is not met, {TIMEOUTS}.",
    )
    assert (
        verdict([step3("not_met")], [cost("undecided")])[1]
        == f"The fix did not work: 'step 3' is not met, {TIMEOUTS}."
    )


def test_5_a_moved_cliff_says_where_it_is_now():
    assert verdict([step3("not_met"), signature("not_met")], moved=[MOVED]) == (
        "not_fixed",
        "The fix did not work (0 of 2 expectations are met): step3 still times out, only later, at 45.0 s instead of 20.1 s; "
        "likewise 'signature'.",
    )


def test_5_not_before_the_last_look():
    assert verdict([step3("not_met")], moved=[MOVED], last=False)[0] == "keep_watching"


# ---- rule 6 ----------------------------------------------------------------------------------------------------------
def test_6_keep_watching_says_how_many_hours():
    found = [
        step3("met"),
        signature("undecided", time_to_decision=TimeToDecision(11.2)),
        signature("no_data", time_to_decision=TimeToDecision(3.0)),
    ]
    assert verdict(found, last=False) == (
        "keep_watching",
        "1 of 3 expectations is met, open: 'signature', 'signature'; to decide that takes about 12 h from the deploy at today's traffic.",
    )
    assert verdict([step3("undecided", time_to_decision=TimeToDecision(60))], last=False)[1] == (
        "The only expectation is not met yet, open: 'step 3'; to decide that takes about 3 days from the deploy at today's traffic."
    )


def test_6_says_when_hours_alone_will_not_do():
    assert verdict([step3("met"), signature("undecided")], last=False)[1] == (
        "1 of 2 expectations is met, open: 'signature'; at today's traffic not even a year would decide it."
    )
    assert verdict(
        [step3("undecided", time_to_decision=TimeToDecision(30)), signature("no_data")], last=False
    )[1] == (
        "0 of 2 expectations are met, open: 'step 3', 'signature'; to decide that takes about 30 h from the deploy at today's traffic, "
        "and for 'signature' no number of hours is in sight."
    )


def test_6_a_broken_guardrail_stands_in_the_way():
    assert verdict([step3("met")], [cost("not_met")], last=False) == (
        "keep_watching",
        f"The only expectation is met, but the guardrail 'cost' is broken, {DEARER}.",
    )
    assert verdict([step3("undecided", time_to_decision=TimeToDecision(30))], [cost("worse")])[
        1
    ] == (
        "The only expectation is not met yet, open: 'step 3'; to decide that takes about 30 h from the deploy at today's traffic; "
        f"the guardrail 'cost' is broken, {DEARER}; this was the last planned look, so add a later one to [monitoring].windows to go on."
    )


def test_every_verdict_has_its_exit_code():
    assert EXIT_CODES == {
        "improved": 0,
        "sustained": 0,
        "roll_back": 1,
        "keep_watching": 3,
        "not_fixed": 4,
        "untrusted": 5,
    }
    assert [Verdict(name, "").exit_code for name in EXIT_CODES] == list(EXIT_CODES.values())


# ---- moved cliffs ----------------------------------------------------------------------------------------------------
def cliff(at_ms):
    return Cliff(at_ms=at_ms, n_errors=100, share_of_errors=0.98, n_beyond=0, p_value=None)


@pytest.mark.parametrize(
    ("state", "before", "after", "moves"),
    [
        ("not_met", 20_000, 45_000, True),
        ("worse", 20_000, 45_000, True),
        ("met", 20_000, 45_000, False),  # a working fix leaves some calls at the new cap
        ("undecided", 20_000, 45_000, False),
        ("no_data", 20_000, 45_000, False),
        ("not_met", 20_000, 20_300, False),  # the same cliff
        ("not_met", 20_000, 10_000, False),  # an earlier one
        ("not_met", None, 45_000, False),
        ("not_met", 20_000, None, False),
    ],
)
def test_a_cliff_has_moved_when_it_is_later_and_its_claim_failed(state, before, after, moves):
    cliffs = {
        arm: {"step3": cliff(at_ms)} if at_ms else {}
        for arm, at_ms in (("baseline", before), ("post", after))
    }
    assert find_moved_cliffs(cliffs, [step3(state)]) == (
        (MovedCliff("step3", before, after),) if moves else ()
    )
    of_all_errors = finding(state, claim("falls", "error_rate", feature="step3"), FELL)
    assert find_moved_cliffs(cliffs, [of_all_errors]) == ()


def test_a_cliff_is_looked_for_in_parts_and_patterns_too_and_named_once():
    cliffs = {
        "baseline": {"step3": cliff(20_000), "other": cliff(1000)},
        "post": {"step3": cliff(45_000), "other": cliff(1000)},
    }
    part = replace(step3("not_met"), claim=claim("falls", feature="step*"))
    whole = any_of_finding("not_met", (part, part))
    assert find_moved_cliffs(cliffs, [whole, part]) == (MovedCliff("step3", 20_000, 45_000),)
