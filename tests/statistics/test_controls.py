"""Control features against a slow double that works on single calls and imports nothing of the statistics."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from scipy import stats

from analysis.statistics.comparison import compare
from analysis.statistics.controls import Proportional, guard, screen, settle
from analysis.statistics.controls_adjusted import compare_adjusted, slope_on_index
from analysis.statistics.controls_index import slowness_index, weigh_control
from analysis.statistics.controls_proportional import TimedCalls, proportional_factor, proportional_share
from analysis.statistics.totals import ArmTotals, standardise

# ---- calls -----------------------------------------------------------------------------------------------------------


def draw_calls(seed, *, repeats, cycle, hours, features=4, shared=0.8, effect=1.0, provider=1.0, rate=14.0):
    """Single calls: (feature, stratum, repeat or -1 after the deploy, hour, latency). Feature 0 is the target."""
    rng = np.random.default_rng(seed)
    length = repeats * cycle + hours
    drift = np.zeros((features + 1, length))
    for t in range(1, length):
        drift[:, t] = 0.6 * drift[:, t - 1] + 0.25 * rng.standard_normal(features + 1)
    calls = []
    for feature in range(features):
        log_pace = math.sqrt(shared) * drift[features] + math.sqrt(1 - shared) * drift[feature]
        for t in range(length):
            is_post = t >= repeats * cycle
            pace = math.exp(log_pace[t]) * (provider if is_post else 1.0) * (effect if is_post and not feature else 1.0)
            for _ in range(rng.poisson(rate * (1 + 0.5 * math.cos(t * math.pi / 12)))):
                stratum = int(rng.integers(2))
                latency = float(np.floor(1000 * (feature + 1) * (1 + stratum) * pace * math.exp(0.4 * rng.standard_normal())))
                place = (-1, t - repeats * cycle) if is_post else (t // cycle, t % cycle)
                calls.append((feature, stratum, *place, latency))
    return calls


def arms_of(calls, feature, *, repeats, cycle, hours, usable=None):
    """The hour sums of one feature, as the product makes them."""
    usable = np.ones((repeats, cycle), dtype=bool) if usable is None else usable
    before, after = (np.zeros((5, 2, *shape)) for shape in ((repeats, cycle), (1, hours)))
    for _, stratum, repeat, hour, y in (call for call in calls if call[0] == feature):
        sums, place = (after, (0, hour)) if repeat < 0 else (before, (repeat, hour))
        for row, value in enumerate((y, 1.0, y * y, y, 1.0)):
            sums[(row, stratum, *place)] += value
    return ArmTotals(*before, usable=usable), ArmTotals(*after, usable=np.ones((1, hours), dtype=bool))


def by_product(calls, *, repeats, cycle, hours, usable=None, features=4):
    shape = {"repeats": repeats, "cycle": cycle, "hours": hours, "usable": usable}
    target, *others = (arms_of(calls, feature, **shape) for feature in range(features))
    index = slowness_index([weigh_control(str(number), *arms) for number, arms in enumerate(others, start=1)])
    plain = compare(*target, indicator=False)
    return plain, index, compare_adjusted(plain, standardise(*target), index)


# ---- the double ------------------------------------------------------------------------------------------------------


class ByRows:
    """CONTROLS word by word, on lists of calls and dictionaries of hours."""

    def __init__(self, calls, *, repeats, cycle, hours, usable=None, features=4):
        self.repeats, self.cycle, self.hours = repeats, cycle, hours
        self.there = [(r, h) for r in range(repeats) for h in range(cycle) if usable is None or usable[r, h]]
        self.after = [(-1, h) for h in range(hours)]
        self.times_matched = defaultdict(int)
        for h in range(hours):
            self.times_matched[h % cycle] += 1
        keep = set(self.there) | set(self.after)
        self.calls = [[c for c in calls if c[0] == f and (c[2], c[3]) in keep] for f in range(features)]
        self.factor = [self.overlap(f) for f in range(features)]
        self.mean = [self.total(f, self.there, 4) / self.total(f, self.there) for f in range(features)]
        self.index = self.make_index(range(1, features))

    def overlap(self, feature):
        nb, np_ = defaultdict(float), defaultdict(float)
        for _, s, r, h, _y in self.calls[feature]:
            if r < 0:
                np_[s] += 1
            else:
                nb[s] += self.times_matched[h]
        both = [s for s in nb if nb[s] and np_.get(s)]
        w = {s: nb[s] * np_[s] / (nb[s] + np_[s]) for s in both}
        total = sum(w.values())
        return {
            s: (w[s] / total / nb[s] * sum(nb[b] for b in both), w[s] / total / np_[s] * sum(np_[b] for b in both)) for s in both
        }

    def weight(self, feature, call):
        return self.factor[feature].get(call[1], (0.0, 0.0))[call[2] < 0]

    def total(self, feature, places, column=None):
        places = set(places)
        return sum(
            self.weight(feature, c) * (1 if column is None else c[column]) for c in self.calls[feature] if (c[2], c[3]) in places
        )

    def per_hour(self, feature, value=lambda call: 1.0):
        sums = defaultdict(float)
        for c in self.calls[feature]:
            sums[c[2], c[3]] += self.weight(feature, c) * value(c)
        return sums

    def make_index(self, controls):
        up, down = defaultdict(float), defaultdict(float)
        for c in controls:
            w = 1 / (1 + self.total(c, self.there) / len(self.there) / 50)
            for place, y in self.per_hour(c, lambda call: call[4]).items():
                up[place] += w * y / self.mean[c]
            for place, n in self.per_hour(c).items():
                down[place] += w * n
        return {place: up[place] / down[place] - 1 for place in down}

    def slope(self):
        y, n = self.per_hour(0, lambda call: call[4]), self.per_hour(0)
        places = [p for p in self.there if n[p] > 0]

        def fit(kept):
            groups = defaultdict(list)
            for p in kept:
                groups[p[1] if self.repeats >= 2 else 0].append(p)
            top = bottom = 0.0
            for group in groups.values():
                mass = sum(n[p] for p in group)
                x0 = sum(n[p] * self.index[p] for p in group) / mass
                e0 = sum(n[p] * (y[p] / n[p] / self.mean[0] - 1) for p in group) / mass
                top += sum(n[p] * (self.index[p] - x0) * (y[p] / n[p] / self.mean[0] - 1 - e0) for p in group)
                bottom += sum(n[p] * (self.index[p] - x0) ** 2 for p in group)
            return top / bottom

        raw = fit(places)
        size, extra = divmod(len(places), 6)
        edges = np.cumsum([0, *[size + 1] * extra, *[size] * (6 - extra)])
        left_out = [fit(places[:a] + places[b:]) for a, b in pairwise(edges)]
        mean = sum(left_out) / 6
        se = math.sqrt(5 / 6 * sum((b - mean) ** 2 for b in left_out))
        return min(3.0, max(0.0, raw) * max(0.0, 1 - se**2 / raw**2)), se

    def adjusted(self):
        b, se = self.slope()
        n = self.per_hour(0)
        matched = [p for p in self.there if self.times_matched[p[1]]]
        nb, npost = sum(n[p] * self.times_matched[p[1]] for p in matched), sum(n[p] for p in self.after)
        before = sum(n[p] * self.times_matched[p[1]] * self.index[p] for p in matched) / nb
        dx = sum(n[p] * self.index[p] for p in self.after) / npost - before
        r = self.mean[0]

        def lowered(call):
            return call[4] - b * r * (self.index[call[2], call[3]] - before)

        y = self.per_hour(0, lowered)
        base, post = sum(y[p] * self.times_matched[p[1]] for p in matched) / nb, sum(y[p] for p in self.after) / npost
        v, df = self.variance(y, n, base=base, post=post)
        v = max(v, sum(self.independent(lowered, places, times) for places, times in ((self.after, False), (matched, True))))
        v += (se**2 + 0.25**2 * b**2) * (r * dx) ** 2
        p = 2 * stats.t.sf(abs(post - base) / math.sqrt(v), df)
        return {"slope": b, "se": se, "expected": dx, "base": base, "post": post, "variance": v, "df": df, "p": p}

    def variance(self, y, n, *, base, post):
        length, days = self.hours, self.repeats * self.cycle / 24
        if days < 3 and length >= 7:
            return self.cosines(y, n, base=base, post=post)
        assert days >= 3
        length = 12 if days < 5 and length > 12 else min(length, self.cycle)
        line, there = [(r, h) for r in range(self.repeats) for h in range(self.cycle)], set(self.there)
        by_phase, sizes, windows = defaultdict(list), [], 0
        for start in range(len(line) - length + 1):
            window = line[start : start + length]
            if all(p in there for p in window):
                sums = (sum(y[p] for p in window), sum(n[p] for p in window))
                by_phase[start % self.cycle].append(sums)
                sizes.append(sums[1])
                windows += 1
        s2, free = 0.0, 0
        for group in by_phase.values():
            ratio = sum(a for a, _ in group) / sum(m for _, m in group)
            s2 += sum((a - ratio * m) ** 2 for a, m in group)
            free += len(group) - 1
        s2 /= free
        unit = s2 / (sum(sizes) / len(sizes)) ** 2
        matched = sum(1 for p in self.there if self.times_matched[p[1]])
        share = windows / (len(line) - length + 1)
        df = max(1, math.floor(self.cycle // length * (self.repeats - 1) * share))
        return unit * length / self.hours + unit * length / matched, df

    def cosines(self, y, n, *, base, post):
        length, count = self.hours, max(2, self.hours // 6)

        def long_run(series):
            total = 0.0
            for j in range(1, count + 1):
                c = [math.sqrt(2 / length) * math.cos(math.pi * j * (t + 0.5) / length) for t in range(length)]
                total += sum(a * e for a, e in zip(c, series, strict=True)) ** 2
            return length * total / count

        matched = [p for p in self.there if self.times_matched[p[1]]]
        v_post = long_run([y[p] - post * n[p] for p in self.after]) / sum(n[p] for p in self.after) ** 2
        days = [[(r, h) for h in range(length)] for r in range(self.repeats)]
        v_base = sum(long_run([y[p] - base * n[p] for p in day]) for day in days) / sum(n[p] for p in matched) ** 2
        v = v_post + v_base
        return v, v**2 / (v_post**2 / count + v_base**2 / (count * self.repeats))

    def independent(self, value, places, repeated):
        """Variance of a ratio of independent weighted calls."""
        places = set(places)
        rows = [
            (self.weight(0, c) * (self.times_matched[c[3]] if repeated else 1), value(c)) for c in self.calls[0] if (c[2], c[3]) in places
        ]
        n, nn = sum(w for w, _ in rows), sum(w * w for w, _ in rows)
        r = sum(w * v for w, v in rows) / n
        return sum(w * w * (v - r) ** 2 for w, v in rows) / n**2 / (1 - nn / n**2)


def an_incident(repeats, cycle, seed):
    """Usable hours with an incident of five hours on the second day."""
    usable = np.ones((repeats, cycle), dtype=bool)
    usable.ravel()[cycle + 3 + seed : cycle + 8 + seed] = False
    return usable


CASES = {
    "seven days, a day": {"repeats": 7, "cycle": 24, "hours": 24},
    "seven days, four hours": {"repeats": 7, "cycle": 24, "hours": 4},
    "three days, a day": {"repeats": 3, "cycle": 24, "hours": 24},
    "longer than the cycle": {"repeats": 5, "cycle": 24, "hours": 30},
    "an incident in the baseline": {"repeats": 5, "cycle": 24, "hours": 6, "usable": an_incident(5, 24, 2)},
    "one day": {"repeats": 1, "cycle": 24, "hours": 24},
    "two days": {"repeats": 2, "cycle": 24, "hours": 13},
    "two weeks": {"repeats": 2, "cycle": 168, "hours": 24},
}


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("name", CASES)
def test_agrees_with_the_double_on_single_calls(name, seed):
    case = CASES[name]
    calls = draw_calls(seed, **{key: case[key] for key in ("repeats", "cycle", "hours")}, provider=1.1, rate=5.0 if case["cycle"] == 168 else 14.0)
    _, index, adjusted = by_product(calls, **case)
    slow = ByRows(calls, **case)
    expected = slow.adjusted()
    comparison, slope = adjusted.comparison, adjusted.slope
    found = {"slope": slope.value, "se": slope.se, "expected": adjusted.expected, "base": comparison.baseline_value,
             "post": comparison.post_value, "variance": comparison.variance, "df": comparison.df, "p": comparison.p_value()}  # fmt: skip
    assert found == pytest.approx(expected, rel=1e-10, abs=1e-10)
    assert slope.value > 0
    assert [index.baseline[place] for place in slow.there] == pytest.approx([slow.index[place] for place in slow.there], rel=1e-10)
    assert list(index.post) == pytest.approx([slow.index[place] for place in slow.after], rel=1e-10)


# ---- by hand ---------------------------------------------------------------------------------------------------------


def flat(ms, *, n=20.0, repeats=7, hours=4, post=1.0, wave=None):
    """A feature of constant latency, times `wave` (one factor an hour of the baseline) and `post` after the deploy."""
    wave = np.ones((repeats, 24)) if wave is None else wave
    before, after = np.full((1, repeats, 24), n), np.full((1, 1, hours), n)

    def arm(n, value):
        return ArmTotals(y=n * value, n=n, yy=n * value * value, yn=n * value, nn=n, usable=np.ones(n.shape[1:], dtype=bool))

    return arm(before, ms * wave[None]), arm(after, np.full((1, 1, hours), ms * post))


@pytest.fixture(name="wave")
def wave_fixture():
    """What every feature shares in the baseline: slow hours of different strength, alike on no two days."""
    return 1 + 0.3 * np.random.default_rng(5).standard_normal((7, 24)).clip(-2, 2)


def test_the_index_is_the_weighted_mean_of_relative_times():
    """20 calls an hour weigh 1 / 1.4 each, 100 calls 1 / 3: (20/1.4 * 1.2 + 100/3 * 1) / (20/1.4 + 100/3) - 1 = .06."""
    quiet, busy = weigh_control("quiet", *flat(500, post=1.2)), weigh_control("busy", *flat(9000, n=100.0))
    index = slowness_index([quiet, busy])
    assert index.post.tolist() == pytest.approx([0.06] * 4)
    assert np.abs(index.baseline).max() < 1e-12
    assert index.movement == pytest.approx(0.06)


def test_what_follows_the_index_is_taken_out_of_both_arms(wave):
    controls = [weigh_control(name, *flat(ms, wave=wave, post=1.25)) for name, ms in (("a", 700.0), ("b", 3000.0))]
    index, target = slowness_index(controls), flat(2000, wave=wave, post=1.25)
    adjusted = compare_adjusted(compare(*target, indicator=False), standardise(*target), index)
    assert adjusted.slope.value == pytest.approx(1.0)
    assert adjusted.comparison.baseline_value == pytest.approx(compare(*target, indicator=False).baseline_value)
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
    index = slowness_index([weigh_control(name, *flat(900.0, wave=1 + (wave - 1) / 10)) for name in "ab"])
    slope = slope_on_index(standardise(*flat(2000, wave=wave)), index)
    assert slope.raw > 3
    assert slope.value == 3


# ---- laws ------------------------------------------------------------------------------------------------------------


def in_other_units(arms, factor):
    return tuple(replace(arm, y=arm.y * factor, yy=arm.yy * factor**2, yn=arm.yn * factor) for arm in arms)


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
    assert slowness_index(controls[::-1]).post == pytest.approx(slowness_index(controls).post, rel=1e-12)


# ---- edges -----------------------------------------------------------------------------------------------------------


def test_controls_without_calls_are_none():
    before, after = flat(500)
    assert weigh_control("silent", before, replace(after, y=after.y * 0, n=after.n * 0, yy=after.yy * 0, yn=after.yn * 0, nn=after.nn * 0)) is None


def test_hours_without_control_calls_take_the_mean_after_the_deploy_and_zero_before(wave):
    before, after = flat(900.0, wave=wave, post=1.25)
    hole_before, hole_after = np.ones((1, 7, 24)), np.ones((1, 1, 4))
    hole_before[0, 2, 5] = hole_after[0, 0, 1] = 0

    def with_hole(arm, hole):
        return replace(arm, **{name: getattr(arm, name) * hole for name in ("y", "n", "yy", "yn", "nn")})

    index = slowness_index([weigh_control("c", with_hole(before, hole_before), with_hole(after, hole_after))])
    assert index.baseline[2, 5] == 0
    assert index.post[1] == pytest.approx(index.post[0])


def test_few_events_and_empty_arms_are_not_adjusted(wave):
    index = slowness_index([weigh_control(name, *flat(900.0, wave=wave)) for name in "ab"])
    rare = ArmTotals.of_events(np.full((1, 7, 24), 0.1), np.full((1, 7, 24), 20.0)), ArmTotals.of_events(np.ones((1, 1, 4)), np.full((1, 1, 4), 20.0))
    assert compare_adjusted(compare(*rare, indicator=True), standardise(*rare), index) is None
    before, after = flat(500)
    nothing = before, replace(after, y=after.y * 0, n=after.n * 0, yy=after.yy * 0, yn=after.yn * 0, nn=after.nn * 0)
    assert compare_adjusted(compare(*nothing, indicator=False), standardise(*nothing), index) is None


# ---- the rule --------------------------------------------------------------------------------------------------------


@pytest.fixture(name="three")
def three_fixture(noisy_arms):
    """Plain, adjusted and proportional of a target that got slower with everyone, and a bit more."""
    target = noisy_arms(7, 24, seed=4, post_factor=1.5)
    index = slowness_index([weigh_control(str(seed), *noisy_arms(7, 24, seed=4, post_factor=1.2)) for seed in (0, 1)])
    plain = compare(*target, indicator=False)
    return plain, compare_adjusted(plain, standardise(*target), index), Proportional(plain, 1.2)


def test_without_controls_the_plain_comparison_answers(three):
    plain, _, _ = three
    alone = guard(plain)
    assert alone.decided_by == "plain"
    assert (alone.p_value(), alone.interval(), alone.post_interval()) == (plain.p_value(), plain.interval(), plain.post_interval())
    assert alone.p_value_against(900.0, alternative="less") == plain.p_value_against(900.0, alternative="less")


def test_untouched_features_that_did_not_move_let_the_adjusted_one_decide(three):
    plain, adjusted, proportional = three
    found = guard(plain, adjusted=adjusted, proportional=proportional, moved=False)
    assert found.decided_by == "adjusted"
    assert (found.difference, found.p_value(scale=1.1)) == (adjusted.comparison.difference, adjusted.comparison.p_value(scale=1.1))
    assert found.crude_difference == plain.crude_difference


@pytest.mark.parametrize("question", [{"scale": 1.0}, {"scale": 0.5}, {"scale": 1.5}, {"limit": 800.0}])
@pytest.mark.parametrize("alternative", ["two-sided", "less", "greater"])
def test_moved_controls_ask_all_three_and_the_largest_p_counts(three, question, alternative):
    plain, adjusted, proportional = three
    found = settle(guard(plain, adjusted=adjusted, proportional=proportional, moved=True), **question, alternative=alternative)
    asked = (plain, adjusted.comparison, proportional)
    if "limit" in question:
        each = [one.p_value_against(question["limit"], alternative=alternative) for one in asked]
    else:
        each = [one.p_value(**question, alternative=alternative) for one in asked]
    assert found.decided_by == "plain, adjusted and proportional"
    assert found.p_value == (1.0 if alternative == "two-sided" and found.signs_differ else max(each))


def test_opposite_signs_decide_nothing(three):
    plain, adjusted, _ = three
    found = guard(plain, adjusted=adjusted, proportional=Proportional(plain, 3.0), moved=True)
    assert found.signs_differ
    assert found.p_value() == 1.0
    low, high = found.interval(0.95)
    assert low < 0 < high


def test_the_interval_excludes_zero_exactly_when_p_is_small(three):
    plain, adjusted, _ = three
    for factor in (1.0, 1.1, 1.2, 1.4, 1.6):
        found = guard(plain, adjusted=adjusted, proportional=Proportional(plain, factor), moved=True)
        low, high = found.interval(0.95)
        assert (low > 0 or high < 0) == (found.p_value() < 0.05)


def test_error_classes_know_only_plain_and_veto(three):
    plain, _, proportional = three
    assert guard(plain, proportional=proportional).decided_by == "plain"
    vetoed = guard(plain, proportional=proportional, moved=True)
    assert vetoed.decided_by == "plain and proportional"
    assert vetoed.p_value() == max(plain.p_value(), proportional.p_value())


def test_a_class_that_was_not_there_before_is_held_against_what_the_pace_alone_would_give():
    before = ArmTotals.of_events(np.zeros((1, 7, 24)), np.full((1, 7, 24), 50.0))
    after = ArmTotals.of_events(np.full((1, 1, 24), 0.5), np.full((1, 1, 24), 50.0))
    plain = compare(before, after, indicator=True)
    assert plain.p_value() < 1e-6
    assert Proportional(plain, 40.0, from_zero=0.012).p_value() > 0.3
    assert Proportional(plain, 1.0, from_zero=0.0).p_value() == plain.p_value()


# ---- screen ----------------------------------------------------------------------------------------------------------


def some_controls(noisy_arms, factors):
    return [weigh_control(str(number), *noisy_arms(7, 24, seed=4 if number < 9 else number, post_factor=factor, calls=30 + number))
            for number, factor in enumerate(factors)]  # fmt: skip


def test_a_touched_control_is_thrown_out(noisy_arms):
    kept, dropped = screen(some_controls(noisy_arms, [1, 1, 1.6, 1, 1]))
    assert dropped == ("2",)
    assert [control.name for control in kept] == ["0", "1", "3", "4"]


def test_at_most_two_go_and_two_stay(noisy_arms):
    assert len(screen(some_controls(noisy_arms, [1, 1, 1, 3, 4, 5, 6, 7]))[1]) == 2
    assert screen(some_controls(noisy_arms, [1, 5]))[1] == ()
    assert len(screen(some_controls(noisy_arms, [1, 1, 5]))[0]) == 2


def test_a_slow_provider_throws_nobody_out(noisy_arms):
    assert screen(some_controls(noisy_arms, [1.25] * 5))[1] == ()


# ---- proportional ----------------------------------------------------------------------------------------------------


def calls_of(latencies, *, timeouts=0, failures=0, cap=np.inf, limit=np.nan):
    """Each latency is one answered call; timeouts lie at the cap."""
    low = np.array([*latencies, cap if np.isfinite(cap) else 0.0, 100.0])
    succeeded = np.array([*np.ones(len(latencies)), 0, 0])
    timed_out = np.array([*np.zeros(len(latencies)), timeouts, 0])
    failed = np.array([*np.zeros(len(latencies)), 0, failures])
    return TimedCalls(low, np.zeros(low.size), succeeded, timed_out, failed, cap_ms=cap, limit_ms=limit)


def test_factors_by_single_calls():
    """Ten answers of 1..10 s, a cap at 10.5 s, two timeouts, one other failure; a quarter slower: 9 and 10 s are cut off."""
    latencies = 1000.0 * np.arange(1, 11)
    calls = [calls_of(latencies, timeouts=2, failures=1, cap=10_500.0, limit=6_000.0)]
    longer = np.minimum(latencies * 1.25, 10_500.0).sum() + 2 * 10_500 + 125
    time = latencies.sum() + 2 * 10_500 + 100
    assert proportional_factor("time", calls, [], movement=0.25) == pytest.approx(longer / time)
    assert proportional_factor("time per success", calls, [], movement=0.25) == pytest.approx(longer / 8 / (time / 10))
    assert proportional_factor("timeouts", calls, [], movement=0.25) == pytest.approx((4 + 0.5) / (2 + 0.5))
    assert proportional_factor("failures", calls, [], movement=0.25) == pytest.approx((5 + 0.5) / (3 + 0.5))
    assert proportional_factor("slower than", calls, [], movement=0.25) == pytest.approx((6 + 3 + 0.5) / (4 + 3 + 0.5))
    restricted = np.minimum(latencies * 1.25, 6000).sum() + 3 * 6000
    assert proportional_factor("restricted time", calls, [], movement=0.25) == pytest.approx(restricted / (np.minimum(latencies, 6000).sum() + 3 * 6000))
    assert proportional_share("timeouts", calls, movement=0.25) == pytest.approx(4 / 13)


@pytest.mark.parametrize("kind", ["time", "restricted time", "time per success", "timeouts", "failures", "slower than"])
def test_a_faster_provider_is_the_inverse_of_slowing_the_post_calls(kind):
    latencies = np.random.default_rng(1).lognormal(8, 0.5, 500).clip(None, 9_999)
    calls = [calls_of(latencies, timeouts=20, cap=10_000.0, limit=6_000.0)]
    slower = proportional_factor(kind, calls, [], movement=0.25)
    assert proportional_factor(kind, [], calls, movement=-0.2) == pytest.approx(1 / slower)
    assert proportional_factor(kind, calls, calls, movement=0.0) == pytest.approx(1.0)
    assert slower > 1


def test_uncapped_times_move_by_the_movement():
    assert proportional_factor("time", [calls_of([100.0, 300.0])], [], movement=0.3) == pytest.approx(1.3)
    assert proportional_factor("time", [], [], movement=0.3) == 1.0


def test_bins_are_spread_evenly():
    """100 calls between 1000 and 1100 ms, slower than 1050: half of them; 2 % slower, those above 1029.4 ms."""
    bins = TimedCalls(np.array([1000.0]), np.array([100.0]), np.array([100.0]), np.zeros(1), np.zeros(1), limit_ms=1050.0)
    assert proportional_factor("slower than", [bins], [], movement=0.02) == pytest.approx((100 * (1 - 29.411764705 / 100) + 0.5) / 50.5)
