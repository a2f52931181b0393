"""Overdispersion of events over blocks of hours."""

import numpy as np
import pytest

from analysis.statistics.rates.overdispersion import (
    block_overdispersion,
    overdispersion,
    worst_overdispersion,
)
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
    assert block_overdispersion(before) == pytest.approx(phi)


def test_overdispersion_of_a_single_block():
    assert overdispersion(np.array([3.0, 0.0]), np.array([10.0, 0.0])) == 1.0


# ---- the worst of several blocks -----------------------------------------------------------------


def arms_of(baseline, post):
    """Events per hour of 50 calls; the baseline in days."""
    before, after = np.asarray(baseline, float).reshape(1, -1, 24), np.asarray(post, float)
    return standardise(
        ArmTotals.of_events(before, np.full(before.shape, 50.0)),
        ArmTotals.of_events(after[None, None], np.full((1, 1, after.size), 50.0)),
    )


def test_a_bad_day_shows_in_blocks_as_long_as_the_window():
    """One day of three has 72 events in 1,200 calls, the others 24: mean 40."""
    arms = arms_of([1] * 24 + [3] * 24 + [1] * 24, [1] * 24)
    p = 120 / 3600
    chi2 = ((24 - 40) ** 2 + (72 - 40) ** 2 + (24 - 40) ** 2) / (1200 * p * (1 - p))
    assert worst_overdispersion(arms, with_post=False) == pytest.approx(chi2 / 2)
    assert block_overdispersion(arms.baseline) < chi2 / 4


def test_a_short_outage_shows_in_blocks_of_four_hours():
    arms = arms_of(([0] * 20 + [8] * 4 + [0] * 24) * 1, [0] * 24)
    found = worst_overdispersion(arms, with_post=False)
    assert found == block_overdispersion(arms.baseline) > 5


@pytest.mark.parametrize("with_post", [True, False])
def test_with_a_short_baseline_the_post_arm_counts_too(with_post):
    arms = arms_of([1] * 24, [0] * 20 + [8] * 4)
    found = worst_overdispersion(arms, with_post=with_post)
    assert found == (block_overdispersion(arms.post) if with_post else 1.0)
