import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.special import ndtr

from analysis.statistics.root import find_root


# ---- by hand ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("function", "low", "high", "root"),
    [
        (lambda x: x**2 - 2, 0.0, 2.0, np.sqrt(2)),
        (lambda x: 2 - x**2, 0.0, 2.0, np.sqrt(2)),
        (lambda x: x, -1.0, 3.0, 0.0),
        (lambda x: x - 3, 0.0, 3.0, 3.0),
        (lambda x: x, 0.0, 3.0, 0.0),
        (lambda x: x**3, -1.0, 4.0, 0.0),
        (lambda x: -1.0 if x < 0.3 else 1.0, 0.0, 1.0, 0.3),
        (lambda x: x - 1e9, 0.0, 2e9, 1e9),
    ],
)
def test_a_root(function, low, high, root):
    assert find_root(function, low, high) == pytest.approx(root, rel=2e-12, abs=2e-12)


def test_without_a_change_of_sign_there_is_none_to_find():
    with pytest.raises(ValueError, match="the same sign at 1 and at 2"):
        find_root(lambda x: x, 1, 2)


# ---- laws ------------------------------------------------------------------------------------------------------------
@settings(max_examples=200, deadline=None)
@given(share=st.floats(1e-12, 0.5), sigma=st.floats(0.01, 10), kink=st.floats(0, 3))
def test_it_finds_what_brentq_finds(share, sigma, kink):
    def excess(x):
        return float(ndtr(-x / sigma) + 0.1 * max(0.0, kink - x)) - share

    if excess(0.0) > 0:
        high = 40 * sigma + 4
        assert find_root(excess, 0.0, high) == pytest.approx(
            brentq(excess, 0.0, high, xtol=1e-13, rtol=1e-13), abs=1e-9 * sigma + 2e-12
        )
