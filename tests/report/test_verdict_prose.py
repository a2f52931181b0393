"""The sentences of a verdict, whole, from numbers made by hand: headline, what changed, how sure, what to do now."""

from datetime import timedelta

import pytest

from analysis.text import verdict as verdict_prose
from tests.fixtures.example_results import THIN, finding, guardrail, no_data, plain, result

WINDOWS = [("1h", timedelta(hours=1)), ("4h", timedelta(hours=4)), ("24h", timedelta(hours=24))]


@pytest.mark.parametrize(
    ("verdict", "start"),
    [
        ("sustained", "The fix works, no guardrail is broken, and it has lasted"),
        ("improved", "The fix works and no guardrail is broken; whether it lasts is not shown yet"),
        ("keep_watching", "The answer is not final yet"),
    ],
)
def test_the_headline_of_each_verdict(verdict, start):
    text = plain(verdict_prose.headline(result(verdict=verdict)))
    assert (
        text
        == f"{start}: 1 of 1 expectations met after 4h; timeouts drop: 80.0 % → 20.0 % (−60.0 points)."
    )


def test_a_bad_headline_begins_with_what_made_it_bad():
    harm = result(
        verdict="roll_back",
        guardrails=[
            guardrail(finding="worse", name="a drift"),
            guardrail(finding="worse", critical=True),
        ],
    )
    assert plain(verdict_prose.headline(harm)) == (
        "The deploy did harm: jobs stay affordable: 8.00 s → 11.4 s (+3.40 s); 1 of 1 expectations met after 4h."
    )
    rises = finding(
        name="timeouts drop",
        finding="worse",
        difference=0.1,
        post={"calls": 50, "events": 45, "value": 0.9},
    )
    assert plain(
        verdict_prose.headline(
            result(verdict="roll_back", expectations=[finding(name="other"), rises])
        )
    ) == (
        "The deploy did harm: timeouts drop: 80.0 % → 90.0 % (+10.0 points); 1 of 2 expectations met after 4h."
    )
    short = [finding(name="other"), finding(finding="not_met")]
    assert plain(verdict_prose.headline(result(verdict="not_fixed", expectations=short))) == (
        "The deploy did not bring what was promised: timeouts drop: 80.0 % → 20.0 % (−60.0 points); 1 of 2 expectations met after 4h."
    )
    moved_cliff = verdict_prose.headline(result(verdict="not_fixed"))
    assert plain(moved_cliff) == (
        "The deploy did not bring what was promised: 1 of 1 expectations met after 4h; timeouts drop: 80.0 % → 20.0 % (−60.0 points)."
    )


def test_nothing_is_claimed_without_trust():
    assert verdict_prose.box_changed(result(verdict="untrusted")) == []


def test_the_headline_without_trust_has_no_numbers():
    assert (
        verdict_prose.headline(result(verdict="untrusted"))
        == "No verdict after 4h: the data cannot carry a verdict."
    )


def test_the_headline_without_comparable_calls():
    assert (
        verdict_prose.headline(result(verdict="keep_watching", expectations=[no_data()]))
        == "The answer is not final yet: 0 of 1 expectations met after 4h."
    )


def test_the_headline_without_expectations():
    assert verdict_prose.headline(result(expectations=[])).endswith(
        ": no expectation is declared, after 4h."
    )


def test_the_headline_of_an_exploratory_look():
    look = result()["look"] | {"planned": None, "number": None}
    assert "met in this stretch of time, outside the planned looks;" in verdict_prose.headline(
        result(look=look)
    )


def test_what_changed():
    broken = guardrail(finding="worse")
    lines = [
        (state, plain(line))
        for state, line in verdict_prose.box_changed(result(guardrails=[broken, guardrail()]))
    ]
    assert lines == [
        ("worse", "jobs stay affordable: 8.00 s → 11.4 s (+3.40 s)"),
        ("met", "timeouts drop: 80.0 % → 20.0 % (−60.0 points)"),
        ("met", "1 of 2 guardrails (what must not get worse) hold"),
    ]


def test_what_changed_with_too_few_calls():
    assert verdict_prose.box_changed(result(expectations=[no_data()], guardrails=[])) == [
        ("no_data", "timeouts drop: too few calls to compare")
    ]


def test_what_nobody_asked_about_is_told_too():
    worse = finding(finding="worse", feature="step3", metric="latency_mean")
    new = finding(finding="worse", feature="draft", metric="http_4xx_rate", event_hour=16)
    rest = finding(finding="undecided", feature="step4")

    def last(*scanned, expectations=()):
        return [
            plain(line)
            for state, line in verdict_prose.box_changed(
                result(exploratory=scanned, expectations=expectations)
            )
            if state == "unasked"
        ]

    assert last(worse, new, rest) == [
        "of 3 numbers scanned 1 got worse (mean time of a call of step3 80.0 % → 20.0 % (−60.0 points)); a new class of errors (refused "
        "requests (4xx) of draft); exploratory, it decides nothing"
    ]
    assert last(rest) == []
    assert last(worse, rest, expectations=[worse]) == []  # somebody asked, and it decides


