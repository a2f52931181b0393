"""What a slower provider does to each kind of metric, by single calls."""

import numpy as np
import pytest

from analysis.statistics.controls.proportional import (
    TimedCalls,
    proportional_factor,
    proportional_share,
)

EFFECTS = ["time", "restricted time", "time per success", "timeouts", "failures", "slower than"]
TENS = 1000.0 * np.arange(1, 11)
CUT = np.minimum(TENS * 1.25, 10_500.0)


def calls_of(latencies, *, timeouts=0, failures=0, cap=np.inf, limit=np.nan):
    """Each latency is one answered call; timeouts lie at the cap, failures at 100 ms."""
    low = np.array([*latencies, cap if np.isfinite(cap) else 0.0, 100.0])
    kinds = np.zeros((3, low.size))
    kinds[0, :-2], kinds[1, -2], kinds[2, -1] = 1, timeouts, failures
    return TimedCalls(low, np.zeros(low.size), *kinds, cap_ms=cap, limit_ms=limit)


@pytest.mark.parametrize(
    ("effect", "slower", "usual"),
    [
        ("time", CUT.sum() + 2 * 10_500 + 125, TENS.sum() + 2 * 10_500 + 100),
        ("time per success", (CUT.sum() + 21_125) / 8, (TENS.sum() + 21_100) / 10),
        ("timeouts", 4 + 0.5, 2 + 0.5),
        ("failures", 5 + 0.5, 3 + 0.5),
        ("slower than", 6 + 3 + 0.5, 4 + 3 + 0.5),
        (
            "restricted time",
            np.minimum(TENS * 1.25, 6000).sum() + 3 * 6000,
            np.minimum(TENS, 6000).sum() + 3 * 6000,
        ),
    ],
)
def test_factors_by_single_calls(effect, slower, usual):
    """Answers of 1..10 s, cap 10.5 s, two timeouts, one other failure; a quarter slower: 9 and 10 s
    are cut off."""
    calls = calls_of(TENS, timeouts=2, failures=1, cap=10_500.0, limit=6_000.0)
    found = proportional_factor(effect, [calls], [], movement=0.25)
    assert found == pytest.approx(slower / usual)


def test_share_of_events_that_a_baseline_without_any_becomes():
    calls = calls_of(TENS, failures=1, cap=10_500.0)
    assert proportional_share("timeouts", [calls], movement=0.25) == pytest.approx(2 / 11)


@pytest.mark.parametrize("effect", EFFECTS)
def test_a_faster_provider_is_the_inverse_of_slowing_the_post_calls(effect):
    latencies = np.random.default_rng(1).lognormal(8, 0.5, 500).clip(None, 9_999)
    calls = [calls_of(latencies, timeouts=20, cap=10_000.0, limit=6_000.0)]
    slower = proportional_factor(effect, calls, [], movement=0.25)
    faster = proportional_factor(effect, [], calls, movement=-0.2)
    assert slower > 1
    assert faster == pytest.approx(1 / slower)
    assert proportional_factor(effect, calls, calls, movement=0.0) == pytest.approx(1.0)


def test_uncapped_times_move_by_the_movement():
    calls = [calls_of([100.0, 300.0])]
    assert proportional_factor("time", calls, [], movement=0.3) == pytest.approx(1.3)
    assert proportional_factor("time", [], [], movement=0.3) == 1.0


def test_bins_are_spread_evenly():
    """100 calls between 1000 and 1100 ms, slower than 1050; 2 % slower: those above 1029.4 ms."""
    low, width, succeeded, none = (np.array([x]) for x in (1000.0, 100.0, 100.0, 0.0))
    bins = TimedCalls(low, width, succeeded, none, none, limit_ms=1050.0)
    found = proportional_factor("slower than", [bins], [], movement=0.02)
    assert found == pytest.approx((100 * (1 - 29.411764705 / 100) + 0.5) / 50.5)
