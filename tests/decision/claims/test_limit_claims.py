"""Claims that something stays as it is: at zero, no worse than before, below a limit."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.decision.claims.evaluation import evaluate_claim
from analysis.statistics.multiplicity import holm
from tests.fixtures.changed_features import FIRST, LAST, LIMIT, SECOND, latency, recovered, state_of
from tests.fixtures.comparators import arm, calls, claim, comparator, expectation, guardrail, plan


def truncated(before, after, *, hours=24, per_hour=20):
    """Truncated answers an hour: a mean before, whole numbers after."""
    drawn = np.random.default_rng(1).poisson(before, 168)
    first = calls(-168, 0, per_hour=per_hour, max_output_tokens=drawn)
    return comparator(
        arm(-168, 0, first),
        arm(0, hours, calls(0, hours, per_hour=per_hour, max_output_tokens=after)),
    )


def one_event(hours=24, *, at=3):
    return (np.arange(hours) == at).astype(int)


def on_the_way(both, said, *, at):
    """One-sided p of harm at the look, and its two-sided bound."""
    found = evaluate_claim(said, both, at.hours)
    return found.p_value(found.harm_side), found.p_harm


# ---- stays_zero ----
ZERO = claim("stays_zero", "max_output_tokens_rate")


@pytest.mark.parametrize(
    ("state", "both", "said", "at"),
    [
        ("met", truncated(0.5, 0), ZERO, LAST),  # 0 of 480 rules out 2.4 %
        ("met", truncated(0, 0), claim("stays_zero", "max_output_tokens_rate", limit=0.01), LAST),
        ("undecided", truncated(0.3, 0, hours=4), ZERO, SECOND),  # 0 of 80 does not rule out 2 %
        ("undecided", truncated(0, 0), ZERO, LAST),  # no limit, and no rate before either
        ("not_met", truncated(0.5, one_event()), ZERO, LAST),
        (
            "not_met",
            truncated(0.5, one_event(4), hours=4),
            ZERO,
            SECOND,
        ),  # at once
        ("not_met", truncated(0.5, 1, hours=1), ZERO, FIRST),  # even among few calls
        ("worse", truncated(0.05, 1), ZERO, LAST),
        ("no_data", truncated(0.5, 0, hours=1), ZERO, FIRST),
    ],
)
def test_stays_zero(state, both, said, at):
    assert state_of(both, said, at) == state


def test_one_event_names_its_hour():
    assert expectation(truncated(0.5, one_event(at=7)), ZERO, at=LAST).event_hour == 7
    assert expectation(truncated(0.5, 0), ZERO, at=LAST).event_hour is None


def test_the_upper_bound_is_the_published_one():
    """Clopper-Pearson, 0 of 2000: .150 %, 0 of 500: .597 % (one-sided 95 %)."""
    for n, limit in ((2000, 0.00150), (500, 0.00598)):
        hours = 20
        both = truncated(0, 0, hours=hours, per_hour=n // hours)
        at = plan(0, windows=(hours,))
        assert (
            state_of(both, claim("stays_zero", "max_output_tokens_rate", limit=limit), at) == "met"
        )
        assert (
            state_of(both, claim("stays_zero", "max_output_tokens_rate", limit=limit - 0.00001), at)
            == "undecided"
        )


def test_bursty_events_of_the_baseline_ask_for_more_calls():
    burst = np.zeros(168, dtype=int)
    burst[[20, 21, 90]] = 15
    steady = np.zeros(168, dtype=int)
    steady[::4] = 1
    steady[:3] += 1
    found = [
        expectation(
            comparator(
                arm(-168, 0, calls(-168, 0, per_hour=20, max_output_tokens=n)),
                arm(0, 24, calls(0, 24, per_hour=20)),
            ),
            ZERO,
            at=LAST,
        )
        for n in (steady, burst)
    ]
    assert [item.evaluation.comparison.baseline_y for item in found] == [45, 45]
    assert [item.state for item in found] == ["met", "undecided"]
    assert found[1].time_to_decision.hours > 24


# ---- no_worse ----
WITHIN = claim("no_worse", "latency_mean", margin=0.1)


@pytest.mark.parametrize(
    ("state", "both", "at"),
    [
        ("met", latency(2000, 2000), LAST),
        ("met", latency(2000, 2060, per_hour=100), LAST),
        ("undecided", latency(2000, 2200, hours=4), SECOND),
        ("worse", latency(2000, 2600), LAST),
        ("no_data", latency(2000, 2600, hours=1, per_hour=10), FIRST),
    ],
)
def test_no_worse(state, both, at):
    assert guardrail(both, WITHIN, at=at).state == state
    assert state_of(both, WITHIN, at) == state


def beyond_but_not_past_the_bound(hours, at, seeds):
    """Harm beyond the margin that is shown one-sided at 5 % and does not cross the bound."""
    for seed in seeds:
        both = latency(2000, 2300, hours=hours, seed=seed)
        one_sided, two_sided = on_the_way(both, WITHIN, at=at)
        if one_sided < 0.05 and holm([two_sided], times=at.times, look=at.look)[0].crossed is False:
            yield both


@pytest.mark.parametrize(
    ("at", "before", "hours", "seeds"), [(SECOND, FIRST, 4, 25), (LAST, SECOND, 24, 40)]
)
def test_a_guardrail_is_not_met_at_two_looks_running_and_not_at_one(at, before, hours, seeds):
    found = list(beyond_but_not_past_the_bound(hours, at, range(seeds)))
    running = [on_the_way(both, WITHIN, at=before)[0] < 0.05 for both in found]
    findings = [guardrail(both, WITHIN, at=at) for both in found]
    for is_running, one in zip(running, findings, strict=True):
        is_acted_on = is_running and not one.burst_hours
        assert one.state == ("not_met" if is_acted_on else "undecided")
    assert set(running) == {True, False}


def test_the_first_look_alone_never_says_not_met():
    for seed in range(10):
        found = guardrail(latency(2000, 2400, hours=1, seed=seed), WITHIN, at=FIRST)
        assert found.state in ("undecided", "met", "worse")


def test_a_drift_inside_the_margin_is_never_worse():
    """2 of 10 % more, with traffic so dense that the drift itself is beyond doubt."""
    rng = np.random.default_rng(0)
    before, after = (rng.normal(mean, 2, n) for mean, n in ((2000, 168), (2080, 24)))
    both = comparator(
        arm(-168, 0, calls(-168, 0, per_hour=1000, latency_ms=before)),
        arm(0, 24, calls(0, 24, per_hour=1000, latency_ms=after)),
    )
    found = guardrail(both, WITHIN, at=LAST)
    assert found.evaluation.comparison.p_value() < 1e-6
    assert found.state == "met"
    assert state_of(both, WITHIN, LAST) == "met"


def test_no_worse_of_a_metric_that_should_stay_up():
    assert (
        state_of(
            recovered(0.6, 0.6, failures=40), claim("no_worse", "recovered_rate", margin=0.3), LAST
        )
        == "met"
    )
    assert (
        state_of(
            recovered(0.6, 0.2, failures=40), claim("no_worse", "recovered_rate", margin=0.3), LAST
        )
        == "worse"
    )


# ---- below ----
@pytest.mark.parametrize(
    ("state", "both", "at"),
    [
        ("met", latency(2000, 2400), LAST),
        ("met", latency(2000, 2400, hours=4), SECOND),
        ("undecided", latency(2000, 2950, hours=4), SECOND),
        ("worse", latency(2000, 3600), LAST),
        ("no_data", latency(2000, 3600, hours=1, per_hour=10), FIRST),
    ],
)
def test_below(state, both, at):
    assert guardrail(both, LIMIT, at=at).state == state


def test_below_is_not_refuted_by_one_look_that_is_not_past_its_bound():
    for seed in range(60):
        both = latency(2000, 3120, seed=seed)
        one_sided, two_sided = on_the_way(both, LIMIT, at=LAST)
        is_earlier = on_the_way(both, LIMIT, at=SECOND)[0] < 0.05
        is_crossed = holm([two_sided], times=LAST.times, look=2)[0].crossed
        if one_sided < 0.05 and not is_crossed and not is_earlier:
            assert guardrail(both, LIMIT, at=LAST).state == "undecided"
            return
    raise AssertionError("no seed lies between the two bounds")


def test_a_limit_is_compared_with_the_calls_as_they_came():
    """All traffic moved to the slow source: each source is as before, the mean is not."""
    before = [
        calls(-168, 0, per_hour=n, source=source, latency_ms=ms)
        for n, source, ms in ((190, "fast", 1000), (10, "slow", 5000))
    ]
    after = [
        calls(0, 24, per_hour=n, source=source, latency_ms=ms)
        for n, source, ms in ((10, "fast", 1000), (190, "slow", 5000))
    ]
    both = comparator(arm(-168, 0, *before), arm(0, 24, *after))
    assert guardrail(both, LIMIT, at=LAST).state == "worse"
    found = guardrail(both, claim("no_worse", "latency_mean", margin=0.1), at=LAST)
    assert found.state == "met"  # the same mix of calls is no slower
    assert found.evaluation.comparison.difference == pytest.approx(0.0)
    assert found.evaluation.comparison.crude_difference == pytest.approx(3600.0)
