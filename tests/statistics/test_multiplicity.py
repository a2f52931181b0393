"""Several claims at one look."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from analysis.statistics.multiplicity import benjamini_hochberg, holm
from analysis.statistics.sequential import bounds, z_value

PLAN = (1 / 24, 4 / 24, 1.0)
PUBLISHED = [0.005, 0.06, 0.007, 0.04, 0.01, 0.03]


# by hand


def test_step_down_stops_at_the_first_that_fails():
    """.01 < .05/3; .03 > .05/2 stops; .04 < .05 would do alone but comes after."""
    assert [one.crossed for one in holm([0.03, 0.01, 0.04])] == [False, True, False]


def test_each_rank_has_its_own_bound():
    found = holm([1e-9, 0.5, 1e-4], times=PLAN, look=1, alpha=0.05)
    expected = [bounds(PLAN, 0.05 / family)[1] for family in (3, 1, 2)]
    assert [one.bound for one in found] == pytest.approx(expected)
    assert [one.crossed for one in found] == [True, False, z_value(1e-4) >= expected[2]]


def test_no_data_counts_as_one():
    assert holm([0.04, 1.0])[0].crossed is False
    assert holm([0.04])[0].crossed is True


# laws


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6), st.integers(0, 2), st.floats(0.01, 0.2))
def test_adjusted_p_and_decision_agree(p_values, look, alpha):
    found = holm(p_values, times=PLAN, look=look, alpha=alpha)
    assert [one.crossed for one in found] == [one.p_adjusted <= alpha for one in found]
    ordered = [found[i].p_adjusted for i in np.argsort(p_values, kind="stable")]
    assert all(a <= b or a == pytest.approx(b) for a, b in pairwise(ordered))
    assert all(0 < one.p_adjusted <= 1 for one in found)


def test_adjusted_p_is_the_smallest_alpha():
    p = [2e-4, 3e-3, 0.2]
    for index in (0, 1):
        smallest = holm(p, times=PLAN, look=1)[index].p_adjusted
        assert holm(p, times=PLAN, look=1, alpha=smallest * 1.002)[index].crossed
        assert not holm(p, times=PLAN, look=1, alpha=smallest * 0.998)[index].crossed


def test_order_does_not_matter():
    there, back = holm(PUBLISHED, times=PLAN), holm(PUBLISHED[::-1], times=PLAN)
    assert there == back[::-1]


# edges


def test_nothing_declared():
    assert holm([]) == []
    assert benjamini_hochberg([]) == []


def test_p_of_zero_and_ties():
    assert [one.crossed for one in holm([0.0, 0.0, 1.0], times=PLAN, look=0)] == [True, True, False]


@pytest.mark.parametrize("wrong", [-0.1, 1.1, float("nan")])
def test_p_must_be_a_probability(wrong):
    with pytest.raises(ValueError, match=r"must lie in 0\.\.1"):
        holm([0.1, wrong])


# published values


def test_benjamini_hochberg_published():
    """Benjamini & Hochberg 1995, step-up; equals scipy.stats.false_discovery_control and R's p.adjust(method = "BH")."""
    assert benjamini_hochberg(PUBLISHED) == pytest.approx(
        [0.02, 0.06, 0.02, 0.048, 0.02, 0.045], rel=1e-12
    )


@pytest.mark.parametrize("seed", range(20))
def test_benjamini_hochberg_equals_scipy(seed):
    rng = np.random.default_rng(seed)
    p = np.round(rng.uniform(size=seed * 7) ** 3, 3)  # with ties, zeros and ones
    assert benjamini_hochberg(p) == pytest.approx(
        list(false_discovery_control(p)) if p.size else [], rel=1e-12
    )


def test_holm_published():
    """Holm 1979 on the same six; equals R's p.adjust(method = "holm")."""
    assert [one.p_adjusted for one in holm(PUBLISHED)] == pytest.approx(
        [0.03, 0.09, 0.035, 0.09, 0.04, 0.09], rel=1e-9
    )
