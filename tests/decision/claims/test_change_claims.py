"""Falls and rises in every state; too few calls; errors that only changed their class."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.decision.plan import Plan
from analysis.statistics.sequential import level_of
from analysis.text.findings.caveats import caveat_clause
from tests.fixtures.changed_features import (
    FALLS,
    FIRST,
    HALVES,
    LAST,
    SECOND,
    SINGLE,
    rate,
    recovered,
    state_of,
)
from tests.fixtures.comparators import (
    arm,
    calls,
    claim,
    comparator,
    expectation,
    expectations,
    week,
)


# ---- falls and rises ----
@pytest.mark.parametrize(
    ("state", "both", "said", "at"),
    [
        ("met", rate(50, 20), HALVES, LAST),
        ("met", rate(80, 10, hours=4), HALVES, SECOND),
        ("met", rate(50, 20), FALLS, SINGLE),
        ("not_met", rate(50, 40), HALVES, LAST),  # it did fall, by less than a half
        ("not_met", rate(50, 50), FALLS, LAST),  # a fall of 10 % is excluded
        (
            "undecided",
            rate(50, 40, hours=4),
            HALVES,
            SECOND,
        ),  # the same is not said before the last look
        ("undecided", rate(7, 3, per_hour=50), HALVES, LAST),
        ("worse", rate(20, 40), HALVES, LAST),
        ("worse", rate(20, 60, hours=4), FALLS, SECOND),
        ("no_data", rate(10, 2, hours=1, per_hour=20), FALLS, FIRST),  # 20 calls
        ("no_data", rate(0.01, 0.05, per_hour=20), FALLS, LAST),  # under 5 events on each side
    ],
)
def test_falls(state, both, said, at):
    assert state_of(both, said, at) == state


@pytest.mark.parametrize(
    ("state", "both", "said", "at"),
    [
        ("met", recovered(0.3, 0.7), claim("rises", "recovered_rate", by=0.2), LAST),
        (
            "not_met",
            recovered(0.3, 0.3, failures=60),
            claim("rises", "recovered_rate", by=0.5),
            LAST,
        ),
        (
            "undecided",
            recovered(0.3, 0.4, hours=4),
            claim("rises", "recovered_rate", by=0.1),
            SECOND,
        ),
        ("worse", recovered(0.7, 0.3), claim("rises", "recovered_rate"), LAST),
        (
            "no_data",
            recovered(0.3, 0.7, hours=1),
            claim("rises", "recovered_rate"),
            FIRST,
        ),  # 10 failures
    ],
)
def test_rises(state, both, said, at):
    assert state_of(both, said, at) == state


def test_by_is_tested_against_the_scaled_baseline():
    found = expectation(rate(50, 24), HALVES, at=SINGLE)
    comparison = found.evaluation.comparison
    assert found.p_value == comparison.p_value(scale=0.5)
    assert found.p_value > comparison.p_value()
    assert found.level == level_of(SINGLE.bound) == pytest.approx(0.95)
    assert found.interval == comparison.interval(found.level)


def test_a_claim_may_have_its_own_smallest_useful_change():
    both = rate(50, 48)
    assert state_of(both, FALLS, LAST) == "not_met"
    assert state_of(both, claim("falls", smallest_useful=0.01), LAST) == "undecided"
    assert expectations(both, FALLS, at=LAST, useful=0.01)[0].state == "undecided"


def test_an_undecided_claim_has_a_detectable_effect_and_a_time_to_decision():
    found = expectation(rate(7, 2, hours=4, per_hour=50), HALVES, at=SECOND)
    assert found.state == "undecided"
    assert found.time_to_decision.hours == 24  # the next planned look
    assert 0 < found.minimum_detectable_effect < 0.14
    longer = expectation(rate(7, 3, per_hour=50), HALVES, at=LAST)
    assert longer.time_to_decision.hours > 24


def test_the_time_to_decision_uses_the_whole_baseline():
    """2 events in the hour compared, 82 in the week: the 2 alone would ask for 55 days."""
    timeouts = (np.arange(168) % 2) * (np.arange(168) % 24 != 0)
    timeouts[[0, 24]] = 1
    both = comparator(
        arm(-168, 0, calls(-168, 0, per_hour=32, timeout=timeouts)),
        arm(0, 1, calls(0, 1, per_hour=32)),
    )
    found = expectation(both, FALLS, at=FIRST)
    assert (found.state, found.evaluation.events, found.time_to_decision.hours) == (
        "no_data",
        (2, 0),
        24,
    )


def test_hours_are_counted_from_the_deploy_in_a_later_stage_too():
    later = Plan(SECOND.times, 1, (24, 28), 25, 0.05, SECOND.bound)
    rng = np.random.default_rng(0)
    first, then = (
        calls(start, end, per_hour=50, timeout=rng.poisson(mean, end - start))
        for start, end, mean in ((-168, 0, 7), (24, 28, 2))
    )
    found = expectation(comparator(arm(-168, 0, first), arm(24, 28, then)), HALVES, at=later)
    assert (found.state, found.time_to_decision.hours) == ("undecided", 48)


def test_a_decided_claim_needs_no_more_hours():
    assert expectation(rate(50, 20), HALVES, at=LAST).time_to_decision.hours is None
    assert expectation(rate(50, 40), HALVES, at=LAST).time_to_decision.hours is None


# ---- no data ----
@pytest.mark.parametrize("per_arm", [(29, 30), (30, 29)])
def test_thirty_calls_are_needed_in_each_arm(per_arm):
    before, after = (
        calls(start, start + 1, per_hour=n, timeout=9)
        for start, n in zip((-24, 0), per_arm, strict=True)
    )
    both = comparator(arm(-24, 0, before), arm(0, 1, after))
    for said in (
        FALLS,
        claim("below", limit=0.9),
        claim("no_worse", margin=9.0),
        claim("stays_zero", limit=0.9, metric="other_rate"),
    ):
        assert state_of(both, said, FIRST) == "no_data"


def test_five_events_in_one_arm_are_enough():
    five = np.zeros(24, dtype=int)
    five[0] = 5
    both = comparator(
        arm(-168, 0, calls(-168, 0, per_hour=50, timeout=0)),
        arm(0, 24, calls(0, 24, per_hour=50, timeout=five)),
    )
    assert state_of(both, FALLS, LAST) != "no_data"
    five[0] = 4
    both = comparator(
        arm(-168, 0, calls(-168, 0, per_hour=50)),
        arm(0, 24, calls(0, 24, per_hour=50, timeout=five)),
    )
    assert state_of(both, FALLS, LAST) == "no_data"
    assert (
        state_of(both, claim("below", limit=0.1), LAST) == "met"
    )  # a limit needs calls, not events


def test_arms_without_a_common_stratum_cannot_be_compared():
    both = comparator(
        arm(-168, 0, calls(-168, 0, per_hour=20, timeout=2)),
        arm(0, 24, calls(0, 24, per_hour=20, timeout=2, source="new")),
    )
    found = expectation(both, FALLS, at=LAST)
    assert (found.state, found.interval, found.p_value, found.time_to_decision.hours) == (
        "no_data",
        None,
        None,
        None,
    )
    assert (
        state_of(both, claim("below", limit=0.5), LAST) == "met"
    )  # the calls as they came are below it


def test_without_calls_in_an_arm_there_is_no_data():
    nothing, some = arm(0, 24), calls(-168, 0, per_hour=20, timeout=2)
    for both in (
        comparator(arm(-168, 0, some), nothing),
        comparator(arm(-168, 0), arm(0, 24, calls(0, 24, per_hour=20))),
        comparator(arm(-168, 0), nothing),
    ):
        for kind in ("falls", "rises"):
            assert state_of(both, claim(kind), LAST) == "no_data"
        assert state_of(both, claim("no_worse", margin=0.1), LAST) == "no_data"
        # absolute claims need no baseline
        is_new = bool(both.arms.post.calls)
        assert state_of(both, claim("stays_zero"), LAST) == ("undecided" if is_new else "no_data")
        below = claim("below", "latency_mean", limit=10.0)
        assert state_of(both, below, LAST) == ("worse" if is_new else "no_data")


def test_traffic_counts_calls_not_hours():
    quiet = comparator(
        arm(-168, 0, calls(-168, -167, per_hour=20)), arm(0, 24, calls(0, 1, per_hour=3))
    )
    assert state_of(quiet, claim("no_worse", "calls_per_hour", margin=0.5), LAST) == "no_data"
    assert state_of(rate(0, 0), claim("no_worse", "calls_per_hour", margin=0.5), LAST) == "met"


# ---- errors that changed their class, calls that stopped coming ----
def test_a_class_that_only_changed_its_name_is_not_met():
    both = week(before={"timeout": 20}, after={"timeout": 2, "connection": 35})
    for at in (LAST, SINGLE):
        found = expectation(both, FALLS, at=at)
        assert found.state == "not_met"
        assert found.caveat.refutes
        assert caveat_clause(found.caveat).startswith("connection errors rose from 0.0")
        assert "all failed calls together rose from 20." in caveat_clause(found.caveat)
    early = expectation(
        week(before={"timeout": 20}, after={"timeout": 2, "connection": 60}, hours=4),
        FALLS,
        at=SECOND,
    )
    assert early.state == "not_met"


def test_another_class_that_grows_is_shown_with_a_fall_that_counts():
    found = expectation(
        week(before={"timeout": 30}, after={"timeout": 2, "connection": 8}), FALLS, at=LAST
    )
    assert found.state == "met"
    assert caveat_clause(found.caveat).startswith("connection errors rose from 0.0")
    assert "all failed calls together fell from 30." in caveat_clause(found.caveat)


def test_classes_that_stay_need_no_remark():
    both = week(before={"timeout": 30, "connection": 5}, after={"timeout": 2, "connection": 5})
    assert expectation(both, FALLS, at=LAST).caveat is None
    assert expectation(both, claim("falls", "error_rate"), at=LAST).caveat is None


def test_a_class_of_the_user_is_looked_at_too():
    before = calls(-168, 0, per_hour=100, timeout=20)
    after = calls(0, 24, per_hour=100, timeout=2, other=40)
    after["outcome"] = after["outcome"].where(after["outcome"] != 8, 100)
    both = comparator(arm(-168, 0, before), arm(0, 24, after), user_classes=("quota_gone",))
    found = expectation(both, FALLS, at=LAST)
    assert found.state == "not_met"
    assert caveat_clause(found.caveat).startswith("quota gone errors rose from 0.0")


def test_a_feature_that_fell_to_a_tenth_of_its_calls_is_no_improvement():
    before = calls(-168, 0, per_hour=100, timeout=20)
    for per_hour, state in ((10, "undecided"), (11, "met")):
        found = expectation(
            comparator(arm(-168, 0, before), arm(0, 24, calls(0, 24, per_hour=per_hour))),
            HALVES,
            at=LAST,
        )
        assert found.state == state
    found = expectation(
        comparator(arm(-168, 0, before), arm(0, 24, calls(0, 24, per_hour=10))),
        claim("stays_zero", limit=0.1),
        at=LAST,
    )
    assert found.state == "undecided"
    assert "traffic fell from 100" in caveat_clause(found.caveat)
