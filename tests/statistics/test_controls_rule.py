"""Which comparison decides beside controls, which controls are thrown out, and what a slower provider does to each kind of metric."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.statistics.comparison import compare
from analysis.statistics.controls.adjustment import compare_adjusted
from analysis.statistics.controls.comparison import (
    ProportionalComparison,
    combine_comparisons,
    screen,
    settle,
)
from analysis.statistics.controls.index import slowness_index, weigh_control
from analysis.statistics.controls.proportional import (
    TimedCalls,
    proportional_factor,
    proportional_share,
)
from analysis.statistics.totals import ArmTotals, standardise

# ---- the rule --------------------------------------------------------------------------------------------------------


@pytest.fixture(name="three")
def three_fixture(noisy_arms):
    """Plain, adjusted and proportional of a target that got slower with everyone, and a bit more."""
    target = noisy_arms(7, 24, seed=4, post_factor=1.5)
    index = slowness_index(
        [weigh_control(str(seed), *noisy_arms(7, 24, seed=4, post_factor=1.2)) for seed in (0, 1)]
    )
    plain = compare(*target, indicator=False)
    return (
        plain,
        compare_adjusted(plain, standardise(*target), index),
        ProportionalComparison(plain, 1.2),
    )


def test_without_controls_the_plain_comparison_answers(three):
    plain, _, _ = three
    alone = combine_comparisons(plain)
    assert alone.decided_by == "plain"
    assert (alone.p_value(), alone.interval(), alone.post_interval()) == (
        plain.p_value(),
        plain.interval(),
        plain.post_interval(),
    )
    assert alone.p_value_against(900.0, alternative="less") == plain.p_value_against(
        900.0, alternative="less"
    )


def test_untouched_features_that_did_not_move_let_the_adjusted_one_decide(three):
    plain, adjusted, proportional = three
    found = combine_comparisons(plain, adjusted=adjusted, proportional=proportional, moved=False)
    assert found.decided_by == "adjusted"
    assert (found.difference, found.p_value(scale=1.1)) == (
        adjusted.comparison.difference,
        adjusted.comparison.p_value(scale=1.1),
    )
    assert found.crude_difference == plain.crude_difference


@pytest.mark.parametrize(
    "question", [{"scale": 1.0}, {"scale": 0.5}, {"scale": 1.5}, {"limit": 800.0}]
)
@pytest.mark.parametrize("alternative", ["two-sided", "less", "greater"])
def test_moved_controls_ask_all_three_and_the_largest_p_counts(three, question, alternative):
    plain, adjusted, proportional = three
    found = settle(
        combine_comparisons(plain, adjusted=adjusted, proportional=proportional, moved=True),
        **question,
        alternative=alternative,
    )
    asked = (plain, adjusted.comparison, proportional)
    if "limit" in question:
        each = [one.p_value_against(question["limit"], alternative=alternative) for one in asked]
    else:
        each = [one.p_value(**question, alternative=alternative) for one in asked]
    assert found.decided_by == "plain, adjusted and proportional"
    assert found.p_value == (
        1.0 if alternative == "two-sided" and found.signs_differ else max(each)
    )


def test_opposite_signs_decide_nothing(three):
    plain, adjusted, _ = three
    found = combine_comparisons(
        plain, adjusted=adjusted, proportional=ProportionalComparison(plain, 3.0), moved=True
    )
    assert found.signs_differ
    assert found.p_value() == 1.0
    low, high = found.interval(0.95)
    assert low < 0 < high


def test_the_interval_excludes_zero_exactly_when_p_is_small(three):
    plain, adjusted, _ = three
    for factor in (1.0, 1.1, 1.2, 1.4, 1.6):
        found = combine_comparisons(
            plain, adjusted=adjusted, proportional=ProportionalComparison(plain, factor), moved=True
        )
        low, high = found.interval(0.95)
        assert (low > 0 or high < 0) == (found.p_value() < 0.05)


def test_error_classes_know_only_plain_and_veto(three):
    plain, _, proportional = three
    assert combine_comparisons(plain, proportional=proportional).decided_by == "plain"
    vetoed = combine_comparisons(plain, proportional=proportional, moved=True)
    assert vetoed.decided_by == "plain and proportional"
    assert vetoed.p_value() == max(plain.p_value(), proportional.p_value())


def test_a_class_that_was_not_there_before_is_held_against_what_the_pace_alone_would_give():
    before = ArmTotals.of_events(np.zeros((1, 7, 24)), np.full((1, 7, 24), 50.0))
    after = ArmTotals.of_events(np.full((1, 1, 24), 0.5), np.full((1, 1, 24), 50.0))
    plain = compare(before, after, indicator=True)
    assert plain.p_value() < 1e-6
    assert ProportionalComparison(plain, 40.0, from_zero=0.012).p_value() > 0.3
    assert ProportionalComparison(plain, 1.0, from_zero=0.0).p_value() == plain.p_value()


# ---- screen ----------------------------------------------------------------------------------------------------------


def some_controls(noisy_arms, factors):
    return [
        weigh_control(
            str(number),
            *noisy_arms(
                7, 24, seed=4 if number < 9 else number, post_factor=factor, calls=30 + number
            ),
        )
        for number, factor in enumerate(factors)
    ]


def test_a_touched_control_is_thrown_out(noisy_arms):
    kept, dropped = screen(some_controls(noisy_arms, [1, 1, 1.6, 1, 1]))
    assert dropped == ("2",)
    assert [control.name for control in kept] == ["0", "1", "3", "4"]


def test_at_most_two_go_and_two_stay(noisy_arms):
    assert len(screen(some_controls(noisy_arms, [1, 1, 1, 3, 4, 5, 6, 7]))[1]) == 2
    assert screen(some_controls(noisy_arms, [1, 5]))[1] == ()
    assert len(screen(some_controls(noisy_arms, [1, 1, 5]))[0]) == 2


def test_a_slow_provider_throws_nobody_out(noisy_arms):
    assert screen(some_controls(noisy_arms, [1.25] * 5))[1] == ()


# ---- proportional ----------------------------------------------------------------------------------------------------


def calls_of(latencies, *, timeouts=0, failures=0, cap=np.inf, limit=np.nan):
    """Each latency is one answered call; timeouts lie at the cap."""
    low = np.array([*latencies, cap if np.isfinite(cap) else 0.0, 100.0])
    succeeded = np.array([*np.ones(len(latencies)), 0, 0])
    timed_out = np.array([*np.zeros(len(latencies)), timeouts, 0])
    failed = np.array([*np.zeros(len(latencies)), 0, failures])
    return TimedCalls(
        low, np.zeros(low.size), succeeded, timed_out, failed, cap_ms=cap, limit_ms=limit
    )


def test_factors_by_single_calls():
    """Ten answers of 1..10 s, a cap at 10.5 s, two timeouts, one other failure; a quarter slower: 9 and 10 s are cut off."""
    latencies = 1000.0 * np.arange(1, 11)
    calls = [calls_of(latencies, timeouts=2, failures=1, cap=10_500.0, limit=6_000.0)]
    longer = np.minimum(latencies * 1.25, 10_500.0).sum() + 2 * 10_500 + 125
    time = latencies.sum() + 2 * 10_500 + 100
    assert proportional_factor("time", calls, [], movement=0.25) == pytest.approx(longer / time)
    assert proportional_factor("time per success", calls, [], movement=0.25) == pytest.approx(
        longer / 8 / (time / 10)
    )
    assert proportional_factor("timeouts", calls, [], movement=0.25) == pytest.approx(
        (4 + 0.5) / (2 + 0.5)
    )
    assert proportional_factor("failures", calls, [], movement=0.25) == pytest.approx(
        (5 + 0.5) / (3 + 0.5)
    )
    assert proportional_factor("slower than", calls, [], movement=0.25) == pytest.approx(
        (6 + 3 + 0.5) / (4 + 3 + 0.5)
    )
    restricted = np.minimum(latencies * 1.25, 6000).sum() + 3 * 6000
    assert proportional_factor("restricted time", calls, [], movement=0.25) == pytest.approx(
        restricted / (np.minimum(latencies, 6000).sum() + 3 * 6000)
    )
    assert proportional_share("timeouts", calls, movement=0.25) == pytest.approx(4 / 13)


@pytest.mark.parametrize(
    "kind", ["time", "restricted time", "time per success", "timeouts", "failures", "slower than"]
)
def test_a_faster_provider_is_the_inverse_of_slowing_the_post_calls(kind):
    latencies = np.random.default_rng(1).lognormal(8, 0.5, 500).clip(None, 9_999)
    calls = [calls_of(latencies, timeouts=20, cap=10_000.0, limit=6_000.0)]
    slower = proportional_factor(kind, calls, [], movement=0.25)
    assert proportional_factor(kind, [], calls, movement=-0.2) == pytest.approx(1 / slower)
    assert proportional_factor(kind, calls, calls, movement=0.0) == pytest.approx(1.0)
    assert slower > 1


def test_uncapped_times_move_by_the_movement():
    assert proportional_factor(
        "time", [calls_of([100.0, 300.0])], [], movement=0.3
    ) == pytest.approx(1.3)
    assert proportional_factor("time", [], [], movement=0.3) == 1.0


def test_bins_are_spread_evenly():
    """100 calls between 1000 and 1100 ms, slower than 1050: half of them; 2 % slower, those above 1029.4 ms."""
    bins = TimedCalls(
        np.array([1000.0]),
        np.array([100.0]),
        np.array([100.0]),
        np.zeros(1),
        np.zeros(1),
        limit_ms=1050.0,
    )
    assert proportional_factor("slower than", [bins], [], movement=0.02) == pytest.approx(
        (100 * (1 - 29.411764705 / 100) + 0.5) / 50.5
    )
