"""The index and the adjustment: by hand, by laws, and against a slow double on single calls."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.statistics.comparison import compare
from analysis.statistics.controls.adjustment import compare_adjusted, slope_on_index
from analysis.statistics.controls.index import slowness_index, weight_control
from analysis.statistics.standardisation import standardise
from analysis.statistics.totals import ArmTotals
from tests.fixtures.adjusted_by_rows import AdjustedByRows, draw_calls


def flat(ms, *, n=20.0, hours=4, post=1.0, wave=None):
    """A feature of constant latency, times `wave` (a factor an hour of baseline) and `post`."""
    wave = np.ones((7, 24)) if wave is None else wave

    def arm(values):
        calls = np.full(values.shape, n)
        y = calls * values
        return ArmTotals.of_sums(y=y, n=calls, yy=y * values, yn=y, nn=calls)

    return arm(ms * wave[None]), arm(np.full((1, 1, hours), ms * post))


@pytest.fixture(name="wave")
def wave_fixture():
    """Slow hours of the baseline that all features share, different on each day."""
    return 1 + 0.3 * np.random.default_rng(5).standard_normal((7, 24)).clip(-2, 2)


def index_of(*features):
    return slowness_index([weight_control(str(i), *arms) for i, arms in enumerate(features)])


def adjust(target, index, *, indicator=False):
    return compare_adjusted(compare(*target, indicator=indicator), standardise(*target), index)


# ---- by hand -------------------------------------------------------------------------------------


def test_the_index_is_the_weighted_mean_of_relative_times():
    """Weights 1 / 1.4 and 1 / 3: (20/1.4 * 1.2 + 100/3 * 1) / (20/1.4 + 100/3) - 1 = .06."""
    index = index_of(flat(500, post=1.2), flat(9000, n=100.0))
    assert index.post.tolist() == pytest.approx([0.06] * 4)
    assert np.abs(index.baseline).max() < 1e-12
    assert index.movement == pytest.approx(0.06)


def test_what_follows_the_index_is_taken_out_of_both_arms(wave):
    index = index_of(flat(700.0, wave=wave, post=1.25), flat(3000.0, wave=wave, post=1.25))
    target = flat(2000, wave=wave, post=1.25)
    adjusted, plain = adjust(target, index), compare(*target, indicator=False)
    assert adjusted.slope.value == pytest.approx(1.0)
    assert adjusted.comparison.baseline_value == pytest.approx(plain.baseline_value)
    assert adjusted.comparison.difference == pytest.approx(0.0, abs=1e-9)


def test_a_target_that_shares_nothing_keeps_the_plain_comparison(wave):
    own = 1 + 0.3 * np.random.default_rng(11).standard_normal((7, 24)).clip(-2, 2)
    target, index = flat(2000, wave=own, post=1.1), index_of(*[flat(900.0, wave=wave)] * 2)
    plain = compare(*target, indicator=False)
    adjusted = compare_adjusted(plain, standardise(*target), index)
    assert (adjusted.slope.value, adjusted.comparison) == (0, plain)


def test_a_slope_is_at_most_three(wave):
    index = index_of(*[flat(900.0, wave=1 + (wave - 1) / 10)] * 2)
    slope = slope_on_index(standardise(*flat(2000, wave=wave)), index)
    assert slope.raw > 3 == slope.value


# ---- laws ----------------------------------------------------------------------------------------


def test_units_do_not_matter(noisy_arms):
    unit = np.array([1e-3, 1, 1e-6, 1e-3, 1]).reshape(5, 1, 1, 1)

    def in_seconds(arms):
        return tuple(ArmTotals(arm.stacked * unit, arm.usable) for arm in arms)

    target, others = noisy_arms(7, 24, seed=1), [noisy_arms(7, 24, seed=seed) for seed in (1, 2, 3)]
    in_ms, in_s = index_of(*others), index_of(*map(in_seconds, others))
    assert in_s.post == pytest.approx(in_ms.post, rel=1e-12)
    one, other = adjust(target, in_ms), adjust(in_seconds(target), in_s)
    assert other.slope.value == pytest.approx(one.slope.value, rel=1e-10)
    assert other.comparison.difference == pytest.approx(one.comparison.difference / 1000, rel=1e-10)
    assert other.comparison.p_value() == pytest.approx(one.comparison.p_value(), rel=1e-10)


def test_the_order_of_the_controls_does_not_matter(noisy_arms):
    features = [noisy_arms(7, 4, seed=seed) for seed in range(4)]
    assert index_of(*features[::-1]).post == pytest.approx(index_of(*features).post, rel=1e-12)


# ---- edges ---------------------------------------------------------------------------------------


def scaled(arm, hours):
    return ArmTotals(arm.stacked * hours, arm.usable)


def test_hours_without_control_calls_take_the_mean_after_the_deploy_and_zero_before(wave):
    before, after = flat(900.0, wave=wave, post=1.25)
    hole_before, hole_after = np.ones((1, 7, 24)), np.ones((1, 1, 4))
    hole_before[0, 2, 5] = hole_after[0, 0, 1] = 0
    index = index_of((scaled(before, hole_before), scaled(after, hole_after)))
    assert index.baseline[2, 5] == 0
    assert index.post[1] == pytest.approx(index.post[0])


def test_few_events_and_empty_arms_are_not_adjusted(wave):
    index = index_of(*[flat(900.0, wave=wave)] * 2)
    before, after = flat(500)
    silent = before, scaled(after, 0.0)
    assert weight_control("silent", *silent) is None
    assert adjust(silent, index) is None
    rare = (
        ArmTotals.of_events(np.full((1, 7, 24), 0.1), np.full((1, 7, 24), 20.0)),
        ArmTotals.of_events(np.ones((1, 1, 4)), np.full((1, 1, 4), 20.0)),
    )
    assert adjust(rare, index, indicator=True) is None


# ---- against a slow double -----------------------------------------------------------------------


def arms_of(calls, feature, *, repeats, cycle, hours, usable=None):
    """The hour sums of one feature."""
    before, after = (np.zeros((5, 2, *shape)) for shape in ((repeats, cycle), (1, hours)))
    for _, stratum, repeat, hour, y in (call for call in calls if call[0] == feature):
        sums, place = (after, (0, hour)) if repeat < 0 else (before, (repeat, hour))
        sums[(slice(None), stratum, *place)] += (y, 1.0, y * y, y, 1.0)
    usable = np.ones((repeats, cycle), dtype=bool) if usable is None else usable
    return ArmTotals(before, usable), ArmTotals(after, np.ones((1, hours), dtype=bool))


def incident_in(repeats, cycle):
    """Usable hours, with an incident of five hours on the second day."""
    usable = np.ones((repeats, cycle), dtype=bool)
    usable.ravel()[cycle + 5 : cycle + 10] = False
    return usable


CASES = {
    "seven days, a day": {"repeats": 7, "cycle": 24, "hours": 24},
    "seven days, four hours": {"repeats": 7, "cycle": 24, "hours": 4},
    "three days, a day": {"repeats": 3, "cycle": 24, "hours": 24},
    "longer than the cycle": {"repeats": 5, "cycle": 24, "hours": 30},
    "an incident": {"repeats": 5, "cycle": 24, "hours": 6, "usable": incident_in(5, 24)},
    "one day": {"repeats": 1, "cycle": 24, "hours": 24},
    "two days": {"repeats": 2, "cycle": 24, "hours": 13},
    "two weeks": {"repeats": 2, "cycle": 168, "hours": 24},
}


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("name", CASES)
def test_agrees_with_the_double_on_single_calls(name, seed):
    case = CASES[name]
    shape = {key: case[key] for key in ("repeats", "cycle", "hours")}
    calls = draw_calls(seed, **shape, rate=5.0 if case["cycle"] == 168 else 14.0)
    target, *others = (arms_of(calls, feature, **case) for feature in range(4))
    index = index_of(*others)
    adjusted, slow = adjust(target, index), AdjustedByRows(calls, **case)
    comparison = adjusted.comparison
    found = {
        "slope": adjusted.slope.value,
        "se": adjusted.slope.se,
        "expected": adjusted.expected,
        "base": comparison.baseline_value,
        "post": comparison.post_value,
        "variance": comparison.variance,
        "df": comparison.df,
        "p": comparison.p_value(),
    }
    assert found == pytest.approx(slow.adjusted(), rel=1e-10, abs=1e-10)
    assert adjusted.slope.value > 0
    before = [index.baseline[place] for place in slow.there]
    assert before == pytest.approx([slow.index[place] for place in slow.there], rel=1e-10)
    after = [slow.index[place] for place in slow.after]
    assert list(index.post) == pytest.approx(after, rel=1e-10)
