"""Laws of findings, whatever the calls: swapped, merged, permuted, with empty hours."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from analysis.counts import HourlyCounts
from analysis.decision.claims.evaluation import evaluate_claim
from analysis.decision.regressions import scan_features
from analysis.results.build_finding import build_finding
from analysis.text import RESULT_WORDS
from tests.fixtures.comparators import (
    any_of,
    arm,
    calls,
    claim,
    comparator,
    expectations,
    guardrail,
    plan,
)

SOURCES, TENANTS = ("s", "r", None), ("t", "u", "v")
CLASSES = ("timeout", "http_5xx", "other")
LOOKS = {1: plan(0), 4: plan(1), 24: plan(2)}
SAID = (
    claim("falls", by=0.5),
    claim("falls"),
    claim("rises", "error_rate", by=0.1),
    claim("stays_zero", "other_rate"),
    claim("stays_zero", "http_5xx_rate", limit=0.02),
    claim("no_worse", "latency_mean", margin=0.1),
    claim("below", "latency_mean", limit=1500),
    claim("falls", "time_per_success"),
    claim("no_worse", "rmst", margin=0.2),
    claim("no_worse", "slower_than_p95", feature="*", margin=0.5),
    claim("no_worse", "calls_per_hour", margin=0.5),
    claim("falls", feature="nobody"),
    claim("below", "error_rate", limit=0.3, source="s"),
    any_of(claim("falls", "http_5xx_rate"), claim("falls", "other_rate")),
)
FEW = settings(max_examples=10, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
"""Without shrinking: an example is a whole rollout, and seconds go into each."""


@st.composite
def stretches(draw, first, last, *, at_most=3):
    """Calls of a few features, sources and tenants, with gaps, bursts and whole failures."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    parts = []
    for number in range(draw(st.integers(1, at_most))):
        mean = draw(st.sampled_from([0.02, 0.5, 3.0, 40.0]))
        per_hour = rng.poisson(mean * rng.gamma(2.0, 0.5, last - first))
        failed = {
            name: rng.binomial(per_hour, draw(st.sampled_from([0.0, 0.01, 0.3, 1.0])) / 3)
            for name in CLASSES
        }
        parts.append(
            calls(
                first,
                last,
                per_hour=per_hour,
                latency_ms=rng.gamma(4.0, draw(st.sampled_from([1, 300])), last - first),
                feature=draw(st.sampled_from(["f", "f", "g"])),
                source=SOURCES[number % 3],
                tenant=draw(st.sampled_from(TENANTS)),
                failed_ms=draw(st.sampled_from([None, 20_000])),
                **failed,
            )
        )
    return pd.concat(parts, ignore_index=True)


@st.composite
def rollouts(draw, *, excluded=True):
    days, hours = draw(st.sampled_from([1, 2, 3, 7])), draw(st.sampled_from(list(LOOKS)))
    out = draw(st.sets(st.integers(-24 * days, -1), max_size=5)) if excluded else ()
    before = arm(-24 * days, 0, draw(stretches(-24 * days, 0)), excluded=sorted(out))
    return comparator(before, arm(0, hours, draw(stretches(0, hours)))), LOOKS[hours]


def objects(both, at):
    found = [
        *expectations(both, *SAID, at=at),
        *(guardrail(both, said, at=at) for said in SAID[3:7]),
        *scan_features(both, at),
    ]
    return [build_finding(item, RESULT_WORDS).as_json() for item in found]


def numbers_in(value):
    if isinstance(value, dict):
        return [number for item in value.values() for number in numbers_in(item)]
    if isinstance(value, list):
        return [number for item in value for number in numbers_in(item)]
    return [value] if isinstance(value, int | float) and not isinstance(value, bool) else []


@FEW
@given(rollouts())
def test_every_number_is_finite_and_every_interval_holds_its_estimate(drawn):
    for found in objects(*drawn):
        json.dumps(found, allow_nan=False)
        assert all(math.isfinite(number) for number in numbers_in(found))
        if found["interval"] is not None:
            low, high = found["interval"]
            assert low <= found["difference"] <= high
        for name in ("p_value", "p_adjusted"):
            assert found[name] is None or 0 <= found[name] <= 1
        assert found["finding"] != "no_data" or found["p_adjusted"] in (None, 1.0)
        assert found["hours_needed"] is None or found["hours_needed"] > 0
        assert not re.search(r"\b(nan|None|inf)\b", found["sentence"])


