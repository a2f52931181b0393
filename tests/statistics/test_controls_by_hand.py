"""The index of slowness and what follows it taken out, by hand; its laws and edges."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from analysis.statistics.comparison import compare
from analysis.statistics.controls.adjustment import compare_adjusted, slope_on_index
from analysis.statistics.controls.index import slowness_index, weigh_control
from analysis.statistics.totals import ArmTotals, standardise

# ---- by hand ---------------------------------------------------------------------------------------------------------


def flat(ms, *, n=20.0, repeats=7, hours=4, post=1.0, wave=None):
    """A feature of constant latency, times `wave` (one factor an hour of the baseline) and `post` after the deploy."""
    wave = np.ones((repeats, 24)) if wave is None else wave
    before, after = np.full((1, repeats, 24), n), np.full((1, 1, hours), n)

    def arm(n, value):
        return ArmTotals(
            y=n * value,
            n=n,
            yy=n * value * value,
            yn=n * value,
            nn=n,
            usable=np.ones(n.shape[1:], dtype=bool),
        )

    return arm(before, ms * wave[None]), arm(after, np.full((1, 1, hours), ms * post))


@pytest.fixture(name="wave")
def wave_fixture():
    """What every feature shares in the baseline: slow hours of different strength, alike on no two days."""
    return 1 + 0.3 * np.random.default_rng(5).standard_normal((7, 24)).clip(-2, 2)


def test_the_index_is_the_weighted_mean_of_relative_times():
    """20 calls an hour weigh 1 / 1.4 each, 100 calls 1 / 3: (20/1.4 * 1.2 + 100/3 * 1) / (20/1.4 + 100/3) - 1 = .06."""
    quiet, busy = (
        weigh_control("quiet", *flat(500, post=1.2)),
        weigh_control("busy", *flat(9000, n=100.0)),
    )
    index = slowness_index([quiet, busy])
    assert index.post.tolist() == pytest.approx([0.06] * 4)
    assert np.abs(index.baseline).max() < 1e-12
    assert index.movement == pytest.approx(0.06)


def test_what_follows_the_index_is_taken_out_of_both_arms(wave):
    controls = [
        weigh_control(name, *flat(ms, wave=wave, post=1.25))
        for name, ms in (("a", 700.0), ("b", 3000.0))
    ]
    index, target = slowness_index(controls), flat(2000, wave=wave, post=1.25)
    adjusted = compare_adjusted(compare(*target, indicator=False), standardise(*target), index)
    assert adjusted.slope.value == pytest.approx(1.0)
    assert adjusted.comparison.baseline_value == pytest.approx(
        compare(*target, indicator=False).baseline_value
    )
    assert adjusted.comparison.difference == pytest.approx(0.0, abs=1e-9)


def test_a_target_that_shares_nothing_keeps_the_plain_comparison(wave):
    own = 1 + 0.3 * np.random.default_rng(11).standard_normal((7, 24)).clip(-2, 2)
    index = slowness_index([weigh_control(name, *flat(900.0, wave=wave)) for name in "ab"])
    target = flat(2000, wave=own, post=1.1)
    plain = compare(*target, indicator=False)
    adjusted = compare_adjusted(plain, standardise(*target), index)
    assert adjusted.slope.value == 0
    assert adjusted.comparison is plain


def test_a_slope_is_at_most_three(wave):
    index = slowness_index(
        [weigh_control(name, *flat(900.0, wave=1 + (wave - 1) / 10)) for name in "ab"]
    )
    slope = slope_on_index(standardise(*flat(2000, wave=wave)), index)
    assert slope.raw > 3
    assert slope.value == 3


# ---- laws ------------------------------------------------------------------------------------------------------------


def in_other_units(arms, factor):
    return tuple(
        replace(arm, y=arm.y * factor, yy=arm.yy * factor**2, yn=arm.yn * factor) for arm in arms
    )


def test_units_do_not_matter(noisy_arms):
    target, others = noisy_arms(7, 24, seed=1), [noisy_arms(7, 24, seed=seed) for seed in (1, 2, 3)]
    in_ms = slowness_index([weigh_control("c", *arms) for arms in others])
    in_s = slowness_index([weigh_control("c", *in_other_units(arms, 0.001)) for arms in others])
    assert in_s.post == pytest.approx(in_ms.post, rel=1e-12)
    one = compare_adjusted(compare(*target, indicator=False), standardise(*target), in_ms)
    scaled = in_other_units(target, 0.001)
    other = compare_adjusted(compare(*scaled, indicator=False), standardise(*scaled), in_s)
    assert other.slope.value == pytest.approx(one.slope.value, rel=1e-10)
    assert other.comparison.difference == pytest.approx(one.comparison.difference / 1000, rel=1e-10)
    assert other.comparison.p_value() == pytest.approx(one.comparison.p_value(), rel=1e-10)


def test_the_order_of_the_controls_does_not_matter(noisy_arms):
    controls = [weigh_control(str(seed), *noisy_arms(7, 4, seed=seed)) for seed in range(4)]
    assert slowness_index(controls[::-1]).post == pytest.approx(
        slowness_index(controls).post, rel=1e-12
    )


# ---- edges -----------------------------------------------------------------------------------------------------------


def test_controls_without_calls_are_none():
    before, after = flat(500)
    assert (
        weigh_control(
            "silent",
            before,
            replace(
                after,
                y=after.y * 0,
                n=after.n * 0,
                yy=after.yy * 0,
                yn=after.yn * 0,
                nn=after.nn * 0,
            ),
        )
        is None
    )


def test_hours_without_control_calls_take_the_mean_after_the_deploy_and_zero_before(wave):
    before, after = flat(900.0, wave=wave, post=1.25)
    hole_before, hole_after = np.ones((1, 7, 24)), np.ones((1, 1, 4))
    hole_before[0, 2, 5] = hole_after[0, 0, 1] = 0

    def with_hole(arm, hole):
        return replace(
            arm, **{name: getattr(arm, name) * hole for name in ("y", "n", "yy", "yn", "nn")}
        )

    index = slowness_index(
        [weigh_control("c", with_hole(before, hole_before), with_hole(after, hole_after))]
    )
    assert index.baseline[2, 5] == 0
    assert index.post[1] == pytest.approx(index.post[0])


def test_few_events_and_empty_arms_are_not_adjusted(wave):
    index = slowness_index([weigh_control(name, *flat(900.0, wave=wave)) for name in "ab"])
    rare = (
        ArmTotals.of_events(np.full((1, 7, 24), 0.1), np.full((1, 7, 24), 20.0)),
        ArmTotals.of_events(np.ones((1, 1, 4)), np.full((1, 1, 4), 20.0)),
    )
    assert compare_adjusted(compare(*rare, indicator=True), standardise(*rare), index) is None
    before, after = flat(500)
    nothing = (
        before,
        replace(
            after, y=after.y * 0, n=after.n * 0, yy=after.yy * 0, yn=after.yn * 0, nn=after.nn * 0
        ),
    )
    assert (
        compare_adjusted(compare(*nothing, indicator=False), standardise(*nothing), index) is None
    )
