"""Hour sums of one arm."""

import numpy as np
import pytest
from scipy import stats

from analysis.statistics.totals import ArmTotals, RatioTotal

ONES = np.ones((1, 1, 4))


def total_of(y, weight):
    """Totals of single calls with weights."""
    y, w = np.asarray(y, dtype=float), np.asarray(weight, dtype=float)
    second = w * w
    return RatioTotal(*(float(x.sum()) for x in (w * y, w, second * y * y, second * y, second)))


def test_totals_square_the_weights_of_second_moments():
    arm = ArmTotals.of_events([[[3.0, 1.0]]], [[[10.0, 20.0]]])
    assert arm.total(np.array([[2.0, 0.0]])) == RatioTotal(y=6, n=20, yy=12, yn=12, nn=40)


def test_variance_of_a_mean_of_independent_calls():
    """With equal weights it is that of Welch's test; effective calls are the calls."""
    y = np.random.default_rng(4).integers(100, 900, 300)
    total = total_of(y, np.full(300, 2.5))
    assert total.independent_variance == pytest.approx(stats.sem(y) ** 2, rel=1e-12)
    assert total.effective_calls == pytest.approx(300)


def test_unequal_weights_leave_fewer_effective_calls():
    """Kish: (3 + 1 + 1)^2 / (9 + 1 + 1)."""
    assert total_of([1, 2, 3], [3, 1, 1]).effective_calls == pytest.approx(25 / 11)


@pytest.mark.parametrize("calls", [0, 1])
def test_a_single_call_knows_nothing_of_its_variance(calls):
    assert total_of([500] * calls, [1] * calls).independent_variance == np.inf


def test_merge_is_addition(arm_of_calls):
    rng = np.random.default_rng(2)
    y, hour = rng.integers(0, 900, 100), rng.integers(0, 24, 100)
    parts = [
        arm_of_calls(y[k], hour=hour[k], shape=(1, 1, 24)) for k in np.split(np.arange(100), [40])
    ]
    whole = arm_of_calls(y, hour=hour, shape=(1, 1, 24))
    assert np.array_equal((parts[0] + parts[1]).stacked, whole.stacked)


def test_parts_of_an_arm():
    usable = np.array([[True, True, False, True]])
    arm = ArmTotals.of_events([[[1, 2, 3, 4]], [[5, 6, 7, 8]]], np.full((2, 1, 4), 9), usable)
    assert arm.hours(1, 3).y.tolist() == [[[2, 3]], [[6, 7]]]
    assert arm.hours(1, 3).usable.tolist() == [[True, False]]
    assert arm.as_one_stratum().y.tolist() == [[[6, 8, 10, 12]]]
    without = arm.without(np.array([[True, False, False, False]]))
    assert without.usable.tolist() == [[False, True, False, True]]


@pytest.mark.parametrize(
    ("events", "trials", "usable", "rule"),
    [
        (np.ones(3), np.ones(3), None, r"must be \(5, strata, repeats, hours\)"),
        (ONES, -ONES, None, "never negative"),
        (ONES * np.nan, ONES, None, "not finite"),
        (ONES, ONES, np.ones((2, 4)), r"must be \(repeats, hours\)"),
    ],
)
def test_refusals_name_the_rule(events, trials, usable, rule):
    with pytest.raises(ValueError, match=rule):
        ArmTotals.of_events(events, trials, usable)


def test_arrays_are_read_only():
    with pytest.raises(ValueError, match="read-only"):
        ArmTotals.of_events(ONES, ONES).y[0] = 3
