"""Several claims at one look: the family and its correction, and alternatives."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.decision.claims.evaluation import evaluate_claim
from analysis.decision.claims.families import find_expectations
from analysis.decision.claims.guardrails import find_guardrails
from analysis.statistics.multiplicity import holm
from analysis.statistics.sequential import bounds
from tests.fixtures.changed_features import (
    FALLS,
    HALVES,
    LAST,
    LIMIT,
    SECOND,
    latency,
    rate,
    state_of,
)
from tests.fixtures.comparators import (
    any_of,
    arm,
    calls,
    claim,
    comparator,
    expectation,
    expectations,
    plan,
    week,
)


# ---- Holm ----
def test_the_family_is_every_declared_expectation_and_no_data_counts_as_one():
    both = week(before={"timeout": 10, "http_5xx": 10}, after={"timeout": 8.5, "http_5xx": 9.9})
    said = [
        FALLS,
        claim("falls", "http_5xx_rate"),
        *(claim("falls", feature=f"nobody {number}") for number in range(10)),
    ]
    alone, family = expectation(both, FALLS, at=LAST), expectations(both, *said, at=LAST)
    p = [found.p_value for found in family]
    assert {found.state for found in family[2:]} == {"no_data"}
    wanted = holm([p[0], p[1], *[1.0] * 10], times=LAST.times, look=2, alpha=LAST.alpha)
    assert [found.p_adjusted for found in family] == [result.p_adjusted for result in wanted]
    assert alone.p_adjusted < family[0].p_adjusted
    assert (alone.state, family[0].state) == ("met", "undecided")


def test_a_family_of_many_shows_what_a_family_of_few_shows_when_the_evidence_is_strong():
    both = rate(50, 20)
    none = [claim("falls", feature=f"nobody {number}") for number in range(20)]
    assert expectations(both, HALVES, *none, at=LAST)[0].state == "met"


def test_harm_is_a_family_of_its_own():
    """Ten expectations that are met do not make the harm of one harder to show."""
    both = week(before={"timeout": 10, "http_5xx": 10}, after={"timeout": 14.5, "http_5xx": 1})
    harmed, gain = FALLS, claim("falls", "http_5xx_rate")
    states = [found.state for found in expectations(both, harmed, gain, at=LAST)]
    assert states == ["worse", "met"]


def test_a_guardrail_stands_alone_without_correction():
    both = rate(10, 13.2)
    said = claim("no_worse", margin=0.05)
    alone = find_guardrails([said], both, LAST, smallest_useful=0.1)[0]
    in_family = find_guardrails(
        [said] + [claim("below", limit=0.9)] * 5, both, LAST, smallest_useful=0.1
    )[0]
    assert alone.state == in_family.state
    assert alone.p_adjusted is None
    assert alone.p_value == alone.evaluation.comparison.p_value(scale=1.05)


def test_p_adjusted_is_the_smallest_alpha_at_which_it_is_met():
    both = week(before={"timeout": 10, "http_5xx": 10}, after={"timeout": 6.5, "http_5xx": 9})
    said = [FALLS, claim("falls", "http_5xx_rate")]
    adjusted = expectations(both, *said, at=LAST)[0].p_adjusted
    assert 1e-9 < adjusted < 0.05
    for factor, state in ((1.01, "met"), (0.99, "undecided")):
        at = plan(2, alpha=adjusted * factor)
        assert expectations(both, *said, at=at)[0].state == state


# ---- any_of ----
EITHER = any_of(claim("falls", "http_5xx_rate"), claim("falls", "rate_limit_rate"))


def two(before, after, hours=24):
    names = ("http_5xx", "rate_limit")
    return week(
        before=dict(zip(names, before, strict=True)),
        after=dict(zip(names, after, strict=True)),
        hours=hours,
    )


@pytest.mark.parametrize(
    ("state", "parts", "both", "at"),
    [
        ("met", ("met", "undecided"), two((10, 10), (2, 10)), LAST),
        ("met", ("met", "met"), two((10, 10), (2, 2)), LAST),
        ("met", ("met", "worse"), two((40, 3), (2, 12)), LAST),  # harm of the other part is shown
        ("worse", ("worse", "worse"), two((3, 3), (12, 15)), LAST),
        (
            "undecided",
            ("worse", "undecided"),
            two((3, 1), (15, 0.9)),
            LAST,
        ),  # not worse as long as one part is not
        ("not_met", ("not_met", "not_met"), two((30, 30), (31, 31)), LAST),
        ("not_met", ("worse", "not_met"), two((20, 45), (45, 45)), LAST),
        ("undecided", ("undecided", "undecided"), two((3, 3), (2, 3), hours=4), SECOND),
        ("no_data", ("no_data", "no_data"), two((0.01, 0.01), (0, 0), hours=4), SECOND),
    ],
)
def test_any_of(state, parts, both, at):
    found = expectation(both, EITHER, at=at)
    assert (found.state, tuple(part.state for part in found.parts)) == (state, parts)
    assert found.evaluation is None


def test_any_of_is_one_member_with_the_smallest_p_times_its_parts():
    both = two((10, 10), (7.4, 10.4))
    found = expectation(both, EITHER, at=LAST)
    assert found.p_value == pytest.approx(2 * found.parts[0].p_value)
    assert found.p_adjusted == pytest.approx(
        holm([found.p_value], times=LAST.times, look=2)[0].p_adjusted
    )
    assert found.p_adjusted == found.parts[0].p_adjusted


def test_a_part_without_data_counts_and_the_other_part_decides():
    mixed = any_of(claim("falls", "http_5xx_rate"), claim("rises", "recovered_rate"))
    found = expectation(two((10, 0), (1, 0)), mixed, at=LAST)
    assert (found.state, [part.state for part in found.parts]) == ("met", ["met", "no_data"])
    assert found.p_value == pytest.approx(2 * found.parts[0].p_value)


def test_the_harm_of_a_part_crosses_the_strictest_bound_of_the_family():
    """The whole is not worse, so one part alone must not be called so by a luckier rank."""
    both = two((40, 10), (2, 12.4))
    alone = expectation(both, EITHER, at=LAST).parts[1]
    crowded = expectations(
        both, EITHER, *(claim("falls", feature=f"nobody {n}") for n in range(30)), at=LAST
    )[0].parts[1]
    z_needed = bounds(LAST.times, 0.05 / 31)[2]
    assert z_needed > LAST.bound
    assert alone.state == "worse"
    assert crowded.state != "worse"


def test_one_sided_parts_share_their_error():
    """Two limits, each held at 5 %, would be held by chance in 10 %: each part asks for half."""
    for seed in range(200):
        both = latency(2000, 2900, seed=seed)
        p = evaluate_claim(LIMIT, both, LAST.hours).p_value("less")
        if 0.025 < p < 0.05:
            assert state_of(both, LIMIT, LAST) == "met"
            assert (
                expectation(
                    both, any_of(LIMIT, claim("below", "latency_mean", limit=100.0)), at=LAST
                ).state
                != "met"
            )
            return
    raise AssertionError("no seed lies between .025 and .05")


# ---- how readily ----
def test_many_events_on_one_side_are_decided_at_least_as_readily_as_few():
    """113 -> 0 timeouts as readily as 20 -> 0, and 0 -> 25 of a new class as readily as 0 -> 8."""

    def spread_over(total, hours):
        return np.bincount(np.linspace(0, hours - 1, total).round().astype(int), minlength=hours)

    def moved(before, after):
        first = calls(-168, 0, per_hour=30, timeout=spread_over(before, 168))
        return comparator(
            arm(-168, 0, first),
            arm(0, 24, calls(0, 24, per_hour=30, timeout=spread_over(after, 24))),
        )

    falls = [expectation(moved(n, 0), FALLS, at=LAST) for n in (30, 45, 60, 80, 113, 160, 240)]
    p = [found.p_value for found in falls]
    assert falls[4].state == "met"
    assert p == sorted(p, reverse=True)
    rises = [expectation(moved(0, n), FALLS, at=LAST) for n in (8, 12, 18, 25, 40)]
    p = [found.p_value for found in rises]
    assert rises[3].state == "worse"
    assert p == sorted(p, reverse=True)


def test_the_same_findings_whatever_the_order_of_the_claims():
    both = week(before={"timeout": 20, "http_5xx": 10}, after={"timeout": 8, "http_5xx": 9})
    said = [FALLS, claim("falls", "http_5xx_rate"), EITHER, claim("below", limit=0.5)]
    forward, backward = (
        find_expectations(said, both, LAST, smallest_useful=0.1),
        find_expectations(said[::-1], both, LAST, smallest_useful=0.1),
    )
    assert [(found.state, found.p_adjusted) for found in forward] == [
        (found.state, found.p_adjusted) for found in backward[::-1]
    ]
