"""The sentences of findings, methods, controls and the baseline, whole, from numbers made by hand; verdicts have a file of their own."""

import pytest

from analysis.text import baseline as baseline_prose
from analysis.text import controls_section as controls_prose
from analysis.text import method, prose
from analysis.text import verdict as verdict_prose
from tests.fixtures.example_results import finding, guardrail, no_data, plain, result


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
            "at least one of: timeouts: falls by at least 50 %; failures recovered within 10 minutes: rises",
        ),
    ],
)
def test_what_was_asked(found, text):
    assert plain(prose.claim_text(found)) == text


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (finding(), ""),
        (
            finding(finding="undecided"),
            "a change of 8.0 points would have been seen in 4 of 5 cases",
        ),
        (
            finding(finding="undecided", hours_needed=31),
            "a change of 8.0 points would have been seen in 4 of 5 cases",
        ),
        (
            finding(finding="not_met", smallest_visible_change=-0.08),
            "a change of 8.0 points would have been seen in 4 of 5 cases",
        ),
        (no_data(), "no change could have been seen with so few calls"),
    ],
)
def test_what_could_have_been_seen(found, text):
    assert plain(prose.visible_text(found)) == text


def test_small_words():
    timeouts = {"baseline": {"calls": 6258, "events": 5647}, "post": {"calls": 90, "events": None}}
    assert plain(prose.calls_text(timeouts, "baseline")) == "5 647 of 6 258 calls"
    assert plain(prose.calls_text(timeouts, "post")) == "90 calls"
    minutes = {
        "baseline": {"calls": 19584, "events": 3},
        "among": {"what": "minutes with calls", "baseline": 7979, "post": 1185},
    }
    assert plain(prose.calls_text(minutes, "baseline")) == "3 of 7 979 minutes with calls"
    assert plain(prose.interval_text(finding())) == "−70.0 to −50.0 points"
    assert (
        prose.interval_text(no_data()) == prose.interval_text(finding(interval=[None, 0.1])) == "–"
    )
    assert prose.p_text(finding()) == "< 0.0001 (adjusted < 0.0001)"
    assert prose.p_text(guardrail(p_value=0.04)) == "0.040"
    assert prose.own_sentence(finding(name="a", sentence="a: it fell.")) == "it fell."
    assert prose.window_text(result()) == "2026-02-02 23:10:16 UTC to 2026-02-03 03:10:16 UTC"


def test_the_part_that_decides():
    weak, strong = (
        finding(finding="no_data", metric="recovered_rate"),
        finding(metric="http_5xx_rate"),
    )
    assert prose.deciding_part(finding(parts=[weak, strong], finding="met")) is strong
    assert prose.deciding_part(finding(parts=[weak, strong], finding="undecided")) is weak


def test_the_baseline_in_words():
    content = result(published={"start": "2026-02-01T23:10:16Z", "end": "2026-02-02T23:10:16Z"})
    lines = [plain(line) for line in baseline_prose.baseline_lines(content)]
    assert (
        lines[0]
        == "12 345 calls started in the 7 days from 2026-01-26 23:10:16 UTC to 2026-02-02 23:10:16 UTC; 2 hours are left out."
    )
    short = baseline_prose.baseline_lines(content | {"baseline": content["baseline"] | {"days": 1}})
    assert short[-1].startswith("With fewer than three days the spread of hours is known badly")
    assert plain(
        baseline_prose.cliff_lines([{"feature": "a", "at_ms": 20128, "share_of_timeouts": 0.98}])[0]
    ) == (
        "a: 98.0 % of its timeouts lie within 2 % of 20.1 s (a timeout cliff: calls are cut off there)."
    )
    assert baseline_prose.cliff_lines([]) == [
        "No feature has a timeout cliff: errors do not pile up at one latency."
    ]
    assert baseline_prose.exclusion_lines({"proposed_exclusions": []}) == [
        "No hour stands out as an incident."
    ]
    assert baseline_prose.exclusion_lines({"proposed_exclusions": ["2026-01-30T08:10:16Z"]})[
        0
    ].endswith("add them to [baseline].exclude: 2026-01-30 08:10:16 UTC.")


def test_what_the_looks_will_see():
    row = {
        "name": "timeouts drop",
        "feature": "a",
        "source": None,
        "metric": "timeout_rate",
        "claim": "falls",
        "by": 0.5,
        "baseline": 0.9,
    }
    rows = baseline_prose.power_rows(
        [
            row | {"window": window, "smallest_visible_change": seen, "calls_needed": needed}
            for window, seen, needed in (
                ("1h", None, None),
                ("4h", 1.26, 3000),
                ("24h", 0.046, 1234),
            )
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
    ("path", "sample"),
    [
        ("outputs/sample/*.parquet", True),
        ("outputs\\sample\\*.parquet", True),
        ("calls.csv", False),
        (None, False),
    ],
)
def test_sample_data_is_known(path, sample):
    assert prose.is_sample(path) is sample


# ---- controls --------------------------------------------------------------------------------------------------------
CONTROLLED = {
    "plain": {"difference": 80.0, "interval": [20.0, 140.0]},
    "adjusted": {"difference": 120.0, "interval": [40.0, 200.0]},
    "proportional": None,
    "controls": {
        "features": ["b", "a"],
        "why_none": None,
        "sentence": "Plain +80 ms, adjusted +120 ms.",
    },
    "decided_by": "adjusted",
}


def test_plain_and_adjusted_stand_side_by_side():
    rows = controls_prose.controls_rows(result(guardrails=[guardrail(**CONTROLLED)]))
    assert [
        (
            row.name,
            *map(plain, (*row.plain, *row.adjusted, *row.proportional)),
            row.decided_by,
            row.sentence,
        )
        for row in rows
    ] == [
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
    found = result(
        guardrails=[guardrail(**CONTROLLED)],
        calibration={"controls": {"pretended_deploys": 42, "false_alarms": 1}},
    )
    lines = controls_prose.controls_lines(found)
    assert lines[0].startswith(
        "Features that no claim names were not touched by the deploy; those with calls enough to tell anything (the untouched ones) are a, b. What they do too is the provider's day"
    )
    assert (
        lines[1]
        == "Their pace seemed to move once on 42 pretended deploys inside the baseline, where nothing was deployed."
    )


def test_why_there_are_no_controls():
    none = {"controls": {"features": [], "why_none": "its model is not known", "sentence": None}}
    lines = controls_prose.controls_lines(result(guardrails=[guardrail(**none)]))
    assert lines == ["Nothing is held against untouched features: its model is not known."]
    assert controls_prose.controls_lines(result()) == [
        "No claim is about something that the provider's pace can touch."
    ]
