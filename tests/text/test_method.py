"""How the numbers were made."""

from __future__ import annotations

from analysis.text.headline import NOT_RANDOMISED
from analysis.text.method import METHODS, false_alarm_lines, method_lines
from tests.fixtures.example_results import finding, plain, result


def test_every_method_has_a_sentence():
    used = [finding(method=name) for name in METHODS]
    lines = method_lines(result(expectations=used))
    assert set(METHODS.values()) <= set(lines)
    assert any("look 2 of 3" in line for line in lines)
    assert lines[-1] == NOT_RANDOMISED


def test_the_rate_of_false_alarms_has_an_interval():
    replay = result(calibration={"pretended_deploys": 40, "false_alarms": 2}).calibration
    lines = false_alarm_lines(replay)
    assert plain(lines[1]).startswith(
        "The rate is 5.0 % (95 % confidence interval 0.61 % to 16.9 %)."
    )
    assert len(false_alarm_lines(result(calibration={}).calibration)) == 1
