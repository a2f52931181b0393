"""The index and the adjustment: by hand, by laws, and against a slow double on single calls.

The double imports nothing of the statistics.
"""

from __future__ import annotations

import math
from collections import defaultdict
from itertools import pairwise

import numpy as np
import pytest
from scipy import stats

from analysis.statistics.comparison import compare
from analysis.statistics.controls.adjustment import compare_adjusted, slope_on_index
from analysis.statistics.controls.index import slowness_index, weight_control
from analysis.statistics.standardisation import standardise
from analysis.statistics.totals import ArmTotals


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


def draw_calls(seed, *, repeats, cycle, hours, features=4, shared=0.8, provider=1.1, rate=14.0):
    """Calls: (feature, stratum, repeat or -1 after the deploy, hour, ms); 0 is the target."""
    rng = np.random.default_rng(seed)
    length = repeats * cycle + hours
    drift = np.zeros((features + 1, length))
    for t in range(1, length):
        drift[:, t] = 0.6 * drift[:, t - 1] + 0.25 * rng.standard_normal(features + 1)
    pace = np.exp(math.sqrt(shared) * drift[features] + math.sqrt(1 - shared) * drift[:features])
    pace[:, repeats * cycle :] *= provider
    calls = []
    for feature in range(features):
        for t in range(length):
            post_hour = t - repeats * cycle
            place = (-1, post_hour) if post_hour >= 0 else (t // cycle, t % cycle)
            for _ in range(rng.poisson(rate * (1 + 0.5 * math.cos(t * math.pi / 12)))):
                stratum = int(rng.integers(2))
                usual_ms = 1000 * (feature + 1) * (1 + stratum)
                noise = math.exp(0.4 * rng.standard_normal())
                ms = float(np.floor(usual_ms * pace[feature, t] * noise))
                calls.append((feature, stratum, *place, ms))
    return calls


def arms_of(calls, feature, *, repeats, cycle, hours, usable=None):
    """The hour sums of one feature."""
    before, after = (np.zeros((5, 2, *shape)) for shape in ((repeats, cycle), (1, hours)))
    for _, stratum, repeat, hour, y in (call for call in calls if call[0] == feature):
        sums, place = (after, (0, hour)) if repeat < 0 else (before, (repeat, hour))
        sums[(slice(None), stratum, *place)] += (y, 1.0, y * y, y, 1.0)
    usable = np.ones((repeats, cycle), dtype=bool) if usable is None else usable
    return ArmTotals(before, usable), ArmTotals(after, np.ones((1, hours), dtype=bool))


class ByRows:
    """The adjusted comparison step by step, on lists of calls and dictionaries of hours."""

    def __init__(self, calls, *, repeats, cycle, hours, usable=None, features=4):
        self.repeats, self.cycle, self.hours = repeats, cycle, hours
        self.there = [
            (r, h) for r in range(repeats) for h in range(cycle) if usable is None or usable[r, h]
        ]
        self.after = [(-1, h) for h in range(hours)]
        self.times_matched = defaultdict(int)
        for h in range(hours):
            self.times_matched[h % cycle] += 1
        keep = set(self.there) | set(self.after)
        self.calls = [
            [c for c in calls if c[0] == f and (c[2], c[3]) in keep] for f in range(features)
        ]
        self.factor = [self.overlap(f) for f in range(features)]
        self.mean = [
            self.total(f, self.there, 4) / self.total(f, self.there) for f in range(features)
        ]
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
            s: (
                w[s] / total / nb[s] * sum(nb[b] for b in both),
                w[s] / total / np_[s] * sum(np_[b] for b in both),
            )
            for s in both
        }

    def weight(self, feature, call):
        return self.factor[feature].get(call[1], (0.0, 0.0))[call[2] < 0]

    def total(self, feature, places, column=None):
        places = set(places)
        return sum(
            self.weight(feature, c) * (1 if column is None else c[column])
            for c in self.calls[feature]
            if (c[2], c[3]) in places
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
                top += sum(
                    n[p] * (self.index[p] - x0) * (y[p] / n[p] / self.mean[0] - 1 - e0)
                    for p in group
                )
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
        nb, npost = (
            sum(n[p] * self.times_matched[p[1]] for p in matched),
            sum(n[p] for p in self.after),
        )
        before = sum(n[p] * self.times_matched[p[1]] * self.index[p] for p in matched) / nb
        dx = sum(n[p] * self.index[p] for p in self.after) / npost - before
        r = self.mean[0]

        def lowered(call):
            return call[4] - b * r * (self.index[call[2], call[3]] - before)

        y = self.per_hour(0, lowered)
        base, post = (
            sum(y[p] * self.times_matched[p[1]] for p in matched) / nb,
            sum(y[p] for p in self.after) / npost,
        )
        v, df = self.variance(y, n, base=base, post=post)
        v = max(
            v,
            sum(
                self.independent(lowered, places, times)
                for places, times in ((self.after, False), (matched, True))
            ),
        )
        v += (se**2 + 0.25**2 * b**2) * (r * dx) ** 2
        p = 2 * stats.t.sf(abs(post - base) / math.sqrt(v), df)
        return {
            "slope": b,
            "se": se,
            "expected": dx,
            "base": base,
            "post": post,
            "variance": v,
            "df": df,
            "p": p,
        }

    def variance(self, y, n, *, base, post):
        length, days = self.hours, self.repeats * self.cycle / 24
        if days < 3 and length >= 7:
            return self.cosines(y, n, base=base, post=post)
        assert days >= 3
        length = 12 if days < 5 and length > 12 else min(length, self.cycle)
        line, there = (
            [(r, h) for r in range(self.repeats) for h in range(self.cycle)],
            set(self.there),
        )
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
                c = [
                    math.sqrt(2 / length) * math.cos(math.pi * j * (t + 0.5) / length)
                    for t in range(length)
                ]
                total += sum(a * e for a, e in zip(c, series, strict=True)) ** 2
            return length * total / count

        matched = [p for p in self.there if self.times_matched[p[1]]]
        v_post = (
            long_run([y[p] - post * n[p] for p in self.after]) / sum(n[p] for p in self.after) ** 2
        )
        days = [[(r, h) for h in range(length)] for r in range(self.repeats)]
        v_base = (
            sum(long_run([y[p] - base * n[p] for p in day]) for day in days)
            / sum(n[p] for p in matched) ** 2
        )
        v = v_post + v_base
        return v, v**2 / (v_post**2 / count + v_base**2 / (count * self.repeats))

    def independent(self, value, places, repeated):
        """Variance of a ratio of independent weighted calls."""
        places = set(places)
        rows = [
            (self.weight(0, c) * (self.times_matched[c[3]] if repeated else 1), value(c))
            for c in self.calls[0]
            if (c[2], c[3]) in places
        ]
        n, nn = sum(w for w, _ in rows), sum(w * w for w, _ in rows)
        r = sum(w * v for w, v in rows) / n
        return sum(w * w * (v - r) ** 2 for w, v in rows) / n**2 / (1 - nn / n**2)


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
    adjusted, slow = adjust(target, index), ByRows(calls, **case)
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
