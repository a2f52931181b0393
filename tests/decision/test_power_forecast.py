"""What the planned looks will detect, from the baseline alone."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.decision.power_forecast import forecast_looks
from tests.fixtures.comparators import any_of, arm, calls, claim, plan

LOOKS = {"1h": plan(0), "4h": plan(1), "24h": plan(2)}


def forecast(claims, baseline, looks=LOOKS):
    return forecast_looks(claims, baseline, looks, smallest_useful=0.1)


def baseline(per_hour, *, days=7):
    rng = np.random.default_rng(0)
    return arm(
        -24 * days,
        0,
        calls(-24 * days, 0, per_hour=per_hour, timeout=rng.binomial(per_hour, 0.3, 24 * days)),
    )


def test_later_looks_and_busier_features_see_smaller_changes():
    few, many = (forecast([claim("falls", by=0.5)], baseline(n)) for n in (20, 500))
    for rows in (few, many):
        visible = [row.minimum_detectable_effect for row in rows]
        assert [row.window for row in rows] == ["1h", "4h", "24h"]
        assert visible == sorted(visible, reverse=True)
        assert rows[0].baseline_value == pytest.approx(0.3, abs=0.02)
        assert rows[0].claim.by == 0.5
    assert all(
        busy.minimum_detectable_effect < quiet.minimum_detectable_effect
        for busy, quiet in zip(many, few, strict=True)
    )


def test_calls_needed_grow_as_the_change_shrinks():
    needed = [
        forecast([claim("falls", by=by)], baseline(100))[-1].calls_needed for by in (0.8, 0.5, 0.2)
    ]
    assert needed == sorted(needed)
    assert len(set(needed)) == 3
    row = forecast([claim("falls", by=0.5)], baseline(100))[-1]
    assert (
        row.minimum_detectable_effect < 0.5 * row.baseline_value
    )  # 2400 calls show more than what is claimed, so fewer are needed
    assert row.calls_needed < 2400
    zero = forecast([claim("stays_zero")], baseline(100))[-1]
    assert zero.calls_needed < row.calls_needed


def test_one_day_or_no_call_leaves_the_forecast_open():
    rows = forecast([claim("falls")], baseline(20, days=1))
    assert [row.minimum_detectable_effect for row in rows] == [None, None, None]
    rows = forecast([claim("falls", feature="nobody")], baseline(20))
    assert [(row.baseline_value, row.minimum_detectable_effect) for row in rows] == [
        (None, None)
    ] * 3


def test_each_part_of_an_alternative_has_its_own_forecast():
    rows = forecast(
        [any_of(claim("falls", name="either"), claim("falls", "error_rate", name="either"))],
        baseline(20),
        {"1h": plan(0)},
    )
    assert [(row.claim.name, row.claim.metric) for row in rows] == [
        ("either", "timeout_rate"),
        ("either", "error_rate"),
    ]
