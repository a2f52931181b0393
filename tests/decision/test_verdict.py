"""From findings to one verdict: the rules in their order, and the exit codes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from analysis.decision.checks.check_records import IdCheck, MixCheck, StatusCheck
from analysis.decision.claims.sustained import SustainedDecision
from analysis.decision.feature_changes import VanishedFeature
from analysis.decision.verdict import EXIT_CODES, MovedCliff, decide_verdict, find_moved_cliffs
from analysis.statistics.latency.cliff import Cliff
from tests.fixtures.comparators import claim
from tests.fixtures.findings_by_hand import FELL, FixedComparison, any_of_finding, finding

STEP3 = claim("falls", feature="step3", by=0.5, name="step 3")
SIGNATURE = claim("falls", feature="signature", name="signature")
COST = claim("below", "latency_mean", feature="jobs", limit=30_000, name="cost")
CRON = claim(
    "below", "cron_over_budget_rate", feature="jobs", limit=0.05, name="cron", critical=True
)
COPIES = IdCheck(state="error", copies=12, rows=480, compared=480)
STATUSES = StatusCheck(state="error", unknown=3)
MOVED = MovedCliff("step3", 20_128, 45_012)


def step3(state):
    return finding(state, STEP3, FELL)


def signature(state):
    return finding(state, SIGNATURE, FixedComparison((210, 3075), (0, 424), -0.07))


def cost(state):
    return finding(state, COST, FixedComparison((3_280_000, 400), (3_100_000, 100), 22_800.0))


def cron(state):
    return finding(state, CRON, FixedComparison((8, 400), (12, 100), 0.1))


def decide(
    expectations=(), guardrails=(), *, checks=(), moved=(), sustained=False, last=True, **more
):
    return decide_verdict(
        expectations=expectations,
        guardrails=guardrails,
        checks=checks,
        moved_cliffs=moved,
        sustained=SustainedDecision("confirmed" if sustained else "not_shown"),
        is_last=last,
        **more,
    )


def verdict(*args, **keys):
    return decide(*args, **keys).name


# ---- untrusted ----
def test_an_error_of_the_data_comes_before_everything():
    found = decide([step3("worse")], [cron("worse")], checks=[COPIES, STATUSES])
    assert (found.name, found.failed_checks) == ("untrusted", (COPIES, STATUSES))
    odd = [IdCheck(state="warning", copies=0, rows=1, compared=1), MixCheck(state="no_opinion")]
    assert verdict([step3("met")], checks=odd) == "improved"


# ---- roll_back ----
@pytest.mark.parametrize("state", ["worse", "not_met"])
def test_a_broken_critical_guardrail_rolls_back_although_all_else_is_met(state):
    assert verdict([step3("met")], [cron(state)], sustained=True) == "roll_back"


@pytest.mark.parametrize("last", [True, False])
def test_an_expectation_that_got_worse_rolls_back_at_any_look(last):
    assert verdict([signature("met"), step3("worse")], last=last) == "roll_back"


def test_harm_comes_before_a_moved_cliff_critical_guardrails_first():
    found = decide([step3("worse")], [cost("worse"), cron("not_met")], moved=[MOVED])
    assert found.name == "roll_back"
    assert [one.claim.name for one in found.harm] == ["cron", "step 3"]
    assert [one.claim.name for one in found.broken] == ["cost", "cron"]


# ---- investigate -----------------------------------------------------------------------------
STOPPED = VanishedFeature("jobs", 277.0, 0.0)


@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize("state", ["met", "undecided", "not_met"])
def test_plain_harm_next_to_the_fix_is_investigated_at_any_look(state, last):
    shared = {"sustained": True, "last": last}
    assert verdict([step3(state)], [cost("worse")], **shared) == "investigate"
    assert verdict([step3(state)], [cost("not_met")], **shared) == "investigate"
    assert verdict([step3(state)], regressions=[cost("worse")], **shared) == "investigate"
    assert verdict([step3(state)], stopped=[STOPPED], **shared) == "investigate"


def test_a_burst_or_a_shown_change_is_not_acted_on():
    assert verdict([step3("met")], regressions=[cost("undecided")]) == "improved"


def test_a_critical_regression_rolls_back():
    found = decide([step3("met")], regressions=[cron("worse")])
    assert (found.name, found.harm[0].claim.name) == ("roll_back", "cron")


def test_failures_are_named_before_costs():
    errors = finding("worse", claim("no_worse", "error_rate", feature="a", margin=0.5))
    found = decide([step3("met")], [cost("worse"), errors])
    assert [one.claim.metric for one in found.suspects] == ["error_rate", "latency_mean"]


# ---- hours that cannot be compared, baselines with false alarms ------------------------------
def test_with_less_than_80_per_cent_of_the_calls_nothing_is_green_or_not_fixed():
    for share, names in (
        (0.79, ["keep_watching"] * 3),
        (0.80, ["sustained", "no_regression", "not_fixed"]),
    ):
        shared = {"compared_share": share, "sustained": True}
        found = [
            verdict([step3("met")], **shared),
            verdict([], [cost("met")], **shared),
            verdict([step3("not_met")], **shared),
        ]
        assert found == names
    assert verdict([step3("worse")], compared_share=0.1) == "roll_back"


def test_a_baseline_with_false_alarms_caps_the_verdict_at_improved():
    assert verdict([step3("met")], sustained=True, is_capped=True) == "improved"


# ---- sustained and improved ----
@pytest.mark.parametrize(
    ("guardrails", "sustained", "name"),
    [
        ([cost("met"), cron("met")], True, "sustained"),
        ([cost("undecided"), cron("met")], True, "sustained"),
        ([cost("met"), cron("met")], False, "improved"),
        ([cron("undecided")], True, "improved"),
        ([cron("no_data")], True, "improved"),
        ([cost("undecided"), cron("no_data")], False, "improved"),
    ],
)
def test_sustained_needs_every_critical_guardrail_and_the_trailing_hours(
    guardrails, sustained, name
):
    found = verdict([step3("met"), signature("met")], guardrails, sustained=sustained, last=False)
    assert found == name


def test_a_moved_cliff_does_not_matter_when_everything_is_met():
    assert verdict([step3("met")], moved=[MOVED]) == "improved"


@pytest.mark.parametrize("state", ["met", "undecided", "no_data"])
def test_only_guardrails_end_with_no_regression_and_never_improved(state):
    assert verdict([], [cost(state)], sustained=True) == "no_regression"
    assert verdict([], [cost(state)], sustained=True, last=False) == "keep_watching"
    assert verdict([], [cost("not_met")], sustained=True) == "investigate"


# ---- not_fixed and keep_watching ----
@pytest.mark.parametrize("moved", [[], [MOVED]])
def test_not_fixed_only_at_the_last_look(moved):
    found = [signature("met"), step3("not_met")]
    assert verdict(found, moved=moved) == "not_fixed"
    assert verdict(found, moved=moved, last=False) == "keep_watching"


@pytest.mark.parametrize("last", [True, False])
def test_keep_watching_while_something_is_open(last):
    assert verdict([step3("met"), signature("undecided")], last=last) == "keep_watching"
    assert verdict([step3("no_data")], [cost("met")], last=last) == "keep_watching"


def test_every_verdict_has_its_exit_code():
    assert EXIT_CODES == {
        "improved": 0,
        "sustained": 0,
        "roll_back": 1,
        "keep_watching": 3,
        "not_fixed": 4,
        "untrusted": 5,
        "investigate": 7,
        "no_regression": 0,
    }
    assert decide([step3("worse")]).exit_code == 1


# ---- moved cliffs ----
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
