"""Laws of a comparison, and properties that hold for any two arms."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.statistics.comparison import compare
from analysis.statistics.totals import ArmTotals

SIDES = ("two-sided", "less", "greater")


def changed(arms, change):
    """Both arms with their stacked sums changed."""
    return [ArmTotals(change(arm.stacked), arm.usable) for arm in arms]


# ---- laws ----------------------------------------------------------------------------------------


def test_limit_test_and_post_bound_agree(noisy_arms):
    found = compare(*noisy_arms(7, 24), indicator=False)
    bound = found.post_interval(0.90)[1]
    assert found.p_value_against(bound, alternative="less") == pytest.approx(0.05)


@pytest.mark.parametrize("scale", [0.4, 0.5, 1.0])
@pytest.mark.parametrize("indicator", [True, False])
def test_interval_and_p_agree(noisy_rate, noisy_arms, scale, indicator):
    """At level 1 - p one end of the interval is 0."""
    arms = noisy_rate(7, 24, before=0.5, after=0.44) if indicator else noisy_arms(7, 4)
    found = compare(*arms, indicator=indicator)
    low, high = found.interval(1 - found.p_value(scale=scale), scale=scale)
    assert min(abs(low), abs(high)) == pytest.approx(0.0, abs=1e-6 * found.baseline_value)


def test_swapped_arms_turn_the_difference(noisy_rate):
    """The p values differ a little: each is asked at its own baseline's rate."""
    arms = noisy_rate(1, 24, before=0.4, after=0.3)
    there, back = compare(*arms, indicator=True), compare(*arms[::-1], indicator=True)
    assert back.difference == pytest.approx(-there.difference, rel=1e-12)
    assert np.log(back.p_value()) == pytest.approx(np.log(there.p_value()), rel=0.1)


def later(sums):
    """The same calls, each 500 ms later."""
    y, n, yy, _, nn = sums
    return np.stack([y + 500 * n, n, yy + 1000 * y + 250_000 * n, y + 500 * n, nn])


IN_SECONDS = np.array([1e-3, 1, 1e-6, 1e-3, 1]).reshape(5, 1, 1, 1)


@pytest.mark.parametrize(
    ("change", "unit", "shift"),
    [
        (lambda sums: sums * IN_SECONDS, 1e-3, 0.0),
        (lambda sums: 10 * sums, 1.0, 0.0),
        (later, 1.0, 500.0),
    ],
    ids=["seconds", "ten times the calls with the same hours", "every call 500 ms later"],
)
def test_units_traffic_and_shifts(noisy_arms, change, unit, shift):
    """Hours decide, not calls: ten times the traffic has the same variance."""
    arms = noisy_arms(7, 4)
    first = compare(*arms, indicator=False)
    other = compare(*changed(arms, change), indicator=False)
    assert other.baseline_value == pytest.approx(unit * first.baseline_value + shift, rel=1e-12)
    assert other.difference == pytest.approx(unit * first.difference, rel=1e-9)
    assert other.variance == pytest.approx(unit**2 * first.variance, rel=1e-6)
    assert other.p_value() == pytest.approx(first.p_value(), rel=1e-6)


def test_an_empty_hour_moves_no_value(noisy_arms):
    before, after = noisy_arms(7, 4)
    padded = np.pad(after.stacked, ((0, 0), (0, 0), (0, 0), (0, 1)))
    longer = ArmTotals(padded, np.array([[True] * 4 + [False]]))
    first, found = (compare(before, arm, indicator=False) for arm in (after, longer))
    assert found.difference == pytest.approx(first.difference, rel=1e-12)
    assert found.post_n == first.post_n


# ---- properties ----------------------------------------------------------------------------------


@st.composite
def any_arms(draw):
    strata, repeats = draw(st.integers(1, 3)), draw(st.integers(1, 8))
    hours, indicator = draw(st.integers(1, 30)), draw(st.booleans())
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    calls = draw(st.sampled_from([0.02, 0.5, 5, 1000]))
    share = draw(st.sampled_from([0.0, 0.01, 0.3, 0.99, 1.0]))

    def arm(shape):
        n = rng.poisson(calls, shape).astype(float)
        usable = rng.random(shape[1:]) < draw(st.sampled_from([1.0, 0.9, 0.3]))
        if indicator:
            return ArmTotals.of_events(rng.binomial(n.astype(int), share), n, usable)
        y = n * np.round(rng.gamma(2, 500, shape)) * (rng.random(shape) < max(share, 0.1))
        return ArmTotals.of_sums(y=y, n=n, yy=y * 1000, yn=y, nn=n, usable=usable)

    return arm((strata, repeats, 24)), arm((strata, 1, hours)), indicator


@settings(max_examples=150, deadline=None)
@given(any_arms(), st.floats(0.05, 3.0), st.floats(0.5, 0.9999))
def test_every_answer_is_a_number(pair, scale, level):
    """No exception, no nan; p in 0..1; intervals contain their estimates and agree with p."""
    before, after, indicator = pair
    found = compare(before, after, indicator=indicator)
    p = [found.p_value(scale=scale, alternative=side) for side in SIDES]
    p += [found.p_value_against(0.1, alternative=side) for side in SIDES]
    assert all(0 <= one <= 1 for one in p)
    numbers = [
        found.baseline_value,
        found.post_value,
        found.reference_value,
        found.difference,
        found.ratio,
    ]
    numbers += [found.variance, found.df, found.crude_difference, found.coverage]
    numbers += [found.overdispersion, *found.interval(level), *found.variance_parts()]
    assert not any(np.isnan(one) for one in numbers if one is not None)
    if found.difference is None:
        return
    low, high = found.interval(level, scale=scale)
    estimate = found.post_value - scale * found.reference_value
    assert low - 1e-12 <= estimate <= high + 1e-12
    # beyond 100 % no rate lies, and p is the cautious one there
    is_possible = not indicator or scale * found.reference_value <= 1
    if is_possible and abs(p[0] - (1 - level)) > 1e-6:
        assert (low > 0 or high < 0) == (p[0] < 1 - level)
    low, high = found.post_interval(level)
    assert low <= found.post_value <= high


@settings(max_examples=40, deadline=None)
@given(any_arms(), st.randoms())
def test_the_order_of_strata_does_not_matter(pair, random):
    before, after, indicator = pair
    order = list(range(before.y.shape[0]))
    random.shuffle(order)
    first = compare(before, after, indicator=indicator)
    moved = changed((before, after), lambda sums: sums[:, order])
    second = compare(*moved, indicator=indicator)
    assert second.method == first.method
    if first.difference is not None:
        assert second.p_value() == pytest.approx(first.p_value(), rel=1e-6, abs=1e-12)
        assert second.interval() == pytest.approx(first.interval(), rel=1e-6, abs=1e-9)
