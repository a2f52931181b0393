"""What if the cap were another one: how sure, when whole hours are slow."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from analysis.counting.arms import Arms
from analysis.counting.scope import Scope
from analysis.counts import HourlyBins
from analysis.decision.whatif import what_if
from tests.fixtures.comparators import arm, calls

SCOPE = Scope("f")


def with_bins(one):
    """The same calls by hour and latency bin; every latency of these tests is a bin's edge."""
    rows = one.hourly.rows
    return replace(
        one,
        bins=HourlyBins.of(rows.assign(bin_ms=rows["latency_ms"] // rows["calls"].clip(lower=1))),
    )


def day(slow_per_hour):
    """100 calls an hour, some of 38 s, the others of 10 s; the old cap was 20 s."""
    slow = np.asarray(slow_per_hour)
    before = calls(-168, 0, per_hour=100, timeout=20, failed_ms=20_000, latency_ms=10_000)
    after = [
        calls(0, 24, per_hour=100 - slow, latency_ms=10_000),
        calls(0, 24, per_hour=slow, latency_ms=38_000, source="slow"),
    ]
    return Arms(arm(-168, 0, before), with_bins(arm(0, 24, *after)))


def test_slow_calls_spread_evenly_are_known_as_well_as_independent_ones():
    found = what_if(day([20] * 24), SCOPE, 30_000).effect.cut_off_share
    half = 1.96 * np.sqrt(0.2 * 0.8 / 2400)
    assert found.value == pytest.approx(0.2)
    assert found.high - found.low == pytest.approx(2 * half, rel=0.05)


def test_whole_slow_hours_are_known_as_hours():
    """480 slow calls in five hours are less evidence than 480 calls spread over 24 hours."""
    found = what_if(day([96] * 5 + [0] * 19), SCOPE, 30_000).effect.cut_off_share
    assert found.value == pytest.approx(0.2)
    assert found.low < 0.1
    assert found.high > 0.33


def test_everything_answered_within_the_cap():
    answer = what_if(day([0] * 24), SCOPE, 9_000)
    assert answer.effect.cut_off_share.value == 1.0
    beyond = what_if(day([0] * 24), SCOPE, 10_000)
    assert beyond.calls == 2400
    assert beyond.effect.cut_off_share.value == 0.0
    assert beyond.effect.cut_off_share.high == pytest.approx(0.0015, rel=0.05)
