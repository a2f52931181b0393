"""Which comparison decides with control features."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.statistics.comparison import compare
from analysis.statistics.controls.adjustment import compare_adjusted
from analysis.statistics.controls.comparison import ProportionalComparison, combine_comparisons
from analysis.statistics.controls.index import slowness_index, weight_control
from analysis.statistics.standardisation import standardise
from analysis.statistics.t_test import t_p_value
from analysis.statistics.totals import ArmTotals
from analysis.statistics.variance_rules import add_variances


@pytest.fixture(name="three")
def three_fixture(noisy_arms):
    """The three comparisons of a target that got slower with everyone, and a bit more."""
    target = noisy_arms(7, 24, seed=4, post_factor=1.5)
    others = noisy_arms(7, 24, seed=4, post_factor=1.2)
    index = slowness_index([weight_control(name, *others) for name in "ab"])
    plain = compare(*target, indicator=False)
    adjusted = compare_adjusted(plain, standardise(*target), index)
    return plain, adjusted, ProportionalComparison(plain, 1.2)


def with_controls(three, factor=None):
    """All three, with another proportional correction where one is given."""
    plain, adjusted, correction = three
    if factor is not None:
        correction = ProportionalComparison(plain, factor)
    return combine_comparisons(plain, adjusted=adjusted, corrections=(correction,), moved=True)


def test_without_controls_the_plain_comparison_answers(three):
    plain = three[0]
    alone = combine_comparisons(plain)
    assert alone.decided_by == "plain"
    assert (alone.p_value(), alone.interval()) == (plain.p_value(), plain.interval())
    assert alone.post_interval() == plain.post_interval()
    expected = plain.p_value_against(900.0, alternative="less")
    assert alone.p_value_against(900.0, alternative="less") == expected


def test_controls_that_did_not_move_let_the_adjusted_comparison_decide(three):
    plain, adjusted, correction = three
    found = combine_comparisons(plain, adjusted=adjusted, corrections=(correction,))
    assert found.decided_by == "adjusted"
    assert found.difference == adjusted.comparison.difference
    assert found.p_value(scale=1.1) == adjusted.comparison.p_value(scale=1.1)
    assert found.crude_difference == plain.crude_difference


def test_a_limit_applies_to_the_calls_as_they_came_too(three):
    plain, adjusted, _ = three
    found = combine_comparisons(plain, adjusted=adjusted)
    for limit in (900.0, 1300.0, 1500.0):
        asked = [
            one.p_value_against(limit, alternative="less") for one in (plain, adjusted.comparison)
        ]
        assert found.p_value_against(limit, alternative="less") == max(asked)


@pytest.mark.parametrize("alternative", ["two-sided", "less", "greater"])
@pytest.mark.parametrize("scale", [0.5, 1.0, 1.5])
def test_moved_controls_ask_all_three_and_the_largest_p_counts(three, scale, alternative):
    plain, adjusted, correction = three
    found, asked = with_controls(three), (plain, adjusted.comparison, correction)
    p = [one.p_value(scale=scale, alternative=alternative) for one in asked]
    signs = {np.sign(one.distance(scale=scale)) for one in asked}
    is_open = alternative == "two-sided" and len(signs) > 1
    assert found.decided_by == "plain, adjusted and proportional"
    assert found.p_value(scale=scale, alternative=alternative) == (1.0 if is_open else max(p))


def test_opposite_signs_decide_nothing(three):
    found = with_controls(three, factor=3.0)
    low, high = found.interval(0.95)
    assert found.p_value() == 1.0
    assert low < 0 < high


@pytest.mark.parametrize("factor", [1.0, 1.1, 1.2, 1.4, 1.6])
def test_the_interval_excludes_zero_exactly_when_p_is_small(three, factor):
    found = with_controls(three, factor)
    low, high = found.interval(0.95)
    assert (low > 0 or high < 0) == (found.p_value() < 0.05)


def test_error_classes_have_the_plain_comparison_and_vetoes(three):
    plain, _, correction = three
    assert combine_comparisons(plain, corrections=(correction,)).decided_by == "plain"
    vetoed = combine_comparisons(plain, corrections=(correction,), moved=True)
    assert vetoed.decided_by == "plain and proportional"
    assert vetoed.p_value() == max(plain.p_value(), correction.p_value())
    weaker = ProportionalComparison(plain, 1.45)
    both = combine_comparisons(plain, corrections=(correction, weaker), moved=True)
    assert both.decided_by == "plain and proportional"
    assert both.p_value() == weaker.p_value() > vetoed.p_value()


def test_a_class_that_was_not_there_before_is_compared_with_what_the_pace_alone_would_give():
    before = ArmTotals.of_events(np.zeros((1, 7, 24)), np.full((1, 7, 24), 50.0))
    after = ArmTotals.of_events(np.full((1, 1, 24), 0.5), np.full((1, 1, 24), 50.0))
    plain = compare(before, after, indicator=True)
    assert plain.p_value() < 1e-6
    assert ProportionalComparison(plain, 40.0, from_zero=0.012).p_value() > 0.3
    assert ProportionalComparison(plain, 1.0, from_zero=0.0).p_value() == plain.p_value()


def test_the_full_correction_answers_at_the_old_pace(three):
    plain, _, correction = three
    low, high = plain.post_interval()
    assert correction.post_interval() == (low / 1.2, high / 1.2)
    assert correction.difference == pytest.approx(plain.post_value - 1.2 * plain.reference_value)
    assert correction.p_value_against(1000.0) == plain.p_value_against(1200.0)


def test_the_movement_of_the_controls_is_an_estimate_too(three):
    """V += (scale r)^2 Var(dx), df by Satterthwaite; factor 1.2, Var(dx) = .01 on 5 df."""
    plain, _, _ = three
    found = ProportionalComparison(plain, 1.2, movement_variance=0.01, movement_df=5.0)
    added = (1.0 * plain.reference_value) ** 2 * 0.01
    variance, df = add_variances((plain.model.variance(1.2), plain.model.df(1.2)), (added, 5.0))
    expected = t_p_value(found.distance(), variance, df)
    assert found.p_value() == pytest.approx(expected)
    assert found.p_value() > ProportionalComparison(plain, 1.2).p_value()
    low, high = found.interval(0.95)
    assert (low > 0 or high < 0) == (found.p_value() < 0.05)
