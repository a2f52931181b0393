"""The whole sentence of claims that something stays as it is: at zero, no worse than before, below a limit."""

from __future__ import annotations

from dataclasses import replace

from analysis.decision.caveats import Caveat
from analysis.decision.power import TimeToDecision
from tests.decision.given import OF, ZERO, Compared, sentence
from tests.fixtures.comparators import claim

SLOWER = Compared(
    (888_000, 400),
    (990_000, 400),
    difference=250.0,
    ends=(180.0, 320.0),
    value_ends=(2_390.0, 2_560.0),
)
ROSE = "mean time of a call of step3 rose from 2.22 s (400 calls) to 2.48 s (400 calls); "


# ---- stays_zero ------------------------------------------------------------------------------------------------------
def test_stays_zero_met_names_the_rate_that_is_ruled_out():
    none = Compared((38, 1565), (0, 231), difference=-0.024)
    assert sentence("met", ZERO, none) == (
        f"{OF}: none in 231 calls after the deploy (38 in 1 565 before): with 95 % confidence below 1.3 %, less than the 2.4 % of before."
    )
    limited = claim("stays_zero", "max_output_tokens_rate", feature="parse", limit=0.02)
    assert sentence("met", limited, replace(none, baseline=(0, 1565))) == (
        f"{OF}: none in 231 calls after the deploy (none in 1 565 before): with 95 % confidence below 1.3 %, less than the 2.0 % allowed."
    )


def test_stays_zero_that_does_not_count_says_why():
    none = Compared((38, 1565), (0, 231), difference=-0.024)
    caveat = Caveat("its traffic fell to a tenth", forbids=True)
    assert sentence("undecided", ZERO, none, caveat=caveat) == (
        f"{OF}: none in 231 calls after the deploy (38 in 1 565 before): with 95 % confidence below 1.3 %, less than the 2.4 % of before, "
        "but that does not count, because its traffic fell to a tenth."
    )


def test_a_part_of_an_alternative_is_as_sure_as_it_was_decided():
    none = Compared((38, 1565), (0, 231), difference=-0.024)
    assert "with 97.5 % confidence below 1.6 %, less than the 2.4 % of before" in sentence(
        "met", ZERO, none, one_sided=0.025
    )


def test_stays_zero_undecided_says_what_could_hide():
    assert sentence(
        "undecided",
        ZERO,
        Compared((5, 283), (0, 39), difference=-0.02),
        time_to_decision=TimeToDecision(17.4),
    ) == (
        f"{OF}: none in 39 calls after the deploy (5 in 283 before): with 95 % confidence only below 7.4 %, which does not rule out the 1.8 % "
        "of before; to decide that takes about 18 h from the deploy at today's traffic."
    )
    assert sentence("undecided", ZERO, Compared((0, 283), (0, 39), difference=0.0)) == (
        f"{OF}: none in 39 calls after the deploy (none in 283 before): there is no rate to rule out, so set a limit to decide it."
    )


def test_one_event_is_said_with_its_hour_and_its_evidence():
    one = Compared((38, 1565), (1, 231), difference=-0.02, value_ends=(0.0001, 0.0239))
    assert sentence("not_met", ZERO, one, event_hour=3) == (
        f"{OF}: 1 in 231 calls after the deploy (38 in 1 565 before), the first in hour 3, so it did not stay at zero; "
        "a rate from 0.01 % to 2.4 % fits (with 95 % confidence)."
    )
    many = Compared((8, 3360), (24, 480), difference=0.05, value_ends=(0.032, 0.073))
    assert sentence("worse", ZERO, many, event_hour=0) == (
        f"{OF}: 24 in 480 calls after the deploy (8 in 3 360 before), the first in hour 0, so it did not stay at zero, and more often than "
        "before, past the bound of this look; a rate from 3.2 % to 7.3 % fits (with 95 % confidence)."
    )
    assert sentence("no_data", ZERO, Compared((0, 283), (0, 11), difference=0.0)) == (
        f"{OF}: 283 calls before and 11 after are too few to say anything, 30 on each side are needed."
    )


