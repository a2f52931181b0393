"""Alarms of placebo deploys that do not overlap."""

import pytest

from analysis.statistics.baseline.replay_alarms import ReplayAlarms, count_alarms

STARTS = list(range(24, 145, 4))  # 24-hour windows in seven days, each with a day before it


@pytest.mark.parametrize(
    ("starts", "hours", "alarmed", "windows", "alarms"),
    [
        (STARTS, 24, (), 6, 0),
        (STARTS, 24, (40, 44, 60), 6, 1),
        (STARTS, 24, (24, 48, 71, 100), 6, 3),
        (list(range(0, 41, 4)), 4, (0, 4, 8), 11, 3),
        ([], 24, (), 0, 0),
    ],
)
def test_windows_and_alarms_apart(starts, hours, alarmed, windows, alarms):
    found = count_alarms(starts, [start in alarmed for start in starts], hours=hours)
    assert (found.windows, found.alarms) == (windows, min(alarms, len(alarmed)))


@pytest.mark.parametrize(
    ("windows", "alarms", "caps"),
    [(5, 1, False), (5, 2, True), (6, 2, False), (6, 3, True), (12, 3, True), (13, 3, False)],
)
def test_when_the_verdict_is_capped(windows, alarms, caps):
    assert ReplayAlarms(windows, alarms, 1.0).caps_verdict is caps


def test_no_alarm_in_five_windows_says_little():
    """1 - .05^(1/5) = 45 %."""
    starts = list(range(24, 121, 24))
    found = count_alarms(starts, [False] * 5, hours=24)
    assert found.upper == pytest.approx(1 - 0.05**0.2)
