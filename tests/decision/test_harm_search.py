"""The search for harm: one family over all features, sizes, new classes and features."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.config.settings import Accepted, RegressionSearch
from analysis.decision.harm_search import find_moved_features, search_harm
from tests.fixtures.comparators import arm, calls, claim, comparator, plan

LAST = plan(2)
SEARCH = RegressionSearch(metrics=("error_rate", "latency_mean"))


def both_arms(*, hours=24, new_features=(), seed=0, slower=None, **errors):
    """Features with errors an hour before and after, among 100 calls an hour."""
    rng = np.random.default_rng(seed)
    before, after = [], []
    for feature, (old, new) in errors.items():
        if feature not in new_features:
            failed = rng.poisson(old, 168)
            before.append(calls(-168, 0, per_hour=100, feature=feature, http_5xx=failed))
        took = 1500 if feature == slower else 1000
        failed = rng.poisson(np.broadcast_to(new, (hours,)))
        after.append(
            calls(0, hours, per_hour=100, feature=feature, latency_ms=took, http_5xx=failed)
        )
    return comparator(arm(-168, 0, *before), arm(0, hours, *after))


def found(both, search=SEARCH, **keys):
    result = search_harm(both, LAST, search, **keys)
    return [(one.claim.metric, one.claim.feature, one.state) for one in result.regressions]


def test_harm_that_no_rule_covers_is_found_by_name_and_a_gain_is_not():
    both = both_arms(harmed=(1, 6), better=(20, 2), quiet=(1, 1))
    assert found(both) == [("error_rate", "harmed", "worse")]


@pytest.mark.parametrize("changed", [{"min_ratio": 10.0}, {"exceptions": ("harm*",)}])
def test_small_growth_and_exceptions_are_not_acted_on(changed):
    assert found(both_arms(harmed=(1, 6)), SEARCH.model_copy(update=changed)) == []


def test_fewer_than_ten_bad_events_are_not_acted_on():
    assert found(both_arms(harmed=(0, [8, *[0] * 23]))) == []


def test_one_burst_is_undecided():
    assert found(both_arms(harmed=(1, [1, 90, 90, *[1] * 21]))) == [
        ("error_rate", "harmed", "undecided")
    ]


def test_an_error_class_that_is_new_is_found_with_the_error_rate():
    names = {metric for metric, *_ in found(both_arms(harmed=(0, 3)))}
    assert names == {"error_rate", "http_5xx_rate"}


def test_a_new_feature_is_held_to_five_per_cent_of_failures():
    bad = both_arms(old=(1, 1), fresh=(0, 20), new_features=("fresh",))
    assert found(bad) == [("error_rate", "fresh", "worse")]
    good = both_arms(old=(1, 1), fresh=(0, 2), new_features=("fresh",))
    assert found(good) == []


def test_what_a_guardrail_names_and_what_is_accepted_is_left_out():
    both = both_arms(harmed=(1, 6))
    named = claim("no_worse", "error_rate", feature="harmed", margin=9.0)
    assert found(both, guardrails=[named]) == []
    entry = Accepted(feature="harmed", metric="error_rate", up_to=0.2, why="known")
    assert found(both, accepted=[entry]) == []


def test_longer_calls_of_a_fixed_feature_are_the_price_of_the_fix():
    both = both_arms(fixed=(1, 1), quiet=(1, 1), slower="fixed")
    fix = claim("falls", "timeout_rate", feature="fixed")
    result = search_harm(both, LAST, SEARCH, expectations=[fix])
    assert result.regressions == ()
    assert [one.claim.metric for one in result.price_of_fix] == ["latency_mean"]
    assert found(both) == [("latency_mean", "fixed", "worse")]


def test_features_that_moved_by_themselves_are_named_but_not_when_most_moved():
    one = both_arms(moved=(1, 9), a=(1, 1), b=(1, 1))
    assert find_moved_features(one, LAST, SEARCH) == {"moved"}
    most = both_arms(moved=(1, 9), a=(1, 9), b=(1, 1))
    assert find_moved_features(most, LAST, SEARCH) == set()
