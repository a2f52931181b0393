"""The reason of every verdict: what broke comes first, with numbers."""

from __future__ import annotations

import pytest

from analysis.decision.checks.check_records import IdCheck, StatusCheck
from analysis.decision.claims.power import TimeToDecision
from analysis.decision.claims.sustained import SustainedDecision
from analysis.decision.verdict import MovedCliff, decide_verdict
from analysis.text.findings.sustained import sustained_clause
from analysis.text.verdict import verdict_reason
from analysis.text.verdict_labels import VERDICTS
from tests.fixtures.comparators import claim, spoken
from tests.fixtures.findings_by_hand import FELL, FixedComparison, finding

STEP3 = claim("falls", feature="step3", by=0.5, name="step 3")
SIGNATURE = claim("falls", feature="signature", name="signature")
COST = claim("below", "latency_mean", feature="jobs", limit=30_000, name="cost")
CRON = claim(
    "below", "cron_over_budget_rate", feature="jobs", limit=0.05, name="cron", critical=True
)
INTERVAL = "(95.1 % confidence interval of the change -86.0 to -64.0 points)"
TIMEOUTS = f"timeouts of step3 fell from 89.9 % of 888 calls to 14.4 % of 160 calls {INTERVAL}"
OVER = (
    "minutes over the cron's budget of jobs rose from 2.0 % of 400 minutes with calls to 12.0 % of "
    "100 minutes with calls"
)
DEARER = "mean time of a call of jobs rose from 8.20 s (400 calls) to 31.0 s (100 calls)"
CONFIRMED = SustainedDecision("confirmed", 6, 24)
MOVED = MovedCliff("step3", 20_128, 45_012)


def step3(state, **fields):
    return finding(state, STEP3, FELL, interval=(-0.86, -0.64), **fields)


def signature(state, **fields):
    return finding(state, SIGNATURE, FixedComparison((210, 3075), (0, 424), -0.07), **fields)


def cost(state):
    return finding(state, COST, FixedComparison((3_280_000, 400), (3_100_000, 100), 22_800.0))


def cron(state):
    return finding(state, CRON, FixedComparison((8, 400), (12, 100), 0.1))


def reason(expectations=(), guardrails=(), *, checks=(), moved=(), last=True, sustained=CONFIRMED):
    verdict = decide_verdict(
        expectations=expectations,
        guardrails=guardrails,
        checks=checks,
        moved_cliffs=moved,
        sustained=sustained,
        is_last=last,
    )
    return spoken(verdict_reason(verdict))


def test_untrusted_names_the_first_check_that_fails():
    copies = IdCheck(state="error", copies=12, rows=480, compared=480)
    start = "The data quality is too poor for a verdict: 12 rows repeat the id of another row"
    assert reason([step3("met")], checks=[copies]) == f"{start}; remove the copies."
    statuses = StatusCheck(state="error", unknown=3)
    assert reason(checks=[copies, statuses]).endswith("(1 more check fails).")


def test_roll_back_names_what_is_broken():
    text = reason([step3("met")], [cron("worse")])
    assert text.startswith("jobs now has minutes over the cron's budget in 12.0 % of minutes")
    assert text.endswith(f"Critical guardrail 'cron' got worse: {OVER}.")
    text = reason([step3("worse")], [cost("worse"), cron("not_met")])
    assert f"Critical guardrail 'cron' is broken: {OVER}; also step3 now has" in text
    text = reason([signature("met"), step3("worse")])
    assert text.startswith("step3 now has timeouts in 14.4 % of calls (was 89.9 %). Expectation")


def test_improved_says_whether_the_effect_lasts_and_what_is_undecided():
    assert reason([step3("met"), signature("met")], [cost("met")]) == (
        f"All 2 expectations are met: {TIMEOUTS}; the last 6 h alone confirm it."
    )
    assert reason([step3("met")], [cost("undecided"), cron("no_data")]) == (
        f"The only expectation is met: {TIMEOUTS}; the last 6 h alone confirm it; "
        "not decided yet: 'cost', 'cron'."
    )
    assert reason([], [cost("met"), cron("met")]) == (
        "Nothing that is watched got worse: 2 of 2 guardrails hold, and no regression was found."
    )


