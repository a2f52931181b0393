"""The whole sentence of every claim in every state, from numbers given by hand: the statistics have no part in it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from analysis.decision.caveats import Caveat
from analysis.decision.power import TimeToDecision
from analysis.metrics import known_metrics
from analysis.text.findings import finding_sentence, short_clause
from tests.decision.given import OF, ZERO, Compared, any_of_finding, finding, sentence
from tests.fixtures.comparators import claim, spoken

FELL = Compared((798, 888), (23, 160), difference=-0.755)
FELL_BY = "timeouts of step3 fell from 89.9 % of 888 calls to 14.4 % of 160 calls; with the same mix of calls -75.5 points "
FALLS = claim("falls", feature="step3", by=0.5)


# ---- falls and rises -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("state", "fields", "end"),
    [
        ("met", {}, "a fall by at least 50 % is shown."),
        ("worse", {}, "a fall by at least 50 % was asked for, the opposite is shown."),
        ("not_met", {}, "a fall by at least 50 % is ruled out."),
        (
            "undecided",
            {"minimum_detectable_effect": 0.781, "time_to_decision": TimeToDecision(11.0)},
            "a fall by at least 50 % is neither shown nor ruled out yet; a change of 78.1 points would have been seen in 4 of 5 cases; "
            "to decide that takes about 11 h from the deploy at today's traffic.",
        ),
        (
            "undecided",
            {
                "minimum_detectable_effect": 0.081
            },  # less than what was found, which chance may have hidden: nothing to be told
            "a fall by at least 50 % is neither shown nor ruled out yet; at today's traffic not even a year would decide it.",
        ),
        (
            "not_met",
            {
                "caveat": Caveat(
                    "connection errors rose from 0.0 % to 36.0 % and all failed calls together rose from 20.7 % to 38.6 % of the "
                    "calls",
                    forbids=True,
                    refutes=True,
                )
            },
            "a fall by at least 50 % does not count, because connection errors rose from 0.0 % to 36.0 % and all failed calls together rose "
            "from 20.7 % to 38.6 % of the calls.",
        ),
        (
            "met",
            {
                "caveat": Caveat(
                    "connection errors rose from 0.0 % to 3.0 % and all failed calls together fell from 20.7 % to 12.0 % of the calls"
                )
            },
            "a fall by at least 50 % is shown; meanwhile connection errors rose from 0.0 % to 3.0 % and all failed calls together fell from "
            "20.7 % to 12.0 % of the calls.",
        ),
        (
            "undecided",
            {
                "caveat": Caveat(
                    "its traffic fell from 40.0 calls/h to 3.0 calls/h, and the calls that are left may not be like those before",
                    forbids=True,
                )
            },
            "a fall by at least 50 % is neither shown nor ruled out yet, because its traffic fell from 40.0 calls/h to 3.0 calls/h, and the calls "
            "that are left may not be like those before.",
        ),
    ],
)
def test_falls(state, fields, end):
    assert (
        sentence(state, FALLS, FELL, interval=(-0.86, -0.64), **fields)
        == f"{FELL_BY}(interval -86.0 to -64.0 points, 95.1 %): {end}"
    )


def test_a_change_that_is_too_small_for_the_baseline_needs_a_longer_one():
    assert sentence(
        "undecided",
        FALLS,
        FELL,
        interval=(-0.86, 0.1),
        time_to_decision=TimeToDecision(290.0, longer_baseline=True),
    ).endswith(
        "neither shown nor ruled out yet; to decide that takes about 13 days from the deploy at today's traffic, and as long a baseline."
    )


def test_an_early_look_says_why_its_interval_is_wide():
    early = {"interval": (-0.86, -0.64), "level": 0.9987, "looks_share_alpha": True}
    assert sentence("met", FALLS, FELL, **early) == (
        FELL_BY
        + "(interval -86.0 to -64.0 points, 99.87 %, wide because we look several times): a fall by at least 50 % is shown."
    )


def test_a_claim_without_by_says_how_much_is_ruled_out():
    plain = claim("falls", feature="step3")
    same = Compared((450, 900), (82, 160), difference=0.01)
    assert sentence("not_met", plain, same, interval=(-0.02, 0.04)) == (
        "timeouts of step3 rose from 50.0 % of 900 calls to 51.2 % of 160 calls; with the same mix of calls +1.0 points "
        "(interval -2.0 to +4.0 points, 95.1 %): a fall of 10 % or more is ruled out."
    )
    assert sentence("met", plain, FELL, interval=(-0.86, -0.64)).endswith(
        "(interval -86.0 to -64.0 points, 95.1 %): a fall is shown."
    )
    assert sentence(
        "undecided", plain, FELL, interval=(-0.86, 0.64), time_to_decision=TimeToDecision(60)
    ).endswith(
        ": a fall is neither shown nor ruled out yet; to decide that takes about 3 days from the deploy at today's traffic."
    )
    assert sentence("worse", plain, FELL).endswith(
        "-75.5 points: a fall was asked for, the opposite is shown."
    )


def test_rises():
    said = claim("rises", "recovered_rate", feature="lead_scoring.score")
    grown = Compared((32, 78), (30, 40), difference=0.34)
    of = "failures recovered within 10 minutes of lead_scoring.score"
    numbers = f"{of} rose from 41.0 % of 78 failures to 75.0 % of 40 failures; with the same mix of calls +34.0 points"
    assert (
        sentence("met", said, grown, interval=(0.1, 0.5))
        == f"{numbers} (interval +10.0 to +50.0 points, 95.1 %): a rise is shown."
    )
    assert sentence("worse", said, grown, interval=(0.1, 0.5)).endswith(
        ": a rise was asked for, the opposite is shown."
    )
    assert sentence("not_met", said, grown, interval=(0.1, 0.5)).endswith(
        ": a rise of 10 % or more is ruled out."
    )
    assert sentence(
        "undecided", said, grown, interval=(0.1, 0.5), time_to_decision=TimeToDecision(24)
    ).endswith(
        ": a rise is neither shown nor ruled out yet; to decide that takes about 24 h from the deploy at today's traffic."
    )
    by = claim("rises", "recovered_rate", feature="lead_scoring.score", by=0.125)
    assert sentence("met", by, grown, interval=(0.1, 0.5)).endswith(
        ": a rise by at least 12.5 % is shown."
    )


# ---- too few calls ---------------------------------------------------------------------------------------------------
def test_too_few_calls_or_events_or_nothing_to_compare():
    few = Compared((12, 174), (1, 23), difference=-0.03)
    assert sentence("no_data", FALLS, few, time_to_decision=TimeToDecision(2.0)) == (
        "timeouts of step3: 174 calls before and 23 after are too few to say anything, 30 on each side are needed; "
        "to decide that takes about 2 h from the deploy at today's traffic."
    )
    rare = Compared((2, 789), (0, 119), difference=-0.0025)
    assert sentence("no_data", FALLS, rare) == (
        "timeouts of step3: 2 in 789 calls before and 0 in 119 after are too few to say anything, 5 on one side are needed."
    )
    apart = Compared((80, 800), (10, 100), difference=None)
    assert sentence("no_data", FALLS, apart) == (
        "timeouts of step3: no calls after the deploy have the source and tenant of any before it, so nothing can be compared."
    )
    renamed = Compared((8400, 16800), (243, 2403), difference=0.5, common=((8400, 16800), (3, 3)))
    assert sentence("no_data", FALLS, renamed) == (
        "timeouts of step3: 16 800 calls of a source and tenant that both sides have before and 3 after are too few to say anything, "
        "30 on each side are needed."
    )
    quiet = claim("no_worse", "calls_per_hour", feature="step3", margin=0.5)
    assert sentence("no_data", quiet, Compared((12, 168), (1, 24), difference=0.0)) == (
        "traffic of step3: 12 calls before and 1 after are too few to say anything, 30 on each side are needed."
    )


# ---- any_of ----------------------------------------------------------------------------------------------------------
def test_any_of_says_which_part_shows_it_and_which_does_harm():
    falls, rises = (
        claim("falls", "http_5xx_rate", feature="score"),
        claim("rises", "recovered_rate", feature="score"),
    )
    fell = finding(
        "met", falls, Compared((78, 4242), (0, 601), difference=-0.018), interval=(-0.024, -0.013)
    )
    harmed = finding(
        "worse", rises, Compared((32, 78), (10, 60), difference=-0.24), interval=(-0.4, -0.1)
    )
    first = (
        "(1) server errors (5xx) of score fell from 1.8 % of 4 242 calls to 0.0 % of 601 calls; with the same mix of calls -1.8 points "
        "(interval -2.4 to -1.3 points, 95.1 %): a fall is shown."
    )
    second = (
        "(2) failures recovered within 10 minutes of score fell from 41.0 % of 78 failures to 16.7 % of 60 failures; with the same mix of "
        "calls -24.0 points (interval -40.0 to -10.0 points, 95.1 %): a rise was asked for, the opposite is shown."
    )

    def whole(state, *parts):
        return spoken(finding_sentence(any_of_finding(state, parts)))

    assert (
        whole("met", fell, harmed)
        == f"Of 2 alternatives one is enough, and one is shown, but another got worse. {first} {second}"
    )
    assert whole("met", fell, replace(harmed, state="undecided")).startswith(
        "Of 2 alternatives one is enough, and one is shown. (1)"
    )
    starts = {
        "worse": "Of 2 alternatives one would be enough, and every one moved the wrong way. (1)",
        "not_met": "Of 2 alternatives one would be enough, and every one is ruled out or worse. (1)",
        "undecided": "Of 2 alternatives one would be enough, and none is shown yet, but another got worse. (1)",
        "no_data": "Of 2 alternatives one would be enough, and each has too few calls. (1)",
    }
    for state, start in starts.items():
        part = harmed if state != "no_data" else replace(fell, state="no_data")
        assert whole(state, part, part).startswith(start)


# ---- the scan --------------------------------------------------------------------------------------------------------
def test_a_scanned_number_says_that_nobody_asked_and_when_it_began():
    scanned = claim(None, "connection_rate", feature="step3")
    new = Compared((0, 900), (25, 160), difference=0.156)
    numbers = (
        "connection errors of step3 rose from 0.0 % of 900 calls to 15.6 % of 160 calls; with the same mix of calls +15.6 points "
        "(interval +9.0 to +22.0 points, 95.1 %)"
    )
    assert sentence("worse", scanned, new, interval=(0.09, 0.22), event_hour=5, began_hour=5) == (
        f"{numbers}: worse, beyond what chance does among all numbers scanned, from hour 5 after the deploy on."
    )
    better = finding("undecided", scanned, new, interval=(0.09, 0.22))
    assert (
        spoken(finding_sentence(replace(better, p_adjusted=0.01)))
        == f"{numbers}: better, beyond what chance does among all numbers scanned."
    )
    assert (
        spoken(finding_sentence(better))
        == f"{numbers}: within what chance does among all numbers scanned."
    )
    assert spoken(finding_sentence(replace(better, minimum_detectable_effect=0.18))) == (
        f"{numbers}: within what chance does among all numbers scanned; a change of 18.0 points would have been seen in 4 of 5 cases."
    )


# ---- the rest of the words -------------------------------------------------------------------------------------------
def test_a_mix_that_covers_only_part_of_the_calls_is_said():
    assert sentence("met", FALLS, replace(FELL, coverage=0.62), interval=(-0.86, -0.64)).startswith(
        "timeouts of step3 fell from 89.9 % of 888 calls to 14.4 % of 160 calls; with the same mix of calls (62.0 % of the calls after the "
        "deploy) -75.5 points (interval"
    )


def test_a_value_that_stayed_is_said_once():
    same = Compared((0, 400), (0, 100), difference=0.0, value_ends=(0.0, 0.029))
    cron = claim(
        "below",
        "cron_over_budget_rate",
        feature=None,
        source="background-job/*",
        limit=0.05,
        budget_ms=240_000,
    )
    assert sentence("met", cron, same) == (
        "minutes over the cron's budget of background-job/* stayed at 0.0 % (400 minutes with calls before, 100 after); "
        "with 95 % confidence below 2.9 %: the limit of 5.0 % holds."
    )


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ({"feature": "step3"}, "timeouts of step3"),
        ({"feature": "step3", "source": "action:x"}, "timeouts of step3 from action:x"),
        ({"feature": None, "source": "background-job/*"}, "timeouts of background-job/*"),
        ({"feature": "*"}, "timeouts of all features"),
        ({"feature": None}, "timeouts of all features"),
        ({"feature": "draft.*"}, "timeouts of draft.*"),
    ],
)
def test_the_place_in_words(place, words):
    assert sentence("met", claim("falls", **place), FELL).startswith(f"{words} fell from")


def test_a_class_of_the_user_has_its_own_name():
    said = claim("falls", "quota_gone_rate", feature="step3")
    assert sentence("met", said, FELL).startswith(
        "quota gone errors of step3 fell from 89.9 % of 888 calls"
    )


def test_every_metric_has_words_and_no_jargon():
    for metric in known_metrics().values():
        text = sentence(
            "met",
            claim("falls", metric.name, feature="step3"),
            FELL,
            interval=(-0.86, -0.64),
            metric=metric,
        )
        assert text.startswith(f"{metric.words} of step3 fell from ")
        assert not any(
            word in text
            for word in ("_rate", "_mean", "significant", "p-value", "rmst", "nan", "None")
        )


def test_a_reason_takes_the_numbers_without_the_meaning():
    assert spoken(short_clause(finding("met", FALLS, FELL, interval=(-0.86, -0.64)))) == (
        "timeouts of step3 fell from 89.9 % of 888 calls to 14.4 % of 160 calls (interval of the change -86.0 to -64.0 points, 95.1 %)"
    )
    assert spoken(
        short_clause(
            finding("not_met", ZERO, Compared((0, 283), (1, 39), difference=0.02), event_hour=2)
        )
    ) == (f"{OF}: 1 in 39 calls after the deploy (none in 283 before)")
    assert spoken(
        short_clause(finding("no_data", FALLS, Compared((12, 174), (1, 23), difference=0.0)))
    ) == (
        "timeouts of step3: 174 calls before and 23 after are too few to say anything, 30 on each side are needed"
    )
    part = finding("met", FALLS, FELL, interval=(-0.86, -0.64))
    whole = any_of_finding("met", (replace(part, state="undecided"), part))
    assert short_clause(whole) == short_clause(part)
