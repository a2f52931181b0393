"""The search finds new error classes with their hour, growth and lost traffic, not chance."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.decision.regressions import scan_features
from analysis.statistics.multiplicity import benjamini_hochberg
from tests.fixtures.comparators import ONLY, arm, calls, comparator, plan, week

SINGLE = plan(**ONLY)


def scanned(both, at=SINGLE):
    return {(found.claim.metric, found.claim.feature): found for found in scan_features(both, at)}


def from_hour(hour, events, *, hours=24):
    return np.where(np.arange(hours) >= hour, events, 0)


def test_a_new_class_is_found_with_the_hour_it_began():
    both = comparator(
        arm(-168, 0, calls(-168, 0, per_hour=50, timeout=2)),
        arm(0, 24, calls(0, 24, per_hour=50, timeout=2, connection=from_hour(5, 3))),
    )
    found = scanned(both)["connection_rate", "f"]
    assert (found.state, found.event_hour, found.began_hour) == ("worse", 5, 5)
    assert found.p_adjusted <= 0.05
    assert scanned(both)["timeout_rate", "f"].state == "undecided"


def test_a_class_that_was_there_at_another_hour_of_the_day_is_not_new():
    night = np.tile(np.repeat([0, 3], 12), 7)
    both = comparator(
        arm(-168, 0, calls(-168, 0, per_hour=50, connection=night)),
        arm(0, 4, calls(0, 4, per_hour=50, connection=3)),
    )
    found = scanned(both, plan(0, windows=(4,)))["connection_rate", "f"]
    assert found.evaluation.comparison.baseline_y == 0
    assert found.event_hour is None


@pytest.mark.parametrize("hour", [0, 7, 15])
def test_growth_of_errors_of_no_known_class_is_found_with_its_hour(hour):
    rng = np.random.default_rng(hour)
    before, after = rng.poisson(2, 168), rng.poisson(2, 24) + from_hour(hour, 8)
    both = comparator(
        arm(-168, 0, calls(-168, 0, per_hour=50, other=before)),
        arm(0, 24, calls(0, 24, per_hour=50, other=after)),
    )
    found = scanned(both)["other_rate", "f"]
    assert (found.state, found.began_hour, found.event_hour) == ("worse", hour, None)


def test_a_feature_that_lost_its_traffic_is_found():
    before = [calls(-168, 0, per_hour=40, feature=name) for name in ("kept", "lost", "gone")]
    after = [
        calls(0, 24, per_hour=40, feature="kept"),
        calls(0, 24, per_hour=np.where(np.arange(24) < 10, 40, 2), feature="lost"),
    ]
    found = scanned(comparator(arm(-168, 0, *before), arm(0, 24, *after)))
    assert [found["calls_per_hour", name].state for name in ("kept", "lost", "gone")] == [
        "undecided",
        "worse",
        "worse",
    ]
    assert [found["calls_per_hour", name].began_hour for name in ("lost", "gone")] == [10, 0]


def test_p_is_adjusted_over_everything_scanned_and_no_data_counts():
    both = week(before={"timeout": 5, "http_5xx": 5}, after={"timeout": 9, "http_5xx": 5})
    found = scan_features(both, SINGLE)
    p = [item.p_value for item in found]
    assert p == sorted(p)
    assert [item.p_adjusted for item in found] == pytest.approx(benjamini_hochberg(p))
    assert {item.claim.metric for item in found} == {
        "error_rate",
        "slower_than_p95",
        "typical_latency",
        "latency_mean",
        "total_tokens_mean",
        "calls_per_hour",
        "timeout_rate",
        "http_5xx_rate",
    }


def test_a_new_feature_has_nothing_to_be_compared_with():
    both = comparator(
        arm(-168, 0, calls(-168, 0, per_hour=40)),
        arm(0, 24, calls(0, 24, per_hour=40), calls(0, 24, per_hour=40, feature="new", timeout=20)),
    )
    assert scanned(both)["timeout_rate", "new"].state == "no_data"


def test_better_is_not_called_worse():
    found = scanned(week(before={"timeout": 20}, after={"timeout": 2}))["timeout_rate", "f"]
    assert (found.state, found.began_hour) == ("undecided", None)
    assert found.p_adjusted < 0.001


def test_where_nothing_changed_little_is_found():
    """Twelve weeks without a change: of 96 numbers, hardly one is called worse."""
    worse = total = 0
    for seed in range(12):
        found = scan_features(
            week(
                before={"timeout": 5, "http_5xx": 2},
                after={"timeout": 5, "http_5xx": 2},
                seed=seed,
                per_hour=60,
            ),
            SINGLE,
        )
        worse, total = worse + sum(item.state == "worse" for item in found), total + len(found)
    assert total == 96
    assert worse <= 2