def test_not_fixed_says_how_many_are_met_and_where_a_cliff_is_now():
    assert reason([signature("met"), step3("not_met")]) == (
        f"The fix did not work (1 of 2 expectations met). 'step 3' is not met: {TIMEOUTS}."
    )
    assert reason([step3("not_met"), signature("not_met")], moved=[MOVED]) == (
        "The fix did not work (0 of 2 expectations met): step3 still times out, only later: "
        "at 45.0 s instead of 20.1 s; also 'signature'."
    )


def test_keep_watching_says_what_is_not_shown_and_when_it_is_decided():
    early = step3("undecided", time_to_decision=TimeToDecision(11.2), hours=(0, 4))
    assert reason([early], last=False) == (
        f"Timeouts{TIMEOUTS[8:]}; a change that large is not shown yet. "
        "It can be decided about 12 h after the deploy at today's traffic."
    )
    assert reason([step3("met"), signature("undecided")], last=False).startswith(
        "1 of 2 expectations met; not decided: 'signature'. Timeouts of signature fell"
    )


def test_keep_watching_without_hours_in_sight():
    open_one = signature("undecided")
    assert reason([open_one], last=False).endswith(
        "At today's traffic this takes more than a year to decide."
    )
    both = [step3("undecided", time_to_decision=TimeToDecision(30)), open_one]
    assert reason(both, last=False).endswith(
        "at today's traffic, except 'signature', which takes more than a year."
    )


def test_investigate_names_what_broke_with_numbers_first_and_how_the_fix_stands():
    broke = "jobs: mean time of a call is now 31.0 s (was 8.20 s)"
    assert reason([step3("met")], [cost("not_met")], last=False) == (
        f"The fix works, but {broke}. {TIMEOUTS[0].upper()}{TIMEOUTS[1:]}."
    )
    text = reason([step3("undecided")], [cost("worse")], last=False)
    assert text.startswith(f"{broke}; the fix is not decided yet. Timeouts")
    assert reason([step3("not_met")], [cost("worse")]).startswith(
        f"{broke}, and the fix did not work. Timeouts"
    )
    assert reason([], [cost("worse")]).startswith(f"{broke}. This was the last planned look: roll")


def test_keep_watching_with_open_guardrails_alone():
    assert reason([], [cost("undecided")], last=False) == (
        "No expectation is declared; not decided yet: 'cost'."
    )


@pytest.mark.parametrize(
    ("decision", "words"),
    [
        (SustainedDecision("confirmed", 6, 24), "the last 6 h alone confirm it"),
        (
            SustainedDecision("too_early", 6, 4),
            "whether the effect lasts is decided after 6 h, 4 h have passed",
        ),
        (
            SustainedDecision("not_shown", 6, 24, name="a", p_value=0.2),
            "not sustained: 'a' is not shown in the last 6 h alone (one-sided p 0.20)",
        ),
        (
            SustainedDecision("few_hours", 6, 24, name="a", share_of_hours=2 / 3),
            "not sustained: 'a' holds in only 66.7 % of the last 6 h; 80 % are required",
        ),
        (
            SustainedDecision("no_calls", 6, 24, name="a"),
            "not sustained: 'a' has no calls in the last 6 h",
        ),
        (
            SustainedDecision("not_kept", 6, 24, name="a", p_value=0.2),
            "not sustained: 'a' does not hold in the last 6 h alone (one-sided p 0.20)",
        ),
        (SustainedDecision("not_met", 6, 24, name="a"), "not sustained: 'a' is not met"),
    ],
)
def test_whether_the_effect_lasts(decision, words):
    assert spoken(sustained_clause(decision)) == words


def test_every_verdict_has_words():
    from analysis.decision.verdict import EXIT_CODES

    assert set(VERDICTS) == set(EXIT_CODES)
