"""The timeout cliff."""

import numpy as np
import pytest

from analysis.statistics.cliff import Cliff, find_cliff


def calls(seed, *, cap, errors, successes, jitter=40, needed=lambda rng, n: rng.gamma(3, 700, n)):
    """Successes below the cap, errors cut off just above it: latency, errors, successes per call."""
    rng = np.random.default_rng(seed)
    fast = np.minimum(needed(rng, successes), cap - 1).round()
    slow = (cap + rng.exponential(jitter, errors)).round()
    return (
        np.concatenate((fast, slow)),
        np.repeat([0, 1], [successes, errors]),
        np.repeat([1, 0], [successes, errors]),
    )


# by hand


def test_by_hand():
    found = find_cliff(
        [1000, 4500, 4502, 4503, 9000], errors=[1, 2, 5, 2, 0], successes=[300, 0, 0, 1, 1]
    )
    assert (found.at_ms, found.n_errors, found.share_of_errors, found.n_beyond) == (
        4502.0,
        9,
        0.9,
        1,
    )
    assert found.p_value < 1e-12


def test_nearly_only_errors_are_not_compared_with_successes():
    assert find_cliff([20_100, 19_000], errors=[98, 0], successes=[0, 2]) == Cliff(
        20_100.0, 98, 1.0, 0, None
    )


# slow double


def slow_cliff(latency, errors, successes):
    """Try every latency of an error."""
    best = max(
        ((errors[abs(latency - c) <= 0.02 * c]).sum() for c in latency[errors > 0]), default=0
    )
    return best


@pytest.mark.parametrize("seed", range(10))
def test_densest_place_equals_the_slow_double(seed):
    latency, errors, successes = calls(seed, cap=20_000, errors=60, successes=200)
    assert find_cliff(latency, errors, successes).n_errors == slow_cliff(latency, errors, successes)


# laws


def test_order_and_unit_of_groups_do_not_matter():
    latency, errors, successes = calls(1, cap=4500, errors=30, successes=300)
    first = find_cliff(latency, errors, successes)
    order = np.random.default_rng(0).permutation(latency.size)
    assert find_cliff(latency[order], errors[order], successes[order]) == first
    twice = find_cliff(np.tile(latency, 2), np.tile(errors, 2), np.tile(successes, 2))
    assert (twice.at_ms, twice.n_errors) == (first.at_ms, 2 * first.n_errors)


# edges


def test_no_errors_few_errors_no_calls():
    assert find_cliff([], [], []) is None
    assert find_cliff([10, 20], [0, 0], [5, 5]) is None
    assert find_cliff([4502], [4], [0]) is None


def test_errors_of_any_latency_are_no_cliff():
    """Failures spread like successes: false alarms at most .0015."""
    alarms = 0
    for seed in range(400):
        rng = np.random.default_rng(seed)
        latency = rng.gamma(3, 700, 500).round()
        errors = (rng.random(500) < 0.1).astype(int)
        alarms += find_cliff(latency, errors, 1 - errors) is not None
    assert alarms <= 2


def test_calls_beyond_make_it_no_cap():
    """Errors piled up at 4.5 s while a tenth of the calls lasts longer: nothing was cut off there."""
    assert find_cliff([1000, 4502, 9000], errors=[0, 30, 0], successes=[300, 0, 35]) is None


def test_other_failures_count_as_calls_beyond_only():
    latency, errors, successes = [1000, 4502, 9000], [0, 30, 0], [300, 0, 0]
    assert find_cliff(latency, errors, successes, others=[50, 0, 2]).n_beyond == 2
    assert find_cliff(latency, errors, successes, others=[0, 0, 50]) is None


def test_a_slow_provider_is_no_cliff():
    """Errors near 2 s, where successes are as dense: Fisher says that band is not special."""
    rng = np.random.default_rng(0)
    latency = rng.normal(2000, 15, 400).round()
    errors = (rng.random(400) < 0.05).astype(int)
    assert find_cliff(latency, errors, 1 - errors) is None


# the published rollout


@pytest.mark.parametrize(("cap", "errors", "successes"), [(4502, 9, 386), (20_100, 682, 82)])
def test_the_published_cliffs_are_found_every_time(cap, errors, successes):
    """9 errors at 4502 ms beside 386 successes up to 4474 ms; 682 at 20.1 s beside 82 successes."""
    for seed in range(50):
        found = find_cliff(
            *calls(seed, cap=cap, errors=errors, successes=successes, jitter=cap / 300)
        )
        assert found.at_ms == pytest.approx(cap, rel=0.02)
