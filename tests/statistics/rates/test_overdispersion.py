"""Overdispersion of events over blocks of hours."""

import numpy as np
import pytest

from analysis.statistics.rates.overdispersion import block_overdispersion, overdispersion
from analysis.statistics.standardisation import standardise
from analysis.statistics.totals import ArmTotals


@pytest.mark.parametrize(
    ("events", "phi"),
    [
        ([3] * 4 + [0] * 20, ((12 - 2) ** 2 + 5 * 2**2) / (2 * 0.99) / 5),
        ([1] * 24, 1.0),
        ([0] * 24, 1.0),
    ],
    ids=["12 events in one of six blocks", "even events", "no events"],
)
def test_overdispersion_of_four_hour_blocks(events, phi):
    before = ArmTotals.of_events([[events]], np.full((1, 1, 24), 50.0))
    assert block_overdispersion(standardise(before, before)) == pytest.approx(phi)


def test_overdispersion_of_a_single_block():
    assert overdispersion(np.array([3.0, 0.0]), np.array([10.0, 0.0])) == 1.0
