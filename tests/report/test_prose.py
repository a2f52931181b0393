"""Every sentence of the pages, whole, from numbers made by hand."""

from datetime import timedelta

import pytest

from analysis.report import baseline_prose, controls_prose, method, prose, verdict_prose
from tests.report.example_look import THIN, finding, guardrail, no_data, result

WINDOWS = [("1h", timedelta(hours=1)), ("4h", timedelta(hours=4)), ("24h", timedelta(hours=24))]


def plain(text):
    return text.replace(THIN, " ")


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
    assert text == f"{start}: 1 of 1 expectations met after 4h; timeouts drop: 80.0 % → 20.0 % (−60.0 points)."


def test_a_bad_headline_begins_with_what_made_it_bad():
    harm = result(verdict="roll_back", guardrails=[guardrail(finding="worse", name="a drift"), guardrail(finding="worse", critical=True)])
    assert plain(verdict_prose.headline(harm)) == (
        "The deploy did harm: jobs stay affordable: 8.00 s → 11.4 s (+3.40 s); 1 of 1 expectations met after 4h."
    )
    rises = finding(name="timeouts drop", finding="worse", difference=0.1, post={"calls": 50, "events": 45, "value": 0.9})
    assert plain(verdict_prose.headline(result(verdict="roll_back", expectations=[finding(name="other"), rises]))) == (
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
    assert verdict_prose.headline(result(verdict="untrusted")) == "No verdict after 4h: the data cannot carry a verdict."


def test_the_headline_without_comparable_calls():
    assert (
        verdict_prose.headline(result(verdict="keep_watching", expectations=[no_data()]))
        == "The answer is not final yet: 0 of 1 expectations met after 4h."
    )


def test_the_headline_without_expectations():
    assert verdict_prose.headline(result(expectations=[])).endswith(": no expectation is declared, after 4h.")


def test_the_headline_of_an_exploratory_look():
    look = result()["look"] | {"planned": None, "number": None}
    assert "met in this stretch of time, outside the planned looks;" in verdict_prose.headline(result(look=look))


def test_what_changed():
    broken = guardrail(finding="worse")
    lines = [(state, plain(line)) for state, line in verdict_prose.box_changed(result(guardrails=[broken, guardrail()]))]
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
        return [plain(line) for state, line in verdict_prose.box_changed(result(exploratory=scanned, expectations=expectations)) if state == "unasked"]

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
    assert verdict_prose.box_sure(result(look=look))[1] == "Not a planned look: what it shows is for exploring and decides nothing"


@pytest.mark.parametrize(
    ("pretended", "alarms", "sentence"),
    [
        (42, 1, "1 false alarm on 42 pretended deploys inside the baseline, where nothing had changed"),
        (0, 0, "No pretended deploy fits into this baseline, so how often the rule cries wolf here is not known"),
        (None, None, "No pretended deploy fits into this baseline, so how often the rule cries wolf here is not known"),
    ],
)
def test_false_alarms(pretended, alarms, sentence):
    assert verdict_prose.false_alarm_text({"pretended_deploys": pretended, "false_alarms": alarms}) == sentence


def test_checks_that_fail_are_named():
    checks = [
        {"name": name, "state": state, "detail": ""} for name, state in (("a", "ok"), ("b", "warning"), ("c", "error"), ("d", "no_opinion"))
    ]
    assert verdict_prose.checks_text(checks) == "1 of 4 checks of the data are fine; not: c (error), b (warning)"


@pytest.mark.parametrize(
    ("verdict", "words", "command"),
    [
        ("sustained", "Hand over: nothing is left to watch.", "rollout handoff"),
        ("improved", "Keep watching: the look at 24h is due 2026-02-03 23:11:46 UTC.", "rollout watch"),
        ("keep_watching", "Keep watching: the look at 24h is due 2026-02-03 23:11:46 UTC.", "rollout watch"),
        ("untrusted", "Mend what the checks of the data name, then look again.", "rollout doctor"),
        ("roll_back", "Undo the change or turn a knob back; the hand-over page has the commands.", "rollout handoff"),
        ("not_fixed", "Undo the change or turn a knob back; the hand-over page has the commands.", "rollout handoff"),
    ],
)
def test_what_to_do_now(verdict, words, command):
    steps = verdict_prose.next_steps(result(verdict=verdict), settle=timedelta(seconds=90), windows=WINDOWS)
    assert steps == [verdict_prose.NextStep(words, command)]


def test_what_to_do_after_the_last_look_that_did_not_decide():
    last = result()["look"] | {"end": "2026-02-03T23:10:16Z", "window": "24h", "number": 3}
    steps = verdict_prose.next_steps(result(verdict="keep_watching", look=last), settle=timedelta(seconds=90), windows=WINDOWS)
    assert steps[0].words == "Keep watching: every planned look is made; the last 1d did not decide."


def test_advice_comes_first_and_another_file_is_named():
    advice = {
        "knob": "X_MS_CAP",
        "from": 45000,
        "to": 30000,
        "because": "It got slower.",
        "predicted": {"sentence": "A cap of 30 s cuts off 31 %."},
    }
    steps = verdict_prose.next_steps(
        result(verdict="roll_back", advice=[advice, advice | {"because": "Something else got slower too."}]), settle=timedelta(0), windows=WINDOWS, config="other.toml"
    )
    assert steps == [
        verdict_prose.NextStep("Turn back X_MS_CAP: 45000 → 30000.", None, "It got slower. A cap of 30 s cuts off 31 %."),
        verdict_prose.NextStep("The way back, step by step:", "rollout handoff --config other.toml"),
    ]


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (finding(), "falls by at least 50 %"),
        (finding(by=None), "falls"),
        (finding(claim="rises", by=0.125), "rises by at least 12.5 %"),
        (finding(claim="stays_zero"), "stays at zero"),
        (finding(claim="no_worse", margin=0.5), "at most 50 % worse than before"),
        (guardrail(), "stays below 30.0 s"),
        (finding(claim=None), "nothing was asked"),
        (
            finding(parts=[finding(), finding(metric="recovered_rate", claim="rises", by=None)]),
            "at least one of: timeouts: falls by at least 50 %; failures made good within 10 minutes: rises",
        ),
    ],
)
def test_what_was_asked(found, text):
    assert plain(prose.claim_text(found)) == text


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (finding(), ""),
        (finding(finding="undecided"), "a change of 8.0 points would have been seen in 4 of 5 cases"),
        (
            finding(finding="undecided", hours_needed=31),
            "a change of 8.0 points would have been seen in 4 of 5 cases",
        ),
        (finding(finding="not_met", smallest_visible_change=-0.08), "a change of 8.0 points would have been seen in 4 of 5 cases"),
        (no_data(), "no change could have been seen with so few calls"),
    ],
)
def test_what_could_have_been_seen(found, text):
    assert plain(prose.visible_text(found)) == text


