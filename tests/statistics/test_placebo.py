"""Pretended deploys."""

import numpy as np
import pytest

from analysis.statistics.comparison import compare
from analysis.statistics.placebo import Replay, placebo_deploys, replay
from analysis.statistics.ratio import PLACEBO
from analysis.statistics.totals import ArmTotals


def numbered(days):
    """Each hour's events are its number."""
    hours = np.arange(days * 24, dtype=float).reshape(1, days, 24)
    return ArmTotals.of_events(hours, np.full(hours.shape, 1000.0))


# by hand


@pytest.mark.parametrize(
    ("days", "hours", "count"), [(7, 4, 42), (7, 24, 37), (3, 1, 18), (2, 24, 7)]
)
def test_how_many(days, hours, count):
    assert len(list(placebo_deploys(numbered(days), hours=hours))) == count


def test_the_pretended_window_is_taken_out_of_its_baseline():
    deploy = list(placebo_deploys(numbered(3), hours=6))[8]
    assert (deploy.start_hour, deploy.first_hour) == (32, 8)
    assert deploy.post.y.tolist() == [[[32, 33, 34, 35, 36, 37]]]
    assert not deploy.baseline.usable[1, 8:14].any()
    assert deploy.baseline.usable.sum() == 72 - 6
    found = compare(deploy.baseline, deploy.post, indicator=True, first_hour=deploy.first_hour)
    assert found.baseline_y == sum(range(8, 14)) + sum(range(56, 62))


def test_a_window_across_midnight_of_the_cycle():
    deploy = next(d for d in placebo_deploys(numbered(3), hours=6) if d.start_hour == 20)
    found = compare(deploy.baseline, deploy.post, indicator=True, first_hour=deploy.first_hour)
    assert found.baseline_n == 1000 * 12  # the hours 0, 1 and 20..23 of the two other days each
    assert found.baseline_y == sum(range(44, 48)) + sum(range(68, 72)) + sum([0, 1, 48, 49])


# laws


def test_a_sharp_judge_alarms_always_and_a_deaf_one_never():
    assert replay(numbered(7), hours=4, alarm=lambda deploy: True) == Replay(42, 42)
    assert replay(numbered(7), hours=4, alarm=lambda deploy: False) == Replay(42, 0)


def test_the_baseline_itself_is_not_touched():
    before = numbered(2)
    list(placebo_deploys(before, hours=4))
    assert before.usable.all()


def test_false_alarms_are_few_where_nothing_changed(noisy_arms):
    """Ten baselines of a week, 4-hour windows: about 5 % of 420 pretended deploys, at most 9 %."""
    total = [
        replay(
            noisy_arms(7, 1, seed=seed)[0],
            hours=4,
            alarm=lambda d: (
                compare(d.baseline, d.post, indicator=False, first_hour=d.first_hour).p_value()
                < 0.05
            ),
        )
        for seed in range(10)
    ]
    assert sum(one.placebo_deploys for one in total) == 420
    assert sum(one.false_alarms for one in total) <= 0.09 * 420


# edges


def test_one_day_allows_none():
    assert replay(numbered(1), hours=4, alarm=lambda deploy: True) == Replay(0, 0)


def test_excluded_hours_are_never_pretended():
    excluded = np.zeros((7, 24), dtype=bool)
    excluded[3, 10] = True
    before = numbered(7).without(excluded)
    assert len(list(placebo_deploys(before, hours=4))) == 41


def test_a_day_taken_out_still_leaves_placebo_windows(noisy_arms):
    before, _ = noisy_arms(7, 1)
    deploy = next(iter(placebo_deploys(before, hours=24)))
    found = compare(deploy.baseline, deploy.post, indicator=False, first_hour=deploy.first_hour)
    assert (found.method, found.df >= 4) == (PLACEBO, True)
