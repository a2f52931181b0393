"""The timeout cliff."""

import numpy as np
import pytest

from analysis.statistics.latency.cliff import Cliff, find_cliff


def calls(seed, *, cap, errors, successes, jitter=40.0):
    """Successes below the cap, errors just above it: latency, errors, successes per call."""
    rng = np.random.default_rng(seed)
    fast = np.minimum(rng.gamma(3, 700, successes), cap - 1).round()
    slow = (cap + rng.exponential(jitter, errors)).round()
    is_error = np.repeat([0, 1], [successes, errors])
    return np.concatenate((fast, slow)), is_error, 1 - is_error


# ---- by hand -------------------------------------------------------------------------------------
def test_by_hand():
    latency = [1000, 4500, 4502, 4503, 9000]
    found = find_cliff(latency, errors=[1, 2, 5, 2, 0], successes=[300, 0, 0, 1, 1])
    assert (found.at_ms, found.n_errors, found.share_of_errors) == (4502.0, 9, 0.9)
    assert found.n_beyond == 1
    assert found.p_value < 1e-12


def test_nearly_only_errors_are_not_compared_with_successes():
    found = find_cliff([20_100, 19_000], errors=[98, 0], successes=[0, 2])
    assert found == Cliff(20_100.0, 98, 1.0, 0, None)


# ---- slow double, laws ---------------------------------------------------------------------------
@pytest.mark.parametrize("seed", range(10))
def test_densest_place_equals_trying_every_latency(seed):
    latency, errors, successes = calls(seed, cap=20_000, errors=60, successes=200)
    near = [errors[abs(latency - c) <= 0.02 * c].sum() for c in latency[errors > 0]]
    assert find_cliff(latency, errors, successes).n_errors == max(near)


def test_order_and_repeats_of_groups_do_not_matter():
    groups = calls(1, cap=4500, errors=30, successes=300)
    first = find_cliff(*groups)
    order = np.random.default_rng(0).permutation(groups[0].size)
    assert find_cliff(*[values[order] for values in groups]) == first
    twice = find_cliff(*[np.tile(values, 2) for values in groups])
    assert (twice.at_ms, twice.n_errors) == (first.at_ms, 2 * first.n_errors)


# ---- edges ---------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("latency", "errors", "successes"),
    [
        ([], [], []),
        ([10, 20], [0, 0], [5, 5]),
        ([4502], [4], [0]),
        ([1000, 4502, 9000], [0, 30, 0], [300, 0, 35]),
    ],
    ids=["no calls", "no errors", "few errors", "a tenth of the calls lasts longer"],
)
def test_no_cliff(latency, errors, successes):
    assert find_cliff(latency, errors, successes) is None


def test_other_failures_count_as_calls_beyond_only():
    groups = [1000, 4502, 9000], [0, 30, 0], [300, 0, 0]
    assert find_cliff(*groups, others=[50, 0, 2]).n_beyond == 2
    assert find_cliff(*groups, others=[0, 0, 50]) is None


def test_errors_of_any_latency_are_no_cliff():
    """Failures spread like successes: false alarms at most .005 of 400."""
    alarms = 0
    for seed in range(400):
        rng = np.random.default_rng(seed)
        latency = rng.gamma(3, 700, 500).round()
        errors = (rng.random(500) < 0.1).astype(int)
        alarms += find_cliff(latency, errors, 1 - errors) is not None
    assert alarms <= 2


def test_a_slow_provider_is_no_cliff():
    """Errors near 2 s, where successes are as dense: Fisher says that band is not special."""
    rng = np.random.default_rng(0)
    latency = rng.normal(2000, 15, 400).round()
    errors = (rng.random(400) < 0.05).astype(int)
    assert find_cliff(latency, errors, 1 - errors) is None


@pytest.mark.parametrize(("cap", "errors", "successes"), [(4502, 9, 386), (20_100, 682, 82)])
def test_the_published_cliffs_are_found_every_time(cap, errors, successes):
    """9 errors at 4502 ms and 386 successes up to 4474 ms; 682 at 20.1 s and 82 successes."""
    for seed in range(50):
        groups = calls(seed, cap=cap, errors=errors, successes=successes, jitter=cap / 300)
        assert find_cliff(*groups).at_ms == pytest.approx(cap, rel=0.02)
