"""How much of the post window can be compared."""

import numpy as np
import pytest

from analysis.statistics.baseline.common_hours import CommonHours, common_hours
from analysis.statistics.comparison import compare
from analysis.statistics.totals import ArmTotals


def arms(*, baseline_hours, post_hours=24, days=1, calls=None):
    usable = np.zeros((days, 24), dtype=bool)
    usable[:, list(baseline_hours)] = True
    n = np.ones((1, 1, post_hours)) if calls is None else np.asarray(calls, float).reshape(1, 1, -1)
    before = np.ones((1, days, 24))
    return ArmTotals.of_events(0 * before, before, usable), ArmTotals.of_events(0 * n, n)


@pytest.mark.parametrize(
    ("baseline_hours", "post_hours", "first_hour", "expected"),
    [
        (range(24), 24, 0, CommonHours(24, 24, 1.0)),
        (range(18, 24), 24, 0, CommonHours(6, 24, 0.25)),
        (range(6), 4, 22, CommonHours(2, 4, 0.5)),
        (range(12), 36, 0, CommonHours(24, 36, 24 / 36)),
        ([], 4, 0, CommonHours(0, 4, 0.0)),
    ],
)
def test_by_hand(baseline_hours, post_hours, first_hour, expected):
    pair = arms(baseline_hours=baseline_hours, post_hours=post_hours)
    assert common_hours(*pair, first_hour=first_hour) == expected


@pytest.mark.parametrize(("night_calls", "enough"), [(1.0, False), (0.4, True)])
def test_calls_decide_whether_it_is_enough(night_calls, enough):
    """18 of 24 hours are compared; nights have fewer calls: 18 / 24 = .75, 18 / 20.4 = .88."""
    calls = np.where(np.arange(24) < 6, night_calls, 1.0)
    assert common_hours(*arms(baseline_hours=range(6, 24), calls=calls)).enough is enough


def test_it_counts_what_is_compared():
    before, after = arms(baseline_hours=range(5, 11), days=3)
    found = common_hours(before, after)
    assert found.n_common == compare(before, after, indicator=True).post_n


def test_excluded_post_hours_and_silence():
    before, after = arms(baseline_hours=range(24))
    without = after.without((np.arange(24) < 4)[None])
    assert common_hours(before, without) == CommonHours(20, 20, 1.0)
    silent = ArmTotals.of_events(np.zeros((1, 1, 24)), np.zeros((1, 1, 24)))
    assert common_hours(before, silent).share_of_calls == 0.0