@FEW
@given(rollouts())
def test_a_value_lies_in_its_own_interval_and_a_one_sided_p_agrees_with_its_bound(drawn):
    both, at = drawn
    for said in (part for whole in SAID for part in whole.parts):
        found = evaluate_claim(said, both, at.hours).comparison
        if found.difference is None:
            continue
        for level in (0.5, 0.95, 0.9999):
            low, high = found.post_interval(level)
            assert low <= found.post_value <= high
            low, high = found.interval(level)
            assert low <= found.difference <= high
        assert found.p_value(alternative="less") + found.p_value(alternative="greater") >= 1 - 1e-9


def shuffled(both, seed=0):
    return _changed(
        both, lambda hourly: HourlyCounts.of(hourly.rows.sample(frac=1.0, random_state=seed))
    )


def split(both, seed=0):
    """Each row's calls given to two tables, which are then added."""

    def halves(hourly):
        rows = hourly.rows
        chosen = np.random.default_rng(seed).random(len(rows)) < 0.5
        return HourlyCounts.of(rows[chosen]) + HourlyCounts.of(rows[~chosen])

    return _changed(both, halves)


def _changed(both, change):
    arms = both.arms
    before, after = (
        replace(side, hourly=change(side.hourly)) for side in (arms.baseline, arms.post)
    )
    return comparator(before, after, user_classes=arms.user_classes)


@pytest.mark.parametrize("change", [shuffled, split])
@FEW
@given(drawn=rollouts())
def test_the_order_of_the_rows_and_how_tables_were_merged_change_nothing(drawn, change):
    both, at = drawn
    assert objects(change(both), at) == objects(both, at)


@FEW
@given(rollouts(excluded=False))
def test_an_hour_without_calls_changes_no_value(drawn):
    """A day without calls before the baseline leaves every value; the reference may weigh days."""
    both, at = drawn
    arms, days = both.arms, both.arms.cycle.repeats
    longer = comparator(
        replace(arms.baseline, hours=(-24 * (days + 1), 0)),
        arms.post,
        user_classes=arms.user_classes,
    )
    for said in SAID:
        for part in said.parts:
            if part.metric == "calls_per_hour":
                continue  # its hours are its calls
            one, other = (
                evaluate_claim(part, either, at.hours).comparison for either in (both, longer)
            )
            assert one.crude_baseline_value == other.crude_baseline_value
            assert (one.difference is None) == (other.difference is None)
            assert one.difference is None or (other.baseline_value, other.post_value) == (
                pytest.approx((one.baseline_value, one.post_value), abs=1e-9)
            )
            assert one.p_value() <= 1


@FEW
@given(st.data(), st.sampled_from([1, 2, 3]))
def test_swapping_the_arms_reverses_every_difference(data, strata):
    """A baseline of one day and a post window of one day, exchanged."""
    first = data.draw(stretches(-24, 0, at_most=strata))
    second = data.draw(stretches(0, 24, at_most=strata))
    # a baseline begins with its first call: both arms have one in their first hour
    first = pd.concat([first, first.head(1).assign(hour=-24)])
    second = pd.concat([second, second.head(1).assign(hour=0)])
    both = comparator(arm(-24, 0, first), arm(0, 24, second))
    swapped = comparator(
        arm(-24, 0, second.assign(hour=second["hour"] - 24)),
        arm(0, 24, first.assign(hour=first["hour"] + 24)),
    )
    for said in (part for whole in SAID for part in whole.parts):
        there, back = (
            evaluate_claim(said, either, (0, 24)).comparison for either in (both, swapped)
        )
        assert (there.difference is None) == (back.difference is None)
        if there.difference is not None:
            scale = max(abs(there.difference), 1e-9)
            assert back.difference == pytest.approx(-there.difference, rel=1e-9, abs=1e-9 * scale)
            assert there.coverage > 0
            assert back.coverage > 0
        assert there.crude_post_value == back.crude_baseline_value


@FEW
@given(rollouts(), st.sampled_from([2, 5]))
def test_findings_do_not_depend_on_the_names_of_sources_and_tenants(drawn, seed):
    both, at = drawn

    def renamed(hourly):
        rows = hourly.rows
        names = {"t": f"z{seed}", "u": "a", "v": "m"}
        return HourlyCounts.of(
            rows.assign(
                tenant=rows["tenant"].map(names),
                source=rows["source"].map({"s": "y", "r": "x"}, na_action="ignore"),
            )
        )

    other = _changed(both, renamed)
    for said in SAID[:3]:
        one, two = (evaluate_claim(said, either, at.hours).comparison for either in (both, other))
        assert (one.difference is None) == (two.difference is None)
        assert one.difference is None or two.difference == pytest.approx(
            one.difference, rel=1e-9, abs=1e-12
        )
        assert two.p_value() == pytest.approx(one.p_value(), rel=1e-6, abs=1e-12)
