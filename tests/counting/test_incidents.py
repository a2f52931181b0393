"""Hours that look like an incident are proposed for exclusion; ordinary ones are not."""

import numpy as np
import pytest

from analysis.counting.incidents import join_hours, propose_exclusions
from analysis.window import window_of_hours
from tests.fixtures.comparators import DEPLOYED_AT, arm, calls


def outage(hours, *, feature="f", per_hour=20, failed=15, usual=0.5):
    """A week of a feature: a few failures in every hour, many in these hours from the deploy."""
    failures = np.random.default_rng(1).poisson(usual, 168)
    failures[[hour + 168 for hour in hours]] = failed
    failures = np.minimum(failures, per_hour)
    return calls(-168, 0, per_hour=per_hour, feature=feature, http_5xx=failures)


def propose(*rows, **keys):
    return propose_exclusions(arm(-168, 0, *rows, **keys))


def test_an_outage_is_proposed():
    assert propose(outage([-40, -39, -12])) == (-40, -39, -12)


def test_an_outage_of_a_small_feature_is_found_among_large_ones():
    steady = calls(-168, 0, per_hour=500, feature="large", timeout=450)
    assert propose(steady, outage([-30], feature="small")) == (-30,)


@pytest.mark.parametrize("usual", [0, 0.05, 0.5, 4])
@pytest.mark.parametrize("per_hour", [6, 20, 200])
def test_ordinary_hours_are_not_proposed(usual, per_hour):
    assert propose(outage([], per_hour=per_hour, usual=usual * per_hour / 20)) == ()


def test_ordinary_slowdowns_are_not_incidents():
    """Every fourth hour has three times the failures of the others."""
    often = np.where(np.arange(168) % 4 == 0, 12, 4)
    assert propose(calls(-168, 0, per_hour=40, http_5xx=often)) == ()


def test_an_excluded_incident_is_not_proposed_again():
    assert propose(outage([-40, -39]), excluded=[-40, -39]) == ()


@pytest.mark.parametrize("per_hour", [4, 6])
def test_few_calls_or_failures_are_not_enough(per_hour):
    assert propose(outage([-40], per_hour=per_hour, failed=4, usual=0)) == ()


def test_adjacent_hours_are_one_window():
    windows = (window_of_hours(DEPLOYED_AT, -5, -3), window_of_hours(DEPLOYED_AT, -1, 0))
    assert join_hours((-5, -4, -1), DEPLOYED_AT) == windows
