"""Placebo deploys inside the baseline."""

import numpy as np
import pytest

from analysis.statistics.comparison import compare
from analysis.statistics.placebo_deploys import Replay, placebo_deploys, replay
from analysis.statistics.totals import ArmTotals
from analysis.statistics.variance_rules import PLACEBO


def numbered(days):
    """Each hour's events are its number."""
    hours = np.arange(days * 24, dtype=float).reshape(1, days, 24)
    return ArmTotals.of_events(hours, np.full(hours.shape, 1000.0))


def compare_deploy(deploy, *, indicator):
    arms = deploy.baseline, deploy.post
    return compare(*arms, indicator=indicator, first_hour=deploy.first_hour)


# ---- by hand -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("days", "hours", "count"), [(7, 4, 42), (7, 24, 37), (3, 1, 18), (2, 24, 7), (1, 4, 0)]
)
def test_how_many(days, hours, count):
    """One day allows none."""
    assert len(list(placebo_deploys(numbered(days), hours=hours))) == count


@pytest.mark.parametrize(
    ("days", "hours", "count", "apart"),
    [(7, 4, 27, 27), (7, 24, 22, 4), (3, 24, 4, 1), (2, 24, 1, 1), (1, 4, 0, 0)],
)
def test_each_is_judged_by_the_days_before_it(days, hours, count, apart):
    """Three of them with at least half their hours, or all but one of a shorter baseline."""
    for is_alarm in (True, False):
        found = replay(numbered(days), hours=hours, alarm=lambda _, is_alarm=is_alarm: is_alarm)
        assert (found.placebo_deploys, found.false_alarms) == (count, count * is_alarm)
        assert (found.apart.windows, found.apart.alarms) == (apart, apart * is_alarm)


def test_two_of_four_alarms_cap_the_verdict():
    starts = [72, 96, 120, 144]
    one = Replay.of(starts, [True, False, False, False], hours=24)
    two = Replay.of(starts, [True, False, True, False], hours=24)
    assert (one.caps_verdict, two.caps_verdict) == (False, True)


def test_the_placebo_window_is_taken_out_of_its_baseline():
    deploy = list(placebo_deploys(numbered(3), hours=6))[8]
    assert (deploy.start_hour, deploy.first_hour) == (32, 8)
    assert deploy.post.y.tolist() == [[[32, 33, 34, 35, 36, 37]]]
    assert not deploy.baseline.usable[1, 8:14].any()
    assert deploy.baseline.usable.sum() == 72 - 6
    assert compare_deploy(deploy, indicator=True).baseline_y == sum([*range(8, 14), *range(56, 62)])


def test_a_window_across_midnight_of_the_cycle():
    """It meets the hours 0, 1 and 20..23 of the two other days each."""
    deploy = next(d for d in placebo_deploys(numbered(3), hours=6) if d.start_hour == 20)
    found = compare_deploy(deploy, indicator=True)
    assert found.baseline_n == 1000 * 12
    assert found.baseline_y == sum([*range(44, 48), *range(68, 72), 0, 1, 48, 49])


def test_only_the_past_is_the_baseline_when_asked_for():
    """Four days, 6 h: a placebo deploy needs three days before it."""
    found = list(placebo_deploys(numbered(4), hours=6, past_only=True))
    assert [deploy.start_hour for deploy in found] == list(range(60, 91, 4))
    for deploy in found:
        assert deploy.baseline.usable.sum() == deploy.start_hour
        assert not deploy.baseline.usable.ravel()[deploy.start_hour :].any()


# ---- laws ----------------------------------------------------------------------------------------
def test_the_baseline_itself_is_not_touched():
    before = numbered(2)
    assert len(list(placebo_deploys(before, hours=4))) == 12
    assert before.usable.all()


def test_false_alarms_are_few_where_nothing_changed(noisy_arms):
    """Ten baselines of a week, 4-hour windows: about 5 % of 270 placebo deploys, at most 9 %."""

    def alarm(deploy):
        return compare_deploy(deploy, indicator=False).p_value() < 0.05

    weeks = [noisy_arms(7, 1, seed=seed)[0] for seed in range(10)]
    found = [replay(week, hours=4, alarm=alarm) for week in weeks]
    assert sum(one.placebo_deploys for one in found) == 270
    assert sum(one.false_alarms for one in found) <= 0.09 * 270


# ---- edges ---------------------------------------------------------------------------------------
def test_windows_that_touch_an_excluded_hour_are_skipped():
    excluded = np.zeros((7, 24), dtype=bool)
    excluded[3, 10] = True
    assert len(list(placebo_deploys(numbered(7).without(excluded), hours=4))) == 41


def test_a_day_taken_out_still_leaves_placebo_windows(noisy_arms):
    deploy = next(placebo_deploys(noisy_arms(7, 1)[0], hours=24))
    found = compare_deploy(deploy, indicator=False)
    assert (found.method, found.df >= 4) == (PLACEBO, True)