def test_small_words():
    timeouts = {"baseline": {"calls": 6258, "events": 5647}, "post": {"calls": 90, "events": None}}
    assert plain(prose.calls_text(timeouts, "baseline")) == "5 647 of 6 258 calls"
    assert plain(prose.calls_text(timeouts, "post")) == "90 calls"
    minutes = {"baseline": {"calls": 19584, "events": 3}, "among": {"what": "minutes with calls", "baseline": 7979, "post": 1185}}
    assert plain(prose.calls_text(minutes, "baseline")) == "3 of 7 979 minutes with calls"
    assert plain(prose.interval_text(finding())) == "−70.0 to −50.0 points"
    assert prose.interval_text(no_data()) == prose.interval_text(finding(interval=[None, 0.1])) == "–"
    assert prose.p_text(finding()) == "< 0.0001 (adjusted < 0.0001)"
    assert prose.p_text(guardrail(p_value=0.04)) == "0.040"
    assert prose.own_sentence(finding(name="a", sentence="a: it fell.")) == "it fell."
    assert prose.window_text(result()) == "2026-02-02 23:10:16 UTC to 2026-02-03 03:10:16 UTC"


def test_the_part_that_decides():
    weak, strong = finding(finding="no_data", metric="recovered_rate"), finding(metric="http_5xx_rate")
    assert prose.deciding_part(finding(parts=[weak, strong], finding="met")) is strong
    assert prose.deciding_part(finding(parts=[weak, strong], finding="undecided")) is weak


def test_the_scan_is_sorted_into_heaps():
    worse, better = finding(name="a", finding="worse"), finding(name="b", finding="undecided", p_adjusted=0.01)
    new = finding(
        name="c",
        finding="undecided",
        p_adjusted=0.5,
        metric="http_4xx_rate",
        event_hour=16,
        post={"calls": 234, "events": 2, "value": 0.01},
    )
    heaps = verdict_prose.sort_scan(result(exploratory=[worse, better, new]), alpha=0.05)
    assert [[item["name"] for item in heaps[heap]] for heap in ("worse", "better", "rest")] == [["a"], ["b"], ["c"]]
    assert heaps["new_errors"] == [
        f"refused requests (4xx) of draft.verify: 2 of 234 calls (1.0{THIN}%), none of 100 calls before; the first in hour 16 after the deploy, "
        "which began at 2026-02-03 15:10:16 UTC"
    ]