# ---- no_worse and below ----------------------------------------------------------------------------------------------
def test_no_worse():
    said = claim("no_worse", "latency_mean", feature="step3", margin=0.2)
    same_mix = "with the same mix of calls +250 ms"
    asked = "(at most 20 % more than before)"
    assert sentence("met", said, SLOWER) == (
        f"{ROSE}{same_mix}, with 95 % confidence at most +320 ms where +444 ms are allowed: no worse than asked {asked}."
    )
    assert sentence("not_met", said, replace(SLOWER, ends=(460.0, 520.0))) == (
        f"{ROSE}{same_mix}, with 95 % confidence at least +460 ms where +444 ms are allowed: worse than asked {asked}."
    )
    assert sentence("worse", said, SLOWER, interval=(448.0, 500.0)) == (
        f"{ROSE}{same_mix} (interval +448 ms to +500 ms, 95.1 %): worse than asked {asked}, past the bound of this look."
    )
    assert sentence(
        "undecided",
        said,
        SLOWER,
        interval=(180.0, 480.0),
        minimum_detectable_effect=251.0,
        time_to_decision=TimeToDecision(6),
    ) == (
        f"{ROSE}{same_mix} (interval +180 ms to +480 ms, 95.1 %): whether that is no worse than asked {asked} is open; "
        "a value 251 ms away from it would have been told apart in 4 of 5 cases; to decide that takes about 6 h from the deploy at today's traffic."
    )


def test_no_worse_of_a_metric_that_should_not_fall():
    said = claim("no_worse", "calls_per_hour", feature="step3", margin=0.5)
    fewer = Compared((6720, 168), (840, 24), difference=-5.0, ends=(-7.0, -3.0))
    assert sentence("met", said, fewer) == (
        "traffic of step3 fell from 40.0 calls/h (168 hours) to 35.0 calls/h (24 hours); with the same mix of calls -5.0 calls/h, "
        "with 95 % confidence at least -7.0 calls/h where -20.0 calls/h are allowed: no worse than asked (at most 50 % less than before)."
    )


def test_a_bound_that_does_not_agree_with_the_decision_is_not_shown():
    said = claim("no_worse", "latency_mean", feature="step3", margin=0.2)
    assert sentence("met", said, replace(SLOWER, ends=(180.0, 460.0)), interval=(160.0, 480.0)) == (
        f"{ROSE}with the same mix of calls +250 ms (interval +160 ms to +480 ms, 95.1 %): no worse than asked (at most 20 % more than before)."
    )


def test_below():
    said = claim("below", "latency_mean", feature=None, limit=2500, source="background-job/*")
    rose = "mean time of a call of background-job/* rose from 2.22 s (400 calls) to 2.48 s (400 calls); "
    assert (
        sentence("met", said, SLOWER)
        == f"{rose}with 95 % confidence below 2.56 s: the limit of 2.50 s holds."
    )
    assert (
        sentence("not_met", said, SLOWER)
        == f"{rose}with 95 % confidence above 2.39 s: the limit of 2.50 s is broken."
    )
    assert sentence("worse", said, SLOWER) == (
        f"{rose}after the deploy between 2.39 s and 2.56 s (95.1 %): the limit of 2.50 s is broken, past the bound of this look."
    )
    assert sentence(
        "undecided",
        said,
        SLOWER,
        minimum_detectable_effect=110.0,
        time_to_decision=TimeToDecision(30),
    ) == (
        f"{rose}after the deploy between 2.39 s and 2.56 s (95.1 %): whether the limit of 2.50 s holds is open; a value 110 ms away from it "
        "would have been told apart in 4 of 5 cases; to decide that takes about 30 h from the deploy at today's traffic."
    )
