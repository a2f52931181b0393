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


# ---- by hand -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("p_values", "plan", "crossed"),
    [
        ([0.03, 0.01, 0.04], {}, [False, True, False]),
        ([0.04], {}, [True]),
        ([0.04, 1.0], {}, [False, False]),
        ([0.0, 0.0, 1.0], {"times": PLAN, "look": 0}, [True, True, False]),
        ([], {}, []),
    ],
    ids=["stops at .03 > .05/2", "alone", "no data counts as 1", "p of zero, ties", "none"],
)
def test_step_down(p_values, plan, crossed):
    assert [one.crossed for one in holm(p_values, **plan)] == crossed


def test_each_rank_has_its_own_bound():
    found = holm([1e-9, 0.5, 1e-4], times=PLAN, look=1)
    expected = [bounds(PLAN, 0.05 / family)[1] for family in (3, 1, 2)]
    assert [one.bound for one in found] == pytest.approx(expected)
    assert [one.crossed for one in found] == [True, False, z_value(1e-4) >= expected[2]]


# ---- laws ----------------------------------------------------------------------------------------
@given(st.lists(st.floats(0, 1), min_size=1, max_size=6), st.integers(0, 2), st.floats(0.01, 0.2))
def test_adjusted_p_and_decision_agree(p_values, look, alpha):
    found = holm(p_values, times=PLAN, look=look, alpha=alpha)
    assert [one.crossed for one in found] == [one.p_adjusted <= alpha for one in found]
    ordered = [found[i].p_adjusted for i in np.argsort(p_values, kind="stable")]
    assert all(a <= b or a == pytest.approx(b) for a, b in pairwise(ordered))
    assert all(0 < one.p_adjusted <= 1 for one in found)


@pytest.mark.parametrize("index", [0, 1])
def test_adjusted_p_is_the_smallest_alpha(index):
    p = [2e-4, 3e-3, 0.2]
    smallest = holm(p, times=PLAN, look=1)[index].p_adjusted
    assert holm(p, times=PLAN, look=1, alpha=smallest * 1.002)[index].crossed
    assert not holm(p, times=PLAN, look=1, alpha=smallest * 0.998)[index].crossed


def test_order_does_not_matter():
    assert holm(PUBLISHED, times=PLAN) == holm(PUBLISHED[::-1], times=PLAN)[::-1]


# ---- expansion oracle, edges ---------------------------------------------------------------------
@pytest.mark.parametrize("seed", range(20))
def test_benjamini_hochberg_equals_scipy(seed):
    """With ties, zeros and ones, and without any p value."""
    p = np.round(np.random.default_rng(seed).uniform(size=seed * 7) ** 3, 3)
    expected = list(false_discovery_control(p)) if p.size else []
    assert benjamini_hochberg(p) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("wrong", [-0.1, 1.1, float("nan")])
def test_p_must_be_a_probability(wrong):
    with pytest.raises(ValueError, match=r"must lie in 0\.\.1"):
        holm([0.1, wrong])


# ---- published values ----------------------------------------------------------------------------
def test_benjamini_hochberg_published():
    """Benjamini & Hochberg 1995, step-up; equals R's p.adjust(method = "BH")."""
    expected = [0.02, 0.06, 0.02, 0.048, 0.02, 0.045]
    assert benjamini_hochberg(PUBLISHED) == pytest.approx(expected, rel=1e-12)


def test_holm_published():
    """Holm 1979 on the same six; equals R's p.adjust(method = "holm")."""
    expected = [0.03, 0.09, 0.035, 0.09, 0.04, 0.09]
    assert [one.p_adjusted for one in holm(PUBLISHED)] == pytest.approx(expected, rel=1e-9)