def test_the_baseline_in_words():
    content = result(published={"start": "2026-02-01T23:10:16Z", "end": "2026-02-02T23:10:16Z"})
    lines = [plain(line) for line in baseline_prose.baseline_lines(content)]
    assert lines[0] == "12 345 calls started in the 7 days from 2026-01-26 23:10:16 UTC to 2026-02-02 23:10:16 UTC; 2 hours are left out."
    short = baseline_prose.baseline_lines(content | {"baseline": content["baseline"] | {"days": 1}})
    assert short[-1].startswith("With fewer than three days the spread of hours is known badly")
    assert plain(baseline_prose.cliff_lines([{"feature": "a", "at_ms": 20128, "share_of_timeouts": 0.98}])[0]) == (
        "a: 98.0 % of its timeouts lie within 2 % of 20.1 s (a timeout cliff: calls are cut off there)."
    )
    assert baseline_prose.cliff_lines([]) == ["No feature has a timeout cliff: errors do not pile up at one latency."]
    assert baseline_prose.exclusion_lines({"proposed_exclusions": []}) == ["No hour stands out as an incident."]
    assert baseline_prose.exclusion_lines({"proposed_exclusions": ["2026-01-30T08:10:16Z"]})[0].endswith(
        "add them to [baseline].exclude: 2026-01-30 08:10:16 UTC."
    )


def test_what_the_looks_will_see():
    row = {"name": "timeouts drop", "feature": "a", "source": None, "metric": "timeout_rate", "claim": "falls", "by": 0.5, "baseline": 0.9}
    rows = baseline_prose.power_rows(
        [
            row | {"window": window, "smallest_visible_change": seen, "calls_needed": needed}
            for window, seen, needed in (("1h", None, None), ("4h", 1.26, 3000), ("24h", 0.046, 1234))
        ]
    )
    assert [{key: plain(value) for key, value in row.items()} for row in rows] == [
        {
            "name": "timeouts drop",
            "metric": "timeouts",
            "now": "90.0 %",
            "1h": "not known",
            "4h": "nothing",
            "24h": "4.6 points",
            "needed": "1 234",
        }
    ]


def test_every_method_has_a_sentence_and_nothing_is_called_significant():
    used = [finding(method=name) for name in method.METHODS]
    lines = method.method_lines(result(expectations=used))
    assert set(method.METHODS.values()) <= set(lines)
    assert lines[-1] == verdict_prose.NOT_RANDOMISED
    every = [
        *lines,
        *verdict_prose.box_sure(result()),
        *method.false_alarm_lines(result()["calibration"]),
        baseline_prose.POWER,
        baseline_prose.UNKNOWN,
    ]
    assert not [line for line in every if "significan" in line.lower()]


def test_the_false_alarm_rate():
    lines = method.false_alarm_lines({"pretended_deploys": 40, "false_alarms": 2})
    assert plain(lines[1]) == (
        "That is a rate of 5.0 % (interval 0.61 % to 16.9 %, 95 %). A pretended deploy is a stretch of the baseline, judged as if a deploy "
        "had been at its start, by the same expectations; an alarm is any of them met although nothing had changed. Neighbours overlap, so "
        "rate and interval are rough."
    )
    assert len(method.false_alarm_lines({"pretended_deploys": 0, "false_alarms": 0})) == 1


@pytest.mark.parametrize(
    ("path", "sample"), [("outputs/sample/*.parquet", True), ("outputs\\sample\\*.parquet", True), ("calls.csv", False), (None, False)]
)
def test_sample_data_is_known(path, sample):
    assert prose.is_sample(path) is sample


# ---- controls --------------------------------------------------------------------------------------------------------
CONTROLLED = {
    "plain": {"difference": 80.0, "interval": [20.0, 140.0]}, "adjusted": {"difference": 120.0, "interval": [40.0, 200.0]}, "proportional": None,
    "controls": {"features": ["b", "a"], "why_none": None, "sentence": "Plain +80 ms, adjusted +120 ms."}, "decided_by": "adjusted",
}  # fmt: skip


def test_plain_and_adjusted_stand_side_by_side():
    rows = controls_prose.controls_rows(result(guardrails=[guardrail(**CONTROLLED)]))
    assert [(row.name, *map(plain, (*row.plain, *row.adjusted, *row.proportional)), row.decided_by, row.sentence) for row in rows] == [
        (
            "jobs stay affordable",
            "+80 ms",
            "+20 ms to +140 ms",
            "+120 ms",
            "+40 ms to +200 ms",
            "–",
            "",
            "adjusted",
            "Plain +80 ms, adjusted +120 ms.",
        )
    ]


def test_what_controls_are():
    found = result(guardrails=[guardrail(**CONTROLLED)], calibration={"controls": {"pretended_deploys": 42, "false_alarms": 1}})
    lines = controls_prose.controls_lines(found)
    assert lines[0].startswith("Features that no claim names were not touched by the deploy; those with calls enough to tell anything (the untouched ones) are a, b. What they do too is the provider's day")
    assert lines[1] == "Their pace seemed to move once on 42 pretended deploys inside the baseline, where nothing was deployed."


def test_why_there_are_no_controls():
    none = {"controls": {"features": [], "why_none": "its model is not known", "sentence": None}}
    lines = controls_prose.controls_lines(result(guardrails=[guardrail(**none)]))
    assert lines == ["Nothing is held against untouched features: its model is not known."]
    assert controls_prose.controls_lines(result()) == ["No claim is about something that the provider's pace can touch."]
