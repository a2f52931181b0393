"""Error classes that move in most control features."""

import numpy as np
import pytest

from analysis.statistics.comparison import compare
from analysis.statistics.controls.class_movement import class_moved
from analysis.statistics.totals import ArmTotals


def rate_change(before, after, seed, calls=100):
    rng = np.random.default_rng(seed)
    return compare(
        ArmTotals.of_events(rng.binomial(calls, before, (1, 7, 24)), np.full((1, 7, 24), calls)),
        ArmTotals.of_events(rng.binomial(calls, after, (1, 1, 24)), np.full((1, 1, 24), calls)),
        indicator=True,
    )


@pytest.mark.parametrize(
    ("rates_after", "moved"),
    [
        ([0.06, 0.06, 0.06], True),
        ([0.06, 0.06, 0.02], True),
        ([0.40, 0.02, 0.02], False),
        ([0.06, 0.06, 0.02, 0.02], False),
        ([0.002, 0.002, 0.002], False),
    ],
    ids=["all", "two of three", "one of three, by far", "half", "they fell"],
)
def test_a_rise_in_most_of_them(rates_after, moved):
    controls = [rate_change(0.02, after, seed + 1) for seed, after in enumerate(rates_after)]
    assert class_moved(controls, direction="up") is moved


def test_a_fall_and_a_control_without_calls():
    fell = [rate_change(0.05, 0.005, seed) for seed in range(2)]
    silent = compare(
        ArmTotals.of_events(np.ones((1, 7, 24)), np.full((1, 7, 24), 9.0)),
        ArmTotals.of_events(np.zeros((1, 1, 24)), np.zeros((1, 1, 24))),
        indicator=True,
    )
    assert class_moved(fell, direction="down")
    assert class_moved([*fell, silent], direction="down")
    assert not class_moved([fell[0], silent], direction="down")
    assert not class_moved(fell, direction="up")