def test_how_sure():
    assert [plain(line) for line in verdict_prose.box_sure(result())] == [
        "Intervals hold the true change with 99.87 % certainty",
        "Look 2 of 3: to count, a change had to be so large that chance brings it in 0.13 % of such looks at most (the bound; stricter early, "
        "so that looking early fools nobody)",
        "2 false alarms on 42 pretended deploys inside the baseline, where nothing had changed",
        "1 of 1 checks of the data are fine",
    ]


def test_how_sure_outside_the_plan():
    look = result()["look"] | {"planned": None, "number": None}
    assert (
        verdict_prose.box_sure(result(look=look))[1]
        == "Not a planned look: what it shows is for exploring and decides nothing"
    )


@pytest.mark.parametrize(
    ("pretended", "alarms", "sentence"),
    [
        (
            42,
            1,
            "1 false alarm on 42 pretended deploys inside the baseline, where nothing had changed",
        ),
        (
            0,
            0,
            "No pretended deploy fits into this baseline, so how often the rule cries wolf here is not known",
        ),
        (
            None,
            None,
            "No pretended deploy fits into this baseline, so how often the rule cries wolf here is not known",
        ),
    ],
)
def test_false_alarms(pretended, alarms, sentence):
    assert (
        verdict_prose.false_alarm_text({"pretended_deploys": pretended, "false_alarms": alarms})
        == sentence
    )


def test_checks_that_fail_are_named():
    checks = [
        {"name": name, "state": state, "detail": ""}
        for name, state in (("a", "ok"), ("b", "warning"), ("c", "error"), ("d", "no_opinion"))
    ]
    assert (
        verdict_prose.checks_text(checks)
        == "1 of 4 checks of the data are fine; not: c (error), b (warning)"
    )


@pytest.mark.parametrize(
    ("verdict", "words", "command"),
    [
        ("sustained", "Hand over: nothing is left to watch.", "rollout handoff"),
        (
            "improved",
            "Keep watching: the look at 24h is due 2026-02-03 23:11:46 UTC.",
            "rollout watch",
        ),
        (
            "keep_watching",
            "Keep watching: the look at 24h is due 2026-02-03 23:11:46 UTC.",
            "rollout watch",
        ),
        ("untrusted", "Mend what the checks of the data name, then look again.", "rollout doctor"),
        (
            "roll_back",
            "Undo the change or turn a knob back; the hand-over page has the commands.",
            "rollout handoff",
        ),
        (
            "not_fixed",
            "Undo the change or turn a knob back; the hand-over page has the commands.",
            "rollout handoff",
        ),
    ],
)
def test_what_to_do_now(verdict, words, command):
    steps = verdict_prose.next_steps(
        result(verdict=verdict), ingestion_delay=timedelta(seconds=90), windows=WINDOWS
    )
    assert steps == [verdict_prose.NextStep(words, command)]


def test_what_to_do_after_the_last_look_that_did_not_decide():
    last = result()["look"] | {"end": "2026-02-03T23:10:16Z", "window": "24h", "number": 3}
    steps = verdict_prose.next_steps(
        result(verdict="keep_watching", look=last),
        ingestion_delay=timedelta(seconds=90),
        windows=WINDOWS,
    )
    assert (
        steps[0].words == "Keep watching: every planned look is made; the last 1d did not decide."
    )


def test_advice_comes_first_and_another_file_is_named():
    advice = {
        "knob": "X_MS_CAP",
        "from": 45000,
        "to": 30000,
        "because": "It got slower.",
        "predicted": {"sentence": "A cap of 30 s cuts off 31 %."},
    }
    steps = verdict_prose.next_steps(
        result(
            verdict="roll_back",
            advice=[advice, advice | {"because": "Something else got slower too."}],
        ),
        ingestion_delay=timedelta(0),
        windows=WINDOWS,
        config="other.toml",
    )
    assert steps == [
        verdict_prose.NextStep(
            "Turn back X_MS_CAP: 45000 → 30000.",
            None,
            "It got slower. A cap of 30 s cuts off 31 %.",
        ),
        verdict_prose.NextStep(
            "The way back, step by step:", "rollout handoff --config other.toml"
        ),
    ]


def test_the_scan_is_sorted_into_heaps():
    worse, better = (
        finding(name="a", finding="worse"),
        finding(name="b", finding="undecided", p_adjusted=0.01),
    )
    new = finding(
        name="c",
        finding="undecided",
        p_adjusted=0.5,
        metric="http_4xx_rate",
        event_hour=16,
        post={"calls": 234, "events": 2, "value": 0.01},
    )
    heaps = verdict_prose.sort_scan(result(exploratory=[worse, better, new]), alpha=0.05)
    assert [[item["name"] for item in heaps[heap]] for heap in ("worse", "better", "rest")] == [
        ["a"],
        ["b"],
        ["c"],
    ]
    assert heaps["new_errors"] == [
        f"refused requests (4xx) of draft.verify: 2 of 234 calls (1.0{THIN}%), none of 100 calls before; the first in hour 16 after the deploy, "
        "which began at 2026-02-03 15:10:16 UTC"
    ]
